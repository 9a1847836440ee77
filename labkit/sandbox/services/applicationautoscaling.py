"""Application Auto Scaling in the lab's account.

Simulated here:
- All this for ECS services (`ecs:service:DesiredCount`).
- RegisterScalableTarget: minimum and maximum are in force a second later, as a scaling activity; suspended states.
- Target tracking on ECSServiceAverageCPUUtilization, ECSServiceAverageMemoryUtilization, ALBRequestCountPerTarget or a
  metric of your own: two alarms with AWS's names, 3 minutes above the target, 15 minutes below 90 % of it, evaluated
  once a minute; the capacity grows in proportion; several policies: out if one wants it, in only if all do.
- Step scaling: adjustments of all three types, by alarms that you make with the policy's ARN as their action.
- Cooldowns (300 seconds unless set): in one, only a larger scale-out counts, and scale-in waits. No scale-in while a
  deployment is in progress. The running count is the starting point of steps.
- Scheduled actions (at, rate, cron; time zones) on the lab's clock. DescribeScalingActivities, also of what
  was not scaled.

Differs on AWS:
- AWS does not say how much one scale-in takes away; here it is what brings the metric to its target.
- Metrics of a minute are there 10 seconds after it; on AWS it takes one to some minutes. Target tracking sets a metric
  against the tasks that ran when its minute began; AWS does not say how it pairs them.
- Some sentences of refusals are ours.

Not simulated:
- Other scalable dimensions are stored, and nothing scales them. Predictive scaling, metric math in policies.
- High-resolution metrics. Tags of scalable targets.

Sources:
- https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html
- https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
- https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
- https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html
- botocore's model, application-autoscaling/2016-02-06/service-2.json. More sources stand in the parts.
"""

from __future__ import annotations

from typing import Final

from labkit.sandbox.services import (
    _applicationautoscaling_alarms,
    _applicationautoscaling_schedules,
    _applicationautoscaling_targets,
)

PARTS: Final = (
    _applicationautoscaling_alarms,
    _applicationautoscaling_schedules,
    _applicationautoscaling_targets,
)
"""Modules that change moto beside this one."""
