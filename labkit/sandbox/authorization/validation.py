"""Whether a policy is well formed, with AWS's own words for what is wrong.

The words of IAM are those that moto's validator holds, which were taken from AWS answer by answer
(`moto/iam/policy_validation.py`), and, for trust policies, those of reported answers of CreateRole ("Has prohibited
field Resource"). What the grammar allows: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NoReturn

from labkit.errors import LabkitError, nearest
from labkit.sandbox.authorization.conditions import Condition
from labkit.sandbox.authorization.context import text_of
from labkit.sandbox.authorization.operators import moment
from labkit.sandbox.authorization.principals import TYPES, valid_entry

PolicyKind = Literal["identity", "resource", "boundary", "session", "key", "trust", "scp"]
KINDS: Final = ("identity", "resource", "boundary", "session", "key", "trust", "scp")
_OF_A_RESOURCE: Final = ("resource", "key", "trust")
_TOP: Final = ("Version", "Id", "Statement")
_ELEMENTS: Final = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
_VERSIONS: Final = ("2008-10-17", "2012-10-17")
_PARTITIONS: Final = (
    "aws",
    "aws-cn",
    "aws-us-gov",
    "aws-iso",
    "aws-iso-b",
    "aws-iso-e",
    "aws-iso-f",
    "aws-eusc",
)
_PLAIN_SID = re.compile(r"[0-9A-Za-z]*")
_VENDOR = re.compile(r"[a-zA-Z0-9\-.]+")
_SYNTAX: Final = "Syntax errors in policy."


class InvalidPolicy(LabkitError):
    """A policy that is not well formed. `reason` is what AWS says; `detail` is where it is and what to change."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason} {detail}")


def decoded(text: str) -> Any:
    """The JSON value in a text. Raises `InvalidPolicy`, also when one object names an element twice."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        detail = f"The text is not JSON: {error.msg} ({where})."
    except RecursionError:
        detail = "The text is nested far too deeply for a policy."
    except ValueError as error:
        detail = f"The text is not JSON: {error}."
    raise InvalidPolicy(_SYNTAX, detail)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise InvalidPolicy(_SYNTAX, f'The element "{name}" stands twice in one place. Join the two.')
        made[name] = value
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value of JSON")


def checked(document: Any, kind: PolicyKind) -> Mapping[str, Any]:
    """The document itself, when it is a well-formed policy of this kind. Raises `InvalidPolicy` otherwise."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of policy; take one of {', '.join(KINDS)}")
    if not isinstance(document, Mapping):
        raise InvalidPolicy(_SYNTAX, 'A policy is a JSON object: {"Version": ..., "Statement": [...]}.')
    _check_names(document, _TOP, "A policy")
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise InvalidPolicy(_SYNTAX, 'Version is a fixed date, not today\'s: write "2012-10-17".')
    if not isinstance(document.get("Id", ""), str):
        raise InvalidPolicy(_SYNTAX, "Id is a text.")
    statements = document.get("Statement")
    several = [statements] if isinstance(statements, Mapping) else statements
    if not isinstance(several, (list, tuple)) or not several:
        raise InvalidPolicy(_SYNTAX, "A policy needs a Statement: one object, or a list with at least one.")
    for number, statement in enumerate(several, start=1):
        _check_statement(f"Statement {number}", statement, kind)
    _check_sids(several, kind)
    return document


