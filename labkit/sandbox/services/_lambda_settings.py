"""Creating and changing functions: what AWS checks, what it keeps, and the states it shows.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (4 KB, reserved names),
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (code sizes, layers),
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html (State and LastUpdateStatus),
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html (deprecated runtimes),
https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html. The words of errors are those AWS answered to the
validated tests of LocalStack (tests/aws/services/lambda_) where these have them.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from moto.awslambda.models import _zipfile_content
from moto.moto_api._internal import mock_random

from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_fleet as fleets
from labkit.sandbox.services import _lambda_requests as requests
from labkit.sandbox.services import _lambda_roles as roles
from labkit.sandbox.services import _lambda_runtimes as runtimes
from labkit.sandbox.services._lambda_requests import invalid, refuse

KEPT: Final = ("DeadLetterConfig", "LoggingConfig", "FileSystemConfigs", "SnapStart")
"""Settings moto drops. They stand in a function's `labkit_settings`, with its RevisionId."""
_MOST_REQUEST: Final = 70_167_211
"""Bytes of a request that carries code: 50 MB of zip file in base64, with some room. From AWS's own error."""
_MOST_UNZIPPED: Final = 262_144_000
_MOST_LAYERS: Final = 5

# -- checks ------------------------------------------------------------------------------------------


