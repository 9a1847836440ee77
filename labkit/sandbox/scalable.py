"""What Application Auto Scaling can scale: each service registers its own resources here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple


class Resource(NamedTuple):
    """A kind of resource whose capacity can be scaled. Each function takes account, Region and resource id."""

    noun: str
    service: str
    desired: Callable[[str, str, str], int | None]
    actual: Callable[[str, str, str], int]
    ran: Callable[[str, str, str, float], int]
    """How much of it was there at a moment: a metric of a minute tells of what ran in that minute."""
    change: Callable[[str, str, str, int], None]
    deploying: Callable[[str, str, str], bool]


RESOURCES: Final[dict[str, Resource]] = {}
"""By scalable dimension, such as `ecs:service:DesiredCount`."""
