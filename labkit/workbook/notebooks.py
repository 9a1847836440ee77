"""`labkit run`: runs notebooks with papermill and judges what they show, never only how they ended.

A notebook is good when every code cell has an execution count and no error, and every check cell shows exactly one
report: in a solved notebook each one passed, in an untouched one none. papermill's own exit status is no evidence:
a `sys.exit(0)` in a cell ends a notebook early, and papermill calls that a success.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.course.catalogue import workbook_root
from labkit.judging.report import FAULT, MIME, PASSED
from labkit.workbook.assemble import LEARNER, SOLVED
from labkit.workbook.build import chosen, places
from labkit.workbook.problems import shown

CELL_LIMIT = 120
"""Seconds one cell may take."""

START_LIMIT = 60
"""Seconds a kernel may take to start."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an executed notebook. `cell` is its place from 0, None for the whole notebook."""

    cell: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What running one notebook showed. `kept` is the executed notebook, where it was kept."""

    path: Path
    edition: str
    code_cells: int
    checks: int
    passed: int
    seconds: float
    faults: tuple[Fault, ...]
    kept: Path | None


def run(paths: Sequence[Path], keep: Path, jobs: int = 2) -> list[Verdict]:
    """Run notebooks, `jobs` at a time, each in a kernel of its own and with an empty progress file.

    Executed notebooks with faults are kept in the folder `keep`. The verdicts come in the order of `paths`.
    """
    keep.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit a running sandbox
    with ProcessPoolExecutor(max(1, min(jobs, len(paths))), mp_context=spawn) as pool:
        return list(pool.map(_run_one, paths, [keep] * len(paths)))


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
    reports = _reports(cell)
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


def _reports(cell: dict[str, Any]) -> list[dict[str, Any]]:
    return [output["data"][MIME] for output in cell["outputs"] if MIME in output.get("data", {})]


def _run_one(path: Path, keep: Path) -> Verdict:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labkit-run-", ignore_cleanup_errors=True) as home:
        _own_environment(Path(home))
        document, trouble = _execute(path, Path(home))
    faults = [*judged(document), *([Fault(None, trouble)] if trouble else [])]
    kept = None
    if faults:
        kept = keep / f"{path.stem}.{document['metadata']['labkit']['edition']}.ipynb"
        kept.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    checks = [cell for cell in code if cell["metadata"].get("labkit", {}).get("role") == "check"]
    return Verdict(
        path=path,
        edition=document["metadata"]["labkit"]["edition"],
        code_cells=len(code),
        checks=len(checks),
        passed=sum(report["status"] == PASSED for cell in checks for report in _reports(cell)),
        seconds=time.monotonic() - begun,
        faults=tuple(faults),
        kept=kept,
    )


def _own_environment(home: Path) -> None:
    """The kernel finds this labkit, and nothing of the person who runs the notebooks."""
    package = str(Path(__file__).resolve().parents[2])
    others = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one != package]
    os.environ["PYTHONPATH"] = os.pathsep.join([package, *others])
    os.environ["LABKIT_HOME"] = str(home / "progress")
    os.environ["IPYTHONDIR"] = str(home / "ipython")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    profile = home / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    # Kernels tell the terminal that they talk over TCP and that they were shut down. Errors reach the notebook.
    quiet = {"IPKernelApp": {"log_level": logging.CRITICAL}}
    (profile / "ipython_kernel_config.json").write_text(json.dumps(quiet), encoding="utf-8")


def _execute(path: Path, home: Path) -> tuple[dict[str, Any], str]:
    """The executed notebook and what stopped it ("" where nothing did)."""
    # jsonschema builds a grammar for international addresses when it finds this package: 1.5 seconds at import,
    # and no notebook has a use for it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines

    documents = []

    class Engine(NBClientEngine):  # type: ignore[misc]
        """Keeps hold of the notebook: whatever happens, the outputs so far are in it."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, *args: Any, **kwargs: Any) -> None:
            documents.append(nb_man.nb)
            super().execute_managed_notebook(nb_man, *args, **kwargs)

    papermill_engines.register("labkit", Engine)
    trouble = ""
    try:
        papermill.execute_notebook(
            path,
            None,
            engine_name="labkit",
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,  # saving after each cell costs more than running it
            cwd=home,
            start_timeout=START_LIMIT,
            execution_timeout=CELL_LIMIT,
        )
    except papermill.PapermillExecutionError:
        pass  # the error stands in the cell's outputs and is told from there
    except Exception as error:  # a dead kernel, a cell that took too long, a file that is no notebook
        trouble = f"papermill stopped with {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    document = documents[0] if documents else json.loads(path.read_text(encoding="utf-8"))
    return json.loads(json.dumps(document)), trouble


def main(argv: list[str]) -> int:
    """Run the notebooks of the named labs (all of them for no name). Returns 1 where one is not good."""
    parser = argparse.ArgumentParser(prog="labkit run", description=__doc__)
    parser.add_argument("labs", nargs="*", metavar="LAB", help='such as "16"; all labs if none is named')
    parser.add_argument(
        "--edition", choices=[LEARNER, SOLVED], help="only the untouched or only the solved ones"
    )
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at a time (default 2)")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/notebooks"), help="where failed ones are kept"
    )
    options = parser.parse_args(argv)
    paths = list(_notebooks(options.labs, options.edition))
    verdicts = run(paths, options.keep, options.jobs)
    for verdict in verdicts:
        print(_line(verdict))
        for fault in verdict.faults:
            place = "" if fault.cell is None else f"cell {fault.cell + 1}: "
            print(f"    {place}{fault.what}")
    return 1 if any(verdict.faults for verdict in verdicts) else 0


def _notebooks(names: Sequence[str], edition: str | None) -> Iterator[Path]:
    root = workbook_root()
    for source in chosen(names, root):
        where = places(source, root)
        if edition != SOLVED:
            yield where.learner
        if edition != LEARNER:
            yield where.solved


def _line(verdict: Verdict) -> str:
    word = "FAILED" if verdict.faults else "good"
    kept = f", kept as {shown(verdict.kept)}" if verdict.kept else ""
    return (
        f"{word:6}  {shown(verdict.path)}: {verdict.code_cells} code cells, "
        f"{verdict.passed} of {verdict.checks} checks passed, {verdict.seconds:.1f} s{kept}"
    )
