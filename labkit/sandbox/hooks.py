"""The one way to change a piece of moto.

A service module declares what it replaces, by name:

    @hook("moto.sqs.models:Queue.add_message")
    def add_message(original, self, message): ...

Nothing is imported for that. When moto loads `moto.sqs...` for the first time, the service module
named in `SERVICES` is loaded too and its hooks are put in place. `Hooks.stop` takes them out again.
Each hook's target is held against a fingerprint in the tests, so that a new version of moto
cannot move a target unseen.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Literal

from labkit.sandbox.services import SERVICES

Kind = Literal["function", "property", "new", "value"]
_MISSING: Final = object()
_COMPLETE: Final = ("models", "responses")
"""Once one of these is loaded, the modules a service module wants to import are complete."""


@dataclass(frozen=True)
class Hook:
    """One declared change. `target` reads `module:Class.attribute` or `module:attribute`."""

    target: str
    kind: Kind
    function: Callable[..., Any]

    @functools.cached_property
    def module(self) -> str:
        """The module of moto that holds the target."""
        return self.target.partition(":")[0]

    @functools.cached_property
    def service(self) -> str:
        """The package of moto this hook changes, such as `moto.sqs`."""
        return ".".join(self.module.split(".")[:2])

    def holder(self) -> tuple[Any, str]:
        """The object that carries the attribute, and the attribute's name."""
        *path, name = self.target.partition(":")[2].split(".")
        return functools.reduce(getattr, path, importlib.import_module(self.module)), name

    def original(self) -> Any:
        """What stands at the target now, without binding it; `None` when nothing does."""
        owner, name = self.holder()
        return inspect.getattr_static(owner, name, None)


DECLARED: Final[dict[str, Hook]] = {}
"""Every hook of every service module that is loaded, by target."""


def hook(target: str, kind: Kind = "function") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a change of moto.

    `function` and `property` hooks are called with the original function first. A `new` hook adds what
    moto lacks and is called as it stands. A `value` hook is called once with the old value and
    returns the new one. Raises `ValueError` when two hooks name one target.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        if target in DECLARED and DECLARED[target].function.__module__ != function.__module__:
            raise ValueError(f"{target} is hooked already, by {DECLARED[target].function.__module__}")
        DECLARED[target] = Hook(target, kind, function)
        return function

    return declare


def fingerprint(declared: Hook) -> str:
    """What the target looks like: its signature and a digest of its source. Changes when moto changes it."""
    found = declared.original()
    if found is None:
        return "absent"
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    if not callable(found):
        return f"value {found!r}"
    digest = hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:12]
    return f"{inspect.signature(found)} {digest}"


class Hooks(importlib.abc.MetaPathFinder):
    """Applies hooks when moto's modules load, and takes them out again."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []
        self._applied: set[str] = set()
        self._loading: set[str] = set()

    def start(self) -> None:
        """Watch for moto's modules, and hook those that are loaded already."""
        sys.meta_path.insert(0, self)
        for package in SERVICES:
            if f"{package}.models" in sys.modules or f"{package}.responses" in sys.modules:
                self._service_loaded(package)

    def stop(self) -> None:
        """Take every hook out, newest first."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for owner, name, before in reversed(self._undo):
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._undo.clear()
        self._applied.clear()

    @property
    def applied(self) -> frozenset[str]:
        """The targets that are replaced at this moment."""
        return frozenset(self._applied)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Python asks here for every import; only modules of hooked services are answered."""
        package = ".".join(fullname.split(".")[:2])
        if package not in SERVICES or fullname.rpartition(".")[2] not in _COMPLETE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, lambda: self._service_loaded(package))
        return spec

    def _service_loaded(self, package: str) -> None:
        if package in self._loading:
            return  # our own service module imports moto's: its hooks follow when it is complete
        self._loading.add(package)
        try:
            for name in SERVICES[package]:
                importlib.import_module(f"labkit.sandbox.services.{name}")
        finally:
            self._loading.discard(package)
        for declared in list(DECLARED.values()):
            if declared.service == package and declared.module in sys.modules:
                self._apply(declared)

    def _apply(self, declared: Hook) -> None:
        if declared.target in self._applied:
            return
        owner, name = declared.holder()
        before = owner.__dict__.get(name, _MISSING)
        setattr(owner, name, _replacement(declared, before))
        self._undo.append((owner, name, before))
        self._applied.add(declared.target)


def _replacement(declared: Hook, before: Any) -> Any:
    function = declared.function
    if declared.kind == "new":
        return function
    if declared.kind == "value":
        return function(before)
    if declared.kind == "property":
        return property(functools.partial(function, before.fget if isinstance(before, property) else before))
    if before is _MISSING:
        raise AttributeError(f"moto has nothing at {declared.target}; was it moved?")
    original = before.__func__ if isinstance(before, (staticmethod, classmethod)) else before

    @functools.wraps(original)
    def replaced(*args: Any, **kwargs: Any) -> Any:
        return function(original, *args, **kwargs)

    return type(before)(replaced) if isinstance(before, (staticmethod, classmethod)) else replaced


class _Loader(importlib.abc.Loader):
    """Lets the real loader do the work, then tells that it is done."""

    def __init__(self, real: Any, loaded: Callable[[], None]) -> None:
        self._real = real
        self._loaded = loaded

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        # What reads a module's loader later (inspect, pkgutil) finds the real one.
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        self._loaded()
