"""`labkit lab` and `labkit test`: start JupyterLab or pytest with the settings a workbook needs."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import webbrowser
from pathlib import Path

from labkit.bootstrap import clone_root
from labkit.environment import clean_variables, say
from labkit.errors import LabkitError
from labkit.pins import installed
from labkit.process import call

START = "labs/00-start-here.ipynb"

# No request leaves the machine (no news, no look for updates) and the log keeps to what matters.
SETTINGS = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    f"--LabApp.default_url=/lab/tree/{START}",
    "--Application.log_level=WARN",
)


def lab(argv: list[str]) -> int:
    """Open the workbook in JupyterLab and return its exit status. Words it does not know go to JupyterLab."""
    parser = argparse.ArgumentParser(
        prog="labkit lab",
        description=f"Open {START} in JupyterLab. Other options go to JupyterLab itself.",
    )
    parser.add_argument("--port", type=int, help="the port to use; left out, JupyterLab takes a free one")
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    options, others = parser.parse_known_args(argv)
    folder = workbook_folder(Path.cwd())
    if not (folder / START).is_file():
        raise LabkitError(f"{folder / START} is missing: write the notebooks with `python -m labkit build`.")
    if installed("jupyterlab") is None:
        raise LabkitError("JupyterLab is not installed here: run `python -m pip install jupyterlab`.")
    _require_port(options.port)
    command = [sys.executable, "-m", "jupyterlab", *SETTINGS, f"--ServerApp.root_dir={folder}"]
    if options.port:
        command += [f"--ServerApp.port={options.port}", "--ServerApp.port_retries=0"]
    say(f"Starting JupyterLab in {folder}. End it with Ctrl-C here.")
    if options.no_browser or not _has_browser():
        command.append("--no-browser")
        say("Open the address that is printed below in a browser" + _why(options.no_browser))
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # containers run as root; the server answers on this machine only
    status = _call([*command, *others], folder)
    if status not in {0, 130, -2}:
        raise LabkitError(
            f"JupyterLab ended with status {status}: run `python -m labkit doctor` and mend what it names."
        )
    return 0


def test(argv: list[str]) -> int:
    """Run the whole test suite with pytest on two workers. Returns pytest's exit status."""
    root = clone_root()
    if root is None or not (root / "tests").is_dir():
        raise LabkitError(
            "The tests are not part of the installed package: clone the repository and run it there."
        )
    for name in ("pytest", "pytest-timeout", "pytest-xdist"):
        if installed(name) is None:
            raise LabkitError(
                f"{name} is not installed here: run `python -m pip install -e .[test] -c constraints.txt`."
            )
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", *argv]
    # The tests start hundreds of Pythons. Where this is set, as in many containers, each compiles all it imports.
    return _call(command, root, without="PYTHONDONTWRITEBYTECODE")


def workbook_folder(start: Path) -> Path:
    """The folder whose labs a learner opens: the nearest above `start` that holds them, else the clone.

    Raises `LabkitError` when there is neither, as after installing the wheel.
    """
    for folder in (start, *start.parents):
        if (folder / START).is_file():
            return folder
    root = clone_root()
    if root is None:
        raise LabkitError(
            "There is no workbook here: run `labkit init my-workbook`, go into that folder, run `labkit lab`."
        )
    return root


def _require_port(port: int | None) -> None:
    """Raise `LabkitError` when the wanted port, or every port, is taken on this machine."""
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind(("127.0.0.1", port or 0))
        except (OSError, OverflowError) as error:
            if port:
                cure = "choose another with --port, or leave --port out and JupyterLab takes a free one"
                raise LabkitError(f"Port {port} cannot be used ({_reason(error)}): {cure}.") from error
            cure = "end a program that holds ports, or allow this one to listen on 127.0.0.1"
            raise LabkitError(f"No port is free on this machine ({_reason(error)}): {cure}.") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _has_browser() -> bool:
    # On a Linux without a screen Python finds text browsers, which cannot show JupyterLab.
    screen = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in screen):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _why(asked: bool) -> str:
    return "." if asked else ": labkit found no browser here that it could open."


def _call(command: list[str], folder: Path, without: str = "") -> int:
    """Run `command` in `folder`, with the kernel of this environment and labkit in reach of it.

    `without` names a variable that it does not get.
    """
    variables = clean_variables()
    variables.pop(without, None)
    variables["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not one of the user's own
    root = clone_root()
    if root is not None and installed("labkit") is None:
        # An environment that has everything but labkit itself: kernels must find the clone.
        paths = [str(root), os.environ.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return call(command, folder=folder, variables=variables)
