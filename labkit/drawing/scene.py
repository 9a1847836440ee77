"""What stands in an account, collected by ARN: resources, the frames around them, and links between them.

The services report what they hold (`labkit/drawing/services`), the trace reports what was used (`observed`).
`staging` makes a diagram of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from labkit.drawing.tally import Tally
from labkit.sandbox.trace import short_name

ASSUMES: Final = "assumes"
UNMATCHED: Final = "matched no rule"
_SERVICE_OF_ARN: Final = {
    "lambda": "function", "sqs": "sqs", "sns": "sns", "dynamodb": "dynamodb", "s3": "s3", "states": "stepfunctions",
    "events": "eventbridge", "iam": "iam", "kms": "kms", "secretsmanager": "secretsmanager", "kinesis": "kinesis",
    "firehose": "firehose", "logs": "logs", "ecs": "ecs", "rds": "rds", "ssm": "ssm",
    "elasticloadbalancing": "alb", "execute-api": "apigateway", "apigateway": "apigateway",
}  # fmt: skip

_NAME_OF_ARN: Final = {
    "states": "stepfunctions",
    "elasticloadbalancing": "elbv2",
    "execute-api": "apigatewayv2",
    "apigateway": "apigatewayv2",
}
"""Service in an ARN -> moto's name for it, where they differ."""


@dataclass(slots=True)
class Resource:
    """One resource. `inside` is the key of the frame it lies in; an `absent` one is only pointed at.

    One that is `off` does nothing at present. `count` is how many of its kind it stands for. `counts` are things
    that happened in it: "runs", "failed".
    """

    arn: str
    service: str
    name: str
    detail: str = ""
    account: str = ""
    region: str = ""
    inside: str | None = None
    absent: bool = False
    off: bool = False
    count: int = 1
    badge: str = ""
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Frame:
    """A group that is a resource itself: a VPC, a subnet, a cluster. `inside` is the frame around it."""

    key: str
    kind: str
    name: str
    account: str
    region: str
    inside: str | None = None


@dataclass(slots=True)
class Link:
    """From one ARN to another. `must` links are shown even when their target does not exist.

    What is said about a declared link is its `label`, and `more` in the text twin; one that is `off` carries nothing.
    A link that was only `seen` is not declared; it counts its calls by action. `tally` is what came of either.
    """

    source: str
    target: str
    label: str = ""
    style: str = "request"
    must: bool = True
    observed: dict[str, int] = field(default_factory=dict)
    off: bool = False
    more: str = ""
    seen: bool = False
    tally: Tally = field(default_factory=Tally)

    @property
    def used(self) -> bool:
        """Whether anything has come this way."""
        return bool(self.observed or self.tally)


