"""What a learner reads: complete as text, safe as HTML, legible in light and dark."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from labkit.judging.card import WIDTH, Step
from labkit.judging.expect import Finding
from labkit.judging.report import MIME, Report, outcome_of
from labkit.judging.style import sheet

EVIL = '<script>alert("x")</script>&<img src=x onerror=y>'


def finding(status: str = "FAIL", **more: Any) -> Finding:
    texts = {"id": "third", "wanted": "It moves on its fourth receive.", "seen": "It moved after 5.",
             "why": "Poison blocks workers.", "action": "Look at `maxReceiveCount`."}  # fmt: skip
    return Finding(status=status, **{**texts, **more})  # type: ignore[arg-type]


def report(*findings: Finding, **more: Any) -> Report:
    values: dict[str, Any] = {
        "lab": "16-sqs-standard-queues", "exercise": "dead_letter", "number": "16.5", "title": "Poison",
        "status": "failed", "points": 10, "seconds": 0.0312, "seed": 123,
    }  # fmt: skip
    return Report(findings=findings or (finding(),), **{**values, **more})


class Words(HTMLParser):
    """The words of a piece of HTML, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)


def test_one_bundle_with_three_forms() -> None:
    bundle = report()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain", MIME}
    assert set(report()._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(report()._repr_mimebundle_(exclude={"text/html"})) == {"text/plain", MIME}
    assert repr(report()) == report().text()


def test_the_form_for_programs_is_plain_json() -> None:
    data = report(question="one too many?")._repr_mimebundle_()[MIME]
    assert json.loads(json.dumps(data)) == data
    assert data == {
        "version": 1, "lab": "16-sqs-standard-queues", "exercise": "dead_letter", "number": "16.5",
        "title": "Poison", "status": "failed", "points": 10, "earned": 0, "question": "one too many?",
        "seconds": 0.031, "seed": 123, "message": "",
        "findings": [{"id": "third", "status": "FAIL", "wanted": "It moves on its fourth receive.",
                      "seen": "It moved after 5.", "why": "Poison blocks workers.",
                      "action": "Look at `maxReceiveCount`."}],
    }  # fmt: skip


def test_the_text_is_complete_and_not_wide() -> None:
    text = report(
        finding("PASS", id="a", wanted="A holds.", seen="", why="", action=""),
        finding(),
        finding("NOT REACHED", id="c", wanted="C was not looked at.", seen="", why="", action=""),
        question="one try too many?",
        steps=(Step("Hint 1 is open (free):", 'lab.hint("dead_letter")'),),
        notices=("Something else. " * 12,),
    ).text()
    lines = text.splitlines()
    assert lines[0] == "FAIL  16.5 Poison (1 of 3 hold)"
    assert lines[2:8] == [
        "  PASS  A holds.",
        "  FAIL  It moves on its fourth receive.",
        "        Seen: It moved after 5.",
        "        Why: Poison blocks workers.",
        "        Do: Look at `maxReceiveCount`.",
        "  NOT REACHED  C was not looked at.",
    ]
    assert "  Known mistake: one try too many?" in lines
    assert '  > Hint 1 is open (free): lab.hint("dead_letter")' in lines
    assert lines[-1] == "  (0.03 s, random values from seed 123)"
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= 40


def test_everything_in_the_html_is_in_the_text_too() -> None:
    shown = report(question="one too many?", steps=(Step("Hint:", "lab.hint()"),), notices=("A note.",))
    text = re.sub(r"\W+", " ", shown.text())
    for words in Words(shown.html()).words:
        plain = re.sub(r"\W+", " ", words).strip()
        assert plain in text or plain == "Next"


def test_foreign_text_is_never_markup() -> None:
    shown = report(
        finding(wanted=EVIL, seen=EVIL, why=EVIL, action=f"`{EVIL}`"),
        title=EVIL, question=EVIL, message=EVIL, steps=(Step(EVIL, EVIL),), notices=(EVIL,), trouble=EVIL,
    )  # fmt: skip
    page = Words(shown.html())
    assert {tag for tag, _ in page.tags} <= {
        "div", "style", "strong", "span", "p", "ul", "li", "dl", "dt", "dd", "code", "details", "summary", "pre",
    }  # fmt: skip
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert "".join(page.words).count(EVIL) >= 8


def test_control_characters_are_made_visible() -> None:
    shown = report(finding(seen="a\x1b[31mred\x00\u202etxt"))
    for form in (shown.text(), shown.html()):
        assert not re.search("[\x00\x1b\u202e]", form)


def test_the_word_leads_then_comes_the_sign() -> None:
    page = Words(report().html())
    assert page.words[0].startswith("FAIL")
    hidden = [attrs for tag, attrs in page.tags if tag == "span" and attrs.get("aria-hidden") == "true"]
    assert len(hidden) == 2, "signs are for the eye only"
    assert page.tags[0][1]["role"] == "status"


def test_a_pass_tells_points_and_not_what_might_have_been() -> None:
    shown = report(finding("PASS", seen="", why="", action=""), status="passed", earned=9)
    assert shown.text().splitlines()[0] == "PASS  16.5 Poison (9 of 10 points)"


def test_a_fault_leads_with_our_fault_and_keeps_the_traceback_aside() -> None:
    shown = report(status="fault", message="Our fault, not judged.", trouble="Traceback: x")
    assert shown.text().splitlines()[0] == "NOT JUDGED  16.5 Poison (your score is unchanged)"
    assert "Traceback" not in shown.text()
    assert "<details><summary>What broke</summary>" in shown.html()
    assert "FAIL" not in shown.text(), "nothing was judged"


def test_nothing_is_fetched_and_nothing_runs() -> None:
    html = report().html()
    assert not re.search(r"<script|<link|@import|url\(|https?:", html)


def test_what_findings_amount_to() -> None:
    passed, failed, missing = finding("PASS"), finding("FAIL"), finding("FAIL", prerequisite=True)
    unreached = finding("NOT REACHED")
    assert outcome_of((passed, passed)) == "passed"
    assert outcome_of((passed, failed)) == "failed"
    assert outcome_of((missing, unreached)) == "not started"
    assert outcome_of((passed, missing, unreached)) == "failed", "something was judged before"
    assert outcome_of((passed, unreached)) is None
    assert outcome_of((finding("PASS", prerequisite=True),)) is None, "a prerequisite earns nothing"
    assert outcome_of(()) is None


def colours() -> dict[str, dict[str, str]]:
    """Our colours in the light and in the dark theme."""
    rules = re.findall(r"([^{}]*)\{([^{}]*)\}", sheet("base"))
    found = [
        dict(re.findall(r"--lk-([\w-]+):(#[0-9a-f]{6})", body)) for _, body in rules if "--lk-pass:#" in body
    ]
    light, dark = found
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# Grounds: JupyterLab light, JupyterLab dark, VS Code Dark Modern, and the two high contrast themes.
@pytest.mark.parametrize(
    ("theme", "grounds"), [("light", ["#ffffff"]), ("dark", ["#212121", "#1f1f1f", "#111111"])]
)
@pytest.mark.parametrize("name", ["pass", "fail", "wait", "odd", "info", "soft"])
def test_words_in_colour_can_be_read_in_both_themes(theme: str, grounds: list[str], name: str) -> None:
    palette = colours()[theme]
    tinted = [palette[f"{name}-bg"]] if f"{name}-bg" in palette else []
    for ground in [*grounds, *tinted]:
        assert contrast(palette[name], ground) >= 4.5, (name, ground)


def test_plain_words_can_be_read_on_every_tint() -> None:
    for theme, ink in (("light", "#1f1f1f"), ("dark", "#ffffff")):
        for name, ground in colours()[theme].items():
            if name.endswith("-bg"):
                assert contrast(ink, ground) >= 7, (theme, name)
