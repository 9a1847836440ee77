"""How long do all notebooks of the course take, and how much memory?

    python tests/benchmarks/bench_notebooks.py [--rounds N] [--only PART-OF-A-PATH ...]

Side by side, in turn, in every round: papermill's command line, one notebook after another; `pytest --nbmake`, alone
and with two workers (only where nbmake is installed); `labkit run` with one and two workers; and the floor: the same
cells executed in forked children with nothing captured. Then each solved notebook alone from the shell, with the
prepared process resident (`labkit run --stay`), against papermill's command line. Ratios are medians of each round's
own ratio to `labkit run` with two workers.
Peak memory is that of the whole tree of processes, each shared page divided by how many share it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = "labkit, 2 workers"
GOALS = {"papermill CLI": 15.0, "pytest --nbmake -n2": 5.5}
RUN = "import sys\nfrom labkit.workbook.running import main\nimport labkit.workbook.running as running\n"
RUN += "from pathlib import Path\nrunning._notebooks = lambda *_: map(Path, sys.argv[2:])\n"
RUN += "sys.exit(main(['--jobs', sys.argv[1], '--keep', 'kept']))\n"
PAPERMILL = """
import subprocess, sys
for number, path in enumerate(sys.argv[1:]):
    words = [sys.executable, "-m", "papermill", "--no-progress-bar", "-k", "python3", path, f"out{number}.ipynb"]
    subprocess.run(words, check=False)
"""
FLOOR = """
import os, sys
from pathlib import Path
from IPython.core.inputtransformer2 import TransformerManager
from labkit.engine import documents, warm
warm._show_an_error = lambda: None
warm.load_base()
found = [documents.read(Path(path)) for path in sys.argv[2:]]
code = " ".join(cell["source"] for document in found for cell in document["cells"] if cell["cell_type"] == "code")
warm.load(warm.needs(code))
def play(document):
    space = {"__name__": "__main__"}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            try:
                exec(compile(TransformerManager().transform_cell(cell["source"]), "cell", "exec"), space)
            except BaseException:
                pass
running = 0
for document in found:
    if running == int(sys.argv[1]):
        os.wait()
        running -= 1
    if os.fork() == 0:
        play(document)
        os._exit(0)
    running += 1
for _ in range(running):
    os.wait()
"""


@dataclass(frozen=True)
class Cost:
    """What one method took: seconds of wall and processor time, and megabytes at the peak."""

    wall: float
    cpu: float
    peak: float


def variables(**more: str) -> dict[str, str]:
    """What programs are started with. They find this labkit, with its bytecode beside it as after an installation."""
    known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return known | {"PYTHONPATH": str(ROOT), **more}


@contextmanager
def watched(pid: Callable[[], int]) -> Iterator[list[int]]:
    """The peak of a tree's memory while something runs, in bytes, as the list's only item at the end."""
    from labkit.engine.tree import pids_below, together

    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.25):
            peak[0] = max(peak[0], together([pid(), *pids_below(pid())]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def cost(words: list[str]) -> Cost:
    """Run a program in a folder of its own and measure it with everything it starts."""
    folder = tempfile.mkdtemp(prefix="bench-")
    environ = variables(LABKIT_HOME=folder, IPYTHONDIR=f"{folder}/ipython")
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        words, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with watched(lambda: process.pid) as peak:
        process.wait()
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    shutil.rmtree(folder, ignore_errors=True)
    return Cost(wall, cpu, peak[0] / (1 << 20))


def methods(paths: list[str]) -> dict[str, list[str]]:
    """The programs to compare, by name."""
    python = [sys.executable, "-c"]
    nbmake = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbmake",
        "--rootdir",
        str(ROOT),
    ]
    found = {"papermill CLI": [*python, PAPERMILL, *paths]}
    if importlib.util.find_spec("nbmake"):
        found["pytest --nbmake"] = [*nbmake, *paths]
        found["pytest --nbmake -n2"] = [*nbmake, "-n2", *paths]
    else:
        print("pytest --nbmake is left out: nbmake is not installed (python -m pip install nbmake).")
    found["labkit, 1 worker"] = [*python, RUN, "1", *paths]
    found[OURS] = [*python, RUN, "2", *paths]
    found["floor, 2 at a time"] = [*python, FLOOR, "2", *paths]
    return found


def table(costs: dict[str, list[Cost]]) -> str:
    """Medians, and the medians of each round's own ratio to ours."""
    lines = [f"{'':24}{'wall s':>9}{'cpu s':>9}{'peak MB':>9}{'wall/ours':>11}{'cpu/ours':>10}  goal"]
    for name, rounds in costs.items():
        wall, cpu, peak = (
            statistics.median(getattr(one, what) for one in rounds) for what in ("wall", "cpu", "peak")
        )
        pairs = list(zip(rounds, costs[OURS], strict=True))
        slower = statistics.median(one.wall / ours.wall for one, ours in pairs)
        dearer = statistics.median(one.cpu / ours.cpu for one, ours in pairs)
        goal = f"  >= {GOALS[name]:g}" if name in GOALS else ""
        lines.append(f"{name:24}{wall:9.1f}{cpu:9.1f}{peak:9.0f}{slower:11.2f}{dearer:10.2f}{goal}")
    return "\n".join(lines)


