"""The learner's side finds labs, their exercises and their checks, and says what is planned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.course import catalogue
from labkit.errors import LabkitError, NotFound
from labkit.workbook import build


@pytest.fixture
def built(workbook):
    build.main([])
    return workbook


@pytest.mark.parametrize(
    "name", ["90", 90, "90-two", "90-two-queues", "90-TWO-QUEUES", "90-two-queues.ipynb"]
)
def test_a_lab_is_found_by_number_beginning_or_key(built, name):
    lab = catalogue.find(name)
    assert (lab.key, lab.title, lab.minutes) == ("90-two-queues", "Two queues", 10)
    assert lab.notebook == built.root / "labs" / "week01" / "90-two-queues.ipynb"
    assert lab.notebook.exists()


def test_an_unknown_lab_offers_the_nearest(built):
    with pytest.raises(NotFound, match="Did you mean '90-two-queues'"):
        catalogue.find("two-queue")


@pytest.mark.parametrize("name", ["91", "91-more-queues", "more queues"])
def test_a_planned_lab_says_so(built, name):
    with pytest.raises(LabkitError, match="Lab 91, 'More queues', is planned but not written yet.*: 90"):
        catalogue.find(name)


def test_the_map_shows_what_is_built_and_what_is_planned(built):
    entries = catalogue.course_map()
    assert [(one.number, one.title, one.lab is not None) for one in entries] == [
        ("90", "Two queues", True),
        ("91", "More queues", False),
    ]


def test_the_whole_course_is_on_the_map(root):
    entries = catalogue.course_map(root)
    assert [one.number for one in entries] == [f"{number:02}" for number in range(24)]
    assert [one.number for one in entries if one.kind != "lab"] == ["09", "15", "22", "23"]


def test_exercises_are_found_by_name_and_number(built):
    lab = catalogue.find("90")
    assert lab.exercise("worker") is lab.exercise("90.2")
    with pytest.raises(NotFound, match="'worker'"):
        lab.exercise("workers")
    with pytest.raises(NotFound, match=r"90\.2"):
        lab.exercise("90.3")


def test_solutions_wrong_answers_and_the_story_so_far(built):
    lab = catalogue.find("90")
    assert "120" in lab.solution("90.1")
    assert next((one.because, one.finds) for one in lab.wrong_answers("hide")) == (
        "minutes for seconds",
        ("hidden",),
    )
    assert lab.story_before("hide") == ()
    assert lab.story_before("worker") == (lab.solution("hide"), "waiting = []")
    assert lab.setup().startswith("import boto3")


def test_checks_are_read_once_and_again_after_a_change(built):
    lab = catalogue.find("90")
    first = catalogue.load_checks(lab)
    assert catalogue.load_checks(lab) is first
    built.change(built.checks, "Hide a letter for two minutes", "Hide a letter for a while")
    again = catalogue.load_checks(lab)
    assert again.exercises["hide"].title == "Hide a letter for a while"


def test_missing_checks_are_told(built):
    built.checks.unlink()
    with pytest.raises(LabkitError, match="checks of lab 90 cannot be read"):
        catalogue.load_checks(catalogue.find("90"))


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 1}'])
def test_a_damaged_lab_json_names_the_cure(built, content):
    (built.folder / "lab.json").write_text(content, encoding="utf-8")
    with pytest.raises(LabkitError, match="labkit build 90-two-queues"):
        catalogue.find("90")


def test_unknown_keys_in_lab_json_do_no_harm(built):
    path = built.folder / "lab.json"
    document = json.loads(path.read_text(encoding="utf-8")) | {"quiz": []}
    document["exercises"][0]["twin"] = True
    path.write_text(json.dumps(document), encoding="utf-8")
    assert catalogue.find("90").key == "90-two-queues"


def test_a_wrong_workbook_in_the_environment_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_WORKBOOK", str(tmp_path))
    with pytest.raises(LabkitError, match="LABKIT_WORKBOOK names"):
        catalogue.workbook_root()


def test_the_clone_is_the_workbook(root, monkeypatch):
    monkeypatch.delenv("LABKIT_WORKBOOK", raising=False)
    assert catalogue.workbook_root() == root


def test_finding_a_lab_imports_nothing_third_party(built, root):
    code = (
        "import sys; before = set(sys.modules)\n"
        "from labkit.course import catalogue; catalogue.find('90'); catalogue.course_map()\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before} - {'labkit'}\n"
        "print(sorted(names - set(sys.stdlib_module_names)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(root), "LABKIT_WORKBOOK": str(built.root)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path.home(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
