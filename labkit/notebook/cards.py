"""The small cards: notes, hints, solutions, predictions, and the fidelity card."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labkit.judging.card import Card, Step, code, esc, fenced, prose, wrap
from labkit.judging.style import page

if TYPE_CHECKING:
    from labkit.judging.exercises import Question

_LINK: Final = re.compile(r"https://[^\s<>]+")
_LIST: Final = "margin:2px 0 8px;padding-left:22px"
_FENCE: Final = re.compile(r"^```\w*\n(.*?)^```\s*$", re.DOTALL | re.MULTILINE)


def rich(text: str) -> str:
    """Author's text as HTML: paragraphs, `code`, links, and code blocks (between lines of three backticks)."""
    out = []
    for is_code, part in _blocks(text):
        if is_code:
            out.append(f"<pre>{esc(part)}</pre>")
        else:
            out.append(f"<p>{_LINK.sub(_link, prose(part))}</p>")
    return "".join(out)


def rich_text(text: str, indent: str = "  ") -> str:
    """The same as plain text."""
    return "\n".join(
        fenced(part, indent + "    ") if is_code else wrap(part, indent) for is_code, part in _blocks(text)
    )


def _blocks(text: str) -> Iterator[tuple[bool, str]]:
    """The blocks of a text, and whether each is code. A text that is code as a whole needs no backticks."""
    if _is_code(text):
        yield True, text.rstrip()
        return
    for place, part in enumerate(_FENCE.split(text)):
        if place % 2:
            yield True, part.rstrip()
        else:
            yield from ((False, " ".join(one.split())) for one in part.split("\n\n") if one.strip())


