# ---
# jupyter:
#   labkit:
#     number: "13"
#     title: EventBridge
#     week: 8
#     minutes: 115
#     services: [events, scheduler, lambda, sqs, logs, iam, dynamodb, cloudwatch]
#     covers: [L135, L182-L185, L188-L196]
#     verified: 2026-11-23
#     objectives:
#       - Publish events so that none is lost, and choose the right ones with a pattern.
#       - Open a target's door for one rule only, and survive a target that is down for hours.
#       - Shape events, replay an hour of the past, schedule in local time, and break a loop.
# ---

# %% [markdown]
# # EventBridge
#
# **The story.** At Orchard Market, the shop used to call each department by itself: the packers, the bookkeeper, the
# people who write to customers. Each new department meant a change in the shop. Now the shop only says what has
# happened: "an order was placed". Who wants to know, listens. Plan 115 minutes. There is a save point after 13.4.

# %% setup
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import boto3

events = boto3.client("events")
sqs = boto3.client("sqs")

# %% [markdown]
# ## The way of an event
#
# ![A producer puts an event on a bus. Rules of the bus look at it. A rule that matches sends it to its targets. The
# event can vanish at four places: 1, the entry is refused and the producer does not look; 2, no rule matches; 3, the
# target's door is closed; 4, the target is down for too long. A dead-letter queue catches what is lost at 3 and
# 4.](way-of-an-event.svg)
#
# - An **event** is a JSON object that says what has happened. Nobody is addressed in it.
# - An **event bus** takes events in. Each account has one bus named `default`, on which AWS services report. For your
#   own events, make a bus of your own.
# - A **rule** belongs to a bus. It has a **pattern**, and an event that fits the pattern *matches*.
# - A **target** is what the rule calls then: a queue, a function, a log group and many more.
#
# Learn the four numbers in the figure. This lab visits each of these places.

# %% fact id="F50"

# %% fact id="F51"

# %% [markdown]
# ## Worked example: the first event
#
# Run the next cells one by one. First a bus, and a queue that is to get the events.

# %%
BUS = "orchard"
if BUS not in [one["Name"] for one in events.list_event_buses()["EventBuses"]]:
    events.create_event_bus(Name=BUS)


def make_queue(name):
    """Make a queue, or find it again. Gives its URL and its ARN."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def open_door(url, arn):
    """Let EventBridge write to this queue. Too widely: in 13.3 you do it better."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


first_url, first_arn = make_queue("first")
open_door(first_url, first_arn)

# %% [markdown]
# Now a rule on the bus. Its pattern wants events whose `source` is `orchard.shop`. And the queue becomes its target.

