"""lab.py, checks.py and the facts must fit together; where they do not, the author is told which line to change."""

from __future__ import annotations

import pytest

from labkit.workbook.bind import bind

SOURCE, CHECKS, FACTS = "lab.py", "checks.py", "facts.toml"


def test_exercises_are_numbered_in_the_order_of_the_lab(workbook):
    lab = bind(workbook.source, workbook.root)
    assert [lab.number(one.name) for one in lab.exercises] == ["90.1", "90.2"]
    assert lab.heading("worker") == "90.2 · Work through the queue"


# (file to change, what stands there, what is written instead, file told, what the message says, what it says to do)
MISFITS = {
    "no such exercise": (SOURCE, 'exercise="hide"', 'exercise="hid"', SOURCE, "no exercise 'hid'", "'hide'"),
    "no stub": (
        CHECKS,
        "def worker(",
        "def walker(",
        CHECKS,
        "'walker' has no stub",
        '# %% stub exercise="walker"',
    ),
    "no such question": (
        SOURCE,
        'question="hidden_for"',
        'question="hidden"',
        SOURCE,
        "no question",
        "'hidden_for'",
    ),
    "a question never asked": (
        SOURCE,
        '# %% predict question="hidden_for"\n',
        "",
        CHECKS,
        "never asked",
        "# %% predict",
    ),
    "no such fact": (SOURCE, 'id="F1"', 'id="F2"', SOURCE, "no fact 'F2'", "facts.toml"),
    "a fact of another lab": (
        FACTS,
        'labs = ["90"]',
        'labs = ["16"]',
        SOURCE,
        "does not list this lab",
        'Add "90"',
    ),
    "a wrong number": (
        SOURCE,
        "## 90.2 ·",
        "## 90.3 ·",
        SOURCE,
        "does not fit",
        "## 90.2 · Work through the queue",
    ),
    "another title": (
        SOURCE,
        "90.2 · Work",
        "90.2 · Walk",
        SOURCE,
        "does not fit",
        "change the title in checks.py",
    ),
    "no heading": (SOURCE, "# ## 90.2 ·", "# ## About", SOURCE, "has no heading", "Write `## 90.2 · Work"),
    "a heading too many": (
        SOURCE,
        "# A worked",
        "# ## 90.9 · More\n# A worked",
        SOURCE,
        "no exercise below",
        "stub",
    ),
    "values nobody passes": (
        SOURCE,
        '# %% check\nlab.check("worker", work=work)\n',
        "",
        SOURCE,
        "takes work",
        "work=...",
    ),
    "a check of another": (
        SOURCE,
        'lab.check("worker"',
        'lab.check("hide"',
        SOURCE,
        "does not check 'worker'",
        "end",
    ),
    "checks that do not load": (
        CHECKS,
        "def hide(",
        "def hide(world,",
        CHECKS,
        "cannot be imported",
        "Repair",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_told(workbook, problems_of, name):
    where, old, new, told, what, how = MISFITS[name]
    path = {SOURCE: workbook.source, CHECKS: workbook.checks, FACTS: workbook.facts}[where]
    workbook.change(path, old, new)
    problems = problems_of(lambda: bind(workbook.source, workbook.root))
    found = [one for one in problems if what in one.what]
    assert found, problems
    assert found[0].path.name == told
    assert how in found[0].how


def test_functions_in_another_order_than_the_lab_are_told(workbook, problems_of):
    text = workbook.checks.read_text(encoding="utf-8")
    start, middle = text.index("@exercise"), text.rindex("@exercise")
    workbook.checks.write_text(text[:start] + text[middle:] + "\n\n" + text[start:middle], encoding="utf-8")
    (problem,) = problems_of(lambda: bind(workbook.source, workbook.root))
    assert "'worker' stands where the lab has 'hide'" in problem.what
    assert problem.path == workbook.checks


def test_a_problem_in_a_file_beside_checks_names_that_file(workbook, problems_of):
    more = workbook.folder / "checks_1_more.py"
    text = workbook.checks.read_text(encoding="utf-8")
    start = text.index("@exercise")
    more.write_text(text[:start].split("hidden_for")[0] + text[start:], encoding="utf-8")
    workbook.checks.write_text(text[:start], encoding="utf-8")
    assert list(bind(workbook.source, workbook.root).checks.exercises) == ["hide", "worker"]
    workbook.change(more, "def hide(", "def hidden(")
    told = {
        (problem.path.name, problem.what)
        for problem in problems_of(lambda: bind(workbook.source, workbook.root))
    }
    assert ("checks_1_more.py", "The exercise 'hidden' has no stub.") in told


def test_a_lab_without_checks_is_told(workbook, problems_of):
    workbook.checks.unlink()
    (problem,) = problems_of(lambda: bind(workbook.source, workbook.root))
    assert problem.path.name == "checks.py"
