"""Recognises a known wrong answer by the criteria it misses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltCell

_OFFERED: Final = 2


def known_mistake(missed: Iterable[str], wrong_answers: Iterable[BuiltCell]) -> str | None:
    """The reasons of the wrong answers that miss exactly these criteria, as a question, or None.

    Several wrong answers can look alike from outside. At most two are offered.
    """
    wanted = frozenset(missed)
    if not wanted:
        return None
    alike = [one.because for one in wrong_answers if one.because and frozenset(one.finds) == wanted]
    reasons = [reason.strip().rstrip("?.") for reason in dict.fromkeys(alike)]
    return " Or: ".join(f"{reason}?" for reason in reasons[:_OFFERED]) or None