def _check_names(block: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in block:
        if name not in known:
            near = nearest(name, known, most=1) if isinstance(name, str) else []
            hint = f" Did you mean {near[0]}?" if near else f" It has {', '.join(known)}."
            raise InvalidPolicy(_SYNTAX, f"{what} has no element {name!r}.{hint}")


def _check_statement(where: str, statement: Any, kind: PolicyKind) -> None:
    if not isinstance(statement, Mapping):
        raise InvalidPolicy(_SYNTAX, f"{where} must be an object with Effect, Action and so on.")
    _check_names(statement, _ELEMENTS, where)
    for element in ("Action", "Resource", "Principal"):
        if element in statement and f"Not{element}" in statement:
            raise InvalidPolicy(_SYNTAX, f"{where} has both {element} and Not{element}. Keep one.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise InvalidPolicy(_SYNTAX, f'{where} needs "Effect": "Allow" or "Deny", written exactly so.')
    if not isinstance(statement.get("Sid", ""), str):
        raise InvalidPolicy(_SYNTAX, f"The Sid of {where.lower()} must be a text.")
    _check_actions(where, statement, kind)
    _check_principals(where, statement, kind)
    _check_resources(where, statement, kind)
    _check_conditions(where, statement, kind)


def _check_actions(where: str, statement: Mapping[str, Any], kind: PolicyKind) -> None:
    element = "NotAction" if "NotAction" in statement else "Action"
    if element not in statement or statement[element] == []:
        reason = (
            "Missing required field Action" if kind == "trust" else "Policy statement must contain actions."
        )
        raise InvalidPolicy(reason, f"{where} names no action.")
    for action in _strings(where, element, statement[element]):
        if action == "*" and kind != "trust":
            continue
        vendor, colon, name = action.partition(":")
        if not colon or not name:
            raise InvalidPolicy(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                f'{where} names the action "{action}"; write it like "sqs:SendMessage".',
            )
        if ":" in name:
            raise InvalidPolicy("Actions/Condition can contain only one colon.", f'{where} names "{action}".')
        if not _VENDOR.fullmatch(vendor):
            raise InvalidPolicy(f"Vendor {vendor} is not valid", f'{where} names the action "{action}".')
        if kind == "trust" and (vendor.lower() != "sts" or "*" in name):
            raise InvalidPolicy(
                "AssumeRole policy may only specify STS AssumeRole actions.",
                f"{where} names {action}. What the role may do belongs in a policy of the role.",
            )


def _check_principals(where: str, statement: Mapping[str, Any], kind: PolicyKind) -> None:
    element = next((name for name in ("Principal", "NotPrincipal") if name in statement), None)
    if kind not in _OF_A_RESOURCE:
        if element is not None:
            raise InvalidPolicy(
                "Policy document should not specify a principal.",
                f"{where} has {element}, but the policy belongs to whoever it is attached to. Take it out.",
            )
        return
    if element is None:
        raise InvalidPolicy("Missing required field Principal", f"{where} does not say for whom it is.")
    if element == "NotPrincipal" and statement["Effect"] == "Allow":
        raise InvalidPolicy(
            "Allow with NotPrincipal is not allowed.",
            f"{where} would allow nearly everybody. Name Principal.",
        )
    if element == "NotPrincipal" and kind == "trust":
        raise InvalidPolicy(
            "AssumeRole policy must not contain NotPrincipal field.", f"Name Principal in {where.lower()}."
        )
    named = list(entries(statement[element]))
    if not named:
        raise InvalidPolicy(_invalid_principal(kind, "", ""), f"{where} names nobody in {element}.")
    for sort, value in named:
        if sort not in TYPES or not valid_entry(sort, value):
            raise InvalidPolicy(
                _invalid_principal(kind, sort, value),
                f"{where}: write the whole ARN of a user, role or session, an account number, "
                '{"Service": "sns.amazonaws.com"}, or "*"; a part of a name cannot be a star.',
            )


def _invalid_principal(kind: PolicyKind, sort: str, value: str) -> str:
    if kind == "key":
        return "Policy contains a statement with one or more invalid principals."
    return (
        f'Invalid principal in policy: "{sort.upper()}":"{value}"' if sort else "Invalid principal in policy"
    )


def _check_resources(where: str, statement: Mapping[str, Any], kind: PolicyKind) -> None:
    element = next((name for name in ("Resource", "NotResource") if name in statement), None)
    if kind == "trust":
        if element is not None:
            raise InvalidPolicy(
                f"Has prohibited field {element}", f"{where} is about the role itself. Take it out."
            )
        return
    if element is None or statement[element] == []:
        if kind == "resource" and element is None:
            return  # such a statement is about the resource that carries the policy
        raise InvalidPolicy("Policy statement must contain resources.", f"{where} names no Resource.")
    for resource in _strings(where, element, statement[element]):
        if kind not in _OF_A_RESOURCE:
            _check_arn(where, resource)


def _check_arn(where: str, resource: str) -> None:
    if resource == "*":
        return
    first, _, rest = resource.partition(":")
    if first != "arn" or not rest:
        raise InvalidPolicy(
            f'Resource {resource} must be in ARN format or "*".',
            f"{where}: write the whole ARN, as in arn:aws:sqs:eu-west-1:123456789012:orders.",
        )
    partition, _, rest = rest.partition(":")
    if partition != "*" and partition not in _PARTITIONS:
        four = (rest.split(":", 3) + ["*"] * 4)[:4] if rest else ["*"] * 4
        whole = ":".join(["arn", partition, *four])
        raise InvalidPolicy(
            f'Partition "{partition}" is not valid for resource "{whole}".', f"{where}: write arn:aws:..."
        )
    vendor = rest.partition(":")[0]
    if not vendor or "*" in vendor or "?" in vendor:
        raise InvalidPolicy(
            "Resource vendor must be fully qualified and cannot contain regexes.",
            f"{where} names {resource}; write the service, as in arn:aws:sqs:*:*:orders.",
        )


def _check_conditions(where: str, statement: Mapping[str, Any], kind: PolicyKind) -> None:
    blocks = statement.get("Condition", {})
    if not isinstance(blocks, Mapping):
        raise InvalidPolicy(
            _SYNTAX, f'The Condition of {where.lower()} is an object: {{"StringEquals": ...}}.'
        )
    for operator, block in blocks.items():
        if not isinstance(block, Mapping):
            raise InvalidPolicy(
                _SYNTAX, f"{where}: {operator} needs an object with condition keys and values."
            )
        for key, values in block.items():
            _check_condition(where, str(operator), str(key), values, kind)


def _check_condition(where: str, operator: str, key: str, values: Any, kind: PolicyKind) -> None:
    if not all(isinstance(value, (str, int, float)) for value in _several(values)):
        raise InvalidPolicy(_SYNTAX, f"{where}: the values of {key} are texts, numbers or booleans.")
    try:
        condition = Condition.of(operator, key, texts(values))
    except ValueError as error:
        raise InvalidPolicy(_SYNTAX, f"{where}: {error}") from None
    if ":" not in key and kind not in ("resource", "key"):
        raise InvalidPolicy(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            f'{where} names the condition key "{key}"; write it like "aws:SourceArn".',
        )
    if condition.operator.name.startswith("Date") and any(
        moment(value) is None for value in condition.values
    ):
        raise InvalidPolicy(
            "The policy failed legacy parsing", f"{where}: {key} needs times like 2026-11-23T08:00:00Z."
        )


def _check_sids(statements: Any, kind: PolicyKind) -> None:
    seen: set[str] = set()
    for statement in statements:
        sid = statement.get("Sid", "")
        if kind not in ("resource", "key") and not _PLAIN_SID.fullmatch(sid):
            raise InvalidPolicy(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
                "[0-9A-Za-z]*",
                f'The Sid "{sid}" has other characters. Leave them out.',
            )
        if sid and sid in seen:
            raise InvalidPolicy(
                "Statement IDs (SID) in a single policy must be unique.", f'Two statements are named "{sid}".'
            )
        seen.add(sid)


def _strings(where: str, element: str, value: Any) -> list[str]:
    some = _several(value)
    if not all(isinstance(one, str) for one in some):
        raise InvalidPolicy(_SYNTAX, f"{element} of {where.lower()} is a text or a list of texts.")
    return some


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def texts(value: Any) -> tuple[str, ...]:
    """One value or a list of them, as texts."""
    return tuple(text_of(one) for one in _several(value))


def entries(principal: Any) -> Iterator[tuple[str, str]]:
    """A Principal element as pairs of type and value. What cannot be one comes as a pair no policy may have."""
    if isinstance(principal, str):
        yield ("AWS" if principal == "*" else "", principal)
    elif isinstance(principal, Mapping):
        for sort, values in principal.items():
            for value in _several(values):
                yield (str(sort), value) if isinstance(value, str) else (str(sort), "")
    else:
        yield ("", str(principal))
