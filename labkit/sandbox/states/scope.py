"""What an expression sees: the data, the variables, and the context object."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from labkit.sandbox.states import paths


def _unseeded() -> random.Random:
    return random.Random(0)


class Scope(NamedTuple):
    """`data` is `$`, `context` is `$$` (in JSONata `$states.context`). `states` is what `$states` holds beside it."""

    data: Any
    variables: Mapping[str, Any]
    context: Mapping[str, Any]
    dice: Callable[[], random.Random] = _unseeded
    """Chance for `States.UUID`, `$random` and the like; made only when it is needed."""


def look_up(path: str, scope: Scope) -> Any:
    """The value at a path: `$...` in the data, `$$...` in the context object, `$name...` in a variable.

    Raises `paths.NoResult` and `paths.InvalidPath`.
    """
    if path.startswith("$$"):
        return paths.read(path[1:], scope.context)
    if len(path) > 1 and path[0] == "$" and path[1] not in ".[":
        name, rest = split_variable(path)
        if name not in scope.variables:
            raise paths.NoResult(f"${name}")
        return paths.read("$" + rest, scope.variables[name])
    return paths.read(path, scope.data)


def split_variable(path: str) -> tuple[str, str]:
    """`$order.items[0]` -> ("order", ".items[0]")."""
    end = next((at for at, letter in enumerate(path) if letter in ".["), len(path))
    return path[1:end], path[end:]
