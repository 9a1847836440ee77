"""Which values an event holds for the fields of a pattern, and whether they go together.

An event is laid flat: each leaf becomes a name, its steps joined by dots, and a value. Arrays leave no
trace in the name, so the elements of an array are values of one field. What an array does leave is a
place: which element of which array a leaf came from. Fields that match in two different elements of
the same array do not match together (README of github.com/aws/event-ruler, "JSON Array Matching").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from labkit.sandbox.patterns.operators import Field

Place = tuple[tuple[int, int], ...]
"""The array elements around a leaf, outermost first: number of the array, index of the element."""

Found = dict[str, list[tuple[Any, Place]]]
"""Full name of a field -> its values in the event, with their places."""

_NOTHING: Final = object()
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


class Step:
    """One step of the names in a pattern; `name` is the full name where a field ends here."""

    __slots__ = ("children", "goes_deeper", "name")

    def __init__(self) -> None:
        self.children: dict[str, Step] = {}
        self.name: str | None = None
        self.goes_deeper = False

    def add(self, name: str) -> None:
        """Make room for a field below this step."""
        here = self
        for step in name.split("."):
            here = here.children.setdefault(step, Step())
        here.name = name

    def below(self, dotted: str) -> Step | None:
        """The step that a key with dots in it leads to: `a.b` is the same as `b` inside `a`."""
        here: Step | None = self
        for step in dotted.split("."):
            here = here.children.get(step) if here is not None else None
        return here


def steps_of(names: Iterable[str]) -> Step:
    """The tree of the names, with `goes_deeper` where a key of the event could span two steps."""
    root = Step()
    for name in names:
        root.add(name)
    waiting = [root]
    while waiting:
        step = waiting.pop()
        step.goes_deeper = any(child.children for child in step.children.values())
        waiting += step.children.values()
    return root


def values_of(root: Step, event: Any) -> Found:
    """All values the event has for the names below `root`. Walks only where a name leads."""
    found: Found = {}
    arrays = 0
    waiting: list[tuple[Step, Any, Place]] = [(root, event, ())]
    while waiting:
        step, value, place = waiting.pop()
        kind = value.__class__
        if kind is dict or isinstance(value, Mapping):
            for name, child in step.children.items():
                inner = value.get(name, _NOTHING)
                if inner.__class__ in _SCALARS:
                    if child.name is not None:
                        found.setdefault(child.name, []).append((inner, place))
                elif inner is not _NOTHING:
                    waiting.append((child, inner, place))
            if step.goes_deeper:
                for key in value:
                    if key.__class__ is str and "." in key and (below := step.below(key)) is not None:
                        waiting.append((below, value[key], place))
        elif kind is list or kind is tuple:
            arrays += 1
            deeper = []
            for index, element in enumerate(value):
                if element.__class__ in _SCALARS:
                    if step.name is not None:
                        found.setdefault(step.name, []).append((element, place))
                else:
                    deeper.append((step, element, (*place, (arrays, index))))
            waiting += reversed(deeper)  # the last one in is the first one out
        elif step.name is not None:
            found.setdefault(step.name, []).append((value, place))
    return found


class Branch:
    """One way to satisfy a pattern: every field must match, all of them in consistent places."""

    __slots__ = ("fields",)

    def __init__(self, fields: Mapping[str, Field]) -> None:
        # The engine goes through the names in order; for `exists: false` inside arrays that matters.
        self.fields = tuple(sorted(fields.items()))

    def matches(self, found: Found) -> bool:
        """Whether the values found satisfy every field."""
        placed = []
        for name, field in self.fields:
            values = found.get(name)
            if values is None:
                if not field.absent:
                    return False
                continue
            places = set()
            for value, place in values:
                if field.takes(value):
                    if not place:
                        break  # outside all arrays, so it goes with everything
                    places.add(place)
            else:
                if not places and not field.absent:
                    return False
                placed.append((places, [place for _, place in values] if field.absent else None))
        return not placed or _together(placed)


def _together(placed: list[tuple[set[Place], list[Place] | None]]) -> bool:
    """Whether one place can be taken for each field so that no array is entered at two elements.

    Each entry has the places where the field matches and, if its absence would do too, the places
    where it has any value at all.
    """
    choices = [(_Places(matching), None if every is None else _Places(every)) for matching, every in placed]
    if len(choices) == 1 and choices[0][1] is None:
        return True
    tried: list[Iterator[dict[int, int]]] = [_next_choices(choices[0], {})]
    while tried:
        entered = next(tried[-1], None)
        if entered is None:
            tried.pop()
        elif len(tried) == len(choices):
            return True
        else:
            tried.append(_next_choices(choices[len(tried)], entered))
    return False


def _next_choices(
    choice: tuple[_Places, _Places | None], entered: dict[int, int]
) -> Iterator[dict[int, int]]:
    matching, every = choice
    seen = set()
    for place in matching.consistent(entered):
        merged = {**entered, **dict(place)}
        key = frozenset(merged.items())
        if key not in seen:
            seen.add(key)
            yield merged
    if every is not None and next(every.consistent(entered), None) is None:
        yield entered


class _Places:
    """Places, arranged so that those consistent with a choice are found without trying all."""

    __slots__ = ("_tree",)

    def __init__(self, places: set[Place] | list[Place]) -> None:
        self._tree: dict[Any, Any] = {}
        for place in places:
            here = self._tree
            for array, index in place:
                here = here.setdefault(array, {}).setdefault(index, {})
            here[_NOTHING] = place

    def consistent(self, entered: dict[int, int]) -> Iterator[Place]:
        """The places that enter no array at another element than `entered` does."""
        waiting = [self._tree]
        while waiting:
            here = waiting.pop()
            for array, elements in here.items():
                if array is _NOTHING:
                    yield elements
                elif array in entered:
                    if entered[array] in elements:
                        waiting.append(elements[entered[array]])
                else:
                    waiting.extend(elements.values())
