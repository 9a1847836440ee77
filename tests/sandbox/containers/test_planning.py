"""What a service starts and stops next, as numbers; and how many failures are too many."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from labkit.sandbox.services import _applicationautoscaling_steps as steps
from labkit.sandbox.services import _ecs_breaker as breaker
from labkit.sandbox.services._ecs_planning import LONGEST_DELAY, Bounds, Count, Plan, delay, leave, plan


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "lower", "upper"),
    [
        (4, 50, 200, 2, 8), (3, 50, 150, 2, 4), (1, 50, 150, 1, 1), (10, 33, 133, 4, 13), (0, 100, 200, 0, 0),
        (1, 0, 100, 0, 1), (7, 100, 114, 7, 7),
    ],
)  # fmt: skip
def test_the_minimum_rounds_up_and_the_maximum_rounds_down(
    desired: int, minimum: int, maximum: int, lower: int, upper: int
) -> None:
    assert Bounds.of(desired, minimum, maximum) == Bounds(lower, upper)


def test_a_rollout_starts_new_tasks_first_when_all_old_ones_are_needed() -> None:
    bounds = Bounds.of(3, 100, 200)
    assert plan(3, bounds, Count(), Count(healthy=3)) == Plan(start=3)
    assert plan(3, bounds, Count(starting=3), Count(healthy=3)).idle
    assert plan(3, bounds, Count(2, 1), Count(healthy=3)) == Plan(stop_old=1)
    assert plan(3, bounds, Count(healthy=3), Count(healthy=3)) == Plan(stop_old=3)


def test_half_may_go_at_once_when_half_is_enough() -> None:
    assert plan(4, Bounds.of(4, 50, 100), Count(), Count(healthy=4)) == Plan(stop_old=2)
    assert plan(4, Bounds.of(4, 50, 200), Count(), Count(healthy=4)) == Plan(start=4, stop_old=2)


def test_no_room_in_both_directions_is_stuck() -> None:
    assert plan(1, Bounds.of(1, 100, 100), Count(), Count(healthy=1)).stuck
    assert not plan(1, Bounds.of(1, 100, 200), Count(), Count(healthy=1)).stuck


def test_an_unhealthy_task_goes_after_its_replacement_has_settled() -> None:
    bounds = Bounds.of(3, 100, 200)
    assert plan(3, bounds, Count(0, 2, 1), Count()) == Plan(start=1)
    assert plan(3, bounds, Count(1, 2, 1), Count()).idle
    assert plan(3, bounds, Count(0, 3, 1), Count()) == Plan(stop_unhealthy=1)
    assert plan(3, bounds, Count(0, 2, 2), Count()) == Plan(start=1, stop_unhealthy=1)


def test_without_room_unhealthy_tasks_go_one_by_one() -> None:
    assert plan(4, Bounds.of(4, 50, 100), Count(0, 1, 3), Count()) == Plan(stop_unhealthy=1)


def test_a_failed_deployment_starts_nothing_and_old_tasks_stay() -> None:
    found = plan(3, Bounds.of(3, 100, 200), Count(), Count(healthy=3), launches=False)
    assert found.idle
    assert not found.stuck


@pytest.mark.parametrize("seed", range(300))
def test_a_rollout_always_keeps_its_promises(seed: int) -> None:
    dice = random.Random(seed)
    desired, minimum = dice.randint(1, 12), dice.choice([0, 25, 50, 75, 100])
    maximum = dice.choice([100, 125, 150, 200])
    bounds = Bounds.of(desired, minimum, maximum)
    new, old = Count(), Count(healthy=desired)
    for _ in range(400):
        step = plan(desired, bounds, new, old)
        if step.stuck:
            assert bounds.lower >= desired >= bounds.upper, f"seed {seed}"
            return
        old = Count(healthy=old.healthy - step.stop_old)
        new = Count(new.starting + step.start, new.healthy)
        assert new.all + old.all <= max(bounds.upper, desired), f"seed {seed}"
        assert new.healthy + old.healthy >= bounds.lower, f"seed {seed}"
        if new.starting and dice.random() < 0.7:
            new = Count(new.starting - 1, new.healthy + 1)
        if new == Count(healthy=desired) and not old.all:
            return
    raise AssertionError(f"seed {seed}: never done, {new} {old}")


def task(name: str, zone: str, status: str = "RUNNING") -> SimpleNamespace:
    return SimpleNamespace(
        task_arn=name, availability_zone=zone, last_status=status, container_instance_arn=None
    )


def test_scaling_in_takes_from_the_fullest_zone_and_what_does_not_run_yet() -> None:
    tasks = [task("1", "a"), task("2", "a"), task("3", "a"), task("4", "b"), task("5", "c", "PENDING")]
    assert [one.task_arn for one in leave(tasks, 1, random.Random(1))] == ["5"]
    assert {one.availability_zone for one in leave(tasks[:4], 2, random.Random(1))} == {"a"}


def test_restarts_wait_longer_and_longer_up_to_27_minutes() -> None:
    waits = [delay(failures) for failures in range(20)]
    assert waits[:3] == [0, 0, 0]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_DELAY == 27 * 60


@pytest.mark.parametrize(("desired", "expected"), [(1, 3), (6, 3), (25, 13), (400, 200), (800, 200)])
def test_the_circuit_breaker_wants_half_of_the_tasks_between_3_and_200(desired: int, expected: int) -> None:
    assert breaker.threshold({}, desired) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"), [("COUNT", 5, 5), ("UNBOUNDED_PERCENT", 10, 1), ("BOUNDED_PERCENT", 10, 3)]
)
def test_the_threshold_can_be_configured(kind: str, value: int, expected: int) -> None:
    configuration = {"deploymentCircuitBreaker": {"thresholdConfiguration": {"type": kind, "value": value}}}
    assert breaker.threshold(configuration, 10) == expected


@pytest.mark.parametrize(
    ("capacity", "metric", "target", "wanted"),
    [(2, 90, 50, 4), (10, 25, 50, 5), (3, 50, 50, 3), (0, 5, 50, 1)],
)
def test_target_tracking_is_proportional_and_rounds_up(
    capacity: int, metric: float, target: float, wanted: int
) -> None:
    assert steps.tracked(capacity, metric, target) == wanted


STEPS = {
    "AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 2,
    "StepAdjustments": [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 25},
        {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 100},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("breach", "wanted"), [(0, 6), (19.9, 6), (20, 8), (500, 8), (-1, None)])
def test_the_step_that_fits_the_breach_is_taken(breach: float, wanted: int | None) -> None:
    # 25 % of 4 tasks is 1; MinAdjustmentMagnitude makes it 2: the example in the API reference.
    assert steps.stepped(4, STEPS, breach, above=True) == wanted


def test_counts_outside_of_the_bounds_move_only_the_right_way() -> None:
    assert steps.outward(1, 3, minimum=5, maximum=9) == 5
    assert steps.inward(1, 0, minimum=5, maximum=9) == 1
    assert steps.inward(12, 11, minimum=5, maximum=9) == 9
    assert steps.outward(12, 14, minimum=5, maximum=9) == 12
