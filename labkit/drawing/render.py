"""The one function that turns DOT into SVG, with whatever renderer this machine has.

In this order: the program that `LABKIT_DOT` names, the `graphviz-pure` wheel, `dot` on the PATH. Nothing of it
needs an administrator. `LABKIT_DOT=off` draws nothing: every figure is then shown in words.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from labkit.errors import LabkitError

VARIABLE: Final = "LABKIT_DOT"
OFF: Final = ("off", "none", "0")
CURE: Final = "`python -m pip install graphviz-pure`"
SECONDS: Final = 10
"""How long a program may take for one figure."""
FIRST_CELL: Final = "#fe0000"
"""The colour of the first cell of our tables. A program that knows no tables leaves it out."""
_NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)


class NoRenderer(LabkitError):
    """No program here turned the figure into a picture. The message is one line of help."""


def render(dot: str) -> str:
    """DOT as SVG. Raises `NoRenderer` when no program did it."""
    return _render(dot, os.environ.get(VARIABLE, ""), os.environ.get("PATH", ""))


@functools.lru_cache(maxsize=128)
def _render(dot: str, chosen: str, path: str) -> str:
    if chosen.strip().casefold() in OFF:
        raise NoRenderer(f"Drawing is switched off by {VARIABLE}={chosen}.")
    failures = []
    for program in _programs(chosen.strip(), path):
        try:
            return _run(program, dot)
        except (OSError, subprocess.SubprocessError, UnicodeError) as error:
            failures.append(_reason(program, error))
    if failures:
        raise NoRenderer(f"The figure could not be drawn ({'; '.join(failures)}). Its words are complete.")
    raise NoRenderer(f"Nothing here can draw. To see it drawn: {CURE}")


def _programs(chosen: str, path: str) -> Iterator[str]:
    """The renderers of this machine, the preferred one first."""
    if chosen:
        yield shutil.which(chosen, path=path) or chosen
    if own := pure_program():
        yield own
    if installed := shutil.which("dot", path=path):
        yield installed


@functools.cache
def pure_program() -> str | None:
    """The program of the `graphviz-pure` wheel. It is found also when its environment is not activated."""
    try:
        files = metadata.files("graphviz-pure") or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in ("graphviz-pure", "graphviz-pure.exe"):
            place = os.path.realpath(str(file.locate()))
            return place if os.path.isfile(place) else None  # noqa: PTH113 - a str all the way
    return None


def _run(program: str, dot: str) -> str:
    """One run. What the program says beside the picture is not shown: it is about fonts, not about the figure."""
    done = subprocess.run(
        [program, "-Tsvg"], input=dot.encode(), capture_output=True, timeout=SECONDS, creationflags=_NO_WINDOW,
        check=False,
    )  # fmt: skip
    told = done.stdout.decode()
    if "</svg>" not in told or (FIRST_CELL in dot and FIRST_CELL not in told.lower()):
        raise subprocess.CalledProcessError(done.returncode, program, stderr=done.stderr[:200])
    return told


def _reason(program: str, error: Exception) -> str:
    name = os.path.basename(program)  # noqa: PTH119 - a str all the way
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{name} took longer than {SECONDS} seconds"
    if isinstance(error, FileNotFoundError):
        return f"{name} is not there"
    return f"{name} failed: {type(error).__name__}"
