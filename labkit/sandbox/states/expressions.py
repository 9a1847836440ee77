"""JSONata in state machines: `{% $states.input.price * 2 %}`.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html (expressions, `$states`,
`$partition`, `$range`, `$hash`, `$random`, `$uuid`, `$parse`; `$eval` is not supported; an expression that gives
nothing is an error). The words of the causes are AWS's as executions show them.
"""

from __future__ import annotations

import functools
import itertools
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from labkit.sandbox.states import intrinsics
from labkit.sandbox.states.errors import QUERY, StateFailed
from labkit.sandbox.states.scope import Scope

OPEN, CLOSE = "{%", "%}"
_MOST_STEPS: Final = 500_000
_DEEPEST: Final = 400
"""An expression that runs away is stopped after so many steps, and steps inside steps. The figures are ours."""


def is_expression(value: Any) -> bool:
    """Whether this is `{% ... %}`."""
    return isinstance(value, str) and value.startswith(OPEN) and value.endswith(CLOSE)


def problem(text: str) -> str:
    """What is wrong with an expression's syntax, or nothing."""
    try:
        _compiled(_inside(text))
    except Exception as error:  # the parser answers wrong input with errors of many kinds
        return str(error) or type(error).__name__
    return ""


def evaluate(value: Any, scope: Scope, field: str) -> Any:
    """A template with all its expressions computed. Raises `StateFailed`."""
    if is_expression(value):
        return _evaluated(_inside(value), scope, field)
    if isinstance(value, dict):
        return {name: evaluate(item, scope, f"{field}/{name}") for name, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, scope, f"{field}[{number}]") for number, item in enumerate(value)]
    return value


def _inside(text: str) -> str:
    return text[len(OPEN) : -len(CLOSE)].strip()


@functools.lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:
    import jsonata

    compiled = jsonata.Jsonata(expression)
    if compiled.errors:
        raise compiled.errors[0]
    compiled.set_output_convert_nulls(False)
    compiled.set_validate_input(False)
    return compiled


def _evaluated(expression: str, scope: Scope, field: str) -> Any:
    try:
        found = _compiled(expression).evaluate(None, _bindings(scope))
    except StateFailed:
        raise
    except Exception as error:  # whatever goes wrong inside is the expression's failure
        code = getattr(error, "error", "")
        said = f"{code}: {error}" if code else str(error) or type(error).__name__
        text = (
            f"The JSONata expression '{expression}' specified for the field '{field}' threw an error during "
        )
        raise StateFailed(QUERY, f"{text}evaluation. {said}", location=field) from None
    if found is None:
        text = f"The JSONata expression '{expression}' specified for the field '{field}' returned nothing (undefined)."
        raise StateFailed(QUERY, text, location=field)
    return _json(found, expression, field)


def _json(value: Any, expression: str, field: str) -> Any:
    """Plain JSON of what JSONata gives."""
    if isinstance(value, dict):
        return {str(name): _json(item, expression, field) for name, item in value.items()}
    if isinstance(value, (list, range)) or type(value).__name__ == "RangeList":
        return [_json(item, expression, field) for item in value]
    if value is None or type(value).__name__ == "NullValue":
        return None
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    text = f"The JSONata expression '{expression}' specified for the field '{field}' returned an unsupported result "
    raise StateFailed(QUERY, f"{text}type.", location=field)


def _bindings(scope: Scope) -> Mapping[str, Any]:
    from jsonata.utils import Utils

    def bound(value: Any) -> Any:
        return Utils.NULL_VALUE if value is None else value

    states = {name: bound(value) for name, value in scope.data.items()} | {"context": dict(scope.context)}
    variables = {name: bound(value) for name, value in scope.variables.items()}
    return {**_functions(scope.dice), **variables, "states": states, **_bounds()}


def _bounds() -> dict[str, Any]:
    """What the interpreter calls before and after each step. It counts: the clock may stand still."""
    steps, deep = itertools.count(1), [0]

    def enter(*_: Any) -> None:
        deep[0] += 1
        if next(steps) > _MOST_STEPS or deep[0] > _DEEPEST:
            raise RecursionError("The expression runs too long or too deep. Check for an infinite loop.")

    def leave(*_: Any) -> None:
        deep[0] -= 1

    return {"__evaluate_entry": enter, "__evaluate_exit": leave}


def _functions(dice: Callable[[], random.Random]) -> dict[str, Any]:
    from jsonata import Jsonata

    def seeded(seed: Any = None) -> float:
        return (dice() if seed is None else random.Random(seed)).random()

    def numbers(first: Any, last: Any, step: Any) -> list[Any]:
        return intrinsics.FUNCTIONS["States.ArrayRange"](first, last, step)  # type: ignore[no-any-return]

    return {
        "partition": Jsonata.JLambda(_partition),
        "range": Jsonata.JLambda(numbers),
        "hash": Jsonata.JLambda(lambda text, name: intrinsics.FUNCTIONS["States.Hash"](text, name)),
        "random": Jsonata.JLambda(seeded),
        "uuid": Jsonata.JLambda(lambda: intrinsics.FUNCTIONS["States.UUID"](dice())),
        "parse": Jsonata.JLambda(json.loads),
        "eval": Jsonata.JLambda(_no_eval),
    }  # fmt: skip


def _partition(items: Any, size: Any) -> Any:
    return intrinsics.FUNCTIONS["States.ArrayPartition"](items, int(size))


def _no_eval(*_: Any) -> Any:
    raise ValueError("$eval is not supported; use $parse")
