"""Service level objectives: attainment, error budget and burn rate by the SRE workbook's definitions."""

from __future__ import annotations

import pytest

from labkit.errors import UsageError
from labkit.workload import SLO, Record, Records

DAY = 86_400.0


def story(seconds: float, every: float, bad: tuple[float, float] = (0, 0), weight: int = 1) -> Records:
    """One request each `every` seconds; those that come in the `bad` time fail."""
    times = [place * every for place in range(int(seconds / every))]
    return Records(
        [
            Record(number, at, 0.02, "", 500 if bad[0] <= at < bad[1] else 200, "", weight)
            for number, at in enumerate(times, 1)
        ]
    )


def test_attainment_counts_good_by_all() -> None:
    records = Records(
        [Record(1, 0, 0.1), Record(2, 1, 0.4), Record(3, 2, 0.1, "", 500), Record(4, 3, 0.1, "", 404)]
    )
    assert SLO(good=0.9).of(records).attainment == 0.75
    assert SLO(good=0.9, within=0.3).of(records).attainment == 0.5
    assert SLO(good=0.9, client_errors=False).of(records).attainment == 0.5
    assert SLO(good=0.75).of(records).met
    assert not SLO(good=0.76).of(records).met


def test_a_request_stands_for_as_many_as_it_weighs() -> None:
    records = Records([Record(1, 0, 0.1, weight=30), Record(2, 1, 0.1, "", 500, weight=10)])
    report = SLO(good=0.9).of(records)
    assert (report.requests, report.bad, report.attainment) == (40, 10, 0.75)


def test_a_burn_rate_of_one_uses_up_the_budget_in_the_window() -> None:
    records = story(1_000, 1, bad=(500, 510))
    report = SLO(good=0.99, window=999).of(records)
    assert report.burn_rate == pytest.approx(1)
    assert report.budget_left == pytest.approx(0, abs=1e-9)
    assert SLO(good=0.99, window=9_990).of(records).budget_left == pytest.approx(0.9)


def test_the_fastest_burn_of_each_window_is_found() -> None:
    report = SLO(good=0.999).of(story(DAY, 10, bad=(40_000, 40_600)))
    assert report.burn(600).rate == pytest.approx(1_000)
    assert report.burn(3_600).rate == pytest.approx(1_000 / 6, rel=0.01)
    assert 40_500 <= report.burn(600).at <= 40_600


def test_the_workbooks_alerts_fire_when_both_windows_burn() -> None:
    # 14.4 in an hour: 1.44 % of requests fail for an objective of 99.9 %.
    outage = SLO(good=0.999).of(story(DAY, 5, bad=(40_000, 40_600)))
    assert [(one.alert.burn, one.alert.severity) for one in outage.fired()] == [(14.4, "page"), (6.0, "page")]
    first = outage.fired()[0]
    assert 40_000 <= first.at <= 40_100  # 52 s of complete outage are 1.44 % of an hour
    assert SLO(good=0.999).of(story(DAY, 5, bad=(40_000, 40_010))).fired() == []


def test_it_is_shown_as_text_and_as_a_table() -> None:
    report = SLO(good=0.999, within=0.3).of(story(DAY, 10, bad=(40_000, 40_600), weight=20))
    text = repr(report)
    assert "99.9 % of requests answered well within 0.3 s, over 30 d" in text
    assert "172,800, 1,200 of them not good" in text
    assert "99.31 %: missed" in text
    assert "Alert (page)" in text
    assert report._repr_html_().count("<tr>") == len(report.rows())


def test_no_requests_break_nothing() -> None:
    report = SLO().of(Records())
    assert (report.attainment, report.burn_rate, report.budget_left, report.fired()) == (1.0, 0.0, 1.0, [])
    assert "none" in repr(report)


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"good": 99.9}, "good is a share below 1"),
        ({"good": 1}, "good is a share below 1"),
        ({"within": 0}, "within is a time in seconds"),
        ({"window": "30d"}, "window is a time in seconds"),
    ],
)
def test_nonsense_is_refused_with_the_cure(settings: dict[str, object], cure: str) -> None:
    with pytest.raises(UsageError, match=cure):
        SLO(**settings)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="records are those of traffic"):
        SLO().of([])  # type: ignore[arg-type]
