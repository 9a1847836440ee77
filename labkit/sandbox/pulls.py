"""Pulling a container image: for whoever runs containers, without knowing a registry.

    pulled = pull("123456789012.dkr.ecr.us-east-1.amazonaws.com/user:1.0", role_arn, account, region)

What the registries answer, and the words of failures with their sources: `services/_ecr_pull.py`.
"""

from __future__ import annotations

import importlib
from typing import Literal, NamedTuple

Kind = Literal["CannotPullContainerError", "ResourceInitializationError"]


class Pulled(NamedTuple):
    """An image that was pulled: its digest, the text of its program, and the bytes that were moved."""

    digest: str
    source: str
    size_bytes: int


class CannotPull(Exception):
    """An image that could not be pulled. stoppedReason is made of `kind`, a colon and `reason`."""

    def __init__(self, reason: str, kind: Kind = "CannotPullContainerError") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind: Kind = kind

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


def pull(
    image: str,
    role_arn: str | None,
    account: str,
    region: str,
    *,
    session: str = "ecs",
    architecture: str = "X86_64",
) -> Pulled:
    """Pull an image for a container. Raises `CannotPull`.

    `role_arn` is the task execution role, or the role of a container instance; `session` the name its sessions have,
    such as the task's id. `account` and `region` are the task's: ECR's own stand in the image's name.
    """
    registry = importlib.import_module("labkit.sandbox.services._ecr_pull")
    found: Pulled = registry.pull(
        image, role_arn, account, region, session=session, architecture=architecture
    )
    return found
