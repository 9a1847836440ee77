"""`labkit build`: both notebooks and lab.json, byte-stable, and never out of date unnoticed."""

from __future__ import annotations

import json

import pytest

from labkit.errors import NotFound
from labkit.workbook import build
from labkit.workbook.bind import bind


@pytest.fixture
def lab(workbook):
    return bind(workbook.source, workbook.root)


@pytest.fixture
def notebooks(lab, workbook):
    """(learner's, solved) as they were written."""
    build.write(lab)
    where = build.places(workbook.source, workbook.root)
    return tuple(json.loads(path.read_text(encoding="utf-8")) for path in (where.learner, where.solved))


def cells_of(notebook, role):
    return [cell for cell in notebook["cells"] if cell["metadata"]["labkit"]["role"] == role]


def source_of(cell):
    return "".join(cell["source"])


def test_the_generated_files_lie_where_learners_and_authors_look(workbook):
    assert build.main([]) == 0
    names = {
        path.relative_to(workbook.root).as_posix()
        for path in workbook.root.rglob("*")
        if path.suffix != ".py"
    }
    assert {
        "labs/week01/90-two-queues.ipynb",
        "solutions/week01/90-two-queues.ipynb",
        "solutions/week01/90-two-queues/lab.json",
    } <= names


def test_the_same_source_gives_the_same_bytes(workbook):
    first = build.generated(bind(workbook.source, workbook.root))
    second = build.generated(bind(workbook.source, workbook.root))
    assert first == second
    assert all(content.endswith(b"\n") and b"\r" not in content for content in first.values())


def test_notebooks_are_valid_and_have_no_outputs(notebooks):
    import nbformat

    for notebook in notebooks:
        nbformat.validate(nbformat.from_dict(notebook))
        assert notebook["metadata"]["kernelspec"]["name"] == "python3"
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
        ids = [cell["id"] for cell in notebook["cells"]]
        assert len(set(ids)) == len(ids)


def test_a_new_cell_changes_no_id_of_an_exercise(workbook, notebooks):
    workbook.change(
        workbook.source, "# A worked example", "# More.\n\n# %%\nmore = 1\n\n# %% [markdown]\n# A worked"
    )
    again = json.loads(
        build.generated(bind(workbook.source, workbook.root))[
            build.places(workbook.source, workbook.root).solved
        ]
    )
    for role in ("solution", "check"):
        assert [cell["id"] for cell in cells_of(notebooks[1], role)] == [
            cell["id"] for cell in cells_of(again, role)
        ]


def test_the_learners_notebook_holds_stubs_and_no_answer(notebooks):
    learner, solved = notebooks
    assert [source_of(cell) for cell in cells_of(learner, "stub")] == [
        'letters = ""',
        "def work(url):\n    return []",
    ]
    assert not cells_of(learner, "solution")
    assert not cells_of(solved, "stub")
    text = json.dumps(learner)
    for hidden in ("create_queue", "delete_message", "minutes for seconds", "survives"):
        assert hidden not in text
    assert "survives" not in json.dumps(solved)


def test_each_exercise_is_followed_by_its_check_cell(notebooks):
    for notebook, role in zip(notebooks, ("stub", "solution"), strict=True):
        roles = [
            (cell["metadata"]["labkit"]["role"], cell["metadata"]["labkit"].get("exercise"))
            for cell in notebook["cells"]
        ]
        for name in ("hide", "worker"):
            assert roles[roles.index((role, name)) + 1] == ("check", name)
    calls = [source_of(cell) for cell in cells_of(notebooks[0], "check")]
    assert calls == ['lab.check("hide")', 'lab.check("worker", work=work)']


def test_setup_and_checks_cannot_get_lost_and_learners_cells_are_free(notebooks):
    learner = notebooks[0]
    for cell in cells_of(learner, "check"):
        assert cell["metadata"]["deletable"] is False
        assert cell["metadata"]["editable"] is False
    (setup,) = cells_of(learner, "setup")
    assert setup["metadata"]["deletable"] is False
    for cell in cells_of(learner, "stub") + cells_of(learner, "code"):
        assert "deletable" not in cell["metadata"]


def test_the_setup_opens_the_lab_and_shows_it(notebooks):
    (setup,) = cells_of(notebooks[0], "setup")
    lines = source_of(setup).splitlines()
    assert lines[:3] == ["import labkit", "", 'lab = labkit.open("90-two-queues")']
    assert lines[-1] == "lab"
    assert "import boto3" in lines


def test_a_question_is_readable_before_it_runs_and_answered_only_when_solved(notebooks):
    for notebook in notebooks:
        (asked,) = cells_of(notebook, "question")
        assert "- **b**: 12 hours" in source_of(asked)
    calls = [source_of(cells_of(notebook, "predict")[0]) for notebook in notebooks]
    assert calls == [
        'lab.predict("hidden_for", answer=None)  # your answer: "a" or "b"',
        'lab.predict("hidden_for", answer="a")',
    ]


def test_pictures_are_inside_and_facts_are_written_out(notebooks):
    text = "\n".join(source_of(cell) for cell in notebooks[0]["cells"])
    assert "![A tube with a message in it](data:image/svg+xml;base64," in text
    assert "AWS says now" in text