# %%
events.put_rule(Name="first", EventBusName=BUS, EventPattern=json.dumps({"source": ["orchard.shop"]}))
events.put_targets(Rule="first", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": first_arn}])
lab.draw()

# %% [markdown]
# `put_events` takes up to ten **entries**. Your own part is the `Detail`, a JSON text. `DetailType` says what kind of
# event it is.

# %%
answer = events.put_events(
    Entries=[
        {
            "EventBusName": BUS,
            "Source": "orchard.shop",
            "DetailType": "Order Placed",
            "Detail": json.dumps({"order_id": "tea-1", "total": 12.5}),
        }
    ]
)
print(answer["FailedEntryCount"], answer["Entries"])

# %% [markdown]
# The queue has it. See what EventBridge added: an id, the account, the time and the Region.

# %%
message = sqs.receive_message(QueueUrl=first_url)["Messages"][0]
sqs.delete_message(QueueUrl=first_url, ReceiptHandle=message["ReceiptHandle"])
print(json.dumps(json.loads(message["Body"]), indent=2))

# %% [markdown]
# The lab writes down what becomes of events. `river()` counts it: how many were put, delivered, refused and lost. On AWS
# you would read CloudWatch metrics for this, such as `MatchedEvents` and `FailedInvocations`.

# %%
def river(since=0):
    """Count what happened to events since an earlier point in the record of the lab."""
    seen = lab.sandbox.trace.where(service="events", since=since)

    def count(action):
        return sum(one.action == action for one in seen)

    print("calls of PutEvents:          ", count("PutEvents"))
    print("delivered to a target:       ", count("Delivered"))
    print("no rule matched (place 2):   ", count("EventUnmatched"))
    print("the door was closed (3):     ", count("DeliveryRefused"))
    print("the target was down, tried:  ", count("DeliveryFailed"))
    print("in a dead-letter queue:      ", count("DeadLettered"))
    print("lost:                        ", count("Dropped"))


river()

# %% [markdown]
# ## Place 1: the answer nobody reads

# %% predict question="ten_entries"

# %% [markdown]
# The next cell makes half of all entries fail on purpose, as a server in trouble would. Read what it prints.

# %%
def entry(order):
    """One entry for `put_events`."""
    return {
        "EventBusName": BUS,
        "Source": "orchard.shop",
        "DetailType": "Order Placed",
        "Detail": json.dumps(order),
    }


def weight(one):
    """The bytes that EventBridge counts for an entry: source, detail type and detail."""
    return sum(len(one[name].encode()) for name in ("Source", "DetailType", "Detail"))


ten = [entry({"order_id": f"demo-{n}", "note": ""}) for n in range(10)]
lab.faults.put("events.entry_fails", share=0.5)
answer = events.put_events(Entries=ten)
lab.faults.clear("events.entry_fails")

print("HTTP status:", answer["ResponseMetadata"]["HTTPStatusCode"])
print("FailedEntryCount:", answer["FailedEntryCount"])
for result in answer["Entries"]:
    print(result.get("EventId") or result["ErrorCode"])

# %% fact id="F130"

# %% [markdown]
# ## 13.1 · Publish 250 orders
#
# *Story.* Each morning the shop announces the orders of the night. Yesterday 250 customers paid, and 238 parcels left.
#
# *Task.* Write `publish(orders)`. Each order is a dict with an `order_id`. `entry` and `weight` above are yours to use.
#
# - Every order arrives on the bus, once, although about 5 % of the entries fail. What failed goes through when it is
#   sent again.
# - Make at most 35 calls for 250 orders, resends included.
# - Some orders have very long notes. All entries of a call together must stay below 1 MB (1,048,576 bytes).

# %% stub exercise="publish_orders"
def publish(orders):
    for order in orders[:3]:  # three of them, one call each, and nobody looks at the answer
        events.put_events(Entries=[entry(order)])


# %% solution
def publish(orders):
    waiting = [entry(order) for order in orders]
    while waiting:
        batch, size = [], 0  # survives: one byte does not matter
        for one in waiting[:10]:
            size += weight(one)
            if size < 1_000_000:
                batch.append(one)
        waiting = waiting[len(batch) :]
        answer = events.put_events(Entries=batch)
        for one, result in zip(batch, answer["Entries"]):
            if "ErrorCode" in result:
                waiting.append(one)


# %% right because="the batches are cut first and sent in rounds, until a round has no failures"
def cut(entries):
    batches, size = [[]], 0
    for one in entries:
        if len(batches[-1]) == 10 or size + weight(one) >= 1_048_576:
            batches.append([])
            size = 0
        batches[-1].append(one)
        size += weight(one)
    return batches


def publish(orders):
    left = [entry(order) for order in orders]
    while left:
        failed = []
        for batch in cut(left):
            answer = events.put_events(Entries=batch)
            if answer["FailedEntryCount"]:
                failed += [batch[n] for n, one in enumerate(answer["Entries"]) if not one.get("EventId")]
        left = failed


# %% wrong because="What does `FailedEntryCount` say, and who reads it?" finds="all"
def publish(orders):
    waiting = [entry(order) for order in orders]
    while waiting:
        batch, size = [], 0
        while waiting and len(batch) < 10 and size + weight(waiting[0]) < 1_000_000:
            size += weight(waiting[0])
            batch.append(waiting.pop(0))
        events.put_events(Entries=batch)


# %% wrong because="Do you send the whole batch again when one entry failed?" finds="once,calls"
def publish(orders):
    waiting = [entry(order) for order in orders]
    while waiting:
        batch, size = [], 0
        while waiting and len(batch) < 10 and size + weight(waiting[0]) < 1_000_000:
            size += weight(waiting[0])
            batch.append(waiting.pop(0))
        while events.put_events(Entries=batch)["FailedEntryCount"]:
            pass


# %% wrong because="Does each order get a call of its own?" finds="calls"
def publish(orders):
    for order in orders:
        while events.put_events(Entries=[entry(order)])["FailedEntryCount"]:
            pass


# %% wrong because="Are ten entries always light enough for one call?" finds="size"
def publish(orders):
    waiting = [entry(order) for order in orders]
    while waiting:
        batch, waiting = waiting[:10], waiting[10:]
        answer = events.put_events(Entries=batch)
        waiting += [one for one, result in zip(batch, answer["Entries"]) if "ErrorCode" in result]


# %% wrong because="Are those more than ten entries in one call?" finds="runs"
def publish(orders):
    events.put_events(Entries=[entry(order) for order in orders])


# %% wrong because="Which bus does an entry go to when nobody names one?" finds="all"
def publish(orders):
    waiting = [{k: v for k, v in entry(order).items() if k != "EventBusName"} for order in orders]
    while waiting:
        batch, size = [], 0
        while waiting and len(batch) < 10 and size + weight(waiting[0]) < 1_000_000:
            size += weight(waiting[0])
            batch.append(waiting.pop(0))
        answer = events.put_events(Entries=batch)
        waiting += [one for one, result in zip(batch, answer["Entries"]) if "ErrorCode" in result]


# %% wrong because="Did you delete the bus?" finds="exists"
events.remove_targets(Rule="first", EventBusName=BUS, Ids=["queue"])
events.delete_rule(Name="first", EventBusName=BUS)
events.delete_event_bus(Name=BUS)


def publish(orders):
    for order in orders:
        events.put_events(Entries=[entry(order)])


# %% check
lab.check("publish_orders", publish=publish)

# %% [markdown]
# One more thing about resends. `InternalFailure` and `ThrottlingException` are worth another try.
# `MalformedDetail` is not: the same bad text fails for ever. A real producer gives such an entry to a person.
