"""What is tried with a lab: bent solutions are judged briefly, and share a stage with the written answers."""

from __future__ import annotations

from labkit.workbook import build
from labkit.workbook.bend import bends
from labkit.workbook.proof import Proof, bring_to
from labkit.workbook.stage import Stage


def test_gate_6_a_bent_solution_is_judged_up_to_its_first_miss(workbook):
    """It passes or not, as in a whole check; how much more it misses is found only where somebody asks."""
    proof = Proof.of(workbook.source, workbook.root)
    build.main([])
    brief = {bend.what: outcome for bend, outcome in proof.bent("worker")}
    assert {len(outcome.missed) for outcome in brief.values()} == {0, 1}
    with Stage(proof.lab) as stage:
        cell = bring_to(stage, "worker")
        mark = stage.mark()
        whole = {}
        for bend in bends(cell.source):
            stage.back(mark)
            whole[bend.what] = stage.answer("worker", bend.source, cell.body)
    assert {name: one.passed for name, one in brief.items()} == {
        name: one.passed for name, one in whole.items()
    }
    assert max(len(outcome.missed) for outcome in whole.values()) > 1


def test_written_and_bent_answers_of_one_stage_come_to_the_same(workbook):
    build.main([])
    apart, ahead = (Proof.of(workbook.source, workbook.root, ahead=way) for way in (False, True))
    for name in ("hide", "worker"):
        told = [
            ([(one.kind, one.outcome.missed) for one in proof.calm(name).tried], proof.survivors(name))
            for proof in (apart, ahead)
        ]
        assert told[0] == told[1]


def test_what_an_answer_does_to_an_object_without_a_copy_is_not_hidden_by_the_order(workbook):
    """The second exercise uses an object of the first that nobody can copy. Written and bent answers share it."""
    workbook.change(
        workbook.source, "waiting = []", "import threading\n\nwaiting = []\nlock = threading.Lock()"
    )
    workbook.change(
        workbook.source,
        "    bodies = []\n    while True",
        "    assert not lock.locked()\n    bodies = []\n    while True",
    )
    build.main([])
    proof = Proof.of(workbook.source, workbook.root, ahead=True)
    assert all(one.outcome.passed for one in proof.calm("worker").of("solution", "right"))
    assert any(outcome.passed for _, outcome in proof.bent("worker"))
