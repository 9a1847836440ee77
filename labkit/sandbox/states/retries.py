"""Who tries again after an error, and when; and who catches it.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html (defaults: 1 second, 3
attempts, rate 2.0; MaxDelaySeconds; JitterStrategy FULL takes any time from 0 to the computed one).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from labkit.sandbox.states.errors import matches

Rule = Mapping[str, Any]
INTERVAL, ATTEMPTS, RATE = 1, 3, 2.0
_LONGEST: Final = 31_622_400.0


def retrier_for(state: Mapping[str, Any], error: str | None) -> int | None:
    """The number of the first retrier that matches, or None."""
    return _first(state.get("Retry") or (), error)


def catcher_for(state: Mapping[str, Any], error: str | None) -> Rule | None:
    """The first catcher that matches, or None."""
    rules = state.get("Catch") or ()
    number = _first(rules, error)
    return None if number is None else rules[number]


def _first(rules: Sequence[Rule], error: str | None) -> int | None:
    return next((at for at, rule in enumerate(rules) if matches(rule["ErrorEquals"], error)), None)


def delay(retrier: Rule, done: int, dice: random.Random) -> float | None:
    """Seconds before the next attempt after `done` retries by this retrier, or None when there is none left."""
    if done >= int(retrier.get("MaxAttempts", ATTEMPTS)):
        return None
    try:
        wait = (
            float(retrier.get("IntervalSeconds", INTERVAL)) * float(retrier.get("BackoffRate", RATE)) ** done
        )
    except OverflowError:
        wait = _LONGEST
    wait = min(wait, float(retrier.get("MaxDelaySeconds", _LONGEST)), _LONGEST)
    return wait * dice.random() if retrier.get("JitterStrategy") == "FULL" else wait
