"""Lifecycle policies: which images expire, and the clock on which they do.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html: all rules are evaluated at the
same time and then applied by priority; an image is expired by one rule or none; one that matches the tags of a rule is
not expired by a rule of lower priority; youngest to oldest by time of push; within 24 hours. What a policy must
look like: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from labkit.sandbox import current, stores
from labkit.sandbox.services import _ecr_images as images
from labkit.sandbox.services._ecr_errors import invalid, refused, where

AFTER: Final = 12 * 3_600.0
"""Seconds from a new policy or a push until the policy is applied. AWS says within 24 hours; the figure is ours."""
_DAY: Final = 86_400.0


class Expired(NamedTuple):
    """An image that a rule expires."""

    image: Any
    priority: int


def check(text: str) -> None:
    """What moto lets through and AWS does not. Raises AWS's error; the words behind "failure:" are ours."""
    rules = json.loads(text)["rules"]
    if not rules:
        raise _failure("a policy has at least one rule")
    priorities = [rule["rulePriority"] for rule in rules]
    if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in priorities):
        raise _failure("rulePriority must be an integer greater than or equal to 1")
    if len(set(priorities)) < len(priorities):
        raise _failure("each rule must have a unique rulePriority")
    for rule in rules:
        _check_selection(rule["selection"])
    every = [rule["rulePriority"] for rule in rules if rule["selection"]["tagStatus"] == "any"]
    if every and max(every) != max(priorities):
        raise _failure("a rule with tagStatus any must have the highest rulePriority")
    if sum(rule["selection"]["tagStatus"] == "untagged" for rule in rules) > 1:
        raise _failure("only one rule is allowed to select untagged images")


def _check_selection(given: dict[str, Any]) -> None:
    lists = [name for name in ("tagPrefixList", "tagPatternList") if given.get(name)]
    if given["tagStatus"] == "tagged" and len(lists) != 1:
        raise _failure("tagStatus tagged needs a tagPrefixList or a tagPatternList")
    if given["tagStatus"] != "tagged" and lists:
        raise _failure(f"{lists[0]} is only for tagStatus tagged")
    for name in lists:
        if not isinstance(given[name], list) or not all(isinstance(one, str) for one in given[name]):
            raise _failure(f"{name} is a list of texts")
    if given["countType"] == "sinceImagePushed" and given.get("countUnit") != "days":
        raise _failure("countType sinceImagePushed needs the countUnit days")
    if given["countType"] == "imageCountMoreThan" and "countUnit" in given:
        raise _failure("countUnit is only for countType sinceImagePushed")


def _failure(why: str) -> Exception:
    return invalid("LifecyclePolicyText", f"Lifecycle policy validation failure: {why}")


def expired(repository: Any, text: str, now: float) -> list[Expired]:
    """What a policy expires now, oldest image first."""
    rules = sorted(json.loads(text)["rules"], key=lambda rule: rule["rulePriority"])
    youngest = sorted(
        enumerate(repository.images), key=lambda pair: (pair[1].image_pushed_at, pair[0]), reverse=True
    )
    claimed: set[str] = set()
    found: dict[str, Expired] = {}
    for rule in rules:
        selection = rule["selection"]
        matching = [image for _, image in youngest if _selects(selection, image)]
        number = selection["countNumber"]
        if selection["countType"] == "imageCountMoreThan":
            marked = matching[number:]
        else:
            marked = [one for one in matching if one.image_pushed_at < now - number * _DAY]
        for image in marked:
            digest = image.get_image_digest()
            if digest not in claimed:
                found[digest] = Expired(image, rule["rulePriority"])
        claimed |= {image.get_image_digest() for image in matching}
    return [
        found[image.get_image_digest()]
        for _, image in reversed(youngest)
        if image.get_image_digest() in found
    ]


def _selects(selection: dict[str, Any], image: Any) -> bool:
    status, tags = selection["tagStatus"], image.image_tags
    if status != "tagged":
        return status == "any" or not tags
    patterns = [re.escape(one).replace(r"\*", ".*") for one in selection.get("tagPatternList") or ()] or [
        re.escape(one) + ".*" for one in selection["tagPrefixList"]
    ]
    return all(any(re.fullmatch(pattern, tag) for tag in tags) for pattern in patterns)


# -- on the clock --------------------------------------------------------------------------------------


def plan(repository: Any, after: float = AFTER) -> None:
    """Have the policy applied later, once."""
    if repository.lifecycle_policy and not vars(repository).get("labkit_planned"):
        repository.labkit_planned = True
        current().clock.schedule(current().clock.time() + after, apply, repository.arn)


def apply(arn: str) -> None:
    """The policy is applied; where it looks at ages, again tomorrow."""
    parts = stores.Arn.of(arn)
    repository = stores.repository(parts) if parts else None
    if repository is None:
        return
    repository.labkit_planned = False
    text = repository.lifecycle_policy
    if not text:
        return
    now = current().clock.time()
    for one in expired(repository, text, now):
        if images.find(repository, {"imageDigest": one.image.get_image_digest()})[0] is not None:
            images.remove(repository, one.image)
    repository.labkit_evaluated = now
    if repository.images and "sinceImagePushed" in text:
        plan(repository, _DAY)


# -- preview -------------------------------------------------------------------------------------------


def start_preview(repository: Any, text: str | None) -> dict[str, Any]:
    """StartLifecyclePolicyPreview."""
    text = text or repository.lifecycle_policy
    if not text:
        raise _no_policy(repository)
    found = [_previewed(one) for one in expired(repository, text, current().clock.time())]
    repository.labkit_preview = {"text": text, "results": found}
    return {**_about(repository), "lifecyclePolicyText": text, "status": "IN_PROGRESS"}


def preview(repository: Any) -> dict[str, Any]:
    """GetLifecyclePolicyPreview: here it is complete at once."""
    kept = vars(repository).get("labkit_preview")
    if kept is None:
        raise refused(
            "LifecyclePolicyPreviewNotFoundException",
            f"There is no dry run {where(repository.name, repository.registry_id)}",
        )
    return {
        **_about(repository), "lifecyclePolicyText": kept["text"], "status": "COMPLETE",
        "previewResults": kept["results"], "summary": {"expiringImageTotalCount": len(kept["results"])},
    }  # fmt: skip


def _previewed(one: Expired) -> dict[str, Any]:
    shown = {
        "imageDigest": one.image.get_image_digest(), "imagePushedAt": one.image.image_pushed_at,
        "action": {"type": "EXPIRE"}, "appliedRulePriority": one.priority,
    }  # fmt: skip
    return {**shown, "imageTags": list(one.image.image_tags)} if one.image.image_tags else shown


def _no_policy(repository: Any) -> Exception:
    return refused(
        "LifecyclePolicyNotFoundException",
        f"Lifecycle policy does not exist for the repository with name '{repository.name}' in the registry with id "
        f"'{repository.registry_id}'",
    )


def _about(repository: Any) -> dict[str, str]:
    return {"registryId": repository.registry_id, "repositoryName": repository.name}
