"""Who tries again after an error, and when; and who catches it.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html (defaults: 1 second, 3
attempts, rate 2.0; MaxDelaySeconds; JitterStrategy FULL takes any time from 0 to the computed one; each retrier counts
for itself as long as the execution stays in the state; the largest numbers).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from labkit.sandbox.states.errors import StateFailed, matches

Rule = Mapping[str, Any]
INTERVAL, ATTEMPTS, RATE = 1, 3, 2.0
LARGEST: Final = 99_999_999
"""The largest IntervalSeconds and MaxAttempts."""
LONGEST_DELAY: Final = 31_622_400
"""The largest MaxDelaySeconds."""


def retrier_for(state: Mapping[str, Any], failure: StateFailed) -> int | None:
    """The number of the first retrier that matches, or None."""
    return _first(state.get("Retry") or (), failure)


def catcher_for(state: Mapping[str, Any], failure: StateFailed) -> int | None:
    """The number of the first catcher that matches, or None."""
    return _first(state.get("Catch") or (), failure)


def _first(rules: Sequence[Rule], failure: StateFailed) -> int | None:
    return next((at for at, rule in enumerate(rules) if matches(rule["ErrorEquals"], failure)), None)


def delay(retrier: Rule, done: int, dice: random.Random) -> float | None:
    """Seconds before the next attempt after `done` retries by this retrier, or None when there is none left."""
    if done >= int(retrier.get("MaxAttempts", ATTEMPTS)):
        return None
    try:
        wait = (
            float(retrier.get("IntervalSeconds", INTERVAL)) * float(retrier.get("BackoffRate", RATE)) ** done
        )
    except OverflowError:
        wait = LONGEST_DELAY
    wait = min(wait, float(retrier.get("MaxDelaySeconds", LONGEST_DELAY)), LONGEST_DELAY)
    return wait * dice.random() if retrier.get("JitterStrategy") == "FULL" else wait
