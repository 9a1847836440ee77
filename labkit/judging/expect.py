"""How a check speaks: every criterion becomes one `Finding`.

A check states what it wants with `expect(...)`. All criteria are judged, not only the first that fails.
Two forms stop the check when they fail, because nothing after them could be judged:
`expect.found` (a prerequisite) and `expect.call` (the learner's own function).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar

from labkit.judging.blame import learner_files, tell
from labkit.judging.card import shorten

Status = Literal["PASS", "FAIL", "NOT REACHED"]
PASS: Final = "PASS"
FAIL: Final = "FAIL"
NOT_REACHED: Final = "NOT REACHED"

T = TypeVar("T")


class Stop(BaseException):
    """Nothing more can be judged. Internal: not an Exception, so a check's own `except` lets it through."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one criterion.

    `wanted` is what a finished exercise does, `seen` what happened instead (or what proves it), `why` why it
    matters, `action` what to do next. A prerequisite is needed before anything can be judged and earns
    nothing.
    """

    id: str
    status: Status
    wanted: str
    seen: str = ""
    why: str = ""
    action: str = ""
    prerequisite: bool = False

    def as_json(self) -> dict[str, str]:
        """The finding as it stands in a report for programs."""
        names = ("id", "status", "wanted", "seen", "why", "action")
        return {name: getattr(self, name) for name in names}


class Expect:
    """Collects what a check finds. Ids and `wanted` texts are literals, so tools can list them unrun."""

    def __init__(self) -> None:
        self._findings: dict[str, Finding] = {}

    def __call__(
        self, key: str, passed: object, /, wanted: str, *, seen: str = "", why: str = "", action: str = ""
    ) -> bool:
        """Judge one criterion and say whether it holds.

        `seen`, `why` and `action` are told only when it does not hold. A criterion judged more than once
        holds only if it held every time; the first miss is what is told.
        """
        self._judge(key, bool(passed), wanted, seen, why, action)
        return bool(passed)

    def found(
        self, key: str, thing: T | None, /, wanted: str, *, seen: str = "", why: str = "", action: str = ""
    ) -> T:
        """A prerequisite: return `thing`, or end the check when it is None.

        A prerequisite earns nothing. When it is missing, everything after it is NOT REACHED.
        """
        self._judge(key, thing is not None, wanted, seen, why, action, prerequisite=True)
        if thing is None:
            raise Stop
        return thing

    def call(
        self,
        key: str,
        function: Callable[..., Any],
        /,
        *args: Any,
        wanted: str,
        why: str = "",
        action: str = "",
        **kwargs: Any,
    ) -> Any:
        """Run the learner's function and return what it returns.

        Whatever it raises (also `SystemExit`) becomes a FAIL that names the line, and ends the check.
        """
        try:
            value = function(*args, **kwargs)
        except (KeyboardInterrupt, Stop):
            raise
        except BaseException as error:
            seen = tell(error, learner_files([function]), name_of(function))
            self._judge(key, False, wanted, seen, why, action or REPAIR)
            raise Stop from None
        if inspect.iscoroutine(value):
            value.close()
            seen = f"`{name_of(function)}` is an `async def`, so calling it runs nothing."
            self._judge(key, False, wanted, seen, why, "Write it with a plain `def`.")
            raise Stop
        self._judge(key, True, wanted)
        return value

    def _judge(
        self,
        key: str,
        holds: bool,
        wanted: str,
        seen: object = "",
        why: str = "",
        action: str = "",
        prerequisite: bool = False,
    ) -> None:
        earlier = self._findings.get(key)
        if earlier is not None and (holds or earlier.status == FAIL):
            return
        told = ("", "", "") if holds else (shorten(seen), why, action)
        self._findings[key] = Finding(key, PASS if holds else FAIL, wanted, *told, prerequisite)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was judged so far, in order."""
        return tuple(self._findings.values())

    def judged(self, key: str) -> bool:
        """Whether this criterion was judged already."""
        return key in self._findings

    def miss(self, key: str, wanted: str, seen: str, action: str) -> None:
        """Record that a criterion was missed; used when the learner's code ended the check."""
        self._judge(key, False, wanted, seen, action=action)


REPAIR: Final = "Repair your function, run its cell again, then check again."


def name_of(function: Callable[..., Any]) -> str:
    """The name a learner knows a function by."""
    return str(getattr(function, "__name__", None) or type(function).__name__)


def not_reached(key: str, wanted: str, prerequisite: bool = False) -> Finding:
    """The finding of a criterion the check never came to."""
    return replace(Finding(key, NOT_REACHED, wanted), prerequisite=prerequisite)
