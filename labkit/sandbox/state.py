"""Copies of the account: for snapshots, rehearsals, and for telling whether anything changed.

moto's backends are ordinary objects, so a copy is a pickle of all of them in one go: what they share
stays shared. Three kinds of things do not pickle. Locks come fresh. What cannot change, or
has no copy (keys, code, modules, functions made on the spot), is shared by the copy. And moto's
registries of backends keep their identity, because the rest of moto knows them by name.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
import threading
import types
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

_FRESH: Final[dict[type, Callable[[], Any]]] = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
    threading.Condition: threading.Condition,
    threading.Event: threading.Event,
    threading.Semaphore: threading.Semaphore,
}
_SHARED_TYPES: Final = (types.ModuleType, types.CodeType, types.GeneratorType, threading.Thread)

Backends = dict[Any, dict[str, dict[str, Any]]]
"""BackendDict -> account -> Region -> backend."""


class AccountCopy:
    """The state of all backends at one moment. Can be thawed any number of times."""

    def __init__(self, frozen: bytes, shared: list[Any]) -> None:
        self._frozen = frozen
        self._shared = shared

    @classmethod
    def of(cls, backends: Backends) -> AccountCopy:
        """Freeze these backends."""
        buffer = io.BytesIO()
        pickler = _Pickler(buffer)
        pickler.dump(list(backends.values()))
        return cls(buffer.getvalue(), pickler.shared)

    def thaw(self, registries: list[Any]) -> Backends:
        """A new copy of the backends, for the registries they were taken from."""
        _thawing.append(self._shared)
        try:
            accounts = pickle.loads(self._frozen)
        finally:
            _thawing.pop()
        return dict(zip(registries, accounts, strict=True))


def live() -> Backends:
    """What moto holds now: every account and Region that was touched."""
    from moto.core.base_backend import BackendDict

    return {
        registry: {account: dict(regions) for account, regions in registry.items()}
        for registry in BackendDict._instances
    }


def replace(backends: Backends) -> None:
    """Put these backends in place of what moto holds now. Accounts that are not named are emptied."""
    from moto.core.base_backend import BackendDict, backend_lock

    with backend_lock:
        for registry in BackendDict._instances:
            if registry not in backends:
                registry.clear()
                _note_buckets(registry)
        BackendDict._instances[:] = list(backends)
        for registry, accounts in backends.items():
            for gone in registry.keys() - accounts.keys():
                del registry[gone]
            for account, regions in accounts.items():
                specific = registry[account]  # kept where there is one: moto looks up its Regions slowly
                dict.clear(specific)
                dict.update(specific, regions)
            _note_buckets(registry)


def _note_buckets(registry: Any) -> None:
    """moto keeps beside S3's backends which account each bucket belongs to. It has to be what they hold now."""
    if not hasattr(registry, "bucket_accounts"):
        return
    registry.bucket_accounts = {
        name: (partition, account)
        for account, partitions in registry.items()
        for partition, backend in partitions.items()
        for name in (*backend.buckets, *backend.table_buckets)
    }


def used(backends: Backends) -> bytes:
    """The backends that hold anything, as bytes: equal for two looks at the same, unchanged objects.

    moto makes an empty backend for every account and Region that somebody only asks about. Such a
    backend equals a new one and does not count.
    """
    parts = []
    for registry, accounts in backends.items():
        for account, regions in accounts.items():
            for region, backend in regions.items():
                held = _freeze(backend)
                if held != _freeze(registry.backend(region, account_id=account)):
                    parts.append((registry.service_name, account, region, held))
    return pickle.dumps(sorted(parts))


def empty() -> None:
    """Empty every account and Region, in milliseconds, and keep the interception of calls."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    BackendDict.reset()
    reset_model_data()
    for registry in BackendDict._instances:
        _note_buckets(registry)


def _freeze(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        self._places: dict[int, int] = {}
        self.shared: list[Any] = []

    def reducer_override(self, value: Any) -> Any:
        """Asked for every object that is not a plain built-in."""
        kind = type(value)
        if kind in _FRESH:
            return _FRESH[kind], ()
        if isinstance(value, _SHARED_TYPES) or _is_registry(value):
            return self._share(value)
        if isinstance(value, (type, types.FunctionType)):
            return NotImplemented if _importable(value) else self._share(value)
        if isinstance(value, defaultdict) and kind is not defaultdict:
            # The standard way would call the subclass's own __init__ with a defaultdict's arguments.
            return _new_defaultdict, (kind, value.default_factory), value.__dict__, None, iter(value.items())
        try:
            reduce = copyreg.dispatch_table.get(kind)
            return reduce(value) if reduce else value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        except Exception:  # any type may refuse in its own way (keys, handles): it is then shared
            return self._share(value)

    def _share(self, value: Any) -> tuple[Callable[[int], Any], tuple[int]]:
        place = self._places.get(id(value))
        if place is None:
            place = self._places[id(value)] = len(self.shared)
            self.shared.append(value)
        return _shared_at, (place,)


def _new_defaultdict(kind: type[defaultdict[Any, Any]], factory: Any) -> defaultdict[Any, Any]:
    new = kind.__new__(kind)
    new.default_factory = factory
    return new


_thawing: list[list[Any]] = []


def _shared_at(place: int) -> Any:
    return _thawing[-1][place]


def _is_registry(value: Any) -> bool:
    return type(value).__name__ in ("BackendDict", "AccountSpecificBackend") and isinstance(value, dict)


def _importable(value: Any) -> bool:
    module, name = getattr(value, "__module__", None), value.__qualname__
    if module is None or module == "__main__" or "<" in name:
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value
