"""What labkit raises: every message is one or two plain sentences and names the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LabkitError(Exception):
    """Anything labkit refuses to do. The message says what to do about it."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the sentence, not forty lines of our own code above it."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(LabkitError):
    """A call or a command that cannot mean anything: a wrong keyword, a wrong value, a wrong order."""


class Stopped(LabkitError):
    """The guard stopped something that was about to leave this machine."""


class NotFound(LabkitError):
    """An unknown lab, exercise, question or command. Offers the nearest names.

    `kind` is the word for the thing ("lab"), `name` what was asked for, `known` all names there are.
    `suggestions` holds the nearest known names, best first, and may be empty.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        everything = list(known)
        self.kind = kind
        self.name = name
        self.suggestions = nearest(name, everything)
        super().__init__(f"There is no {kind} named {name!r}. {_offer(kind, self.suggestions, everything)}")


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names most like `name`, best first: those that contain it, then those spelt nearly so."""
    wanted = name.strip().casefold()
    by_fold = {one.casefold(): one for one in known}
    inside = [fold for fold in by_fold if wanted and wanted in fold]
    alike = difflib.get_close_matches(wanted, list(by_fold), n=most, cutoff=0.5)
    return [by_fold[fold] for fold in dict.fromkeys(inside + alike)][:most]


def _offer(kind: str, suggestions: list[str], known: list[str]) -> str:
    if suggestions:
        return f"Did you mean {' or '.join(map(repr, suggestions))}?"
    if not known:
        return f"There is no {kind} here at all."
    shown = ", ".join(map(repr, known[:12]))
    return f"Choose one of: {shown}{', ...' if len(known) > 12 else ''}."
