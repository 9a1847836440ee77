"""Lists the criteria of a check without running it, so a report can say which were NOT REACHED."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from labkit.errors import LabkitError


class NotLiteral(LabkitError):
    """A criterion whose id or text is computed. The message names the line and what to write."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing a check can judge: its id, what is wanted, and the file and line it stands in."""

    id: str
    wanted: str
    prerequisite: bool
    line: int
    file: str


def scan(function: Callable[..., Any]) -> tuple[Criterion, ...]:
    """The criteria of a check in the order of its source, those of helpers in the lab's checks included.

    A helper counts when the check hands its `expect` on to it. An id that stands in several places (two
    branches) is listed once. Raises `NotLiteral` when an id or a `wanted` text is not a literal.
    """
    parameters = list(inspect.signature(function).parameters)
    found: dict[str, Criterion] = {}
    for criterion in _scan(function, parameters[1], seen=set()):
        found.setdefault(criterion.id, criterion)
    return tuple(found.values())


def _scan(function: Callable[..., Any], name: str, seen: set[tuple[str, str]]) -> Iterator[Criterion]:
    key = (function.__qualname__, name)
    if key in seen:
        return
    seen.add(key)
    code = function.__code__
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        line = code.co_firstlineno + call.lineno - 1
        form = _form(call, name)
        if form is not None:
            yield _criterion(call, form, code.co_filename, line)
        elif isinstance(call.func, ast.Name):
            yield from _helper(function, call, call.func.id, name, seen)


def _helper(
    function: Callable[..., Any], call: ast.Call, called: str, name: str, seen: set[tuple[str, str]]
) -> Iterator[Criterion]:
    helper = function.__globals__.get(called)
    if not inspect.isfunction(helper) or _package(helper) != _package(function):
        return
    parameters = list(inspect.signature(helper).parameters)
    for place, argument in enumerate(call.args):
        if _is_name(argument, name) and place < len(parameters):
            yield from _scan(helper, parameters[place], seen)
    for keyword in call.keywords:
        if keyword.arg and _is_name(keyword.value, name):
            yield from _scan(helper, keyword.arg, seen)


def _package(function: Callable[..., Any]) -> str:
    return function.__module__.partition(".")[0]


def _form(call: ast.Call, name: str) -> str | None:
    """How `expect` is used here: "expect", "found" or "call"; None when this call is something else."""
    if _is_name(call.func, name):
        return "expect"
    if isinstance(call.func, ast.Attribute) and _is_name(call.func.value, name):
        return call.func.attr if call.func.attr in ("found", "call") else None
    return None


def _criterion(call: ast.Call, form: str, file: str, line: int) -> Criterion:
    where = f"{file}, line {line}"
    key = _text(call.args[0] if call.args else None, "id", where)
    # In `expect.call` everything after the function belongs to the learner's function.
    wanted = _text(_wanted(call, None if form == "call" else 2), "wanted", where)
    return Criterion(key, wanted, form == "found", line, file)


def _wanted(call: ast.Call, place: int | None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == "wanted":
            return keyword.value
    return call.args[place] if place is not None and place < len(call.args) else None


def _text(node: ast.expr | None, name: str, where: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        return node.value
    raise NotLiteral(f"{where}: write `{name}` as a plain text in quotes, so that tools can list it.")


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
