"""Each gate is proved by a lab that is broken in one way and must not get through."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from labkit.workbook import build, feedback
from labkit.workbook.gates import GATES
from labkit.workbook.problems import Problem
from labkit.workbook.proof import Proof
from labkit.workbook.prove import look

Look = Callable[[int], list[Problem]]


@pytest.fixture
def closed(workbook) -> Look:
    """What a gate finds in the workbook as it is now, built."""

    def call(number: int) -> list[Problem]:
        assert build.main([]) == 0
        gate = next(gate for gate in GATES if gate.number == number)
        return list(look(gate, Proof.of(workbook.source, workbook.root)).problems)

    return call


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


def test_gates_have_the_numbers_of_the_design():
    assert [gate.number for gate in GATES] == list(range(1, 15))


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13])
def test_a_good_lab_gets_through(closed, number):
    assert closed(number) == []


# -- gate 1 ----------------------------------------------------------------------------------------

SHAPE = {
    "one wrong answer": (
        "lab.py",
        '# %% wrong because="minutes for seconds" finds="hidden"\n'
        'letters = sqs.create_queue(QueueName="letters", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]\n',
        "",
        "'hide' has 1 wrong answers and needs 2",
        "# %% wrong",
    ),
    "no right answer": (
        "lab.py",
        '# %% right because="the timeout is set later"',
        '# %% wrong because="x" finds="hidden"',
        "'hide' has 0 right answers",
        "# %% right",
    ),
    "two answers for one reason": (
        "lab.py",
        'because="never deletes"',
        'because="breaks down"',
        "Two answers to 'worker'",
        "its own reason",
    ),
    "a criterion misspelt": (
        "lab.py",
        'finds="gone"',
        'finds="gon"',
        "'worker' has no criterion 'gon'",
        "gone",
    ),
    "two hints": (
        "checks.py",
        '        "A borrowed message is hidden for a while.",\n',
        "",
        "needs 3",
        "with a blank",
    ),
    "a first hint with code": (
        "checks.py",
        "A borrowed message",
        "`receive_message`",
        "shows code",
        "think about",
    ),
    "a last hint without a blank": (
        "checks.py",
        '"VisibilityTimeout": "____"',
        '"VisibilityTimeout"',
        "no blank",
        "____",
    ),
    "no minutes": ("checks.py", "minutes=4", "minutes=0", "'hide' has 0 minutes", "minutes=10"),
    "no docstring": (
        "checks.py",
        '    """A message comes back two minutes after it was received."""\n',
        "",
        "'hide' has no docstring",
        "one sentence",
    ),
    "covers nothing": ("checks.py", 'covers=("L250",)', "covers=()", "covers no line", "covers="),
    "covers what the lab does not": ("checks.py", '("L250",)', '("L250-L251",)', "covers L251", "header"),
    "claims what nothing covers": ("lab.py", "[L250, ", "[L249, L250, ", "covers L249", "Take them out"),
    "takes longer than the lab": ("checks.py", "minutes=6", "minutes=60", "take 64 minutes", "Correct"),
    "an unknown service": (
        "lab.py",
        "services: [sqs]",
        "services: [sqs, sqz]",
        "no AWS service 'sqz'",
        "sqs",
    ),
    "a wrong choice unexplained": (
        "checks.py",
        'why_not={"b": "That is the longest."}',
        "why_not={}",
        "does not say why b is wrong",
        "why_not",
    ),
    "a criterion that cannot be listed": (
        "checks.py",
        '            "back",\n',
        '            "ba" + "ck",\n',
        "cannot be listed",
        "",
    ),
    "placeholder text": (
        "lab.py",
        "A small lab,",
        "REPLACE: a small lab,",
        "Placeholder text",
        "what a learner",
    ),
}


@pytest.mark.parametrize("name", SHAPE)
def test_gate_1_a_lab_lacks_nothing(workbook, closed, name):
    file, old, new, what, how = SHAPE[name]
    workbook.change(workbook.folder / file, old, new)
    found = [one for one in closed(1) if what in one.what]
    assert how in only(found).how


# -- gates 2 to 5 ----------------------------------------------------------------------------------


def test_gate_2_a_stub_that_passes(workbook, closed):
    line = workbook.change(
        workbook.source,
        'letters = ""',
        'letters = sqs.create_queue(QueueName="letters", Attributes={"VisibilityTimeout": "120"})["QueueUrl"]',
    )
    problem = only(closed(2))
    assert "untouched stub of 'hide' passes" in problem.what
    assert problem.line == line - 1


def test_gate_2_a_stub_that_breaks(workbook, closed):
    line = workbook.change(workbook.source, 'letters = ""', "letters = nobody")
    problem = only(closed(2))
    assert "The stub of 'hide' breaks. It stopped with NameError" in problem.what
    assert problem.line == line


def test_gate_2_a_check_that_breaks_on_the_stub(workbook, closed):
    workbook.change(workbook.checks, "sorted(found or [])", "sorted(found + bodies[3])")
    problem = only(closed(2))
    assert problem.path.name == "checks.py"
    assert "check of 'worker' itself breaks on the stub answer" in problem.what


def test_gate_3_a_right_answer_that_is_refused(workbook, closed):
    line = workbook.change(
        workbook.source,
        'sqs.set_queue_attributes(QueueUrl=letters, Attributes={"VisibilityTimeout": "120"})',
        'sqs.set_queue_attributes(QueueUrl=letters, Attributes={"VisibilityTimeout": "12"})',
    )
    problem = only(closed(3))
    assert (
        "The right answer to 'hide' (the timeout is set later) does not pass: failed, hidden:" in problem.what
    )
    assert problem.line == line - 2


def test_gate_3_a_check_confused_by_other_peoples_things(workbook, closed):
    workbook.change(
        workbook.checks,
        'world.queue("letters"),',
        'world.queue("letters") if len(world.client("sqs").list_queues()["QueueUrls"]) == 1 else None,',
    )
    problems = closed(3)
    assert len(problems) == 2
    for problem in problems:
        assert problem.path.name == "checks.py"
        assert "passes alone, but not among other people's things" in problem.what
        assert "made itself" in problem.how


def test_gate_3_a_check_confused_by_messages_in_flight(workbook, closed):
    workbook.change(
        workbook.checks,
        "            first and sent not in early,",
        "            first and sent not in early and len(queue.messages()) == 1,",
    )
    assert {problem.path.name for problem in closed(3)} == {"checks.py"}


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_lab_that_breaks_half_way_is_told_by_each_gate_that_needs_it(workbook, closed, number):
    line = workbook.change(workbook.source, "waiting = []", "waiting = nobody")
    found = [one for one in closed(number) if "does not run to its end" in one.what]
    assert found[0].line == line
    assert "NameError" in found[0].what


def test_gate_4_a_wrong_answer_that_passes(workbook, closed):
    line = workbook.change(workbook.source, '"VisibilityTimeout": "43200"', '"VisibilityTimeout": "121"')
    problem = only(closed(4))
    assert "(the longest timeout, to be safe) should miss back. It misses nothing." in problem.what
    assert "Sharpen the check" in problem.how
    assert problem.line == line - 1


def test_gate_4_a_wrong_answer_that_misses_something_else(workbook, closed):
    workbook.change(workbook.source, 'finds="bodies"', 'finds="bodies,gone"')
    problem = only(closed(4))
    assert "should miss bodies, gone. It misses bodies." in problem.what
    assert 'finds="bodies"' in problem.how


def test_gate_4_a_wrong_answer_that_breaks_before_it_is_checked(workbook, closed):
    line = workbook.change(
        workbook.source, '    raise RuntimeError("broken down")', "    pass\nraise RuntimeError"
    )
    problem = only(closed(4))
    assert "breaks before it is checked" in problem.what
    assert problem.line == line + 1


def test_gate_5_a_criterion_nobody_misses(workbook, closed):
    workbook.change(
        workbook.source, 'because="never deletes" finds="gone"', 'because="never deletes" finds="bodies"'
    )
    workbook.change(
        workbook.source,
        '    return [message["Body"] for message in answer["Messages"]]',
        '    for message in answer["Messages"]:\n'
        '        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])',
    )
    problem = only(closed(5))
    assert problem.path.name == "checks.py"
    assert "No wrong answer to 'worker' misses the criterion 'gone'" in problem.what
    assert "This one would do: in the solution, drop `sqs.delete_message(" in problem.how


# -- gate 6 ----------------------------------------------------------------------------------------


def test_gate_6_a_bent_solution_that_passes(workbook, closed):
    line = workbook.change(workbook.source, "  # survives: any number of messages will do", "")
    problems = closed(6)
    assert {problem.line for problem in problems} == {line}
    assert {problem.what for problem in problems} == {
        "A bent solution of 'worker' passes: `10` becomes `9`.",
        "A bent solution of 'worker' passes: drop `MaxNumberOfMessages=`.",
    }
    assert "# survives: reason" in problems[0].how


def test_gate_6_a_reason_where_nothing_survives(workbook, closed):
    line = workbook.change(
        workbook.source,
        "    bodies = []\n    while True",
        "    bodies = []  # survives: who knows\n    while True",
    )
    problem = only(closed(6))
    assert (problem.what, problem.line) == ("Nothing bent survives here.", line)


def test_gate_6_a_reason_that_says_nothing(workbook, closed):
    workbook.change(workbook.source, "# survives: any number of messages will do", "# survives:")
    assert "gives no reason" in only(closed(6)).what


def test_gate_6_a_bent_solution_that_never_ends_is_no_pass(workbook, closed, monkeypatch):
    monkeypatch.setattr("labkit.workbook.proof.BENT_SECONDS", 0.5)
    workbook.change(
        workbook.source,
        "            return bodies\n",
        "            done = True  # survives: see below\n            return bodies\n",
    )
    proof = Proof.of(workbook.source, workbook.root)
    build.main([])
    tried = {bend.what: outcome for bend, outcome in proof.bent("worker")}
    assert not tried["drop `return bodies`"].passed
    workbook.change(
        workbook.source,
        "            return bodies\n        for",
        "            return bodies\n        answer = {'Messages': []}\n        for",
    )
    proof = Proof.of(workbook.source, workbook.root)
    tried = {bend.what: outcome for bend, outcome in proof.bent("worker")}
    assert str(tried["drop `return bodies`"]) == "It did not end within 0.5 seconds."


# -- gate 7 ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_gate_7_a_good_lab_runs(closed):
    assert closed(7) == []


@pytest.mark.slow
def test_gate_7_leaving_early_is_no_success(workbook, closed):
    workbook.change(workbook.source, "waiting = []", "import sys\n\nsys.exit(0)")
    problems = closed(7)
    never = [one for one in problems if one.what == "In the solved notebook: It never ran."]
    assert len(never) == 2  # the second exercise and its check
    assert never[0].line > 0
    assert "build" in never[0].how
    assert any("SystemExit" in one.what for one in problems)


# -- gates 8 to 14 ---------------------------------------------------------------------------------


def test_gate_8_a_check_that_leaves_something(closed, monkeypatch):
    from labkit.sandbox import Rehearsal, Sandbox

    @contextmanager
    def leaky(self: Sandbox) -> Any:
        yield Rehearsal(self.trace)

    monkeypatch.setattr(Sandbox, "rehearsal", leaky)
    found = {problem.what for problem in closed(8)}
    assert any("check of 'hide' leaves something behind" in what for what in found)
    assert any("the account is not as it was" in what and "the clock moved by" in what for what in found)


def test_gate_9_a_reset_that_leaves_something(closed, monkeypatch):
    from labkit.sandbox import Sandbox

    monkeypatch.setattr(Sandbox, "reset", lambda self: None)
    assert "After `lab.reset()` the account still holds: sqs" in only(closed(9)).what


def test_gate_10_an_exercise_that_needs_a_cell_learners_do_not_have(workbook, closed):
    workbook.change(workbook.source, "waiting = []", "waiting = []\n\n# %% solved\nurl_of = str")
    workbook.change(
        workbook.source,
        "    bodies = []\n    while True",
        "    bodies = []\n    url = url_of(url)\n    while True",
    )
    problem = only(closed(10))
    assert 'After `lab.jump_to("worker")` its solution does not pass' in problem.what
    assert "both notebooks run" in problem.how


def add_lab_91(workbook, waiting: str) -> None:
    """A second lab, which gate 10 plays before the first. It differs in its number and one cell."""
    other = workbook.folder.with_name("91-more-queues")
    other.mkdir()
    text = workbook.source.read_text(encoding="utf-8").replace("90", "91").replace("waiting = []", waiting)
    (other / "lab.py").write_text(text, encoding="utf-8")
    (other / "tube.svg").write_bytes((workbook.folder / "tube.svg").read_bytes())
    (other / "checks.py").write_text(workbook.checks.read_text(encoding="utf-8"), encoding="utf-8")
    workbook.change(workbook.facts, 'labs = ["90"]', 'labs = ["90", "91"]')


def test_gate_10_a_lab_that_only_runs_in_a_fresh_kernel(workbook, closed):
    add_lab_91(workbook, "import os\n\nos.environ['MY_LAB'] = '91'")
    line = workbook.change(workbook.source, "waiting = []", "import os\n\nassert 'MY_LAB' not in os.environ")
    problem = only(closed(10))
    assert "After lab 91 this lab does not run" in problem.what
    assert problem.line == line + 2


def test_gate_10_a_solution_that_only_passes_in_a_fresh_kernel(workbook, closed):
    add_lab_91(workbook, "import os\n\nos.environ['MY_LAB'] = '91'")
    workbook.change(
        workbook.source,
        "    bodies = []\n    while True",
        "    bodies = __import__('os').environ.get('MY_LAB', [])\n    while True",
    )
    problem = only(closed(10))
    assert "After lab 91 the solution does not pass: " in problem.what


def test_gate_10_plays_a_lab_once_and_not_over_what_it_left_itself(workbook, closed):
    add_lab_91(workbook, "waiting = []")
    workbook.change(
        workbook.source,
        '# %% fact id="F1"\n',
        '# %% fact id="F1"\n\n# %%\nwith labkit.expected(sqs.exceptions.QueueDoesNotExist):\n'
        '    sqs.get_queue_url(QueueName="letters")\n',
    )
    assert closed(10) == []


def test_gate_11_a_file_that_is_out_of_date(workbook):
    build.main([])
    workbook.change(workbook.source, "A small lab,", "A tiny lab,")
    gate = next(gate for gate in GATES if gate.number == 11)
    problems = look(gate, Proof.of(workbook.source, workbook.root)).problems
    assert [problem.path.parent.parent.name for problem in problems] == ["labs", "solutions"]
    assert "Run `labkit build 90`" in problems[0].how


def test_gate_12_a_lab_that_reaches_out(workbook, closed):
    workbook.change(
        workbook.source,
        "waiting = []",
        "import socket\n\nlab.sandbox.guard.stop()\nlost = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        'lost.connect(("192.0.2.1", 9))\nlost.close()\nlab.sandbox.guard.start()',
    )
    assert "reaches out to 192.0.2.1, port 9" in only(closed(12)).what


def test_gate_12_a_lab_that_tries_to_reach_out(workbook, closed):
    quiet = "import contextlib\nimport socket\n\nwith contextlib.suppress(Exception):\n"
    call = '    socket.create_connection(("192.0.2.1", 9))'
    workbook.change(workbook.source, "waiting = []", quiet + call)
    assert "The guard had to stop a connection to 192.0.2.1" in only(closed(12)).what
    workbook.change(workbook.source, quiet, "import socket\n\nwith labkit.expected(Exception):\n")
    assert closed(12) == []


def test_gate_12_a_lab_that_breaks_in_a_fresh_process(workbook, closed):
    workbook.change(workbook.source, "waiting = []", "assert 'pytest' in __import__('sys').modules")
    assert "does not run in a fresh process. AssertionError" in only(closed(12)).what


def test_gate_13_a_report_whose_text_says_less(closed, monkeypatch):
    from labkit.judging import Report

    whole = Report.text
    monkeypatch.setattr(
        Report, "text", lambda self: whole(self).replace("Why:", "").replace("Two workers", "")
    )
    problem = next(one for one in closed(13) if "minutes" in one.what or "reason" in one.what)
    assert "has no reason of 'hidden' in its text form" in problem.what


def test_gate_14_feedback_nobody_has_read_has_changed_or_is_left_over(workbook, closed):
    assert [one.what for one in closed(14)] == ["Nobody has read this feedback yet: the file is missing."] * 2
    proof = Proof.of(workbook.source, workbook.root)
    assert [path.name for path in feedback.update(proof)] == ["hide.txt", "worker.txt"]
    assert feedback.update(Proof.of(workbook.source, workbook.root)) == []
    assert closed(14) == []

    workbook.change(workbook.checks, "Two workers would handle it.", "Two workers would do it.")
    problem = only(closed(14))
    assert (
        "Learners now read 'Why: Two workers would do it.' instead of 'Why: Two workers would handle it.'"
        in problem.what
    )
    kept = problem.path.read_text(encoding="utf-8").splitlines()
    assert "would handle it" in kept[problem.line - 1]
    assert "labkit prove 90 --update" in problem.how

    feedback.update(Proof.of(workbook.source, workbook.root))
    worker = feedback.place(proof, "worker").read_text(encoding="utf-8")
    assert worker.endswith(
        "---- bent solutions that pass, and why that is right\n\n"
        "`10` becomes `9`: any number of messages will do\n"
        "drop `MaxNumberOfMessages=`: any number of messages will do\n"
    )
    (feedback.folder(proof) / "gone.txt").write_text("old", encoding="utf-8")
    assert only(closed(14)).how == "Delete the file."
