"""A learner's progress, kept in one small JSON file that people can read (`progressfile` says its form).

It is `.labkit/progress.json` in the learner's workbook: the nearest folder, from the working directory up,
that holds `labs` or `.labkit`; else the working directory. LABKIT_HOME names another folder for it.

Two kernels may write at once: each change is made to what the file holds at that moment, under a lock, and
the file is replaced in one step. A damaged file is set aside as `progress.json.corrupt-<time>` and never
overwritten. Where nothing can be written, progress is kept in memory, and written once that works again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from labkit.course import progressfile
from labkit.course.progressfile import VERSION, Data, Stamp
from labkit.course.scoring import Effort

KEPT_ATTEMPTS: Final = 50
KEPT_OPENINGS: Final = 20
LOCK_SECONDS: Final = 5

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

    `problem` says why nothing can be saved, or is empty. `notice()` gives each new thing to tell once.
    """

    def __init__(self, folder: Path | None = None, now: Callable[[], float] | None = None) -> None:
        self.folder = folder or home()
        self.path = self.folder / "progress.json"
        self.problem = ""
        self._now = now or _real_time
        self._data: Data = progressfile.empty()
        self._pending: list[Change] = []
        self._stamp: Stamp | None = None
        self._notices: list[str] = []
        if progressfile.stamp_of(self.path) is not None:
            self._exchange(write=False)

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
            seconds=self._now() - progressfile.seconds(record.touched) if record.touched else 0.0,
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
        time = progressfile.iso(self._now())

        def change(data: Data) -> None:
            openings = _lab_in(data, lab).setdefault("opened", [])
            openings.append(time)
            del openings[:-KEPT_OPENINGS]

        self._change(change)

    def touch(self, lab: str, exercise: str) -> None:
        """Note that an exercise was begun. Only the first time counts."""
        if self.record(lab, exercise).touched is None:
            time = progressfile.iso(self._now())
            self._change(lambda data: _touched(data, lab, exercise, time))

    def attempt(self, lab: str, exercise: str, status: str, missed: tuple[str, ...], earned: int) -> None:
        """Note one check. Points only grow."""
        time = progressfile.iso(self._now())

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
        time = progressfile.iso(self._now())

        def change(data: Data) -> None:
            _touched(data, lab, exercise, time).setdefault("hints", {}).setdefault(str(level), time)

        self._change(change)

    def show_solution(self, lab: str, exercise: str) -> None:
        """Note that the solution was shown."""
        time = progressfile.iso(self._now())
        self._change(lambda data: _touched(data, lab, exercise, time).setdefault("solution", time))

    def predict(self, lab: str, question: str, answer: str, right: bool) -> None:
        """Note the answer to a question."""
        time = progressfile.iso(self._now())

        def change(data: Data) -> None:
            predictions = _lab_in(data, lab).setdefault("predictions", {})
            predictions[question] = {"answer": answer, "right": right, "time": time}

        self._change(change)

    # -- the file --------------------------------------------------------------------------------

    def _lab(self, lab: str) -> Data:
        if self._stamp is not None and not self._pending:
            stamp = progressfile.stamp_of(self.path)
            if stamp not in (None, self._stamp):  # another kernel has written
                self._exchange(write=False)
        found: Data = self._data["labs"].get(lab, {})
        return found

    def _change(self, change: Change) -> None:
        change(self._data)
        self._pending.append(change)
        self._exchange(write=True)

    def _exchange(self, write: bool) -> None:
        """Read what the file holds now, make our changes to it and put it back; all under the lock."""
        import filelock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS):
                self._exchange_locked(write)
        except filelock.Timeout:
            self._cannot_save("another program keeps it locked. Close other kernels of this workbook")
        except (OSError, NotImplementedError) as error:
            if not write and self._read_only():
                return
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self._cannot_save(f"{reason}. Make the folder writable, or set LABKIT_HOME to one that is")

    def _exchange_locked(self, write: bool) -> None:
        try:
            data = progressfile.read(self.path)
        except ValueError as error:
            self._set_aside(str(error))
            data = progressfile.empty()
        if self._too_new(data):
            return
        for change in self._pending:
            change(data)
        if write:
            progressfile.write(self.path, data)
            self._pending.clear()
            self.problem = ""
        self._take(data)

    def _read_only(self) -> bool:
        """Read without a lock: where nobody may write there is nobody to be locked out."""
        try:
            data = progressfile.read(self.path)
        except (OSError, ValueError):
            return False
        if not self._too_new(data):
            self._take(data)
        return True

    def _take(self, data: Data) -> None:
        self._data = data
        self._stamp = progressfile.stamp_of(self.path)

    def _set_aside(self, reason: str) -> None:
        kept = progressfile.set_aside(self.path, self._now())
        self._notices.append(
            f"The progress file was damaged ({reason}). It is kept as {kept.name} in {self.folder}; "
            "a new one was begun. To have the old one back, repair it and rename it to progress.json."
        )

    def _too_new(self, data: Data) -> bool:
        version = data["version"]
        if version == VERSION:
            return False
        self._cannot_save(
            f"it has version {version}, and this labkit knows version {VERSION}. It is left as it is. "
            "Update labkit"
        )
        return True

    def _cannot_save(self, reason: str) -> None:
        first = not self.problem
        self.problem = (
            f"Progress cannot be saved in {self.path}: {reason}. Until then it is kept in this session only."
        )
        if first:
            self._notices.append(self.problem)


def _real_time() -> float:
    from labkit.sandbox.clock import real_time  # loads time-machine, which the start page does not need

    return real_time()


def _lab_in(data: Data, lab: str) -> Data:
    found: Data = data["labs"].setdefault(lab, {})
    return found


def _touched(data: Data, lab: str, exercise: str, time: str) -> Data:
    raw: Data = _lab_in(data, lab).setdefault("exercises", {}).setdefault(exercise, {})
    raw.setdefault("touched", time)
    return raw
