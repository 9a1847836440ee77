"""Versions and aliases: published once and never changed, pointed at, split by weight, protected from deletion.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html,
https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html, API reference: PublishVersion, CreateAlias,
UpdateAlias, DeleteFunction. Words of errors as in `_lambda_settings`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from moto.moto_api._internal import mock_random

from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_fleet as fleets
from labkit.sandbox.services import _lambda_requests as requests
from labkit.sandbox.services import _lambda_settings as settings
from labkit.sandbox.services._lambda_requests import conflict, invalid, not_found, refuse

Answer = tuple[int, dict[str, Any], str]


# -- versions ----------------------------------------------------------------------------------------


@hook("moto.awslambda.models:LambdaBackend.publish_version")
def publish_version(original: Any, self: Any, function_name: str, description: str = "") -> Any:
    """A new version, unless code and settings are those of the newest one. Numbers are never used again."""
    storage = self._lambdas
    latest = storage.get_function_by_name_or_arn_forbid_qualifier(function_name)
    group = storage._functions[latest.function_name]
    before = group["versions"][-1] if group["versions"] else None
    if before is not None and _looks(latest) == vars(before).get("labkit_looks"):
        return before
    number = int(vars(latest).get("labkit_versions", 0)) + 1
    latest.labkit_versions = number
    version = copy.copy(latest)
    version.labkit_settings = copy.deepcopy(settings.settings_of(latest))
    version.environment_vars = dict(latest.environment_vars)
    version.code = dict(latest.code)
    version.labkit_looks = _looks(latest)
    for name in ("labkit_invoke_configs", "labkit_urls", "labkit_recursion", "labkit_versions"):
        vars(version).pop(name, None)
    version.url_config, version.reserved_concurrency = None, None
    version.set_version(number)
    settings.touch(version)
    if description:
        version.description = description
    group["versions"].append(version)
    storage._arns[version.function_arn] = version
    latest.code_or_config_updated = False
    return version


def _looks(function: Any) -> str:
    """All that makes two versions of a function different."""
    shown = function.get_configuration()
    for name in ("FunctionArn", "Version", "LastModified", "RevisionId", "State", "LastUpdateStatus"):
        shown.pop(name, None)
    shown["SnapStart"] = (shown.get("SnapStart") or {}).get("ApplyOn")
    return repr(sorted(shown.items()))


@hook("moto.awslambda.responses:LambdaResponse.publish_version")
def publish_version_request(original: Any, self: Any) -> Answer:
    """PublishVersion, if the code and the revision are those the caller thinks of."""
    function, _ = requests.function_in(self)
    given = requests.body_of(self)
    requests.check("PublishVersion", given)
    requests.check_revision(given.get("RevisionId"), settings.revision_of(function))
    wanted = given.get("CodeSha256")
    if wanted and wanted != function.code_sha_256:
        invalid(
            f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({function.code_sha_256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    published = self.backend.publish_version(function.function_name, given.get("Description") or "")
    return requests.answer(201, published.get_configuration())


@hook("moto.awslambda.responses:LambdaResponse.delete_function")
def delete_function(original: Any, self: Any) -> Answer:
    """DeleteFunction: the function with all that belongs to it, or one version nobody points at."""
    function, qualifier = requests.function_in(self)
    storage, name = self.backend._lambdas, function.function_name
    if not qualifier:
        storage.del_function(name)
        storage._aliases.pop(fleets.bare_arn(function), None)
        return requests.answer(204)
    if qualifier == "$LATEST":
        invalid("$LATEST version cannot be deleted without deleting the function.")
    version = self.backend.get_function(name, qualifier)
    if str(version.version) != qualifier:
        invalid("Deletion of aliases is not currently supported.")
    users = [alias.arn for alias in _aliases(storage, function).values() if qualifier in _targets(alias)]
    if users:
        conflict(
            f"Function {version.function_arn} cannot be deleted: it is used by alias {', '.join(sorted(users))}"
        )
    storage._functions[name]["versions"].remove(version)
    return requests.answer(204)


# -- aliases -----------------------------------------------------------------------------------------


@hook("moto.awslambda.responses:LambdaResponse.create_alias")
def create_alias(original: Any, self: Any) -> Answer:
    """CreateAlias, checked."""
    from moto.awslambda.models import LambdaAlias

    function, _ = requests.function_in(self)
    given = requests.body_of(self)
    requests.check("CreateAlias", given)
    name, version, weights = given["Name"], given["FunctionVersion"], _weights(given)
    _check_target(self.backend, function, version, weights)
    aliases = _aliases(self.backend._lambdas, function)
    if name in aliases:
        conflict(f"Alias already exists: {fleets.bare_arn(function)}:{name}")
    alias = LambdaAlias(
        account_id=function.account_id, region=function.region, name=name, function_name=function.function_name,
        function_version=version, description=given.get("Description") or "", routing_config=_routing(weights),
    )  # fmt: skip
    aliases[name] = alias
    return requests.answer(201, _shown(alias))


@hook("moto.awslambda.responses:LambdaResponse.update_alias")
def update_alias(original: Any, self: Any) -> Answer:
    """UpdateAlias: what is given changes, everything else stays."""
    alias, function = _alias_in(self)
    given = requests.body_of(self)
    requests.check("UpdateAlias", given)
    requests.check_revision(given.get("RevisionId"), alias.revision_id)
    version = given.get("FunctionVersion") or alias.function_version
    weights = _weights(given) if given.get("RoutingConfig") is not None else _weights_of(alias)
    _check_target(self.backend, function, version, weights)
    alias.update(given.get("Description"), version, _routing(weights))
    alias.revision_id = str(mock_random.uuid4())
    return requests.answer(200, _shown(alias))


@hook("moto.awslambda.responses:LambdaResponse.get_alias")
def get_alias(original: Any, self: Any) -> Answer:
    """GetAlias."""
    return requests.answer(200, _shown(_alias_in(self)[0]))


@hook("moto.awslambda.responses:LambdaResponse.list_aliases")
def list_aliases(original: Any, self: Any) -> Answer:
    """ListAliases, all or those that point at one version."""
    function, _ = requests.function_in(self)
    version = requests.query_of(self, "FunctionVersion")
    kept = sorted(_aliases(self.backend._lambdas, function).items())
    shown = [_shown(alias) for _, alias in kept if version is None or version in _targets(alias)]
    return requests.answer(200, {"Aliases": shown})


@hook("moto.awslambda.responses:LambdaResponse.delete_alias")
def delete_alias(original: Any, self: Any) -> Answer:
    """DeleteAlias. An alias that is not there is no error."""
    function, _ = requests.function_in(self)
    name = unquote(self.path.rstrip("/").rpartition("/")[2])
    _aliases(self.backend._lambdas, function).pop(name, None)
    return requests.answer(204)


def _aliases(storage: Any, function: Any) -> dict[str, Any]:
    kept: dict[str, Any] = storage._aliases[fleets.bare_arn(function)]
    return kept


def _alias_in(response: Any) -> tuple[Any, Any]:
    function, _ = requests.function_in(response)
    name = unquote(response.path.rstrip("/").rpartition("/")[2])
    alias = _aliases(response.backend._lambdas, function).get(name)
    if alias is None:
        not_found(f"Cannot find alias arn: {fleets.bare_arn(function)}:{name}")
    return alias, function


def _shown(alias: Any) -> dict[str, Any]:
    return {name: value for name, value in alias.to_json().items() if value is not None}


def _weights(given: Mapping[str, Any]) -> dict[str, float]:
    return dict((given.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})


def _weights_of(alias: Any) -> dict[str, float]:
    return dict((alias.routing_config or {}).get("AdditionalVersionWeights") or {})


def _routing(weights: Mapping[str, float]) -> dict[str, Any]:
    return {"AdditionalVersionWeights": dict(weights)} if weights else {}


def _targets(alias: Any) -> set[str]:
    return {str(alias.function_version), *_weights_of(alias)}


def _check_target(backend: Any, function: Any, version: str, weights: Mapping[str, float]) -> None:
    """Refuse versions that do not exist and weights that make no sense."""
    name = function.function_name
    if version != "$LATEST" and backend._lambdas._get_version(name, version) is None:
        not_found(f"Function not found: {fleets.bare_arn(function)}:{version}")
    if not weights:
        return
    if len(weights) > 1:
        invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for other, weight in weights.items():
        if not 0 <= weight <= 1:
            bounds = (
                "Member must have value less than or equal to 1.0, "
                "Member must have value greater than or equal to 0.0"
            )
            where = f"Value '{{{other}={weight}}}' at 'routingConfig.additionalVersionWeights'"
            text = f"{where} failed to satisfy constraint: Map value must satisfy constraint: [{bounds}]"
            refuse(400, "ValidationException", f"1 validation error detected: {text}")
        if version == "$LATEST":
            invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if other == version:
            invalid(
                f"Invalid function version {other}. Function version {other} is already included in routing "
                "configuration."
            )
        if backend._lambdas._get_version(name, other) is None:
            not_found(f"Function not found: {fleets.bare_arn(function)}:{other}")
