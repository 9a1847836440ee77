"""Reads the AWS service models of botocore once per machine instead of once per process.

botocore parses large JSON files and walks through four hundred folders whenever a client is made. The result
depends on nothing but the installed version, so it is kept on disk in Python's own fast form, in the user's
cache folder. A file is keyed by its path, size and date and by the version of Python, so an upgrade
never meets old data. Whatever goes wrong with the cache, botocore reads its JSON as always.

Who opens one account after another in a process (proofs, tests) may `remember`: then what sessions only look into is
read once. Models of services are not: moto adds to the one it reads.
"""

from __future__ import annotations

import functools
import hashlib
import marshal
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import botocore

WORTH_IT: Final = 20_000
"""Files below this many bytes are parsed as fast as they are found in the cache."""


def cache_folder() -> Path:
    """Where parsed models are kept. `LABKIT_CACHE` names another folder."""
    named = os.environ.get("LABKIT_CACHE")
    if named:
        return Path(named)
    local = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    base = Path(local) if local else Path.home() / ".cache"
    return base / "labkit" / f"models-python{sys.version_info[0]}.{sys.version_info[1]}"


ONLY_READ: Final = ("endpoints", "endpoint-rule-set")
"""Files whose content nobody changes. They are most of what a session reads before its first client."""
_known: dict[str, Any] | None = None
"""What this process has read, by the names under which files are kept; None while nothing is remembered."""


def remember(wanted: bool = True) -> None:
    """Keep in memory what is read from now on, or forget all that was kept."""
    global _known
    if wanted != (_known is not None):
        _known = {} if wanted else None


class ModelCache:
    """Stands between botocore and its data files while a sandbox runs."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def start(self) -> None:
        """Read through the cache from now on."""
        from botocore import loaders

        folder = cache_folder()
        self._replace(loaders.JSONFileLoader, "_load_file", lambda original: _load_file(original, folder))
        self._replace(loaders.Loader, "list_available_services", lambda original: _listing(original, folder))

    def stop(self) -> None:
        """Let botocore read for itself again."""
        while self._undo:
            self._undo.pop()()

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = owner.__dict__[name]
        setattr(owner, name, make(original))
        self._undo.append(lambda: setattr(owner, name, original))


def _load_file(original: Any, folder: Path) -> Any:
    @functools.wraps(original)
    def load_file(self: Any, full_path: str, open_method: Any) -> Any:
        mark = _mark(full_path)
        if mark is None:
            return original(self, full_path, open_method)
        lasting = _known if Path(full_path).name.startswith(ONLY_READ) else None
        if lasting is not None and mark in lasting:
            return lasting[mark]
        kept = _read(folder / mark)
        if kept is None:
            kept = _plain(original(self, full_path, open_method))
            _write(folder / mark, kept)
        if lasting is not None:
            lasting[mark] = kept
        return kept

    return load_file


def _listing(original: Any, folder: Path) -> Any:
    @functools.wraps(original)
    def list_available_services(self: Any, type_name: str) -> Any:
        paths = [path for path in self._potential_locations() if Path(path).is_dir()]
        facts = "|".join(
            [botocore.__version__, *(f"{path}:{Path(path).stat().st_mtime_ns}" for path in paths)]
        )
        mark = f"{type_name}-{_digest(facts)}.list"
        kept = _read(folder / mark)
        if kept is None:
            kept = list(original(self, type_name))
            _write(folder / mark, kept)
        return kept

    return list_available_services


def _mark(path: str) -> str | None:
    """The name under which a file is kept, or None when it is not there or not worth keeping."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    if found.st_size < WORTH_IT:
        return None
    return f"{_digest(f'{path}|{found.st_size}|{found.st_mtime_ns}')}.model"


def _digest(text: str) -> str:
    return hashlib.sha256(f"{sys.version}|{text}".encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """The same data in plain dicts and lists: all that `marshal` takes."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _read(path: Path) -> Any:
    try:
        return marshal.loads(path.read_bytes())
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _write(path: Path, value: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(marshal.dumps(value))
        Path(name).replace(path)
    except (OSError, ValueError):
        pass  # a full disk or a read-only home: slower, and right
