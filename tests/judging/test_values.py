"""Values a learner passes by name: what fits is judged, what does not fit is answered with the call that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from labkit.judging.values import misfit, values_of


def check(
    world: Any,
    expect: Any,
    *,
    worker: Callable[[int], int] | None = None,
    need: int,
    share: float = 0.5,
    where: Literal["queue", "table"] = "queue",
) -> None: ...


def nothing(world: Any, expect: Any) -> None: ...


TAKEN = values_of(check)
CALL = 'lab.check("job", worker=your_function, need=3)'


def test_what_is_taken_follows_the_signature() -> None:
    assert [(one.name, one.wanted, one.optional) for one in TAKEN] == [
        ("worker", "a function", False),
        ("need", "a whole number", False),
        ("share", "a number", True),
        ("where", "one of 'queue', 'table'", True),
    ]


@pytest.mark.parametrize("need", [3, 3.0])
def test_what_fits_is_judged(need: object) -> None:
    assert misfit("job", TAKEN, {"worker": print, "need": need}) == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, f"This check needs a function, passed by name: `{CALL}`."),
        ({"worker": None, "need": 3}, f"`worker` should be a function, not None. Write `{CALL}`."),
        ({"worker": ..., "need": 3}, f"`worker` should be a function, not Ellipsis. Write `{CALL}`."),
        ({"worker": print}, f"This check needs a whole number, passed by name: `{CALL}`."),
        ({"worker": print, "need": True}, f"`need` should be a whole number, not True. Write `{CALL}`."),
        ({"worker": print, "need": 3.5}, f"`need` should be a whole number, not 3.5. Write `{CALL}`."),
        ({"worker": print, "need": []}, f"`need` should be a whole number, not a list. Write `{CALL}`."),
        ({"wroker": print}, f"This check does not take `wroker`. Did you mean `worker`? Write `{CALL}`."),
        ({"zzz": 1}, f"This check does not take `zzz`. Write `{CALL}`."),
        (
            {"worker": print, "need": 1, "where": "topic"},
            f"`where` should be one of 'queue', 'table', not 'topic'. Write `{CALL}`.",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_the_call_that_does(given: dict[str, Any], said: str) -> None:
    assert misfit("job", TAKEN, given) == said


def test_a_check_without_values_says_so() -> None:
    said = misfit("job", values_of(nothing), {"worker": print})
    assert said == 'This check takes no values: `lab.check("job")`. You passed `worker`.'


def test_a_hint_nobody_can_resolve_takes_anything() -> None:
    def odd(world: Any, expect: Any, *, thing: NoSuchName) -> None:  # type: ignore[name-defined] # noqa: F821
        ...

    assert misfit("job", values_of(odd), {"thing": object()}) == ""
