"""Yours beside wanted: two diagrams compared, and every difference said in a sentence.

What has no name in the wanted diagram is not asked for: a detail, a label or a group that it leaves out may be
anything. So a design can be compared with an account, and what is declared with what was observed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.diagram import Diagram, Edge, Node
from labkit.drawing.words import called

if TYPE_CHECKING:
    from labkit.drawing.beside import Comparison

_PEOPLE: Final = ("person", "users", "browser", "phone")


@dataclass(frozen=True, slots=True)
class Difference:
    """What two diagrams do not have in common. `missing` is wanted and not there, `extra` the other way round.

    `different` is there, but not as wanted; each has its sentence. `sentences` says everything in words.
    """

    missing_nodes: tuple[Node, ...] = ()
    extra_nodes: tuple[Node, ...] = ()
    different_nodes: tuple[tuple[Node, str], ...] = ()
    missing_edges: tuple[Edge, ...] = ()
    extra_edges: tuple[Edge, ...] = ()
    different_edges: tuple[tuple[Edge, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything that is wanted is there as wanted. More may be there too."""
        return not (self.missing_nodes or self.missing_edges or self.different_nodes or self.different_edges)

    @property
    def same(self) -> bool:
        """Whether nothing is missing, nothing differs, and nothing else is there."""
        return self.complete and not self.extra_nodes and not self.extra_edges

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is missing or differs, in sentences."""
        return (
            *(f"{_thing(node)} is missing." for node in self.missing_nodes),
            *(said for _, said in self.different_nodes),
            *(f"{_arrow(edge)} is missing." for edge in self.missing_edges),
            *(said for _, said in self.different_edges),
        )

    @property
    def also(self) -> tuple[str, ...]:
        """What is there and not wanted, in sentences."""
        return (
            *(f"{_thing(node)} is there too." for node in self.extra_nodes),
            *(f"{_arrow(edge)} is there too." for edge in self.extra_edges),
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every difference, in words."""
        return (*self.wrong, *self.also)

    def __str__(self) -> str:
        return "\n".join(self.sentences) or "Both are the same."


@dataclass(slots=True)
class _Pairs:
    """Which node of mine is which of the wanted ones, by id."""

    mine: dict[str, Node] = field(default_factory=dict)  # wanted id -> mine
    wanted: dict[str, Node] = field(default_factory=dict)  # my id -> wanted

    def join(self, mine: Node, wanted: Node) -> None:
        self.mine[wanted.id] = mine
        self.wanted[mine.id] = wanted


def compare(mine: Diagram, wanted: Diagram) -> Difference:
    """The difference between two diagrams.

    Nodes go together by kind and name, in whatever group; a single person goes with a single person. People of
    mine, and what they did, do not count when no people are wanted.
    """
    pairs = _pairs(mine, wanted)
    peopled = any(_is_person(node) for node in wanted.nodes)
    ignored = set() if peopled else {node.id for node in mine.nodes if _is_person(node)}
    different = (
        (node, _node_difference(pairs.mine[node.id], node)) for node in wanted.nodes if node.id in pairs.mine
    )
    missing_edges, different_edges, used = _edges(mine, wanted, pairs)
    return Difference(
        missing_nodes=tuple(node for node in wanted.nodes if node.id not in pairs.mine),
        extra_nodes=tuple(
            node
            for node in mine.nodes
            if node.id not in pairs.wanted and node.id not in ignored and node.mark != "absent"
        ),
        different_nodes=tuple((pairs.mine[node.id], said) for node, said in different if said),
        missing_edges=missing_edges,
        different_edges=different_edges,
        extra_edges=tuple(
            edge
            for place, edge in enumerate(mine.edges)
            if place not in used and edge.source.id not in ignored and edge.target.mark != "absent"
        ),
    )


def beside(mine: Diagram, wanted: Diagram, names: tuple[str, str] = ("Yours", "Wanted")) -> Comparison:
    """Both figures side by side, with what differs marked in them and said below them."""
    from labkit.drawing.beside import Comparison

    difference = compare(mine, wanted)
    yours = _marked(
        mine,
        {
            **{node.id: "extra" for node in difference.extra_nodes},
            **{node.id: "different" for node, _ in difference.different_nodes},
        },
        {
            **{id(edge): "extra" for edge in difference.extra_edges},
            **{id(edge): "different" for edge, _ in difference.different_edges},
        },
    )
    theirs = _marked(
        wanted,
        {node.id: "missing" for node in difference.missing_nodes},
        {id(edge): "missing" for edge in difference.missing_edges},
    )
    return Comparison(yours.picture(), theirs.picture(), difference, names)