def check_settings(backend: Any, operation: str, spec: Mapping[str, Any], runtime: str, role: str) -> None:
    """Refuse settings that AWS refuses. `runtime` and `role` are those the function will have."""
    requests.check(operation, spec, but=frozenset({"Runtime", "Code"}))
    if "Runtime" in spec:
        runtimes.check_runtime(str(spec["Runtime"]))
    runtimes.check_environment((spec.get("Environment") or {}).get("Variables") or {})
    _check_layers(backend, spec.get("Layers") or [])
    if (spec.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions":
        runtimes.check_snapstart(runtime)
    _check_dead_letters((spec.get("DeadLetterConfig") or {}).get("TargetArn") or "", role)


def _check_layers(backend: Any, arns: list[str]) -> None:
    if len(arns) > _MOST_LAYERS:
        invalid("Cannot reference more than 5 layers.")
    seen: dict[str, str] = {}
    for arn in arns:
        layer, _, number = arn.rpartition(":")
        if not number.isdigit() or backend._layers.get_layer_version_by_arn(arn) is None:
            invalid(f"Layer version {arn} does not exist.")
        if layer in seen:
            invalid(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{seen[layer]} and {arn} are versions of the same layer."
            )
        seen[layer] = arn


def _check_dead_letters(target: str, role: str) -> None:
    if not target:
        return
    service = target.split(":")[2] if target.count(":") >= 5 else ""
    if service not in ("sqs", "sns"):
        invalid(
            f"Value {target} at 'deadLetterConfig.targetArn' must be the ARN of an SQS queue or SNS topic."
        )
    action = "SendMessage" if service == "sqs" else "Publish"
    from labkit.sandbox.authorization.account import session_of
    from labkit.sandbox.authorization.resources import policy_of

    caller, policy = session_of(role, "lambda"), policy_of(target)
    owner = target.split(":")[4]
    policies = [policy] if policy else []
    if caller and not caller.may(f"{service}:{action}", target, account=owner, policies=policies).allowed:
        name = service.upper()
        invalid(f"The provided execution role does not have permissions to call {action} on {name}")


def check_code(function: Any) -> None:
    """Refuse a zip file that cannot be unpacked, or gets too large. Layers count."""
    if function.package_type != "Zip":
        return
    size = _unzipped(function.code_bytes)
    if size > _MOST_UNZIPPED:
        invalid(f"Unzipped size must be smaller than {_MOST_UNZIPPED} bytes")
    backend = fleets.backend_of(function)
    layers = [backend._layers.get_layer_version_by_arn(one["Arn"]) for one in function.layers]
    whole = size + sum(_unzipped(layer.code_bytes) for layer in layers if layer is not None)
    if whole > _MOST_UNZIPPED:
        invalid(
            f"Function code combined with layers exceeds the maximum allowed size of {_MOST_UNZIPPED} bytes. "
            f"The actual size is {whole} bytes."
        )


def _unzipped(data: bytes) -> int:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")


# -- what is kept ------------------------------------------------------------------------------------


def touch(function: Any) -> None:
    """The function was changed: it has a new revision."""
    settings_of(function)["RevisionId"] = str(mock_random.uuid4())


def settings_of(function: Any) -> dict[str, Any]:
    """Settings of a function beside moto's."""
    kept: dict[str, Any] = vars(function).setdefault("labkit_settings", {})
    return kept


def revision_of(function: Any) -> str:
    """The function's RevisionId."""
    kept = settings_of(function)
    if "RevisionId" not in kept:
        touch(function)
    return str(kept["RevisionId"])


def _keep(function: Any, spec: Mapping[str, Any]) -> None:
    kept = settings_of(function)
    for name in KEPT:
        if spec.get(name) is not None:
            kept[name] = spec[name]
    touch(function)


# -- hooks -------------------------------------------------------------------------------------------


@hook("moto.awslambda.models:LambdaBackend.create_function")
def create_function(original: Any, self: Any, spec: dict[str, Any]) -> Any:
    """CreateFunction, checked. Also the way of CloudFormation."""
    name = str(spec.get("FunctionName") or "")
    requests.check("CreateFunction", {"FunctionName": name})
    short, qualifier = requests.split(name)
    if qualifier or len(short) > 64:
        what = "Member must have length less than or equal to 64" if not qualifier else "it names no version"
        refuse(400, "ValidationException", f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: {what}")  # fmt: skip  # noqa: E501
    spec["FunctionName"] = short
    zipped = spec.get("PackageType", "Zip") == "Zip" and "ImageUri" not in (spec.get("Code") or {})
    if zipped and not (spec.get("Runtime") and spec.get("Handler")):
        invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    check_settings(self, "CreateFunction", spec, str(spec.get("Runtime")), str(spec.get("Role")))
    publish = spec.pop("Publish", False)
    # moto's own check of the role comes with `original`; that Lambda may assume it, is asked here.
    if not roles.assumable(str(spec["Role"])) and str(spec["Role"]).split(":")[4] == self.account_id:
        invalid(roles.NOT_ASSUMABLE)
    function = original(self, spec)
    try:
        check_code(function)
    except Exception:
        self._lambdas.del_function(short)
        raise
    _keep(function, spec)
    if publish:
        return self.publish_version(short)
    return function


@hook("moto.awslambda.responses:LambdaResponse.create_function")
def create_function_request(original: Any, self: Any) -> Any:
    """A request with more than 50 MB of code does not get in."""
    _check_request_size(self, "CreateFunction")
    status, headers, text = original(self)
    created = json.loads(text)
    if created.get("Version") == "$LATEST":
        created |= {
            "State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating",
        }  # fmt: skip
    return status, headers, json.dumps(created)


def _check_request_size(response: Any, operation: str) -> None:
    if len(response.body or "") >= _MOST_REQUEST:
        text = f"Request must be smaller than {_MOST_REQUEST} bytes for the {operation} operation"
        refuse(413, "RequestEntityTooLargeException", text)


@hook("moto.awslambda.responses:LambdaResponse.update_function_configuration")
def update_function_configuration(original: Any, self: Any) -> Any:
    """UpdateFunctionConfiguration, checked as CreateFunction is."""
    function, _ = requests.function_in(self)
    spec = requests.body_of(self)
    requests.check_revision(spec.get("RevisionId"), revision_of(function))
    role, runtime = str(spec.get("Role") or function.role), str(spec.get("Runtime") or function.run_time)
    check_settings(self.backend, "UpdateFunctionConfiguration", spec, runtime, role)
    if "Role" in spec and not roles.assumable(role):
        invalid(roles.NOT_ASSUMABLE)
    changed = {name: value for name, value in spec.items() if value is not None}
    if "Environment" in changed:
        changed["Environment"] = {"Variables": changed["Environment"].get("Variables") or {}}
    function.update_configuration(changed)
    for name, attribute in (("TracingConfig", "tracing_config"), ("KMSKeyArn", "kms_key_arn")):
        if name in changed:
            setattr(function, attribute, changed[name])
    if "EphemeralStorage" in changed:
        function.ephemeral_storage = changed["EphemeralStorage"]["Size"]
    _keep(function, changed)
    _modified(function)
    return requests.answer(200, _in_progress(function))


@hook("moto.awslambda.responses:LambdaResponse.update_function_code")
def update_function_code(original: Any, self: Any) -> Any:
    """UpdateFunctionCode: the new code is checked before it takes the place of the old."""
    _check_request_size(self, "UpdateFunctionCode")
    function, _ = requests.function_in(self)
    spec = requests.body_of(self)
    requests.check_revision(spec.get("RevisionId"), revision_of(function))
    before = {name: value for name, value in vars(function).items() if name.startswith("code")}
    before["code"] = dict(function.code)
    try:
        function._set_function_code({**spec, "DryRun": False})
        check_code(function)
        shown = function.get_configuration()
    except Exception as error:
        vars(function).update(before)
        if isinstance(error, ValueError) and len(error.args) == 2:
            invalid(str(error.args[1]))
        raise
    if spec.get("DryRun"):
        vars(function).update(before)
        return requests.answer(200, shown)
    if spec.get("Architectures"):
        function.architectures = spec["Architectures"]
    touch(function)
    _modified(function)
    if spec.get("Publish"):
        published = self.backend.publish_version(function.function_name)
        return requests.answer(200, published.get_configuration())
    return requests.answer(200, _in_progress(function))


@hook("moto.awslambda.models:LambdaFunction._set_function_code")
def set_function_code(original: Any, self: Any, updated_spec: dict[str, Any]) -> None:
    """Code from S3 is read in the version that was named; an object that is not there is an error."""
    if not updated_spec.get("S3Bucket") or not updated_spec.get("S3Key"):
        original(self, updated_spec)
        return
    from moto.s3.models import s3_backends

    bucket, key, version = (updated_spec.get(name) for name in ("S3Bucket", "S3Key", "S3ObjectVersion"))
    failed = (
        "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: The specified {} does not exist"
    )
    backend = s3_backends[self.account_id][self.partition]
    if bucket not in backend.buckets:
        invalid(failed.format("NoSuchBucket", "bucket"))
    found = backend.get_object(bucket, key, version_id=version)
    if found is None:
        what = ("NoSuchVersion", "version") if version else ("NoSuchKey", "key")
        invalid(failed.format(*what) + ".")
    zipped = base64.b64encode(found.value).decode()
    _, size, sha, digest = _zipfile_content(zipped)
    self.code_bytes, self.code_size, self.code_sha_256, self.code_digest = found.value, size, sha, digest
    self.code |= {"S3Bucket": bucket, "S3Key": key}


def _modified(function: Any) -> None:
    from moto.core.utils import iso_8601_datetime_with_nanoseconds

    function.code_or_config_updated = True
    function.last_modified = iso_8601_datetime_with_nanoseconds()


def _in_progress(function: Any) -> dict[str, Any]:
    shown: dict[str, Any] = function.get_configuration()
    return shown | {
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReason": "The function is being created.",
        "LastUpdateStatusReasonCode": "Creating",
    }


@hook("moto.awslambda.models:LambdaFunction.get_configuration")
def get_configuration(original: Any, self: Any, on_create: bool = False) -> dict[str, Any]:
    """A function's settings, with those moto drops, in AWS's order of time."""
    shown: dict[str, Any] = original(self, on_create)
    kept = settings_of(self)
    shown["RevisionId"] = revision_of(self)
    shown["LastModified"] = _moment(self.last_modified)
    for name in ("DeadLetterConfig", "FileSystemConfigs"):
        value = kept.get(name)
        if value and (name != "DeadLetterConfig" or value.get("TargetArn")):
            shown[name] = value
    logging = dict(kept.get("LoggingConfig") or {})
    shown["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": self.logs_group_name} | logging
    if shown["LoggingConfig"]["LogFormat"] == "JSON":
        shown["LoggingConfig"] = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | shown[
            "LoggingConfig"
        ]
    snap = (kept.get("SnapStart") or {}).get("ApplyOn", "None")
    published = str(self.version).isdigit()
    on = "On" if snap == "PublishedVersions" and published else "Off"
    shown["SnapStart"] = {"ApplyOn": snap, "OptimizationStatus": on}
    return {name: value for name, value in shown.items() if value is not None and value != []}


def _moment(text: str) -> str:
    """`2026-11-23T10:00:00.123+0000`, as AWS writes LastModified."""
    start, _, rest = str(text).rstrip("Z").partition(".")
    return f"{start}.{(rest[:3] or '000'):0<3}+0000"


@hook("moto.awslambda.models:LambdaFunction.get_code")
def get_code(original: Any, self: Any) -> dict[str, Any]:
    """Where a function's code lies, and its tags and reserved concurrency."""
    shown: dict[str, Any] = original(self)
    latest = fleets.newest(fleets.backend_of(self), self.function_name)
    reserved = latest.reserved_concurrency if latest is not None else None
    shown.pop("Concurrency", None)
    if reserved is not None:
        shown["Concurrency"] = {"ReservedConcurrentExecutions": int(reserved)}
    return shown