def test_the_words_of_a_picture_may_run_over_several_lines(workbook):
    workbook.change(workbook.source, "![A tube with a message in it]", "![A tube with\n# a message in it]")
    build.write(bind(workbook.source, workbook.root))
    text = build.places(workbook.source, workbook.root).learner.read_text(encoding="utf-8")
    assert "![A tube with a message in it](data:image/svg+xml;base64," in text


def test_below_its_heading_an_exercise_says_what_it_asks(notebooks):
    text = "\n".join(source_of(cell) for cell in notebooks[0]["cells"])
    assert (
        "## 90.1 · Hide a letter for two minutes\n\n*About 4 minutes · 10 points · on the short path ★*\n\nMake"
        in text
    )


def test_code_for_one_edition_stays_out_of_the_other(workbook):
    workbook.change(
        workbook.source, "waiting = []", "waiting = []\n\n# %% learner\nmine = 1\n\n# %% solved\nyours = 1"
    )
    build.write(bind(workbook.source, workbook.root))
    where = build.places(workbook.source, workbook.root)
    learner, solved = (path.read_text(encoding="utf-8") for path in (where.learner, where.solved))
    assert "mine = 1" in learner
    assert "mine = 1" not in solved
    assert "yours = 1" in solved
    assert "yours = 1" not in learner


def test_lab_json_lists_what_a_kernel_needs(lab, workbook):
    document = json.loads(build.generated(lab)[build.places(workbook.source, workbook.root).json])
    assert document["exercises"][0] == {
        "name": "hide",
        "number": "90.1",
        "title": "Hide a letter for two minutes",
        "points": 10,
        "minutes": 4,
        "star": True,
        "covers": ["L267-L271"],
    }
    roles = [cell["role"] for cell in document["cells"]]
    assert roles == [
        *("setup", "predict", "stub", "solution", "check", "right", "wrong", "wrong", "code"),
        *("stub", "solution", "check", "right", "wrong", "wrong", "wrong"),
    ]
    wrong = next(cell for cell in document["cells"] if cell["because"] == "minutes for seconds")
    assert (wrong["exercise"], wrong["finds"]) == ("hide", ["hidden"])


def test_check_finds_every_file_that_is_out_of_date(workbook, capsys):
    assert build.main([]) == 0
    assert build.main(["--check"]) == 0
    where = build.places(workbook.source, workbook.root)
    where.learner.write_bytes(where.learner.read_bytes().replace(b"# Two queues", b"# Three queues"))
    where.json.unlink()
    capsys.readouterr()
    assert build.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "labs/week01/90-two-queues.ipynb:" in told
    assert "not what solutions/week01/90-two-queues/lab.py gives. Run `labkit build 90`." in told
    assert "lab.json: This file is missing." in told
    assert where.json.exists() is False, "--check must not write"
    assert build.main(["90"]) == 0
    assert build.main(["--check"]) == 0


def test_check_finds_a_file_with_other_line_ends(workbook):
    build.main([])
    where = build.places(workbook.source, workbook.root)
    where.learner.write_bytes(where.learner.read_bytes().replace(b"\n", b"\r\n"))
    assert build.main(["--check"]) == 1


def test_check_finds_a_notebook_without_a_source(workbook, capsys):
    build.main([])
    (workbook.root / "labs" / "week01" / "91-lost.ipynb").write_text("{}", encoding="utf-8")
    assert build.main(["--check"]) == 1
    assert "91-lost.ipynb: No lab's source gives this notebook. Delete it" in capsys.readouterr().err


def test_a_source_that_cannot_be_built_is_told_and_writes_nothing(workbook, capsys):
    workbook.change(workbook.source, "waiting = []", "waiting = [")
    assert build.main([]) == 1
    assert "lab.py:" in capsys.readouterr().err
    assert not list((workbook.root / "labs").rglob("*.ipynb"))


@pytest.mark.parametrize("name", ["90", "90-two", "90-two-queues"])
def test_a_lab_is_named_by_number_beginning_or_key(workbook, name):
    assert build.chosen([name], workbook.root) == [workbook.source]


def test_an_unknown_lab_is_refused_with_the_nearest(workbook):
    with pytest.raises(NotFound, match="90-two-queues"):
        build.chosen(["two-queues"], workbook.root)


def test_a_picture_whose_text_runs_over_lines_is_inlined_too(workbook):
    (workbook.source.parent / "fence.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8"
    )
    text = workbook.source.read_text(encoding="utf-8")
    head, mark, rest = text.partition("# %% [markdown]\n# # ")
    title, line_end, rest = rest.partition("\n")
    picture = "#\n# ![A fence\n# with two gates.](fence.svg)\n"
    workbook.source.write_text(head + mark + title + line_end + picture + rest, encoding="utf-8")
    assert build.main([]) == 0
    notebook = next((workbook.root / "labs").rglob("*.ipynb")).read_text(encoding="utf-8")
    assert "![A fence with two gates.](data:image/svg+xml;base64," in notebook
    assert "fence.svg)" not in notebook
