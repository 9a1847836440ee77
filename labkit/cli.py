"""The `labkit` command: one small function for each word, loaded when it is asked for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from labkit import __version__
from labkit.errors import LabkitError, NotFound

Main = Callable[[list[str]], int]


@dataclass(frozen=True)
class Command:
    """A word of the command line: what it does, and where its `main(argv) -> int` lives."""

    help: str
    home: str
    function: str = "main"

    def load(self) -> Main:
        """Import what runs this command. Raises `LabkitError` when a package it needs is missing."""
        try:
            main: Main = getattr(import_module(self.home), self.function)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("labkit"):
                raise  # a part of labkit itself: a defect, and no package brings it
            # The bootstrap installs everything; this is somebody's own environment.
            cure = "python -m pip install -e '.[test]' -c constraints.txt"
            raise LabkitError(
                f"This command needs {error.name}, which is not installed. Run: {cure}"
            ) from error
        return main


COMMANDS = {
    "lab": Command("open the workbook in JupyterLab", "labkit.launch", "lab"),
    "test": Command("run the test suite (further words go to pytest)", "labkit.launch", "test"),
    "serve": Command("offer a simulated account to the AWS CLI and other programs", "labkit.serve"),
    "doctor": Command("look at this machine and say what to repair", "labkit.doctor"),
    "init": Command("copy the labs into a folder of your own", "labkit.init"),
    "build": Command("write the notebooks from their sources", "labkit.workbook.build"),
    "prove": Command("prove the checks of labs with right and wrong answers", "labkit.workbook.prove"),
    "new": Command("start a new lab from a scaffold", "labkit.workbook.scaffold"),
    "run": Command("run notebooks from top to bottom and count their reports", "labkit.workbook.notebooks"),
    "coverage": Command("print what the labs cover of the syllabus", "labkit.notebook.coverage"),
    "version": Command("print the versions of labkit and of what it is pinned to", "labkit.cli", "version"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns its exit status; 2 after a `LabkitError`, which is printed in one line."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except LabkitError as error:
        print(f"labkit: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `labkit doctor | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in {"-h", "--help", "help"}:
        _parser().print_help()
        return 0
    if argv[0] in {"-V", "--version"}:
        return version([])
    name, *rest = argv
    if name not in COMMANDS:
        raise NotFound("command", name, COMMANDS)
    return COMMANDS[name].load()(rest)


def version(argv: list[str]) -> int:
    """Print labkit's version and, for each pinned package, the version needed and the one installed."""
    argparse.ArgumentParser(prog="labkit version", description=COMMANDS["version"].help).parse_args(argv)
    from labkit.pins import PINS, installed

    print(f"labkit {__version__}")
    for name, pinned in PINS.items():
        have = installed(name)
        print(f"{name} {pinned}" + ("" if have == pinned else f" (installed: {have or 'none'})"))
    return 0


def _parser() -> argparse.ArgumentParser:
    # For the help text only: the words behind a command belong to its own parser, to pytest or to JupyterLab.
    parser = argparse.ArgumentParser(
        prog="labkit",
        description="AWS labs on a simulated account that behaves. No AWS account, no bill, no waiting.",
        epilog="`labkit COMMAND --help` tells more about one command.",
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.help, add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
