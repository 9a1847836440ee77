"""Which column a node stands in, and where a long figure is folded into rows.

A figure runs from left to right. Each connection leads at least one column further, except those that close a
cycle. A figure with too many columns is folded: column 6 begins a new row below column 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Pair = tuple[str, str]


def columns(nodes: Sequence[str], pairs: Iterable[Pair]) -> tuple[dict[str, int], set[Pair]]:
    """The column of every node, and the pairs that lead back (they close a cycle, or join a node to itself)."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in pairs:
        after[source].append(target)
    order, back = _order(nodes, after)
    column = dict.fromkeys(nodes, 0)
    for node in order:
        for target in after[node]:
            if (node, target) not in back:
                column[target] = max(column[target], column[node] + 1)
    return column, back


def _order(nodes: Sequence[str], after: Mapping[str, Sequence[str]]) -> tuple[list[str], set[Pair]]:
    """Every node before those it leads to, and the pairs that make that impossible. No recursion: any depth."""
    finished: list[str] = []
    state: dict[str, str] = {}
    back: set[Pair] = set()
    targets = {target for ends in after.values() for target in ends}
    for start in sorted(nodes, key=lambda node: node in targets):  # begin where nothing leads to
        if start in state:
            continue
        state[start] = "open"
        stack = [(start, iter(after[start]))]
        while stack:
            node, rest = stack[-1]
            for target in rest:
                if state.get(target) == "open":
                    back.add((node, target))
                elif target not in state:
                    state[target] = "open"
                    stack.append((target, iter(after[target])))
                    break
            else:
                state[node] = "done"
                finished.append(node)
                stack.pop()
    return finished[::-1], back


def folds(column: Mapping[str, int], pairs: Iterable[Pair], most: int) -> set[Pair]:
    """The pairs that lead from one row to another when no row has more than `most` columns."""
    return {(a, b) for a, b in pairs if column[a] // most != column[b] // most}


def leaves(column: Mapping[str, int], pairs: Sequence[Pair], most: int) -> dict[str, str]:
    """Ends that would stand alone in a new row, with a node two columns before them.

    They are set into the last column instead, below the node that leads to them.
    """
    inner = {a for a, _ in pairs}
    found: dict[str, str] = {}
    if max(column.values(), default=0) != most:
        return found
    for a, b in pairs:
        if column[b] == most and b not in inner and column[a] == most - 1:
            before = next((x for x, y in pairs if y == a and column[x] == most - 2), None)
            if before is not None:
                found[b] = before
    return found


def components(nodes: Sequence[str], pairs: Iterable[Pair]) -> list[list[str]]:
    """The nodes in groups that hang together, in the order of the nodes."""
    leader = {node: node for node in nodes}

    def top(node: str) -> str:
        while leader[node] != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for a, b in pairs:
        leader[top(b)] = top(a)
    together: dict[str, list[str]] = {}
    for node in nodes:
        together.setdefault(top(node), []).append(node)
    return list(together.values())
