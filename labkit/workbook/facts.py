"""Reads data/facts.toml, the one table of what the syllabus says and what AWS says now.

Its head explains each key. A lab shows a fact with `# %% fact id="F57"`; `callout` makes the text of that cell.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labkit.workbook.problems import Problem, SourceError

# What a reader is told about the claim, for each verdict of the table.
VERDICTS = {
    "TRUE": "still true",
    "OUTDATED": "out of date",
    "INCOMPLETE": "not the whole story",
    "MISLEADING": "misleading",
    "NOT IN SYLLABUS": "",
}
_LINES = re.compile(r"L\d+(-L?\d+)?(, L\d+(-L?\d+)?)*")


@dataclass(frozen=True, slots=True)
class Fact:
    """One checked claim. `sources` are addresses or places in botocore; `labs` the labs that show it."""

    id: str
    title: str
    lines: str
    syllabus: str
    verdict: str
    aws: str
    sources: tuple[str, ...]
    checked: date
    labs: tuple[str, ...]


def read_facts(path: Path) -> dict[str, Fact]:
    """All facts by id; none where there is no such file. Raises SourceError, which lists every flaw."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SourceError([Problem(path, 0, f"This is not TOML: {error}.", "Repair it.")]) from None
    problems = [
        Problem(path, _line(text, name), f"The fact {name} {flaw}.", how)
        for name, raw in table.items()
        for flaw, how in _flaws(raw)
    ]
    if problems:
        raise SourceError(problems)
    return {name: _fact(name, raw) for name, raw in table.items()}


def callout(fact: Fact) -> str:
    """The fact as a Markdown quotation that reads well as plain text, too."""
    word = VERDICTS[fact.verdict]
    paragraphs = [
        f"**{fact.title}**",
        f"**Syllabus says** ({_lines(fact.lines)}): {fact.syllabus}" if word else "",
        f"**AWS says now**{f' ({word})' if word else ''}: {fact.aws}",
        f"*Source: {'; '.join(map(_source, fact.sources))}. Checked on {fact.checked.isoformat()}.*",
    ]
    return "\n>\n".join(
        "\n".join(f"> {line}" for line in paragraph.splitlines()) for paragraph in paragraphs if paragraph
    )


def _source(source: str) -> str:
    """An address becomes a link that is short enough to read; a place in botocore stays as it is."""
    if not source.startswith("https://"):
        return source
    address = urlsplit(source)
    page = address.path.rstrip("/").rpartition("/")[2].removesuffix(".html")
    return f"[{address.hostname}, {page}]({source})"


def _lines(lines: str) -> str:
    numbers = lines.replace("L", "")
    return f"lines {numbers}" if "-" in numbers or "," in numbers else f"line {numbers}"


def _fact(name: str, raw: dict[str, Any]) -> Fact:
    return Fact(
        name,
        raw["title"].strip(),
        raw.get("lines", ""),
        raw.get("syllabus", "").strip(),
        raw["verdict"],
        raw["aws"].strip(),
        tuple(raw["sources"]),
        raw["checked"],
        tuple(raw["labs"]),
    )


def _flaws(raw: object) -> list[tuple[str, str]]:
    """(what is wrong, how to change it) for one entry."""
    if not isinstance(raw, dict):
        return [("is not a table", "Write `[F57]` and its keys below.")]
    needed = ["title", "aws"]
    found = []
    if raw.get("verdict") not in VERDICTS:
        found.append((f"has the verdict {raw.get('verdict')!r}", f"Use one of: {', '.join(VERDICTS)}."))
    elif raw["verdict"] != "NOT IN SYLLABUS":
        needed += ["syllabus", "lines"]
    for key in needed:
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            found.append((f"has no {key}", f'Add `{key} = "..."`.'))
    if raw.get("lines") and not _LINES.fullmatch(str(raw["lines"])):
        found.append((f"has the lines {raw['lines']!r}", 'Write them like `lines = "L239-L242"`.'))
    if not isinstance(raw.get("checked"), date):
        found.append(("has no date in `checked`", "Add `checked = 2026-11-23`, without quotes."))
    if not _texts(raw.get("sources")):
        found.append(("has no sources", 'Add `sources = ["https://..."]`: an unsourced fact is not printed.'))
    if not _texts(raw.get("labs")):
        found.append(("has no labs", 'Add `labs = ["16"]`.'))
    return found


def _texts(value: object) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(one, str) and one.strip() for one in value)
    )


def _line(text: str, name: str) -> int:
    """Where the table of a fact begins."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith(f"[{name}]"):
            return number
    return 0
