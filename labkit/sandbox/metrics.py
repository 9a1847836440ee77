"""Metrics that are made when somebody reads CloudWatch, not when they happen.

A service that can say later what was used in a minute registers a source here. CloudWatch asks the sources for what
is asked of it: a lab in which nobody looks pays nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader wants: pairs of namespace and name (empty: every), from `start` to `end` (seconds since 1970)."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    start: float = 0.0
    end: float = math.inf

    def wants(self, namespace: str, name: str) -> bool:
        """Whether this metric is asked for. An empty name stands for all of a namespace."""
        return not self.pairs or (namespace, name) in self.pairs or (namespace, "") in self.pairs

    def names(self, namespaces: Set[str]) -> bool:
        """Whether anything in these namespaces is asked for."""
        return not self.pairs or any(namespace in namespaces for namespace, _ in self.pairs)


class Point(NamedTuple):
    """One data point: all values that were measured in a minute. `place` are its dimensions."""

    namespace: str
    name: str
    place: tuple[tuple[str, str], ...]
    at: datetime
    unit: str
    values: list[float]


Source = Callable[[str, str, Asked], Iterator[Point]]

SOURCES: Final[dict[str, Source]] = {}
"""By service. Each is called with account, Region and what is asked."""

Value = Callable[[str, str, str, Mapping[str, str], float, str], float | None]

VALUES: Final[dict[str, Value]] = {}
"""By namespace: one value of one minute, for alarms. Account, Region, name, dimensions, start, statistic."""
