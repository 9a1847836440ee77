"""What happens to images later: lifecycle policies, scans, replication; and what EventBridge hears."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.sandbox.enforced import outcome, refusal

if TYPE_CHECKING:
    from tests.sandbox.registry.conftest import Registry

HERE, REGION = "123456789012", "eu-west-1"


def rule(priority: int, count: int, status: str = "any", **more: Any) -> dict[str, Any]:
    kind = {"countType": "imageCountMoreThan"} if "countType" not in more else {}
    selection = {"tagStatus": status, "countNumber": count, **kind, **more}
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}


def policy(*rules: dict[str, Any]) -> str:
    return json.dumps({"rules": list(rules)}, indent=8)


def days(priority: int, count: int, status: str = "any", **more: Any) -> dict[str, Any]:
    return rule(priority, count, status, countType="sinceImagePushed", countUnit="days", **more)


def test_too_many_images_expire_within_a_day_oldest_first(registry: Registry) -> None:
    pushed = [registry.push("web", f"v{number}", version=str(number)) for number in range(4)]
    text = policy(rule(1, 2))
    registry.ecr.put_lifecycle_policy(repositoryName="user", lifecyclePolicyText=text)
    assert list(registry.tags()) == pushed
    registry.sandbox.clock.advance(hours=24)
    assert list(registry.tags()) == pushed[2:]
    later = registry.push("web", "v9", version="9")
    registry.sandbox.clock.advance(hours=24)
    assert list(registry.tags()) == [pushed[3], later]


def test_old_untagged_images_expire(registry: Registry) -> None:
    registry.push("web", "1.0")
    kept = registry.push("web", "1.0", version="2.0")
    text = policy(days(1, 7, "untagged"))
    registry.ecr.put_lifecycle_policy(repositoryName="user", lifecyclePolicyText=text)
    registry.sandbox.clock.advance(days=6)
    assert len(registry.tags()) == 2
    registry.sandbox.clock.advance(days=3)
    assert registry.tags() == {kept: ["1.0"]}


def test_a_rule_of_higher_priority_keeps_its_images(registry: Registry) -> None:
    safe = registry.push("web", "prod-1", version="p")
    registry.push("web", "dev-1", version="1")
    last = registry.push("web", "dev-2", version="2")
    text = policy(rule(1, 5, "tagged", tagPrefixList=["prod"]), rule(2, 1))
    registry.ecr.put_lifecycle_policy(repositoryName="user", lifecyclePolicyText=text)
    registry.sandbox.clock.advance(hours=24)
    assert list(registry.tags()) == [safe, last]


def test_a_preview_tells_and_does_nothing(registry: Registry) -> None:
    old = registry.push("web", "a", version="1")
    registry.push("web", "b", version="2")
    assert outcome(registry.ecr.get_lifecycle_policy_preview, repositoryName="user") == (
        "LifecyclePolicyPreviewNotFoundException"
    )
    text = policy(rule(3, 1))
    registry.ecr.start_lifecycle_policy_preview(repositoryName="user", lifecyclePolicyText=text)
    told = registry.ecr.get_lifecycle_policy_preview(repositoryName="user")
    assert (told["status"], told["summary"]) == ("COMPLETE", {"expiringImageTotalCount": 1})
    found = told["previewResults"][0]
    assert (found["imageDigest"], found["imageTags"], found["appliedRulePriority"]) == (old, ["a"], 3)
    registry.sandbox.clock.advance(days=2)
    assert len(registry.tags()) == 2


def test_a_policy_that_is_gone_expires_nothing(registry: Registry) -> None:
    for number in range(3):
        registry.push("web", f"v{number}", version=str(number))
    registry.ecr.put_lifecycle_policy(repositoryName="user", lifecyclePolicyText=policy(rule(1, 1)))
    registry.ecr.delete_lifecycle_policy(repositoryName="user")
    registry.sandbox.clock.advance(days=2)
    assert len(registry.tags()) == 3
    registry.ecr.put_lifecycle_policy(repositoryName="user", lifecyclePolicyText=policy(rule(1, 1)))
    registry.ecr.delete_repository(repositoryName="user", force=True)
    registry.sandbox.clock.advance(days=2)


@pytest.mark.parametrize(
    "rules",
    [
        (rule(1, 1), rule(1, 2, "untagged")),
        (rule(1, 1), rule(2, 1, "untagged")),
        (rule(1, 1, "tagged"),),
        (rule(1, 1, "untagged", tagPrefixList=["x"]),),
        (rule(1, 1, countUnit="days"),),
        (rule(1, 1, countType="sinceImagePushed"),),
        (rule(0, 1),),
        (rule(1, 0),),
        (),
    ],
)
def test_policies_that_contradict_themselves_are_refused(registry: Registry, rules: Any) -> None:
    text = policy(*rules) + " " * 100
    put = registry.ecr.put_lifecycle_policy
    code, message = refusal(put, repositoryName="user", lifecyclePolicyText=text)
    assert code == "InvalidParameterException"
    assert "Lifecycle policy validation failure" in message
    assert (
        outcome(registry.ecr.get_lifecycle_policy, repositoryName="user")
        == "LifecyclePolicyNotFoundException"
    )


def test_a_scan_finds_what_is_published_and_nothing_else(registry: Registry) -> None:
    registry.make("watched", imageScanningConfiguration={"scanOnPush": True})
    registry.push("web", "old", to="watched", packages={"openssl": "3.0.6", "bash": "5.2.15"})
    asked: dict[str, Any] = {"repositoryName": "watched", "imageId": {"imageTag": "old"}}
    told = registry.ecr.describe_image_scan_findings(**asked)
    assert told["imageScanStatus"]["status"] == "IN_PROGRESS"
    registry.sandbox.clock.advance(minutes=1)
    told = registry.ecr.describe_image_scan_findings(**asked)["imageScanFindings"]
    assert [one["name"] for one in told["findings"]] == ["CVE-2022-3602"]
    assert told["findingSeverityCounts"] == {"HIGH": 1}
    registry.push("web", "new", to="watched", packages={"openssl": "3.0.7"})
    registry.push("leaky", "bare", to="watched")
    registry.sandbox.clock.advance(minutes=1)
    details = registry.ecr.describe_images(repositoryName="watched")["imageDetails"]
    found = {one["imageTags"][0]: one["imageScanStatus"]["status"] for one in details}
    assert found == {"old": "COMPLETE", "new": "COMPLETE", "bare": "FAILED"}
    assert outcome(registry.ecr.start_image_scan, **asked) == "LimitExceededException"
    registry.sandbox.clock.advance(days=1)
    assert outcome(registry.ecr.start_image_scan, **asked) == "ok"


def test_without_a_scan_there_are_no_findings(registry: Registry) -> None:
    registry.push("web")
    found = outcome(
        registry.ecr.describe_image_scan_findings, repositoryName="user", imageId={"imageTag": "1.0"}
    )
    assert found == "ScanNotFoundException"
    refused = outcome(registry.ecr.put_registry_scanning_configuration, scanType="ENHANCED", rules=[])
    assert refused == "InvalidParameterException"


def test_eventbridge_hears_of_pushes_scans_and_deletions(registry: Registry) -> None:
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{HERE}:heard"
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
    events.put_rule(Name="all", EventPattern='{"source": ["aws.ecr"]}')
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": arn}])
    digest = registry.push("web")
    registry.ecr.start_image_scan(repositoryName="user", imageId={"imageTag": "1.0"})
    registry.sandbox.clock.advance(minutes=1)
    registry.ecr.batch_delete_image(repositoryName="user", imageIds=[{"imageDigest": digest}])
    registry.sandbox.clock.advance(minutes=1)
    heard = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        heard += [json.loads(one["Body"]) for one in found]
        for one in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    heard.sort(key=lambda one: str(one["detail"].get("action-type")))
    kinds = [(one["detail-type"], one["detail"].get("action-type")) for one in heard]
    assert kinds == [
        ("ECR Image Action", "DELETE"),
        ("ECR Image Scan", None),
        ("ECR Image Action", "PUSH"),
    ]
    assert heard[2]["detail"] == {
        "result": "SUCCESS", "repository-name": "user", "image-digest": digest, "action-type": "PUSH",
        "image-tag": "1.0",
    }  # fmt: skip


def test_pushes_are_copied_to_another_region(registry: Registry) -> None:
    before = registry.push("web", "before")
    place = [{"region": "us-east-1", "registryId": HERE}]
    registry.ecr.put_replication_configuration(replicationConfiguration={"rules": [{"destinations": place}]})
    digest = registry.push("web", "1.0", version="2.0")
    registry.sandbox.clock.advance(minutes=30)
    there = boto3.client("ecr", region_name="us-east-1").describe_images(repositoryName="user")[
        "imageDetails"
    ]
    assert [(one["imageDigest"], one["imageTags"]) for one in there] == [(digest, ["1.0"])]
    assert before != digest
    elsewhere = [{"region": "us-east-1", "registryId": "999999999999"}]
    refused = outcome(
        registry.ecr.put_replication_configuration,
        replicationConfiguration={"rules": [{"destinations": elsewhere}]},
    )
    assert refused == "InvalidParameterException"
