"""Images: pushed with true digests, found by tag or digest, deleted.

An image's digest is sha256 of its manifest's bytes. A tag belongs to one image of a repository. Where it may move, the
image it leaves stays, without it. Image indexes (several platforms) refer to images of the same repository.

Sources: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/ with the pages API_PutImage.html,
API_BatchGetImage.html,
API_BatchDeleteImage.html ("When you remove the last tag from an image, the image is deleted"), API_ImageFailure.html,
API_ImageDetail.html; https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html; the forms of
manifests: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html; events:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from moto.ecr.exceptions import ImageAlreadyExistsException
from moto.ecr.models import Image

from labkit.sandbox import current
from labkit.sandbox.announce import announce
from labkit.sandbox.fleet.images import digest_of
from labkit.sandbox.services import _ecr_layers as layers
from labkit.sandbox.services._ecr_errors import invalid, refused

SINGLE: Final = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
LISTS: Final = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
_OLD: Final = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST: Final = re.compile(r"[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+")
_MANIFEST: Final = "ImageManifest"

Params = Mapping[str, Any]


# -- pushing -------------------------------------------------------------------------------------------


def put(repository: Any, params: Params) -> Image:
    """PutImage. Raises AWS's error; what it says is in force when it returns."""
    text, tag = params["imageManifest"], params.get("imageTag")
    manifest, kind = _read(text, params.get("imageManifestMediaType"))
    if tag is not None and not _TAG.fullmatch(tag):
        raise invalid("imageTag", f"must satisfy regular expression '{_TAG.pattern}'")
    digest = digest_of(text.encode())
    asked = params.get("imageDigest")
    if asked and asked != digest:
        raise refused(
            "ImageDigestDoesNotMatchException",
            f"The image digest '{asked}' does not match the digest '{digest}' that was calculated for the image.",
        )
    _check_parts(repository, manifest, kind)
    image = by_digest(repository, digest)
    holder = by_tag(repository, tag) if tag is not None else None
    if image is not None and (tag is None or image is holder):
        raise ImageAlreadyExistsException(
            registry_id=repository.registry_id, image_tag=tag or "null", digest=digest, repository_name=repository.name
        )  # fmt: skip
    if holder is not None and tag is not None and is_immutable(repository, tag):
        raise refused(
            "ImageTagAlreadyExistsException",
            f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be overwritten "
            "because the tag is immutable.",
        )
    if holder is not None:
        holder.remove_tag(tag)
    if image is None:
        image = Image(repository.account_id, tag, text, repository.name, kind, digest, repository.registry_id)
        repository.images.append(image)
    else:
        image.update_tag(tag)
    tell(repository, digest, tag, "PUSH")
    return image


def _read(text: str, given: str | None) -> tuple[dict[str, Any], str]:
    try:
        manifest = json.loads(text)
    except ValueError:
        raise invalid(_MANIFEST, "Invalid JSON syntax") from None
    if not isinstance(manifest, dict):
        raise invalid(_MANIFEST, "Invalid image manifest: it is no JSON object")
    inside = manifest.get("mediaType")
    if given and inside and given != inside:
        raise invalid("imageManifestMediaType", f"it is '{given}', and the manifest says '{inside}'")
    kind = given or inside
    if not kind:
        raise refused(
            "InvalidParameterException", "image manifest mediatype not provided in manifest or parameter"
        )
    if kind in _OLD:
        raise invalid(
            _MANIFEST, "This lab does not simulate manifests of Docker's schema 1. Push schema 2 or OCI"
        )
    if kind not in (*SINGLE, *LISTS):
        raise invalid("imageManifestMediaType", f"'{kind}' is no media type of an image manifest")
    if manifest.get("schemaVersion") != 2:
        raise invalid(_MANIFEST, "Invalid image manifest: schemaVersion must be 2")
    return manifest, kind


