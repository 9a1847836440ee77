"""`labkit init DIR`: copy the labs out of the package or the clone into a folder of the learner's own."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from labkit.bootstrap import clone_root
from labkit.errors import LabkitError


def main(argv: list[str]) -> int:
    """Copy the labs and say what was copied and what was kept. Returns 0."""
    parser = argparse.ArgumentParser(
        prog="labkit init",
        description="Copy the labs into DIR. Files that are already there are kept as they are.",
    )
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="the folder to fill; made when it is not there"
    )
    parser.add_argument("--instructor", action="store_true", help="copy the solved notebooks too")
    options = parser.parse_args(argv)
    folder: Path = options.folder
    copied, kept = copy_out(source_folder(), folder, instructor=options.instructor)
    print(f"{len(copied)} file{'' if len(copied) == 1 else 's'} copied to {folder}.")
    if kept:
        print(f"Kept as they were ({len(kept)}; move one away and run this again to get a fresh copy):")
        for name in kept:
            print(f"  {name}")
    print(f"Open them: cd {folder}, then labkit lab")
    return 0


def source_folder() -> Path:
    """Where the labs are: `labkit/_workbook` in an installed wheel, else the clone."""
    packed = Path(__file__).resolve().parent / "_workbook"
    folder = packed if packed.is_dir() else clone_root()
    if folder is None or not (folder / "labs").is_dir():
        raise LabkitError("This labkit carries no labs: install it again, or clone the repository.")
    return folder


def copy_out(source: Path, folder: Path, *, instructor: bool) -> tuple[list[str], list[str]]:
    """Copy what a learner (or an instructor) needs. Returns the names copied and the names kept, in order.

    A file that is there already is never touched, so a second run brings only what is new.
    """
    if folder.resolve() == source.resolve():
        raise LabkitError(f"{folder} is where the labs come from: name another folder.")
    copied: list[str] = []
    kept: list[str] = []
    try:
        for name in _wanted(source, instructor=instructor):
            target = folder / name
            if target.exists():
                kept.append(name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)  # without the mode: a package may be read-only
            copied.append(name)
    except OSError as error:
        cure = "name a folder of your own with room in it"
        raise LabkitError(f"The labs cannot be copied to {folder} ({error.strerror}): {cure}.") from error
    return copied, kept


def _wanted(source: Path, *, instructor: bool) -> Iterator[str]:
    rooms = ["labs", "solutions"] if instructor else ["labs"]
    notebooks = [
        path
        for room in rooms
        for path in sorted((source / room).rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts
    ]
    for path in notebooks:
        yield path.relative_to(source).as_posix()
    # Inputs go along only when a notebook opens them; most of data/ is for building notebooks.
    text = "".join(path.read_text(encoding="utf-8") for path in notebooks)
    for path in sorted((source / "data").rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_file() and name in text:
            yield name
