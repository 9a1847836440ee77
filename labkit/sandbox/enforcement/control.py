"""Actions and resources of IAM, STS, CloudWatch and EventBridge's neighbours that manage others."""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import stores
from labkit.sandbox.enforcement.needs import Asked, Finder, Need

_IAM: Final = (
    ("RoleName", "role", "roles"),
    ("UserName", "user", "users"),
    ("GroupName", "group", "groups"),
    ("InstanceProfileName", "instance-profile", "instance_profiles"),
)


def _iam(asked: Asked) -> list[Need]:
    action = f"iam:{asked.operation}"
    if asked.operation == "CreatePolicy":
        path = asked.text("Path") or "/"
        return [Need(action, f"arn:aws:iam::{asked.account}:policy{path}{asked.text('PolicyName')}")]
    about = {
        "iam:PolicyARN": asked.text("PolicyArn") or None,
        "iam:PermissionsBoundary": asked.text("PermissionsBoundary") or None,
    }
    for param, sort, kept in _IAM:
        if name := asked.text(param):
            return [Need(action, _entity(asked, sort, kept, name), about)]
    named = asked.text("PolicyArn", "PolicySourceArn", "OpenIDConnectProviderArn", "SAMLProviderArn")
    return [Need(action, named or "*", about)]


def _entity(asked: Asked, sort: str, kept: str, name: str) -> str:
    backend = stores.backend_of("iam", asked.account, "aws")
    every: Any = getattr(backend, kept, {}) if backend is not None else {}
    for one in list(every.values()):
        if one.name == name:
            return str(one.arn)
    return f"arn:aws:iam::{asked.account}:{sort}{asked.text('Path') or '/'}{name}"


def _sts(asked: Asked) -> list[Need]:
    if asked.operation in ("AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"):
        return []  # the role's trust policy is asked as well: `services.sts`
    if asked.operation == "GetFederationToken":
        name = asked.text("Name")
        return [Need("sts:GetFederationToken", f"arn:aws:sts::{asked.account}:federated-user/{name}")]
    return [Need(f"sts:{asked.operation}")]


def _cloudwatch(asked: Asked) -> list[Need]:
    action = f"cloudwatch:{asked.operation}"
    about = {"cloudwatch:namespace": asked.text("Namespace") or None}
    names = [asked.text("AlarmName")] if asked.text("AlarmName") else asked.several("AlarmNames")
    if "Alarm" in asked.operation and names:
        return [Need(action, asked.arn("cloudwatch", f"alarm:{name}"), about) for name in names]
    return [Need(action, asked.text("ResourceARN") or "*", about)]


FINDERS: Final[dict[str, Finder]] = {"iam": _iam, "sts": _sts, "cloudwatch": _cloudwatch}
