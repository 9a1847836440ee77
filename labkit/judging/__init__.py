"""Judging: how a check says what a finished exercise does, and what a learner is told.

A lab's checks.py needs four names from here: `exercise`, `question`, `Expect` and `World`; `number` and its like help
to speak.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.judging.card import Card, Step
    from labkit.judging.exercises import Checks, Exercise, Question, exercise, load_checks, question
    from labkit.judging.expect import Expect, Finding
    from labkit.judging.queues import PeekedMessage, QueueView, ReceivedMessage
    from labkit.judging.report import Report
    from labkit.judging.run import Interrupted, judge
    from labkit.judging.tables import TableView
    from labkit.judging.words import GOODS, NAMES, number, shown
    from labkit.judging.world import Attempt, World

__all__ = [
    "GOODS",
    "NAMES",
    "Attempt",
    "Card",
    "Checks",
    "Exercise",
    "Expect",
    "Finding",
    "Interrupted",
    "PeekedMessage",
    "Question",
    "QueueView",
    "ReceivedMessage",
    "Report",
    "Step",
    "TableView",
    "World",
    "exercise",
    "judge",
    "load_checks",
    "number",
    "question",
    "shown",
]

# A lab opens without any of this: the first check loads it.
_HOMES: Final = {
    "card": ("Card", "Step"),
    "exercises": ("Checks", "Exercise", "Question", "exercise", "load_checks", "question"),
    "expect": ("Expect", "Finding"),
    "queues": ("PeekedMessage", "QueueView", "ReceivedMessage"),
    "report": ("Report",),
    "run": ("Interrupted", "judge"),
    "tables": ("TableView",),
    "words": ("GOODS", "NAMES", "number", "shown"),
    "world": ("Attempt", "World"),
}


def __getattr__(name: str) -> object:
    """Load a public name from its home the first time it is used."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
