"""ECR: digests are true, tags obey their repository, and every failure has AWS's code."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.enforced import outcome, refusal

if TYPE_CHECKING:
    from tests.sandbox.registry.conftest import Registry


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_an_images_digest_is_sha256_of_its_manifest_and_its_layer_holds_the_program(
    registry: Registry,
) -> None:
    digest = registry.push("web")
    got = registry.ecr.batch_get_image(repositoryName="user", imageIds=[{"imageTag": "1.0"}])["images"][0]
    assert got["imageId"] == {"imageDigest": digest, "imageTag": "1.0"}
    assert sha(got["imageManifest"].encode()) == digest
    layer = json.loads(got["imageManifest"])["layers"][0]["digest"]
    url = registry.ecr.get_download_url_for_layer(repositoryName="user", layerDigest=layer)["downloadUrl"]
    content = urllib.request.urlopen(url).read()
    assert sha(content) == layer
    assert b"Orchard Market" in content


def test_the_same_program_has_the_same_digest_and_another_version_another(registry: Registry) -> None:
    first = registry.push("web")
    registry.make("elsewhere")
    assert registry.push("web", to="elsewhere") == first
    assert registry.push("web", "2.0", version="2.0") != first


def test_a_tag_moves_and_the_image_it_left_stays_without_it(registry: Registry) -> None:
    old, new = registry.push("web"), registry.push("web", version="2.0")
    assert registry.tags() == {old: [], new: ["1.0"]}
    listed = registry.ecr.list_images(repositoryName="user", filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert listed == [{"imageDigest": old}]
    pinned = registry.ecr.batch_get_image(repositoryName="user", imageIds=[{"imageDigest": old}])
    assert not pinned["failures"]


def test_one_image_has_several_tags(registry: Registry) -> None:
    digest = registry.push("web", "1.0")
    registry.push("web", "latest")
    assert registry.tags() == {digest: ["1.0", "latest"]}


def test_the_same_manifest_with_the_same_tag_exists_already(registry: Registry) -> None:
    digest = registry.push("web")
    manifest = registry.ecr.batch_get_image(repositoryName="user", imageIds=[{"imageTag": "1.0"}])["images"][
        0
    ]
    code, message = refusal(
        registry.ecr.put_image, repositoryName="user", imageManifest=manifest["imageManifest"], imageTag="1.0"
    )
    assert code == "ImageAlreadyExistsException"
    assert f"Image with digest '{digest}' and tag '1.0' already exists" in message


def test_immutable_tags_stay_where_they_are(registry: Registry) -> None:
    registry.make("fixed", imageTagMutability="IMMUTABLE")
    first = registry.push("web", to="fixed")
    code, message = refusal(registry.push, program="web", to="fixed", version="2.0")
    assert code == "ImageTagAlreadyExistsException"
    assert message == (
        "The image tag '1.0' already exists in the 'fixed' repository and cannot be overwritten because the tag is "
        "immutable."
    )
    assert registry.tags("fixed") == {first: ["1.0"]}


@pytest.mark.parametrize(
    ("setting", "tag", "answer"),
    [
        ("IMMUTABLE_WITH_EXCLUSION", "dev-1", "ok"),
        ("IMMUTABLE_WITH_EXCLUSION", "1.0", "ImageTagAlreadyExistsException"),
        ("MUTABLE_WITH_EXCLUSION", "dev-1", "ImageTagAlreadyExistsException"),
        ("MUTABLE_WITH_EXCLUSION", "1.0", "ok"),
        ("MUTABLE_WITH_EXCLUSION", "a-dev-1", "ok"),
    ],
)
def test_exclusions_turn_the_setting_round(registry: Registry, setting: str, tag: str, answer: str) -> None:
    filters = [{"filterType": "WILDCARD", "filter": "dev-*"}]
    registry.make("some", imageTagMutability=setting, imageTagMutabilityExclusionFilters=filters)
    registry.push("web", tag, to="some")
    assert outcome(registry.push, program="web", tag=tag, to="some", version="2.0") == answer


def test_layers_that_are_not_there_are_named(registry: Registry) -> None:
    registry.upload(b"{}")
    code, message = refusal(
        registry.ecr.put_image,
        repositoryName="user",
        imageManifest=registry.manifest(b"missing"),
        imageTag="1",
    )
    assert code == "LayersNotFoundException"
    assert sha(b"missing") in message
    registry.upload(b"missing")
    assert outcome(
        registry.ecr.put_image, repositoryName="user", imageManifest=registry.manifest(b"missing"), imageTag="1"
    ) == "ok"  # fmt: skip


def test_a_layer_must_be_what_its_digest_says(registry: Registry) -> None:
    assert outcome(registry.upload, content=b"one", digest=sha(b"two")) == "InvalidLayerException"
    registry.upload(b"one")
    assert outcome(registry.upload, content=b"one") == "LayerAlreadyExistsException"
    found = registry.ecr.batch_check_layer_availability(
        repositoryName="user", layerDigests=[sha(b"one"), sha(b"two"), "junk"]
    )
    assert [one["layerSize"] for one in found["layers"]] == [3]
    assert [one["failureCode"] for one in found["failures"]] == ["MissingLayerDigest", "InvalidLayerDigest"]


def test_parts_of_an_upload_follow_each_other_and_are_large(registry: Registry) -> None:
    upload = registry.ecr.initiate_layer_upload(repositoryName="user")["uploadId"]
    whole: dict[str, Any] = {"repositoryName": "user", "uploadId": upload}
    assert (
        outcome(registry.ecr.complete_layer_upload, **whole, layerDigests=[sha(b"")])
        == "EmptyUploadException"
    )
    part = registry.ecr.upload_layer_part
    assert part(**whole, partFirstByte=0, partLastByte=1, layerPartBlob=b"ab")["lastByteReceived"] == 1
    late: dict[str, Any] = {"partFirstByte": 5, "partLastByte": 5, "layerPartBlob": b"f"}
    assert outcome(part, **whole, **late) == "InvalidLayerPartException"
    part(**whole, partFirstByte=2, partLastByte=2, layerPartBlob=b"c")
    code = outcome(registry.ecr.complete_layer_upload, **whole, layerDigests=[sha(b"abc")])
    assert code == "LayerPartTooSmallException"
    whole["uploadId"] = "nobody"
    assert (
        outcome(registry.ecr.complete_layer_upload, **whole, layerDigests=[sha(b"abc")])
        == "UploadNotFoundException"
    )


@pytest.mark.parametrize(
    "manifest",
    [
        "no json", "[]", "{}", '{"mediaType": "text/plain", "schemaVersion": 2}',
        '{"mediaType": "application/vnd.oci.image.manifest.v1+json", "schemaVersion": 1}',
        '{"mediaType": "application/vnd.oci.image.manifest.v1+json", "schemaVersion": 2, "layers": []}',
        '{"mediaType": "application/vnd.oci.image.index.v1+json", "schemaVersion": 2, "manifests": "x"}',
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(registry: Registry, manifest: str) -> None:
    answer = outcome(registry.ecr.put_image, repositoryName="user", imageManifest=manifest, imageTag="1")
    assert answer == "InvalidParameterException"


def test_other_parameters_that_are_wrong(registry: Registry) -> None:
    registry.upload(b"{}")
    put, good = registry.ecr.put_image, registry.manifest()
    assert outcome(put, repositoryName="nobody", imageManifest=good) == "RepositoryNotFoundException"
    assert (
        outcome(put, repositoryName="user", imageManifest=good, imageTag="a b") == "InvalidParameterException"
    )
    wrong = outcome(put, repositoryName="user", imageManifest=good, imageDigest=sha(b"no"))
    assert wrong == "ImageDigestDoesNotMatchException"
    assert outcome(put, repositoryName="user", imageManifest=good, imageDigest=sha(good.encode())) == "ok"


def test_failures_have_awss_codes(registry: Registry) -> None:
    one, two = registry.push("web", "1"), registry.push("web", "2", version="2.0")
    asked = [
        {"imageTag": "1", "imageDigest": two}, {"imageTag": "9"}, {"imageDigest": sha(b"")}, {"imageDigest": "junk"},
        {}, {"imageTag": "1", "imageDigest": one},
    ]  # fmt: skip
    codes = [
        "ImageTagDoesNotMatchDigest", "ImageNotFound", "ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag",
    ]  # fmt: skip
    found = registry.ecr.batch_get_image(repositoryName="user", imageIds=asked)
    assert [one["failureCode"] for one in found["failures"]] == codes
    assert len(found["images"]) == 1
    gone = registry.ecr.batch_delete_image(repositoryName="user", imageIds=asked)
    assert [one["failureCode"] for one in gone["failures"]] == codes
    assert registry.tags() == {two: ["2"]}
    missing = refusal(registry.ecr.describe_images, repositoryName="user", imageIds=[{"imageTag": "9"}])
    assert missing[0] == "ImageNotFoundException"
    assert "imageTag:'9'" in missing[1]


def test_with_its_last_tag_an_image_goes(registry: Registry) -> None:
    digest = registry.push("web", "1")
    registry.push("web", "2")
    delete = registry.ecr.batch_delete_image
    assert delete(repositoryName="user", imageIds=[{"imageTag": "1"}])["imageIds"] == [
        {"imageDigest": digest, "imageTag": "1"}
    ]
    assert registry.tags() == {digest: ["2"]}
    delete(repositoryName="user", imageIds=[{"imageTag": "2"}])
    assert registry.tags() == {}


def test_an_index_needs_its_images_and_keeps_them(registry: Registry) -> None:
    kind = "application/vnd.oci.image.index.v1+json"
    digest = registry.push("web", None)
    entry = {"mediaType": "x", "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
    whole = {"schemaVersion": 2, "mediaType": kind}
    lost = json.dumps({**whole, "manifests": [{**entry, "digest": sha(b"lost")}]})
    put = registry.ecr.put_image
    code = outcome(put, repositoryName="user", imageManifest=lost, imageTag="all")
    assert code == "ReferencedImagesNotFoundException"
    index = json.dumps({**whole, "manifests": [{**entry, "digest": digest}]})
    put(repositoryName="user", imageManifest=index, imageTag="all")
    gone = registry.ecr.batch_delete_image(repositoryName="user", imageIds=[{"imageDigest": digest}])
    assert gone["failures"][0]["failureCode"] == "ImageReferencedByManifestList"


def test_results_come_in_pages(registry: Registry) -> None:
    for number in range(5):
        registry.push("web", f"v{number}", version=str(number))
    pages = registry.ecr.get_paginator("list_images").paginate(
        repositoryName="user", PaginationConfig={"PageSize": 2}
    )
    sizes = [len(page["imageIds"]) for page in pages]
    assert sizes == [2, 2, 1]
    bad = outcome(registry.ecr.list_images, repositoryName="user", nextToken="junk!")
    assert bad == "InvalidParameterException"


def test_a_token_holds_for_twelve_hours(registry: Registry) -> None:
    given = registry.ecr.get_authorization_token()["authorizationData"][0]
    assert given["proxyEndpoint"] == "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    left = given["expiresAt"].timestamp() - registry.sandbox.clock.time()
    assert 12 * 3600 - 2 <= left <= 12 * 3600


def test_a_layer_that_no_image_names_cannot_be_downloaded(registry: Registry) -> None:
    registry.upload(b"alone")
    url = registry.ecr.get_download_url_for_layer
    assert outcome(url, repositoryName="user", layerDigest=sha(b"alone")) == "LayerInaccessibleException"
    assert outcome(url, repositoryName="user", layerDigest=sha(b"other")) == "LayersNotFoundException"


def test_a_snapshot_in_the_middle_of_an_upload(registry: Registry, sandbox: Sandbox) -> None:
    digest = registry.push("web")
    upload = registry.ecr.initiate_layer_upload(repositoryName="user")["uploadId"]
    part: dict[str, Any] = {
        "repositoryName": "user",
        "uploadId": upload,
        "partFirstByte": 0,
        "partLastByte": 2,
    }
    registry.ecr.upload_layer_part(**part, layerPartBlob=b"abc")
    kept = sandbox.snapshot()
    registry.ecr.delete_repository(repositoryName="user", force=True)
    sandbox.restore(kept)
    done = {"repositoryName": "user", "uploadId": upload, "layerDigests": [sha(b"abc")]}
    assert registry.ecr.complete_layer_upload(**done)["layerDigest"] == sha(b"abc")
    assert registry.tags() == {digest: ["1.0"]}


def test_looking_changes_nothing(registry: Registry, sandbox: Sandbox) -> None:
    registry.push("web")
    before = sandbox.digest()
    registry.tags()
    registry.ecr.batch_get_image(repositoryName="user", imageIds=[{"imageTag": "1.0"}])
    registry.ecr.get_authorization_token()
    assert sandbox.digest() == before


def test_another_region_has_other_repositories(registry: Registry) -> None:
    other = boto3.client("ecr", region_name="us-east-1")
    assert other.describe_repositories()["repositories"] == []
