"""One small module per kind of timeline: it turns the trace's events into lanes.

Each has one function, `story(past: Past) -> Story`. A new kind of timeline is a new module here and a
line in `KINDS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from labkit.errors import NotFound

if TYPE_CHECKING:
    from labkit.drawing.timeline_model import Past, Story

KINDS: Final[Mapping[str, str]] = {
    "messages": "sqs", "calls": "calls", "deliveries": "deliveries", "functions": "functions",
    "states": "states", "tasks": "tasks",
}  # fmt: skip
"""What `timeline(kind=...)` takes, and the module that tells it."""

Teller = Callable[["Past"], "Story"]
"""Turns what happened into lanes."""


def teller(kind: str) -> Teller:
    """The function that turns events into lanes of this kind. Raises `NotFound` for an unknown kind."""
    if kind not in KINDS:
        raise NotFound("kind of timeline", str(kind), KINDS)
    module = importlib.import_module(f"{__name__}.{KINDS[kind]}")
    story: Teller = module.story
    return story
