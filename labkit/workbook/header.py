"""The header of a lab's source: who it is, how long it takes, what it covers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from labkit.course.coverage import LINES, spans
from labkit.errors import nearest
from labkit.workbook.problems import Problem

_SERVICE = re.compile(r"^[a-z][a-z0-9-]*$")


@dataclass(frozen=True, slots=True)
class Header:
    """What a lab says about itself. `minutes` for a learner with basic AWS and Python.

    `covers` are lines of the syllabus ("L236", "L249-L271"); `verified` the day its facts were last checked;
    `week` is 0 for a lab that stands outside the weeks.
    """

    number: str
    title: str
    week: int
    minutes: int
    services: tuple[str, ...]
    covers: tuple[str, ...]
    verified: date
    objectives: tuple[str, ...]


_EXAMPLES = {
    "number": 'number: "16"',
    "title": "title: SQS standard queues",
    "week": "week: 9",
    "minutes": "minutes: 100",
    "services": "services: [sqs, dynamodb]",
    "covers": "covers: [L236, L237]",
    "verified": "verified: 2026-11-23",
    "objectives": "objectives: a list with one sentence each",
}


def covered_lines(covers: tuple[str, ...]) -> set[int]:
    """The single lines of the syllabus that ranges like "L249-L251" stand for. What is no range stands for none."""
    ranges = spans(tuple(one for one in covers if LINES.fullmatch(one)))
    return {line for first, last in ranges for line in range(first, last + 1)}


def read_header(path: Path, text: str, metadata: object, problems: list[Problem]) -> Header | None:
    """The header, or None where `problems` now says why there is none."""
    lines = text.splitlines()
    raw = metadata.get("labkit") if isinstance(metadata, dict) else None
    if not isinstance(raw, dict):
        how = "Begin the file with `# ---`, `# jupyter:`, `#   labkit:` and the lab's keys; `labkit new` writes one."
        problems.append(Problem(path, 1, "There is no `labkit:` header.", how))
        return None
    before = len(problems)
    for key in raw:
        if key not in _EXAMPLES:
            how = f"Did you mean {(nearest(key, _EXAMPLES) or sorted(_EXAMPLES))[0]!r}? Otherwise delete it."
            problems.append(Problem(path, _line(lines, key), f"The header has an unknown key {key!r}.", how))
    for key, example in _EXAMPLES.items():
        what = "is missing" if key not in raw else _flaw(key, raw[key], path.parent)
        if what:
            how = f"Write `{example}` in the header."
            problems.append(Problem(path, _line(lines, key), f"The header's {key} {what}.", how))
    if len(problems) > before:
        return None
    return Header(
        raw["number"],
        raw["title"].strip(),
        raw["week"],
        raw["minutes"],
        tuple(raw["services"]),
        tuple(raw["covers"]),
        date.fromisoformat(str(raw["verified"])),
        tuple(str(one).strip() for one in raw["objectives"]),
    )


def _line(lines: list[str], key: str) -> int:
    """Where a key stands in the header, or where the header begins."""
    for number, line in enumerate(lines, start=1):
        if re.match(rf"#\s+{re.escape(key)}\s*:", line):
            return number
    return 1


def _flaw(key: str, value: object, folder: Path) -> str:
    """What is wrong with one value, or ""."""
    match key:
        case "number":
            return _number_flaw(value, folder)
        case "title":
            return "" if isinstance(value, str) and value.strip() else "is not a text"
        case "week" | "minutes":
            least = 0 if key == "week" else 1
            good = isinstance(value, int) and not isinstance(value, bool) and value >= least
            return "" if good else f"is {value!r}, not a whole number"
        case "verified":
            return _date_flaw(value)
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        return "is not a list of texts"
    if key == "services":
        bad = [one for one in value if not _SERVICE.match(one)]
        return f"names {bad[0]!r}, not a boto3 service" if bad else "" if value else "is empty"
    if key == "covers":
        bad = [one for one in value if not LINES.fullmatch(one)]
        return f"names {bad[0]!r}, not a line of the syllabus" if bad else ""
    return "" if value else "is empty"


def _number_flaw(value: object, folder: Path) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d\d", value):
        return f"is {value!r}, not a text of two digits"
    if not folder.name.startswith(f"{value}-"):
        return f"is {value!r}, but the folder is named {folder.name!r}"
    return ""


def _date_flaw(value: object) -> str:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return f"is {value!r}, not a date"
    return ""
