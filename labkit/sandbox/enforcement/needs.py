"""What a call needs: the IAM actions, and the resources they are about.

The rule is the service's prefix and the operation's name; the tables hold the exceptions. The service modules below
find resources in parameters: `messaging`, `compute`, `data`, `control`.

Source: the Service Authorization Reference, one page for each service, such as
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple


class Need(NamedTuple):
    """One action with one resource (an ARN or `*`), and condition keys that belong to it."""

    action: str
    resource: str = "*"
    context: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, as far as permissions are concerned. `account` is the caller's."""

    service: str
    operation: str
    params: Mapping[str, Any]
    region: str
    account: str

    def text(self, *names: str) -> str:
        """The first of these parameters that is a text, or nothing."""
        for name in names:
            value = self.params.get(name)
            if isinstance(value, str) and value:
                return value
        return ""

    def several(self, name: str) -> list[Any]:
        """A parameter that is a list; anything else is an empty one."""
        value = self.params.get(name)
        return list(value) if isinstance(value, (list, tuple)) else []

    def blocks(self, name: str) -> list[Mapping[str, Any]]:
        """The structures in a list parameter."""
        return [one for one in self.several(name) if isinstance(one, Mapping)]

    def block(self, name: str) -> Mapping[str, Any]:
        """A parameter that is a structure; anything else is an empty one."""
        value = self.params.get(name)
        return value if isinstance(value, Mapping) else {}

    def arn(self, service: str, name: str) -> str:
        """The ARN of something with this name, here. What is an ARN already stays as it is."""
        return name if name.startswith("arn:") else f"arn:aws:{service}:{self.region}:{self.account}:{name}"

    def pass_role(self, role: Any, to: str) -> list[Need]:
        """Handing a role to a service needs iam:PassRole."""
        if not isinstance(role, str) or not role.startswith("arn:"):
            return []
        return [Need("iam:PassRole", role, {"iam:PassedToService": to})]


Finder = Callable[[Asked], Iterable[Need]]

PREFIXES: Final = {
    "stepfunctions": "states", "dynamodbstreams": "dynamodb", "elbv2": "elasticloadbalancing", "elb":
    "elasticloadbalancing", "cognito-idp": "cognito-idp", "apigatewayv2": "apigateway", "resourcegroupstaggingapi":
    "tag", "ses": "ses", "sesv2": "ses", "opensearch": "es",
}  # fmt: skip
"""botocore's name of a service -> the prefix of its actions, where they differ."""

_TAGGING: Final = {
    ("sqs", "CreateQueue"): ("tags", "TagQueue"),
    ("sns", "CreateTopic"): ("Tags", "TagResource"),
    ("lambda", "CreateFunction"): ("Tags", "TagResource"),
    ("dynamodb", "CreateTable"): ("Tags", "TagResource"),
    ("events", "PutRule"): ("Tags", "TagResource"),
    ("events", "CreateEventBus"): ("Tags", "TagResource"),
    ("stepfunctions", "CreateStateMachine"): ("tags", "TagResource"),
    ("secretsmanager", "CreateSecret"): ("Tags", "TagResource"),
    ("kms", "CreateKey"): ("Tags", "TagResource"),
    ("pipes", "CreatePipe"): ("Tags", "TagResource"),
    ("iam", "CreateRole"): ("Tags", "TagRole"),
    ("iam", "CreateUser"): ("Tags", "TagUser"),
    ("ecr", "CreateRepository"): ("tags", "TagResource"),
    ("ecs", "CreateCluster"): ("tags", "TagResource"),
}
"""Creating something with tags needs the permission to tag, too: parameter and action."""


def needs_of(asked: Asked) -> list[Need]:
    """Everything a call needs, in the order in which AWS is thought to ask."""
    finder = _finder(asked.service)
    needed = list(finder(asked))
    tags = _TAGGING.get((asked.service, asked.operation))
    if tags and asked.params.get(tags[0]) and needed:
        needed.append(Need(f"{prefix_of(asked.service)}:{tags[1]}", needed[0].resource))
    return needed


def prefix_of(service: str) -> str:
    """How the actions of a service begin."""
    return PREFIXES.get(service, service)


def _finder(service: str) -> Finder:
    from labkit.sandbox.enforcement import compute, control, data, messaging

    tables: tuple[Mapping[str, Finder], ...] = (
        messaging.FINDERS,
        compute.FINDERS,
        data.FINDERS,
        control.FINDERS,
    )
    for table in tables:
        found = table.get(service)
        if found is not None:
            return found
    return by_arn


def by_arn(asked: Asked) -> list[Need]:
    """For services without rules of their own: the first ARN among the parameters, else everything."""
    action = f"{prefix_of(asked.service)}:{asked.operation}"
    for name, value in asked.params.items():
        if name.lower().endswith("arn") and isinstance(value, str) and value.startswith("arn:"):
            return [Need(action, value)]
    return [Need(action)]
