"""JSONata in state machines: `{% $states.input.price * 2 %}`.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html (expressions, `$states`,
`$partition`, `$range`, `$hash`, `$random`, `$uuid`, `$parse`; `$eval` is not supported; an expression that gives
nothing is an error). What these functions do with odd arguments, the bounds of an evaluation and the words of causes
are as Floci's documentation gives them, which compared them with AWS (https://github.com/floci-io/floci,
docs/services/step-functions.md).
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
"""An expression that runs away is stopped after so many steps. AWS stops it by the clock; the figure is ours."""
_DEEPEST: Final = 100
"""Steps inside steps, on AWS too."""
_LONGEST_RANGE: Final = 360_145
"""Numbers that `$range` gives at most."""


def is_expression(value: Any) -> bool:
    """Whether this is `{% ... %}`."""
    return isinstance(value, str) and value.startswith(OPEN) and value.endswith(CLOSE)


def evaluate(value: Any, scope: Scope, field: str) -> Any:
    """A template with all its expressions computed. Raises `StateFailed`."""
    if is_expression(value):
        return _evaluated(inside(value), scope, field)
    if isinstance(value, dict):
        return {name: evaluate(item, scope, f"{field}/{name}") for name, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, scope, f"{field}[{number}]") for number, item in enumerate(value)]
    return value


def inside(text: str) -> str:
    """The expression between the marks."""
    return text[len(OPEN) : -len(CLOSE)].strip()


@functools.lru_cache(maxsize=512)
def compiled(expression: str) -> Any:
    """The expression, ready to be evaluated again and again."""
    import jsonata

    made = jsonata.Jsonata(expression)
    if made.errors:
        raise made.errors[0]
    made.set_output_convert_nulls(False)
    made.set_validate_input(False)
    return made


def _evaluated(expression: str, scope: Scope, field: str) -> Any:
    try:
        found = compiled(expression).evaluate(None, _bindings(scope))
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
        if deep[0] > _DEEPEST:
            raise RecursionError(
                "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as "
                f"tail-recursive. Depth={deep[0]} max={_DEEPEST}"
            )
        if next(steps) > _MOST_STEPS:
            raise RecursionError("Expression evaluation timeout: Check for infinite loop")

    def leave(*_: Any) -> None:
        deep[0] -= 1

    return {"__evaluate_entry": enter, "__evaluate_exit": leave}


def _functions(dice: Callable[[], random.Random]) -> dict[str, Any]:
    from jsonata import Jsonata

    def seeded(seed: Any = None) -> float:
        return (dice() if seed is None else random.Random(seed)).random()

    return {
        "partition": Jsonata.JLambda(_partition),
        "range": Jsonata.JLambda(_range),
        "hash": Jsonata.JLambda(_hash),
        "random": Jsonata.JLambda(seeded),
        "uuid": Jsonata.JLambda(lambda: intrinsics.FUNCTIONS["States.UUID"](dice())),
        "parse": Jsonata.JLambda(json.loads),
        "eval": Jsonata.JLambda(_no_eval),
    }  # fmt: skip


def _partition(items: Any, size: Any = None) -> Any:
    if not items or size is None or int(size) <= 0:
        return None
    return intrinsics.FUNCTIONS["States.ArrayPartition"](items, int(size))


def _range(first: Any, last: Any, step: Any = None) -> Any:
    """The numbers; one alone is no list, and a step that leads away gives nothing."""
    if step is None or not int(step):
        return None
    way = int(step)
    numbers = range(int(first), int(last) + (1 if way > 0 else -1), way)
    if len(numbers) > _LONGEST_RANGE:
        raise MemoryError("Expression evaluation memory limit exceeded: Check for excessive memory usage")
    return (list(numbers) if len(numbers) > 1 else numbers[0]) if numbers else None


def _hash(text: Any, name: Any = None) -> Any:
    return None if name is None else intrinsics.FUNCTIONS["States.Hash"](text, name)


def _no_eval(*_: Any) -> Any:
    from jsonata.jexception import JException

    raise JException("T1006", 0, "eval")
