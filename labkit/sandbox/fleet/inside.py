"""What a program sees of its container: the `box` that its functions get."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.fleet.programs import said, spoken

if TYPE_CHECKING:
    from labkit.sandbox.fleet.boxes import Box

CRASHED: Final = 1
"""The exit code of a Python program that ended with an exception."""


class Failed:
    """A function of the program did not return: it raised, or it exited (`exits`)."""

    __slots__ = ("code", "error", "exits")

    def __init__(self, code: int, exits: bool, error: BaseException | None = None) -> None:
        self.code = code
        self.exits = exits
        self.error = error

    def __bool__(self) -> bool:
        return False


class Inside:
    """The container from inside. `touched` and `read` say afterwards what the program looked at."""

    __slots__ = ("_box", "_now", "read", "spent", "stays", "touched")

    def __init__(self, box: Box, now: float) -> None:
        self._box = box
        self._now = now
        self.spent = 0.0
        self.stays = False
        self.touched = False
        self.read = False

    @property
    def name(self) -> str:
        """The container's name."""
        return self._box.name

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables."""
        return self._box.environment

    @property
    def command(self) -> tuple[str, ...]:
        """The command it was started with; empty for the image's own."""
        return self._box.command

    @property
    def ip(self) -> str:
        """The container's private address."""
        return self._box.ip

    @property
    def state(self) -> dict[str, Any]:
        """What this container remembers. It is gone when the container is."""
        self.touched = True
        return self._box.state

    @property
    def now(self) -> float:
        """The time, in seconds since 1970."""
        self.read = True
        return self._now

    @property
    def random(self) -> random.Random:
        """Dice of this container."""
        self.read = True
        if self._box.dice is None:
            self._box.dice = random.Random(self._box.seed)
        return self._box.dice

    def log(self, line: object) -> None:
        """Write a line to standard output. `print` does the same."""
        from labkit.sandbox.fleet.boxes import HOMES

        home = HOMES.get(self._box.home)
        if home is not None:
            for part in str(line).splitlines() or [""]:
                home.said(self._box, part)

    def client(self, service: str, region_name: str | None = None) -> Any:
        """A boto3 client that calls AWS with the rights of this container."""
        from labkit.sandbox.fleet.boxes import HOMES

        self.read = True
        home = HOMES.get(self._box.home)
        if home is None:
            raise RuntimeError("This container runs nowhere: nobody gives it credentials.")
        return home.client(self._box, service, region_name)

    def exit(self, code: int = 0) -> None:
        """End the process with this code."""
        raise SystemExit(code)

    def takes(self, seconds: float) -> None:
        """Say that what the program does here takes so long. No real time passes."""
        self.spent += max(0.0, float(seconds))

    def stay(self) -> None:
        """In a command: go on running, and serve if the image has a port."""
        self.stays = True


def run(code: Any, inside: Inside, *before: Any) -> Any:
    """Call a function of the program. What it raises is its own trouble: a `Failed`, with the traceback in its log."""
    token = said.set(inside.log)
    try:
        return code(*before, inside)
    except SystemExit as end:
        value = end.code
        if isinstance(value, str):
            inside.log(value)
        number = value if isinstance(value, int) else 0 if value is None else CRASHED
        return Failed(number & 255, True)
    except Exception as error:
        inside.log(spoken(error))
        return Failed(CRASHED, False, error)
    finally:
        said.reset(token)