def _check_parts(repository: Any, manifest: dict[str, Any], kind: str) -> None:
    """Whatever a manifest refers to must be in the repository."""
    if kind in LISTS:
        inner = _digests(manifest.get("manifests"), "manifests")
        missing = [one for one in inner if by_digest(repository, one) is None]
        code, what = "ReferencedImagesNotFoundException", "Images"
    else:
        parts = _digests([manifest.get("config")], "config") + _digests(manifest.get("layers"), "layers")
        missing = [one for one in parts if one not in layers.kept(repository)]
        code, what = "LayersNotFoundException", "Layers"
    if missing:
        raise refused(
            code,
            f"{what} with digests '[{', '.join(missing)}]' required for pushing image into repository with name "
            f"'{repository.name}' in the registry with id '{repository.registry_id}' do not exist",
        )


def _digests(parts: Any, name: str) -> list[str]:
    good = isinstance(parts, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("digest"), str)
        and layers.DIGEST.fullmatch(one["digest"])
        and isinstance(one.get("size"), int)
        for one in parts
    )
    if not good:
        raise invalid(_MANIFEST, f"Invalid image manifest: {name} must have mediaType, size and digest")
    return [one["digest"] for one in parts]


def is_immutable(repository: Any, tag: str) -> bool:
    """Whether a tag that is there stays where it is. Exclusion filters turn the setting round; `*` is any text."""
    setting = str(getattr(repository.image_tag_mutability, "value", repository.image_tag_mutability))
    excluded = any(
        re.fullmatch(re.escape(one["filter"]).replace(r"\*", ".*"), tag)
        for one in repository.image_tag_mutability_exclusion_filters or ()
    )
    return setting.startswith("IMMUTABLE") != (excluded and setting.endswith("_WITH_EXCLUSION"))


# -- finding -------------------------------------------------------------------------------------------


def by_digest(repository: Any, digest: str) -> Any:
    return next((one for one in repository.images if one.get_image_digest() == digest), None)


def by_tag(repository: Any, tag: str) -> Any:
    return next((one for one in repository.images if tag in one.image_tags), None)


def find(repository: Any, wanted: Params) -> tuple[Any, str, str]:
    """The image of an identifier; without one, a failure's code and reason."""
    tag, digest = wanted.get("imageTag"), wanted.get("imageDigest")
    if tag is None and digest is None:
        return (
            None,
            "MissingDigestAndTag",
            "Invalid request parameters: both tag and digest cannot be null",
        )
    if digest is not None and not _DIGEST.fullmatch(digest):
        reason = "image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
        return None, "InvalidImageDigest", f"Invalid request parameters: {reason}"
    if tag is not None and not _TAG.fullmatch(tag):
        return (
            None,
            "InvalidImageTag",
            f"Invalid request parameters: image tag should satisfy the regex '{_TAG.pattern}'",
        )
    image = by_tag(repository, tag) if tag is not None else by_digest(repository, digest or "")
    if image is not None and digest is not None and image.get_image_digest() != digest:
        if by_digest(repository, digest) is not None:
            return None, "ImageTagDoesNotMatchDigest", "The tag in the request belongs to another image"
        image = None
    if image is None:
        return None, "ImageNotFound", "Requested image not found"
    return image, "", ""


def need(repository: Any, wanted: Params) -> Any:
    """The image of an identifier. Raises AWS's error when there is none."""
    image, code, reason = find(repository, wanted)
    if code == "ImageNotFound" or code == "ImageTagDoesNotMatchDigest":
        digest, tag = wanted.get("imageDigest") or "null", wanted.get("imageTag") or "null"
        raise refused(
            "ImageNotFoundException",
            f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
            f"repository with name '{repository.name}' in the registry with id '{repository.registry_id}'",
        )
    if image is None:
        raise refused("InvalidParameterException", reason)
    return image


def get(repository: Any, wanted: Iterable[Params]) -> dict[str, Any]:
    """BatchGetImage."""
    found: dict[str, Any] = {"images": [], "failures": []}
    for one in wanted:
        image, code, reason = find(repository, one)
        if image is None:
            found["failures"].append({"imageId": dict(one), "failureCode": code, "failureReason": reason})
            continue
        id_ = {"imageDigest": image.get_image_digest()}
        if one.get("imageTag"):
            id_["imageTag"] = one["imageTag"]
        found["images"].append(
            {
                "registryId": repository.registry_id, "repositoryName": repository.name, "imageId": id_,
                "imageManifest": image.image_manifest, "imageManifestMediaType": image.image_manifest_media_type,
            }
        )  # fmt: skip
    return found


