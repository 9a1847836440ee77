"""A policy, its statements, and which of them apply to a request.

Sources, under https://docs.aws.amazon.com/IAM/latest/UserGuide/ : reference_policies_grammar.html,
reference_policies_elements_version.html (no version means 2008-10-17).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labkit.sandbox.authorization import validation
from labkit.sandbox.authorization.conditions import Condition
from labkit.sandbox.authorization.patterns import action_matches, resource_matches
from labkit.sandbox.authorization.principals import How, PrincipalElement
from labkit.sandbox.authorization.request import Request
from labkit.sandbox.authorization.validation import InvalidPolicy, PolicyKind
from labkit.sandbox.authorization.variables import names_in, resolve_resource

__all__ = ["InvalidPolicy", "Miss", "Policy", "PolicyKind", "Statement"]


@dataclass(frozen=True, slots=True)
class Miss:
    """One element of a statement that does not fit a request, and why, as the end of a sentence."""

    element: Literal["action", "principal", "resource", "condition"]
    why: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `number` counts from 1, in the order of the policy."""

    number: int
    sid: str
    allows: bool
    actions: tuple[str, ...]
    all_actions_but: bool
    resources: tuple[str, ...] | None
    all_resources_but: bool
    principals: PrincipalElement | None
    all_principals_but: bool
    conditions: tuple[Condition, ...]
    variables: bool

    @property
    def label(self) -> str:
        """Its Sid, or its number where it has none."""
        return f"statement {self.sid}" if self.sid else f"statement {self.number}"

    def applies(self, request: Request, bounded: bool = False) -> bool:
        """Whether every element fits. `bounded`: the caller has a permissions boundary."""
        return next(self.misses(request, bounded), None) is None

    def how(self, request: Request) -> How:
        """How closely the statement names the caller; an identity policy always means its owner."""
        if self.principals is None or self.all_principals_but:
            return "direct"
        return self.principals.how(request.principal) or "direct"

    def misses(self, request: Request, bounded: bool = False) -> Iterator[Miss]:
        """The elements that do not fit, the cheapest to find first."""
        if not self.names_action(request.action):
            yield Miss(
                "action", f"its {self._word('Action', self.all_actions_but)} is {_listed(self.actions)}"
            )
        if self.principals is not None and not self._names_caller(request, bounded):
            yield Miss(
                "principal", f"its {self._word('Principal', self.all_principals_but)} is {self.principals}"
            )
        if self.resources is not None and not self._names_resource(request):
            word = self._word("Resource", self.all_resources_but)
            yield Miss("resource", f"its {word} is {_listed(self.resources)}, and not {request.resource}")
        for condition in self.conditions:
            if not condition.holds(request.context, self.variables):
                yield Miss("condition", condition.explained(request.context))

    def names_action(self, action: str) -> bool:
        """Whether the statement is about this action."""
        return any(action_matches(wanted, action) for wanted in self.actions) is not self.all_actions_but

    def _names_caller(self, request: Request, bounded: bool) -> bool:
        assert self.principals is not None
        if not self.all_principals_but:
            return self.principals.how(request.principal) is not None
        # AWS: NotPrincipal with Deny always denies whoever has a permissions boundary.
        return bounded or not self.principals.spares(request.principal)

    def _names_resource(self, request: Request) -> bool:
        wanted = [resolve_resource(text, request.context, self.variables) for text in self.resources or ()]
        if self.all_resources_but and None in wanted:
            return False
        named = any(one is not None and resource_matches(one, request.resource) for one in wanted)
        return named is not self.all_resources_but

    def needed_keys(self) -> Iterator[str]:
        """The condition keys that judging the statement needs, variables included."""
        for condition in self.conditions:
            yield from condition.needed_keys(self.variables)
        if self.variables:
            for resource in self.resources or ():
                yield from names_in(resource)

    @staticmethod
    def _word(element: str, negated: bool) -> str:
        return f"Not{element}" if negated else element


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read and found well formed. `Policy.parse` makes one.

    `name` is what people call it ("the queue's policy"); `arn` is that of a managed policy. `problem` is a
    sentence on a policy that cannot be used: it has no statements, so it allows and denies nothing.
    """

    kind: PolicyKind
    statements: tuple[Statement, ...]
    version: str = "2008-10-17"
    name: str = ""
    arn: str = ""
    text: str = ""
    problem: str = ""

    @classmethod
    def parse(
        cls, document: str | bytes | Mapping[str, Any], kind: PolicyKind, name: str = "", arn: str = ""
    ) -> Policy:
        """Read a policy, from JSON text or from what JSON text becomes in Python.

        Raises `InvalidPolicy` with AWS's reason and with what to change.
        """
        if isinstance(document, bytes):
            document = document.decode("utf-8", errors="replace")
        if isinstance(document, str):
            return _from_text(document, kind, name, arn)
        return _built(validation.checked(document, kind), kind, name, arn, "")

    @classmethod
    def stored(cls, document: str | Mapping[str, Any], kind: PolicyKind, name: str, arn: str = "") -> Policy:
        """Like `parse`, for a policy the account keeps: one that is not well formed applies to nothing."""
        try:
            return cls.parse(document, kind, name, arn)
        except InvalidPolicy as error:
            return cls.useless(kind, f"{name[:1].upper()}{name[1:]} is not well formed. {error}", name, arn)

    @classmethod
    def useless(cls, kind: PolicyKind, problem: str, name: str = "", arn: str = "") -> Policy:
        """A policy that cannot be used, for the reason that `problem` tells in a sentence."""
        return cls(kind, (), name=name, arn=arn, problem=problem)

    @property
    def mandatory(self) -> bool:
        """Whether nobody has access unless this policy says so: key policies and trust policies."""
        return self.kind in ("key", "trust")

    def applying(self, request: Request, allows: bool, bounded: bool = False) -> Iterator[Statement]:
        """The statements with this effect that fit the request."""
        for statement in self.statements:
            if statement.allows is allows and statement.applies(request, bounded):
                yield statement


@functools.lru_cache(maxsize=1024)
def _from_text(text: str, kind: PolicyKind, name: str, arn: str) -> Policy:
    return _built(validation.checked(validation.decoded(text), kind), kind, name, arn, text)


def _built(document: Mapping[str, Any], kind: PolicyKind, name: str, arn: str, text: str) -> Policy:
    version = str(document.get("Version", "2008-10-17"))
    variables = version == "2012-10-17"
    raw = document["Statement"]
    statements = [raw] if isinstance(raw, Mapping) else raw
    return Policy(
        kind,
        tuple(_statement(number, one, variables) for number, one in enumerate(statements, start=1)),
        version,
        name,
        arn,
        text or json.dumps(document, default=str),
    )


def _statement(number: int, raw: Mapping[str, Any], variables: bool) -> Statement:
    resources = raw.get("Resource", raw.get("NotResource"))
    principals = raw.get("Principal", raw.get("NotPrincipal"))
    return Statement(
        number=number,
        sid=str(raw.get("Sid", "")),
        allows=raw["Effect"] == "Allow",
        actions=validation.texts(raw.get("Action", raw.get("NotAction"))),
        all_actions_but="NotAction" in raw,
        resources=None if resources is None else validation.texts(resources),
        all_resources_but="NotResource" in raw,
        principals=None if principals is None else PrincipalElement(tuple(validation.entries(principals))),
        all_principals_but="NotPrincipal" in raw,
        conditions=tuple(
            Condition.of(operator, key, validation.texts(values))
            for operator, block in raw.get("Condition", {}).items()
            for key, values in block.items()
        ),
        variables=variables,
    )


def _listed(texts: Iterable[str], most: int = 3) -> str:
    some = list(texts)
    return ", ".join(some[:most]) + (f" and {len(some) - most} more" if len(some) > most else "")
