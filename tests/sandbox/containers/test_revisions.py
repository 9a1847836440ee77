"""The history of a service: service deployments, service revisions, and stopping a deployment."""

from __future__ import annotations

from typing import Any

from labkit.sandbox import Sandbox, current
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.enforced import refusal


def listed(**more: Any) -> list[dict[str, Any]]:
    return list(
        kit.ecs().list_service_deployments(cluster=kit.CLUSTER, service="user", **more)["serviceDeployments"]
    )


def described(arn: str) -> dict[str, Any]:
    found = kit.ecs().describe_service_deployments(serviceDeploymentArns=[arn])
    assert found["failures"] == []
    return dict(found["serviceDeployments"][0])


def test_each_deployment_is_kept_with_its_revision(story: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    current().clock.advance(minutes=1)
    kit.update(taskDefinition=kit.definition(kit.image()))
    kit.stable()
    newest, first = listed()
    assert [newest["status"], first["status"]] == ["SUCCESSFUL", "SUCCESSFUL"]
    assert newest["finishedAt"] > newest["startedAt"] > first["finishedAt"]
    full = described(newest["serviceDeploymentArn"])
    assert [one["arn"] for one in full["sourceServiceRevisions"]] == [first["targetServiceRevisionArn"]]
    assert full["targetServiceRevision"]["runningTaskCount"] == 1
    assert full["deploymentCircuitBreaker"]["status"] == "DISABLED"
    revisions = kit.ecs().describe_service_revisions(
        serviceRevisionArns=[newest["targetServiceRevisionArn"], first["targetServiceRevisionArn"]]
    )["serviceRevisions"]
    assert [one["taskDefinition"].rpartition("/")[2] for one in revisions] == ["user:2", "user:1"]
    (image,) = revisions[0]["containerImages"]
    assert image["containerName"] == "app"
    assert image["imageDigest"].startswith("sha256:")
    assert revisions[0]["platformVersion"] == "1.4.0"


def test_the_service_names_its_current_deployment_and_revision(story: Sandbox) -> None:
    made = kit.create(count=2)
    kit.stable()
    now = kit.service()
    assert (
        now["currentServiceDeployment"]
        == made["currentServiceDeployment"]
        == listed()[0]["serviceDeploymentArn"]
    )
    (current_,) = now["currentServiceRevisions"]
    assert (current_["requestedTaskCount"], current_["runningTaskCount"]) == (2, 2)


def test_deployments_are_filtered_by_status(story: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    kit.update(forceNewDeployment=True)
    assert [one["status"] for one in listed(status=["IN_PROGRESS"])] == ["IN_PROGRESS"]
    assert len(listed(maxResults=1)) == 1
    assert listed(status=["ROLLBACK_FAILED"]) == []
    full = described(listed()[0]["serviceDeploymentArn"])
    assert full["lifecycleStage"] == "SCALE_UP"


def test_a_rollback_is_in_the_history(story: Sandbox) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    kit.create(count=1, deploymentConfiguration=breaker)
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image(kit.CRASHES, tag="broken")))
    kit.stable()
    newest, first = listed()
    assert newest["status"] == "ROLLBACK_SUCCESSFUL"
    full = described(newest["serviceDeploymentArn"])
    assert full["rollback"]["serviceRevisionArn"] == first["targetServiceRevisionArn"]
    assert full["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 3, "threshold": 3}


def test_a_deployment_can_be_stopped(story: Sandbox) -> None:
    kit.create(count=2)
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image()))
    current().clock.advance(seconds=10)
    arn = listed()[0]["serviceDeploymentArn"]
    assert kit.ecs().stop_service_deployment(serviceDeploymentArn=arn)["serviceDeploymentArn"] == arn
    kit.stable()
    assert kit.service()["taskDefinition"].endswith("user:1")
    assert described(arn)["status"] == "ROLLBACK_SUCCESSFUL"
    assert refusal(kit.ecs().stop_service_deployment, serviceDeploymentArn=arn)[0] == "ConflictException"


def test_what_does_not_exist(story: Sandbox) -> None:
    kit.create(count=0)
    missing = listed()[0]["serviceDeploymentArn"][:-3] + "xyz"
    found = kit.ecs().describe_service_deployments(serviceDeploymentArns=[missing])
    assert found["failures"] == [{"arn": missing, "reason": "MISSING"}]
    code, _ = refusal(kit.ecs().stop_service_deployment, serviceDeploymentArn=missing)
    assert code == "ServiceDeploymentNotFoundException"
    assert refusal(kit.ecs().list_service_deployments, cluster=kit.CLUSTER, service="no")[0] == (
        "ServiceNotFoundException"
    )
