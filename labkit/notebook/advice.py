"""One sentence after a cell that failed because cells ran out of order, or the account is a new one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltCell, BuiltLab


def advice(error: BaseException | None, lab: BuiltLab, account_is_new: bool) -> str:
    """What to do about this error, or an empty text when there is nothing to add to it.

    `account_is_new` says that the account was emptied since variables of the learner were made.
    """
    if isinstance(error, NameError) and error.name:
        return _missing_name(error.name, lab)
    if isinstance(error, SystemExit):
        return "`sys.exit` ended this cell and nothing else: your account and your progress are as they were."
    code = _aws_code(error)
    if account_is_new and any(word in code for word in ("NotFound", "NonExistent", "DoesNotExist", "NoSuch")):
        return (
            "The account was emptied a while ago, but your variables may still name things from before. "
            "Run the cells above again, in order."
        )
    return ""


def _missing_name(name: str, lab: BuiltLab) -> str:
    for place, cell in enumerate(lab.cells):
        if cell.role in ("setup", "code", "stub") and name in _made_by(cell.source):
            return f"`{name}` is made in {_where(cell, place, lab)}. Run that cell first."
    return ""


def _where(cell: BuiltCell, place: int, lab: BuiltLab) -> str:
    if cell.role == "setup":
        return "the setup cell at the top of the lab"
    if cell.role == "stub" and cell.exercise:
        return f"your cell of exercise {lab.exercise(cell.exercise).number}"
    following = next((one.exercise for one in lab.cells[place:] if one.exercise), None)
    if following is None:
        return "a cell further down or up in this lab"
    number = lab.exercise(following).number
    return f'a cell above exercise {number} (`lab.jump_to("{following}")` runs everything above it)'


def _made_by(source: str) -> set[str]:
    """The names a cell makes at its top level."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a stub may hold blanks to fill in
        return set()
    made: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            made |= {(one.asname or one.name).partition(".")[0] for one in node.names}
    return made


def _aws_code(error: BaseException | None) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
