"""`labkit run`: runs notebooks and judges what they show, never only how they ended.

A notebook is good when every code cell has an execution count and no error, and every check cell shows exactly one
report: in a solved notebook each one passed, in an untouched one none. An exit status is no evidence:
a `sys.exit(0)` in a cell ends a notebook early, and papermill calls that a success.

Each notebook runs in a process of its own, with an empty progress file, a folder of its own, and limits of time, memory
and output (`labkit.engine`). Where the system cannot fork, where a notebook asks for another kernel, and with
`--engine papermill`, papermill's own engine runs it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import labkit
from labkit.engine import documents
from labkit.engine.host import EngineBroken, Host, can_fork
from labkit.engine.play import MB, Limits, Play
from labkit.judging.report import FAULT, MIME, PASSED
from labkit.workbook.places import LEARNER, SOLVED

LIMITS: Final = Limits(cell=120, notebook=900, memory=2048 * MB, output=50 * MB, processes=100)
"""What one notebook of the course may use."""

LABKIT, PAPERMILL = "labkit", "papermill"
"""The two engines."""

_OWN_KERNEL: Final = "python3"
_host: Host | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an executed notebook. `cell` is its place from 0, None for the whole notebook."""

    cell: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What running one notebook showed. `kept` is the executed notebook, where it was kept.

    `notes` are no faults: which engine ran it, when that is not the usual one.
    """

    path: Path
    edition: str
    code_cells: int
    checks: int
    passed: int
    seconds: float
    faults: tuple[Fault, ...]
    kept: Path | None
    notes: tuple[str, ...] = ()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while notebooks ran. `verdicts` are those that were done, and those that were stopped in the middle."""

    def __init__(self, verdicts: list[Verdict]) -> None:
        super().__init__("interrupted")
        self.verdicts = verdicts


@dataclass(slots=True)
class _Task:
    """One notebook on its way to a verdict."""

    place: int
    path: Path
    document: dict[str, Any] = field(default_factory=lambda: {"metadata": {}, "cells": []})
    trouble: str = ""
    notes: tuple[str, ...] = ()
    home: Path | None = None
    begun: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    play: Play | None = None


def run(
    paths: Sequence[Path],
    keep: Path,
    jobs: int = 2,
    *,
    engine: str = LABKIT,
    limits: Limits = LIMITS,
    outputs: Path | None = None,
    told: Callable[[Verdict], None] | None = None,
    resident: bool = False,
) -> list[Verdict]:
    """Run notebooks, `jobs` at a time, each in a process of its own. The verdicts come in the order of `paths`.

    Executed notebooks with faults are kept in the folder `keep`; with `outputs`, every executed notebook is kept
    there instead. `told` hears each verdict when it is there. With `resident`, a prepared process that stays is used
    where there is one. Raises `Interrupted` on Ctrl-C: then no process
    is left, and what ran is kept as far as it had come.
    """
    folder = outputs or keep
    verdicts: dict[int, Verdict] = {}

    def done(task: _Task) -> None:
        verdict = verdicts[task.place] = _verdict(task, folder, always=outputs is not None)
        if task.home is not None:
            shutil.rmtree(task.home, ignore_errors=True)
        if told is not None:
            told(verdict)

    fast: list[_Task] = []
    slow: list[_Task] = []
    for place, path in enumerate(paths):
        task = _Task(place, path)
        _prepare(task, engine)
        if task.trouble:
            done(task)
        else:
            (slow if task.notes else fast).append(task)
    open_tasks: dict[int, _Task] = {}
    try:
        lost: list[_Task] = []
        for task in _fast(fast, jobs, limits, open_tasks, _shared_host(resident) if fast else None):
            if (
                resident
                and task.play is not None
                and task.play.stop is not None
                and task.play.stop.kind == "lost"
            ):
                again = _anew(task, engine)  # somebody ended the process that stays: our own may go on
                done(again) if again.trouble else lost.append(again)
            else:
                done(task)
        for task in _fast(lost, jobs, limits, open_tasks, _shared_host(False) if lost else None):
            done(task)
        for task in _slow(slow, jobs, limits, open_tasks):
            done(task)
    except KeyboardInterrupt:
        for task in list(open_tasks.values()):
            task.trouble = "It was interrupted."
            done(task)
        raise Interrupted([verdicts[place] for place in sorted(verdicts)]) from None
    return [verdicts[place] for place in range(len(paths))]


def _prepare(task: _Task, engine: str) -> None:
    try:
        task.document = documents.read(task.path)
    except documents.NoNotebook as error:
        task.trouble = str(error)
        return
    documents.cleared(task.document)
    name = documents.kernel_name(task.document)
    if not name:
        task.trouble = "It names no kernel (metadata.kernelspec.name). Build it again."
    elif engine == PAPERMILL:
        task.notes = ("papermill's own engine ran it, as asked",)
    elif name != _OWN_KERNEL:
        task.notes = (f"papermill's own engine ran it, because it asks for the kernel {name!r}",)
    elif not can_fork():
        task.notes = ("papermill's own engine ran it, because this system cannot fork",)


def _anew(task: _Task, engine: str) -> _Task:
    """The same notebook, as if it had not run."""
    if task.home is not None:
        shutil.rmtree(task.home, ignore_errors=True)
    again = _Task(task.place, task.path)
    _prepare(again, engine)
    return again