class Scene:
    """The things found so far. `place` sets where the next ones are.

    `looked` are the services that were asked, by moto's names, and `only` the Region that was, if just one: what
    is not found among them does not exist. About anything else, nothing can be said.
    """

    def __init__(self, looked: Iterable[str] = (), only: str | None = None) -> None:
        self.looked = frozenset(looked)
        self.only = only
        self.resources: dict[str, Resource] = {}
        self.frames: dict[str, Frame] = {}
        self.links: list[Link] = []
        self.behind: dict[str, list[str]] = {}  # ECS service -> target groups in front of it
        self.keep: set[str] = set()  # frames that are shown even when nothing lies in them
        self.account = ""
        self.region = ""
        self._aliases: dict[str, str] = {}
        self._spare: dict[str, Resource] = {}

    def place(self, account: str, region: str) -> None:
        """What is added from now on is there. moto calls the Region of global services "aws"."""
        self.account = account
        self.region = "" if region.startswith("aws") else region

    # -- adding ----------------------------------------------------------------------------------

    def resource(
        self, arn: str, service: str, name: str, detail: str = "", *, inside: str | None = None,
        region: str | None = None, aliases: tuple[str, ...] = (), off: bool = False, spare: bool = False,
    ) -> Resource:  # fmt: skip
        """Add a resource. `service` is a word of `labkit.Diagram`.

        A `spare` one is only shown when something points at it: it was not made by the learner.
        """
        place = self.region if region is None else region
        made = Resource(arn, service, name, detail, self.account, place, inside, off=off)
        (self._spare if spare else self.resources)[arn] = made
        for alias in aliases:
            self._aliases.setdefault(alias, arn)
        return made

    def alias(self, name: str, arn: str) -> None:
        """Another name of a resource."""
        self._aliases.setdefault(name, arn)

    def outside(self, key: str, service: str, name: str, detail: str = "") -> Resource:
        """Add something that is not in AWS: an address, a telephone. It stands in no account."""
        made = self.resources.get(key)
        if made is None:
            made = self.resources[key] = Resource(key, service, name, detail)
        return made

    def frame(self, key: str, kind: str, name: str, inside: str | None = None) -> None:
        """Add a group around resources, known by its id or ARN."""
        self.frames[key] = Frame(key, kind, name, self.account, self.region, inside)

    def link(
        self, source: object, target: object, label: str = "", *, style: str = "request", must: bool = True,
        off: bool = False, more: str = "",
    ) -> None:  # fmt: skip
        """Add a link between two ARNs. What is no text is no end of a link."""
        if isinstance(source, str) and isinstance(target, str) and target and source:
            self.links.append(Link(source, target, label, style, must, off=off, more=more))

    def assumes(self, source: str, role: object, label: str = ASSUMES) -> None:
        """A link to the role that something works with. It is drawn as a badge, not as an arrow."""
        self.link(source, role, label, style="optional", must=False)

    def leads(self, source: str, config: Any, *names: str) -> None:
        """A link to a dead-letter queue or other place for what failed, when `config` names one."""
        for name in names:
            config = config.get(name) if isinstance(config, Mapping) else None
        self.link(source, config, style="failure")

    def roles_of(self, source: str) -> set[str]:
        """The names of the roles that a resource works with."""
        return {short_name(one.target) for one in self.links if one.label == ASSUMES and one.source == source}

    # -- looking up ------------------------------------------------------------------------------

    def known(self, name: str) -> str | None:
        """The ARN of the resource that an ARN, a qualified ARN, a URI, or another name means."""
        if name in self.resources:
            return name
        if name in self._spare:
            self.resources[name] = self._spare.pop(name)
            return name
        if name in self._aliases:
            return self.known(self._aliases[name])
        if "/functions/arn:" in name:  # how an API names a function
            return self.known(name.partition("/functions/")[2].removesuffix("/invocations"))
        if name.startswith("arn:"):
            for shorter in _shorter(name):
                if shorter in self.resources:
                    return shorter
        return None

    def named(self, service: str, name: str) -> str | None:
        """The ARN of the resource of a service that goes by this name, ARN or URL."""
        if (found := self.known(name)) is not None:
            return found
        short = short_name(name)
        there = (*self.resources.values(), *self._spare.values())
        same = [one for one in there if one.name == short and arn_service(one.arn) == service]
        return self.known(same[0].arn) if same else None

    def ghost(self, target: str) -> str | None:
        """A resource that something points at and that is not there. None when that cannot be told."""
        parts = target.split(":")
        if not target.startswith("arn:") or len(parts) < 6 or parts[2] not in _SERVICE_OF_ARN:
            return None
        if target in self._spare:
            return self.known(target)
        elsewhere = self.only is not None and parts[3] not in ("", self.only)
        if elsewhere or _NAME_OF_ARN.get(parts[2], parts[2]) not in self.looked:
            return None
        name = short_name(target).removeprefix("function:")
        service = _SERVICE_OF_ARN[parts[2]]
        self.resources[target] = Resource(
            target, service, name, "does not exist", parts[4], parts[3], None, absent=True
        )
        return target


def arn_service(arn: str) -> str:
    """The service part of an ARN, or empty."""
    parts = arn.split(":", 3)
    return parts[2] if len(parts) == 4 else ""


def _shorter(arn: str) -> list[str]:
    """The ARN without a version, an alias, an index or a stream at its end."""
    found = []
    while arn.count(":") > 5 or arn.partition("/")[1]:
        arn = arn[: max(arn.rfind(":"), arn.rfind("/"))]
        found.append(arn)
    return found
