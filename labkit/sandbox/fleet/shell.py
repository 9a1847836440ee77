"""The few words of a shell that containers are started and checked with.

Words joined with `&&`, `||` and `;`, variables, `exit`, `sleep`, `echo`, `true`, `false`, and the image's own commands.
Redirections are left out; anything else is not found, as in an image that lacks it.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Final

from labkit.sandbox.fleet.inside import Failed, Inside, run
from labkit.sandbox.fleet.programs import Program

NOT_FOUND: Final = 127
_SHELLS: Final = ("sh", "bash", "/bin/sh", "/bin/bash", "ash", "/bin/ash")
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_REDIRECTION: Final = re.compile(r"\s*[0-9&]?>{1,2}\s*(&[0-9]|[^\s;&|]+)")


class Unknown(Exception):
    """There is no such command."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class _Exit(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def script_of(words: Sequence[str]) -> str | None:
    """The script that a command line such as `sh -c "..."` plays, or None for a plain command."""
    if words and words[0] in _SHELLS and len(words) >= 3 and words[1].startswith("-") and "c" in words[1]:
        return words[2]
    return None


def play(
    script: str, inside: Inside, program: Program, more: Callable[[list[str]], int | None] | None = None
) -> int:
    """Play a script. Returns its exit code. `more` knows further commands: None for what it does not know."""
    code = 0
    joined = ";"
    for part in _parts(script, inside):
        if part in ("&&", "||", ";"):
            joined = part
            continue
        if (joined == "&&" and code != 0) or (joined == "||" and code == 0):
            continue
        try:
            code = _one(part, inside, program, more)
        except _Exit as end:
            return end.code
        except Unknown as unknown:
            inside.log(f"sh: {unknown.word}: not found")
            code = NOT_FOUND
    return code


def command(
    words: list[str],
    inside: Inside,
    program: Program,
    more: Callable[[list[str]], int | None] | None = None,
) -> int:
    """Run one command. Returns its exit code. Raises `Unknown` for what the image does not have."""
    word = words[0].rpartition("/")[2] if words[0].startswith(("/bin/", "/usr/bin/")) else words[0]
    script = script_of(words)
    if script is not None:
        return play(script, inside, program, more)
    code = program.commands.get(words[0])
    if code is not None:
        result = run(code, inside)
        if isinstance(result, Failed):
            return result.code
        return result & 255 if isinstance(result, int) and not isinstance(result, bool) else 0
    found = more(words) if more is not None else None
    if found is not None:
        return found
    if word in ("true", ":"):
        return 0
    if word == "false":
        return 1
    if word == "echo":
        inside.log(" ".join(words[1:]))
        return 0
    if word == "sleep":
        try:
            inside.takes(float(words[1].removesuffix("s")))
        except (IndexError, ValueError):
            return 1
        return 0
    raise Unknown(words[0])


def _one(text: str, inside: Inside, program: Program, more: Callable[[list[str]], int | None] | None) -> int:
    split = _split(text)
    if split is None:
        inside.log("sh: syntax error: unterminated quoted string")
        return 2
    words = list(split)
    while words and words[0] == "exec":
        words = words[1:]
    if not words:
        return 0
    if words[0] == "exit":
        try:
            raise _Exit(int(words[1]) & 255 if len(words) > 1 else 0)
        except ValueError:
            raise _Exit(2) from None
    return command(words, inside, program, more)


def _parts(script: str, inside: Inside) -> tuple[str, ...]:
    if "$" in script:
        environment = inside.environment
        script = _VARIABLE.sub(lambda found: environment.get(found[1] or found[2], ""), script)
    return _taken_apart(script)


# Health checks run the same few lines again and again.


@functools.lru_cache(maxsize=256)
def _taken_apart(script: str) -> tuple[str, ...]:
    text = _REDIRECTION.sub("", script).replace("\n", ";")
    return tuple(part.strip() for part in re.split(r"(&&|\|\||;)", text) if part.strip())


@functools.lru_cache(maxsize=256)
def _split(text: str) -> tuple[str, ...] | None:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return None
