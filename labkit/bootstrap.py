"""From a bare Python to a running command: find an environment that fits, or make `.venv` and go there.

Only the standard library is used here. Three questions, in this order:

1. Does the command need anything at all? `init`, `version` and help do not.
2. Does the running environment have everything? Then it is used (a Hub, a container, an activated venv).
3. Otherwise `.venv` in the clone is used. `labkit.environment` makes it, or makes it fit again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from labkit import environment
from labkit.environment import say
from labkit.errors import LabkitError
from labkit.process import call

LOOKING = frozenset({"doctor", "version"})
BARE = LOOKING | {"init", "help"}


def main(argv: list[str] | None = None) -> int:
    """Run the labkit command in `argv` in an environment that fits. Returns its exit status.

    2 means labkit could not start or was asked for something impossible; the sentence on stderr has the cure.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _dispatch(arguments)
    except LabkitError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("Stopped by you. Run the same command again to go on.")
        return 130


def clone_root() -> Path | None:
    """The folder of the clone this labkit runs from, or None when it was installed from a wheel."""
    folder = Path(__file__).resolve().parent.parent
    marks = ("pyproject.toml", "constraints.txt", "labkit/__main__.py")
    return folder if all((folder / mark).is_file() for mark in marks) else None


def _dispatch(argv: list[str]) -> int:
    from labkit import cli

    root = clone_root()
    command = argv[0] if argv else "help"
    if root is None or command not in cli.COMMANDS or _is_help(command, argv[1:]):
        return cli.main(argv)
    venv = environment.Venv(root)
    if command in BARE and "--repair" not in argv:
        # These two look at the environment the other commands would use, and never make one unasked.
        looks_there = command in LOOKING and venv.is_ready() and not venv.is_running()
        return _go(venv, argv) if looks_there and not _stays_here(root, command) else cli.main(argv)
    if _stays_here(root, command):
        return cli.main(argv)
    venv.ensure()
    return cli.main(argv) if venv.is_running() else _go(venv, argv)


def _is_help(command: str, rest: list[str]) -> bool:
    # pytest's and JupyterLab's own --help need pytest and JupyterLab.
    return command not in {"test", "lab"} and any(word in {"-h", "--help"} for word in rest)


def _stays_here(root: Path, command: str) -> bool:
    """Is the running environment the one to use? LABKIT_NO_VENV=1 says yes whatever is missing."""
    forced = os.environ.get("LABKIT_NO_VENV", "") not in {"", "0"}
    if environment.Venv(root).is_running() and not forced:
        return False  # .venv looks after itself: it is brought up to date when the pins change
    missing = environment.unmet(root, tests=command != "lab")
    if forced and missing:
        cure = "install it, or unset LABKIT_NO_VENV to let labkit make its own environment"
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        say(f"LABKIT_NO_VENV is set, but this environment lacks {', '.join(missing[:3])}{more}: {cure}.")
    return forced or not missing


def _go(venv: environment.Venv, argv: list[str]) -> int:
    """Run the same command inside the environment. On POSIX this process becomes it."""
    command = [str(venv.python), "-m", "labkit", *argv]
    variables = environment.clean_variables()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execve(command[0], command, variables)
    # Windows has no exec: a new process would get the console, and the shell would go on at once.
    return call(command, variables=variables)
