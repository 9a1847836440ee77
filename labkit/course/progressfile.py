"""The progress file itself: its form, and reading and writing it without ever losing anything.

Format, version 1. Times are real, ISO 8601, UTC. Unknown keys are kept.

    {"version": 1,
     "labs": {"16-sqs-standard-queues": {
        "opened": ["2026-11-23T09:00:00Z"],              the last 20 times
        "exercises": {"dead_letter": {
            "touched": "2026-11-23T09:05:00Z",           first check or hint
            "attempts": [{"time": "...", "status": "failed", "missed": ["third"]}],   the last 50
            "hints": {"1": "...", "2": "..."},           level: when it was first shown
            "solution": "...",                           when it was first shown; absent if never
            "passed": "...",                             when it was first passed; absent if never
            "earned": 9}},                               the best result
        "predictions": {"how_many": {"answer": "b", "right": true, "time": "..."}}}}}
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

VERSION: Final = 1
_ANY_TIME: Final = "2026-01-01T00:00:00Z"

Data = dict[str, Any]
Stamp = tuple[int, int]


def empty() -> Data:
    """The progress of somebody who has not begun."""
    return {"version": VERSION, "labs": {}}


def read(path: Path) -> Data:
    """What a file holds; empty when there is none.

    Raises `ValueError` when it holds something else, and `OSError` when it cannot be read. Of a newer version
    only the number is looked at.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return empty()
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ValueError(f"it is not JSON, see line {line}" if line else "it is not JSON") from None
    version = data.get("version") if isinstance(data, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ValueError("it does not say its version")
    if version == VERSION:
        _require_labs(data.get("labs"))
    found: Data = data
    return found


def write(path: Path, data: Data) -> None:
    """Replace a file in one step: readers see the old one or the new one, never a half. Raises `OSError`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def set_aside(path: Path, now: float) -> Path:
    """Rename a damaged file to a name nobody has yet, and return that. Raises `OSError`."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{path.name}.corrupt-{stamp}"
    kept, number = path.with_name(name), 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{name}-{number}")
    return path.rename(kept)


def stamp_of(path: Path) -> Stamp | None:
    """What changes when the file does; None when there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def iso(seconds: float) -> str:
    """Seconds since 1970 as the file writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text: str) -> float:
    """The reverse. Raises `ValueError`."""
    return datetime.fromisoformat(text).timestamp()


def _require_labs(labs: Any) -> None:
    for key, lab in _object(labs, "labs").items():
        _object(lab, key)
        if not isinstance(lab.get("opened", []), list):
            raise ValueError(f"{key}: `opened` is not a list")
        for name, record in _object(lab.get("exercises", {}), f"{key}: exercises").items():
            _require_record(_object(record, name), name)
        for name, answer in _object(lab.get("predictions", {}), f"{key}: predictions").items():
            _object(answer, name)


def _require_record(record: Data, name: str) -> None:
    attempts, hints = record.get("attempts", []), record.get("hints", {})
    fits = (
        isinstance(attempts, list)
        and all(isinstance(one, dict) and isinstance(one.get("missed", []), list) for one in attempts)
        and isinstance(hints, dict)
        and all(level.isdigit() for level in hints)
        and isinstance(record.get("earned", 0), int)
    )
    try:
        seconds(record.get("touched", _ANY_TIME))
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise ValueError(f"the record of {name} is not as it should be")


def _object(value: Any, name: str) -> Data:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    return value