@contextmanager
def resident() -> Iterator[dict[str, str]]:
    """A prepared process that stays. The variables with which commands find it, and no command of anybody else."""
    folder = tempfile.mkdtemp()
    environ = variables(XDG_RUNTIME_DIR=folder, LABKIT_NO_VENV="1")
    command = [sys.executable, "-m", "labkit", "run"]
    subprocess.run([*command, "--stay"], check=True, env=environ, stdout=subprocess.DEVNULL)
    try:
        yield environ
    finally:
        subprocess.run([*command, "--leave"], check=True, env=environ, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def one_notebook(path: Path, rounds: int) -> str:
    """`labkit run` of one notebook from the shell, with a process that stays, against papermill's command line."""
    edition = "solved" if ROOT / "solutions" in path.parents else "learner"
    words = [sys.executable, "-m", "labkit", "run", path.stem, "--edition", edition]
    ours, within, theirs = [], [], []
    with resident() as environ, tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            begun = time.perf_counter()
            done = subprocess.run(
                words, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, check=False
            )
            taken = time.perf_counter() - begun
            if number:  # the first time, the process loads what this notebook needs
                ours.append(taken)
                within.append(float(done.stdout.splitlines()[0].split(", ")[2].removesuffix(" s")))
                theirs.append(cost([sys.executable, "-c", PAPERMILL, str(path)]).wall)
    ratio = statistics.median(slow / fast for fast, slow in zip(ours, theirs, strict=True))
    seconds = [statistics.median(one) for one in (ours, within, theirs)]
    return (
        "{}: labkit run {:.2f} s ({:.1f} of it in the notebook), papermill CLI {:.2f} s".format(
            path.stem, *seconds
        )
        + f"; ratio {ratio:.1f}, goal 10"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="parts of paths, such as 16-")
    options = parser.parse_args()
    paths = sorted(str(path) for room in ("labs", "solutions") for path in (ROOT / room).rglob("*.ipynb"))
    paths = [path for path in paths if not options.only or any(part in path for part in options.only)]
    programs = methods(paths)
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for _ in range(options.rounds):
        for name, words in programs.items():
            costs[name].append(cost(words))
    print(f"{len(paths)} notebooks, {options.rounds} interleaved rounds, load {os.getloadavg()[0]:.1f}")
    print(table(costs))
    print("one notebook from the shell, with the prepared process resident:")
    for path in map(Path, paths):
        if ROOT / "solutions" in path.parents:
            print(one_notebook(path, options.rounds), flush=True)


if __name__ == "__main__":
    main()
