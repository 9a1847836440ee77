"""SimulatePrincipalPolicy and SimulateCustomPolicy, answered by the same evaluator that decides real requests.

The form of the answers is that of botocore's model (`iam/2010-05-08/service-2.json`): one result for each action, with
the results for single resources inside it. Names such as "IAM Policy" and `user_alice_AllowAll` are those of the
sample answers: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html and
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from labkit.sandbox.authorization import account, exclusions
from labkit.sandbox.authorization.decision import Decision, Match
from labkit.sandbox.authorization.evaluation import decide
from labkit.sandbox.authorization.patterns import arn_parts
from labkit.sandbox.authorization.policy import InvalidPolicy, Policy, PolicyKind
from labkit.sandbox.authorization.positions import position, statement_spans
from labkit.sandbox.authorization.principals import Principal
from labkit.sandbox.authorization.request import Request

Params = Mapping[str, Any]
_DECISIONS: Final = {"allowed": "allowed", "explicit deny": "explicitDeny", "implicit deny": "implicitDeny"}
_STRICTEST: Final = ("explicitDeny", "implicitDeny", "allowed")
_SOURCES: Final = {"identity": "IAM Policy", "resource": "Resource Policy"}
_UNNAMED: Final = Principal("group", "")
"""Stands for the caller when nobody is named: identity policies count, and no Principal element names her."""
_MOST: Final = 100
"""How many results an answer holds unless MaxItems says so; from the model."""
_TEMPLATES: Final = {
    "dynamodb": "arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}",
    "events": "arn:${Partition}:events:${Region}:${Account}:event-bus/${EventBusName}",
    "kms": "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}",
    "lambda": "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}",
    "secretsmanager": "arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${SecretId}",
    "sns": "arn:${Partition}:sns:${Region}:${Account}:${TopicName}",
    "sqs": "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}",
    "states": "arn:${Partition}:states:${Region}:${Account}:stateMachine:${StateMachineName}",
}
"""The form of a service's main resource, from the tables of the Service Authorization Reference."""


class SimulationRefused(Exception):
    """A call of the simulator that AWS refuses. `code` is AWS's, such as InvalidInput or NoSuchEntity."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a simulation asks about, the actions and resources aside."""

    principal: Principal
    owner: str
    context: Mapping[str, Any]
    identity: tuple[Policy, ...]
    resource: tuple[Policy, ...]
    boundary: Policy | None
    scp: tuple[tuple[Policy, ...], ...]

    def decide(self, action: str, resource: str) -> Decision:
        parts = arn_parts(resource)
        owner = (parts[4] if parts else "") or self.owner
        request = Request(self.principal, action, resource, owner, self.context, bare=True)
        return decide(request, self.identity, self.resource, self.boundary, (), self.scp)


# -- the operations -------------------------------------------------------------------------------------


def simulate_principal_policy(params: Params) -> dict[str, Any]:
    """The answer to SimulatePrincipalPolicy. Raises `SimulationRefused`."""
    arn = str(params["PolicySourceArn"])
    entity = _entity(arn)
    kept = [one for one in entity.attached if not exclusions.excluded(one, params.get("PolicyExclusionList"))]
    identity = (*(_renamed(one) for one in kept), *_given(params, "PolicyInputList", "identity"))
    boundary = _boundary(params) or (
        None if exclusions.boundary_excluded(params.get("PolicyExclusionList")) else entity.boundary
    )
    caller = _caller(str(params.get("CallerArn") or arn))
    return _answer(params, _question(params, caller, identity, boundary))


def simulate_custom_policy(params: Params) -> dict[str, Any]:
    """The answer to SimulateCustomPolicy. Raises `SimulationRefused`."""
    named = params.get("CallerArn")
    if params.get("ResourcePolicy") and not named:
        raise SimulationRefused("InvalidInput", "CallerArn is required when ResourcePolicy is given.")
    caller = _caller(str(named)) if named else _UNNAMED
    identity = _given(params, "PolicyInputList", "identity")
    return _answer(params, _question(params, caller, identity, _boundary(params)))


def context_keys_for_principal_policy(params: Params) -> dict[str, Any]:
    """The answer to GetContextKeysForPrincipalPolicy. Raises `SimulationRefused`."""
    entity = _entity(str(params["PolicySourceArn"]))
    return _context_keys((*entity.identity, *_given(params, "PolicyInputList", "identity")))