def _fast(
    tasks: list[_Task], jobs: int, limits: Limits, open_tasks: dict[int, _Task], host: Host | None
) -> Iterator[_Task]:
    if host is None:
        return
    owners: dict[int, _Task] = {}

    def plays() -> Iterator[Play]:
        for task in tasks:
            _begin(task, open_tasks)
            assert task.home is not None
            task.play = Play(task.document, str(task.home / "work"), _environment(task.home), limits)
            owners[id(task.play)] = task
            yield task.play

    with closing(host.play(plays(), min(jobs, len(tasks)))) as finished:
        for play in finished:
            task = owners.pop(id(play))
            if (
                play.stop is not None and play.stop.kind != "error"
            ):  # an error stands in the cell and is told there
                where = "" if play.stop.cell is None else f" In cell {play.stop.cell + 1}."
                task.trouble = f"{play.stop.what}{where}"
            del open_tasks[task.place]
            yield task


def _slow(tasks: list[_Task], jobs: int, limits: Limits, open_tasks: dict[int, _Task]) -> Iterator[_Task]:
    if not tasks:
        return
    from labkit.engine import plain  # its import takes as long as a short notebook

    made: dict[Path, _Task] = {}
    listed = []
    for task in tasks:
        _begin(task, open_tasks)
        assert task.home is not None
        made[task.home / "work"] = task
        kernel = documents.kernel_name(task.document)
        listed.append(
            plain.Job(task.path, task.document, task.home / "work", _environment(task.home), kernel, limits)
        )
    for one in plain.play(listed, jobs):
        task = made[one.job.cwd]
        task.document, task.trouble, task.seconds = one.document, one.trouble, one.seconds
        del open_tasks[task.place]
        yield task


def _begin(task: _Task, open_tasks: dict[int, _Task]) -> None:
    task.begun = time.monotonic()
    task.home = Path(tempfile.mkdtemp(prefix="labkit-run-"))
    for name in ("work", "tmp", "ipython"):
        (task.home / name).mkdir()
    open_tasks[task.place] = task


def _environment(home: Path) -> dict[str, str]:
    """The kernel finds this labkit, and nothing of the person who runs the notebooks."""
    package = str(Path(labkit.__file__).resolve().parents[1])
    others = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one != package]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([package, *others]),
        "LABKIT_HOME": str(home / "progress"),
        "IPYTHONDIR": str(home / "ipython"),
        "TMPDIR": str(home / "tmp"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _shared_host(resident: bool) -> Host:
    """One prepared process for everything this process runs. Raises `EngineBroken` when it does not start."""
    global _host
    if _host is None:
        _host = Host(resident)
        atexit.register(_host.close)
    try:
        _host.start()
    except EngineBroken:
        _host.close()
        raise
    return _host


# -- verdicts --------------------------------------------------------------------------------------


def judged(document: dict[str, Any]) -> list[Fault]:
    """Everything wrong with an executed notebook, cell by cell."""
    edition = document["metadata"].get("labkit", {}).get("edition", "")
    faults: list[Fault] = []
    for place, cell in enumerate(document["cells"]):
        if cell["cell_type"] == "code":
            faults += (Fault(place, what) for what in _cell_faults(cell, edition))
    return faults


def _cell_faults(cell: dict[str, Any], edition: str) -> Iterator[str]:
    for output in cell["outputs"]:
        if output["output_type"] == "error":
            yield f"It raised {output['ename']}: {output['evalue']}."
    if cell["execution_count"] is None:
        if "".join(cell["source"]).strip():
            yield "It never ran."
        return
    if cell["metadata"].get("labkit", {}).get("role") != "check":
        return
    reports = list(_reports([cell]))
    if len(reports) != 1:
        yield f"It shows {len(reports)} reports instead of one."
        return
    status = reports[0]["status"]
    if status == FAULT:
        yield f"The check itself broke: {reports[0].get('message', '')}"
    elif edition == SOLVED and status != PASSED:
        missed = [one["id"] for one in reports[0]["findings"] if one["status"] == "FAIL"]
        yield f"The solved notebook does not pass ({status}; missed: {', '.join(missed) or 'nothing'})."
    elif edition == LEARNER and status == PASSED:
        yield "The untouched notebook passes."


def _reports(cells: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        for output in cell["outputs"]:
            if MIME in output.get("data", {}):
                yield output["data"][MIME]


def _verdict(task: _Task, folder: Path, always: bool) -> Verdict:
    whole = [Fault(None, task.trouble)] if task.trouble else []
    faults = (*judged(task.document), *whole)
    edition = task.document["metadata"].get("labkit", {}).get("edition", "")
    kept = None
    if (faults or always) and task.document["cells"]:
        kept = folder / f"{task.path.stem}.{edition or 'executed'}.ipynb"
        documents.write(task.document, kept)
    code = [cell for cell in task.document["cells"] if cell["cell_type"] == "code"]
    checks = [cell for cell in code if cell["metadata"].get("labkit", {}).get("role") == "check"]
    return Verdict(
        path=task.path,
        edition=edition,
        code_cells=len(code),
        checks=len(checks),
        passed=sum(report["status"] == PASSED for report in _reports(checks)),
        seconds=time.monotonic() - task.begun if task.seconds is None else task.seconds,
        faults=faults,
        kept=kept,
        notes=task.notes,
    )


def main(argv: list[str]) -> int:
    """The command `labkit run`."""
    from labkit.workbook.running import main as command

    return command(argv)
