"""lab.py is read into a typed model; whatever is wrong with it is told with its line and its cure."""

from __future__ import annotations

from datetime import date

import pytest

from labkit.workbook.source import read


def test_a_lab_is_read_with_its_header_cells_and_lines(workbook):
    lab = read(workbook.source)
    assert (lab.key, lab.header.number, lab.header.week, lab.header.minutes) == ("90-two-queues", "90", 1, 10)
    assert lab.header.verified == date(2026, 11, 23)
    assert lab.header.covers == ("L250", "L267-L271")
    assert [cell.role for cell in lab.cells[:5]] == ["text", "setup", "fact", "predict", "text"]
    lines = workbook.source.read_text(encoding="utf-8").splitlines()
    for cell in lab.cells:
        assert lines[cell.line - 1].startswith("# %%")
        if cell.source and cell.role != "text":
            assert lines[cell.body - 1] == cell.source.splitlines()[0]


def test_the_cells_of_an_exercise_are_found_together(workbook):
    hide, worker = read(workbook.source).exercises()
    assert hide.name == "hide"
    assert hide.check is None
    assert [one.because for one in hide.rights] == ["the timeout is set later"]
    assert [(one.because, one.finds) for one in hide.wrongs] == [
        ("minutes for seconds", ("hidden",)),
        ("the longest timeout, to be safe", ("back",)),
    ]
    assert worker.check is not None
    assert worker.check.source == 'lab.check("worker", work=work)'


def test_several_criteria_of_a_wrong_answer_are_separated_by_commas(workbook):
    workbook.change(workbook.source, 'finds="bodies"', 'finds="bodies, gone"')
    worker = read(workbook.source).exercises()[1]
    assert worker.wrongs[1].finds == ("bodies", "gone")


def test_a_cell_marker_inside_a_string_is_text(workbook):
    workbook.change(workbook.source, "waiting = []", 'waiting = """\n# %% stub\n"""')
    cell = next(cell for cell in read(workbook.source).cells if cell.role == "code")
    assert "# %% stub" in cell.source


