"""Makes both notebooks and the learner's lab.json from a lab. Pure: the same lab gives the same bytes."""

from __future__ import annotations

import base64
import json
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit.workbook.bind import Lab
from labkit.workbook.facts import callout
from labkit.workbook.places import LEARNER, SOLVED
from labkit.workbook.prose import IMAGE, is_local
from labkit.workbook.reasons import without_reasons
from labkit.workbook.source import Cell

# A learner may write in every cell but these; none of them may get lost.
_LOCKED = {"setup": {"deletable": False}, "check": {"deletable": False, "editable": False}}
# Roles of lab.py that have a place in lab.json.
_IN_JSON = {"code", "stub", "solution", "right", "wrong", "check", "predict", "setup"}


@dataclass(frozen=True, slots=True)
class Made:
    """One cell of a notebook, before it has its id."""

    role: str
    text: str
    exercise: str | None = None
    is_code: bool = True
    line: int = 0  # where in lab.py it comes from


def notebook(lab: Lab, edition: str) -> bytes:
    """The learner's or the solved notebook, without outputs."""
    places: dict[str, int] = {}
    cells = [_as_json(made, places) for made in _cells(lab, edition)]
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "labkit": {"edition": edition, "key": lab.key, "version": 1},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return _bytes(document)


def lines(lab: Lab, edition: str) -> list[int]:
    """For each cell of a notebook, the line of lab.py it comes from."""
    return [made.line for made in _cells(lab, edition)]


def lab_json(lab: Lab) -> bytes:
    """What a learner's kernel reads instead of lab.py."""
    header = lab.source.header
    document = {
        "version": 1,
        "key": lab.key,
        "number": header.number,
        "title": header.title,
        "week": header.week,
        "minutes": header.minutes,
        "services": list(header.services),
        "covers": list(header.covers),
        "objectives": list(header.objectives),
        "verified": header.verified.isoformat(),
        "exercises": [
            {
                "name": one.name,
                "number": lab.number(one.name),
                "title": one.title,
                "points": one.points,
                "minutes": one.minutes,
                "star": one.star,
                "covers": list(one.covers),
            }
            for one in lab.exercises
        ],
        "cells": list(_json_cells(lab)),
    }
    return _bytes(document)


def setup_source(lab: Lab) -> str:
    """The setup cell: open the lab, then the author's lines; its last line shows the lab."""
    own = next((cell.source for cell in lab.source.cells if cell.role == "setup"), "")
    opening = f'import labkit\n\nlab = labkit.open("{lab.key}")'
    return "\n\n".join(part for part in (opening, own.strip(), "lab") if part)


def check_source(check: Cell | None, exercise: str) -> str:
    """The check cell: the author's, or the call without values."""
    return check.source if check else f'lab.check("{exercise}")'


def predict_source(lab: Lab, name: str, edition: str) -> str:
    """The call that asks a question; the solved notebook answers it."""
    question = lab.question(name)
    if edition == SOLVED:
        return f'lab.predict("{name}", answer="{question.answer}")'
    *others, last = [f'"{key}"' for key in question.choices]
    return f'lab.predict("{name}", answer=None)  # your answer: {", ".join(others)} or {last}'


def _cells(lab: Lab, edition: str) -> Iterator[Made]:
    waiting: Made | None = None  # the check cell that follows when the exercise's last cell is over
    own_checks = {one.name: one.check for one in lab.source.exercises()}
    for cell in lab.source.cells:
        if waiting and cell.exercise != waiting.exercise:
            yield waiting
            waiting = None
        if cell.role == "stub" and cell.exercise:
            own = own_checks[cell.exercise]
            line = own.line if own else cell.line
            waiting = Made("check", check_source(own, cell.exercise), cell.exercise, line=line)
        for made in _from_source(lab, cell, edition):
            yield replace(made, line=cell.line)
    if waiting:
        yield waiting