# -- nodes ---------------------------------------------------------------------------------------


def _pairs(mine: Diagram, wanted: Diagram) -> _Pairs:
    """First those that lie in the same place, then those that lie elsewhere, then the single person."""
    pairs = _Pairs()
    for exact in (True, False):
        for theirs in wanted.nodes:
            if theirs.id in pairs.mine:
                continue
            for ours in mine.nodes:
                if ours.id in pairs.wanted or ours.mark == "absent" or not _alike(ours, theirs):
                    continue
                if not exact or _path(ours) == _path(theirs):
                    pairs.join(ours, theirs)
                    break
    ours_left = [node for node in mine.nodes if _is_person(node) and node.id not in pairs.wanted]
    theirs_left = [node for node in wanted.nodes if _is_person(node) and node.id not in pairs.mine]
    if len(ours_left) == len(theirs_left) == 1:
        pairs.join(ours_left[0], theirs_left[0])
    return pairs


def _alike(ours: Node, theirs: Node) -> bool:
    return ours.service is theirs.service and ours.name.casefold() == theirs.name.casefold()


def _path(node: Node) -> tuple[str, ...]:
    return node.group.path if node.group else ()


def _is_person(node: Node) -> bool:
    return node.service.word in _PEOPLE


def _node_difference(ours: Node, theirs: Node) -> str:
    if _is_person(theirs):
        return ""
    elsewhere = [title for title in _path(theirs) if title not in _path(ours)]
    if elsewhere:
        where = " / ".join(_path(ours)) or "no group"
        return f"{_thing(ours)} lies in {where}; wanted: {' / '.join(elsewhere)}."
    if theirs.detail and theirs.detail.casefold() not in ours.detail.casefold():
        return f"{_thing(ours)} says {ours.detail or 'nothing'!r}; wanted: {theirs.detail!r}."
    return ""


# -- connections ---------------------------------------------------------------------------------


def _edges(
    mine: Diagram, wanted: Diagram, pairs: _Pairs
) -> tuple[tuple[Edge, ...], tuple[tuple[Edge, str], ...], set[int]]:
    """What is missing, what differs, and which of mine are wanted (by their place)."""
    missing, different, used = [], [], set()
    for theirs in wanted.edges:
        source, target = pairs.mine.get(theirs.source.id), pairs.mine.get(theirs.target.id)
        same = [
            (place, edge)
            for place, edge in enumerate(mine.edges)
            if edge.source is source and edge.target is target and place not in used
        ]
        if not same:
            missing.append(theirs)
            continue
        place, edge = min(same, key=lambda one: (not _says(one[1], theirs), one[1].style != theirs.style))
        used.add(place)
        if not _says(edge, theirs):
            different.append((edge, f"{_arrow(edge)} says {edge.said!r}; wanted: {theirs.label!r}."))
    return tuple(missing), tuple(different), used


def _says(ours: Edge, theirs: Edge) -> bool:
    """Whether the label says what is wanted. The wanted label's words have to stand in it, in order."""
    return not theirs.label or f" {theirs.label.casefold()} " in f" {ours.said.casefold().replace(',', ' ')} "


# -- in words, and with marks --------------------------------------------------------------------


def _thing(node: Node) -> str:
    return f"The {node.service.title} {node.name!r}"


def _arrow(edge: Edge) -> str:
    names = called(edge.source.diagram)
    return f"The connection {names[edge.source.id]} -> {names[edge.target.id]}"


def _marked(diagram: Diagram, nodes: dict[str, str], edges: dict[int, str]) -> Diagram:
    """A copy of a diagram in which these parts carry a mark."""
    copy = Diagram(diagram.title, diagram.notice, diagram.legend)
    copy.groups = list(diagram.groups)
    made: dict[str, Node] = {}
    for node in diagram.nodes:
        made[node.id] = replace(node, diagram=copy, mark=nodes.get(node.id, node.mark))
    copy.nodes = list(made.values())
    copy.edges = [
        replace(
            edge,
            source=made[edge.source.id],
            target=made[edge.target.id],
            mark=edges.get(id(edge), edge.mark),
        )
        for edge in diagram.edges
    ]
    return copy


def differences(difference: Difference) -> dict[str, Any]:
    """A difference for programs."""
    return {
        "complete": difference.complete,
        "same": difference.same,
        "wrong": list(difference.wrong),
        "also": list(difference.also),
    }
