"""What came of a connection so far: how much arrived, what was refused, what failed, what is lost, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final

from labkit.judging.card import plural

_SESSION: Final = re.compile(r" \(session [0-9a-f][0-9a-f-]{11,}\)")
REFUSED: Final = "refused"
FAILING: Final = "failing"
_LONGEST: Final = 28

_POLICIES: Final = (
    ("has no policy, so", "no policy"),
    ("trust policy", "trust policy"),
    ("The key", "key policy"),
    ("key's policy", "key policy"),
    ("permissions boundary", "boundary"),
    ("forbids", "a Deny"),
    ("'s policy allows", "its policy"),
    ("may not do", "no permission"),
)
"""What the sentence about a denial says -> what fits at an arrow."""
_CODES: Final = (
    ("KMS", "key"),
    ("NonExistent", "does not exist"),
    ("DoesNotExist", "does not exist"),
    ("NotFound", "does not exist"),
    ("NotSimulated", "not simulated"),
    ("Throttl", "throttled"),
    ("TooManyRequests", "throttled"),
    ("ServiceUnavailable", "unavailable"),
    ("Denied", "not allowed"),
    ("NotAuthorized", "not allowed"),
    ("AuthorizationError", "not allowed"),
)
"""What an error code contains -> what fits at an arrow."""


def denied(code: str) -> bool:
    """Whether an error code says that somebody may not do it."""
    return any(part in code for part in ("Denied", "NotAuthorized", "AuthorizationError"))


def short_reason(code: str, note: str = "") -> str:
    """Why it was not let through, in two or three words."""
    if denied(code):
        for part, word in _POLICIES:
            if part in note:
                return word
    return next((word for part, word in _CODES if part in code), code[:_LONGEST])


def plain(told: str) -> str:
    """A reason without the ids of sessions, which say nothing to people."""
    return _SESSION.sub("", told)


@dataclass(slots=True)
class Tally:
    """Counts of one connection. `standing` is how the last try ended: well (""), "refused" or "failing".

    `short` and `why` give the reason of the last one that did not end well.
    """

    arrived: int = 0
    batches: int = 0
    dead: int = 0
    moved: int = 0
    filtered: int = 0
    refused: int = 0
    tries: int = 0
    failed_batches: int = 0
    lost: int = 0
    standing: str = ""
    short: str = ""
    why: str = ""

    def __bool__(self) -> bool:
        return bool(self.total)

    @property
    def total(self) -> int:
        """Everything that was counted."""
        return sum(value for one in fields(self) if isinstance(value := getattr(self, one.name), int))

    def add(self, other: Tally) -> None:
        """Count another connection's as well."""
        for one in fields(self):
            value = getattr(other, one.name)
            if isinstance(value, int):
                setattr(self, one.name, getattr(self, one.name) + value)
            elif value:
                setattr(self, one.name, value)

    def blame(self, standing: str, code: str, note: str, message: str) -> None:
        """The last try ended like this, for this reason."""
        self.standing, self.short = standing, short_reason(code, note)
        told = plain(note or message)
        self.why = told if code in told else f"{code}: {told}" if told else code

    @property
    def counted(self) -> str:
        """What arrived, in a few words."""
        parts = []
        if self.batches:
            parts.append(f"{self.arrived:,} in {plural(self.batches, 'batch', 'batches')}")
        elif self.arrived:
            parts.append(f"{self.arrived:,} delivered")
        if self.tries and not self.standing:
            parts.append(f"after {plural(self.tries, 'failed try', 'failed tries')}")
        parts += [f"{self.dead:,} dead-lettered"] if self.dead else []
        parts += [f"{self.moved:,} moved"] if self.moved else []
        parts += [f"{self.filtered:,} filtered out"] if self.filtered else []
        return ", ".join(parts)

    @property
    def trouble(self) -> str:
        """What did not, in a few words."""
        parts, lost = [], self.lost
        if self.refused:
            gone = " and lost" if 0 < lost == self.refused else ""
            before = "" if self.standing == REFUSED else " before"
            parts.append(f"{self.refused:,} refused{before}{gone}")
            lost = 0 if gone else lost
        if self.tries and self.standing == FAILING:
            parts.append(plural(self.tries, "failed try", "failed tries"))
        if self.failed_batches:
            parts.append(plural(self.failed_batches, "failed batch", "failed batches"))
        parts += [f"{lost:,} lost"] if lost else []
        return f"{', '.join(parts)}: {self.short}" if parts and self.short else ", ".join(parts)
