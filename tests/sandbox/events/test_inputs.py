"""What a target receives: Input, InputPath, InputTransformer, and what PutTargets refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

DETAIL = {
    "to": "Ann",
    "cents": 310,
    "paid": True,
    "none": None,
    "lines": [{"fruit": "plum"}, {"fruit": "pear"}],
}


def delivered(shop: Any, **target: Any) -> str:
    """What the queue of a rule with such a target gets for one event."""
    shop.rule("orders", shop.queue("orders"), **target)
    shop.put(DETAIL)
    texts = shop.texts("orders")
    assert len(texts) == 1
    return str(texts[0])


def transformed(shop: Any, template: str, **paths: str) -> str:
    return delivered(shop, InputTransformer={"InputPathsMap": paths, "InputTemplate": template})


def test_a_constant_replaces_the_event(shop: Any) -> None:
    assert delivered(shop, Input='{"say": "hello"}') == '{"say": "hello"}'


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("$.detail.lines", [{"fruit": "plum"}, {"fruit": "pear"}]),
        ("$.detail.to", "Ann"),
        ("$.detail-type", "Order Placed"),
        ("$.detail.lines[1].fruit", "pear"),
        ("$.detail.lines[*].fruit", ["plum", "pear"]),
        ("$.detail['cents']", 310),
        ("$.detail.missing", None),
    ],
)
def test_a_path_takes_one_part_of_the_event(shop: Any, path: str, wanted: Any) -> None:
    assert json.loads(delivered(shop, InputPath=path)) == wanted


def test_the_whole_event_under_the_root_path(shop: Any) -> None:
    assert json.loads(delivered(shop, InputPath="$"))["source"] == "shop"


def test_variables_without_quotes_become_json_of_their_kind(shop: Any) -> None:
    text = transformed(
        shop, '{"to": <to>, "cents": <cents>, "paid": <paid>, "lines": <lines>, "all": <detail>, "none": <none>}',
        to="$.detail.to", cents="$.detail.cents", paid="$.detail.paid", lines="$.detail.lines", detail="$.detail",
        none="$.detail.none",
    )  # fmt: skip
    assert json.loads(text) == {
        "to": "Ann", "cents": 310, "paid": True, "lines": DETAIL["lines"], "all": DETAIL, "none": None,
    }  # fmt: skip


def test_variables_inside_quotes_are_written_into_the_text(shop: Any) -> None:
    text = transformed(shop, '"<to> owes <cents> \\"cents\\""', to="$.detail.to", cents="$.detail.cents")
    assert text == '"Ann owes 310 \\"cents\\""'
    assert json.loads(text) == 'Ann owes 310 "cents"'


def test_an_object_inside_quotes_loses_its_own_quotes(shop: Any) -> None:
    assert (
        transformed(shop, '"Lines: <lines>"', lines="$.detail.lines")
        == '"Lines: [{fruit:plum},{fruit:pear}]"'
    )


def test_a_text_of_several_lines(shop: Any) -> None:
    text = transformed(shop, '"Dear <to>,"\n"pay <cents>."', to="$.detail.to", cents="$.detail.cents")
    assert text == '"Dear Ann,"\n"pay 310."'


def test_what_is_missing_is_an_empty_text(shop: Any) -> None:
    assert json.loads(transformed(shop, '{"a": <gone>, "b": "<gone>!"}', gone="$.detail.gone")) == {
        "a": "",
        "b": "!",
    }


def test_the_variables_of_eventbridge(shop: Any) -> None:
    text = transformed(
        shop,
        '{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>, '
        '"event": <aws.events.event>, "json": <aws.events.event.json>}',
    )
    body = json.loads(text)
    assert body["arn"] == "arn:aws:events:eu-west-1:123456789012:rule/orders"
    assert body["name"] == "orders"
    assert body["at"].endswith("Z")
    assert "detail" not in body["event"]
    assert body["event"]["detailType"] == "Order Placed"
    assert body["json"]["detail"] == DETAIL
    assert body["json"]["detail-type"] == "Order Placed"


def test_values_are_not_escaped_so_quotes_in_a_text_break_the_template(shop: Any) -> None:
    dead = shop.queue("dead")
    shop.rule(
        "orders", shop.queue("orders"), DeadLetterConfig={"Arn": dead},
        InputTransformer={"InputPathsMap": {"x": "$.detail.x"}, "InputTemplate": '{"x": "<x>"}'},
    )  # fmt: skip
    shop.put({"x": 'say "hi"'})
    assert shop.texts("orders") == []
    message = shop.messages("dead")[0]
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_JSON"
    assert json.loads(message["Body"])["detail"] == {"x": 'say "hi"'}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            {"Input": "{}", "InputPath": "$.detail"},
            "Only one of Input, InputPath, or InputTransformer must be provided for target one.",
        ),
        ({"Input": "hello"}, "JSON syntax error in input for target one"),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": '"<b>"'}},
            "InputTemplate for target one contains invalid placeholder b.",
        ),
        (
            {"InputTransformer": {"InputTemplate": '"<aws.events.event.json>"'}},
            "InputTemplate for target one contains placeholder aws.events.event.json valid only for JSON template.",
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": '{"a": <a>'}},
            "Invalid InputTemplate for target one",
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": "{<a>: 1}"}},
            "Invalid InputTemplate for target one",
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {f"k{n}": "$.detail" for n in range(101)}, "InputTemplate": '"<k1>"',
                }
            },
            "Member must have length less than or equal to 100",
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a b": "$.detail"}, "InputTemplate": '"x"'}},
            "Member must satisfy regular expression pattern",
        ),
    ],
)  # fmt: skip
def test_a_bad_input_is_refused_when_the_target_is_put(
    shop: Any, target: dict[str, Any], message: str
) -> None:
    queue = shop.queue("orders")
    shop.rule("orders")
    with pytest.raises(ClientError) as error:
        shop.target("orders", queue, **target)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert message in str(error.value)
    assert shop.events.list_targets_by_rule(Rule="orders")["Targets"] == []