def context_keys_for_custom_policy(params: Params) -> dict[str, Any]:
    """The answer to GetContextKeysForCustomPolicy. Raises `SimulationRefused`."""
    return _context_keys(_given(params, "PolicyInputList", "identity"))


def _context_keys(policies: Sequence[Policy]) -> dict[str, Any]:
    keys = (key for policy in policies for statement in policy.statements for key in statement.needed_keys())
    return {"ContextKeyNames": _once(keys)}


# -- reading the call -----------------------------------------------------------------------------------


def _entity(arn: str) -> account.Caller:
    parts = arn_parts(arn)
    sort, _, path = parts[5].partition("/") if parts and parts[2] == "iam" else ("", "", "")
    if sort not in ("user", "group", "role") or not path:
        raise SimulationRefused(
            "InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    found = account.caller_named(arn)
    if found is None:
        name = path.rpartition("/")[2]
        raise SimulationRefused("NoSuchEntity", f"The {sort} with name {name} cannot be found.")
    return found


def _caller(arn: str) -> Principal:
    try:
        caller = Principal.of(arn)
    except ValueError:
        caller = _UNNAMED
    if caller.kind not in ("user", "group", "role") or not caller.arn:
        raise SimulationRefused("InvalidInput", f"CallerArn {arn} is not the ARN of a user, group or role.")
    return caller


def _question(
    params: Params, caller: Principal, identity: Sequence[Policy], boundary: Policy | None
) -> _Question:
    resource: tuple[Policy, ...] = ()
    if params.get("ResourcePolicy"):
        if caller.kind == "role":
            raise SimulationRefused(
                "InvalidInput", "Simulation of resource-based policies isn't supported for IAM roles."
            )
        resource = (_parsed(params["ResourcePolicy"], "resource", "ResourcePolicy"),)
    owner = str(params.get("ResourceOwner") or "")
    parts = arn_parts(owner)
    return _Question(
        caller,
        (parts[4] if parts else owner) or caller.account,
        {
            str(entry.get("ContextKeyName")): _context_value(entry)
            for entry in params.get("ContextEntries") or ()
        },
        tuple(identity),
        resource,
        boundary,
        tuple(
            _given(level, "ServiceControlPolicyInputList", "scp")
            for level in params.get("OrderedOrganizationPolicyInputList") or ()
        ),
    )


def _context_value(entry: Mapping[str, Any]) -> Any:
    values = [str(value) for value in entry.get("ContextKeyValues") or ()]
    several = str(entry.get("ContextKeyType", "")).endswith("List") or len(values) != 1
    return values if several else values[0]


def _given(params: Params, name: str, kind: PolicyKind) -> tuple[Policy, ...]:
    some = params.get(name) or ()
    return tuple(_parsed(text, kind, f"{name}.{place}") for place, text in enumerate(some, start=1))


def _boundary(params: Params) -> Policy | None:
    given = _given(params, "PermissionsBoundaryPolicyInputList", "boundary")
    if len(given) > 1:
        raise SimulationRefused("InvalidInput", "PermissionsBoundaryPolicyInputList takes one policy only.")
    return given[0] if given else None


def _parsed(text: str, kind: PolicyKind, name: str) -> Policy:
    try:
        return Policy.parse(text, kind, name)
    except InvalidPolicy as error:
        raise SimulationRefused("InvalidInput", f"{name}: {error}") from None


def _renamed(one: account.Attached) -> Policy:
    inline = f"{one.holder}_{one.holder_name}_{one.policy_name}"
    return replace(one.policy, name=inline if one.source == "inline" else one.policy_name)


# -- the answer -----------------------------------------------------------------------------------------


def _answer(params: Params, question: _Question) -> dict[str, Any]:
    results = []
    for action in params.get("ActionNames") or ():
        vendor, _, name = str(action).partition(":")
        if not vendor or not name:
            raise SimulationRefused(
                "InvalidInput", f"{action} is no action: name the service too, as in iam:CreateUser."
            )
        results.append(_result(question, str(action), list(params.get("ResourceArns") or ["*"])))
    return _page(params, results)


def _page(params: Params, results: list[dict[str, Any]]) -> dict[str, Any]:
    marker = str(params.get("Marker") or "0")
    if not marker.isdecimal():
        raise SimulationRefused("InvalidInput", f"Invalid Marker: {marker}")
    start, most = int(marker), int(params.get("MaxItems") or _MOST)
    more = start + most < len(results)
    page: dict[str, Any] = {"EvaluationResults": results[start : start + most], "IsTruncated": more}
    return {**page, "Marker": str(start + most)} if more else page


def _result(question: _Question, action: str, resources: list[str]) -> dict[str, Any]:
    decisions = [question.decide(action, resource) for resource in resources]
    words = [_DECISIONS[decision.reason] for decision in decisions]
    word = min(words, key=_STRICTEST.index)
    missing = _missing(question, action, decisions[0].request)
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": _TEMPLATES.get(action.partition(":")[0].lower(), "*"),
        "EvalDecision": word,
        "MatchedStatements": _matched(
            [decision for decision, one in zip(decisions, words, strict=True) if one == word],
            supporting=False,
        ),
        "MissingContextValues": missing,
        **_limits(question, decisions, word),
    }
    if resources == ["*"]:
        return result
    if not any(decision.layer == "scp" for decision in decisions):
        result["EvalDecisionDetails"] = _strictest_details(decisions)
    result["ResourceSpecificResults"] = [
        {
            "EvalResourceName": resource,
            "EvalResourceDecision": one,
            "MatchedStatements": _matched([decision], supporting=True),
            "MissingContextValues": missing,
            **_boundary_detail(question, [decision]),
            **({"EvalDecisionDetails": _details(decision)} if decision.request.cross_account else {}),
        }
        for resource, decision, one in zip(resources, decisions, words, strict=True)
    ]
    return result


