"""Rolling deployments: how many tasks at each moment, what DescribeServices says, what a deployment pins."""

from __future__ import annotations

from labkit.sandbox import Sandbox, current
from tests.sandbox.containers import servicekit as kit


def revision_of(task: dict[str, object]) -> str:
    return str(task["taskDefinitionArn"]).rpartition("/")[2]


def test_a_new_revision_replaces_the_old_without_a_gap(story: Sandbox) -> None:
    kit.create(count=3)
    kit.stable()
    second = kit.definition(kit.image(tag="2", source=kit.GOOD.replace("'1'", "'2'")))
    kit.update(taskDefinition=second)
    seen = kit.watch(150)
    assert min(running for running, _ in seen) >= 3
    assert max(there for _, there in seen) <= 6
    assert {revision_of(one) for one in kit.running()} == {second}
    assert [one["taskDefinition"].rpartition("/")[2] for one in kit.service()["deployments"]] == [second]
    assert kit.ecs().describe_task_definition(taskDefinition="user:1")["taskDefinition"]["status"] == "ACTIVE"


def test_the_deployments_are_described_truly_on_the_way(story: Sandbox) -> None:
    kit.create(count=2)
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image()))
    current().clock.advance(seconds=5)
    new, old = kit.service()["deployments"]
    assert (new["status"], new["rolloutState"], new["pendingCount"], new["runningCount"]) == (
        "PRIMARY", "IN_PROGRESS", 2, 0,
    )  # fmt: skip
    assert new["rolloutStateReason"] == f"ECS deployment {new['id']} in progress."
    assert (old["status"], old["rolloutState"], old["runningCount"]) == ("ACTIVE", "COMPLETED", 2)
    kit.stable()
    (only,) = kit.service()["deployments"]
    assert (only["id"], only["status"]) == (new["id"], "PRIMARY")
    assert only["rolloutStateReason"] == f"ECS deployment {new['id']} completed."


def test_half_and_no_more_than_all(story: Sandbox) -> None:
    kit.create(count=4, deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 100})
    kit.stable()
    kit.update(forceNewDeployment=True)
    seen = kit.watch(240)
    assert min(running for running, _ in seen) == 2
    assert max(there for _, there in seen) <= 4
    kit.stable()


def test_the_old_tasks_stay_until_the_new_ones_have_passed_their_health_check(story: Sandbox) -> None:
    checked = kit.definition(kit.image(), check=kit.CHECK | {"startPeriod": 0})
    kit.create(count=1, task=checked)
    kit.stable()
    (before,) = kit.arns(kit.running())
    kit.update(forceNewDeployment=True)
    kit.until(lambda: len(kit.running()) == 2)
    new = next(one for one in kit.running() if one["taskArn"] != before)
    assert new["healthStatus"] == "UNKNOWN"
    kit.until(lambda: kit.arns(kit.running()) == {new["taskArn"]})
    assert kit.running()[0]["healthStatus"] == "HEALTHY"


def test_a_deployment_that_can_neither_start_nor_stop_says_so(story: Sandbox) -> None:
    kit.create(count=1, deploymentConfiguration={"minimumHealthyPercent": 60, "maximumPercent": 150})
    kit.stable()
    kit.update(forceNewDeployment=True)
    current().clock.advance(minutes=30)
    assert kit.messages()[-1] == (
        "(service user) was unable to stop or start tasks during a deployment because of the service deployment "
        "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
    )
    kit.update(deploymentConfiguration={"maximumPercent": 200})
    kit.stable()


def test_which_changes_begin_a_deployment(story: Sandbox) -> None:
    task = kit.definition(kit.image())
    kit.create(count=1, task=task)
    kit.stable()
    first = kit.service()["deployments"][0]["id"]
    kit.update(taskDefinition=task)
    kit.update(healthCheckGracePeriodSeconds=9, deploymentConfiguration={"maximumPercent": 150})
    kit.update(networkConfiguration=kit.network())
    assert kit.service()["deployments"][0]["id"] == first
    kit.update(networkConfiguration=kit.network(1))
    assert kit.service()["deployments"][0]["id"] != first


