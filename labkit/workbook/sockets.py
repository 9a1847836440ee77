"""Gate 12: the solved lab opens no socket but loopback, in a fresh process with somebody's real settings around it.

This module is also that process: `python -m labkit.workbook.sockets KEY` plays the lab and prints, as JSON, what it
saw leave and how it ended. It watches with audit hooks, which nothing in the process can take away.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.workbook.bind import Lab
    from labkit.workbook.problems import Problem

SECONDS = 120
"""What the whole solved lab may take."""

# A machine on which real AWS would be one careless call away. The key is the one of AWS's documentation.
_REAL_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ENDPOINT_URL": "https://endpoint.example.com",
}
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_CONNECTIONS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


def socket_problems(lab: Lab) -> Iterator[Problem]:
    """What left this machine while the solved lab was played."""
    seen = _watched(lab)
    for place in seen["left"]:
        what = f"The solved lab reaches out to {place}."
        yield lab.source.problem(
            0, what, "Let the lab use boto3 without endpoint settings, and no other network."
        )
    for what in seen["stopped"]:
        how = "Take it out; a lesson about the guard goes into `with labkit.expected(...)`."
        yield lab.source.problem(0, f"The guard had to stop {what}.", how)
    if seen["broke"]:
        what = f"The solved lab does not run in a fresh process. {seen['broke']}"
        yield lab.source.problem(
            0, what, f"Run `labkit build {lab.source.header.number}`, or repair the cell."
        )


def _watched(lab: Lab) -> dict[str, Any]:
    package = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="labkit-sockets-") as home:
        environment = {
            **os.environ,
            **_REAL_SETTINGS,
            "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")]).rstrip(
                os.pathsep
            ),
            "LABKIT_HOME": home,
            "LABKIT_WORKBOOK": str(lab.root),
        }
        command = [sys.executable, "-m", "labkit.workbook.sockets", lab.key]
        try:
            done = subprocess.run(
                command,
                env=environment,
                cwd=home,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"left": [], "stopped": [], "broke": f"It takes longer than {SECONDS} seconds."}
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {
            "left": [],
            "stopped": [],
            "broke": f"It ended with: {(done.stderr or done.stdout).strip()[-500:]}",
        }
    return found


def _audit_hook(left: list[str], is_watching: Callable[[], bool]) -> Callable[[str, tuple[Any, ...]], None]:
    from labkit.sandbox.guard import is_loopback

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if not event.startswith("socket.") or not is_watching():
            return
        if event in _LOOK_UPS and not is_loopback(args[0]):
            left.append(str(args[0]))
        elif event in _CONNECTIONS and isinstance(args[1], tuple) and args[1] and not is_loopback(args[1][0]):
            left.append(f"{args[1][0]}, port {args[1][1]}")

    return hook


def _play(key: str) -> dict[str, Any]:
    from labkit.course.catalogue import find

    left: list[str] = []
    stopped: list[str] = []
    opened: list[bool] = []
    # Hooks are asked in the order they were added. This one sees everything until the lab's guard stands ...
    sys.addaudithook(_audit_hook(left, lambda: not opened))
    built = find(key)
    names: dict[str, Any] = {"__name__": "__main__"}
    broke = ""
    try:
        exec(f"import labkit\nlab = labkit.open({key!r})", names)
        opened.append(True)
        # ... and this one, behind the guard, what the guard let pass.
        sys.addaudithook(_audit_hook(left, lambda: True))
        with contextlib.redirect_stdout(io.StringIO()):
            for cell in built.cells:
                if cell.role in ("setup", "code", "solution", "check", "predict"):
                    held_back = names["lab"].sandbox.guard.stopped
                    before = len(held_back)
                    exec(compile(cell.source, f"<{cell.role} {cell.exercise or ''}>", "exec"), names)
                    if "labkit.expected(" not in cell.source:  # else the lesson is about just that
                        stopped += held_back[before:]
    except (Exception, SystemExit) as error:
        broke = f"{type(error).__name__}: {error}"
    return {"left": sorted(set(left)), "stopped": stopped, "broke": broke}


if __name__ == "__main__":
    print("\n" + json.dumps(_play(sys.argv[1])))
