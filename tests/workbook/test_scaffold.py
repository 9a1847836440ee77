"""`labkit new` starts a lab that only its author's words are missing from."""

from __future__ import annotations

import pytest

from labkit.course import catalogue
from labkit.errors import UsageError
from labkit.workbook import build, scaffold
from labkit.workbook.gates import GATES
from labkit.workbook.proof import Proof
from labkit.workbook.prove import look


def test_a_planned_lab_brings_its_title_week_and_minutes(workbook, capsys):
    assert scaffold.main(["91", "more-queues"]) == 0
    lab = catalogue.find("91")
    assert (lab.key, lab.title, lab.week, lab.minutes) == ("91-more-queues", "More queues", 1, 20)
    told = capsys.readouterr().out
    assert "wrote solutions/week01/91-more-queues/lab.py" in told
    assert "labkit prove 91" in told


@pytest.mark.slow
def test_a_new_lab_passes_every_gate_but_the_one_for_its_words(workbook):
    scaffold.create(workbook.root, "92", "parcels", 'Parcels: "fast"', 0, 30)
    (path,) = build.chosen(["92"], workbook.root)
    assert path.parent == workbook.root / "solutions" / "92-parcels"
    proof = Proof.of(path, workbook.root)
    closed = {
        result.gate: result.problems for result in (look(gate, proof) for gate in GATES) if result.problems
    }
    assert list(closed) == [1]
    (problem,) = closed[1]
    assert "Placeholder text stands here and in 2 more lines" in problem.what
    assert path.read_text(encoding="utf-8").splitlines()[problem.line - 1].count("REPLACE:") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["9", "queues", "--title", "Q", "--week", "1"], "two digits"),
        (["92", "My Queues", "--title", "Q", "--week", "1"], "lower-case words"),
        (["92", "queues", "--title", " ", "--week", "1"], "one line of text"),
        (["92", "queues", "--title", "Q", "--week", "-1"], "week is 0 or more"),
        (["92", "queues"], "not planned in data/course.toml. Add --title and --week"),
        (["90", "queues"], "Lab 90 exists: solutions/week01/90-two-queues/lab.py"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(workbook, arguments, told):
    with pytest.raises(UsageError, match=told):
        scaffold.main(arguments)
    assert [path.parent.name for path in build.sources(workbook.root)] == ["90-two-queues"]
