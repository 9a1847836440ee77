"""data/facts.toml: every fact has a source and a date, and becomes a callout that reads well as text."""

from __future__ import annotations

import pytest

from labkit.workbook.facts import callout, read_facts


def test_the_callout_says_both_sides_where_it_stands_and_when_it_was_checked(workbook):
    text = callout(read_facts(workbook.facts)["F1"])
    assert "> **Syllabus says** (lines 267-271): Default 30 seconds, maximum 12 hours." in text
    assert "> **AWS says now** (still true): The range is 0 to 43,200 seconds." in text
    assert "[docs.aws.amazon.com, quotas-messages](https://docs.aws.amazon.com/" in text
    assert "Checked on 2026-11-23." in text
    assert all(line.startswith(">") for line in text.splitlines())


def test_a_fact_the_syllabus_does_not_have_says_only_what_aws_says(workbook):
    workbook.change(workbook.facts, 'verdict = "TRUE"', 'verdict = "NOT IN SYLLABUS"')
    workbook.change(workbook.facts, 'syllabus = "Default 30 seconds, maximum 12 hours."\n', "")
    text = callout(read_facts(workbook.facts)["F1"])
    assert "Syllabus says" not in text
    assert "**AWS says now**: The range" in text


def test_no_table_means_no_facts(tmp_path):
    assert read_facts(tmp_path / "facts.toml") == {}


@pytest.mark.parametrize(
    ("old", "new", "what", "how"),
    [
        ('verdict = "TRUE"', 'verdict = "SO SO"', "verdict 'SO SO'", "Use one of: TRUE"),
        ("checked = 2026-11-23", 'checked = "soon"', "no date", "without quotes"),
        ('title = "How long a message stays hidden"\n', "", "no title", "title ="),
        ('lines = "L267-L271"', 'lines = "267"', "lines '267'", "L239-L242"),
        ('labs = ["90"]', "", "no labs", "labs ="),
        ('aws = "The', 'aws = The"', "not TOML", "Repair"),
    ],
)
def test_a_flawed_fact_is_told(workbook, problems_of, old, new, what, how):
    workbook.change(workbook.facts, old, new)
    (problem,) = problems_of(lambda: read_facts(workbook.facts))
    assert what in problem.what
    assert how in problem.how
    assert problem.line == (0 if "TOML" in what else 1)


def test_an_unsourced_fact_is_refused(workbook, problems_of):
    text = workbook.facts.read_text(encoding="utf-8")
    workbook.facts.write_text(
        text.replace(text[text.index("sources") : text.index("checked")], ""), encoding="utf-8"
    )
    (problem,) = problems_of(lambda: read_facts(workbook.facts))
    assert "unsourced" in problem.how
