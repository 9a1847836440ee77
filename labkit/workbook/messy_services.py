"""What somebody else has of the serverless services: topics, rules, schedules, pipes, functions, roles and the like.

Each filler gets a client of one Region. What it needs of other services it makes itself, by the names below; nothing
it makes reaches anything of the learner's.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any, Final

from labkit.sandbox import current

NAME: Final = "somebody-elses"
OWNER: Final = {"owner": "somebody-else", "project": "quarry"}
_TAGS: Final = [{"Key": key, "Value": value} for key, value in OWNER.items()]
_HANDLER: Final = "def handler(event, context):\n    print('somebody else', event)\n    return {'ok': True}\n"
_TRUSTED: Final = ("lambda", "scheduler", "pipes", "events", "states")
_TYPICAL: Final = ("orders", "order-events", "orders-dlq", "order", "ordersX", "billing", "notify")
"""Endings that make names look like those of labs."""


def _other(service: str, like: Any) -> Any:
    """A client of another service for the same Region."""
    return current().client(service, like.meta.region_name)


def _place(like: Any) -> str:
    return f"{like.meta.region_name}:{current().account}"


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _role(like: Any, name: str) -> str:
    """A role that every serverless service takes and that may do a little. Made once for both Regions."""
    iam = _other("iam", like)
    try:
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])
    except iam.exceptions.NoSuchEntityException:
        trusted = {"Service": [f"{one}.amazonaws.com" for one in _TRUSTED]}
        trust = _document({"Principal": trusted, "Action": "sts:AssumeRole"})
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=_TAGS)
        actions = ["sqs:*", "sns:Publish", "lambda:InvokeFunction", "logs:*", "events:PutEvents", "kinesis:*"]
        services = sorted({action.partition(":")[0] for action in actions})
        told = _document({"Action": actions, "Resource": [f"arn:aws:{one}:*:*:*{NAME}*" for one in services]})
        iam.put_role_policy(RoleName=name, PolicyName="quarry", PolicyDocument=told)
        return str(made["Role"]["Arn"])


def _queue(like: Any, name: str, *services: str) -> str:
    """A queue that these services may write to; its ARN."""
    arn = f"arn:aws:sqs:{_place(like)}:{name}"
    principal = {"Service": [f"{one}.amazonaws.com" for one in services]}
    policy = _document({"Principal": principal, "Action": "sqs:SendMessage", "Resource": arn})
    _other("sqs", like).create_queue(QueueName=name, Attributes={"Policy": policy}, tags=OWNER)
    return arn


def _topics(sns: Any) -> None:
    queue = _queue(sns, f"{NAME}-fan-out", "sns")
    for number, ending in enumerate(_TYPICAL):
        topic = sns.create_topic(Name=f"{NAME}-{ending}", Tags=_TAGS)["TopicArn"]
        filtered = {"FilterPolicy": json.dumps({"kind": ["stone"]})} if number % 2 else {}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=filtered)
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=f"clerk-{number}@quarry.example")
        sns.publish(TopicArn=topic, Message=f"stone {number}")
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    sns.create_topic(Name=f"{NAME}-ledger.fifo", Attributes=fifo, Tags=_TAGS)


def _events(events: Any) -> None:
    queue = _queue(events, f"{NAME}-events", "events")
    bus = f"{NAME}-shop"
    events.create_event_bus(Name=bus, Tags=_TAGS)
    everything = json.dumps({"account": [current().account]})
    for where, ending in ((bus, "placed"), (bus, "orders"), ("default", "watch-everything")):
        rule = f"{NAME}-{ending}"
        events.put_rule(Name=rule, EventBusName=where, EventPattern=everything, Tags=_TAGS)
        events.put_targets(Rule=rule, EventBusName=where, Targets=[{"Id": "1", "Arn": queue}])
    events.put_rule(Name=f"{NAME}-hourly", ScheduleExpression="rate(1 hour)", Tags=_TAGS)
    events.put_targets(Rule=f"{NAME}-hourly", Targets=[{"Id": "1", "Arn": queue}])
    events.put_rule(Name=f"{NAME}-old", EventBusName=bus, EventPattern=everything, State="DISABLED")
    source = f"arn:aws:events:{_place(events)}:event-bus/{bus}"
    events.create_archive(ArchiveName=f"{NAME}-tape", EventSourceArn=source, RetentionDays=3)
    entry = {"EventBusName": bus, "Source": "quarry", "DetailType": "OrderPlaced", "Detail": '{"order": 1}'}
    events.put_events(Entries=[entry])


def _schedules(scheduler: Any) -> None:
    queue = f"arn:aws:sqs:{_place(scheduler)}:{NAME}-schedules"
    _other("sqs", scheduler).create_queue(QueueName=f"{NAME}-schedules", tags=OWNER)
    role = _role(scheduler, f"{NAME}-role")
    scheduler.create_schedule_group(Name=f"{NAME}-group", Tags=_TAGS)
    for group, ending, when in (
        ("default", "nightly-report", "cron(0 9 * * ? *)"),
        (f"{NAME}-group", "nightly-report", "rate(1 hour)"),
    ):
        scheduler.create_schedule(
            Name=f"{NAME}-{ending}", GroupName=group, ScheduleExpression=when,
            FlexibleTimeWindow={"Mode": "OFF"}, Target={"Arn": queue, "RoleArn": role},
        )  # fmt: skip


def _function(like: Any, name: str) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", _HANDLER)
    made = _other("lambda", like).create_function(
        FunctionName=name, Runtime="python3.13", Handler="app.handler", Code={"ZipFile": buffer.getvalue()},
        Role=_role(like, f"{NAME}-role"), Tags=OWNER,
    )  # fmt: skip
    return str(made["FunctionArn"])


def _functions(lambda_: Any) -> None:
    queue = f"arn:aws:sqs:{_place(lambda_)}:{NAME}-work"
    _other("sqs", lambda_).create_queue(QueueName=f"{NAME}-work", tags=OWNER)
    for ending in ("pack", "notify", "orders"):
        _function(lambda_, f"{NAME}-{ending}")
    lambda_.publish_version(FunctionName=f"{NAME}-orders")
    lambda_.create_alias(FunctionName=f"{NAME}-orders", Name="live", FunctionVersion="1")
    lambda_.create_event_source_mapping(EventSourceArn=queue, FunctionName=f"{NAME}-pack", Enabled=False)


def _pipes(pipes: Any) -> None:
    ends = [f"{NAME}-pipe-from", f"{NAME}-pipe-to"]
    for name in ends:
        _other("sqs", pipes).create_queue(QueueName=name, tags=OWNER)
    source, target = (f"arn:aws:sqs:{_place(pipes)}:{name}" for name in ends)
    pipes.create_pipe(
        Name=f"{NAME}-pipe", Source=source, Target=target, RoleArn=_role(pipes, f"{NAME}-role"), Tags=OWNER,
        DesiredState="STOPPED",
    )  # fmt: skip


def _roles(iam: Any) -> None:
    for ending in (*_TYPICAL, "role", "lambda-role", "pack-role"):
        _role(iam, f"{NAME}-{ending}")
    iam.create_user(UserName=f"{NAME}-clerk", Tags=_TAGS)
    policy = _document({"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{NAME}-*/*"})
    iam.create_policy(PolicyName=f"{NAME}-reading", PolicyDocument=policy, Tags=_TAGS)


def _logs(logs: Any) -> None:
    for name in (f"/aws/lambda/{NAME}-orders", f"/{NAME}/orders", f"/{NAME}/audit"):
        logs.create_log_group(logGroupName=name, tags=OWNER)
        logs.create_log_stream(logGroupName=name, logStreamName="one")
        now = int(current().clock.time() * 1000)
        line = {"timestamp": now, "message": "ERROR somebody else's order"}
        logs.put_log_events(logGroupName=name, logStreamName="one", logEvents=[line])


def _streams(kinesis: Any) -> None:
    for ending in ("orders", "clicks"):
        name = f"{NAME}-{ending}"
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.put_record(StreamName=name, Data=b'{"order": 1}', PartitionKey="a")


def _keys(kms: Any) -> None:
    for ending in ("orders", "retired"):
        key = kms.create_key(
            Description=f"{NAME} {ending}", Tags=[{"TagKey": t["Key"], "TagValue": t["Value"]} for t in _TAGS]
        )["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{NAME}-{ending}", TargetKeyId=key)
        if ending == "retired":
            kms.disable_key(KeyId=key)


def _buckets(s3: Any) -> None:
    region = s3.meta.region_name
    for ending in ("orders", "receipts"):
        name = f"{NAME}-{ending}-{region}"
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **where)
        s3.put_object(Bucket=name, Key="order-1.json", Body=b'{"order": 1}')


FILLERS: Final[dict[str, Callable[[Any], None]]] = {
    "sns": _topics, "events": _events, "scheduler": _schedules, "pipes": _pipes, "lambda": _functions, "iam": _roles,
    "logs": _logs, "kinesis": _streams, "kms": _keys, "s3": _buckets,
}  # fmt: skip
"""moto's name of a service -> what puts somebody else's things into one Region of it."""
