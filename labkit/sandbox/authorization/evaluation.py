"""Who may: the one evaluator of this account.

The order of AWS, as these pages state it:
1. A Deny that applies, in any policy, wins.
2. The organization's service control policies must allow, at every level. They do not touch services, nor
   roles that belong to a service.
3. Within one account an Allow of the resource's policy is enough when it names the caller herself (user,
   session, service, everybody). When it names the role behind a session, permissions boundary and session
   policies still limit it. When it names the account, the account's own policies decide.
4. Otherwise an identity policy must allow, and so must permissions boundary and session policies, if any.
5. Key policies and role trust policies are mandatory: without an Allow in them nobody has access, and identity
   policies count only when they name the account.
6. Across accounts both sides must allow: 4 in the caller's account, and the resource's policy in the other.
7. The root user may do everything in its own account, but for service control policies and keys.

Sources, under https://docs.aws.amazon.com/IAM/latest/UserGuide/ :
reference_policies_evaluation-logic_policy-eval-denyallow.html,
reference_policies_evaluation-logic_policy-eval-basics.html,
reference_policies_evaluation-logic-cross-account.html, access_policies.html#policies_session,
access_policies_boundaries.html. For keys https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
and key-policy-default.html; for roles https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from labkit.sandbox.authorization.decision import Decision, Layer, Match, Reason
from labkit.sandbox.authorization.policy import Policy, PolicyKind
from labkit.sandbox.authorization.principals import How
from labkit.sandbox.authorization.request import Request

_ORDER: Final[tuple[Layer, ...]] = ("scp", "resource", "identity", "boundary", "session")
"""In which order types of policies are asked, and so which Deny is reported when there are several."""
_NEAREST: Final = ("condition", "principal", "resource", "action")
"""Which near miss is worth telling first: the one with the most in common with the request."""


def decide(
    request: Request,
    identity: Sequence[Policy] = (),
    resource: Sequence[Policy] = (),
    boundary: Policy | None = None,
    session: Sequence[Policy] = (),
    scp: Sequence[Policy | Sequence[Policy]] = (),
) -> Decision:
    """Whether a request may go on, and why.

    `identity`: the policies of the caller and her groups. `resource`: the policy of the resource, of kind
    "resource", "key" or "trust"; for keys and roles it must be given. `session`: the policies passed when the
    session was made; one of them that allows is enough, as AWS joins them. `scp`: one sequence for each level of
    the organization, from its root down to the account; plain policies side by side are one level.
    """
    return _Case(request, identity, resource, boundary, session, _levels(scp)).decision()


def _levels(scp: Sequence[Policy | Sequence[Policy]]) -> list[Sequence[Policy]]:
    flat = [one for one in scp if isinstance(one, Policy)]
    nested = [one for one in scp if not isinstance(one, Policy)]
    return ([flat] if flat else []) + nested


@dataclass
class _Verdict:
    """What the policies of one type say."""

    policies: tuple[Policy, ...]
    denies: tuple[Match, ...]
    allows: tuple[Match, ...]

    @property
    def word(self) -> str:
        """The result as the policy simulator writes it."""
        return "explicitDeny" if self.denies else "allowed" if self.allows else "implicitDeny"


class _Case:
    """One request with everything that has a say in it."""

    def __init__(
        self,
        request: Request,
        identity: Sequence[Policy],
        resource: Sequence[Policy],
        boundary: Policy | None,
        session: Sequence[Policy],
        levels: list[Sequence[Policy]],
    ) -> None:
        self.request = request
        self.caller = request.principal
        self.bounded = boundary is not None
        mine = self.caller.is_iam
        self.levels = levels if mine and not self.caller.service_linked else []
        given: dict[Layer, Sequence[Policy]] = {
            "scp": [policy for level in self.levels for policy in level],
            "resource": resource,
            "identity": identity if mine else (),
            "boundary": [boundary] if boundary is not None and mine else (),
            "session": session if mine else (),
        }
        self.verdicts = {layer: self._verdict(policies) for layer, policies in given.items()}
        self.mandatory = any(policy.mandatory for policy in resource)
        self.ways = self._ways()

    def _verdict(self, policies: Iterable[Policy]) -> _Verdict:
        asked = tuple(policies)
        denies = tuple(self._applying(asked, allows=False))
        return _Verdict(asked, denies, tuple(self._applying(asked, allows=True)))

    def _applying(self, policies: Iterable[Policy], allows: bool) -> Iterable[Match]:
        for policy in policies:
            for statement in policy.applying(self.request, allows, self.bounded):
                yield Match(policy, statement)

    def _ways(self) -> dict[How, tuple[Match, ...]]:
        found: dict[How, tuple[Match, ...]] = {}
        for match in self.verdicts["resource"].allows:
            way = match.statement.how(self.request)
            found[way] = (*found.get(way, ()), match)
        return found

    # -- the rules ---------------------------------------------------------------------------------

    def decision(self) -> Decision:
        for layer in _ORDER:
            if self.verdicts[layer].denies:
                return self._made("explicit deny", layer, self.verdicts[layer].denies)
        for level in self.levels:
            if not any(self._applying(level, allows=True)):
                return self._made("implicit deny", "scp")
        if not self.caller.is_iam:
            allows = self.verdicts["resource"].allows
            return self._allowed(allows, "resource") if allows else self._made("implicit deny", "resource")
        return self._across_accounts() if self.request.cross_account else self._within_account()

    def _within_account(self) -> Decision:
        if "direct" in self.ways:
            return self._allowed(self.ways["direct"], "resource")
        if "role" in self.ways:
            return self._limited() or self._allowed(self.ways["role"], "resource")
        if self.mandatory and "account" not in self.ways:
            return self._made("implicit deny", "resource")
        return self._own_side() or self._allowed(self.verdicts["identity"].allows, "identity")

    def _across_accounts(self) -> Decision:
        lacking = self._own_side()
        if lacking is not None:
            return lacking
        allows = self.verdicts["resource"].allows
        if not allows:
            return self._made("implicit deny", "resource")
        return self._allowed((*allows, *self.verdicts["identity"].allows), "resource")

    def _own_side(self) -> Decision | None:
        """The refusal by the caller's own policies, or None when they let the request pass."""
        if self.caller.kind == "root":
            return None
        if not self.verdicts["identity"].allows:
            return self._made("implicit deny", "identity")
        return self._limited()

    def _limited(self) -> Decision | None:
        """The refusal by permissions boundary or session policies, or None."""
        for layer in ("boundary", "session"):
            verdict = self.verdicts[layer]
            if verdict.policies and not verdict.allows:
                return self._made("implicit deny", layer)
        if self.caller.kind == "federated user" and not self.verdicts["session"].policies:
            return self._made("implicit deny", "session")
        return None

    # -- the answer --------------------------------------------------------------------------------

    def _allowed(self, matched: tuple[Match, ...], layer: Layer) -> Decision:
        return self._made("allowed", layer, matched)

    def _made(self, reason: Reason, layer: Layer, matched: tuple[Match, ...] = ()) -> Decision:
        policies = self.verdicts[layer].policies
        return Decision(
            self.request,
            reason,
            layer,
            _kind(layer, matched, policies),
            matched,
            (*self.verdicts["identity"].allows, *self.verdicts["resource"].allows),
            {name: verdict.word for name, verdict in self.verdicts.items() if verdict.policies},
            policies,
            delegated=self.mandatory and "account" in self.ways,
            hint=self._hint(policies) if reason == "implicit deny" else "",
        )

    def _hint(self, policies: Iterable[Policy]) -> str:
        """The Allow that lacks only one thing, if there is one, and what it lacks."""
        near: list[tuple[int, str]] = []
        for policy in policies:
            if policy.problem:
                return policy.problem
            for statement in policy.statements:
                misses = list(statement.misses(self.request, self.bounded)) if statement.allows else []
                if len(misses) == 1:
                    label = str(Match(policy, statement))
                    said = f"{label[:1].upper()}{label[1:]} nearly fits: {misses[0].why}."
                    near.append((_NEAREST.index(misses[0].element), said))
        return min(near, key=lambda one: one[0])[1] if near else ""


def _kind(layer: Layer, matched: tuple[Match, ...], policies: tuple[Policy, ...]) -> PolicyKind:
    if matched:
        return matched[0].policy.kind
    if policies:
        return policies[0].kind
    return layer
