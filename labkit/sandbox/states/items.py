"""The items of a Map: where they come from, how ItemSelector shapes them, how ItemBatcher puts them together.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemselector.html,
input-output-itembatcher.html and transforming-data.html (`Items` takes an array or an object).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.states import expressions, flow
from labkit.sandbox.states.errors import RUNTIME, TOO_LARGE, StateFailed
from labkit.sandbox.states.flow import LARGEST, text_of
from labkit.sandbox.states.runs import Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

State = dict[str, Any]
_KEYS: Final = {"Key", "Value"}


class Pair(dict[str, Any]):
    """A member of an object as an item: its key and its value."""


def listed(found: Any) -> list[Any] | None:
    """An array, or an object as pairs of key and value; None for anything else."""
    if isinstance(found, dict):
        return [Pair(Key=name, Value=value) for name, value in found.items()]
    return found if isinstance(found, list) else None


def of_input(machine: Machine, track: Track, state: State) -> list[Any]:
    """The items that the state's input holds. Raises `StateFailed`."""
    scope = machine.scope(track, state)
    if machine.jsonata(state):
        found = expressions.evaluate(state["Items"], scope, "Items") if "Items" in state else track.data
        made = listed(found)
        if made is None:
            raise flow.wrong_type(state.get("Items", "{% $states.input %}"), "Items", "array", found)
        return made
    data = flow.effective_input(state, scope)
    machine.run.inspect(afterInputPath=data)
    path = state.get("ItemsPath", "$")
    found = flow.at(path, scope._replace(data=data))
    machine.run.inspect(afterItemsPath=found)
    made = found if isinstance(found, list) else None
    if made is None and "ProcessorConfig" in (state.get("ItemProcessor") or {}):
        made = (
            listed(found) if state["ItemProcessor"]["ProcessorConfig"].get("Mode") == "DISTRIBUTED" else None
        )
    if made is None:
        raise StateFailed(RUNTIME, f'Reference path "{path}" must point to array.')
    return made


def concurrency(machine: Machine, track: Track, state: State) -> int:
    """MaxConcurrency: 0 means as many as AWS allows."""
    scope, jsonata = input_scope(machine, track, state), machine.jsonata(state)
    return int(flow.number_of(state, "MaxConcurrency", scope, jsonata) or 0)


def input_scope(machine: Machine, track: Track, state: State) -> Any:
    """What the fields of a Map see: in JSONPath, `$` is the input after InputPath."""
    scope = machine.scope(track, state)
    return scope if machine.jsonata(state) else scope._replace(data=flow.effective_input(state, scope))


def context_of(index: int, value: Any) -> dict[str, Any]:
    """`Map.Item` of the context object."""
    if isinstance(value, Pair):
        return {"Index": index, "Key": value["Key"], "Value": value["Value"]}
    return {"Index": index, "Value": value}


def selected(machine: Machine, track: Track, state: State, value: Any, item: dict[str, Any]) -> Any:
    """What one iteration gets: the item, or what ItemSelector makes of it."""
    selector = state.get("ItemSelector", state.get("Parameters"))
    if selector is None:
        return dict(value) if isinstance(value, Pair) else value
    scope = input_scope(machine, track, state)
    scope = scope._replace(context={**scope.context, "Map": {"Item": item}})
    if machine.jsonata(state):
        return expressions.evaluate(selector, scope, "ItemSelector")
    return flow.template(selector, scope)


def batched(machine: Machine, track: Track, state: State, found: list[Any]) -> tuple[list[Any], list[int]]:
    """The inputs of child executions, and how many items each of them has."""
    batcher = state["ItemBatcher"]
    scope, jsonata = input_scope(machine, track, state), machine.jsonata(state)

    def limit(name: str) -> float | None:
        return flow.number_of(batcher, name, scope, jsonata, least=1, field=f"ItemBatcher/{name}")

    most, room = limit("MaxItemsPerBatch"), limit("MaxInputBytesPerBatch")
    around: dict[str, Any] = {}
    if "BatchInput" in batcher:
        given = batcher["BatchInput"]
        around["BatchInput"] = (
            expressions.evaluate(given, scope, "ItemBatcher/BatchInput")
            if jsonata
            else flow.template(given, scope)
        )
    return _packed(around, found, int(most or len(found) or 1), min(int(room or LARGEST), LARGEST))


def _packed(around: dict[str, Any], found: list[Any], most: int, room: int) -> tuple[list[Any], list[int]]:
    empty = _size({**around, "Items": []})
    batches: list[list[Any]] = []
    used = room + 1
    for number, item in enumerate(found):
        size = _size(item)
        if empty + size > LARGEST:
            raise StateFailed(
                TOO_LARGE, f"The item at index {number} is larger than the input of an execution may be."
            )
        if not batches or len(batches[-1]) >= most or used + size + 1 > room:
            batches.append([])
            used = empty - 1
        batches[-1].append(item)
        used += size + 1
    return [{**around, "Items": batch} for batch in batches], [len(batch) for batch in batches]


def _size(value: Any) -> int:
    return len(text_of(value).encode())