def test_a_pinned_image_stays_when_its_tag_moves(story: Sandbox) -> None:
    tagged = kit.image(tag="live")
    kit.create(count=1, task=kit.definition(tagged))
    kit.stable()
    first = kit.running()[0]["containers"][0]["imageDigest"]
    kit.image(tag="live", source=kit.GOOD.replace("'1'", "'2'"))
    kit.update(desiredCount=3)
    kit.stable()
    assert {one["containers"][0]["imageDigest"] for one in kit.running()} == {first}
    kit.update(forceNewDeployment=True)
    kit.stable()
    (second,) = {one["containers"][0]["imageDigest"] for one in kit.running()}
    assert second != first


def test_a_third_revision_overtakes_the_second(story: Sandbox) -> None:
    kit.create(count=2)
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image()))
    current().clock.advance(seconds=20)
    third = kit.definition(kit.image())
    kit.update(taskDefinition=third)
    assert [one["status"] for one in kit.service()["deployments"]] == ["PRIMARY", "ACTIVE", "ACTIVE"]
    kit.stable()
    assert {revision_of(one) for one in kit.running()} == {third}


def test_an_unhealthy_task_is_replaced_first_and_then_stopped(story: Sandbox) -> None:
    source = "PORT = 8080\nSTARTS_IN = 1.0\ndef health(box):\n    return not box.state.get('sick')\n"
    source += "def handle(request, box):\n    box.state['sick'] = True\n    return 'ill'\n"
    kit.create(count=2, task=kit.definition(kit.image(source), check=kit.CHECK))
    kit.stable()
    from labkit.sandbox.fleet import boxes
    from labkit.sandbox.services import _ecs_store

    victim = sorted(kit.arns(kit.running()))[0]
    found = _ecs_store.task(victim)
    assert found is not None
    assert found.containers[0].box is not None
    boxes.serve(found.containers[0].box, boxes.Request(path="/"), current().clock.time())
    kit.until(lambda: victim not in kit.arns(kit.running()))
    kit.stable()
    said = kit.messages()
    short = victim.rpartition("/")[2]
    assert f"(service user) (task {short}) failed container health checks." in said
    assert any("Amazon ECS replaced 1 tasks due to an unhealthy status." in one for one in said)
    (gone,) = kit.tasks(status="STOPPED")
    assert gone["stopCode"] == "ServiceSchedulerInitiated"
    assert gone["stoppedReason"] == "Task failed container health checks"


def test_the_grace_period_spares_a_task_that_is_slow_to_be_well(story: Sandbox) -> None:
    slow = "PORT = 8080\nSTARTS_IN = 60.0\n"
    task = kit.definition(kit.image(slow), check=kit.CHECK)
    kit.create(count=1, task=task, healthCheckGracePeriodSeconds=90)
    kit.stable()
    assert kit.tasks(status="STOPPED") == []


def test_a_service_deleted_in_the_middle_of_a_deployment(story: Sandbox) -> None:
    kit.create(count=3)
    kit.stable()
    kit.update(forceNewDeployment=True)
    current().clock.advance(seconds=15)
    kit.ecs().delete_service(cluster=kit.CLUSTER, service="user", force=True)
    current().clock.advance(minutes=3)
    now = kit.service()
    assert (now["status"], now["runningCount"], now["deployments"]) == ("INACTIVE", 0, [])
    assert {one["lastStatus"] for one in kit.tasks(status="STOPPED")} == {"STOPPED"}
    assert story.clock.next_due is None or kit.messages()
    (record,) = kit.ecs().list_service_deployments(cluster=kit.CLUSTER, service="user", status=["STOPPED"])[
        "serviceDeployments"
    ]
    assert record["statusReason"] == "The service was deleted."


def test_early_success_does_not_wait_for_the_last_task(story: Sandbox) -> None:
    early = {"enable": True, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED"}
    half = {"minimumHealthyPercent": 50, "maximumPercent": 100, "earlySuccessCriteria": early}
    kit.create(count=4, deploymentConfiguration=half)
    kit.stable()
    kit.update(forceNewDeployment=True)
    kit.until(lambda: kit.service()["deployments"][0]["rolloutState"] == "COMPLETED")
    assert kit.service()["runningCount"] == 2
    kit.stable()
    assert len(kit.running()) == 4
