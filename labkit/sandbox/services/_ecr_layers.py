"""Layers: uploads in parts, and bytes that are what their digest says.

Layers lie with moto's repository: `layers` maps digests to sizes, `labkit_layers` to bytes. They stay when their
images go, as long as the repository does.

Sources: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/ with the pages API_InitiateLayerUpload.html,
API_UploadLayerPart.html, API_CompleteLayerUpload.html (5 MiB for every part but the last),
API_GetDownloadUrlForLayer.html (only layers that an image refers to).
"""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.fleet.images import digest_of
from labkit.sandbox.services._ecr_errors import invalid, refused, where

SMALLEST_PART: Final = 5 * 1024 * 1024
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def kept(repository: Any) -> dict[str, bytes]:
    """The layers of a repository: digest -> bytes."""
    found: dict[str, bytes] = vars(repository).setdefault("labkit_layers", {})
    return found


def upload_part(repository: Any, upload_id: str, first: int, last: int, content: bytes) -> dict[str, Any]:
    """UploadLayerPart: parts come one behind the other."""
    upload = _upload(repository, upload_id)
    if first != upload.last_byte_received + 1 or last - first + 1 != len(content) or not content:
        raise refused(
            "InvalidLayerPartException",
            f"Invalid layer part upload for upload with id '{upload_id}' {_where(repository)}: "
            f"the last byte received is {upload.last_byte_received}.",
        )
    upload.layer_parts += content
    vars(upload).setdefault("labkit_parts", []).append(len(content))
    return {**_said(repository, upload_id), "lastByteReceived": upload.last_byte_received}


def complete(repository: Any, upload_id: str, digests: list[str]) -> dict[str, Any]:
    """CompleteLayerUpload: the bytes must have the digest that was promised."""
    upload = _upload(repository, upload_id)
    for digest in digests:
        if not DIGEST.fullmatch(digest):
            raise invalid("layerDigests", "must satisfy regular expression 'sha256:[a-fA-F0-9]{64}'")
    parts = vars(upload).get("labkit_parts", [])
    if not parts:
        raise refused(
            "EmptyUploadException",
            f"The upload with id '{upload_id}' {_where(repository)} does not contain any layer parts.",
        )
    if any(size < SMALLEST_PART for size in parts[:-1]):
        raise refused("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size.")
    content = bytes(upload.layer_parts)
    digest = digest_of(content)
    if digest not in digests:
        raise refused(
            "InvalidLayerException",
            f"The layer digest '{digest}' that was calculated for the upload with id '{upload_id}' "
            f"{_where(repository)} does not match the digest specified: '{', '.join(digests)}'.",
        )
    del repository.uploads[upload_id]
    if digest in kept(repository):
        raise refused(
            "LayerAlreadyExistsException",
            f"The layer with digest '{digest}' already exists {_where(repository)}",
        )
    kept(repository)[digest] = content
    repository.layers[digest] = len(content)
    current().changed()
    return {**_said(repository, upload_id), "layerDigest": digest}


def download_url(repository: Any, digest: str) -> str:
    """Where the bytes of a layer are: in the URL itself, for nothing leaves this machine."""
    content = kept(repository).get(digest)
    if content is None:
        raise refused(
            "LayersNotFoundException",
            f"Layers with digests '[{digest}]' could not be found {_where(repository)}",
        )
    if not any(digest in image.image_manifest for image in repository.images):
        raise refused(
            "LayerInaccessibleException",
            f"The layer with digest '{digest}' {_where(repository)} is not associated with an image.",
        )
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def _upload(repository: Any, upload_id: str) -> Any:
    upload = repository.uploads.get(upload_id)
    if upload is None:
        raise refused(
            "UploadNotFoundException",
            f"Upload with id '{upload_id}' could not be found for the repository with name '{repository.name}' "
            f"in the registry with id '{repository.registry_id}'",
        )
    return upload


def _where(repository: Any) -> str:
    return where(repository.name, repository.registry_id)


def _said(repository: Any, upload_id: str) -> dict[str, Any]:
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "uploadId": upload_id,
    }