def _from_source(lab: Lab, cell: Cell, edition: str) -> Iterator[Made]:
    """What one cell of the source becomes in one edition: nothing, one cell, or two."""
    match cell.role:
        case "text":
            yield Made("text", _text(lab, cell), is_code=False)
        case "fact":
            yield Made("fact", callout(lab.facts[cell.name or ""]), is_code=False)
        case "setup":
            yield Made("setup", setup_source(lab))
        case "predict":
            yield Made("question", _question(lab, cell.name or ""), is_code=False)
            yield Made("predict", predict_source(lab, cell.name or "", edition))
        case "code":
            yield Made("code", cell.source)
        case "stub" if edition == LEARNER:
            yield Made("stub", cell.source, cell.exercise)
        case "solution" if edition == SOLVED:
            yield Made("solution", without_reasons(cell.source), cell.exercise)
        case "learner" | "solved" if cell.role == edition:
            yield Made(cell.role, cell.source)


def _question(lab: Lab, name: str) -> str:
    question = lab.question(name)
    choices = "\n".join(f"- **{key}**: {text}" for key, text in question.choices.items())
    return f"**Predict, before you run anything.** {question.text}\n\n{choices}"


def _text(lab: Lab, cell: Cell) -> str:
    """Prose with its pictures inside and, below an exercise's heading, what the exercise asks of a learner."""
    facts = {f"{lab.number(one.name)} · {one.title}": one for one in lab.exercises}
    lines: list[str] = []
    # A picture's text twin may run over several lines, so pictures come before the walk line by line.
    source = IMAGE.sub(lambda match: _inlined(match, lab.source.folder), cell.source)
    for line in source.splitlines():
        if lines and lines[-1].startswith("*About ") and line.strip():
            lines.append("")  # or Markdown would join the two
        lines.append(line)
        if exercise := facts.get(re.sub(r"^#+ +", "", line).strip()):
            path = " · on the short path ★" if exercise.star else ""
            lines += ["", f"*About {exercise.minutes} minutes · {exercise.points} points{path}*"]
    return "\n".join(lines)


def _inlined(match: re.Match[str], folder: Path) -> str:
    if not is_local(match["target"]):
        return match[0]
    path = folder / match["target"]
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    data = path.read_bytes()
    if kind == "image/svg+xml":
        data = data.replace(b"\r\n", b"\n")  # what git checks out on Windows must give the same notebook
    alt = " ".join(match["alt"].split())
    return f"![{alt}](data:{kind};base64,{base64.b64encode(data).decode('ascii')})"


def _as_json(made: Made, places: dict[str, int]) -> dict[str, Any]:
    base = f"{made.role}-{made.exercise}" if made.exercise else made.role
    places[base] = places.get(base, 0) + 1
    name = base if made.exercise else f"{base}-{places[base]:02}"
    cell: dict[str, Any] = {
        "cell_type": "code" if made.is_code else "markdown",
        "id": name[:64],
        "metadata": _metadata(made),
        "source": made.text.splitlines(keepends=True),
    }
    if made.is_code:
        cell |= {"execution_count": None, "outputs": []}
    return cell


def _metadata(made: Made) -> dict[str, Any]:
    about = {"role": made.role} | ({"exercise": made.exercise} if made.exercise else {})
    metadata: dict[str, Any] = {"labkit": about, **_LOCKED.get(made.role, {})}
    if made.role in ("setup", "check"):
        metadata["tags"] = [f"labkit-{made.role}"]
    return metadata


def _json_cells(lab: Lab) -> Iterator[dict[str, Any]]:
    for cell in lab.source.cells:
        if cell.role not in _IN_JSON or cell.role == "check":
            continue
        source = cell.source
        if cell.role == "predict":
            source = predict_source(lab, cell.name or "", SOLVED)
        yield _json_cell(cell.role, without_reasons(source), cell)
        if cell.role == "solution" and cell.exercise:
            check = next(one.check for one in lab.source.exercises() if one.name == cell.exercise)
            yield _json_cell("check", check_source(check, cell.exercise), cell)


def _json_cell(role: str, source: str, cell: Cell) -> dict[str, Any]:
    because, finds = (cell.because, list(cell.finds)) if role == cell.role else (None, [])
    return {"role": role, "exercise": cell.exercise, "source": source, "because": because, "finds": finds}


def _bytes(document: dict[str, Any]) -> bytes:
    """JSON as nbformat writes it, which is also what JupyterLab saves."""
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")
