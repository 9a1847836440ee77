"""What the execution role fetches before containers start: `secrets` for the environment. And who pulls which image.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html (forms of
valueFrom: ARN, `ARN:json-key:version-stage:version-id`) and secrets-envvar-ssm-paramstore.html (name or ARN of a
parameter); https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html. The texts
are quoted in github.com/docker-archive/compose-cli/issues/1510 and
github.com/rileydakota/valheim-ecs-fargate-cdk/issues/9.
"""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.sandbox.services import _ecs_logs as logs
from labkit.sandbox.services import _ecs_network as network
from labkit.sandbox.services import _ecs_roles as roles
from labkit.sandbox.services._ecs_store import Container, Task

_START: Final = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
    "failed: "
)
_SECRET: Final = (
    "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {arn} from "
    "secrets manager: {why}"
)
_KEY: Final = (
    "unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets "
    "Manager did not contain json key {key}"
)
_JSON: Final = (
    "unable to retrieve secret from asm: service call has been retried 1 time(s): invalid character '{first}' looking "
    "for beginning of value"
)
_PARAMETER: Final = "unable to retrieve secrets from ssm: service call has been retried 1 time(s): {why}"
_NO_PARAMETER: Final = "invalid ssm parameters: {name}"


def puller(task: Task) -> str:
    """The role that pulls images: the execution role, or on an instance without one, the instance's."""
    if task.execution_role_arn or logs.is_fargate(task):
        return task.execution_role_arn
    return network.instance_role(task)


def pinned(task: Task, container: Container) -> str:
    """The image by the digest that the task's deployment has pinned, or nothing."""
    if not task.service_arn or "@" in container.image:
        return ""
    from labkit.sandbox.services._ecs_deployments import image_for

    digest = image_for(task.service_arn, task.deployment_id, container.name)
    if not digest:
        return ""
    name = container.image
    head, slash, tail = name.rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}@{digest}"


def fetch(task: Task) -> str:
    """Fetch all secrets of all containers into their environments. Returns why it failed, or nothing."""
    for container in task.containers:
        environment = {
            one["name"]: str(one.get("value", "")) for one in container.definition.get("environment") or []
        }
        for wanted in container.definition.get("secrets") or []:
            value, why = _value(task, str(wanted["valueFrom"]))
            if why:
                return _START + why if logs.is_fargate(task) else f"ResourceInitializationError: {why}"
            environment[wanted["name"]] = value
        container.environment = environment
    return ""


def _value(task: Task, wanted: str) -> tuple[str, str]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if ":secretsmanager:" in wanted:
            return _secret(task, wanted)
        return _parameter(task, wanted)
    except ClientError as error:
        said = error.response.get("Error", {})
        why = f"{said.get('Code', '')}: {said.get('Message', '')}"
    except BotoCoreError as error:
        why = str(error)
    if ":secretsmanager:" in wanted:
        return "", _SECRET.format(arn=wanted, why=why)
    return "", _PARAMETER.format(why=why)


def _secret(task: Task, wanted: str) -> tuple[str, str]:
    parts = wanted.split(":")
    arn, (key, stage, version) = ":".join(parts[:7]), [*parts[7:10], "", "", ""][:3]
    client = roles.client(task, task.execution_role_arn, "secretsmanager", parts[3])
    asked = {"SecretId": arn}
    if stage:
        asked["VersionStage"] = stage
    if version:
        asked["VersionId"] = version
    text = str(client.get_secret_value(**asked).get("SecretString") or "")
    if not key:
        return text, ""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return "", _JSON.format(first=text[:1])
    if not isinstance(found, dict) or key not in found:
        return "", _KEY.format(key=key)
    return (found[key] if isinstance(found[key], str) else json.dumps(found[key])), ""


def _parameter(task: Task, wanted: str) -> tuple[str, str]:
    name, region = wanted, task.region_name
    if wanted.startswith("arn:"):
        region = wanted.split(":")[3]
        name = wanted.split(":parameter", 1)[-1]
        name = name if name.count("/") > 1 else name.lstrip("/")
    client = roles.client(task, task.execution_role_arn, "ssm", region)
    answer = client.get_parameters(Names=[name], WithDecryption=True)
    if not answer["Parameters"]:
        return "", _PARAMETER.format(why=_NO_PARAMETER.format(name=name))
    return str(answer["Parameters"][0]["Value"]), ""
