"""The engine under papermill's roof: `papermill --engine labkit in.ipynb out.ipynb`, or `engine_name="labkit"`.

papermill loads it by its entry point. Parameters, saving, the progress bar and error markers stay papermill's; only
the kernel is ours. Where a notebook asks for what a forked kernel does not give, papermill's own engine runs it, and
a warning says so.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger

from labkit.engine.host import EngineBroken, Host, can_fork
from labkit.engine.play import Hooks, Limits, Play, Rules

NAME: Final = "labkit"
_UNDERSTOOD: Final = frozenset(
    {"input_path", "timeout", "startup_timeout", "allow_errors", "force_raise_errors", "allow_error_names"}
    | {"raise_on_iopub_timeout", "iopub_timeout"}  # answers do not get lost on a line of our own
)
_LAUNCH: Final = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
_host: Host | None = None


class LabkitEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine, with a forked kernel where that is possible."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Execute the notebook that `nb_man` holds. Raises what papermill's own engine raises."""
        outlets = {"log_output": log_output, "stdout_file": stdout_file, "stderr_file": stderr_file}
        host = None
        why = reason_for_plain(kernel_name, kwargs)
        if not why:
            try:
                host = _shared_host()
            except EngineBroken as error:
                why = str(error)
        if host is None:
            logger.warning(f"Papermill's own engine runs this notebook: {why}")
            times = {"start_timeout": start_timeout, "execution_timeout": execution_timeout}
            super().execute_managed_notebook(nb_man, kernel_name, **outlets, **times, **kwargs)
            return
        logger.info(f"Executing notebook with kernel: {kernel_name} (forked)")
        limit = execution_timeout or kwargs.get("timeout") or None
        _play(host, nb_man, limit if limit and limit > 0 else None, outlets, kwargs)


def _play(
    host: Host, nb_man: Any, limit: float | None, outlets: dict[str, Any], kwargs: dict[str, Any]
) -> None:
    outlet = _Outlet(nb_man, outlets)
    play = Play(
        document=nb_man.nb,
        cwd=str(Path.cwd()),
        environ=dict(os.environ),
        limits=Limits(cell=limit),
        rules=Rules(
            bool(kwargs.get("allow_errors")),
            bool(kwargs.get("force_raise_errors")),
            tuple(kwargs.get("allow_error_names", ())),
        ),
        hooks=Hooks(outlet.cell_start, outlet.cell_end, outlet.output),
        make=nbformat.from_dict,
    )
    outlet.play = play
    for _ in host.play([play]):
        pass
    if play.stop is None or play.stop.kind == "error":
        return
    if play.stop.kind == "timeout" and play.stop.cell is not None:
        cell = nb_man.nb.cells[play.stop.cell]
        raise CellTimeoutError.error_from_timeout_and_cell("Cell execution timed out", limit, cell)
    raise DeadKernelError("Kernel died")


class _Outlet:
    """Tells papermill what happens, in the order in which its own engine does."""

    play: Play

    def __init__(self, nb_man: Any, outlets: dict[str, Any]) -> None:
        self._man = nb_man
        self._outlets = outlets

    def cell_start(self, index: int) -> None:
        self._man.cell_start(self._man.nb.cells[index], index)

    def cell_end(self, index: int) -> None:
        cell, stop = self._man.nb.cells[index], self.play.stop
        if stop is not None and stop.kind == "error":
            error = CellExecutionError.from_cell_and_msg(cell, self.play.reply)
            self._man.cell_exception(cell, cell_index=index, exception=error)
        self._man.cell_complete(cell, cell_index=index)

    def output(self, shown: dict[str, Any]) -> None:
        self._man.autosave_cell()
        if any(self._outlets.values()):
            # papermill's own method looks at these names only.
            stand_in = type("Outlets", (), {"log": logger, **self._outlets})()
            PapermillNotebookClient.log_output_message(stand_in, shown)


def reason_for_plain(kernel_name: str, kwargs: dict[str, Any]) -> str:
    """Why papermill's own engine must run a notebook; empty when it need not."""
    if not can_fork():
        return "this system cannot fork."
    if others := sorted(set(kwargs) - _UNDERSTOOD):
        return f"the options {', '.join(others)} are its own."
    if not runs_this_python(kernel_name):
        return f"the kernel {kernel_name!r} is not this Python's own."
    if settings := settings_of_ipython():
        return f"IPython has settings in {settings}."
    return ""


def runs_this_python(kernel_name: str) -> bool:
    """Whether a kernel's name stands for ipykernel in this Python, started in the ordinary way."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(kernel_name)
    except NoSuchKernel:
        return False  # papermill's own engine has the right words for it
    python, *words = spec.argv
    major, minor = sys.version_info[:2]
    own = {"python", f"python{major}", f"python{major}.{minor}", sys.executable}
    return python in own and words == _LAUNCH and not spec.env


def settings_of_ipython() -> str:
    """A file or folder that changes how a kernel starts; empty without one."""
    from IPython.paths import get_ipython_dir

    profile = Path(get_ipython_dir()) / "profile_default"
    for kind in ("ipython_config", "ipython_kernel_config"):
        for path in (profile / f"{kind}.py", profile / f"{kind}.json"):
            if path.exists():
                return str(path)
    startup = profile / "startup"
    scripts = [*startup.glob("*.py"), *startup.glob("*.ipy")] if startup.is_dir() else []
    return str(startup) if scripts else ""


def _shared_host() -> Host:
    """One prepared process for all notebooks of this process."""
    global _host
    if _host is None:
        _host = Host()
        atexit.register(_host.close)
    _host.start()
    return _host


def register() -> None:
    """Make papermill know the engine where its entry point is not installed."""
    papermill_engines.register(NAME, LabkitEngine)
