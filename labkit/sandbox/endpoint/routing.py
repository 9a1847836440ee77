"""From an HTTP request to the service it is meant for, at the address AWS has for it.

What a request is for says its signature (service and Region), else the name of its host, else what is known of
calls that need no signature. moto then gets it under AWS's own address, so that everything that works on addresses
(hooks, buckets in host names, moto's tables) works as for a call from the notebook.

Source of the table: `endpointPrefix`, `signingName` and `targetPrefix` of botocore's service models; a test
compares all services with it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .credentials import Signature, signature_of
from .errors import Refused
from .messages import Request
from .names import HostName

if TYPE_CHECKING:
    from .names import Names

_PLAIN: Final = re.compile(r"[a-z0-9.-]{1,63}")
_COGNITO_TARGETS: Final = {
    "AWSCognitoIdentityService": "cognito-identity",
    "AWSCognitoIdentityProviderService": "cognito-idp",
}
_UNSIGNED_ACTIONS: Final = frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
_COGNITO_KEYS: Final = re.compile(
    r"/([a-z]{2}(?:-[a-z]+)+-\d)_\w+/\.well-known/(?:jwks\.json|openid-configuration)"
)
FRONTS: Final = ("execute-api", "lambda-url", "elb")
"""Labels of host names behind which a learner's own API or function answers, not a service of AWS."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service: boto3's name for it, and the first part of its host name."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes. `service` is boto3's name; `host` is AWS's; `signature` is None for unsigned calls."""

    service: str
    region: str
    host: str
    signature: Signature | None


def _same(*names: str) -> tuple[Service, ...]:
    return tuple(Service(name, name) for name in names)


# Signing names that are not at once the service's name and the beginning of its host name, or that several services
# share. Of those that share one, the first that knows the request gets it.
_SERVICES: Final[dict[str, tuple[Service, ...]]] = {
    "aoss": (Service("opensearchserverless", "aoss"),),
    "apigateway": (Service("apigatewayv2", "apigateway"), Service("apigateway", "apigateway")),
    "aps": (Service("amp", "aps"),),
    "aws-marketplace": (Service("meteringmarketplace", "metering.marketplace"),),
    "bedrock": _same("bedrock", "bedrock-agent", "bedrock-runtime"),
    "bedrock-agentcore": _same("bedrock-agentcore", "bedrock-agentcore-control"),
    "cloudhsm": _same("cloudhsmv2", "cloudhsm"),
    "connect-campaigns": (Service("connectcampaigns", "connect-campaigns"),),
    "dynamodb": (Service("dynamodb", "dynamodb"), Service("dynamodbstreams", "streams.dynamodb")),
    "ecr": (Service("ecr", "api.ecr"),),
    "elasticfilesystem": (Service("efs", "elasticfilesystem"),),
    "elasticloadbalancing": (Service("elbv2", "elasticloadbalancing"), Service("elb", "elasticloadbalancing")),
    "elasticmapreduce": (Service("emr", "elasticmapreduce"),),
    "es": (Service("opensearch", "es"), Service("es", "es")),
    "execute-api": (Service("apigatewaymanagementapi", "execute-api"),),
    "greengrass": (Service("greengrass", "greengrass"),),
    "iotdata": (Service("iot-data", "data-ats.iot"),),
    "kinesisanalytics": (
        Service("kinesisanalyticsv2", "kinesisanalytics"), Service("kinesisanalytics", "kinesisanalytics"),
    ),
    "kinesisvideo": (
        Service("kinesisvideo", "kinesisvideo"), Service("kinesis-video-archived-media", "kinesisvideo"),
    ),
    "lex": (Service("lexv2-models", "models-v2-lex"),),
    "mediastore": (Service("mediastore", "mediastore"), Service("mediastore-data", "data.mediastore")),
    "memorydb": (Service("memorydb", "memory-db"),),
    "mobiletargeting": (Service("pinpoint", "pinpoint"),),
    "monitoring": (Service("cloudwatch", "monitoring"),),
    "payment-cryptography": (Service("payment-cryptography", "controlplane.payment-cryptography"),),
    "rds": (Service("rds", "rds"), Service("neptune", "rds")),
    "s3": (Service("s3", "s3"), Service("s3control", "s3-control")),
    "s3-outposts": (Service("s3outposts", "s3-outposts"),),
    "sagemaker": (
        Service("sagemaker", "api.sagemaker"), Service("sagemaker-runtime", "runtime.sagemaker"),
        Service("sagemaker-metrics", "metrics.sagemaker"),
    ),
    "servicecatalog": _same("servicecatalog", "servicecatalog-appregistry"),
    "servicequotas": (Service("service-quotas", "servicequotas"),),
    "ses": (Service("ses", "email"), Service("sesv2", "email")),
    "sso": (Service("sso-admin", "sso"),),
    "states": (Service("stepfunctions", "states"),),
    "tagging": (Service("resourcegroupstaggingapi", "tagging"),),
    "timestream": (Service("timestream-write", "ingest.timestream"), Service("timestream-query", "query.timestream")),
}  # fmt: skip
_OTHER_NAMES: Final = {"email": "ses", "eventbridge": "events"}
"""Signing names that some SDKs use besides the model's own."""


