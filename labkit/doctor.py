"""`labkit doctor`: looks at what the labs need on this machine, and says what to do where something is amiss.

Only the standard library is used here, so that it runs where nothing else does.
"""

from __future__ import annotations

import argparse
import configparser
import importlib.util
import json
import os
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.bootstrap import clone_root
from labkit.course import progressfile
from labkit.course.progress import home as progress_home
from labkit.environment import Venv, unmet
from labkit.errors import LabkitError
from labkit.pins import REPAIR, misfits

OK, NOTE, PROBLEM = "ok", "note", "problem"

MEGABYTES_NEEDED = 1000  # the environment takes about 550 MB; pip or uv needs room to unpack
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
ENDPOINTS = "AWS_ENDPOINT_URL"

MEND = "python -m labkit doctor --repair"
LATER = f"`python -m labkit lab` does it by itself the first time; `{MEND}` does it now."


@dataclass(frozen=True)
class Line:
    """One thing looked at: `state` is "ok", "note" or "problem"; `cure` is empty when all is well."""

    name: str
    state: str
    seen: str
    cure: str = ""


def main(argv: list[str]) -> int:
    """Print one line for each thing looked at. Returns 1 when there is a problem, else 0."""
    parser = argparse.ArgumentParser(
        prog="labkit doctor", description="Look at this machine for what labs need."
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--repair", action="store_true", help="make or mend the environment first")
    options = parser.parse_args(argv)
    lines = examine(Path.cwd(), os.environ)
    if options.json:
        print(json.dumps({"version": 1, "lines": [asdict(line) for line in lines]}, indent=1))
    else:
        for line in lines:
            print(
                f"{line.state:<7} {line.name}: {line.seen}"
                + (f"\n        -> {line.cure}" if line.cure else "")
            )
    return int(any(line.state == PROBLEM for line in lines))


def examine(folder: Path, variables: Mapping[str, str]) -> list[Line]:
    """Look at everything. `folder` is where the learner works, `variables` are the environment's."""
    looks: tuple[Callable[[], Line], ...] = (
        python,
        environment,
        pinned_versions,
        kernel,
        lambda: renderer(variables),
        ports,
        lambda: credentials(variables),
        lambda: disk(folder),
        lambda: writable(folder),
        progress,
    )
    return [_safely(look) for look in looks]


def python() -> Line:
    """The Python that runs labkit. One that is too old never gets here: `__main__` has said so."""
    return Line("Python", OK, f"{sys.version.split()[0]} at {sys.executable}")


def environment() -> Line:
    """Does the running environment have what pyproject.toml asks for?"""
    root = clone_root()
    if root is None:
        return Line("Environment", OK, f"installed package in {sys.prefix}")
    missing = unmet(root)
    if not missing:
        return Line("Environment", OK, sys.prefix)
    if not _is_made():
        return Line("Environment", NOTE, "not made yet", LATER)
    return Line("Environment", PROBLEM, f"{sys.prefix} lacks {', '.join(missing)}", f"Run `{MEND}`.")


def pinned_versions() -> Line:
    """moto, boto3 and botocore must be exactly the versions labkit is proved with."""
    wrong = misfits()
    if not wrong:
        return Line("Pinned versions", OK, "moto, boto3 and botocore are as pinned")
    if not _is_made():
        return Line("Pinned versions", NOTE, "not installed yet", "The line Environment says how.")
    seen = ", ".join(f"{name} {version or 'is missing'}" for name, version in wrong.items())
    return Line("Pinned versions", PROBLEM, seen, f"Run: {REPAIR}")


def kernel() -> Line:
    """Will a notebook that asks for `python3` get this Python?"""
    if not _is_made():
        return Line("Kernel", NOTE, "not installed yet", "The line Environment says how.")
    anew = f"Run: {sys.executable} -m ipykernel install --sys-prefix"
    if any(importlib.util.find_spec(name) is None for name in ("jupyter_client", "ipykernel")):
        return Line("Kernel", PROBLEM, "ipykernel is not installed", f"Run `{MEND}`.")
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # as `labkit lab` does
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Jupyter warns of a HOME it cannot write: not what is asked here
            program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Line("Kernel", PROBLEM, "there is no kernel named python3", anew)
    # An environment's own kernel is often written "python": Jupyter puts in the Python it runs on.
    if (
        Path(program).is_absolute()
        and Path(program).parent.resolve() != Path(sys.executable).parent.resolve()
    ):
        return Line("Kernel", PROBLEM, f"python3 starts {program}, which is another environment", anew)
    return Line("Kernel", OK, "python3 is this environment's Python")


def renderer(variables: Mapping[str, str]) -> Line:
    """What draws live diagrams. Nothing is needed: pictures that are part of a lab are ready-made."""
    chosen = variables.get("LABKIT_DOT", "")
    if chosen and shutil.which(chosen) is None:
        return Line(
            "Renderer",
            PROBLEM,
            f"LABKIT_DOT names {chosen}, which does not start",
            "Correct or unset LABKIT_DOT.",
        )
    found = chosen or _beside("graphviz-pure") or shutil.which("dot")
    if found:
        return Line("Renderer", OK, str(found))
    return Line(
        "Renderer", NOTE, "no Graphviz found", "No need to act: today's labs bring their pictures along."
    )


def ports() -> Line:
    """Can a server listen on this machine?"""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        return Line(
            "Ports",
            PROBLEM,
            f"no free port on 127.0.0.1 ({error.strerror})",
            "End a program that holds ports.",
        )
    return Line("Ports", OK, "a port is free on 127.0.0.1")


def credentials(variables: Mapping[str, str]) -> Line:
    """Real AWS credentials are only noted: the labs do not use them, and no call leaves the machine."""
    found = [name for name in CREDENTIALS if variables.get(name)]
    found += sorted(name for name in variables if name.startswith(ENDPOINTS))
    found += [f"profile {name} in {path}" for path, name in _profiles(variables)]
    if not found:
        return Line("AWS credentials", OK, "none here, and none are needed")
    cure = "No need to act: the labs use a simulated account and never these."
    return Line("AWS credentials", NOTE, "found " + ", ".join(found), cure)


def disk(folder: Path) -> Line:
    """Room for the environment and for the learner's files."""
    free = shutil.disk_usage(folder).free // 10**6
    if free < MEGABYTES_NEEDED:
        return Line("Disk", PROBLEM, f"{free} MB free", f"Make room: {MEGABYTES_NEEDED} MB are needed.")
    return Line("Disk", OK, f"{free // 1000} GB free")


def writable(folder: Path) -> Line:
    """Can notebooks and progress be saved in the folder the learner works in?"""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        cure = "Copy the labs to a folder of your own: labkit init my-workbook"
        return Line("Workbook folder", PROBLEM, f"{folder} cannot be written ({error.strerror})", cure)
    return Line("Workbook folder", OK, f"{folder} can be written")


def progress() -> Line:
    """The learner's progress file: there, readable, writable?"""
    path = progress_home() / "progress.json"
    if not path.exists():
        return Line("Progress", OK, f"none yet; it will be kept in {path}")
    try:
        progressfile.read(path)
    except (OSError, ValueError) as error:
        cure = "The next lab sets it aside under another name and begins a new one; nothing is deleted."
        return Line("Progress", PROBLEM, f"{path} cannot be read ({error})", cure)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return Line(
            "Progress", PROBLEM, f"{path} is read-only", "Make the file and its folder writable for yourself."
        )
    return Line("Progress", OK, str(path))


def _profiles(variables: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield (file, section) for each section of the AWS files that holds a key. Values are never kept."""
    home = Path(variables.get("HOME") or variables.get("USERPROFILE") or Path.home()) / ".aws"
    places = {"AWS_SHARED_CREDENTIALS_FILE": home / "credentials", "AWS_CONFIG_FILE": home / "config"}
    for variable, usual in places.items():
        path = Path(variables.get(variable) or usual)
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        yield from (
            (path, name) for name in parser.sections() if parser.has_option(name, "aws_access_key_id")
        )


def _beside(program: str) -> str | None:
    # An environment that is not activated is not on PATH: its programs lie beside its Python.
    return shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)


def _is_made() -> bool:
    """False in a clone whose environment the first `labkit lab` or `labkit test` will still make."""
    root = clone_root()
    return root is None or Venv(root).folder.exists() or not unmet(root)


def _safely(look: Callable[[], Line]) -> Line:
    # A doctor that falls over is no help: what it could not look at is a line like the others.
    try:
        return look()
    except (LabkitError, OSError, ValueError) as error:
        name = getattr(look, "__name__", "check").replace("_", " ").capitalize()
        return Line(name, PROBLEM, f"could not be looked at ({error})", "Repair what the message names.")
