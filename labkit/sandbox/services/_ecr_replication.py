"""Replication: what is pushed is copied to other Regions of the account.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html: only what is pushed after replication
was configured; repositories appear in the destination by themselves; deleting and lifecycle policies stay where
they are; filters are prefixes of repositories' names.
"""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import current, stores
from labkit.sandbox.services import _ecr_images as images
from labkit.sandbox.services import _ecr_layers as layers
from labkit.sandbox.services._ecr_errors import invalid

TAKES: Final = 30.0
"""Seconds. The figure is ours; AWS says that most images arrive within 30 minutes."""


def check(backend: Any, config: dict[str, Any]) -> None:
    """Whether this lab can do what is asked."""
    for rule in config["rules"]:
        if any(one["registryId"] != backend.account_id for one in rule["destinations"]):
            raise invalid(
                "replicationConfiguration", "This lab simulates replication within one account only"
            )


def on_push(backend: Any, repository: Any, image: Any, tag: str | None) -> None:
    """Have an image copied to wherever the registry's rules say."""
    for rule in backend.replication_config["rules"]:
        filters = rule.get("repositoryFilters") or ()
        if filters and not any(repository.name.startswith(one["filter"]) for one in filters):
            continue
        for place in rule["destinations"]:
            when = current().clock.time() + TAKES
            digest = image.get_image_digest()
            current().clock.schedule(when, copy, repository.arn, digest, tag or "", place["region"])


def copy(arn: str, digest: str, tag: str, region: str) -> None:
    """One image arrives in another Region, with its layers."""
    parts = stores.Arn.of(arn)
    source = stores.repository(parts) if parts else None
    image = images.by_digest(source, digest) if source is not None else None
    if source is None or image is None:
        return
    backend = current().backend("ecr", source.registry_id, region)
    target = backend.repositories.get(source.name)
    if target is None:
        target = backend.create_repository(source.name, None, None, None, None, [])
    layers.kept(target).update(layers.kept(source))
    target.layers.update(source.layers)
    params = {
        "imageManifest": image.image_manifest,
        "imageManifestMediaType": image.image_manifest_media_type,
    }
    if tag:
        params["imageTag"] = tag
    held = images.by_tag(target, tag) if tag else images.by_digest(target, digest)
    if held is None or held.get_image_digest() != digest:
        images.put(target, params)
