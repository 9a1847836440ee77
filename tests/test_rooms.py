"""The house has an order: a room imports only from rooms below it, and only the top knows them all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = [
    "errors",
    "pins",
    "sandbox",
    "workload",
    "cost",
    "judging",
    "drawing",
    "course",
    "notebook",
    "lab",
    "engine",
    "workbook",
]
"""Ground floor first. `cli`, `doctor`, `init` and the installer stand outside: they start the house."""
MODULES = sorted((ROOT / "labkit").rglob("*.py"))


def floor(module: str) -> int | None:
    """The place of the room a module lives in, or None for one outside the house."""
    parts = module.split(".")
    return FLOORS.index(parts[1]) if len(parts) > 1 and parts[0] == "labkit" and parts[1] in FLOORS else None


def imported(path: Path) -> set[str]:
    """All modules of ours that a file imports when it runs (imports for type checkers do not count)."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= (
                {node.module} if node.module != "labkit" else {f"labkit.{one.name}" for one in node.names}
            )
        waiting += list(ast.iter_child_nodes(node))
    return {name for name in found if name.startswith("labkit.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_room_imports_only_from_below(path: Path) -> None:
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    here = floor(own)
    if here is None:
        return
    above = {name for name in imported(path) if (there := floor(name)) is not None and there > here}
    assert not above, f"{own} imports from a floor above: {', '.join(sorted(above))}"


def test_no_service_imports_another() -> None:
    services = ROOT / "labkit" / "sandbox" / "services"
    for path in services.glob("*.py"):
        own = path.stem.lstrip("_").split("_")[0]
        for name in imported(path):
            if name.startswith("labkit.sandbox.services."):
                other = name.rpartition(".")[2].lstrip("_").split("_")[0]
                assert other == own, f"services/{path.name} imports {name}; go through the delivery interface"
