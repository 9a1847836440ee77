"""How a report looks, as HTML and as text. Words lead; symbols and colour follow them."""

from __future__ import annotations

from typing import Final

from labkit.judging.card import code, esc, plural, prose, wrap
from labkit.judging.expect import FAIL, NOT_REACHED, PASS, Finding
from labkit.judging.report import FAILED, FAULT, NOT_STARTED, PASSED, Report
from labkit.judging.style import page

LEAD: Final = {PASSED: "PASS", FAILED: "FAIL", NOT_STARTED: "NOT STARTED", FAULT: "NOT JUDGED"}
_TONE: Final = {PASSED: "pass", FAILED: "fail", NOT_STARTED: "wait", FAULT: "odd"}
_SIGN: Final = {PASSED: "✓", FAILED: "✗", NOT_STARTED: "○", FAULT: "!"}
_ITEM_TONE: Final = {PASS: "pass", FAIL: "fail", NOT_REACHED: "wait"}
_ITEM_SIGN: Final = {PASS: "✓", FAIL: "✗", NOT_REACHED: "○"}


def name_of(report: Report) -> str:
    """The exercise's number and title."""
    return " ".join(part for part in (report.number, report.title) if part)


def score_of(report: Report) -> str:
    """How much holds and what it earned, in words."""
    held = [one for one in report.findings if not one.prerequisite and one.status == PASS]
    all_of = [one for one in report.findings if not one.prerequisite]
    if report.status == PASSED:
        return f"{report.earned} of {plural(report.points, 'point')}"
    if report.status == FAILED:
        return f"{len(held)} of {len(all_of)} hold"
    return "your score is unchanged" if report.status == FAULT else "nothing was counted"


# -- text ----------------------------------------------------------------------------------------


def report_text(report: Report) -> str:
    """The report as lines of at most 88 characters."""
    lead = LEAD[report.status]
    lines = [wrap(f"{name_of(report)} ({score_of(report)})", f"{lead}  "), ""]
    if report.message:
        lines += [wrap(report.message, "  "), ""]
    if _shows_findings(report):
        lines += [_finding_text(one) for one in report.findings] + [""]
    if report.question:
        lines += [wrap(f"Known mistake: {report.question}", "  "), ""]
    lines += [wrap(_step_text(step), "  > ") for step in report.steps]
    lines += [wrap(notice, "  Note: ", "  ") for notice in report.notices]
    if lines[-1] == "":
        lines.pop()
    lines.append(f"  ({_small_print(report)})")
    return "\n".join(lines)


def _finding_text(one: Finding) -> str:
    # "PASS" and "FAIL" share a column; the rare "NOT REACHED" may jut out.
    lines = [wrap(one.wanted, f"  {one.status}  ", " " * 8)]
    lines += [wrap(text, f"        {label}: ", " " * 8) for label, text in _details(one)]
    return "\n".join(lines)


def _step_text(step: tuple[str, str]) -> str:
    text, call = step
    return f"{text} {call}".strip()


# -- HTML ----------------------------------------------------------------------------------------


def report_html(report: Report) -> str:
    """The report as one self-contained piece of HTML."""
    tone = _TONE[report.status]
    head = (
        f'<div class="lk-head"><strong class="lk-word">{LEAD[report.status]}'
        f' <span aria-hidden="true">{_SIGN[report.status]}</span></strong>'
        f'<span class="lk-title">{prose(name_of(report))}</span>'
        f'<span class="lk-side">{esc(score_of(report))}</span></div>'
    )
    body = [head]
    if report.message:
        body.append(f'<p class="lk-lead">{prose(report.message)}</p>')
    if _shows_findings(report):
        items = "".join(_finding_html(one) for one in report.findings)
        body.append(f'<ul class="lk-list" aria-label="Criteria">{items}</ul>')
    if report.question:
        body.append(f'<p class="lk-ask"><strong>Known mistake:</strong> {prose(report.question)}</p>')
    body += [_foot_html(report)]
    return page("".join(body), tone=tone, live=True, label=f"Result of {name_of(report)}")


def _finding_html(one: Finding) -> str:
    details = "".join(f"<dt>{label}</dt><dd>{prose(text)}</dd>" for label, text in _details(one))
    more = f"<dl>{details}</dl>" if details else ""
    return (
        f'<li class="lk-{_ITEM_TONE[one.status]}"><span class="lk-mark">{one.status}'
        f' <span aria-hidden="true">{_ITEM_SIGN[one.status]}</span></span>'
        f'<div class="lk-what"><div class="lk-wanted">{prose(one.wanted)}</div>{more}</div></li>'
    )


def _foot_html(report: Report) -> str:
    steps = "".join(
        f"<li>{prose(text)}{' ' + code(call) if call else ''}</li>" for text, call in report.steps
    )
    notices = "".join(f'<p class="lk-note"><strong>Note:</strong> {prose(one)}</p>' for one in report.notices)
    next_up = f'<div class="lk-next"><strong>Next</strong><ul>{steps}</ul></div>' if steps else ""
    trouble = (
        f"<details><summary>What broke</summary><pre>{esc(report.trouble[-4000:])}</pre></details>"
        if report.trouble
        else ""
    )
    return f'{next_up}{notices}{trouble}<p class="lk-small">{esc(_small_print(report))}</p>'


# -- both ----------------------------------------------------------------------------------------


def _shows_findings(report: Report) -> bool:
    """Criteria are listed once something was looked at, or to say what will be judged."""
    return bool(report.findings) and report.status != FAULT


def _details(one: Finding) -> list[tuple[str, str]]:
    """What there is to say below a criterion that does not hold."""
    details = (("Seen", one.seen), ("Why", one.why), ("Do", one.action))
    return [(label, text) for label, text in details if text and one.status == FAIL]


def _small_print(report: Report) -> str:
    return f"{report.seconds:.2f} s, random values from seed {report.seed}"
