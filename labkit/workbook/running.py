"""The command `labkit run`: what is said while notebooks run and afterwards, on the terminal and as JUnit XML."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO
from xml.etree import ElementTree

from labkit.course.catalogue import workbook_root
from labkit.engine.host import can_fork
from labkit.errors import LabkitError
from labkit.workbook import notebooks
from labkit.workbook.notebooks import LABKIT, PAPERMILL, Verdict
from labkit.workbook.places import LEARNER, SOLVED, chosen, places
from labkit.workbook.problems import shown

INTERRUPTED: Final = 130


class Teller:
    """Prints each verdict in the order of the notebooks, and how far it is where a person looks on."""

    def __init__(self, paths: Sequence[Path], out: TextIO, err: TextIO) -> None:
        self._waiting = list(paths)
        self._all = len(paths)
        self._done: dict[Path, Verdict] = {}
        self._out = out
        self._err = err if err.isatty() else None
        self._begun = time.monotonic()

    def __call__(self, verdict: Verdict) -> None:
        """Hear a verdict."""
        self._done[verdict.path] = verdict
        self._wipe()
        while self._waiting and self._waiting[0] in self._done:
            self._print(self._done[self._waiting.pop(0)])
        if self._err is not None and len(self._done) < self._all:
            filled = 30 * len(self._done) // self._all
            bar = "#" * filled + "." * (30 - filled)
            seconds = time.monotonic() - self._begun
            self._err.write(f"[{bar}] {len(self._done)} of {self._all} notebooks, {seconds:.0f} s")
            self._err.flush()

    def rest(self) -> None:
        """Print what has a verdict but stands behind one that has none."""
        self._wipe()
        for path in self._waiting:
            if path in self._done:
                self._print(self._done[path])
        self._waiting = []

    def _wipe(self) -> None:
        if self._err is not None:
            self._err.write("\r\033[K")
            self._err.flush()

    def _print(self, verdict: Verdict) -> None:
        print(line(verdict), file=self._out)
        for note in verdict.notes:
            print(f"    {note}", file=self._out)
        for fault in verdict.faults:
            place = "" if fault.cell is None else f"cell {fault.cell + 1}: "
            print(f"    {place}{fault.what}", file=self._out)
        self._out.flush()


def line(verdict: Verdict) -> str:
    """A verdict in one line."""
    word = "FAILED" if verdict.faults else "good"
    kept = f", kept as {shown(verdict.kept)}" if verdict.kept else ""
    return (
        f"{word:6}  {shown(verdict.path)}: {verdict.code_cells} code cells, "
        f"{verdict.passed} of {verdict.checks} checks passed, {verdict.seconds:.1f} s{kept}"
    )


def summary(verdicts: Sequence[Verdict], asked: int, seconds: float) -> str:
    """All verdicts in one table: a row for each edition."""
    rows: list[tuple[str, ...]] = [
        ("", "notebooks", "good", "failed", "code cells", "checks passed", "seconds")
    ]
    for edition in dict.fromkeys(verdict.edition for verdict in verdicts):
        rows.append((edition or "no edition", *_counts([one for one in verdicts if one.edition == edition])))
    rows.append(("together", *_counts(verdicts)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    if missing := asked - len(verdicts):
        lines.append(f"{missing} did not run.")
    return "\n".join([*lines, f"It took {seconds:.1f} s."])


def _counts(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    failed = sum(bool(verdict.faults) for verdict in verdicts)
    checks = f"{sum(one.passed for one in verdicts)} of {sum(one.checks for one in verdicts)}"
    cells = str(sum(one.code_cells for one in verdicts))
    seconds = f"{sum(one.seconds for one in verdicts):.1f}"
    return str(len(verdicts)), str(len(verdicts) - failed), str(failed), cells, checks, seconds


def junit(verdicts: Sequence[Verdict], paths: Sequence[Path], seconds: float) -> str:
    """The verdicts as JUnit XML, one test case for each notebook; those that did not run are skipped."""
    told = {verdict.path: verdict for verdict in verdicts}
    failed = sum(bool(verdict.faults) for verdict in verdicts)
    counts = {"tests": str(len(paths)), "failures": str(failed), "errors": "0"}
    counts |= {"skipped": str(len(paths) - len(told)), "time": f"{seconds:.3f}"}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "labkit run", **counts})
    for path in paths:
        verdict = told.get(path)
        name = {"classname": verdict.edition if verdict else "", "name": shown(path)}
        case = ElementTree.SubElement(suite, "testcase", name)
        if verdict is None:
            ElementTree.SubElement(case, "skipped", {"message": "It did not run."})
            continue
        case.set("time", f"{verdict.seconds:.3f}")
        if verdict.faults:
            texts = [
                f"cell {one.cell + 1}: {one.what}" if one.cell is not None else one.what
                for one in verdict.faults
            ]
            failure = ElementTree.SubElement(case, "failure", {"message": _printable(texts[0])})
            failure.text = _printable(
                "\n".join([*texts, *([f"kept as {shown(verdict.kept)}"] if verdict.kept else [])])
            )
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    """XML has no signs for control characters, such as those that colour an error."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "?" for sign in text)


