"""Hints, solutions and predictions: real time, honest tries, and cards that say what is next."""

from __future__ import annotations

import boto3
import pytest

from labkit.errors import NotFound, UsageError
from labkit.judging import question
from labkit.lab import Lab
from labkit.notebook.cards import Hint, Note, Prediction, Solution


class Watch:
    def __init__(self) -> None:
        self.time = 1_795_428_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def watch(lab: Lab) -> Watch:
    """The lab's real clock, in the hands of the test."""
    lab._progress._now = watch = Watch()
    return watch


def fail(lab: Lab) -> None:
    boto3.client("sqs").create_queue(QueueName="orders", Attributes={"VisibilityTimeout": "1"})
    assert lab.check("make").status == "failed"


def test_the_first_hint_is_free_at_once(lab: Lab) -> None:
    hint = lab.hint("make")
    assert isinstance(hint, Hint)
    assert repr(hint).splitlines()[:2] == ["HINT 1 OF 3  16.1 Make a queue (free)", "  think"]
    assert set(hint._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_the_second_hint_waits_for_a_try_or_for_time(lab: Lab, watch: Watch) -> None:
    lab.hint("make")
    watch.time += 40
    refused = lab.hint("make")
    assert isinstance(refused, Note)
    assert "Hint 2 opens after one failed check, or in 1 min 20 s." in repr(refused)
    assert 'Hint 1 again: lab.hint("make", 1)' in repr(refused)
    watch.time += 80
    assert isinstance(lab.hint("make"), Hint)


def test_moving_the_labs_clock_opens_nothing(lab: Lab, watch: Watch) -> None:
    lab.hint("make")
    lab.clock.advance(hours=1)
    assert isinstance(lab.hint("make", 2), Note)


def test_failed_checks_open_hints(lab: Lab, watch: Watch) -> None:
    lab.check("make")  # there is nothing yet: no try
    assert isinstance(lab.hint("make", 2), Note)
    fail(lab)
    assert "costs 1 point" in repr(lab.hint("make", 2))
    assert "after one more failed check, or in 5 min" in repr(lab.hint("make", 3))
    lab.check("make")
    third = lab.hint("make", 3)
    assert "costs 3 points" in repr(third)
    assert "sqs.____()" in repr(third)
    assert "<pre>sqs.____()</pre>" in third.html()


def test_without_a_level_the_next_one_comes_and_then_the_last_again(lab: Lab, watch: Watch) -> None:
    fail(lab)
    lab.check("make")
    levels = [hint.level for _ in range(4) if isinstance(hint := lab.hint("make"), Hint)]
    assert levels == [1, 2, 3, 3]


def test_without_a_name_it_is_the_exercise_you_are_at(lab: Lab, watch: Watch) -> None:
    assert isinstance(first := lab.hint(), Hint)
    assert first.name == "make"
    watch.time += 5
    lab.check("double", worker=lambda x: x)
    assert isinstance(second := lab.hint(), Hint)
    assert second.name == "double"
    lab.check("double", worker=lambda x: 2 * x)
    assert isinstance(third := lab.hint(level=1), Hint)
    assert third.name == "make", "what is passed needs no hint"


def test_a_hint_may_be_code_prose_or_both_and_names_its_links() -> None:
    code = "while job.step():\n    sqs.change_message_visibility(VisibilityTimeout=____)"
    assert f"<pre>{code}</pre>" in Hint("n", "1", "t", 3, code, "").html()
    assert f"      {code.splitlines()[1]}" in Hint("n", "1", "t", 3, code, "").text()
    address = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"
    both = Hint("n", "1", "t", 2, f"Look\nhere. See {address}.\n\n```python\nx = `____`\n```\nDone.", "")
    assert "<p>Look here. See <a " in both.html()
    assert (
        f'href="{address}" target="_blank" rel="noopener">AWS documentation: API_SendMessage</a>.'
        in both.html()
    )
    assert "<pre>x = `____`</pre><p>Done.</p>" in both.html()
    assert address in both.text()


@pytest.mark.parametrize("level", [0, 4, True, "two"])
def test_there_are_three_hints(lab: Lab, level: object) -> None:
    with pytest.raises(UsageError, match=r'lab\.hint\("make", 1\), 2 or 3'):
        lab.hint("make", level)  # type: ignore[arg-type]


def test_help_for_an_unknown_exercise_names_the_nearest(lab: Lab) -> None:
    for ask in (lab.hint, lab.solution, lambda name: lab.jump_to(name, into={})):
        with pytest.raises(NotFound, match="Did you mean 'make'"):
            ask("mke")


def test_the_solution_wants_hint_3_and_a_try(lab: Lab, watch: Watch) -> None:
    refused = lab.solution("make")
    assert isinstance(refused, Note)
    assert "The solution opens after hint 3 and after one check of your own." in repr(refused)
    fail(lab)
    lab.check("make")
    lab.hint("make", 3)
    report = lab.check("make")
    assert 'The solution is open (it leaves half of the points): lab.solution("make")' in repr(report)
    solution = lab.solution("make")
    assert isinstance(solution, Solution)
    assert "    url = sqs.create_queue(QueueName='orders')['QueueUrl']" in repr(solution)
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})
    assert lab.check("make").earned == 5


def test_after_a_pass_the_solution_is_free(lab: Lab) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    assert lab.check("make").passed
    assert "free: you have passed" in repr(lab.solution("make"))
    assert lab.check("make").earned == 10


def test_a_prediction_shows_judges_and_explains_but_is_never_graded(lab: Lab) -> None:
    asked = repr(lab.predict("how_many"))
    assert asked.splitlines()[:3] == ["PREDICT  How many times?", "  a  once", "  b  twice"]
    assert 'lab.predict("how_many", "a")' in asked
    wrong = lab.predict("how_many", "A")
    assert wrong.right is False
    for part in ("NOT QUITE", "It comes again.", "The answer is b: twice", "At least once."):
        assert part in repr(wrong)
    right = lab.predict("how_many", answer="b")
    assert (right.right, repr(right).split()[0]) == (True, "RIGHT")
    assert lab._progress.prediction(lab.key, "how_many") == "b"
    assert "0 of 30 points" in repr(lab)


def test_a_key_that_is_no_choice_names_the_choices(lab: Lab) -> None:
    with pytest.raises(UsageError, match="'c' is none of the choices.* 'a': once; 'b': twice"):
        lab.predict("how_many", "c")
    with pytest.raises(NotFound, match="Did you mean 'how_many'"):
        lab.predict("how_mny")


def test_code_in_a_question_is_set_as_code_once_it_is_answered() -> None:
    asked = question("What does `<b>` do?", a="nothing", answer="a", because="It is text.")
    assert "What does <code>&lt;b&gt;</code> do?" in Prediction(asked, "a").html()


def test_foreign_text_in_cards_is_never_markup(lab: Lab) -> None:
    evil = "<img src=x onerror=alert(1)>"
    for card in (
        Hint("n", "1", evil, 1, evil, evil),
        Solution("n", "1", evil, evil, evil),
        Note(evil, evil, (evil, f"`{evil}`")),
    ):
        assert "<img" not in card.html()
        assert evil in card.text()
