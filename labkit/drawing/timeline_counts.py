"""How many lanes are in each state over time: what is told when there are too many for a lane each."""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labkit.drawing.timeline_model import Lane


@dataclass(frozen=True, slots=True)
class Counts:
    """`by_state[state][n]` lanes are in that state from `times[n]` until the next time."""

    times: tuple[float, ...]
    by_state: Mapping[str, tuple[int, ...]]

    def at(self, state: str, time: float) -> int:
        """The count at a time; 0 before the first."""
        place = bisect.bisect_right(self.times, time) - 1
        return self.by_state[state][place] if place >= 0 else 0

    def most(self, state: str) -> int:
        """The largest count."""
        return max(self.by_state[state], default=0)


def count(lanes: Sequence[Lane], states: Sequence[str], start: float, end: float) -> Counts:
    """Count the lanes by state, at every time from `start` to `end` at which something changes."""
    steps: dict[float, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for lane in lanes:
        for place, bar in enumerate(lane.bars):
            steps[max(bar.start, start)][bar.state] += 1
            if place < len(lane.bars) - 1:
                steps[max(bar.end, start)][bar.state] -= 1
    steps.setdefault(start, {})
    steps.setdefault(max(end, start), {})
    times = sorted(steps)
    by_state = {
        state: tuple(itertools.accumulate(steps[time].get(state, 0) for time in times)) for state in states
    }
    return Counts(tuple(times), {state: line for state, line in by_state.items() if any(line)})
