"""Faults: things that go wrong on purpose, chosen by name.

A fault is a share between 0 and 1 and, where a service wants them, details. The service that can
suffer it asks `share(name)`. What each name does stands in that service's docstring.
"""

from __future__ import annotations

import difflib
import random
from typing import Any

from labkit.errors import UsageError

KNOWN: dict[str, str] = {
    "sqs.duplicate": "share of deliveries from standard queues that come a second time",
    "sqs.disorder": "share of deliveries from standard queues that overtake or fall behind",
    "delivery.unavailable": "share of attempts of one service to deliver to another that find the target down",
    "delivery.duplicate": "share of deliveries from one service to another that are made twice",
    "sqs.batch_entry_fails": "share of SendMessageBatch entries that come back under Failed",
}


class Faults:
    """The faults that are switched on in this account."""

    def __init__(self) -> None:
        self.seed: object = 0
        self._active: dict[str, dict[str, Any]] = {}

    def put(self, name: str, share: float = 1.0, **details: Any) -> None:
        """Switch a fault on. `share` is a number from 0 (never) to 1 (always).

        Raises `UsageError` for an unknown name or a share outside 0 to 1.
        """
        if name not in KNOWN:
            near = difflib.get_close_matches(str(name), KNOWN, n=1)
            offer = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"There is no fault named {name!r}.{offer} Known faults: {', '.join(KNOWN)}.")
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise UsageError(f"share is a number from 0 to 1, such as 0.03 for 3 %. It is {share!r}.")
        self._active[name] = {"share": float(share), **details}

    def share(self, name: str) -> float:
        """How often the fault strikes: 0.0 when it is off."""
        return float(self._active.get(name, {}).get("share", 0.0))

    def strikes(self, name: str, *whom: object) -> bool:
        """Whether the fault strikes this one thing. Asked again about the same thing, it says the same."""
        share = self.share(name)
        return share > 0 and self.dice(name, *whom).random() < share

    def dice(self, name: str, *whom: object) -> random.Random:
        """Dice for one fault and one thing it may strike.

        They hang on the seed and on the thing, not on how many others were asked before: a story
        does not change because a machine is slow and something falls due a little earlier in it.
        """
        return random.Random(repr((self.seed, name, *whom)))

    def details(self, name: str) -> dict[str, Any]:
        """Everything that was said when the fault was switched on, without its share."""
        return {key: value for key, value in self._active.get(name, {}).items() if key != "share"}

    def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all of them."""
        if name is None:
            self._active.clear()
        else:
            self._active.pop(name, None)

    def __repr__(self) -> str:
        if not self._active:
            return "No faults are switched on."
        return "\n".join(f"{name}: {self.share(name):.0%} ({KNOWN[name]})" for name in sorted(self._active))

    def export(self) -> tuple[object, dict[str, dict[str, Any]]]:
        """The seed and a copy of what is switched on, as `restore` takes them."""
        return self.seed, {name: dict(details) for name, details in self._active.items()}

    def restore(self, state: tuple[object, dict[str, dict[str, Any]]]) -> None:
        """Put an earlier state back."""
        self.seed, active = state
        self._active = {name: dict(details) for name, details in active.items()}
