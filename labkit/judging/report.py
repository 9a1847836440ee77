"""What a check hands back: one `Report`, readable by learners, terminals and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from labkit.judging.card import Card, Step
from labkit.judging.expect import FAIL, NOT_REACHED, PASS, Finding

Outcome = Literal["passed", "failed", "not started", "fault"]
PASSED: Final = "passed"
FAILED: Final = "failed"
NOT_STARTED: Final = "not started"
FAULT: Final = "fault"

MIME: Final = "application/vnd.labkit.report+json"
VERSION: Final = 1


@dataclass(frozen=True, eq=False, repr=False)
class Report(Card):
    """The result of one check.

    `status` is "passed", "failed", "not started" (nothing could be judged yet) or "fault" (the check itself
    broke: our fault, not judged). `points` can be earned, `earned` are. `seconds` is real time. `seed` made
    the random values of this check. `message` leads when there is more to say than the findings, `question`
    offers a known mistake, `steps` say what to do next and `notices` what else there is to know. `trouble` is
    the traceback of a fault.
    """

    lab: str
    exercise: str
    number: str
    title: str
    status: Outcome
    findings: tuple[Finding, ...]
    points: int
    earned: int = 0
    question: str | None = None
    seconds: float = 0.0
    seed: int = 0
    message: str = ""
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def passed(self) -> bool:
        """Whether every criterion holds."""
        return self.status == PASSED

    @property
    def missed(self) -> tuple[str, ...]:
        """The ids of the criteria that were judged and do not hold, in the order of the check."""
        return tuple(one.id for one in self.findings if one.status == FAIL)

    def finding(self, key: str) -> Finding:
        """The finding with this id. Raises `KeyError` when the check has no such criterion."""
        for one in self.findings:
            if one.id == key:
                return one
        raise KeyError(key)

    def as_json(self) -> dict[str, Any]:
        """The report for programs, version 1. Keys may be added to this version, never taken away."""
        return {
            "version": VERSION,
            "lab": self.lab,
            "exercise": self.exercise,
            "number": self.number,
            "title": self.title,
            "status": self.status,
            "findings": [one.as_json() for one in self.findings],
            "points": self.points,
            "earned": self.earned,
            "question": self.question,
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "message": self.message,
        }

    def html(self) -> str:
        """The report for JupyterLab and VS Code."""
        from labkit.judging.render import report_html

        return report_html(self)

    def text(self) -> str:
        """The whole report as plain text, at most 88 columns wide."""
        from labkit.judging.render import report_text

        return report_text(self)

    def data(self) -> dict[str, Any]:
        """The report under its own media type."""
        return {MIME: self.as_json()}


def outcome_of(findings: tuple[Finding, ...]) -> Outcome | None:
    """What the findings of a check that ran to its end amount to.

    None means that the check left a criterion unjudged although nothing was missed: a fault of the check.
    """
    if any(one.status == FAIL for one in findings):
        judged = [one for one in findings if one.status != NOT_REACHED and not one.prerequisite]
        return FAILED if judged else NOT_STARTED
    earned = [one for one in findings if not one.prerequisite]
    if not earned or any(one.status != PASS for one in findings):
        return None
    return PASSED
