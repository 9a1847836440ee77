"""A learner's way to registries: a repository, ways to push to it, and an execution role."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from labkit.workload.pushing import push

HERE = "123456789012"
REGION = "eu-west-1"
OCI = "application/vnd.oci.image.manifest.v1+json"


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    """One repository named `user`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.ecr = boto3.client("ecr")
        self.made = self.make("user")
        self.uri = str(self.made["repositoryUri"])

    def make(self, name: str, **settings: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.ecr.create_repository(repositoryName=name, **settings)["repository"]
        return made

    def push(self, program: str = "web", tag: str | None = "1.0", to: str = "user", **changes: Any) -> str:
        return push(
            lambda region: boto3.client("ecr", region_name=region or None), program, to, tag, **changes
        )

    def upload(self, content: bytes, digest: str = "", name: str = "user") -> str:
        """A layer by hand, in one part."""
        upload = self.ecr.initiate_layer_upload(repositoryName=name)["uploadId"]
        self.ecr.upload_layer_part(
            repositoryName=name, uploadId=upload, partFirstByte=0, partLastByte=len(content) - 1,
            layerPartBlob=content,
        )  # fmt: skip
        done = self.ecr.complete_layer_upload(
            repositoryName=name, uploadId=upload, layerDigests=[digest or sha(content)]
        )
        return str(done["layerDigest"])

    def manifest(self, *layers: bytes, config: bytes = b"{}") -> str:
        def part(content: bytes) -> dict[str, Any]:
            return {"mediaType": "application/octet-stream", "size": len(content), "digest": sha(content)}

        parts = {"config": part(config), "layers": [part(one) for one in layers]}
        return json.dumps({"schemaVersion": 2, "mediaType": OCI, **parts})

    def tags(self, name: str = "user") -> dict[str, list[str]]:
        found = self.ecr.describe_images(repositoryName=name)["imageDetails"]
        return {one["imageDigest"]: one.get("imageTags", []) for one in found}

    @staticmethod
    def role(*statements: dict[str, Any], name: str = "execution") -> str:
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam = boto3.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if statements:
            text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=text)
        return str(arn)


@pytest.fixture
def registry(sandbox: Sandbox) -> Registry:
    return Registry(sandbox)
