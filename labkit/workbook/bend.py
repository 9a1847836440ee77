"""Bends a solution: one statement dropped, one constant changed or one keyword argument dropped at a time.

A check that lets a bent solution pass either judges too little, or the bend makes no difference; then the author
says why in the source (see `reasons`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SMALL = 10
"""Up to here one more or one less makes the difference; beyond it, twice as much or half of it."""


@dataclass(frozen=True, slots=True)
class Bend:
    """One bent solution. `line` counts within the solution from 1; `what` says what was done to it.

    `lines` are those of the whole statement: a reason for its survival may stand on any of them.
    """

    line: int
    what: str
    source: str
    lines: range


def bends(source: str) -> list[Bend]:
    """Every bent form of a solution, in the order of its lines. The same source gives the same list."""
    tree = ast.parse(source)
    quiet = _quiet(tree)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    found: list[Bend] = []
    for place, node in enumerate(ast.walk(tree)):
        if place in quiet:
            continue
        for what, change in _changes(node):
            line = getattr(node, "lineno", 1)
            found.append(Bend(line, what, _apply(source, place, change), _lines(statements, line)))
    straight = ast.unparse(tree)
    unique = {bend.source: bend for bend in reversed(found) if bend.source != straight}
    return sorted(unique.values(), key=lambda bend: (bend.line, bend.what))


def _lines(statements: list[ast.stmt], line: int) -> range:
    """The lines of the innermost statement a line belongs to; of `for`, `if` and `def` only those of its head."""
    around = [node for node in statements if node.lineno <= line <= (node.end_lineno or node.lineno)]
    innermost = max(around, key=lambda node: node.lineno)
    body = getattr(innermost, "body", None)
    end = body[0].lineno - 1 if body else innermost.end_lineno or innermost.lineno
    return range(innermost.lineno, max(end, innermost.lineno) + 1)


Change = Callable[[ast.AST], None]


def _apply(source: str, place: int, change: Change) -> str:
    """The source with the node at `place` changed. A fresh tree each time: nodes cannot be undone."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    change(nodes[place])
    return ast.unparse(ast.fix_missing_locations(tree))


def _quiet(tree: ast.Module) -> set[int]:
    """Places of nodes that only speak or only describe: prints, docstrings, annotations, format codes."""
    places = {id(node): place for place, node in enumerate(ast.walk(tree))}
    quiet: set[int] = set()
    for node in ast.walk(tree):
        for part in _quiet_parts(node):
            quiet.update(places[id(inner)] for inner in ast.walk(part))
    return quiet


def _quiet_parts(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))) | ast.Assert():
            yield node
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom()):
            pass
        case ast.Expr() | ast.Import() | ast.ImportFrom():
            yield node
        case ast.arg(annotation=ast.AST() as annotation) | ast.AnnAssign(annotation=annotation):
            yield annotation
        case ast.FunctionDef(returns=ast.AST() as returns):
            yield returns
        case ast.FormattedValue(format_spec=ast.AST() as spec):
            yield spec


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """(what is done, how) for each way to bend one node."""
    match node:
        case ast.Pass() | ast.Module():
            return
        case ast.stmt():
            yield f"drop `{_first_line(node)}`", _drop_statement(node)
        case ast.Call(keywords=keywords):
            for number, keyword in enumerate(keywords):
                if keyword.arg:
                    yield f"drop `{keyword.arg}=`", _drop_keyword(number)
        case ast.Constant(value=value):
            for other in _others(value):
                yield f"`{value!r}` becomes `{other!r}`", _set_constant(other)


def _first_line(node: ast.stmt) -> str:
    return ast.unparse(node).splitlines()[0]


def _drop_statement(_: ast.stmt) -> Change:
    def change(node: ast.AST) -> None:
        # Turned into `pass` in place, so that its parent need not be found and no block becomes empty.
        node.__class__ = ast.Pass
        for name in list(vars(node)):
            if name not in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
                delattr(node, name)

    return change


def _drop_keyword(number: int) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Call)
        del node.keywords[number]

    return change


def _set_constant(value: object) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Constant)
        node.value = value  # type: ignore[assignment]

    return change


def _others(value: object) -> list[object]:
    """What a constant is changed to."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return _other_numbers(value)
    if isinstance(value, str):
        if value.isdecimal():
            return [str(other) for other in _other_numbers(int(value))]
        return [f"{value}-bent"]
    if isinstance(value, bytes):
        return [value + b"-bent"]
    return []


def _other_numbers(value: float) -> list[object]:
    if abs(value) > SMALL:
        return [value * 2, value // 2]
    return [value + 1, value - 1] if value > 0 else [value + 1]
