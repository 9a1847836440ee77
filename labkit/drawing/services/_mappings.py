"""What pollers do, in a few words: how large their batches are, and what their filters ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labkit.drawing.services._filters import in_full, phrase


def batches(size: Any, window: Any) -> str:
    """Such as "polled, batch of 10, window 5 s"."""
    told = ["polled", f"batch of {size}" if size else "", f"window {window} s" if window else ""]
    return ", ".join(filter(None, told))


def filters(criteria: Any) -> tuple[str, str]:
    """What the filters of a mapping or a pipe ask for: in a few words, and in full."""
    given = criteria.get("Filters") if isinstance(criteria, Mapping) else None
    patterns = [one.get("Pattern") for one in given or () if isinstance(one, Mapping)]
    said = " or ".join(filter(None, map(phrase, patterns)))
    full = " or ".join(filter(None, map(in_full, patterns)))
    return (f"if {said}" if said else ""), (f"Filter: {full}" if full else "")
