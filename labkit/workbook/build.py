"""`labkit build`: writes both notebooks and lab.json from each lab's source, or checks that they are what it gives."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from labkit.course.catalogue import workbook_root
from labkit.workbook.assemble import lab_json, notebook
from labkit.workbook.bind import Lab, bind
from labkit.workbook.places import LEARNER, SOLVED, chosen, places, sources
from labkit.workbook.problems import Problem, SourceError, shown


def generated(lab: Lab) -> dict[Path, bytes]:
    """Every file a lab's source gives, with its content."""
    where = places(lab.source.path, lab.root)
    return {
        where.learner: notebook(lab, LEARNER),
        where.solved: notebook(lab, SOLVED),
        where.json: lab_json(lab),
    }


def write(lab: Lab) -> list[Path]:
    """Write the generated files of a lab; returns those that were not up to date."""
    changed = {path: content for path, content in generated(lab).items() if _content(path) != content}
    for path, content in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        part.replace(path)  # in one step: a kernel may be reading it
    return list(changed)


def stale(lab: Lab) -> list[Problem]:
    """The generated files of a lab that are not, byte for byte, what its source gives."""
    source = shown(lab.source.path)
    problems = []
    for path, content in generated(lab).items():
        have = _content(path)
        if have != content:
            what = "This file is missing." if have is None else f"This file is not what {source} gives."
            line = 0 if have is None else _first_difference(have, content)
            problems.append(Problem(path, line, what, f"Run `labkit build {lab.source.header.number}`."))
    return problems


def strays(root: Path) -> list[Problem]:
    """Notebooks in labs/ and solutions/ that no source gives."""
    known = {path for source in sources(root) for path in _notebooks_of(source, root)}
    found = (path for folder in ("labs", "solutions") for path in (root / folder).rglob("*.ipynb"))
    return [
        Problem(
            path, 0, "No lab's source gives this notebook.", "Delete it, or write its lab.py in solutions/."
        )
        for path in sorted(found)
        if path not in known and ".ipynb_checkpoints" not in path.parts
    ]


def _notebooks_of(source: Path, root: Path) -> Iterator[Path]:
    where = places(source, root)
    yield from (where.learner, where.solved)


def _content(path: Path) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return None


def _first_difference(have: bytes, wanted: bytes) -> int:
    """The line (from 1) where two files begin to differ."""
    mine, theirs = have.split(b"\n"), wanted.split(b"\n")
    for number, (one, other) in enumerate(zip(mine, theirs, strict=False), start=1):
        if one != other:
            return number
    return min(len(mine), len(theirs))


def main(argv: list[str]) -> int:
    """Build, or check, the named labs (all of them for no name). Returns 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="labkit build", description=__doc__)
    parser.add_argument("labs", nargs="*", metavar="LAB", help='such as "16"; all labs if none is named')
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a file is not up to date"
    )
    options = parser.parse_args(argv)
    root = workbook_root()
    problems: list[Problem] = []
    for path in chosen(options.labs, root):
        try:
            lab = bind(path, root)
        except SourceError as error:
            problems += error.problems
            continue
        if options.check:
            problems += stale(lab)
        else:
            _tell(lab, write(lab))
    if options.check and not options.labs:
        problems += strays(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    if options.check and not problems:
        print("Every generated file is what its source gives.")
    return 1 if problems else 0


def _tell(lab: Lab, changed: list[Path]) -> None:
    names = ", ".join(shown(path) for path in changed)
    print(f"{lab.key}: wrote {names}." if changed else f"{lab.key}: up to date.")
