"""`lab.draw()`: the account as it stands, from moto's backends and the trace, never by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from labkit.drawing import services as shows
from labkit.drawing.architecture import draw
from labkit.drawing.compare import beside
from labkit.drawing.diagram import Diagram
from labkit.drawing.observed import observe
from labkit.drawing.scene import Scene
from labkit.drawing.staging import stage
from labkit.drawing.timeline_history import standing
from labkit.errors import LabkitError, NotFound, UsageError

if TYPE_CHECKING:
    from labkit.drawing.beside import Comparison
    from labkit.drawing.picture import Picture
    from labkit.sandbox import Sandbox

TITLE: Final = "Your account"
EMPTY: Final = "The account is empty. Make a resource, for example a queue, and draw it again."


def draw_account(
    sandbox: Sandbox, services: Iterable[str] | None = None, region: str | None = None
) -> Picture:
    """The architecture of the account: resources, where they are, and what leads where.

    `services` leaves only these ("sqs", "lambda"), `region` only what is in that Region and what is global.
    Looking changes nothing. Raises `NotFound` for a service that figures do not know.
    """
    scene, broken = collect(sandbox, services, region)
    note = f"Could not be drawn here: {', '.join(broken)}. Please report it." if broken else ""
    return draw(_diagram(sandbox, scene, region, roles=_about_roles(services)), note)


def draw_beside(
    sandbox: Sandbox,
    wanted: Diagram | Callable[[], Diagram] | None,
    services: Iterable[str] | None = None,
    region: str | None = None,
) -> Comparison:
    """The account beside the figure of how it should be, and what differs in words.

    `wanted` is a diagram, or a function that makes one. Raises `UsageError` when there is none.
    """
    diagram = wanted() if callable(wanted) else wanted
    if not isinstance(diagram, Diagram):
        raise UsageError(
            "This lab has no figure to compare with. Draw your own, and give it: lab.draw(expected=my_diagram)."
        )
    roles = _about_roles(services) or any(node.service.word == "iam" for node in diagram.nodes)
    return beside(account_diagram(sandbox, services, region, roles=roles), diagram)


def _about_roles(services: Iterable[str] | None) -> bool:
    """Whether somebody asks for roles: then they are nodes, and not badges only."""
    return "iam" in ([services] if isinstance(services, str) else services or ())


def account_diagram(
    sandbox: Sandbox,
    services: Iterable[str] | None = None,
    region: str | None = None,
    *,
    declared: bool = True,
    observed: bool = True,
    roles: bool = False,
) -> Diagram:
    """The same as a `Diagram`: to compare, or to look at only what is declared or only what was used.

    With `roles`, the roles that something works with are nodes; otherwise they are badges at who wears them.
    """
    scene, _ = collect(sandbox, services, region)
    return _diagram(sandbox, scene, region, declared=declared, observed=observed, roles=roles)


def _diagram(
    sandbox: Sandbox, scene: Scene, region: str | None, declared: bool = True, observed: bool = True,
    roles: bool = False,
) -> Diagram:  # fmt: skip
    diagram = stage(scene, TITLE, declared=declared, observed=observed, roles=roles)
    if not diagram.nodes:
        diagram.notice = EMPTY
        with diagram.account(sandbox.account), diagram.region(region or sandbox.region):
            pass
    return diagram


def collect(
    sandbox: Sandbox, services: Iterable[str] | None = None, region: str | None = None
) -> tuple[Scene, list[str]]:
    """What stands in the account and was used, and the services that could not be read."""
    from labkit.sandbox import state

    if not sandbox.running:
        raise LabkitError('This account is closed. Open the lab again: lab = labkit.open("16").')
    names = _chosen(services)
    scene, broken = Scene(names, region), []
    with sandbox.lock:
        sandbox.clock.catch_up()
        backends = {registry.service_name: accounts for registry, accounts in state.live().items()}
        for name in names:
            try:
                _show(sandbox, scene, name, backends.get(name, {}), region)
            except Exception:  # a new moto may store it another way: the rest is drawn, and the note says so
                broken.append(name)
        observe(scene, standing(sandbox.trace), names)
    return scene, broken


def _show(
    sandbox: Sandbox, scene: Scene, name: str, accounts: dict[str, dict[str, object]], region: str | None
) -> None:
    """The resources of one service; the learner's own account and Region come first."""
    show = shows.module(name).show
    here = (sandbox.account, sandbox.region)
    places = [(account, place) for account, regions in accounts.items() for place in regions]
    for account, place in sorted(places, key=lambda one: (one[0] != here[0], one[1] != here[1], one)):
        if region is None or place == region or place.startswith("aws"):
            scene.place(account, place)
            show(scene, accounts[account][place])


def _chosen(services: Iterable[str] | None) -> list[str]:
    if services is None:
        return list(shows.SERVICES)
    wanted = {shows.ALIASES.get(one, one) for one in ([services] if isinstance(services, str) else services)}
    for one in wanted:
        if one not in shows.SERVICES:
            raise NotFound("service that figures know", one, [*shows.SERVICES, *shows.ALIASES])
    return [name for name in shows.SERVICES if name in wanted]
