"""Reads the AWS service models of botocore, and moto's tables, once per machine instead of once per process.

botocore parses large JSON files and walks through four hundred folders whenever a client is made. The result
depends on nothing but the installed version, so it is kept on disk in Python's own fast form, in the user's
cache folder. A file is keyed by its path, size and date and by the version of Python, so an upgrade
never meets old data. Whatever goes wrong with the cache, botocore reads its JSON as always. moto's own tables, such as
all instance types, are packed JSON and are kept in the same way.

Who opens one account after another in a process (proofs, tests) may `remember`: then what sessions only look into is
read once, and the methods of clients are made once. Models of services are not: moto adds to the one it reads.

What botocore calls an event depends on its table of names alone, and each client asks for fifty: that is always kept.
"""

from __future__ import annotations

import functools
import gc
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

WORTH_IT_PACKED: Final = 500
"""The same for packed files, which take longer to parse."""


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
_names: Final[dict[str, str]] = {}
"""Events by the name they are asked for: what they are called."""
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
        from botocore import client, hooks, loaders, session

        folder = cache_folder()
        self._replace(loaders.JSONFileLoader, "_load_file", lambda original: _load_file(original, folder))
        self._replace(loaders.Loader, "list_available_services", lambda original: _listing(original, folder))

        self._replace(session.Session, "get_available_regions", lambda original: _regions(original, folder))
        if "moto" in sys.modules:  # the worker of a function has none
            from moto.utilities import utils

            self._replace(utils, "load_resource", lambda original: _load_resource(original, folder))
        self._replace(client.ClientCreator, "_create_methods", _methods)
        self._replace(hooks.EventAliaser, "__init__", _aliaser)

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
        kept = _kept(folder / mark, lambda: _plain(original(self, full_path, open_method)))
        if lasting is not None:
            lasting[mark] = kept
        return kept

    return load_file


def _load_resource(original: Any, folder: Path) -> Any:
    @functools.wraps(original)
    def load_resource(resource: str) -> Any:
        import moto  # who only reads models, as the worker of a function, loads no moto

        place = Path(moto.__file__).parent / resource
        packed = place.with_name(place.name.removesuffix(".gz") + ".gz")
        mark = _mark(str(packed), worth=WORTH_IT_PACKED)
        if mark is None:
            return original(resource)
        return _kept(folder / mark, lambda: original(resource))

    return load_resource


def _listing(original: Any, folder: Path) -> Any:
    @functools.wraps(original)
    def list_available_services(self: Any, type_name: str) -> Any:
        return _kept_list(folder, self, type_name, lambda: original(self, type_name))

    return list_available_services


def _regions(original: Any, folder: Path) -> Any:
    """moto's EC2 asks three new sessions while it loads, and each reads the whole model of EC2."""

    @functools.wraps(original)
    def get_available_regions(self: Any, *args: Any, **more: Any) -> Any:
        what = "-".join(["regions", *map(str, args), *(f"{name}={more[name]}" for name in sorted(more))])
        loader = self.get_component("data_loader")
        return _kept_list(folder, loader, what, lambda: original(self, *args, **more))

    return get_available_regions


def _kept_list(folder: Path, loader: Any, what: str, make: Callable[[], Any]) -> Any:
    """A list that follows from botocore's folders alone."""
    paths = [path for path in loader._potential_locations() if Path(path).is_dir()]
    facts = "|".join([botocore.__version__, *(f"{path}:{Path(path).stat().st_mtime_ns}" for path in paths)])
    mark = f"{_digest(f'{what}|{facts}')}.list"
    return _kept(folder / mark, lambda: list(make()))


def _methods(original: Any) -> Any:
    @functools.wraps(original)
    def create_methods(self: Any, service_model: Any) -> Any:
        if _known is None:
            return original(self, service_model)
        # A method is the name of its operation, and a text that is written when somebody asks for help.
        key = f"methods of {service_model.service_name} {service_model.api_version}"
        if key not in _known:
            _known[key] = original(self, service_model)
        return dict(_known[key])

    return create_methods


def _aliaser(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        from botocore.hooks import EVENT_ALIASES

        original(self, *args, **kwargs)
        if self._event_aliases == EVENT_ALIASES:
            self._alias_name_cache = _names

    return init


def _mark(path: str, worth: int = WORTH_IT) -> str | None:
    """The name under which a file is kept, or None when it is not there or not worth keeping."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    if found.st_size < worth:
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


def _kept(path: Path, make: Callable[[], Any]) -> Any:
    """What is kept under this name; made, and kept from now on, when nothing is."""
    kept = _read(path)
    if kept is None:
        kept = make()
        _write(path, kept)
    return kept


def _read(path: Path) -> Any:
    collects = gc.isenabled()
    gc.disable()  # a million small objects and no garbage: looking for some took two thirds of the time
    try:
        return marshal.loads(path.read_bytes())
    except (OSError, ValueError, EOFError, TypeError):
        return None
    finally:
        if collects:
            gc.enable()


def _write(path: Path, value: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(marshal.dumps(value))
        Path(name).replace(path)
    except (OSError, ValueError):
        pass  # a full disk or a read-only home: slower, and right
