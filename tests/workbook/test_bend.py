"""Bent solutions: which ones there are, and how an author says that one of them is right."""

from __future__ import annotations

import ast

import pytest

from labkit.workbook.bend import bends
from labkit.workbook.reasons import reasons, without_reasons


def whats(source: str) -> list[str]:
    return [bend.what for bend in bends(source)]


@pytest.mark.parametrize(
    ("source", "bent"),
    [
        ("n = 3", ["n = 4", "n = 2", "pass"]),
        ("n = 0", ["n = 1", "pass"]),
        ("n = 30", ["n = 60", "n = 15", "pass"]),
        ("n = True", ["n = False", "pass"]),
        ("n = '120'", ["n = '240'", "n = '60'", "pass"]),
        ("n = 'orders'", ["n = 'orders-bent'", "pass"]),
        ("f(x, wait=y)", ["f(x)", "pass"]),
    ],
)
def test_each_constant_keyword_and_statement_is_bent(source, bent):
    assert sorted(bend.source for bend in bends(source)) == sorted(bent)


def test_statements_inside_a_function_are_dropped_one_at_a_time():
    source = "def f(q):\n    m = take(q)\n    throw(m)\n"
    assert whats(source) == ["drop `def f(q):`", "drop `m = take(q)`", "drop `throw(m)`"]
    assert bends(source)[2].source == "def f(q):\n    m = take(q)\n    pass"
    assert [bend.line for bend in bends(source)] == [1, 2, 3]


@pytest.mark.parametrize(
    "quiet",
    [
        'print("sent", 3)',
        '"""A docstring."""',
        "import json",
        "assert n == 3",
        "answer",
        "def f(n: 'int') -> 'int': pass",
    ],
)
def test_what_only_speaks_is_left_alone(quiet):
    assert [what for what in whats(quiet) if not what.startswith("drop `def")] == []


def test_every_bend_is_python_and_differs_from_the_solution():
    source = (
        "for n in range(3):\n    if n > 1:\n        send(str(n), delay=30, fifo=False)\n"
        "    else:\n        stop(f'{n:>4} of 3')\n"
    )
    found = bends(source)
    assert len({bend.source for bend in found}) == len(found)
    for bend in found:
        assert ast.unparse(ast.parse(bend.source)) == bend.source != ast.unparse(ast.parse(source))


def test_a_reason_is_read_and_left_out_of_what_learners_see():
    source = 'send("# survives: no")  # survives: any text will do\nstay()  # a remark\n'
    assert reasons(source) == {1: "any text will do"}
    assert without_reasons(source) == 'send("# survives: no")\nstay()  # a remark'
