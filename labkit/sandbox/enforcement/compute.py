"""Actions and resources of Lambda, Step Functions, ECS and ECR."""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import stores
from labkit.sandbox.enforcement.needs import Asked, Finder, Need

_INVOKE: Final = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")
_UNBOUND: Final = (
    "ListFunctions", "ListLayers", "ListEventSourceMappings", "CreateEventSourceMapping", "GetAccountSettings",
    "ListCodeSigningConfigs", "CreateCodeSigningConfig",
)  # fmt: skip


def _lambda(asked: Asked) -> list[Need]:
    action = "lambda:InvokeFunction" if asked.operation in _INVOKE else f"lambda:{asked.operation}"
    about = _about_function(asked)
    if asked.operation in _UNBOUND:
        return [Need(action, "*", about)]
    if uuid := asked.text("UUID"):
        return [Need(action, asked.arn("lambda", f"event-source-mapping:{uuid}"), about)]
    if layer := asked.text("LayerName"):
        version = asked.params.get("VersionNumber")
        whole = asked.arn("lambda", f"layer:{layer}")
        return [Need(action, f"{whole}:{version}" if version else whole)]
    name = asked.text("FunctionName")
    resource = (
        function_arn(asked, name, asked.text("Qualifier")) if name else asked.text("Resource", "Arn") or "*"
    )
    return [Need(action, resource, about), *asked.pass_role(asked.params.get("Role"), "lambda.amazonaws.com")]


def _about_function(asked: Asked) -> dict[str, Any]:
    name = asked.text("FunctionName")
    layers = [one for one in asked.several("Layers") if isinstance(one, str)]
    return {
        "lambda:FunctionArn": function_arn(asked, name) if name and asked.operation in _UNBOUND else None,
        "lambda:Layer": layers or None,
        "lambda:FunctionUrlAuthType": asked.text("AuthType", "FunctionUrlAuthType") or None,
        "lambda:Principal": asked.text("Principal") or None,
    }


def function_arn(asked: Asked, name: str, qualifier: str = "") -> str:
    """The ARN of a function given by name, partial ARN (`123456789012:function:f`) or ARN, with a qualifier."""
    if not name.startswith("arn:"):
        account, found, rest = name.partition(":function:")
        owner = account if found and account.isdigit() else asked.account
        whole = f"arn:aws:lambda:{asked.region}:{owner}:function:{rest if found else name}"
    else:
        whole = name
    return f"{whole}:{qualifier}" if qualifier and whole.count(":") == 6 else whole


def _states(asked: Asked) -> list[Need]:
    action = f"states:{asked.operation}"
    role = asked.pass_role(asked.params.get("roleArn"), "states.amazonaws.com")
    if asked.operation in ("CreateStateMachine", "CreateActivity"):
        form = "stateMachine" if asked.operation == "CreateStateMachine" else "activity"
        return [Need(action, asked.arn("states", f"{form}:{asked.text('name')}")), *role]
    named = asked.text(
        "stateMachineArn", "executionArn", "activityArn", "resourceArn", "stateMachineAliasArn", "mapRunArn",
        "stateMachineVersionArn",
    )  # fmt: skip
    return [Need(action, named or "*"), *role]


_OF_DEFINITIONS: Final = ("RunTask", "StartTask", "DescribeTaskDefinition", "DeregisterTaskDefinition")


def _ecs(asked: Asked) -> list[Need]:
    action = f"ecs:{asked.operation}"
    roles = {asked.text("taskRoleArn"), asked.text("executionRoleArn")}
    passed = [need for role in sorted(roles) for need in asked.pass_role(role, "ecs-tasks.amazonaws.com")]
    if asked.operation.startswith("List") or asked.operation == "RegisterTaskDefinition":
        return [Need(action), *passed]
    cluster = asked.text("cluster", "clusterName").rpartition("/")[2] or "default"
    about = {"ecs:cluster": asked.arn("ecs", f"cluster/{cluster}")}
    definition = asked.text("taskDefinition")
    if asked.operation in ("RunTask", "StartTask"):
        for role in _roles_of(asked, definition):
            passed += asked.pass_role(role, "ecs-tasks.amazonaws.com")
    if definition and asked.operation in _OF_DEFINITIONS:
        return [Need(action, asked.arn("ecs", f"task-definition/{definition}"), about), *passed]
    if service := asked.text("service", "serviceName"):
        return [Need(action, asked.arn("ecs", f"service/{cluster}/{service}"), about)]
    if task := asked.text("task"):
        return [Need(action, asked.arn("ecs", f"task/{cluster}/{task}"), about)]
    if asked.text("resourceArn"):
        return [Need(action, asked.text("resourceArn"))]
    return [Need(action, about["ecs:cluster"])]


def _roles_of(asked: Asked, name: str) -> list[Any]:
    """The roles that a new task takes: those of its definition, or the ones that override them.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/CWE_IAM_role.html (iam:PassRole for each).
    """
    overrides = asked.block("overrides")
    backend = stores.backend_of("ecs", asked.account, asked.region)
    family, _, revision = name.rpartition("/")[2].partition(":")
    revisions = backend.task_definitions.get(family, {}) if backend is not None else {}
    number = int(revision) if revision.isdigit() else max(revisions, default=0)
    found = revisions.get(number)
    return [
        overrides.get(wanted) or getattr(found, kept, None)
        for wanted, kept in (("taskRoleArn", "task_role_arn"), ("executionRoleArn", "execution_role_arn"))
    ]


def _ecr(asked: Asked) -> list[Need]:
    action = f"ecr:{asked.operation}"
    owner = asked.text("registryId") or asked.account  # a registry is an account
    names = (
        [asked.text("repositoryName")] if asked.text("repositoryName") else asked.several("repositoryNames")
    )
    if names:
        return [Need(action, f"arn:aws:ecr:{asked.region}:{owner}:repository/{name}") for name in names]
    if asked.operation == "DescribeRepositories":
        return [Need(action, f"arn:aws:ecr:{asked.region}:{owner}:repository/*")]
    return [Need(action, asked.text("resourceArn") or "*")]


FINDERS: Final[dict[str, Finder]] = {"lambda": _lambda, "stepfunctions": _states, "ecs": _ecs, "ecr": _ecr}
