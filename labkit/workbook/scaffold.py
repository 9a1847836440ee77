"""`labkit new`: starts a lab that passes every gate but one, which says what its author has still to write."""

from __future__ import annotations

import argparse
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from labkit.course.catalogue import course_map, workbook_root
from labkit.errors import UsageError
from labkit.workbook import build, feedback, places
from labkit.workbook.bind import bind
from labkit.workbook.problems import shown
from labkit.workbook.proof import Proof

_LAB = Template("""\
# ---
# jupyter:
#   labkit:
#     number: "$number"
#     title: $yaml_title
#     week: $week
#     minutes: $minutes
#     services: [sqs]
#     covers: []
#     verified: $today
#     objectives:
#       - "REPLACE: what a learner can do afterwards, one sentence each."
# ---

# %% [markdown]
# # $title
# REPLACE: what the learner meets here and why it matters at work, in two sentences.

# %% setup
import boto3

sqs = boto3.client("sqs")

# %% [markdown]
# ## $number.1 · Keep a message for two minutes
# REPLACE: the story of the exercise, and the task in one sentence.
#
# Make a queue named `parcels`. Who receives a message from it keeps the message for 120 seconds.

# %% stub exercise="keep"
# Make the queue here.

# %% solution
sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "120"})

# %% right because="the timeout is set later"
url = sqs.create_queue(QueueName="parcels")["QueueUrl"]
sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "120"})

# %% wrong because="Minutes for seconds?" finds="hidden"
sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "2"})

# %% wrong because="The longest timeout, to be safe?" finds="back"
sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "43200"})
""")

_CHECKS = Template('''\
"""What the finished exercises of lab $number do."""

from __future__ import annotations

from labkit.judging import Expect, World, exercise


@exercise(
    "Keep a message for two minutes",
    points=10,
    minutes=$exercise_minutes,
    star=True,
    hints=(
        "A received message is only borrowed. Somebody decides for how long.",
        "The queue attribute is `VisibilityTimeout`, in seconds. See the page of `create_queue`.",
        'sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "____"})',
    ),
)
def keep(world: World, expect: Expect) -> None:
    """A received message comes back after two minutes, and not earlier."""
    queue = expect.found(
        "exists",
        world.queue("parcels"),
        "There is a queue named parcels.",
        action="Create it with `sqs.create_queue(...)`.",
    )
    with world.rehearsal():
        sent = queue.send(world.word())
        queue.receive(max=10)
        world.clock.advance(seconds=115)
        early = sent in [message.id for message in queue.receive(max=10)]
        expect(
            "hidden",
            not early,
            "A received message stays hidden for two minutes.",
            seen="It came back before 115 seconds were over." if early else "It was hidden for 115 seconds.",
            why="A second worker would begin the same work.",
            action="Give the timeout in seconds.",
        )
        world.clock.advance(seconds=10)
        back = early or sent in [message.id for message in queue.receive(max=10)]
        expect(
            "back",
            back,
            "It comes back when two minutes are over.",
            seen="It came back." if back else "After 125 seconds it was still hidden.",
            why="When a worker dies, the message has to wait until the timeout ends.",
            action="Make the timeout shorter.",
        )
''')


def create(root: Path, number: str, slug: str, title: str, week: int, minutes: int) -> list[Path]:
    """Write a new lab, its notebooks and its frozen feedback; returns what was written.

    Raises UsageError for a number, slug or week that cannot be, and where a lab with that number exists.
    """
    _require(number, slug, title, week, minutes)
    for path in places.sources(root):
        if path.parent.name.startswith(f"{number}-"):
            raise UsageError(f"Lab {number} exists: {shown(path)}. Take another number, or edit that one.")
    week_folder = root / "solutions" / f"week{week:02}" if week else root / "solutions"
    folder = week_folder / f"{number}-{slug}"
    values = {
        "number": number,
        "title": title,
        "yaml_title": json.dumps(title, ensure_ascii=False),
        "week": str(week),
        "minutes": str(minutes),
        "exercise_minutes": str(min(10, minutes)),
        "today": datetime.now(UTC).date().isoformat(),
    }
    folder.mkdir(parents=True)
    written = [folder / "lab.py", folder / "checks.py"]
    for path, template in zip(written, (_LAB, _CHECKS), strict=True):
        path.write_text(template.substitute(values), encoding="utf-8", newline="\n")
    lab = bind(written[0], root)
    return [*written, *build.write(lab), *feedback.update(Proof(lab))]


def _require(number: str, slug: str, title: str, week: int, minutes: int) -> None:
    if not re.fullmatch(r"\d\d", number):
        raise UsageError(f"The number is two digits, such as 17. It is {number!r}.")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise UsageError(f"The slug is lower-case words with dashes, such as sqs-fifo. It is {slug!r}.")
    if not title.strip() or "\n" in title:
        raise UsageError("The title is one line of text: --title 'SQS FIFO queues'.")
    if week < 0 or minutes < 1:
        raise UsageError("The week is 0 or more, and the minutes are 1 or more.")


def main(argv: list[str]) -> int:
    """Start a new lab. A lab that is planned in data/course.toml brings its title, week and minutes along."""
    parser = argparse.ArgumentParser(prog="labkit new", description=__doc__)
    parser.add_argument("number", help="two digits, such as 17")
    parser.add_argument("slug", help="the rest of the lab's name, such as sqs-fifo")
    parser.add_argument("--title", help="its title (default: the planned one)")
    parser.add_argument("--week", type=int, help="its week (default: the planned one)")
    parser.add_argument("--minutes", type=int, help="how long it takes (default: the planned time, or 60)")
    options = parser.parse_args(argv)
    root = workbook_root()
    planned = next((entry for entry in course_map(root) if entry.number == options.number), None)
    title = options.title or (planned.title if planned else None)
    week = options.week if options.week is not None else planned.week if planned else None
    minutes = options.minutes or (planned.minutes if planned else 60)
    if title is None or week is None:
        raise UsageError(f"Lab {options.number} is not planned in data/course.toml. Add --title and --week.")
    for path in create(root, options.number, options.slug, title, week, minutes):
        print(f"wrote {shown(path)}")
    print(f"Now write the lab, then run `labkit build {options.number}` and `labkit prove {options.number}`.")
    return 0
