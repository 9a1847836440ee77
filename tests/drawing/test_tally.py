"""What stands at a connection: what came of it, in a few words."""

from __future__ import annotations

import pytest

from labkit.drawing.services._filters import in_full, phrase
from labkit.drawing.tally import FAILING, REFUSED, Tally, denied, short_reason


@pytest.mark.parametrize(
    ("code", "note", "said"),
    [
        ("AccessDenied", "The queue has no policy, so sns.amazonaws.com may not do sqs:SendMessage.", "no policy"),
        ("AccessDenied", "No statement of the queue's policy allows sns.amazonaws.com to do it.", "its policy"),
        ("AccessDenied", "Statement 2 of policy own forbids role x to do it. A Deny wins.", "a Deny"),
        ("AccessDeniedException", "Role pack may not do dynamodb:PutItem: it has no policy.", "no permission"),
        ("AccessDenied", "", "not allowed"),
        ("AWS.SimpleQueueService.NonExistentQueue", "", "does not exist"),
        ("ResourceNotFoundException", "", "does not exist"),
        ("ThrottlingException", "", "throttled"),
        ("ServiceUnavailable", "", "unavailable"),
        ("ValueError", "", "ValueError"),
    ],
)  # fmt: skip
def test_reasons_in_two_or_three_words(code: str, note: str, said: str) -> None:
    assert short_reason(code, note) == said


def test_only_denials_are_denials() -> None:
    assert denied("AccessDeniedException")
    assert denied("AuthorizationError")
    assert not denied("ValidationException")


def test_what_arrived_and_what_did_not() -> None:
    tally = Tally(arrived=1200, filtered=3, refused=2)
    tally.blame(REFUSED, "AccessDenied", "", "no")
    assert tally.counted == "1,200 delivered, 3 filtered out"
    assert tally.trouble == "2 refused: not allowed"
    tally.standing = ""
    assert tally.trouble == "2 refused before: not allowed"


def test_tries_are_trouble_while_they_fail_and_a_number_afterwards() -> None:
    tally = Tally(tries=16)
    tally.blame(FAILING, "ServiceUnavailable", "", "down")
    assert (tally.counted, tally.trouble) == ("", "16 failed tries: unavailable")
    tally.arrived, tally.standing = 1, ""
    assert (tally.counted, tally.trouble) == ("1 delivered, after 16 failed tries", "")


def test_two_of_them_add_up() -> None:
    one, two = Tally(arrived=2), Tally(arrived=3, dead=1, standing=REFUSED, why="because")
    one.add(two)
    assert (one.arrived, one.dead, one.standing, one.why) == (5, 1, REFUSED, "because")
    assert one
    assert not Tally()


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ({"country": ["AT", "DE"]}, "country AT or DE"),
        ({"amount": [{"numeric": [">", 0, "<=", 5]}]}, "amount > 0 and <= 5"),
        ({"detail": {"status": [{"anything-but": ["draft"]}]}}, "status not draft"),
        ({"detail": {"a": {"b": [{"exists": False}]}}}, "a.b is not there"),
        ({"name": [{"prefix": "A"}, {"suffix": ".eu"}]}, "name starts with A or ends with .eu"),
        ({"$or": [{"a": [1]}, {"b": [True, None]}]}, "a 1 or b true or null"),
        ({"x": [1, 2, 3, 4, 5]}, "x 1 or 2 or 3 or 2 more"),
        ('{"x": [""]}', 'x ""'),
        ("no JSON", ""),
        (None, ""),
        ([1], ""),
    ],
)
def test_patterns_in_a_few_words(pattern: object, said: str) -> None:
    assert phrase(pattern) == said


def test_patterns_in_full() -> None:
    assert in_full('{"x": ["\u00e9"]}') == '{"x": ["\u00e9"]}'
    assert in_full("") == ""