def main(argv: list[str]) -> int:
    """Run the notebooks of the named labs (all of them for no name). Returns 1 where one is not good."""
    options = _parser().parse_args(argv)
    if options.stay or options.leave:
        return _keep(options)
    paths = list(_notebooks(options.labs, options.edition))
    teller = Teller(paths, sys.stdout, sys.stderr)
    begun = time.monotonic()
    status = 0
    try:
        verdicts = notebooks.run(
            paths,
            options.keep,
            options.jobs,
            engine=options.engine,
            outputs=options.outputs,
            told=teller,
            resident=True,
        )
    except notebooks.Interrupted as interrupted:
        verdicts, status = interrupted.verdicts, INTERRUPTED
    teller.rest()
    seconds = time.monotonic() - begun
    print(summary(verdicts, len(paths), seconds))
    if options.junit is not None:
        options.junit.parent.mkdir(parents=True, exist_ok=True)
        options.junit.write_text(junit(verdicts, paths, seconds), encoding="utf-8")
    return status or (1 if any(verdict.faults for verdict in verdicts) else 0)


def _keep(options: argparse.Namespace) -> int:
    """Start or send away the prepared process that stays. Raises `LabkitError` where there can be none."""
    if options.labs or (options.stay and options.leave):
        raise LabkitError("--stay and --leave stand alone: name labs in the next `labkit run`.")
    if not can_fork():
        raise LabkitError(
            "This system cannot fork, so no prepared process can stay. `labkit run` works without one."
        )
    from labkit.engine import resident

    if options.leave:
        count = resident.leave()
        print(
            f"{count or 'No'} prepared process{'es' if count > 1 else ''} {'sent away' if count else 'was there'}."
        )
        return 0
    pid, was_there = resident.stay()
    print(
        f"A prepared process {'was there already' if was_there else 'is there'} (process {pid}). "
        f"`labkit run` starts at once as long as it stays: until {resident.IDLE / 60:.0f} minutes without work, "
        "or `labkit run --leave`."
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="labkit run", description=notebooks.__doc__)
    parser.add_argument("labs", nargs="*", metavar="LAB", help='such as "16"; all labs if none is named')
    parser.add_argument(
        "--edition", choices=[LEARNER, SOLVED], help="only the untouched or only the solved ones"
    )
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at a time (default 2)")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/notebooks"), help="where failed ones are kept"
    )
    parser.add_argument("--outputs", type=Path, help="keep every executed notebook, in this folder")
    parser.add_argument("--junit", type=Path, help="write the verdicts to this file as JUnit XML")
    parser.add_argument(
        "--engine", choices=[LABKIT, PAPERMILL], default=LABKIT, help="papermill: the slow way, to compare"
    )
    parser.add_argument(
        "--stay",
        action="store_true",
        help="run nothing: start a prepared process (250 MB) that the next runs use. It ends after 30 minutes without "
        "work, and is replaced when labkit, its data or an installed package has changed",
    )
    parser.add_argument(
        "--leave", action="store_true", help="run nothing: end the process that --stay started"
    )
    return parser


def _notebooks(names: Sequence[str], edition: str | None) -> Iterator[Path]:
    root = workbook_root()
    for source in chosen(names, root):
        where = places(source, root)
        if edition != SOLVED:
            yield where.learner
        if edition != LEARNER:
            yield where.solved
