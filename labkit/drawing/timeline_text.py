"""A timeline in words: good enough to work with, without the picture."""

from __future__ import annotations

from typing import Final

from labkit.drawing.timeline_counts import Counts
from labkit.drawing.timeline_model import Lane, Story
from labkit.drawing.timeline_words import date_of, moment
from labkit.judging.card import wrap

MOST_MARKS: Final = 14
"""How many things one lane tells; of more, the first and the last ones."""
MOST_SAMPLES: Final = 12


def lanes_text(story: Story) -> str:
    """One paragraph per lane."""
    day = date_of(story.begin)
    return "\n".join(lane_text(lane, day) for lane in story.lanes)


def lane_text(lane: Lane, day: str) -> str:
    """Such as "tea for Amara: sent 10:00:00, received 10:00:05 (1st), visible again 10:00:35."."""
    told = [mark.sentence(moment(mark.time, day)) for mark in lane.marks]
    if len(told) > MOST_MARKS:
        half = MOST_MARKS // 2
        told = [*told[:half], f"({len(told) - 2 * half:,} more)", *told[-half:]]
    if lane.now:
        told.append(lane.now)
    detail = f" [{lane.detail}]" if lane.detail else ""
    return wrap(f"{lane.name}{detail}: {', '.join(told) or 'nothing yet'}.", "  ", "      ")


def counts_text(story: Story, counts: Counts) -> str:
    """How many lanes were in each state, at some of the times."""
    states, day = list(counts.by_state), date_of(counts.times[0])
    rows = [["time", *(story.looks[state].word for state in states)]]
    for place in samples(len(counts.times), MOST_SAMPLES):
        numbers = (f"{counts.by_state[state][place]:,}" for state in states)
        rows.append([moment(counts.times[place], day), *numbers])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:>{wide}}" for cell, wide in zip(row, widths, strict=True)) for row in rows]
    passing = [state for state in states if not story.looks[state].done]
    peaks = ", ".join(f"{counts.most(state):,} {story.looks[state].word}" for state in passing)
    told = [f"  {line}" for line in lines]
    return "\n".join([*told, "", wrap(f"Most at one time: {peaks}.", "  ")] if peaks else told)


def samples(count: int, most: int) -> list[int]:
    """At most `most` places out of `count`, evenly, with the first and the last."""
    if count <= most:
        return list(range(count))
    return sorted({round(number * (count - 1) / (most - 1)) for number in range(most)})
