"""Rules, targets and policies of buses: what is kept and what is refused, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

PATTERN = '{"source":["shop"]}'
ELSEWHERE = "arn:aws:sqs:eu-west-1:123456789012:nowhere"


def refused(call: Any, **params: Any) -> tuple[str, str]:
    """The code and the message of the error."""
    with pytest.raises(ClientError) as error:
        call(**params)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_rule_needs_a_pattern_or_a_schedule(shop: Any) -> None:
    assert refused(shop.events.put_rule, Name="r") == (
        "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.",
    )  # fmt: skip


def test_names_and_states_follow_the_model_and_all_errors_are_named(shop: Any) -> None:
    code, message = refused(shop.events.put_rule, Name="b d" * 30, EventPattern=PATTERN, State="ON")
    assert code == "ValidationException"
    assert message.startswith("3 validation errors detected: Value 'b db d")
    assert (
        "at 'name' failed to satisfy constraint: Member must have length less than or equal to 64; "
        in message
    )
    assert r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+; " in message
    assert (
        "Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: "
        "[ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"
    ) in message


def test_a_pattern_is_at_most_4096_letters_and_valid(shop: Any) -> None:
    long = json.dumps({"source": ["x" * 4_096]})
    assert "less than or equal to 4096" in refused(shop.events.put_rule, Name="r", EventPattern=long)[1]
    code, message = refused(shop.events.put_rule, Name="r", EventPattern='{"source": "shop"}')
    assert code == "InvalidEventPatternException"
    assert message.startswith("Event pattern is not valid. Reason: ")


def test_a_rule_that_is_put_again_is_replaced_but_keeps_its_targets_and_tags(shop: Any) -> None:
    queue = shop.queue("orders")
    shop.events.put_rule(Name="r", EventPattern=PATTERN, Description="old", Tags=[{"Key": "a", "Value": "1"}])
    shop.target("r", queue)
    arn = shop.events.put_rule(Name="r", EventPattern=PATTERN, Tags=[{"Key": "b", "Value": "2"}])["RuleArn"]
    assert "Description" not in shop.events.describe_rule(Name="r")
    assert len(shop.events.list_targets_by_rule(Rule="r")["Targets"]) == 1
    assert shop.events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_a_bus_takes_three_hundred_rules(shop: Any) -> None:
    for number in range(300):
        shop.sandbox.backend("events").put_rule(f"r{number}", event_pattern=PATTERN)
    assert refused(shop.events.put_rule, Name="one-more", EventPattern=PATTERN) == (
        "LimitExceededException", "The requested resource exceeds the maximum number allowed.",
    )  # fmt: skip
    shop.events.put_rule(Name="r7", EventPattern=PATTERN)


def test_a_rule_that_is_not_there(shop: Any) -> None:
    gone = ("ResourceNotFoundException", "Rule r does not exist on EventBus default.")
    for call, params in (
        (shop.events.describe_rule, {"Name": "r"}),
        (shop.events.enable_rule, {"Name": "r"}),
        (shop.events.disable_rule, {"Name": "r"}),
        (shop.events.list_targets_by_rule, {"Rule": "r"}),
        (shop.events.put_targets, {"Rule": "r", "Targets": [{"Id": "1", "Arn": ELSEWHERE}]}),
        (shop.events.remove_targets, {"Rule": "r", "Ids": ["1"]}),
    ):
        assert refused(call, **params) == gone
    shop.events.delete_rule(Name="r")
    assert refused(shop.events.delete_rule, Name="r", EventBusName="gone") == (
        "ResourceNotFoundException", "Event bus gone does not exist.",
    )  # fmt: skip


def test_a_rule_with_targets_is_not_deleted(shop: Any) -> None:
    shop.rule("r", shop.queue("orders"))
    assert refused(shop.events.delete_rule, Name="r") == (
        "ValidationException", "Rule can't be deleted since it has targets.",
    )  # fmt: skip


def test_a_rule_has_five_targets_and_none_is_added_beyond(shop: Any) -> None:
    queue = shop.queue("orders")
    shop.rule("r")
    for number in range(5):
        shop.target("r", queue, Id=str(number))
    shop.target("r", queue, Id="3", Input='"changed"')
    assert refused(shop.events.put_targets, Rule="r", Targets=[{"Id": "5", "Arn": queue}]) == (
        "LimitExceededException", "The requested resource exceeds the maximum number allowed.",
    )  # fmt: skip


def test_which_rules_have_a_target(shop: Any) -> None:
    queue, other = shop.queue("orders"), shop.queue("other")
    shop.rule("a", queue)
    shop.rule("b", other)
    shop.rule("c", queue)
    assert shop.events.list_rule_names_by_target(TargetArn=queue)["RuleNames"] == ["a", "c"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"Id": "!", "Arn": ELSEWHERE}, r"Value '!' at 'targets.1.member.id' failed to satisfy constraint"),
        ({"Id": "1", "Arn": "nonsense"}, "Parameter nonsense is not valid. Reason: Provided Arn is not in correct"),
        ({"Id": "1", "Arn": ELSEWHERE + ".fifo"}, "Parameter(s) SqsParameters must be specified for target: 1."),
        (
            {"Id": "1", "Arn": "arn:aws:kinesis:eu-west-1:123456789012:stream/s"},
            "RoleArn is required for target arn:aws:kinesis:eu-west-1:123456789012:stream/s.",
        ),
        (
            {"Id": "1", "Arn": "arn:aws:events:eu-west-1:123456789012:event-bus/other"},
            "RoleArn is required for target",
        ),
        (
            {"Id": "1", "Arn": ELSEWHERE, "RoleArn": "arn:aws:iam::123456789012:role/nobody"},
            "Provided role 'arn:aws:iam::123456789012:role/nobody' cannot be assumed by principal "
            "'events.amazonaws.com'.",
        ),
        (
            {"Id": "1", "Arn": ELSEWHERE, "RetryPolicy": {"MaximumRetryAttempts": 186}},
            "at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: "
            "Member must have value less than or equal to 185",
        ),
        (
            {"Id": "1", "Arn": ELSEWHERE, "RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}},
            "Member must have value less than or equal to 86400",
        ),
        (
            {"Id": "1", "Arn": ELSEWHERE, "DeadLetterConfig": {"Arn": ELSEWHERE + ".fifo"}},
            "Only standard queues are supported.",
        ),
    ],
)  # fmt: skip
def test_a_target_that_cannot_work_is_refused(shop: Any, target: dict[str, Any], message: str) -> None:
    shop.rule("r")
    code, said = refused(shop.events.put_targets, Rule="r", Targets=[target])
    assert code == "ValidationException"
    assert message in said


def test_a_role_that_does_not_trust_eventbridge_is_refused(shop: Any) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = shop.iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    shop.rule("r")
    target = {"Id": "1", "Arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m", "RoleArn": role}
    assert "cannot be assumed by principal" in refused(shop.events.put_targets, Rule="r", Targets=[target])[1]


def test_the_rule_of_an_archive_belongs_to_aws(shop: Any) -> None:
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    shop.events.create_archive(ArchiveName="tape", EventSourceArn=bus)
    name = "Events-Archive-tape"
    assert shop.events.describe_rule(Name=name)["ManagedBy"] == "prod.vhs.events.aws.internal"
    assert refused(shop.events.disable_rule, Name=name)[0] == "ManagedRuleException"
    assert refused(shop.events.remove_targets, Rule=name, Ids=[name])[0] == "ManagedRuleException"
    shop.events.remove_targets(Rule=name, Ids=[name], Force=True)
    shop.events.delete_rule(Name=name, Force=True)


def test_permissions_of_a_bus_add_up_and_a_policy_replaces_them(shop: Any) -> None:
    events = shop.events
    for name, account in (("a", "111122223333"), ("b", "111122223333"), ("c", "*")):
        events.put_permission(Action="events:PutEvents", Principal=account, StatementId=name)
    statements = json.loads(events.describe_event_bus()["Policy"])["Statement"]
    assert [(one["Sid"], one["Principal"]) for one in statements] == [
        ("a", {"AWS": "arn:aws:iam::111122223333:root"}), ("b", {"AWS": "arn:aws:iam::111122223333:root"}), ("c", "*"),
    ]  # fmt: skip
    events.remove_permission(StatementId="a")
    assert (
        refused(events.remove_permission, StatementId="a")[1]
        == "Statement with the provided id does not exist."
    )

    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "events:PutEvents",
    }
    arn = events.describe_event_bus()["Arn"]
    events.put_permission(
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]})
    )
    assert json.loads(events.describe_event_bus()["Policy"])["Statement"] == [{**allow, "Resource": arn}]
    assert refused(events.put_permission, Policy="{")[0] == "ValidationException"
    assert refused(events.put_permission, Policy='{"Statement": 3}')[0] == "ValidationException"


def test_a_condition_on_an_organization_is_kept(shop: Any) -> None:
    condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"}
    shop.events.put_permission(
        Action="events:PutEvents", Principal="*", StatementId="org", Condition=condition
    )
    statement = json.loads(shop.events.describe_event_bus()["Policy"])["Statement"][0]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert statement["Principal"] == "*"


def test_looking_at_rules_changes_nothing(sandbox: Sandbox, shop: Any) -> None:
    shop.rule("r", shop.queue("orders"))
    before = sandbox.digest()
    shop.events.list_rules()
    shop.events.describe_rule(Name="r")
    shop.events.list_targets_by_rule(Rule="r")
    assert sandbox.digest() == before


def test_what_is_missing_or_of_the_wrong_type_is_named(shop: Any) -> None:
    client: Any = boto3.client("events", config=Config(parameter_validation=False))
    shop.rule("r")
    code, message = refused(client.put_targets, Rule="r", Targets=[{"Id": "1"}])
    assert (code, message) == (
        "ValidationException",
        "1 validation error detected: Value null at 'targets.1.member.arn' failed to satisfy constraint: "
        "Member must not be null",
    )
    sent = b'{"Rule": "r", "Targets": {"Id": "1"}}'
    client.meta.events.register("before-sign.events", lambda request, **_: setattr(request, "data", sent))
    assert refused(client.put_targets, Rule="r", Targets=[])[0] == "SerializationException"


def test_a_prefix_is_a_prefix_and_no_pattern(shop: Any) -> None:
    for name in ("shop.a", "shopxb"):
        shop.rule(name)
    assert [rule["Name"] for rule in shop.events.list_rules(NamePrefix="shop.")["Rules"]] == ["shop.a"]


def test_buses_are_listed_with_their_times(shop: Any) -> None:
    (bus,) = shop.events.list_event_buses()["EventBuses"]
    assert bus["CreationTime"] == bus["LastModifiedTime"]