def route(request: Request, names: Names) -> Route:
    """Where this request goes. Raises `Refused` when nothing says it, or when its Region does not exist."""
    signature, name = signature_of(request), names.read(request.host)
    if signature is None:
        return _unsigned(request, name)
    signing = _OTHER_NAMES.get(signature.service, signature.service)
    region = signature.region or name.region or "us-east-1"
    _require_region(region, signing)
    chosen = _choose(request, signing)
    return Route(chosen.name, region, _host(chosen, region, request, name), signature)


def _choose(request: Request, signing: str) -> Service:
    if not _PLAIN.fullmatch(signing):
        raise Refused(403, "SignatureDoesNotMatch", "Credential should be scoped to correct service.")
    several = _SERVICES.get(signing)
    if several is None:
        return Service(signing, signing)
    if signing == "s3":
        return several[1 if request.path.startswith("/v20180820/") else 0]
    return next((one for one in several[:-1] if _knows(one.name, request)), several[-1])


def _knows(service: str, request: Request) -> bool:
    """Whether one of the services that share a signing name has this operation."""
    target = request.headers.get("X-Amz-Target")
    model = _model(service)
    if target:
        return bool(target.rpartition(".")[0] == model.metadata.get("targetPrefix"))
    version = request.form.get("Version")
    if version:
        action = request.form.get("Action", [""])[0]
        return bool(version[0] == model.api_version and action in model.operation_names)
    return operation_of(service, request) is not None


@functools.cache
def _model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


def operation_of(service: str, request: Request) -> tuple[Any, dict[str, Any], Any] | None:
    """moto's model of the operation, what the path says, and moto's form of the request; None: there is none."""
    from botocore.exceptions import UnknownServiceError
    from moto.core.request import Request as MotoRequest
    from moto.core.routing import NotFound, get_service_router

    made = MotoRequest.from_primitives(
        request.method, f"http://{request.host or 'localhost'}{request.target}", request.headers, request.body
    )
    made.environ["RAW_URI"] = request.target
    try:
        operation, told = get_service_router(service).match(made)
    except (NotFound, NotImplementedError, UnknownServiceError):
        return None
    return operation, told, made


def _unsigned(request: Request, name: HostName) -> Route:
    """The few calls of AWS that carry no signature; anything else without one is a call to Amazon S3."""
    target = (request.headers.get("X-Amz-Target") or "").partition(".")[0]
    action = request.form.get("Action", [""])[0]
    keys = _COGNITO_KEYS.fullmatch(request.path)
    if target in _COGNITO_TARGETS:
        service = Service(_COGNITO_TARGETS[target], _COGNITO_TARGETS[target])
    elif action in _UNSIGNED_ACTIONS:
        service = Service("sts", "sts")
    elif keys:
        return Route("cognito-idp", keys[1], f"cognito-idp.{keys[1]}.amazonaws.com", None)
    elif target or action or (name.region and name.service != "s3"):
        raise Refused(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    else:
        service = Service("s3", "s3")
    region = name.region or "us-east-1"
    _require_region(region, service.name)
    return Route(service.name, region, _host(service, region, request, name), None)


def _host(service: Service, region: str, request: Request, name: HostName) -> str:
    host = f"{service.prefix}.{region}.amazonaws.com"
    if service.name == "s3":
        return f"{name.bucket}.{host}" if name.bucket else host
    if service.name == "s3control":
        account = request.headers.get("x-amz-account-id") or name.rest
        return f"{account}.{host}" if account else host
    if service.name == "apigatewaymanagementapi" and name.rest:
        return f"{name.rest}.{host}"
    if service.name == "budgets":
        return "budgets.amazonaws.com"
    return host


def _require_region(region: str, signing: str) -> None:
    if region not in regions():
        code = "AuthorizationHeaderMalformed" if signing == "s3" else "SignatureDoesNotMatch"
        text = f"Credential should be scoped to a valid region, not '{region}'."
        raise Refused(400 if signing == "s3" else 403, code, text)


@functools.cache
def regions() -> frozenset[str]:
    """The Regions of AWS, as botocore lists them."""
    import boto3

    session = boto3.Session()
    found = {
        one
        for part in session.get_available_partitions()
        for one in session.get_available_regions("ec2", part)
    }
    return frozenset(found)