def _is_code(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    return any(isinstance(node, (ast.Call, ast.Assign, ast.Dict)) for node in ast.walk(tree))


def _link(found: re.Match[str]) -> str:
    """A link that says where it leads: the name of the page, with its host."""
    address = found[0].rstrip(".,;)")
    host, _, page_name = address.partition("://")[2].partition("/")
    name = page_name.rstrip("/").rpartition("/")[2].removesuffix(".html")
    where = "AWS documentation" if host == "docs.aws.amazon.com" else host
    label = f"{where}: {name}" if name else where
    rest = found[0][len(address) :]
    return f'<a href="{address}" target="_blank" rel="noopener">{label}</a>{rest}'


def head(word: str, title: str, side: str = "") -> str:
    """The head line of a card: the word that matters first."""
    right = f'<span class="lk-side">{esc(side)}</span>' if side else ""
    return (
        f'<div class="lk-head"><strong class="lk-word">{esc(word)}</strong>'
        f'<span class="lk-title">{prose(title)}</span>{right}</div>'
    )


def steps_html(steps: tuple[Step, ...]) -> str:
    """What can be done next, as a list."""
    items = "".join(f"<li>{prose(text)}{' ' + code(call) if call else ''}</li>" for text, call in steps)
    return f'<div class="lk-next"><strong>Next</strong><ul>{items}</ul></div>' if items else ""


def steps_text(steps: tuple[Step, ...]) -> list[str]:
    """The same as lines."""
    return [wrap(f"{text} {call}".strip(), "  > ") for text, call in steps]


@dataclass(frozen=True, eq=False, repr=False)
class Note(Card):
    """A few sentences with a word in front: what was done, or what is needed."""

    word: str
    title: str
    lines: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    tone: str = "info"

    def html(self) -> str:
        """The note as HTML."""
        body = "".join(f'<p class="lk-lead">{prose(line)}</p>' for line in self.lines)
        return page(head(self.word, self.title) + body + steps_html(self.steps), tone=self.tone, live=True)

    def text(self) -> str:
        """The note as text."""
        body = [wrap(line, "  ") for line in self.lines] + steps_text(self.steps)
        return "\n".join([wrap(self.title, f"{self.word}  "), *body])


@dataclass(frozen=True, eq=False, repr=False)
class Hint(Card):
    """One hint that is open. `cost` is in words; `shown` are all levels shown so far."""

    name: str
    number: str
    title: str
    level: int
    body: str
    cost: str
    steps: tuple[Step, ...] = ()

    def html(self) -> str:
        """The hint as HTML."""
        top = head(f"HINT {self.level} OF 3", f"{self.number} {self.title}", self.cost)
        return page(f'{top}<div class="lk-rich">{rich(self.body)}</div>{steps_html(self.steps)}', live=True)

    def text(self) -> str:
        """The hint as text."""
        top = wrap(f"{self.number} {self.title} ({self.cost})", f"HINT {self.level} OF 3  ", "  ")
        return "\n".join([top, rich_text(self.body), *steps_text(self.steps)])


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Card):
    """The solution of an exercise, and what showing it costs (in words)."""

    name: str
    number: str
    title: str
    source: str
    cost: str
    steps: tuple[Step, ...] = ()

    def html(self) -> str:
        """The solution as HTML."""
        top = head("SOLUTION", f"{self.number} {self.title}", self.cost)
        return page(f"{top}<pre>{esc(self.source.rstrip())}</pre>{steps_html(self.steps)}", live=True)

    def text(self) -> str:
        """The solution as text."""
        top = wrap(f"{self.number} {self.title} ({self.cost})", "SOLUTION  ", "  ")
        return "\n".join([top, "", fenced(self.source), "", *steps_text(self.steps)]).rstrip()


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Card):
    """A question and, once it was answered, whether the answer is right and why. Never graded."""

    question: Question
    answer: str | None = None

    @property
    def right(self) -> bool | None:
        """Whether the answer is right; None while there is none."""
        return None if self.answer is None else self.answer == self.question.answer

    @property
    def word(self) -> str:
        """The word that leads."""
        return {None: "PREDICT", True: "RIGHT", False: "NOT QUITE"}[self.right]

    def explanation(self) -> list[str]:
        """What is said after an answer."""
        asked, key = self.question, self.answer
        if key is None:
            return []
        chosen = f"You chose {key}: {asked.choices[key]}"
        if self.right:
            return [chosen, asked.because]
        why_not = [asked.why_not[key]] if key in asked.why_not else []
        right = f"The answer is {asked.answer}: {asked.choices[asked.answer]}"
        return [chosen, *why_not, right, asked.because]

    def how(self) -> Step:
        """How to answer."""
        keys = ", ".join(f'"{key}"' for key in self.question.choices)
        first = next(iter(self.question.choices))
        return Step(f"Choose one of {keys}, for example:", f'lab.predict("{self.question.name}", "{first}")')

    def html(self) -> str:
        """The question as HTML."""
        if self.answer is None:  # the notebook shows question and choices right above this cell
            return page(head(self.word, "Your answer is still open") + steps_html((self.how(),)), live=True)
        top = head(self.word, self.question.text)
        body = "".join(f'<p class="lk-lead">{prose(line)}</p>' for line in self.explanation())
        return page(top + body, tone="pass" if self.right else "wait", live=True)

    def text(self) -> str:
        """The question as text."""
        lines = [wrap(self.question.text, f"{self.word}  ")]
        if self.answer is None:
            lines += [wrap(choice, f"  {key}  ") for key, choice in self.question.choices.items()]
            lines += steps_text((self.how(),))
        else:
            lines += [wrap(line, "  ") for line in self.explanation()]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False, repr=False)
class Fidelity(Card):
    """For each service of a lab: what is simulated here, what differs on AWS, what is not simulated."""

    services: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]

    def html(self) -> str:
        """The card as HTML. The sources are folded away."""
        out = []
        for name, parts in self.services:
            out.append(f'<div class="lk-head" style="margin-top:10px"><strong>{esc(name)}</strong></div>')
            for what, points in parts:
                items = "".join(f"<li>{prose(point)}</li>" for point in points)
                if what == "Sources":
                    out.append(
                        f'<details><summary>{esc(what)}</summary><ul style="{_LIST}">{items}</ul></details>'
                    )
                else:
                    out.append(
                        f'<p class="lk-lead"><strong>{esc(what)}</strong></p><ul style="{_LIST}">{items}</ul>'
                    )
        return page(head("FIDELITY", "How far this simulation goes") + "".join(out), label="Fidelity card")

    def text(self) -> str:
        """The card as text."""
        lines = ["FIDELITY  How far this simulation goes"]
        for name, parts in self.services:
            lines += ["", f"  {name}"]
            for what, points in parts:
                lines += [f"    {what}:", *(wrap(point, "    - ", "      ") for point in points)]
        return "\n".join(lines)
