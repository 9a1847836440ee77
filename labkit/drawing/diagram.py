"""`labkit.Diagram`: draw an architecture with a handful of words.

d = labkit.Diagram("Orders")
shop = d.person("Customer")
with d.account(), d.region():
    orders = d.sqs("orders", detail="visibility 30 s")
    pack = d.function("pack")
shop.to(orders, "SendMessage", step=1).to(pack, "poll", step=2)
d
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.icons import ALIASES, SERVICES, Service
from labkit.drawing.style import GROUPS, LINE_ALIASES, LINES, MARKS
from labkit.drawing.text import safe
from labkit.errors import NotFound, UsageError
from labkit.judging.card import Card
from labkit.sandbox.identity import ACCOUNT, REGION

if TYPE_CHECKING:
    from labkit.drawing.picture import Picture

_HIGHEST_STEP: Final = 99


class UnknownService(NotFound, AttributeError):  # type: ignore[misc]  # both have a `name`: the same one
    """A word that is no service and no method of a diagram."""


@dataclass(eq=False, slots=True)
class Group:
    """A frame around nodes: an account, a Region, a VPC. `parent` is the group it lies in."""

    id: str
    kind: str
    name: str
    parent: Group | None = None

    @property
    def title(self) -> str:
        """The kind and the name, as the figure shows it."""
        return f"{GROUPS[self.kind].title} {self.name}".strip()

    @property
    def path(self) -> tuple[str, ...]:
        """The titles from the outermost group to this one."""
        return (*(self.parent.path if self.parent else ()), self.title)


@dataclass(eq=False, slots=True)
class Node:
    """One thing in a figure. Draw a connection with `to`.

    `count` is how many resources it stands for. `mark` says something about it: "missing" and so on. `badge` is
    the role it works with, `trouble` what went wrong in it, in a few words.
    """

    diagram: Diagram = field(repr=False)
    id: str
    service: Service
    name: str
    detail: str = ""
    group: Group | None = None
    count: int = 1
    mark: str = ""
    badge: str = ""
    trouble: str = ""

    def to(self, other: Node, label: str = "", *, step: int | None = None, style: str = "request") -> Node:
        """Draw a connection to another node, and return that node, so that connections can be chained.

        `label` says what happens ("SendMessage"). `step` is its number in the story, 1 to 99. `style` is
        "request" (solid), "data" (dashed) or "optional" (dotted). Raises `UsageError` for a node of another
        diagram, and `NotFound` for an unknown style.
        """
        self.diagram.connect(self, other, label, step=step, style=style)
        return other


@dataclass(eq=False, slots=True)
class Edge:
    """A connection. `observed` ones were seen in the trace, `calls` times; the others are declared.

    `counted` says what came of it so far, `trouble` what went wrong, in a few words. `more` is for the text twin
    alone: the reason in full.
    """

    source: Node
    target: Node
    label: str = ""
    step: int | None = None
    style: str = "request"
    mark: str = ""
    observed: bool = False
    calls: int = 0
    counted: str = ""
    trouble: str = ""
    more: str = ""

    @property
    def said(self) -> str:
        """What it does and what came of it, on one line."""
        return ", ".join(filter(None, (self.label, self.counted)))


class Diagram(Card):
    """An architecture figure that you draw. Shown below a cell, it is a picture with a text twin.

    Every service is a word: `d.sqs("orders")`, `d.function("pack")`, `d.dynamodb("sales")`; `d.generic(...)` is
    anything else. Groups are opened with `with`: `d.account()`, `d.region()`, `d.vpc(...)`, `d.zone(...)`,
    `d.subnet(...)`, `d.cluster(...)`, `d.security_group(...)`, `d.frame(...)`. `notice` is a sentence that
    says what to look at. `legend` gives the kinds of lines a meaning of your own.
    """

    def __init__(self, title: str, notice: str = "", legend: Mapping[str, str] | None = None) -> None:
        self.title = _named(title, "diagram", 'labkit.Diagram("Orders")')
        self.notice = safe(notice)
        self.nodes: list[Node] = []
        self.groups: list[Group] = []
        self.edges: list[Edge] = []
        self.legend = {_style(kind): safe(meaning) for kind, meaning in (legend or {}).items()}
        self._inside: Group | None = None

    # -- nodes -----------------------------------------------------------------------------------

    def node(
        self, service: str, name: str, detail: str = "", *, count: int = 1, mark: str = "", badge: str = "",
        trouble: str = "",
    ) -> Node:  # fmt: skip
        """Add a node; `d.node("sqs", "orders")` is `d.sqs("orders")`.

        `badge` is the role it works with, `trouble` what goes wrong in it.
        Raises `NotFound` for an unknown service, with the nearest ones.
        """
        kind = _service(service)
        shown = _named(name, kind.title, f'd.{kind.word}("orders")')
        twin = next((n for n in self.nodes if self._same_place(n, kind, shown)), None)
        if twin is not None:
            raise UsageError(
                f"There is a node for the {kind.title} {shown!r} here already. "
                f'Keep it in a variable when you make it, or find it: d.find("{shown}").'
            )
        if mark and mark not in MARKS:
            raise NotFound("mark", mark, MARKS)
        node = Node(
            self, f"n{len(self.nodes)}", kind, shown, safe(detail), self._inside, count, mark, safe(badge),
            safe(trouble),
        )  # fmt: skip
        self.nodes.append(node)
        return node

    def _same_place(self, node: Node, kind: Service, name: str) -> bool:
        return node.name == name and node.service is kind and node.group is self._inside

    def find(self, name: str) -> Node:
        """The first node of that name. Raises `NotFound` with the nearest names."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise NotFound("node", str(name), [node.name for node in self.nodes])

    def __getattr__(self, word: str) -> Callable[..., Node]:
        if word.startswith("_"):  # Python and Jupyter ask for such names; none of them is a service
            raise AttributeError(word)
        try:
            kind = _service(word)
        except NotFound:
            words = [one for one in (*SERVICES, *ALIASES, *_METHODS) if not iskeyword(one)]
            raise UnknownService("service or method", word, words) from None

        def add(name: str, detail: str = "", **more: Any) -> Node:
            return self.node(kind.word, name, detail, **more)

        add.__name__ = word
        add.__doc__ = f"Add a node: {kind.title}. The detail stands below its name."
        return add

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *SERVICES})

    @property
    def inside(self) -> Group | None:
        """The group that is open now: what is made next lies in it."""
        return self._inside

    # -- groups ----------------------------------------------------------------------------------

    @contextmanager
    def group(self, kind: str, name: str) -> Iterator[Group]:
        """A group of any kind: the nodes and groups that are made inside lie in it.

        Two groups of the same kind and name in the same place are one. Raises `NotFound` for an unknown kind.
        """
        if kind not in GROUPS:
            raise NotFound("kind of group", str(kind), GROUPS)
        outer, shown = self._inside, _named(name, "group", f'd.group("{kind}", "main")')
        group = next((g for g in self.groups if (g.kind, g.name, g.parent) == (kind, shown, outer)), None)
        if group is None:
            group = Group(f"g{len(self.groups)}", kind, shown, outer)
            self.groups.append(group)
        self._inside = group
        try:
            yield group
        finally:
            self._inside = outer

    def account(self, name: str = ACCOUNT) -> AbstractContextManager[Group]:
        """An AWS account: `with d.account():`."""
        return self.group("account", name)

    def region(self, name: str = REGION) -> AbstractContextManager[Group]:
        """A Region: `with d.region("eu-west-1"):`."""
        return self.group("region", name)

    def vpc(self, name: str = "10.0.0.0/16") -> AbstractContextManager[Group]:
        """A VPC."""
        return self.group("vpc", name)

    def zone(self, name: str = REGION + "a") -> AbstractContextManager[Group]:
        """An Availability Zone."""
        return self.group("zone", name)

    def subnet(self, name: str, public: bool = False) -> AbstractContextManager[Group]:
        """A subnet, private unless `public=True`."""
        return self.group("public_subnet" if public else "private_subnet", name)

    def cluster(self, name: str) -> AbstractContextManager[Group]:
        """A cluster of ECS or EKS."""
        return self.group("cluster", name)

    def security_group(self, name: str) -> AbstractContextManager[Group]:
        """A security group."""
        return self.group("security_group", name)

    def frame(self, name: str) -> AbstractContextManager[Group]:
        """Any other group: a team, a stage, a system outside AWS."""
        return self.group("group", name)

    # -- connections -----------------------------------------------------------------------------

    def connect(
        self, source: Node, target: Node, label: str = "", *, step: int | None = None, style: str = "request",
        mark: str = "", observed: bool = False, calls: int = 0, counted: str = "", trouble: str = "",
        more: str = "",
    ) -> Edge:  # fmt: skip
        """Add a connection; `a.to(b)` is `d.connect(a, b)`, but returns the connection."""
        for end in (source, target):
            self._require_own(end)
        if step is not None and (
            isinstance(step, bool) or not isinstance(step, int) or not 1 <= step <= _HIGHEST_STEP
        ):
            raise UsageError(f"A step is a whole number from 1 to {_HIGHEST_STEP}. It is {step!r}.")
        edge = Edge(
            source, target, safe(label), step, _style(style), mark, observed, calls, safe(counted),
            safe(trouble), safe(more),
        )  # fmt: skip
        self.edges.append(edge)
        return edge

    def _require_own(self, end: object) -> None:
        if not isinstance(end, Node):
            raise UsageError(
                f"A connection goes from node to node. {end!r} is none: "
                'make it first, for example orders = d.sqs("orders"), and then shop.to(orders).'
            )
        if end.diagram is not self:
            raise UsageError(
                f"{end.name!r} belongs to the diagram {end.diagram.title!r}, not to {self.title!r}. "
                "Make it again in this one."
            )

    # -- what it looks like ----------------------------------------------------------------------

    def picture(self) -> Picture:
        """The figure: SVG, text twin and data."""
        from labkit.drawing.architecture import draw

        return draw(self)

    def html(self) -> str:
        """The picture as HTML."""
        return self.picture().html()

    def text(self) -> str:
        """The figure in words."""
        return self.picture().text()

    def data(self) -> dict[str, Any]:
        """The figure for programs."""
        return self.picture().data()

    def save(self, path: str | Path) -> Path:
        """Write the figure to a file: .svg, .txt or .html."""
        return self.picture().save(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, Any]:
        return self.picture()._repr_mimebundle_(include, exclude)


_METHODS: Final = (
    "account", "region", "vpc", "zone", "subnet", "cluster", "security_group", "frame", "group", "node",
    "connect", "find", "picture", "save",
)  # fmt: skip


def _service(word: object) -> Service:
    known = str(word).strip().casefold().replace(" ", "_").replace("-", "_")
    found = SERVICES.get(ALIASES.get(known, known))
    if found is None:
        raise NotFound("service", str(word), [*SERVICES, *ALIASES])
    return found


def _style(style: object) -> str:
    known = LINE_ALIASES.get(str(style), str(style))
    if known not in LINES:
        raise NotFound("style of a connection", str(style), LINES)
    return known


def _named(name: object, kind: str, example: str) -> str:
    if not isinstance(name, str) or not (shown := safe(name)):
        raise UsageError(f"Give the {kind} a name, a text: {example}. It is {name!r}.")
    return shown
