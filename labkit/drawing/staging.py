"""From what was collected to a diagram: who stands where, what is merged, and what is drawn as a pile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Final

from labkit.drawing.diagram import Diagram, Edge, Group, Node
from labkit.drawing.icons import SERVICES
from labkit.drawing.scene import ASSUMES, UNMATCHED, Link, Resource, Scene
from labkit.drawing.tally import FAILING, REFUSED, Tally
from labkit.drawing.timeline_words import cut
from labkit.drawing.words import called
from labkit.judging.card import plural

MOST: Final = 60
"""Resources drawn one by one. When there are more, those of a kind become a pile, the largest first."""
LEGEND: Final = {"request": "calls or delivers", "optional": "permission, key or metric"}
ROLES: Final = (ASSUMES, "starts with")
_CALM: Final = ("runs", UNMATCHED)
_NAMED: Final = 3
_LONGEST_REASON: Final = 300


@dataclass(slots=True)
class _Spot:
    """One node to be: a resource, or a pile of them. `within` counts the links inside a pile."""

    resources: list[Resource]
    within: int = 0


@dataclass(slots=True)
class _Line:
    """One connection to be, with everything said about it. It is `off` when all of its links are."""

    style: str
    labels: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    more: dict[str, None] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    off: bool = True


def stage(
    scene: Scene, title: str, *, declared: bool = True, observed: bool = True, roles: bool = False
) -> Diagram:
    """The diagram of a scene. `declared` are links that are set up, `observed` those that were used.

    Roles are badges of those who work with them; with `roles`, or when they are linked otherwise, also nodes.
    """
    links = [link for link in scene.links if (observed and link.used) or (declared and not link.seen)]
    ends = _with_badges(scene, _resolved(scene, links), roles)
    spots = _spots(list(scene.resources.values()), _parts_played(scene, ends))
    lines = _lines(ends, spots, declared, observed)
    diagram = Diagram(title, legend=LEGEND)
    nodes: dict[str, Node] = {}
    for person in dict.fromkeys(key for pair in lines for key in pair if key.startswith("person:")):
        nodes[person] = diagram.person(person.removeprefix("person:"))
    _place(diagram, scene, spots, nodes)
    why: dict[str, Edge] = {}
    for (source, target), by_style in lines.items():
        for line in by_style.values():
            edge = _connect(diagram, nodes[source], nodes[target], line)
            if edge.mark in (REFUSED, FAILING):
                why.setdefault(f"{edge.mark} {line.tally.why}", edge)
    diagram.notice = _notice(scene, diagram, spots, why)
    return diagram


def _connect(diagram: Diagram, source: Node, target: Node, line: _Line) -> Edge:
    tally = line.tally
    calls = [f"{count:,} {action}" for action, count in line.calls.most_common()]
    return diagram.connect(
        source, target, _said(line), style=line.style, observed=bool(line.calls or tally),
        mark=tally.standing or ("off" if line.off else ""), calls=line.calls.total() + tally.total,
        counted=", ".join(filter(None, (*calls, tally.counted))), trouble=tally.trouble,
        more=" ".join(filter(None, (*line.more, tally.why if tally.trouble else ""))),
    )  # fmt: skip


# -- links ---------------------------------------------------------------------------------------


def _resolved(scene: Scene, links: Iterable[Link]) -> list[tuple[str, str, Link]]:
    """Links whose both ends stand in the scene. What is only pointed at becomes an absent resource."""
    found = []
    for link in links:
        source = link.source if link.source.startswith("person:") else scene.known(link.source)
        target = scene.known(link.target)
        if link.must and source is None:
            source = scene.ghost(link.source)
        if link.must and target is None:
            target = scene.ghost(link.target)
        if source is not None and target is not None:
            found.append((source, target, link))
    return found


def _with_badges(scene: Scene, ends: list[tuple[str, str, Link]], roles: bool) -> list[tuple[str, str, Link]]:
    """Roles as badges: arrows to them would hide the rest. A role that nothing else leads to is no node then."""
    worn, left = set(), []
    for source, target, link in ends:
        resource = scene.resources.get(source)
        if link.label in ROLES and resource is not None:
            name = scene.resources[target].name
            if name not in resource.badge.split(", "):
                resource.badge = ", ".join(filter(None, (resource.badge, name)))
            worn.add(target)
            if not roles:
                continue
        left.append((source, target, link))
    linked = {end for source, target, _ in left for end in (source, target)}
    for role in worn - linked:
        del scene.resources[role]
    return left


def _lines(
    ends: Iterable[tuple[str, str, Link]], spots: dict[str, _Spot], declared: bool, observed: bool
) -> dict[tuple[str, str], dict[str, _Line]]:
    """Connections by the nodes they join, and by their style. What was observed joins what was declared."""
    key_of = {one.arn: key for key, spot in spots.items() for one in spot.resources}
    lines: dict[tuple[str, str], dict[str, _Line]] = {}
    for source, target, link in sorted(ends, key=lambda end: not end[0].startswith("person:")):
        pair = (key_of.get(source, source), key_of.get(target, target))
        if pair[0] == pair[1] and len(spots[pair[0]].resources) > 1:
            spots[pair[0]].within += 1
            continue
        line = lines.setdefault(pair, {}).setdefault(link.style, _Line(link.style))
        line.off &= link.off
        if declared and link.label:
            line.labels[link.label] += 1
        if declared and link.more:
            line.more[link.more] = None
        if observed:
            line.calls.update(link.observed)
            line.tally.add(link.tally)
    return lines


def _said(line: _Line) -> str:
    """The label of a connection: what it does."""
    parts = [
        f"{label} ({count} times)" if count > 1 else label for label, count in line.labels.most_common(2)
    ]
    if len(line.labels) > 2:
        parts.append(f"{len(line.labels) - 2} more")
    return ", ".join(parts)


# -- nodes ---------------------------------------------------------------------------------------


def _parts_played(scene: Scene, ends: Iterable[tuple[str, str, Link]]) -> dict[str, frozenset[object]]:
    """ARN -> the part it plays: with which kinds of resources it is linked, how, and in which direction."""
    parts: dict[str, set[object]] = defaultdict(set)
    for source, target, link in ends:
        if source in scene.resources and not link.seen:
            parts[source].add(("to", link.style, scene.resources[target].service))
            parts[target].add(("from", link.style, scene.resources[source].service))
    return {arn: frozenset(part) for arn, part in parts.items()}


def _spots(resources: list[Resource], parts: dict[str, frozenset[object]]) -> dict[str, _Spot]:
    """Node key -> resources. Above `MOST`, the largest kinds become piles until the rest fits."""
    kinds: list[Callable[[Resource], object]] = [
        lambda one: (one.account, one.region, one.inside, one.service, one.absent, parts.get(one.arn)),
        lambda one: (one.account, one.region, one.inside, one.service, one.absent),
        lambda one: (one.account, one.region, one.service, one.absent),
        lambda one: (one.service, one.absent),
    ]
    spots = {one.arn: _Spot([one]) for one in resources}
    for kind in kinds:
        if len(spots) <= MOST:
            break
        spots = {one.arn: _Spot([one]) for one in resources}
        alike: dict[object, list[Resource]] = defaultdict(list)
        for one in resources:
            alike[kind(one)].append(one)
        for same in sorted(alike.values(), key=len, reverse=True):
            if len(spots) <= MOST or len(same) < 2:
                break
            for one in same:
                del spots[one.arn]
            spots[f"pile:{same[0].arn}"] = _Spot(same)
    return spots


def _place(diagram: Diagram, scene: Scene, spots: dict[str, _Spot], nodes: dict[str, Node]) -> None:
    """Put every node into its account, its Region, and the frames around it."""
    dead = {end for link in scene.links if link.style == "failure" for end in (scene.known(link.target),)}
    parts = sorted(spots.items(), key=lambda item: _rank(item[1].resources[0], dead))
    for key, spot in parts:
        one = spot.resources[0]
        with ExitStack() as groups:
            for group in _groups(diagram, scene, one.account, one.region, one.inside):
                groups.enter_context(group)
            nodes[key] = _node(diagram, spot)
    for key in sorted(scene.keep):  # subnets that the learner made are shown, also empty ones
        frame = scene.frames[key]
        with ExitStack() as groups:
            for group in _groups(diagram, scene, frame.account, frame.region, key):
                groups.enter_context(group)


def _rank(one: Resource, dead: set[str | None]) -> int:
    """What stands lower in a figure: where things end when they fail, then what is outside AWS."""
    return 2 if not one.account else int(one.arn in dead)


def _groups(
    diagram: Diagram, scene: Scene, account: str, region: str, inside: str | None
) -> list[AbstractContextManager[Group]]:
    frames = []
    while inside is not None and (frame := scene.frames.get(inside)) is not None:
        frames.append(diagram.group(frame.kind, frame.name))
        inside = frame.inside
    outer = [diagram.account(account)] if account else []
    outer += [diagram.region(region)] if region else []
    return [*outer, *reversed(frames)]


def _node(diagram: Diagram, spot: _Spot) -> Node:
    one = spot.resources[0]
    if len(spot.resources) == 1:
        name = _unused(diagram, one)
        return diagram.node(
            one.service, name, _detail(one), count=one.count, badge=one.badge, trouble=_trouble(one),
            mark="absent" if one.absent else "off" if one.off else "",
        )  # fmt: skip
    names = ", ".join(each.name for each in spot.resources[:_NAMED])
    left = len(spot.resources) - _NAMED
    more = f" and {left:,} more" if left > 0 else ""
    within = f"; {plural(spot.within, 'link')} between them" if spot.within else ""
    title = plural(len(spot.resources), SERVICES[one.service].title)
    taken = _taken(diagram, one.service)
    title = next(name for name in (title, *(f"{title} ({n})" for n in range(2, 99))) if name not in taken)
    return diagram.node(one.service, title, names + more + within, count=len(spot.resources))


def _detail(one: Resource) -> str:
    told = [one.detail, *([plural(one.counts["runs"], "run")] if one.counts["runs"] else [])]
    told += [f"{count:,} {what}" for what, count in one.counts.items() if what == UNMATCHED]
    return "; ".join(filter(None, told))


def _trouble(one: Resource) -> str:
    """What went wrong in a resource, in a few words."""
    return ", ".join(f"{count:,} {what}" for what, count in one.counts.items() if what not in _CALM and count)


def _unused(diagram: Diagram, one: Resource) -> str:
    """The name of a resource; with a number when something of that kind has it already in that place."""
    taken = _taken(diagram, one.service)
    name, number = one.name.strip() or one.arn, 2
    while name in taken:
        name, number = f"{one.name} ({number})", number + 1
    return name


def _taken(diagram: Diagram, service: str) -> set[str]:
    """The names that nodes of a service have where the next one is going to stand."""
    return {one.name for one in diagram.nodes if one.service.word == service and one.group is diagram.inside}


# -- the sentence --------------------------------------------------------------------------------


def _notice(scene: Scene, diagram: Diagram, spots: dict[str, _Spot], wrong: dict[str, Edge]) -> str:
    there = sum(not one.absent for one in scene.resources.values())
    parts = [f"{plural(there, 'resource')}, drawn from the account as it stands."]
    absent = [one.name for one in scene.resources.values() if one.absent]
    if absent:
        verb = "does" if len(absent) == 1 else "do"
        parts.append(f"Something points at {', '.join(absent[:_NAMED])}, which {verb} not exist.")
    if any(len(spot.resources) > 1 for spot in spots.values()):
        parts.append(f"There are more than {MOST}, so those of a kind are drawn as a pile.")
    parts += _wrong(diagram, wrong)
    if any(edge.calls for edge in diagram.edges):
        parts.append("Numbers at the arrows count what happened so far.")
    return " ".join(parts)


def _wrong(diagram: Diagram, wrong: dict[str, Edge]) -> list[str]:
    """What does not get through at present, with the reason of the first: what is refused before what fails."""
    if not wrong:
        return []
    names, reason = called(diagram), min(wrong, key=lambda one: not one.startswith(REFUSED))
    first, why = wrong[reason], cut(reason.partition(" ")[2].partition(". ")[0], _LONGEST_REASON).rstrip(".")
    verb = "is refused" if first.mark == REFUSED else "fails"
    ends = f'What goes from "{names[first.source.id]}" to "{names[first.target.id]}" {verb}'
    said = [f"{ends}: {why}." if why else f"{ends}."]
    if others := sum(edge.mark in (REFUSED, FAILING) for edge in diagram.edges) - 1:
        said.append(f"{plural(others, 'other connection has', 'other connections have')} trouble, too.")
    return said
