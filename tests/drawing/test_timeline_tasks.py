"""`lab.timeline("user")` of ECS: a bar for each status of a task, and why it ended."""

from __future__ import annotations

from labkit.drawing.lanes import tasks
from labkit.drawing.timeline import timeline
from labkit.drawing.timeline_history import happened
from labkit.drawing.timeline_model import Lane, Story
from labkit.sandbox.trace import Trace
from tests.drawing.structure import texts

BEGAN = 1_760_000_000.0
ARN = "arn:aws:ecs:eu-west-1:123456789012:task/shop/"


class Told:
    """A trace in which the life of tasks is written by hand."""

    def __init__(self) -> None:
        self.now = BEGAN
        self.trace = Trace()
        self.trace.clock = lambda: self.now

    def step(self, task: str, action: str, after: float = 0.0, **params: object) -> None:
        self.now += after
        common = {
            "Cluster": "shop",
            "Family": "user:3",
            "Service": "user",
            "LaunchType": "FARGATE",
            "Zone": "eu-west-1a",
        }
        self.trace.record("state", "ecs", action, resource=ARN + task, params=common | params)

    def runs(self, task: str, **params: object) -> None:
        self.step(task, "TaskProvisioning", **params)
        for action, after in (("TaskPending", 10), ("TaskActivating", 3), ("TaskRunning", 20)):
            self.step(task, action, after, **params)

    def story(self, resource: str = "") -> Story:
        return tasks.story(happened(self.trace, resource))


def lane(story: Story, name: str) -> Lane:
    [found] = [one for one in story.lanes if one.name == name]
    return found


def test_each_status_is_a_bar_as_long_as_it_lasted() -> None:
    told = Told()
    told.runs("aaaaaaaa1")
    told.now += 60
    one = lane(told.story(), "user aaaaaaaa")
    assert [(bar.state, bar.end - bar.start) for bar in one.bars] == [
        ("placed", 10), ("pending", 3), ("starting", 20), ("running", 60),
    ]  # fmt: skip
    assert one.detail == "user:3, FARGATE, 1a"


def test_a_task_that_was_killed_says_why() -> None:
    told = Told()
    told.runs("aaaaaaaa1")
    more = {"StopCode": "EssentialContainerExited", "Reason": "Essential container in task exited"}
    told.step("aaaaaaaa1", "TaskDeprovisioning", 30, **more)
    told.step("aaaaaaaa1", "TaskStopped", 5, ExitCodes={"app": 137}, **more)
    one = lane(told.story(), "user aaaaaaaa")
    mark = one.marks[-1]
    assert (mark.sign, "app exited with 137" in mark.more) == ("failed", True)
    assert [bar.state for bar in one.bars][-2:] == ["stopping", "stopped"]
    assert "1 task ended with an error." in timeline(told.trace, "user").description


def test_a_job_that_ended_well_is_no_error() -> None:
    told = Told()
    told.runs("bbbbbbbb1", Service="", Family="migrate:1")
    told.step(
        "bbbbbbbb1", "TaskStopped", 5, ExitCodes={"app": 0}, StopCode="EssentialContainerExited", Service="",
        Family="migrate:1",
    )  # fmt: skip
    assert lane(told.story(), "migrate bbbbbbbb").marks[-1].sign == "ended"


def test_spot_warns_once_and_health_changes_the_bar() -> None:
    told = Told()
    told.runs("aaaaaaaa1")
    told.step("aaaaaaaa1", "ContainerHealthUnhealthy", 90, Container="app")
    told.step(
        "aaaaaaaa1",
        "TaskDeactivating",
        30,
        StopCode="SpotInterruption",
        Reason="Your Spot Task was interrupted.",
    )
    told.step(
        "aaaaaaaa1", "TaskStopping", 1, StopCode="SpotInterruption", Reason="Your Spot Task was interrupted."
    )
    one = lane(told.story(), "user aaaaaaaa")
    assert [mark.sign for mark in one.marks if mark.sign] == ["unhealthy", "warned"]
    assert [bar.state for bar in one.bars] == [
        "placed",
        "pending",
        "starting",
        "running",
        "unhealthy",
        "stopping",
    ]
    assert "1 task was taken back by Spot." in timeline(told.trace, "user").description


def test_one_asks_by_service_family_cluster_or_task() -> None:
    told = Told()
    told.runs("aaaaaaaa1")
    told.runs("cccccccc1", Service="order", Family="order:1")
    for name in ("user", "user:3", "aaaaaaaa1"):
        assert [one.name for one in told.story(name).lanes] == ["user aaaaaaaa"], name
    assert len(told.story("shop").lanes) == 2
    picture = timeline(told.trace, "order")
    assert "order cccccccc" in texts(picture)
    assert "running 08:54:26" in picture.twin
