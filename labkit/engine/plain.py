"""The slow way: papermill's own engine, each notebook in a spawned process with a kernel of its own.

For systems that cannot fork, for notebooks that ask for another kernel, and for the comparison with ours.
"""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.engine.play import Limits


@dataclass(frozen=True, slots=True)
class Job:
    """A notebook for papermill. `kernel` is the kernel's name; `environ` that of the kernel."""

    path: Path
    document: dict[str, Any]
    cwd: Path
    environ: dict[str, str]
    kernel: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Done:
    """A notebook that papermill has run. `trouble` is what stopped it, empty when nothing did."""

    job: Job
    document: dict[str, Any]
    trouble: str
    seconds: float


def play(jobs: Iterable[Job], workers: int = 1) -> Iterator[Done]:
    """Run notebooks; each comes back when it is done.

    Of the limits, papermill keeps the one for a cell only.
    """
    waiting = iter(jobs)
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit a running sandbox
    running: dict[Future[Done], tuple[Job, ProcessPoolExecutor]] = {}
    try:
        while True:
            for job in itertools.islice(waiting, max(1, workers) - len(running)):
                # A process for each: Python remembers where temporary files lie, and the last notebook's place is gone.
                pool = ProcessPoolExecutor(1, mp_context=spawn)
                running[pool.submit(_one, job)] = job, pool
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                job, pool = running.pop(done)
                pool.shutdown()
                try:
                    yield done.result()
                except BrokenProcessPool:
                    yield Done(job, job.document, "The process that ran papermill ended.", 0.0)
    finally:
        for _, pool in running.values():
            pool.shutdown(cancel_futures=True)


def quiet_profile(folder: Path) -> None:
    """Kernels tell the terminal that they talk over TCP and that they were shut down: not with this profile."""
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    quiet = {"IPKernelApp": {"log_level": logging.CRITICAL}}
    (profile / "ipython_kernel_config.json").write_text(json.dumps(quiet), encoding="utf-8")


def _one(job: Job) -> Done:
    begun = time.monotonic()
    os.environ.clear()
    os.environ.update(job.environ)
    quiet_profile(Path(job.environ["IPYTHONDIR"]))
    # jsonschema builds a grammar for international addresses when it finds this package: 1.5 seconds at import,
    # and no notebook has a use for it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines

    documents = []

    class Keeping(NBClientEngine):  # type: ignore[misc]
        """Keeps hold of the notebook: whatever happens, the outputs so far are in it."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, *args: Any, **kwargs: Any) -> None:
            documents.append(nb_man.nb)
            super().execute_managed_notebook(nb_man, *args, **kwargs)

    papermill_engines.register("keeping", Keeping)
    trouble = ""
    try:
        papermill.execute_notebook(
            job.path,
            None,
            engine_name="keeping",
            kernel_name=job.kernel,
            progress_bar=False,
            request_save_on_cell_execute=False,  # saving after each cell costs more than running it
            cwd=job.cwd,
            start_timeout=60,
            execution_timeout=job.limits.cell,
        )
    except papermill.PapermillExecutionError:
        pass  # the error stands in the cell's outputs and is told from there
    except Exception as error:  # a dead kernel, a cell that took too long, a kernel that is not installed
        trouble = f"papermill stopped with {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    document = documents[0] if documents else job.document
    return Done(job, json.loads(json.dumps(document)), trouble, time.monotonic() - begun)
