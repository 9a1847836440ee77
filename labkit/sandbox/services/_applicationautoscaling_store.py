"""Scalable targets and policies as moto keeps them, what we keep with them, and the resources they scale.

Sources: botocore's model of Application Auto Scaling; scaling activities in the words of the user guide
(application-auto-scaling-scaling-activities.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current, stores
from labkit.sandbox.scalable import RESOURCES

ACTIVITIES_KEPT: Final = 200
_LONGEST: Final = 30 * 60.0
_LOOK: Final = 10.0


def backend(account: str, region: str) -> Any:
    """moto's backend, or None."""
    import sys

    models = sys.modules.get("moto.applicationautoscaling.models")
    registry = getattr(models, "applicationautoscaling_backends", None)
    regions = dict.get(registry, account) if registry is not None else None
    return dict.get(regions, region) if regions is not None else None


def targets(found_in: Any) -> Iterator[Any]:
    """Every scalable target that can really be scaled here."""
    for dimension, kept in list(found_in.targets.items()):
        if dimension in RESOURCES:
            yield from list(kept.values())


def target(found_in: Any, dimension: str, resource_id: str) -> Any:
    """One scalable target, or None."""
    return found_in.targets.get(dimension, {}).get(resource_id) if found_in is not None else None


def policies(found_in: Any, scaled: Any) -> list[Any]:
    """The policies of a scalable target."""
    return [
        one
        for one in found_in.policies.values()
        if (one.resource_id, one.scalable_dimension) == (scaled.resource_id, scaled.scalable_dimension)
    ]


def suspended(scaled: Any, what: str) -> bool:
    """Whether `DynamicScalingIn`, `DynamicScalingOut` or `ScheduledScaling` is suspended."""
    return bool((scaled.suspended_state or {}).get(f"{what}Suspended"))


def cloudwatch(account: str, region: str) -> Any:
    """moto's CloudWatch, or None while nobody uses it."""
    return stores.backend_of("cloudwatch", account, region)


# -- activities --------------------------------------------------------------------------------------


def activities(found_in: Any) -> list[dict[str, Any]]:
    """What was scaled, newest first. It stands on moto's backend."""
    if not hasattr(found_in, "activities"):
        found_in.activities = []
    return found_in.activities  # type: ignore[no-any-return]


def note(
    found_in: Any, scaled: Any, description: str, cause: str, message: str, status: str
) -> dict[str, Any]:
    """Write down an activity."""
    now = current().clock.time()
    activity = {
        "ActivityId": str(mock_random.uuid4()), "ServiceNamespace": scaled.service_namespace,
        "ResourceId": scaled.resource_id, "ScalableDimension": scaled.scalable_dimension,
        "Description": description, "Cause": cause, "StartTime": now, "StatusCode": status, "StatusMessage": message,
    }  # fmt: skip
    if status == "Successful":
        activity["EndTime"] = now
    kept = activities(found_in)
    kept.insert(0, activity)
    del kept[ACTIVITIES_KEPT:]
    current().trace.record(
        "state", "application-autoscaling", "ScalingActivity", resource=scaled.resource_id,
        params={"Description": description, "Cause": cause, "Status": status},
    )  # fmt: skip
    return activity


def not_scaled(found_in: Any, scaled: Any, code: str, cause: str, current_capacity: int) -> None:
    """Write down why nothing was scaled, once in a row."""
    for earlier in activities(found_in):
        if earlier["ResourceId"] == scaled.resource_id:
            if "NotScaledReasons" in earlier and earlier["NotScaledReasons"][0]["Code"] == code:
                return
            break
    reason: dict[str, Any] = {"Code": code, "CurrentCapacity": current_capacity}
    if code == "AlreadyAtMaxCapacity":
        reason["MaxCapacity"] = scaled.max_capacity
    if code == "AlreadyAtMinCapacity":
        reason["MinCapacity"] = scaled.min_capacity
    said = "Attempting to scale due to alarm triggered"
    note(found_in, scaled, said, cause, "", "Unfulfilled")["NotScaledReasons"] = [reason]


def scale(found_in: Any, scaled: Any, capacity: int, cause: str) -> bool:
    """Change the capacity of a target's resource, and see to it that the activity ends. Returns whether it was."""
    resource = RESOURCES[scaled.scalable_dimension]
    where = (found_in.account_id, found_in.region_name, scaled.resource_id)
    if resource.desired(*where) in (None, capacity):
        return False
    for earlier in activities(found_in):
        if earlier["ResourceId"] == scaled.resource_id and earlier["StatusCode"] == "InProgress":
            earlier |= {
                "StatusCode": "Overridden", "EndTime": current().clock.time(),
                "StatusMessage": "The desired capacity was updated by a newer scaling event.",
            }  # fmt: skip
    begun = f"Successfully set {resource.noun} to {capacity}. Waiting for change to be fulfilled by {resource.service}."
    activity = note(found_in, scaled, f"Setting {resource.noun} to {capacity}.", cause, begun, "InProgress")
    resource.change(*where, capacity)
    clock = current().clock
    clock.schedule(
        clock.time() + _LOOK,
        _settle,
        found_in.account_id,
        found_in.region_name,
        activity["ActivityId"],
        capacity,
    )
    current().changed()
    return True


def _settle(account: str, region: str, activity_id: str, capacity: int) -> None:
    """Due work: look whether the resource has the capacity it was given."""
    found_in = backend(account, region)
    kept = activities(found_in) if found_in is not None else []
    activity = next((one for one in kept if one["ActivityId"] == activity_id), None)
    if activity is None or activity["StatusCode"] != "InProgress":
        return
    resource = RESOURCES[activity["ScalableDimension"]]
    clock = current().clock
    where = (account, region, activity["ResourceId"])
    if resource.actual(*where) == capacity:
        done = f"Successfully set {resource.noun} to {capacity}. Change successfully fulfilled by {resource.service}."
        activity |= {"StatusCode": "Successful", "EndTime": clock.time(), "StatusMessage": done}
    elif resource.desired(*where) != capacity or clock.time() > activity["StartTime"] + _LONGEST:
        activity |= {"StatusCode": "Unfulfilled", "EndTime": clock.time()}
    else:
        clock.schedule(clock.time() + _LOOK, _settle, account, region, activity_id, capacity)
