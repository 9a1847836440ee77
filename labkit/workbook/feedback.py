"""Gates 13 and 14: reports read as text, and what learners read after a wrong answer is kept in reviewed files.

The files lie in tests/feedback/KEY/EXERCISE.txt. `labkit prove --update` writes them; reviewers read the difference.
Below the wrong answers they list the bent solutions that pass, so that one reason in lab.py cannot hide a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from labkit.judging import Report
from labkit.judging.card import clean
from labkit.workbook.problems import Problem, SourceError
from labkit.workbook.proof import Proof

_SMALL_PRINT = re.compile(r"\n  \([\d.]+ s, random values from seed \d+\)$")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?")
_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def missing_in_text(report: Report) -> str:
    """What the report says elsewhere but not in its text form, in words; "" where nothing is missing."""
    text = _squeezed(report.text())
    for one in report.findings:
        parts = {"criterion": one.wanted, "status": one.status}
        if one.status == "FAIL":
            parts |= {"observation": one.seen, "reason": one.why, "next action": one.action}
        for name, part in parts.items():
            if _squeezed(clean(part)) not in text:
                return f"{name} of {one.id!r}"
    for name, part in {
        "title": report.title,
        "message": report.message,
        "question": report.question or "",
    }.items():
        if _squeezed(clean(part)) not in text:
            return name
    return ""


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def folder(proof: Proof) -> Path:
    """Where the feedback of a lab is kept."""
    return proof.lab.root / "tests" / "feedback" / proof.lab.key


def place(proof: Proof, exercise: str) -> Path:
    """The file with the feedback of one exercise."""
    return folder(proof) / f"{exercise}.txt"


def differences(proof: Proof, exercise: str) -> Iterator[Problem]:
    """Where the feedback of an exercise is not what reviewers have read."""
    if proof.calm(exercise).broke:
        return  # nothing was tried, as other gates tell
    path, text = place(proof, exercise), _text(proof, exercise)
    cure = f"Read it; if it is good, run `labkit prove {proof.lab.source.header.number} --update` and commit the file."
    if not path.exists():
        yield Problem(path, 0, "Nobody has read this feedback yet: the file is missing.", cure)
    elif (kept := path.read_text(encoding="utf-8")) != text:
        line, before, after = _first_difference(kept, text)
        yield Problem(path, line, f"Learners now read {after!r} instead of {before!r}.", cure)


def left_over(proof: Proof) -> Iterator[Problem]:
    """Files of exercises that are no more."""
    known = {place(proof, exercise.name) for exercise in proof.lab.exercises}
    for path in sorted(set(folder(proof).glob("*.txt")) - known):
        yield Problem(path, 0, "The lab has no such exercise any more.", "Delete the file.")


def update(proof: Proof) -> list[Path]:
    """Write the feedback as it is now; returns the files that changed.

    Raises SourceError where the solved lab does not come to an exercise.
    """
    changed = []
    for exercise in proof.lab.exercises:
        if broke := proof.calm(exercise.name).broke:
            what = f"The solved lab does not come to {exercise.name!r}. {broke.what}"
            raise SourceError([proof.lab.source.problem(broke.line, what, "Repair the cell.")])
        path, text = place(proof, exercise.name), _text(proof, exercise.name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def _text(proof: Proof, exercise: str) -> str:
    number, title = proof.lab.number(exercise), proof.lab.checks.exercises[exercise].title
    head = [
        f"What learners read after each known wrong answer to {number} {title}.",
        "Written by `labkit prove --update`. Read it as a learner would; change the check, not this file.",
    ]
    parts = ["\n".join(head)]
    for one in proof.calm(exercise).of("wrong"):
        said = one.outcome.report.text() if one.outcome.report else one.outcome.broke
        parts.append(
            f"---- {one.cell.because} (misses {', '.join(one.cell.finds)})\n\n{_same_each_time(said)}"
        )
    survivors = [
        f"{bend.what}: {reason or 'no reason is given'}" for bend, reason in proof.survivors(exercise)
    ]
    if survivors:
        parts.append("---- bent solutions that pass, and why that is right\n\n" + "\n".join(survivors))
    return "\n\n".join(parts) + "\n"


def _same_each_time(text: str) -> str:
    """The text without what differs from run to run although the seed is fixed."""
    return _ID.sub("<id>", _TIME.sub("<time>", _SMALL_PRINT.sub("", text)))


def _first_difference(kept: str, now: str) -> tuple[int, str, str]:
    """(line from 1, what stands there, what should)."""
    old, new = kept.splitlines(), now.splitlines()
    for number in range(max(len(old), len(new))):
        before = old[number] if number < len(old) else ""
        after = new[number] if number < len(new) else ""
        if before != after:
            return number + 1, before.strip(), after.strip()
    return 0, "other line ends", "line feeds"
