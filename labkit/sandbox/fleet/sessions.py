"""A command that somebody runs inside a running container, and what it prints there.

The commands are those of `labkit.sandbox.fleet.shell`, `curl` and `wget` to the container itself, and the image's own.
"""

from __future__ import annotations

import shlex
from typing import Final, NamedTuple

from labkit.sandbox.fleet import boxes, probes, shell
from labkit.sandbox.fleet.boxes import Box
from labkit.sandbox.fleet.inside import Inside
from labkit.sandbox.fleet.programs import BadProgram

_SHELLS: Final = ("sh", "bash", "ash")


class Heard(NamedTuple):
    """What a command has printed and its exit code; None for a shell, which waits for more words."""

    lines: list[str]
    code: int | None


class _Terminal(Inside):
    """The container as a session sees it: what is printed goes to the session, not to the container's log."""

    __slots__ = ("lines",)

    def __init__(self, box: Box, now: float) -> None:
        super().__init__(box, now)
        self.lines: list[str] = []

    def log(self, line: object) -> None:
        """Write a line to the session."""
        self.lines += str(line).splitlines() or [""]


def run(box: Box, command: str, now: float) -> Heard:
    """Run a command line in a box. It may change the box's state, as it may on AWS."""
    inside = _Terminal(box, now)
    try:
        words, program = shlex.split(command), box.program
    except (ValueError, BadProgram) as wrong:
        return Heard([str(wrong)], 2)
    if not words or (len(words) == 1 and words[0].rpartition("/")[2] in _SHELLS):
        return Heard([], None)
    asked = probes.Asked(box, program, inside, now)
    try:
        code = shell.command(words, inside, program, asked.word)
    except shell.Unknown as unknown:
        inside.log(f"{unknown.word}: no such file or directory")
        code = shell.NOT_FOUND
    boxes.touched(box, inside)
    return Heard(inside.lines, code)
