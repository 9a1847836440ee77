"""PutEvents: which entries are taken, what an event looks like, and which rules it reaches."""

from __future__ import annotations

import datetime
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError


def test_an_event_has_all_its_fields_in_the_order_of_aws(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    when = datetime.datetime(2026, 3, 1, 10, 20, 30, 400_000, tzinfo=datetime.UTC)

    result = shop.put({"total": 310.5, "fruit": "pêche"}, Time=when, Resources=["arn:aws:s3:::shop"])

    text = shop.texts("orders")[0]
    assert text == (
        '{"version":"0","id":"' + result["EventId"] + '","detail-type":"Order Placed","source":"shop",'
        '"account":"123456789012","time":"2026-03-01T10:20:30Z","region":"eu-west-1",'
        '"resources":["arn:aws:s3:::shop"],"detail":{"total":310.5,"fruit":"pêche"}}'
    )


def test_without_a_time_the_time_of_the_call_counts(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.put()
    now = shop.clock.now()
    seen = datetime.datetime.fromisoformat(shop.bodies("orders")[0]["time"])
    assert abs((now - seen).total_seconds()) < 5


def test_one_bad_entry_fails_alone(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    good = {"Source": "shop", "DetailType": "Order Placed", "Detail": "{}"}
    entries = [
        good,
        {**good, "Source": ""},
        {name: value for name, value in good.items() if name != "DetailType"},
        {name: value for name, value in good.items() if name != "Detail"},
        {**good, "Detail": "not json"},
        {**good, "Detail": '["a list"]'},
        {**good, "Detail": '"a string"'},
        {**good, "Detail": '{"x": NaN}'},
        {**good, "Source": "aws.s3"},
    ]

    answer = shop.events.put_events(Entries=entries)

    codes = [entry.get("ErrorCode", "") for entry in answer["Entries"]]
    assert codes == [
        "",
        *["InvalidArgument"] * 3,
        *["MalformedDetail"] * 4,
        "NotAuthorizedForSourceException",
    ]
    assert answer["FailedEntryCount"] == 8
    assert answer["Entries"][2]["ErrorMessage"] == (
        "Parameter DetailType is not valid. Reason: DetailType is a required argument."
    )
    assert answer["Entries"][4]["ErrorMessage"] == "Detail is malformed."
    assert answer["Entries"][8]["ErrorMessage"] == "Not authorized for the source."
    assert len(shop.bodies("orders")) == 1


def entries_of(numbers: list[int]) -> list[dict[str, str]]:
    return [{"Source": "shop", "DetailType": "Order Placed", "Detail": f'{{"n": {n}}}'} for n in numbers]


def test_a_share_of_entries_comes_back_and_goes_through_when_sent_again(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.sandbox.faults.put("events.entry_fails", share=0.3)
    codes: list[str] = []
    for start in range(0, 200, 10):
        sent = entries_of(list(range(start, start + 10)))
        answer = shop.events.put_events(Entries=sent)
        failed = [one for one, result in zip(sent, answer["Entries"], strict=True) if "ErrorCode" in result]
        codes += [result["ErrorCode"] for result in answer["Entries"] if "ErrorCode" in result]
        assert answer["FailedEntryCount"] == len(failed)
        if failed:
            assert shop.events.put_events(Entries=failed)["FailedEntryCount"] == 0
    assert set(codes) == {"InternalFailure"}
    assert 30 <= len(codes) <= 90
    assert sorted(body["detail"]["n"] for body in shop.bodies("orders")) == list(range(200))


def test_failing_entries_leave_other_buses_alone(shop: Any) -> None:
    shop.events.create_event_bus(Name="other")
    shop.sandbox.faults.put("events.entry_fails", target="other")
    assert "EventId" in shop.put()
    assert shop.put(EventBusName="other")["ErrorCode"] == "InternalFailure"
    assert "EventId" in shop.put(EventBusName="other")


def test_the_events_of_aws_services_do_not_fail(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"), {"source": ["aws.ec2"]})
    shop.sandbox.faults.put("events.entry_fails")
    entry = {"Source": "aws.ec2", "DetailType": "State", "Detail": "{}"}
    assert "EventId" in shop.sandbox.backend("events").put_events([entry])[0]


def test_deeply_nested_detail_does_not_break_the_account(shop: Any) -> None:
    result = shop.put(Detail='{"a":' * 100_000 + "1" + "}" * 100_000)
    assert result["ErrorCode"] == "MalformedDetail"


def test_eleven_entries_are_refused(shop: Any) -> None:
    entry = {"Source": "shop", "DetailType": "Order Placed", "Detail": "{}"}
    with pytest.raises(ClientError, match="Member must have length less than or equal to 10") as error:
        shop.events.put_events(Entries=[entry] * 11)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert "PutEventsRequestEntry(time=null, source=shop, resources=null" in str(error.value)


def test_the_entries_of_a_call_stay_below_one_mebibyte(shop: Any) -> None:
    shop.queue("orders")

    def entry(size: int) -> dict[str, str]:
        rest = len("shop") + len("Order Placed") + len('{"x":""}')
        return {
            "Source": "shop",
            "DetailType": "Order Placed",
            "Detail": json.dumps({"x": "é" * 0 + "x" * (size - rest - 1)}),
        }

    half = 1_048_576 // 2
    assert not shop.events.put_events(Entries=[entry(half), entry(half - 1)])["FailedEntryCount"]
    with pytest.raises(ClientError, match="Total size of the entries in the request is over the limit"):
        shop.events.put_events(Entries=[entry(half), entry(half)])


def test_bytes_count_not_letters(shop: Any) -> None:
    text = json.dumps({"x": "é" * 530_000}, ensure_ascii=False)
    with pytest.raises(ClientError, match="over the limit"):
        shop.put(Detail=text)


def test_a_bus_is_named_by_name_or_by_arn(shop: Any) -> None:
    arn = shop.events.create_event_bus(Name="shop-bus")["EventBusArn"]
    shop.rule("orders", shop.queue("orders"), bus="shop-bus")

    shop.put({"by": "name"}, EventBusName="shop-bus")
    shop.put({"by": "arn"}, EventBusName=arn)
    shop.put({"by": "default"})

    assert [body["detail"]["by"] for body in shop.bodies("orders")] == ["name", "arn"]


def test_an_unknown_bus_takes_the_event_and_it_is_gone(shop: Any) -> None:
    result = shop.put(EventBusName="nowhere")
    assert "EventId" in result
    lost = shop.sandbox.trace.where(action="EventUnmatched")
    assert "There is no event bus nowhere" in lost[-1].note


def test_an_event_nobody_wants_is_said_to_be_gone(shop: Any) -> None:
    shop.put()
    assert (
        "No rule on the event bus default matches"
        in shop.sandbox.trace.where(action="EventUnmatched")[-1].note
    )


def test_every_matching_rule_and_every_target_gets_it(shop: Any) -> None:
    first, second = shop.queue("first"), shop.queue("second")
    shop.rule("both", first)
    shop.target("both", second, Id="two")
    shop.rule("again", first, {"detail-type": [{"prefix": "Order"}]})
    shop.rule("other", first, {"source": ["another"]})

    shop.put()

    assert len(shop.bodies("first")) == 2
    assert len(shop.bodies("second")) == 1


def test_a_changed_or_deleted_rule_counts_at_once(shop: Any) -> None:
    queue = shop.queue("orders")
    shop.rule("orders", queue)
    shop.put()
    shop.rule("orders", pattern={"source": ["another"]})
    shop.put()
    shop.put(Source="another")
    shop.events.remove_targets(Rule="orders", Ids=["one"])
    shop.events.delete_rule(Name="orders")
    shop.put(Source="another")
    assert [body["source"] for body in shop.bodies("orders")] == ["shop", "another"]


def test_a_disabled_rule_is_silent(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.events.disable_rule(Name="orders")
    shop.put()
    shop.events.enable_rule(Name="orders")
    shop.put({"heard": True})
    assert [body["detail"] for body in shop.bodies("orders")] == [{"heard": True}]


def test_a_rule_in_the_third_state_works_and_keeps_it(shop: Any) -> None:
    queue = shop.queue("orders")
    state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    shop.events.put_rule(Name="orders", EventPattern='{"source":["shop"]}', State=state)
    shop.target("orders", queue)
    shop.put()
    assert len(shop.bodies("orders")) == 1
    assert shop.events.describe_rule(Name="orders")["State"] == state


def test_ten_events_arrive_in_order(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.events.put_events(
        Entries=[
            {"Source": "shop", "DetailType": "n", "Detail": json.dumps({"n": number})} for number in range(10)
        ]
    )
    assert [body["detail"]["n"] for body in shop.bodies("orders")] == list(range(10))


def test_s3_announces_new_objects_on_the_default_bus(shop: Any) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_notification_configuration(
        Bucket="shop", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    shop.rule("files", shop.queue("files"), {"source": ["aws.s3"], "detail-type": ["Object Created"]})

    s3.put_object(Bucket="shop", Key="list.txt", Body=b"plums")

    body = shop.bodies("files")[0]
    assert body["detail"]["object"]["key"] == "list.txt"
    assert body["account"] == "123456789012"


def test_a_rehearsal_leaves_no_event_behind(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.clock.advance(seconds=1)
    before = shop.sandbox.digest()
    with shop.sandbox.rehearsal():
        shop.put()
        assert len(shop.bodies("orders")) == 1
    assert shop.sandbox.digest() == before
    assert shop.bodies("orders") == []


def test_after_a_reset_nothing_is_left(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.sandbox.reset()
    shop.put()
    assert shop.events.list_rules()["Rules"] == []
    shop.rule("orders", shop.queue("orders"))
    shop.put()
    assert len(shop.bodies("orders")) == 1


@pytest.mark.parametrize(
    "entries",
    [
        "no list", [3], [{"Source": 3, "DetailType": "x", "Detail": "{}"}], [{"Source": "x", "Detail": {"a": 1}}],
        [{"Source": "x", "DetailType": "x", "Detail": "{}", "Resources": [1]}],
        [{"Source": "x", "DetailType": "x", "Detail": "{}", "Time": "yesterday"}],
    ],
)  # fmt: skip
def test_values_of_the_wrong_type_that_boto3_would_not_send(shop: Any, entries: Any) -> None:
    from botocore.config import Config

    client: Any = boto3.client("events", config=Config(parameter_validation=False))
    sent = json.dumps({"Entries": entries}).encode()
    client.meta.events.register("before-sign.events", lambda request, **_: setattr(request, "data", sent))
    with pytest.raises(ClientError) as error:
        client.put_events(Entries=[])
    assert error.value.response["Error"]["Code"] == "SerializationException"
