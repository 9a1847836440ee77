"""Judging: how a check says what a finished exercise does, and what a learner is told.

A lab's checks.py needs four names from here: `exercise`, `question`, `Expect` and `World`.
"""

from __future__ import annotations

from labkit.judging.exercise import Checks, Exercise, Question, exercise, load_checks, question
from labkit.judging.expect import Expect, Finding
from labkit.judging.queues import PeekedMessage, QueueView, ReceivedMessage
from labkit.judging.report import Report, Step
from labkit.judging.run import Interrupted, judge
from labkit.judging.tables import TableView
from labkit.judging.world import Attempt, World

__all__ = [
    "Attempt",
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
    "question",
]