def _limits(question: _Question, decisions: list[Decision], word: str) -> dict[str, Any]:
    limits: dict[str, Any] = _boundary_detail(question, decisions)
    if question.scp:
        stopped = word != "allowed" and any(decision.layer == "scp" for decision in decisions)
        limits["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": not stopped}
    return limits


def _boundary_detail(question: _Question, decisions: list[Decision]) -> dict[str, Any]:
    if question.boundary is None:
        return {}
    allowed = all(decision.layers.get("boundary") == "allowed" for decision in decisions)
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": allowed}}


def _details(decision: Decision) -> dict[str, str]:
    """What each type of policy says in a request across accounts. Empty within one account."""
    if not decision.request.cross_account:
        return {}
    details = {
        "IAM Policy": decision.layers.get("identity", "implicitDeny"),
        "Resource Policy": decision.layers.get("resource", "implicitDeny"),
    }
    if "boundary" in decision.layers:
        details["Permissions Boundary Policy"] = decision.layers["boundary"]
    return details


def _strictest_details(decisions: list[Decision]) -> dict[str, str]:
    strictest: dict[str, str] = {}
    for decision in decisions:
        for name, word in _details(decision).items():
            strictest[name] = min(word, strictest.get(name, "allowed"), key=_STRICTEST.index)
    return strictest


def _matched(decisions: list[Decision], *, supporting: bool) -> list[dict[str, Any]]:
    """The statements that led to a decision; with `supporting` also Allows that were not enough."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for decision in decisions:
        shown = decision.matched if decision.reason == "explicit deny" else decision.allows
        if decision.reason == "implicit deny" and not supporting:
            shown = ()
        for match in shown:
            if match.policy.kind in _SOURCES:
                found.setdefault((match.policy.name, match.statement.number), _reference(match))
    return list(found.values())


def _reference(match: Match) -> dict[str, Any]:
    text, number = match.policy.text, match.statement.number
    reference: dict[str, Any] = {
        "SourcePolicyId": match.policy.name,
        "SourcePolicyType": _SOURCES[match.policy.kind],
    }
    spans = statement_spans(text)
    if number <= len(spans):
        start, end = spans[number - 1]
        reference |= {"StartPosition": position(text, start), "EndPosition": position(text, end)}
    return reference


def _missing(question: _Question, action: str, request: Request) -> list[str]:
    """The keys that statements about this action need and nobody gave."""
    needed = (
        key
        for policy in (*question.identity, *question.resource)
        for statement in policy.statements
        if statement.names_action(action)
        for key in statement.needed_keys()
    )
    return [key for key in _once(needed) if key not in request.context]


def _once(names: Iterator[str]) -> list[str]:
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault(name.casefold(), name)
    return list(seen.values())
