"""A learner's progress: one small JSON file that people can read.

`.labkit/progress.json` in the learner's workbook: the nearest folder above the working directory that holds `labs` or
`.labkit`, else the working directory. The environment variable LABKIT_HOME names another folder for it.

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

Two kernels may write at once: each change is made to what the file holds at that moment, under a lock, and the file is
replaced in one step. A damaged file is set aside as `progress.json.corrupt-<time>`, never overwritten. Where nothing
can be written, progress is kept in memory and written as soon as that works again.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from labkit.course.scoring import Effort

VERSION: Final = 1
KEPT_ATTEMPTS: Final = 50
KEPT_OPENINGS: Final = 20
LOCK_SECONDS: Final = 5

Data = dict[str, Any]
Change = Callable[[Data], object]


def home() -> Path:
    """The folder for the progress file; it may not exist yet."""
    chosen = os.environ.get("LABKIT_HOME")
    if chosen:
        return Path(chosen).expanduser()
    return workbook_folder() / ".labkit"


def workbook_folder() -> Path:
    """The learner's workbook: the nearest folder above the working directory with `labs` or `.labkit`."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "labs").is_dir() or (folder / ".labkit").is_dir():
            return folder
    return here


@dataclass(frozen=True, slots=True)
class Try:
    """One check: when, how it ended, and the criteria it missed."""

    time: str
    status: str
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one exercise. `earned` is None until it was passed."""

    touched: str | None = None
    attempts: tuple[Try, ...] = ()
    hints: frozenset[int] = frozenset()
    solution: bool = False
    passed: bool = False
    earned: int | None = None


class Progress:
    """The progress file of one learner.

    `problem` says why nothing can be saved, or is empty. `notice()` gives each new thing to tell the learner once.
    """

    def __init__(self, folder: Path | None = None, now: Callable[[], float] | None = None) -> None:
        self.folder = folder or home()
        self.path = self.folder / "progress.json"
        self.problem = ""
        self._now = now or _real_time
        self._data: Data = _empty()
        self._pending: list[Change] = []
        self._stamp: tuple[int, int] | None = None
        self._notices: list[str] = []
        self._read_under_lock()

    # -- reading ---------------------------------------------------------------------------------

    def record(self, lab: str, exercise: str) -> Record:
        """What is known of one exercise."""
        raw = self._lab(lab).get("exercises", {}).get(exercise, {})
        return Record(
            touched=raw.get("touched"),
            attempts=tuple(
                Try(one.get("time", ""), one.get("status", ""), tuple(one.get("missed", ())))
                for one in raw.get("attempts", ())
            ),
            hints=frozenset(int(level) for level in raw.get("hints", {})),
            solution="solution" in raw,
            passed="passed" in raw,
            earned=raw.get("earned"),
        )

    def effort(self, lab: str, exercise: str) -> Effort:
        """The same, as the rules for hints and points need it."""
        record = self.record(lab, exercise)
        tried = [one for one in record.attempts if one.status in ("failed", "passed")]
        return Effort(
            failed=sum(one.status == "failed" for one in tried),
            attempts=len(tried),
            seconds=self._now() - _seconds(record.touched) if record.touched else 0.0,
            hints=record.hints,
            solution=record.solution,
            passed=record.passed,
        )

    def opened(self, lab: str) -> tuple[str, ...]:
        """When the lab was opened, oldest first."""
        return tuple(self._lab(lab).get("opened", ()))

    def touched(self, lab: str) -> dict[str, str]:
        """The exercises of a lab that were begun, and when."""
        exercises = self._lab(lab).get("exercises", {})
        return {name: raw["touched"] for name, raw in exercises.items() if "touched" in raw}

    def prediction(self, lab: str, question: str) -> str | None:
        """The answer given last to a question, or None."""
        answer = self._lab(lab).get("predictions", {}).get(question, {}).get("answer")
        return None if answer is None else str(answer)

    def notice(self) -> list[str]:
        """What is new to tell the learner; each sentence comes once."""
        told, self._notices = self._notices, []
        return told

    # -- writing ---------------------------------------------------------------------------------

    def open_lab(self, lab: str) -> None:
        """Note that a lab was opened."""
        time = self._stamp_now()

        def change(data: Data) -> None:
            openings = _lab_in(data, lab).setdefault("opened", [])
            openings.append(time)
            del openings[:-KEPT_OPENINGS]

        self._change(change)

    def touch(self, lab: str, exercise: str) -> None:
        """Note that an exercise was begun. Only the first time counts."""
        if self.record(lab, exercise).touched is None:
            time = self._stamp_now()
            self._change(lambda data: _touched(data, lab, exercise, time))

    def attempt(self, lab: str, exercise: str, status: str, missed: tuple[str, ...], earned: int) -> None:
        """Note one check. Points only grow."""
        time = self._stamp_now()

        def change(data: Data) -> None:
            raw = _touched(data, lab, exercise, time)
            attempts = raw.setdefault("attempts", [])
            attempts.append({"time": time, "status": status, "missed": list(missed)})
            del attempts[:-KEPT_ATTEMPTS]
            if status == "passed":
                raw.setdefault("passed", time)
                raw["earned"] = max(earned, raw.get("earned", 0))

        self._change(change)

    def show_hint(self, lab: str, exercise: str, level: int) -> None:
        """Note that a hint was shown."""
        time = self._stamp_now()

        def change(data: Data) -> None:
            _touched(data, lab, exercise, time).setdefault("hints", {}).setdefault(str(level), time)

        self._change(change)

    def show_solution(self, lab: str, exercise: str) -> None:
        """Note that the solution was shown."""
        time = self._stamp_now()
        self._change(lambda data: _touched(data, lab, exercise, time).setdefault("solution", time))

    def predict(self, lab: str, question: str, answer: str, right: bool) -> None:
        """Note the answer to a question."""
        time = self._stamp_now()

        def change(data: Data) -> None:
            predictions = _lab_in(data, lab).setdefault("predictions", {})
            predictions[question] = {"answer": answer, "right": right, "time": time}

        self._change(change)

    # -- the file --------------------------------------------------------------------------------

    def _lab(self, lab: str) -> Data:
        self._refresh()
        found: Data = self._data["labs"].get(lab, {})
        return found

    def _refresh(self) -> None:
        """Read the file again when another kernel has written it."""
        if self._stamp is not None and not self._pending and _stamp_of(self.path) not in (None, self._stamp):
            self._read_under_lock()

    def _change(self, change: Change) -> None:
        change(self._data)
        self._pending.append(change)
        self._under_lock(write=True)

    def _read_under_lock(self) -> None:
        if self.path.exists():
            self._under_lock(write=False)

    def _under_lock(self, write: bool) -> None:
        import filelock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(str(self.path) + ".lock", timeout=LOCK_SECONDS):
                self._exchange(write)
        except filelock.Timeout:
            self._cannot_save("another program holds it. Close other kernels of this workbook")
        except (OSError, NotImplementedError) as error:
            if not write and self._read_without_lock():
                return
            reason = getattr(error, "strerror", None) or str(error)
            self._cannot_save(f"{reason}. Make the folder writable, or set LABKIT_HOME to one that is")

    def _read_without_lock(self) -> bool:
        """In a folder that only allows reading there is nobody to be locked out."""
        try:
            data = _parse(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        self._take(data)
        return True

    def _exchange(self, write: bool) -> None:
        """Read what the file holds now, make our changes to it, and put it back."""
        try:
            data = _parse(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            data = _empty()
        except ValueError as error:
            self._set_aside(str(error))
            data = _empty()
        if data["version"] > VERSION:
            self._too_new(data["version"])
            return
        for change in self._pending:
            change(data)
        if write or self._pending:
            _replace(self.path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        self._pending.clear()
        self.problem = ""
        self._take(data)

    def _take(self, data: Data) -> None:
        if data["version"] > VERSION:
            self._too_new(data["version"])
            return
        self._data = data
        self._stamp = _stamp_of(self.path)

    def _set_aside(self, reason: str) -> None:
        stamp = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = self.path.with_name(f"{self.path.name}.corrupt-{stamp}")
        number = 1
        while kept.exists():
            number += 1
            kept = kept.with_name(f"{self.path.name}.corrupt-{stamp}-{number}")
        os.replace(self.path, kept)  # noqa: PTH105 - named for what it does: replace in one step
        self._notices.append(
            f"The progress file was damaged ({reason}). It is kept as {kept.name} in {self.folder}; "
            "a new one was begun. To get the old one back, repair it and rename it to progress.json."
        )

    def _too_new(self, version: int) -> None:
        self._cannot_save(
            f"it has version {version}, and this labkit knows version {VERSION}. It is left as it is. Update labkit"
        )

    def _cannot_save(self, reason: str) -> None:
        first = not self.problem
        self.problem = (
            f"Progress cannot be saved in {self.path}: {reason}. Until then it is kept in this session only."
        )
        if first:
            self._notices.append(self.problem)

    def _stamp_now(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _real_time() -> float:
    from labkit.sandbox.clock import real_time  # loads time-machine, which the start page does not need

    return real_time()


def _empty() -> Data:
    return {"version": VERSION, "labs": {}}


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _stamp_of(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _lab_in(data: Data, lab: str) -> Data:
    found: Data = data["labs"].setdefault(lab, {})
    return found


def _touched(data: Data, lab: str, exercise: str, time: str) -> Data:
    raw: Data = _lab_in(data, lab).setdefault("exercises", {}).setdefault(exercise, {})
    raw.setdefault("touched", time)
    return raw


def _replace(path: Path, text: str) -> None:
    """Write a file so that readers see the old one or the new one, never a half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - as above
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _parse(text: str) -> Data:
    """The data of a progress file. Raises `ValueError` when it is not one."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} in line {error.lineno}") from None
    if not isinstance(data, dict) or not isinstance(data.get("version"), int):
        raise ValueError("it does not say its version")
    if data["version"] > VERSION:
        return data
    _require(data.get("labs"), "labs")
    for key, lab in data["labs"].items():
        _require(lab, key)
        for name in ("exercises", "predictions"):
            for inner, record in _require(lab.get(name, {}), name).items():
                _require_record(_require(record, inner), inner)
        if not isinstance(lab.get("opened", []), list):
            raise ValueError(f"{key}: opened is not a list")
    return data


def _require(value: Any, name: str) -> Data:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    return value


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
        _seconds(str(record.get("touched", "2026-01-01T00:00:00Z")))
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"the record of {name} is not as it should be")
