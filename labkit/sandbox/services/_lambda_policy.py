"""A function's resource policy: who may call it, for each version and alias by itself.

moto stores the statements with the function's newest code; `labkit.sandbox.authorization.resources` reads them there.
Sources: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html, API reference: AddPermission,
GetPolicy, RemovePermission. Words of errors as in `_lambda_settings`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from moto.moto_api._internal import mock_random

from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_fleet as fleets
from labkit.sandbox.services import _lambda_requests as requests
from labkit.sandbox.services._lambda_requests import conflict, invalid, not_found, refuse

_MOST: Final = 20_480
"""Bytes of a function's policy. Source: Lambda quotas."""
_REVISION: Final = (
    "The RevisionId provided does not match the latest RevisionId. Call the GetPolicy API to retrieve the "
    "latest RevisionId for your resource."
)

Answer = tuple[int, dict[str, Any], str]


@hook("moto.awslambda.responses:LambdaResponse.add_permission")
def add_permission(original: Any, self: Any) -> Answer:
    """AddPermission: one statement more for the function, the version or the alias."""
    function, qualifier = requests.function_in(self, qualified=True)
    given = requests.body_of(self)
    requests.check("AddPermission", given)
    if qualifier == "$LATEST":
        invalid("We currently do not support adding policies for $LATEST.")
    resource = _resource(function, qualifier)
    requests.check_revision(given.get("RevisionId"), _revision(function, resource), _REVISION)
    statements = _statements(function, resource)
    if any(one.get("Sid") == given["StatementId"] for one in statements):
        conflict(
            f"The statement id ({given['StatementId']}) provided already exists. Please provide a new statement id, "
            "or remove the existing statement."
        )
    statement = _statement(given, resource)
    size = len(json.dumps([*statements, statement], separators=(",", ":")))
    if size > _MOST:
        text = f"The final policy size ({size}) is bigger than the limit ({_MOST})."
        refuse(400, "PolicyLengthExceededException", text)
    function.policy.statements.append(statement)
    _changed(function, resource)
    return requests.answer(201, {"Statement": json.dumps(statement, separators=(",", ":"))})


@hook("moto.awslambda.responses:LambdaResponse.get_policy")
def get_policy(original: Any, self: Any) -> Answer:
    """GetPolicy: the statements of this very version, alias or unqualified function."""
    function, qualifier = requests.function_in(self, qualified=True)
    resource = _resource(function, qualifier)
    statements = _statements(function, resource)
    if not statements:
        not_found()
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    text = json.dumps(policy, separators=(",", ":"))
    return requests.answer(200, {"Policy": text, "RevisionId": _revision(function, resource)})


@hook("moto.awslambda.responses:LambdaResponse.remove_permission")
def remove_permission(original: Any, self: Any) -> Answer:
    """RemovePermission."""
    function, qualifier = requests.function_in(self, qualified=True)
    resource = _resource(function, qualifier)
    sid = unquote(self.path.rpartition("/policy/")[2])
    statements = _statements(function, resource)
    found = next((one for one in statements if one.get("Sid") == sid), None)
    if found is None:
        not_found(f"Statement {sid} is not found in resource policy." if statements else "No policy is associated with the given resource.")  # fmt: skip  # noqa: E501
    given = requests.query_of(self, "RevisionId")
    requests.check_revision(given, _revision(function, resource), _REVISION)
    function.policy.statements[:] = [one for one in function.policy.statements if one is not found]
    _changed(function, resource)
    return requests.answer(204)


def _resource(function: Any, qualifier: str) -> str:
    bare = fleets.bare_arn(function)
    return f"{bare}:{qualifier}" if qualifier and qualifier != "$LATEST" else bare


def _statements(function: Any, resource: str) -> list[dict[str, Any]]:
    bare = fleets.bare_arn(function)
    return [
        one
        for one in function.policy.statements
        if str(one.get("Resource", bare)).removesuffix(":$LATEST") == resource
    ]


def _revision(function: Any, resource: str) -> str:
    kept: dict[str, str] = vars(function.policy).setdefault("labkit_revisions", {})
    return kept.setdefault(resource, str(mock_random.uuid4()))


def _changed(function: Any, resource: str) -> None:
    vars(function.policy).setdefault("labkit_revisions", {})[resource] = str(mock_random.uuid4())


def _statement(given: Mapping[str, Any], resource: str) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": given["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(str(given["Principal"])),
        "Action": given["Action"],
        "Resource": resource,
    }
    conditions: dict[str, dict[str, Any]] = {}
    for name, operator, key in (
        ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
        ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
        ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
        ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
        ("SourceArn", "ArnLike", "AWS:SourceArn"),
    ):
        if given.get(name):
            conditions.setdefault(operator, {})[key] = given[name]
    if given.get("InvokedViaFunctionUrl") is not None:
        value = "true" if given["InvokedViaFunctionUrl"] else "false"
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": value}
    if given.get("FunctionUrlAuthType") and given["Action"] not in (
        "lambda:InvokeFunctionUrl",
        "lambda:*",
        "*",
    ):
        invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
    if conditions:
        statement["Condition"] = conditions
    return statement


def _principal(given: str) -> Any:
    if given == "*":
        return "*"
    if re.fullmatch(r"\d{12}", given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if given.startswith("arn:"):
        return {"AWS": given}
    if "." not in given:
        invalid("The provided principal was invalid. Please check the principal and try again.")
    return {"Service": given}
