"""What a JSONata expression refers to, and what AWS refuses in it before anything runs.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html (`$states.result` and
`$states.errorOutput` where they do not exist are refused). An expression runs without a context item: a name that
stands alone, and `$$`, lead nowhere. The codes and words of these refusals are as Floci's documentation quotes AWS's
(https://github.com/floci-io/floci, docs/services/step-functions.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

INVALID: Final = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED: Final = "UNSUPPORTED_JSONATA_EXPRESSION"
_PARTS: Final = (
    "lhs", "rhs", "expression", "expressions", "condition", "then", "_else", "arguments", "body", "procedure",
    "lhs_object",
)  # fmt: skip
_DEEP: Final = (*_PARTS, "steps", "stages", "predicate", "group", "terms", "expr")


def problem(expression: str, states: frozenset[str]) -> tuple[str, str]:
    """The code and the sentence of what is wrong, or two empty texts. `states` are the members `$states` has here."""
    from labkit.sandbox.states import expressions

    try:
        tree = expressions.compiled(expression).ast
    except Exception as error:  # the parser answers wrong input with errors of many kinds
        return INVALID, str(error) or type(error).__name__
    for name in _alone(tree):
        return UNSUPPORTED, f"Reference to '{name}' at the top level is not supported."
    for node in _all(tree):
        if getattr(node, "type", None) == "variable" and node.value == "$":
            return UNSUPPORTED, "Reference to '$$' is not supported."
        if (name := _member(node)) and name not in states:
            return UNSUPPORTED, f"Reference to '$states.{name}' is not supported."
    return "", ""


def _alone(node: Any) -> Iterator[str]:
    """Names that are looked for in the context item of the whole expression."""
    if getattr(node, "type", None) == "path":
        first = node.steps[0]
        if first.type == "name":
            yield str(first.value)
        else:
            yield from _alone(first)
        return
    for child in _children(node, _PARTS):
        yield from _alone(child)


def _all(node: Any) -> Iterator[Any]:
    yield node
    for child in _children(node, _DEEP):
        yield from _all(child)


def _children(node: Any, names: tuple[str, ...]) -> Iterator[Any]:
    for name in names:
        yield from _flat(getattr(node, name, None))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)
    elif value is not None and hasattr(value, "keep_array"):
        yield value


def _member(node: Any) -> str:
    """`result` or `errorOutput`, where the node is a path such as `$states.result`."""
    if getattr(node, "type", None) != "path" or len(node.steps) < 2:
        return ""
    first, second = node.steps[0], node.steps[1]
    found = first.type == "variable" and first.value == "states" and second.type == "name"
    return str(second.value) if found and second.value in ("result", "errorOutput") else ""
