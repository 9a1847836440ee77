"""Pulls: an image's name, the role's rights, and what ECS writes when it cannot pull."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.pulls import CannotPull, Pulled, pull
from labkit.sandbox.services._ecr_pull import Reference
from labkit.workload.pushing import push
from tests.sandbox.enforced import allow, deny, outcome, user

if TYPE_CHECKING:
    from tests.sandbox.registry.conftest import Registry

HERE, REGION, OTHER = "123456789012", "eu-west-1", "999999999999"
PULLS = ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def got(image: str, role: str = "", **more: Any) -> Pulled:
    return pull(image, role, HERE, REGION, **more)


def said(image: str, role: str = "", **more: Any) -> str:
    with pytest.raises(CannotPull) as caught:
        got(image, role, **more)
    return str(caught.value)


def test_a_role_with_three_rights_pulls_by_tag_and_digest(registry: Registry) -> None:
    role = registry.role(allow(list(PULLS)))
    digest = registry.push("web", "1.0")
    for name in (f"{registry.uri}:1.0", f"{registry.uri}@{digest}", f"{registry.uri}:1.0@{digest}"):
        pulled = got(name, role)
        assert pulled.digest == digest
        assert "Orchard Market" in pulled.source
        assert pulled.size_bytes == 44_000_000


def test_a_digest_stays_when_its_tag_moves(registry: Registry) -> None:
    role = registry.role(allow("ecr:*"))
    old = registry.push("web", "1.0")
    new = registry.push("web", "1.0", version="2.0")
    assert got(f"{registry.uri}:1.0", role).digest == new
    assert got(f"{registry.uri}:1.0@{old}", role).digest == old


def test_what_is_not_there_is_not_found(registry: Registry) -> None:
    role = registry.role(allow("ecr:*"))
    start = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
    for name in (f"{registry.uri}:9", f"{registry.uri}s:1"):
        assert said(name, role) == f"{start}{name}: {name}: not found"
    assert said(registry.uri, role).endswith(f"{registry.uri}:latest: not found")


def test_without_a_token_the_task_cannot_be_initialized(registry: Registry) -> None:
    registry.push("web")
    role = registry.role(allow(list(PULLS[1:])))
    text = said(f"{registry.uri}:1.0", role, session="0123abcd")
    assert text.startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve ecr registry auth: service call has been retried 1 time(s): "
    )
    assert text.endswith(
        "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/execution/0123abcd is not authorized to "
        "perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the "
        "ecr:GetAuthorizationToken action"
    )
    assert said(f"{registry.uri}:1.0").startswith("ResourceInitializationError: ")
    assert said(f"{registry.uri}:1.0", f"arn:aws:iam::{HERE}:role/gone").startswith(
        "ResourceInitializationError: "
    )


@pytest.mark.parametrize(
    ("missing", "end"),
    [
        ("ecr:BatchGetImage", "failed with status code [manifests 1.0]: 403 Forbidden"),
        ("ecr:GetDownloadUrlForLayer", ": 403 Forbidden"),
    ],
)
def test_each_right_is_asked_for(registry: Registry, missing: str, end: str) -> None:
    registry.push("web")
    role = registry.role(allow([one for one in PULLS if one != missing]))
    text = said(f"{registry.uri}:1.0", role)
    assert text.startswith("CannotPullContainerError: ")
    assert text.endswith(end)
    calls = registry.sandbox.trace.where(service="ecr", action=missing.partition(":")[2])
    refused = next(one for one in calls if one.error)
    assert (refused.error, refused.caller) == ("AccessDeniedException", "assumed-role/execution/ecs")


def test_a_repository_policy_can_forbid(registry: Registry) -> None:
    registry.push("web")
    role = registry.role(allow("ecr:*"))
    statement = {"Effect": "Deny", "Principal": {"AWS": role}, "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    registry.ecr.set_repository_policy(repositoryName="user", policyText=text)
    assert "403 Forbidden" in said(f"{registry.uri}:1.0", role)


def test_another_accounts_image_needs_both_policies(sandbox: Sandbox, registry: Registry) -> None:
    theirs = boto3.client("ecr", aws_access_key_id=OTHER, aws_secret_access_key="x")
    uri = theirs.create_repository(repositoryName="shared")["repository"]["repositoryUri"]
    assert uri.startswith(OTHER)
    push(lambda region: theirs, "web", "shared", "1.0")
    role = registry.role(allow(list(PULLS)))
    assert "403 Forbidden" in said(f"{uri}:1.0", role)
    read: dict[str, Any] = {"repositoryName": "shared", "registryId": OTHER}
    assert outcome(registry.ecr.list_images, **read) == "AccessDeniedException"
    statement = {"Effect": "Allow", "Principal": {"AWS": HERE}, "Action": ["ecr:*"]}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    theirs.set_repository_policy(repositoryName="shared", policyText=text)
    assert "Orchard Market" in got(f"{uri}:1.0", role).source
    assert len(registry.ecr.list_images(**read)["imageIds"]) == 1


def test_people_need_rights_too(registry: Registry) -> None:
    registry.push("web")
    arn = registry.made["repositoryArn"]
    reader = boto3.client("ecr", **user("reader", allow(["ecr:BatchGetImage", "ecr:ListImages"], arn)))
    assert outcome(reader.list_images, repositoryName="user") == "ok"
    assert outcome(reader.batch_get_image, repositoryName="user", imageIds=[{"imageTag": "1.0"}]) == "ok"
    assert outcome(reader.initiate_layer_upload, repositoryName="user") == "AccessDeniedException"
    assert outcome(reader.get_authorization_token) == "AccessDeniedException"
    assert outcome(reader.describe_repositories, repositoryNames=["user"]) == "AccessDeniedException"
    denied = boto3.client("ecr", **user("denied", allow("ecr:*"), deny("ecr:PutImage")))
    assert outcome(denied.put_image, repositoryName="user", imageManifest="{}") == "AccessDeniedException"
    tagged = allow("ecr:ListImages", Condition={"StringEquals": {"aws:ResourceTag/team": "shop"}})
    shop = boto3.client("ecr", **user("shop", tagged))
    assert outcome(shop.list_images, repositoryName="user") == "AccessDeniedException"
    registry.ecr.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "shop"}])
    assert outcome(shop.list_images, repositoryName="user") == "ok"


@pytest.mark.parametrize("name", ["nginx", "nginx:latest", "library/nginx", "docker.io/library/nginx:1.29"])
def test_docker_hub_needs_no_role(sandbox: Sandbox, name: str) -> None:
    assert "not nginx itself" in got(name).source


def test_public_registries_answer_for_what_they_have(sandbox: Sandbox) -> None:
    assert got("public.ecr.aws/nginx/nginx:latest").digest == got("nginx").digest
    assert got(f"nginx@{got('nginx').digest}").source
    assert said("nginx:0.1").endswith("docker.io/library/nginx:0.1: docker.io/library/nginx:0.1: not found")
    assert said("orchard/user").endswith(
        "failed to resolve ref docker.io/orchard/user:latest: pull access denied, repository does not exist or may "
        "require authorization: server message: insufficient_scope: authorization failed"
    )
    assert said("public.ecr.aws/x/y:1").endswith("public.ecr.aws/x/y:1: not found")
    assert "this lab simulates" in said("ghcr.io/x/y:1")


@pytest.mark.parametrize("name", ["", "Big", "a b", "nginx:", "nginx@sha256:12", "nginx:-x", "a//b", ":1"])
def test_what_is_no_name_is_an_invalid_reference(sandbox: Sandbox, name: str) -> None:
    assert Reference.of(name) is None
    assert "invalid reference format" in said(name)


def test_docker_hub_limits_pulls(sandbox: Sandbox) -> None:
    sandbox.faults.put("ecr.dockerhub_limit")
    assert "toomanyrequests: You have reached your pull rate limit." in said("nginx")
    assert got("public.ecr.aws/nginx/nginx").source


def test_of_an_index_the_platforms_image_is_pulled(registry: Registry) -> None:
    role = registry.role(allow("ecr:*"))
    digest = registry.push("web", None)
    entry = {
        "mediaType": "x",
        "size": 1,
        "digest": digest,
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    kind = "application/vnd.oci.image.index.v1+json"
    index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]})
    registry.ecr.put_image(repositoryName="user", imageManifest=index, imageTag="all")
    assert "Orchard" in got(f"{registry.uri}:all", role).source
    text = said(f"{registry.uri}:all", role, architecture="ARM64")
    assert text.endswith("image Manifest does not contain descriptor matching platform 'linux/arm64'")
