"""The syllabus and what the built labs cover of it."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from labkit.course import catalogue, coverage
from labkit.course.coverage import Covered, Topic
from labkit.errors import LabkitError
from labkit.notebook.coverage import Coverage, coverage_card, main


def test_no_built_lab_leaves_out_what_the_syllabus_gives_to_it() -> None:
    """The matrix is printed: `pytest -rP` or `labkit coverage` shows it."""
    print(coverage_card().text())
    assert coverage.left_out() == []


def test_every_topic_is_given_to_a_notebook_of_the_course() -> None:
    numbers = {entry.number for entry in catalogue.course_map()}
    for topic in coverage.topics():
        assert topic.labs, f"{topic.title} ({topic.lines}) is given to no notebook"
        assert set(topic.labs) <= numbers, topic


def test_topics_come_in_order_and_do_not_overlap() -> None:
    topics = coverage.topics()
    assert len(topics) > 150
    for before, after in pairwise(topics):
        assert before.last < after.first, (before, after)
        assert before.week <= after.week


def test_exercises_cover_lines_that_exist() -> None:
    topics = coverage.topics()
    for lab in catalogue.labs():
        for exercise in lab.exercises:
            for first, last in coverage.spans(exercise.covers):
                assert any(first <= one.last and one.first <= last for one in topics), (
                    exercise.number,
                    first,
                )


def test_a_built_exercise_stands_beside_its_topic() -> None:
    [row] = [row for row in coverage.matrix() if row.topic.lines == "L251"]
    assert (row.topic.title, row.state, [one.number for one in row.exercises]) == (
        "Long polling",
        "covered",
        ["16.3"],
    )


@pytest.mark.parametrize("text", ["250", "L2-3", "L", "lines 4"])
def test_lines_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(LabkitError, match='Write "L250"'):
        coverage.spans((text,))


def test_a_broken_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert coverage.topics(tmp_path) == []
    for text in ("[[topic]", '[[topic]]\nlines = "L1"', 'topic = "x"', '[[topic]]\nlines = "1"'):
        (tmp_path / "data" / "syllabus.toml").write_text(text, encoding="utf-8")
        with pytest.raises(LabkitError):
            coverage.topics(tmp_path)


def test_the_card_tells_states_in_words_and_escapes_titles() -> None:
    topic = Topic("<b>Queues</b>", "SQS & friends", 9, 250, 251, ("16", "17"))
    exercise = catalogue.find("16").exercises[0]
    rows = (Covered(topic, (exercise,), ("17",)), Covered(topic, (), ("17",)), Covered(topic, (), ()))
    card = Coverage(rows)
    assert "<b>Queues" not in card.html()
    assert "SQS &amp; friends" in card.html()
    for form in (card.html(), card.text()):
        assert "exercise 16.1; lab 17 will" in form
        assert "planned for lab 17" in form
        assert "lab 16, 17, without an exercise" in form
    assert card.summary == "3 topics of the syllabus: 0 covered, 1 in part, 2 planned"


def test_the_command_prints_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("SYLLABUS  ")
    assert "Long polling: exercise 16.3" in printed


def test_the_matrix_needs_nothing_third_party() -> None:
    code = "import sys; from labkit.course import coverage; coverage.matrix(); print('boto3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