# (what stands in the good lab, what is written instead, what the message says, what it says to do)
MALFORMED = {
    "unknown role": ("# %% solution\nletters", "# %% solutoin\nletters", "no role 'solutoin'", "solution"),
    "attributes without quotes": (
        '# %% stub exercise="hide"',
        "# %% stub exercise=hide",
        "'exercise=hide' cannot be read",
        '`# %% stub exercise="..."`',
    ),
    "unknown attribute": (
        '# %% right because="one',
        '# %% right finds="gone" because="one',
        "right cell has no attribute 'finds'",
        '`# %% right because="..."`',
    ),
    "stub without a name": (
        '# %% stub exercise="hide"',
        "# %% stub",
        "stub cell has no exercise",
        "exercise=",
    ),
    "a name that is no function": (
        'exercise="hide"',
        'exercise="hide it"',
        "cannot be a function",
        "checks.py",
    ),
    "two stubs of one name": (
        'exercise="worker"',
        'exercise="hide"',
        "'hide' has a stub already",
        "another name",
    ),
    "solution outside": (
        "# %% solution\nletters",
        "# %%\nx = 1\n\n# %% solution\nletters",
        "This solution belongs to no exercise",
        "directly below its `# %% stub`",
    ),
    "two solutions": (
        '# %% right because="the timeout is set later"',
        "# %% solution",
        "has a solution already",
        "Make it `# %% right",
    ),
    "no solution": (
        "# %% solution\ndef",
        '# %% right because="only one"\ndef',
        "'worker' has no solution",
        "# %% solution",
    ),
    "wrong without a reason": (
        '# %% wrong because="breaks down" finds="runs"',
        '# %% wrong finds="runs"',
        "wrong cell has no because",
        "because=",
    ),
    "wrong without a criterion": (
        'because="breaks down" finds="runs"',
        'because="breaks down"',
        "wrong cell has no finds",
        'finds="..."',
    ),
    "nothing in finds": ('finds="runs"', 'finds=","', "finds is empty", "Name the criteria"),
    "two setups": ("# %% fact", "# %% setup\n\n# %% fact", "There are 2 setup cells", "exactly one"),
    "no setup": ("# %% setup\n", "# %%\n", "There are 0 setup cells", "# %% setup"),
    "code above the setup": (
        "# %% setup",
        "# %%\nx = 1\n\n# %% setup",
        "This code stands above the setup",
        "below",
    ),
    "no python": ("waiting = []", "waiting = [", "This code is not Python", "Repair"),
    "a magic": ("waiting = []", "%time waiting = []", "is a magic", "plain Python"),
    "an empty cell": ("# %%\nwaiting = []", "# %%", "This code cell is empty", "Fill it"),
    "text in a generated cell": (
        '# %% fact id="F1"',
        '# %% fact id="F1"\nx = 1',
        "has no text",
        "cell of its own",
    ),
    "code before the first cell": (
        "# %% [markdown]\n# # Two",
        "x = 1\n\n# %% [markdown]\n# # Two",
        "before the",
        "%%",
    ),
    "a marker misspelt": ("# %%\nwaiting", "#%%\nwaiting", "is not how a cell begins", "# %%"),
    "no H1": ("# # Two queues", "# Two queues", "There is no H1", "# Title"),
    "a second H1": ("# ## 90.2", "# # 90.2", "second H1", "Make it `##`"),
    "a heading that jumps": ("# ## 90.2", "# #### 90.2", "jumps from level 2 to 4", "Use 3"),
    "no such picture": ("(tube.svg)", "(tubes.svg)", "no picture tubes.svg", "correct its name"),
    "a picture without words": ("![A tube with a message in it]", "![]", "has no text", "cannot see it"),
    "no header": ("#   labkit:", "#   other:", "There is no `labkit:` header", "labkit new"),
    "a broken header": ("#     week: 1", "#     week: [1", "header cannot be read", "YAML"),
    "a missing key": ("#     week: 1\n", "", "The header's week is missing", "`week: 9`"),
    "an unknown key": ("#     week: 1", "#     week: 1\n#     weeks: 2", "unknown key 'weeks'", "'week'"),
    "a number that is no text": ('number: "90"', "number: 90", "number is 90", 'number: "16"'),
    "a number of another folder": (
        'number: "90"',
        'number: "91"',
        "folder is named '90-two-queues'",
        "number",
    ),
    "minutes that are no number": ("minutes: 10", "minutes: ten", "minutes is 'ten'", "minutes: 100"),
    "a day that is none": ("verified: 2026-11-23", "verified: soon", "verified is 'soon'", "2026-11-23"),
    "covers nothing known": (
        "covers: [L250,",
        "covers: [250,",
        "covers is not a list of texts",
        "[L236, L237]",
    ),
    "covers a line misspelt": ("covers: [L250,", "covers: [l250,", "covers names 'l250'", "[L236, L237]"),
    "no services": ("services: [sqs]", "services: []", "services is empty", "[sqs, dynamodb]"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_source_is_refused_with_its_line_and_its_cure(workbook, problems_of, name):
    old, new, what, how = MALFORMED[name]
    line = workbook.change(workbook.source, old, new)
    problems = problems_of(lambda: read(workbook.source))
    told = next((one for one in problems if what in one.what), None)
    assert told is not None, problems
    assert how in told.how
    assert str(told).startswith("solutions/week01/90-two-queues/lab.py")
    near = range(max(0, line - 3), line + 6)
    assert told.line in near or told.line in (0, 1) or name in ("two setups", "no solution")


def test_everything_wrong_is_told_at_once(workbook, problems_of):
    workbook.change(workbook.source, "waiting = []", "waiting = [")
    workbook.change(workbook.source, "# %% solution\nletters", "# %% solutoin\nletters")
    assert len(problems_of(lambda: read(workbook.source))) >= 3  # the two, and an exercise without a solution


def test_a_file_that_is_not_there_is_told(workbook, problems_of):
    (problem,) = problems_of(lambda: read(workbook.folder / "other.py"))
    assert "labkit new" in problem.how
