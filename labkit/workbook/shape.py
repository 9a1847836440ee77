"""Gate 1: a lab has everything a lab has, and says nothing of itself that is not so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from labkit.errors import LabkitError, nearest
from labkit.judging.exercises import Exercise, check_files
from labkit.workbook.bind import Lab
from labkit.workbook.header import covered_lines
from labkit.workbook.problems import Problem
from labkit.workbook.source import ExerciseSource

RIGHTS = 1
WRONGS = 2
HINTS = 3
BLANK = "____"
PLACEHOLDER = "REPLACE:"
"""What `labkit new` writes where an author has to say something."""


def shape_problems(lab: Lab) -> Iterator[Problem]:
    """Everything the lab lacks."""
    yield from _placeholders(lab)
    if not lab.exercises:
        yield lab.source.problem(
            0, "The lab has no exercise.", 'Add `# %% stub exercise="name"` and its answers.'
        )
    for source, exercise in zip(lab.source.exercises(), lab.exercises, strict=True):
        yield from _answers(lab, source)
        yield from _criteria(lab, source, exercise)
        yield from _hints(lab, exercise)
        yield from _about(lab, exercise)
    yield from _covers(lab)
    yield from _header(lab)
    yield from _questions(lab)


def _placeholders(lab: Lab) -> Iterator[Problem]:
    """One problem for all placeholders, at the first: they are replaced together."""
    found = [
        (path, number)
        for path in (lab.source.path, *check_files(lab.checks.path))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if PLACEHOLDER in line
    ]
    if found:
        (path, line), count = found[0], len(found)
        how = f"Write what a learner should read, and take {PLACEHOLDER!r} away."
        yield Problem(path, line, f"Placeholder text stands here and in {count - 1} more lines.", how)


def _answers(lab: Lab, source: ExerciseSource) -> Iterator[Problem]:
    for kind, cells, least in (("right", source.rights, RIGHTS), ("wrong", source.wrongs, WRONGS)):
        if len(cells) < least:
            example = 'because="..."' + (' finds="..."' if kind == "wrong" else "")
            what = f"{source.name!r} has {len(cells)} {kind} answers and needs {least}."
            yield lab.source.problem(
                source.solution.line, what, f"Add `# %% {kind} {example}` below the solution."
            )
    counts = Counter(cell.because for cell in (*source.rights, *source.wrongs))
    for cell in (*source.rights, *source.wrongs):
        if counts[cell.because] > 1:
            what = f"Two answers to {source.name!r} are there because {cell.because!r}."
            yield lab.source.problem(cell.line, what, "Give each its own reason, or delete one.")
            break


def _criteria(lab: Lab, source: ExerciseSource, exercise: Exercise) -> Iterator[Problem]:
    try:
        known = [criterion.id for criterion in exercise.criteria]
    except LabkitError as error:
        yield lab.in_checks(
            source.name, f"The criteria of {source.name!r} cannot be listed: {error}", "Repair it."
        )
        return
    for cell in source.wrongs:
        for one in cell.finds:
            if one not in known:
                near = nearest(one, known) or known
                what = f"{source.name!r} has no criterion {one!r}."
                yield lab.source.problem(cell.line, what, f"Use one of: {', '.join(near)}.")


def _hints(lab: Lab, exercise: Exercise) -> Iterator[Problem]:
    hints = [hint.strip() for hint in exercise.hints]
    if len(hints) != HINTS or not all(hints) or len(set(hints)) != HINTS:
        what = f"{exercise.name!r} has {len(set(filter(None, hints)))} different hints and needs {HINTS}."
        yield lab.in_checks(
            exercise.name, what, "Write a direction, the API call with its page, and code with a blank."
        )
        return
    if "`" in hints[0]:
        how = "Say what to think about; the second hint names the call."
        yield lab.in_checks(exercise.name, f"The first hint of {exercise.name!r} shows code.", how)
    if BLANK not in hints[2]:
        how = f"Show the line with a blank, {BLANK!r}, in it."
        yield lab.in_checks(exercise.name, f"The third hint of {exercise.name!r} leaves no blank.", how)


def _about(lab: Lab, exercise: Exercise) -> Iterator[Problem]:
    said = {"title": exercise.title.strip(), "docstring": exercise.summary}
    for name, text in said.items():
        if not text:
            how = "Say in one sentence what a finished exercise does."
            yield lab.in_checks(exercise.name, f"{exercise.name!r} has no {name}.", how)
    for name, number in {"minutes": exercise.minutes, "points": exercise.points}.items():
        if number <= 0:
            yield lab.in_checks(
                exercise.name, f"{exercise.name!r} has {number} {name}.", f"Write `{name}=10`."
            )


def _covers(lab: Lab) -> Iterator[Problem]:
    claimed = covered_lines(lab.source.header.covers)
    shown: set[int] = set()
    for cell in lab.source.cells:
        if cell.role == "fact" and cell.name:
            shown |= covered_lines(tuple(lab.facts[cell.name].lines.split(", ")))
    for exercise in lab.exercises:
        mine = covered_lines(exercise.covers)
        if claimed and not mine:
            how = 'Name the lines of the syllabus: `covers=("L250",)`.'
            yield lab.in_checks(exercise.name, f"{exercise.name!r} covers no line of the syllabus.", how)
        if mine - claimed:
            how = "Add them to the `covers` of the lab's header, or correct them."
            what = f"{exercise.name!r} covers {_lines(mine - claimed)}, which the lab does not."
            yield lab.in_checks(exercise.name, what, how)
        shown |= mine
    if claimed - shown:
        what = f"The lab covers {_lines(claimed - shown)}, but no exercise or fact of it does."
        yield lab.source.problem(
            1, what, "Take them out of `covers` in the header, or add them to an exercise."
        )


def _lines(numbers: set[int]) -> str:
    return ", ".join(f"L{number}" for number in sorted(numbers))


def _header(lab: Lab) -> Iterator[Problem]:
    header = lab.source.header
    needed = sum(exercise.minutes for exercise in lab.exercises)
    if needed > header.minutes:
        what = f"The exercises take {needed} minutes, the whole lab {header.minutes}."
        yield lab.source.problem(1, what, "Correct `minutes` in the header or in checks.py.")
    known = _botocore_services()
    for service in header.services:
        if service not in known:
            near = ", ".join(nearest(service, known)) or "its boto3 name"
            yield lab.source.problem(1, f"There is no AWS service {service!r}.", f"Use {near}.")


def _botocore_services() -> list[str]:
    """The names `boto3.client` takes: one folder each in botocore's data."""
    import botocore

    data = Path(botocore.__file__).parent / "data"
    return sorted(folder.name for folder in data.iterdir() if folder.is_dir())


def _questions(lab: Lab) -> Iterator[Problem]:
    for question in lab.checks.questions.values():
        unexplained = sorted(set(question.choices) - {question.answer} - set(question.why_not))
        if unexplained:
            what = f"The question {question.name!r} does not say why {', '.join(unexplained)} is wrong."
            yield Problem(lab.checks.path, 0, what, "Add it to `why_not`.")
