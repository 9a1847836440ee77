"""Pushing an image to Amazon ECR as `docker push` does: the missing layers in parts, the configuration, the manifest.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html and the API reference of the
calls: BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload, PutImage.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from labkit.errors import UsageError
from labkit.sandbox.fleet import images, programs

_URI = re.compile(
    r"(?:(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/)?([a-z0-9][a-z0-9._/-]*)(?::([\w.-]+))?"
)


class Place(NamedTuple):
    """Where an image goes. Account and Region are empty when only a repository's name was said."""

    account: str
    region: str
    repository: str
    tag: str

    @classmethod
    def of(cls, uri: object) -> Place:
        """The parts of a repository's URI or name. Raises `UsageError`."""
        found = _URI.fullmatch(uri) if isinstance(uri, str) else None
        if found is None:
            raise UsageError(
                f"{uri!r} is no repository. Take the repositoryUri that create_repository gave, such as "
                '"123456789012.dkr.ecr.us-east-1.amazonaws.com/user".'
            )
        return cls(*(one or "" for one in found.groups()))


def image_of(program: str, changes: Mapping[str, Any]) -> images.Image:
    """The image of a program: the name of one in `data/images`, or a program's own text.

    `changes` are other values for its constants. Raises `UsageError` when that is no program, `NotFound` for an
    unknown name.
    """
    if not isinstance(program, str):
        raise UsageError(f"Name an image, or give the text of a program. This is {program!r}.")
    text = program if "\n" in program or "=" in program else images.source(program)
    text = images.changed(text, changes)
    try:
        programs.load(text)
    except programs.BadProgram as error:
        raise UsageError(f"This program cannot run: {error.reason} Correct it and push again.") from None
    return images.build(text)


def push(
    client: Callable[[str], Any], program: str, repository: str, tag: str | None = "latest", **changes: Any
) -> str:
    """Push an image; its digest. `client(region)` gives an ECR client of whoever pushes.

    Pushing again what is there already is no error, as with `docker push`. Raises boto3's `ClientError` for what ECR
    refuses.
    """
    place = Place.of(repository)
    if place.tag and tag not in (None, "latest", place.tag):
        raise UsageError(f"The repository already says the tag {place.tag!r}. Say it once: tag={tag!r}.")
    image = image_of(program, changes)
    ecr = client(place.region)
    target = {"repositoryName": place.repository, **({"registryId": place.account} if place.account else {})}
    blobs = {one.digest: one.content for one in (*image.layers, image.config)}
    there = ecr.batch_check_layer_availability(layerDigests=list(blobs), **target)
    missing = {one["layerDigest"] for one in there["failures"]}
    for digest, content in blobs.items():
        if digest in missing:
            _upload(ecr, target, digest, content)
    wanted = {"imageTag": place.tag or tag} if place.tag or tag else {}
    with contextlib.suppress(ecr.exceptions.ImageAlreadyExistsException):
        ecr.put_image(
            imageManifest=image.manifest.content.decode(),
            imageManifestMediaType=image.manifest.media_type,
            **wanted,
            **target,
        )
    return image.digest


def _upload(ecr: Any, target: Mapping[str, str], digest: str, content: bytes) -> None:
    begun = ecr.initiate_layer_upload(**target)
    upload, size = begun["uploadId"], begun["partSize"]
    for first in range(0, len(content), size):
        part = content[first : first + size]
        ecr.upload_layer_part(
            uploadId=upload,
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
            **target,
        )
    ecr.complete_layer_upload(uploadId=upload, layerDigests=[digest], **target)
