"""The notebook's kernel, when there is one. Without IPython all of this does nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def shell() -> Any:
    """The running IPython shell, or None. Never imports IPython: where it runs, it is loaded."""
    loaded = sys.modules.get("IPython")
    return loaded.get_ipython() if loaded is not None and hasattr(loaded, "get_ipython") else None


def has_front_end() -> bool:
    """Whether a kernel runs us, so that what is displayed reaches a page."""
    return getattr(shell(), "kernel", None) is not None


def namespace() -> dict[str, Any] | None:
    """The learner's variables, or None outside IPython."""
    running = shell()
    return None if running is None else running.user_ns


def show(thing: object) -> None:
    """Display something below the running cell; print it where nothing displays."""
    if shell() is None:
        print(thing)
        return
    from IPython.display import display

    display(thing)


def once_shown(thing: object, action: Callable[[], object]) -> None:
    """Do something below the running cell when its result is `thing`; drop it otherwise. Needs a kernel."""
    events = shell().events

    def once(result: Any = None) -> None:
        events.unregister("post_run_cell", once)
        if getattr(result, "result", None) is thing:
            action()

    events.register("post_run_cell", once)


def after_each_cell(action: Callable[[Any], object]) -> None:
    """Have `action(result)` called after every cell that runs. Does nothing outside IPython."""
    running = shell()
    if running is not None:
        running.events.register("post_run_cell", action)


def add_magics() -> None:
    """Make `%%aws` known. What it needs is loaded when it is used. Does nothing outside IPython."""
    running = shell()
    if running is None or "aws" in running.magics_manager.magics["cell"]:
        return

    def aws(line: str, cell: str | None = None) -> object:
        """Run commands of the AWS CLI against the lab's account, one per line."""
        from labkit.notebook.awscli import run_magic
        from labkit.sandbox import current

        return run_magic(current(), line, cell)

    running.register_magic_function(aws, "line_cell", "aws")
