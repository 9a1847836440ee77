"""Whose line was it? Tells an error in the learner's code from an error in a check."""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One line of source: where it stands and what it says (empty when the source is not at hand)."""

    file: str
    number: int
    text: str


def learner_files(values: Iterable[object]) -> frozenset[str]:
    """The files (or notebook cells) in which the functions among these values were written."""
    return frozenset(code.co_filename for value in values for code in _codes(value))


def line_in(error: BaseException, files: Iterable[str]) -> Line | None:
    """The innermost line of these files that was running when the error came."""
    wanted = set(files)
    lines = [line for line in _lines(error) if line.file in wanted]
    return lines[-1] if lines else None


def tell(error: BaseException, files: Iterable[str], name: str = "") -> str:
    """One or two sentences: what stopped the learner's code, and where."""
    who = f"`{name}`" if name else "Your code"
    line = line_in(error, files)
    where = f" in line {line.number}" if line else ""
    if line and line.text:
        where += f": `{line.text}`"
    if isinstance(error, SystemExit):
        return f"{who} tried to end Python with `sys.exit`{where}. Use `return` instead."
    return f"{who} stopped with {describe(error)}{where}."


def describe(error: BaseException) -> str:
    """An error in one line: its kind and its message, or AWS's own code and message for an AWS error."""
    response = getattr(error, "response", None)
    if isinstance(response, dict) and isinstance(response.get("Error"), dict):
        told = response["Error"]
        kind, code = type(error).__name__, str(told.get("Code", "?"))
        name = kind if code.endswith(kind) else f"{kind} {code}"  # modelled errors are named after their code
        return f"{name} ({told.get('Message', 'no message')})"
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _lines(error: BaseException) -> Iterator[Line]:
    step = error.__traceback__
    while step is not None:
        file, number = step.tb_frame.f_code.co_filename, step.tb_lineno
        yield Line(file, number, linecache.getline(file, number, step.tb_frame.f_globals).strip())
        step = step.tb_next


def _codes(value: object) -> Iterator[CodeType]:
    if isinstance(value, functools.partial):
        yield from _codes(value.func)
        return
    if not callable(value):
        return
    function: Callable[..., Any] = inspect.unwrap(value)
    if inspect.isclass(function):
        members = vars(function).values()
        yield from (member.__code__ for member in members if inspect.isfunction(member))
        return
    inner = getattr(function, "__func__", function)
    code = getattr(inner, "__code__", None)
    if code is None:
        code = getattr(inspect.getattr_static(type(function), "__call__", None), "__code__", None)
    if isinstance(code, CodeType):
        yield code
