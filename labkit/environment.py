"""The environment in `.venv`: made once, stamped, made to fit again when the pins change.

Only the standard library is used here. pip and uv do the work; this module says what they are doing, keeps
two runs apart, and turns what can go wrong into one sentence with its cure.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from labkit import installer
from labkit.errors import LabkitError
from labkit.pins import installed

STAMP = "labkit-stamp.json"
AGAIN = "then run the same command again"


def say(text: str) -> None:
    """One line for the person at the terminal. On stderr, so that `--json` on stdout stays clean."""
    print(f"labkit: {text}", file=sys.stderr, flush=True)


def unmet(root: Path, *, tests: bool = True) -> list[str]:
    """What pyproject.toml asks for and the running environment lacks, in words: "moto 5.2.5 (has none)"."""
    lacking = []
    for name, relation, version in _requirements(root, tests=tests):
        have = installed(name)
        fits = have is not None and (
            have == version if relation == "==" else _release(have) >= _release(version)
        )
        if not fits:
            lacking.append(
                f"{name} {version}{'' if relation == '==' else ' or newer'} (has {have or 'none'})"
            )
    return lacking


def clean_variables() -> dict[str, str]:
    """The variables of this process without those that would lead another Python astray."""
    lost = {"PYTHONHOME", "__PYVENV_LAUNCHER__"}
    return {name: value for name, value in os.environ.items() if name not in lost}


class Venv:
    """The environment `.venv` in the clone `root`, there or not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
        self.python = self.folder.joinpath(*inside)

    def is_running(self) -> bool:
        """Is this process running inside it?"""
        return self.folder.is_dir() and Path(sys.prefix).resolve() == self.folder.resolve()

    def is_ready(self) -> bool:
        """Was it made to the end, for this place, this Python and today's pins?"""
        stamp = self._stamp()
        return self.python.exists() and stamp.get("done") is True and stamp == self._wanted()

    def ensure(self) -> None:
        """Make it, or make it fit again, unless it is ready. One run at a time; others wait.

        Raises `LabkitError` with the cure when that is impossible.
        """
        if self._fits():
            return
        with installer.one_at_a_time(self.root / ".venv.lock", say):
            if not self._fits():  # the run we waited for may have done it
                self._make()

    def _fits(self) -> bool:
        # Inside it a look costs milliseconds, and finds what somebody has removed or changed by hand.
        return self.is_ready() and not (self.is_running() and unmet(self.root))

    def _make(self) -> None:
        started = time.monotonic()
        refresh = self._may_stay()
        if not refresh:
            self._create()
        self._write_stamp({"done": False, "root": str(self.root)})
        say("Installing what the labs and their tests need. This happens once and takes 1 to 3 minutes.")
        installer.install(self.python, self.root, say)
        self._write_stamp(self._wanted())
        say(f"The environment is ready ({time.monotonic() - started:.0f} s). Next time this is quick.")

    def _may_stay(self) -> bool:
        """Can the packages go into the environment that is there? If not, removes it and says why."""
        if not self.folder.exists():
            say(f"Making the environment {self.folder} for Python {_python()}.")
            return False
        stamp = self._stamp()
        if not stamp:
            return self._is_foreign()
        if self.is_running():
            say("What labkit needs has changed: bringing this environment up to date.")
            return True
        if stamp.get("done") is not True or not self.python.exists():
            why = "was only half made"
        elif stamp.get("root") != str(self.root):
            why = "was made for another folder"
        elif stamp.get("python") != _python():
            why = f"was made for Python {stamp.get('python')} and this is {_python()}"
        else:
            say("What labkit needs has changed: bringing the environment up to date.")
            return True
        say(f"The environment in .venv {why}: making it anew.")
        self._remove()
        return False

    def _is_foreign(self) -> bool:
        """A `.venv` that labkit did not make: used when it works, never deleted."""
        if not any(self.folder.iterdir()):
            return False
        cure = f"rename or delete it, {AGAIN}"
        if not (self.folder / "pyvenv.cfg").is_file():
            raise LabkitError(
                f"The folder {self.folder} is in the way and is not a Python environment: {cure}."
            )
        look = [str(self.python), "-c", "import sys; print(sys.version_info >= (3, 11))"]
        try:
            answer = subprocess.run(look, capture_output=True, text=True, timeout=60, check=False).stdout
        except OSError:
            answer = ""
        if answer.strip() != "True":
            raise LabkitError(
                f"The environment {self.folder} has no Python 3.11 or newer that starts: {cure}."
            )
        say("Using the environment .venv that is already there.")
        return True

    def _create(self) -> None:
        uv = installer.uv()
        if uv is None:
            _require_venv_module()
        try:
            self.folder.mkdir(exist_ok=True)
            self._write_stamp({"done": False, "root": str(self.root)})
        except OSError as error:
            cure = f"copy the workbook to a folder of your own, {AGAIN}"
            raise LabkitError(f"{self.folder} cannot be written ({error.strerror}): {cure}.") from error
        if uv is None:
            command = [sys.executable, "-m", "venv", "--prompt", "labkit", str(self.folder)]
        else:
            command = [uv, "venv", "--quiet", "--seed", "--allow-existing", "--python", sys.executable]
            command += ["--prompt", "labkit", str(self.folder)]
        installer.run(command, self.root, say, "making the environment")

    def _remove(self) -> None:
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            cure = f"close the programs that use it or delete it yourself, {AGAIN}"
            raise LabkitError(f"{self.folder} cannot be removed ({error.strerror}): {cure}.") from error

    def _wanted(self) -> dict[str, object]:
        python = str(self._stamp().get("python", "")) if self.is_running() else _python()
        return {
            "done": True,
            "root": str(self.root),
            "python": python or _python(),
            "hash": _fingerprint(self.root),
        }

    def _stamp(self) -> dict[str, object]:
        try:
            stamp = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            return {"done": False}
        return stamp if isinstance(stamp, dict) else {"done": False}

    def _write_stamp(self, stamp: dict[str, object]) -> None:
        (self.folder / STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")


def _require_venv_module() -> None:
    if all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return
    package = f"python{_python()}-venv"
    raise LabkitError(
        f"This Python has no venv module to make an environment with: install it "
        f"(Debian and Ubuntu: sudo apt install {package}) or install uv, {AGAIN}."
    )


def _python() -> str:
    return "{}.{}".format(*sys.version_info[:2])


def _fingerprint(root: Path) -> str:
    """Changes when what has to be installed changes; a new lint rule in pyproject.toml changes nothing."""
    import tomllib  # only who makes or mends the environment reads it

    tables = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    relevant = json.dumps([tables.get("build-system"), tables.get("project")], sort_keys=True)
    pins = (root / "constraints.txt").read_text(encoding="utf-8")
    return hashlib.sha256(f"{relevant}\n{pins}".encode()).hexdigest()[:16]


def _requirements(root: Path, *, tests: bool) -> Iterator[tuple[str, str, str]]:
    """Yield (name, relation, version) for what pyproject.toml asks for. It uses `==` and `>=` only."""
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(project["optional-dependencies"]["test"] if tests else [])]
    for line in lines:
        match = re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*(==|>=)\s*([\w.]+)", line)
        if match is None:
            raise LabkitError(f"pyproject.toml asks for {line!r}: write it as name==1.2 or name>=1.2.")
        yield match[1], match[2], match[3]


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
