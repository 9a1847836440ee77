"""Which labs a workbook has, and where what is generated from them lies. Loads nothing that reads their sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from labkit.errors import NotFound

LEARNER: Final = "learner"
SOLVED: Final = "solved"
"""The two editions of a lab."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the generated files of one lab lie."""

    learner: Path
    solved: Path
    json: Path


def sources(root: Path) -> list[Path]:
    """Every lab.py of a workbook, in the order of the course."""
    solutions = root / "solutions"
    found = [*solutions.glob("*/lab.py"), *solutions.glob("week*/*/lab.py")]
    return sorted(found, key=lambda path: path.parent.name)


def chosen(names: Iterable[str], root: Path) -> list[Path]:
    """The lab.py files meant by "16", "16-sqs" or full keys; all of them for no names.

    Raises NotFound with the nearest names.
    """
    every = {path.parent.name: path for path in sources(root)}
    wanted = [_key(name, every) for name in names]
    return [every[key] for key in sorted(set(wanted))] if wanted else list(every.values())


def _key(name: str, every: dict[str, Path]) -> str:
    fitting = [key for key in every if key == name] or [key for key in every if key.startswith(name)]
    if len(fitting) != 1:
        raise NotFound("lab", name, fitting or every)
    return fitting[0]


def places(source: Path, root: Path) -> Places:
    """Where the files generated from a lab.py belong."""
    folder = source.parent.relative_to(root / "solutions")
    name = f"{folder.name}.ipynb"
    return Places(
        root / "labs" / folder.parent / name,
        root / "solutions" / folder.parent / name,
        source.with_name("lab.json"),
    )