def described(repository: Any, image: Any) -> dict[str, Any]:
    """One image as DescribeImages tells of it."""
    detail: dict[str, Any] = {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageDigest": image.get_image_digest(),
        "imageSizeInBytes": size(repository, image),
        "imagePushedAt": image.image_pushed_at,
        "imageManifestMediaType": image.image_manifest_media_type,
        "imageStatus": "ACTIVE",
    }
    if image.image_tags:
        detail["imageTags"] = list(image.image_tags)
    manifest = json.loads(image.image_manifest)
    if artifact := manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType"):
        detail["artifactMediaType"] = artifact
    if pulled := vars(image).get("labkit_pulled"):
        detail["lastRecordedPullTime"] = pulled
    if scan := vars(image).get("labkit_scan"):
        detail["imageScanStatus"] = {"status": scan["status"], "description": scan["description"]}
        if scan["status"] == "COMPLETE":
            detail["imageScanFindingsSummary"] = {
                "imageScanCompletedAt": scan["completed"],
                "vulnerabilitySourceUpdatedAt": scan["source"],
                "findingSeverityCounts": scan["counts"],
            }
    return detail


def size(repository: Any, image: Any) -> int:
    """Bytes of configuration and layers; of an index, the largest of its images."""
    manifest = json.loads(image.image_manifest)
    if image.image_manifest_media_type in LISTS:
        inner = [by_digest(repository, one["digest"]) for one in manifest["manifests"]]
        return max((size(repository, one) for one in inner if one is not None), default=0)
    return int(sum(one["size"] for one in [manifest["config"], *manifest["layers"]]))


# -- deleting ------------------------------------------------------------------------------------------


def delete(repository: Any, wanted: Iterable[Params]) -> dict[str, Any]:
    """BatchDeleteImage: by tag the tag goes, with the last tag the image; by digest the image with all its tags."""
    done: dict[str, Any] = {"imageIds": [], "failures": []}
    for one in wanted:
        image, code, reason = find(repository, one)
        if image is not None and _referrer(repository, image, one) is not None:
            index = _referrer(repository, image, one)
            image, code = None, "ImageReferencedByManifestList"
            reason = f"Requested image referenced by manifest list: [{index.get_image_digest()}]"
        if image is None:
            done["failures"].append({"imageId": dict(one), "failureCode": code, "failureReason": reason})
        else:
            done["imageIds"] += remove(repository, image, None if "imageDigest" in one else one["imageTag"])
    return done


def _referrer(repository: Any, image: Any, wanted: Params) -> Any:
    if "imageDigest" not in wanted and len(image.image_tags) > 1:
        return None  # only one of its tags goes
    digest = image.get_image_digest()
    return next(
        (
            one
            for one in repository.images
            if one.image_manifest_media_type in LISTS and digest in one.image_manifest
        ),
        None,
    )


def remove(repository: Any, image: Any, tag: str | None = None) -> list[dict[str, str]]:
    """Take a tag from an image, or the whole image away. Gives the identifiers that are no more."""
    digest = image.get_image_digest()
    gone = [tag] if tag is not None else list(image.image_tags)
    for one in gone:
        image.remove_tag(one)
    if not image.image_tags:
        repository.images.remove(image)
    for one in gone or [None]:
        tell(repository, digest, one, "DELETE")
    return [
        {"imageDigest": digest, "imageTag": one} if one else {"imageDigest": digest} for one in gone or [None]
    ]


# -- telling -------------------------------------------------------------------------------------------


def tell(repository: Any, digest: str, tag: str | None, action: str) -> None:
    """A change of images: in the trace, on the event bus, and to whoever waits."""
    sandbox = current()
    detail = {
        "result": "SUCCESS",
        "repository-name": repository.name,
        "image-digest": digest,
        "action-type": action,
    }
    if tag is not None:
        detail["image-tag"] = tag
    name = "ImagePushed" if action == "PUSH" else "ImageDeleted"
    about = {"imageDigest": digest, "imageTag": tag or ""}
    sandbox.trace.record("state", "ecr", name, resource=repository.arn, params=about)
    announce(
        "aws.ecr", "ECR Image Action", detail, account=repository.registry_id, region=repository.region_name
    )
    sandbox.changed()
