"""All execution environments of one account, and the warm process they are forked from."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from labkit.sandbox import guard

from .channel import Channel
from .conversation import Steps, at_once
from .environment import Environment
from .package import Packages
from .processes import Process, Template, readable_places, spawn
from .specs import FunctionSpec

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Mode = Literal["fork", "spawn"]
PATIENCE: Final = 10.0
"""The most real seconds one call may take, however long its time-out is: nobody waits 15 minutes for a loop."""


class Pool:
    """Starts environments for one sandbox. Nothing runs until the first one is asked for.

    `mode` is "fork" where the system can (Linux), else "spawn": each environment is then a program of its
    own, which takes longer to start. `patience` limits the real seconds of one call. `kernel_walls` asks
    the kernel to hold what Python cannot see; without them the walls in Python stand alone.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        mode: Mode | None = None,
        patience: float = PATIENCE,
        kernel_walls: bool = True,
    ) -> None:
        self.sandbox = sandbox
        self.mode: Mode = mode or ("fork" if sys.platform == "linux" else "spawn")
        self.patience = patience
        self._kernel_walls = kernel_walls
        self._lock = threading.RLock()
        self._serial = itertools.count(1)
        self._environments: list[Environment] = []
        self._template: Template | None = None
        self._packages: Packages | None = None
        self._readable: list[str] = []
        self._folder: Path | None = None
        self._finalizer: Any = None

    @property
    def environments(self) -> tuple[Environment, ...]:
        """The environments that have been started and not stopped, oldest first."""
        with self._lock:
            return tuple(self._environments)

    def warm(self) -> None:
        """Start the warm process, if this pool uses one. Returns at once: it gets ready beside other work."""
        with self._lock:
            folder = self._own_folder()
            if self._template is not None and self._template.program.poll() is not None:
                self._template.stop()  # somebody ended it
                self._template = None
            if self.mode == "fork" and self._template is None:
                self._template = Template(folder, kernel_walls=self._kernel_walls)

    def start(self, spec: FunctionSpec) -> Environment:
        """A new environment for this function: a cold start. Errors are those of `starting`."""
        return at_once(self.sandbox, self.starting(spec))

    def starting(self, spec: FunctionSpec) -> Steps[Environment]:
        """The same in pieces: each yields the moment until which the function sleeps while it loads.

        A function that does not get ready makes an environment whose first call returns the error.
        Raises `PackageError` when the code is no zip file, `RuntimeBroken` when no process can be started.
        """
        with self._lock:
            self.warm()
            folder = self._own_folder() / f"env-{next(self._serial)}"
            assert self._packages is not None
            task = self._packages.get(f"code-{spec.code_key}", [spec.code])
            opt = self._packages.get(f"opt-{spec.layers_key}", spec.layers)
            (folder / "tmp").mkdir(parents=True)
            (folder / "turns").touch()
            try:
                channel = self._open_channel(folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            environment = Environment(self, spec, channel, folder)
            self._environments.append(environment)
        try:
            yield from environment.starting(self._setup(spec, folder, task, opt))
        except BaseException:
            self.forget(environment)
            raise
        return environment

    def stop(self) -> None:
        """End all environments and the warm process, and remove their folder. The pool can be used again."""
        with self._lock:
            for environment in self.environments:
                environment.stop()
            if self._template is not None:
                self._template.stop()
                self._template = None
            if self._finalizer is not None:
                self._finalizer()
                self._finalizer = self._folder = self._packages = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- used by environments --------------------------------------------------------------------

    def forget(self, environment: Environment) -> None:
        """This environment has been stopped."""
        with self._lock:
            if environment in self._environments:
                self._environments.remove(environment)

    def used_service(self, service: Any) -> None:
        """A function has called this AWS service: have later workers know it from birth."""
        if self._template is not None and isinstance(service, str):
            self._template.warm(service)

    # -- inside ----------------------------------------------------------------------------------

    def _own_folder(self) -> Path:
        if self._folder is None:
            folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="labkit-functions-")))
            self._folder = folder
            self._packages = Packages(folder)
            self._readable = readable_places()
            self._finalizer = weakref.finalize(self, _remove, folder, os.getpid())
        return self._folder

    def _open_channel(self, folder: Path) -> Channel:
        ours, theirs = socket.socketpair()
        process: Process
        try:
            with theirs:
                log, write = _log_ends(folder)
                try:
                    if self._template is not None:
                        process = self._template.fork(theirs, write)
                    else:
                        process = spawn(theirs, write)
                except BaseException:
                    os.close(log)
                    raise
                finally:
                    write.close()
        except BaseException:
            ours.close()
            raise
        return Channel(ours, log, process)

    def _setup(self, spec: FunctionSpec, folder: Path, task: Path, opt: Path) -> dict[str, Any]:
        # The folder of the runtime the function names, as on AWS, and of the Python that is really here.
        versions = dict.fromkeys((spec.runtime, f"python{sys.version_info[0]}.{sys.version_info[1]}"))
        own = [str(opt / "python" / "lib" / version / "site-packages") for version in versions]
        tmp = str(folder / "tmp")
        return {
            "handler": spec.handler,
            "arn": spec.own_arn,
            "memory_mb": spec.memory_mb,
            "disk": spec.ephemeral_mb << 20,
            "environment": spec.variables(str(task), str(opt)),
            "for_children": guard._FOR_CHILDREN | {"PYTHONPATH": str(guard.FENCE), "TMPDIR": tmp},
            "log_format": spec.log_format,
            "log_level": spec.log_level,
            "task": str(task),
            "opt": str(opt),
            "tmp": tmp,
            "turns": str(folder / "turns"),
            "path": [str(task), *own, str(opt / "python")],
            "readable": [*self._readable, str(task), str(opt)],
            "kernel_walls": self._kernel_walls,
            # Programs such as Node reserve far more address space than they use.
            "any_address_space": not spec.runtime.startswith("python"),
        }


def _log_ends(folder: Path) -> tuple[int, Any]:
    if os.name == "nt":  # Windows cannot wait for a pipe
        write = (folder / "log").open("wb", buffering=0)
        return os.open(folder / "log", os.O_RDONLY), write
    read, end = os.pipe()
    return read, os.fdopen(end, "wb", buffering=0)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
