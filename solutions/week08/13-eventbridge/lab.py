# ---
# jupyter:
#   labkit:
#     number: "13"
#     title: EventBridge
#     week: 8
#     minutes: 135
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
# happened: "an order was placed". Who wants to know, listens. Plan 135 minutes. There is a save point after 13.4.

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
# - Some orders have very long notes, up to 300,000 letters. All entries of a call together must stay below 1 MB
#   (1,048,576 bytes). Use that room: 12 such orders need at most 4 calls.

# %% stub exercise="publish_orders"
def publish(orders):
    for order in orders[:3]:  # three of them, one call each, and nobody looks at the answer
        events.put_events(Entries=[entry(order)])


# %% solution
def publish(orders):
    waiting = [entry(order) for order in orders]
    while waiting:
        batch, size = [], 0  # survives: one byte does not matter
        for one in waiting[:10]:  # survives: nine at a time are enough
            size += weight(one)
            if size < 1_000_000:
                batch.append(one)
        waiting = waiting[len(batch) :]
        answer = events.put_events(Entries=batch)
        for one, result in zip(batch, answer["Entries"], strict=True):  # survives: they are equally long
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


# %% wrong because="Does each order get a call of its own?" finds="calls,size"
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
        waiting += [one for one, result in zip(batch, answer["Entries"], strict=True) if "ErrorCode" in result]


# %% wrong because="Are those more than ten entries in one call?" finds="runs"
def publish(orders):
    events.put_events(Entries=[entry(order) for order in orders])


# %% wrong because="Which bus does an entry go to when nobody names one?" finds="all,size"
def publish(orders):
    waiting = [{k: v for k, v in entry(order).items() if k != "EventBusName"} for order in orders]
    while waiting:
        batch, size = [], 0
        while waiting and len(batch) < 10 and size + weight(waiting[0]) < 1_000_000:
            size += weight(waiting[0])
            batch.append(waiting.pop(0))
        answer = events.put_events(Entries=batch)
        waiting += [one for one, result in zip(batch, answer["Entries"], strict=True) if "ErrorCode" in result]


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

# %% [markdown]
# ## Place 2: no rule wants it
#
# A **pattern** looks like the event, but each value stands in a list. This is the pattern of the syllabus. It wants to
# know when a virtual machine (an EC2 instance) has stopped:
#
# ```json
# {
#   "source": ["aws.ec2"],
#   "detail-type": ["EC2 Instance State-change Notification"],
#   "detail": {"state": ["stopped"]}
# }
# ```

# %% fact id="F52"

# %% [markdown]
# Forget the list, and EventBridge refuses the pattern. At least you learn of it at once:

# %%
from botocore.exceptions import ClientError

with labkit.expected(ClientError, code="InvalidEventPatternException"):
    events.put_rule(Name="wrong", EventBusName=BUS, EventPattern=json.dumps({"source": "orchard.shop"}))

# %% [markdown]
# Instead of a value, the list may hold an **operator**, an object with one key:
#
# | operator | an example | matches |
# | --- | --- | --- |
# | `numeric` | `[{"numeric": [">=", 10, "<", 20]}]` | numbers from 10 to below 20 (the lower end comes first); never a text such as `"15"` |
# | `prefix` | `[{"prefix": "tea-"}]` | texts that begin so |
# | `anything-but` | `[{"anything-but": ["red", "blue"]}]` | a field that is there and holds something else |
# | `exists` | `[{"exists": true}]` | a field that is there, also when it is `null` |
# | `$or` | `"$or": [{"a": [1]}, {"b": [2]}]` | one or the other; the key `$or` stands where a field would stand |
#
# If the *event* has a list in a field, one fitting element is enough. `test_event_pattern` tries a pattern without any rule:

# %%
def fits(pattern, detail, source="orchard.shop", kind="Order Placed"):
    """Whether an event with this detail matches a pattern."""
    event = {
        "id": "1",
        "account": "123456789012",
        "source": source,
        "time": "2026-11-23T09:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail-type": kind,
        "detail": detail,
    }
    return events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]


small = {"source": ["orchard.shop"], "detail": {"total": [{"numeric": ["<", 20]}]}}
print(fits(small, {"total": 12.5}), fits(small, {"total": "12.5"}), fits(small, {"total": [12.5, 300]}))

# %% [markdown]
# ## 13.2 · Six patterns
#
# *Story.* Six teams want to hear about some events, and about no others. An order looks like this:

# %%
an_order = {
    "order_id": "tea-7",
    "total": 250.5,
    "payment": {"method": "card"},
    "address": {"postcode": "1070"},
    "coupon": "SPRING",
    "express": False,
}

# %% [markdown]
# *Task.* Fill the dict `patterns`. The first is about AWS, the other five are about events with the source `orchard.shop`
# and the detail type `Order Placed`.
#
# - `stopped`: an EC2 instance has stopped.
# - `big`: the `total` is above 100, up to 500. 500 itself belongs to it.
# - `not_card`: the payment `method` is there, and it is anything but `card`.
# - `vienna`: the postcode begins with 1.
# - `no_coupon`: there is no field `coupon` at all. (A `coupon` that is `null` is a field, too.)
# - `hurry`: `express` is true, or the `total` is above 1000.

# %% stub exercise="patterns"
patterns = {
    "stopped": {"source": ["aws.ec2"]},
    "big": {"source": ["orchard.shop"], "detail-type": ["Order Placed"]},
    "not_card": {"source": ["orchard.shop"], "detail-type": ["Order Placed"]},
    "vienna": {"source": ["orchard.shop"], "detail-type": ["Order Placed"]},
    "no_coupon": {"source": ["orchard.shop"], "detail-type": ["Order Placed"]},
    "hurry": {"source": ["orchard.shop"], "detail-type": ["Order Placed"]},
}

# %% solution
order = {"source": ["orchard.shop"], "detail-type": ["Order Placed"]}
patterns = {
    "stopped": {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["stopped"]},
    },
    "big": {**order, "detail": {"total": [{"numeric": [">", 100, "<=", 500]}]}},
    "not_card": {**order, "detail": {"payment": {"method": [{"anything-but": "card"}]}}},
    "vienna": {**order, "detail": {"address": {"postcode": [{"prefix": "1"}]}}},
    "no_coupon": {**order, "detail": {"coupon": [{"exists": False}]}},
    "hurry": {
        **order,
        "detail": {"$or": [{"express": [True]}, {"total": [{"numeric": [">", 1000]}]}]},
    },
}

# %% right because="texts instead of dicts, a wildcard, and the $or outside of the detail"
def order(detail):
    return '{"source": ["orchard.shop"], "detail-type": ["Order Placed"], "detail": ' + detail + "}"


patterns = {
    "stopped": """{"source": ["aws.ec2"], "detail": {"state": ["stopped"]},
                   "detail-type": [{"prefix": "EC2 Instance State-change"}]}""",
    "big": order('{"total": [{"numeric": [">", 100, "<=", 500]}]}'),
    "not_card": order('{"payment": {"method": [{"anything-but": ["card"]}]}}'),
    "vienna": order('{"address": {"postcode": [{"wildcard": "1*"}]}}'),
    "no_coupon": order('{"coupon": [{"exists": false}]}'),
    "hurry": {
        "source": ["orchard.shop"],
        "detail-type": ["Order Placed"],
        "$or": [{"detail": {"express": [True]}}, {"detail": {"total": [{"numeric": [">", 1000]}]}}],
    },
}

# %% wrong because="Does each value stand in a list?" finds="valid,stopped"
order = {"source": ["orchard.shop"], "detail-type": ["Order Placed"]}
patterns = {
    "stopped": {
        "source": "aws.ec2",
        "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["stopped"]},
    },
    "big": {**order, "detail": {"total": [{"numeric": [">", 100, "<=", 500]}]}},
    "not_card": {**order, "detail": {"payment": {"method": [{"anything-but": "card"}]}}},
    "vienna": {**order, "detail": {"address": {"postcode": [{"prefix": "1"}]}}},
    "no_coupon": {**order, "detail": {"coupon": [{"exists": False}]}},
    "hurry": {**order, "detail": {"$or": [{"express": [True]}, {"total": [{"numeric": [">", 1000]}]}]}},
}

# %% wrong because="Does a list of several values mean `and`? It means `or`" finds="big,hurry"
order = {"source": ["orchard.shop"], "detail-type": ["Order Placed"]}
patterns = {
    "stopped": {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["stopped"]},
    },
    "big": {**order, "detail": {"total": [{"numeric": [">", 100]}, {"numeric": ["<=", 500]}]}},
    "not_card": {**order, "detail": {"payment": {"method": [{"anything-but": "card"}]}}},
    "vienna": {**order, "detail": {"address": {"postcode": [{"prefix": "1"}]}}},
    "no_coupon": {**order, "detail": {"coupon": [{"exists": False}]}},
    "hurry": {**order, "detail": {"express": [True], "total": [{"numeric": [">", 1000]}]}},
}

# %% wrong because="Is a `null` the same as a field that is not there?" finds="no_coupon"
order = {"source": ["orchard.shop"], "detail-type": ["Order Placed"]}
patterns = {
    "stopped": {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["stopped"]},
    },
    "big": {**order, "detail": {"total": [{"numeric": [">", 100, "<=", 500]}]}},
    "not_card": {**order, "detail": {"payment": {"method": [{"anything-but": "card"}]}}},
    "vienna": {**order, "detail": {"address": {"postcode": [{"prefix": "1"}]}}},
    "no_coupon": {**order, "detail": {"coupon": [None]}},
    "hurry": {**order, "detail": {"$or": [{"express": [True]}, {"total": [{"numeric": [">", 1000]}]}]}},
}

# %% wrong because="Does the pattern look into `detail`, or beside it?" finds="stopped,vienna,not_card"
order = {"source": ["orchard.shop"], "detail-type": ["Order Placed"]}
patterns = {
    "stopped": {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Instance State-change Notification"],
        "state": ["stopped"],
    },
    "big": {**order, "detail": {"total": [{"numeric": [">", 100, "<=", 500]}]}},
    "not_card": {**order, "detail": {"method": [{"anything-but": "card"}]}},
    "vienna": {**order, "detail": {"postcode": [{"prefix": "1"}]}},
    "no_coupon": {**order, "detail": {"coupon": [{"exists": False}]}},
    "hurry": {**order, "detail": {"$or": [{"express": [True]}, {"total": [{"numeric": [">", 1000]}]}]}},
}

# %% check
lab.check("patterns", patterns=patterns)

# %% [markdown]
# ## Place 3: the door is closed
#
# Three departments want to know about orders: the packers have a queue, the loyalty programme has a **function** (a
# piece of code that AWS Lambda runs when it is called), and the auditors want every order in a **log group** of CloudWatch
# Logs. The next cell makes all three, and a rule with three targets. (Lab 14 adds a fourth kind of target: a
# Step Functions workflow.)

# %%
functions, logs, iam = boto3.client("lambda"), boto3.client("logs"), boto3.client("iam")


def make_role(name, service, *actions):
    """A role that this AWS service may take, allowed these actions. Gives its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    except iam.exceptions.EntityAlreadyExistsException:
        pass  # this cell ran before
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    iam.put_role_policy(
        RoleName=name,
        PolicyName="work",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    return iam.get_role(RoleName=name)["Role"]["Arn"]


def make_function(name, code):
    """A function that runs this code, or the same function with new code. Gives its ARN."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("app.py", code)
    try:
        made = functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=function_role,
            Code={"ZipFile": package.getvalue()},
        )
    except functions.exceptions.ResourceConflictException:
        made = functions.update_function_code(FunctionName=name, ZipFile=package.getvalue())
    return made["FunctionArn"]


function_role = make_role(
    "orchard-functions",
    "lambda.amazonaws.com",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "events:PutEvents",
)

# %%
packing_url, packing_arn = make_queue("packing")
loyalty_arn = make_function(
    "loyalty",
    """
def handler(event, context):
    print("points for", event["detail"]["order_id"])
""",
)
if not logs.describe_log_groups(logGroupNamePrefix="/aws/events/orders")["logGroups"]:
    logs.create_log_group(logGroupName="/aws/events/orders")
log_arn = packing_arn.replace(":sqs:", ":logs:").replace(":packing", ":log-group:/aws/events/orders")

placed = json.dumps({"source": ["orchard.shop"], "detail-type": ["Order Placed"]})
rule_arn = events.put_rule(Name="order-placed", EventBusName=BUS, EventPattern=placed)["RuleArn"]
events.put_targets(
    Rule="order-placed",
    EventBusName=BUS,
    Targets=[
        {"Id": "packing", "Arn": packing_arn},
        {"Id": "loyalty", "Arn": loyalty_arn},
        {"Id": "log", "Arn": log_arn},
    ],
)
print(rule_arn)
print(packing_arn)
print(log_arn)

# %% predict question="no_policy"

# %% [markdown]
# Now an order is placed. Look at what the producer sees, and then at what happened.

# %%
before = lab.sandbox.trace.mark()
print(events.put_events(Entries=[entry({"order_id": "lamp-1"})])["FailedEntryCount"], "entries failed")
lab.clock.advance(seconds=5)
river(since=before)

# %%
lab.trace(6, service="events")

# %% [markdown]
# No error anywhere, and three departments know nothing of the order. Nobody gave EventBridge the right to enter.

# %% fact id="F131"

# %% fact id="F30"

# %% [markdown]
# ## 13.3 · Three doors
#
# *Task.* Open the three targets of the rule `order-placed`. Each has its own kind of door:
#
# - the queue `packing` has a **queue policy** (the attribute `Policy`);
# - the function `loyalty` has a resource policy, to which `add_permission` adds a statement;
# - for log groups, the account has resource policies (`put_resource_policy`). The log group's ARN ends in `:*` there.
#
# Who enters is always `events.amazonaws.com`. But every rule of every account comes as `events.amazonaws.com`! So let
# the queue and the function open for this one rule only: its ARN must be the `aws:SourceArn`. `open_door` from above does
# not do that.
#
# `add_permission` refuses a statement name that it knows already. So that you can run your cell twice, it begins with
# `forget_permission`.

# %%
def forget_permission(function, statement):
    """Take a permission back, if it is there."""
    try:
        functions.remove_permission(FunctionName=function, StatementId=statement)
    except functions.exceptions.ResourceNotFoundException:
        pass


# %% stub exercise="three_doors"
open_door(packing_url, packing_arn)  # this opens it for every rule: do better

forget_permission("loyalty", "order-placed")

# %% solution
def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


to_the_queue = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
}
sqs.set_queue_attributes(QueueUrl=packing_url, Attributes={"Policy": policy(to_the_queue)})

forget_permission("loyalty", "order-placed")  # survives: the first time there is nothing to forget
functions.add_permission(
    FunctionName="loyalty",
    StatementId="order-placed",  # survives: any name will do
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=rule_arn,
)

to_the_log = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"{log_arn}:*",
}
logs.put_resource_policy(policyName="events", policyDocument=policy(to_the_log))  # survives: any name will do

# %% right because="a queue policy from the documentation, and wildcards for log groups of events"
sqs.set_queue_attributes(
    QueueUrl=packing_url,
    Attributes={
        "Policy": json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "EventsToMyQueue",
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": "*",
                        "Condition": {"StringEquals": {"aws:SourceArn": rule_arn}},
                    }
                ],
            }
        )
    },
)
forget_permission("loyalty", "rule")
functions.add_permission(
    FunctionName=loyalty_arn,
    StatementId="rule",
    Action="lambda:*",
    Principal="events.amazonaws.com",
    SourceArn=rule_arn,
)
logs.put_resource_policy(
    policyName="TrustEventsToStoreLogEvents",
    policyDocument=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": log_arn.replace("orders", "*") + ":*",
                }
            ],
        }
    ),
)

# %% right because="a role for the queue and the function, and no policy there at all"
rule_role = make_role("order-placed-rule", "events.amazonaws.com", "sqs:SendMessage", "lambda:InvokeFunction")
events.put_targets(
    Rule="order-placed",
    EventBusName=BUS,
    Targets=[
        {"Id": "packing", "Arn": packing_arn, "RoleArn": rule_role},
        {"Id": "loyalty", "Arn": loyalty_arn, "RoleArn": rule_role},
    ],
)
log_policy = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "logs:*",
    "Resource": f"{log_arn}:*",
}
logs.put_resource_policy(
    policyName="events", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [log_policy]})
)

# %% wrong because="Who gives EventBridge the right to write to the queue?" finds="queue"
forget_permission("loyalty", "order-placed")
functions.add_permission(
    FunctionName="loyalty",
    StatementId="order-placed",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=rule_arn,
)
to_the_log = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"{log_arn}:*",
}
logs.put_resource_policy(
    policyName="events", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [to_the_log]})
)

# %% wrong because="Do your doors open for every rule of every account?" finds="queue_shut,function_shut"
open_door(packing_url, packing_arn)
forget_permission("loyalty", "order-placed")
functions.add_permission(
    FunctionName="loyalty",
    StatementId="order-placed",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
)
to_the_log = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"{log_arn}:*",
}
logs.put_resource_policy(
    policyName="events", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [to_the_log]})
)

# %% wrong because="Is the bus the source, or the rule?" finds="queue,function,log"
bus_arn = events.describe_event_bus(Name=BUS)["Arn"]
to_the_queue = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": bus_arn}},
}
sqs.set_queue_attributes(
    QueueUrl=packing_url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [to_the_queue]})}
)
forget_permission("loyalty", "order-placed")
functions.add_permission(
    FunctionName="loyalty",
    StatementId="order-placed",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=bus_arn,
)
to_the_log = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": log_arn,
}
logs.put_resource_policy(
    policyName="events", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [to_the_log]})
)

# %% wrong because="Is your account allowed, where the question is which rule?" finds="queue_shut,function_shut"
account = packing_arn.split(":")[4]
to_the_queue = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
}
sqs.set_queue_attributes(
    QueueUrl=packing_url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [to_the_queue]})}
)
forget_permission("loyalty", "order-placed")
functions.add_permission(
    FunctionName="loyalty",
    StatementId="order-placed",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceAccount=account,
)
to_the_log = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"{log_arn}:*",
}
logs.put_resource_policy(
    policyName="events", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [to_the_log]})
)

# %% wrong because="Did you delete the rule?" finds="exists"
events.remove_targets(Rule="order-placed", EventBusName=BUS, Ids=["packing", "loyalty", "log"])
events.delete_rule(Name="order-placed", EventBusName=BUS)

# %% check
lab.check("three_doors")

# %% [markdown]
# The picture of the account, beside our plan:

# %%
lab.draw(expected=True)

# %% [markdown]
# ## Place 4: the target is down
#
# The warehouse has a queue `warehouse`. The rule `to-warehouse` sends it every order, and a copy to the queue `audit`. A
# colleague thought that three retries are plenty.

# %%
warehouse_url, warehouse_arn = make_queue("warehouse")
audit_url, audit_arn = make_queue("audit")
open_door(warehouse_url, warehouse_arn)
open_door(audit_url, audit_arn)
events.put_rule(Name="to-warehouse", EventBusName=BUS, EventPattern=placed)
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {"Id": "warehouse", "Arn": warehouse_arn, "RetryPolicy": {"MaximumRetryAttempts": 3}},
        {"Id": "audit", "Arn": audit_arn},
    ],
)

# %%
lab.watch("warehouse")

# %% predict question="three_hours"

# %% [markdown]
# **Break it.** For ten minutes EventBridge cannot reach the queue `warehouse`. In the first minute somebody orders a map.

# %%
before = lab.sandbox.trace.mark()
lab.faults.put("delivery.unavailable", target="warehouse", lasting=600)
events.put_events(Entries=[entry({"order_id": "map-1"})])
lab.clock.advance(hours=1)
lab.faults.clear("delivery.unavailable")
river(since=before)

# %%
lab.trace(6, resource="to-warehouse")

# %% [markdown]
# Four attempts within some seconds, and then the order was dropped. The outage had only begun.

# %% fact id="F132"

# %% [markdown]
# ## 13.4 · The target is down for three hours
#
# *Story.* On Sunday the warehouse computer is rebuilt. For three hours its queue takes nothing. No order may be lost.
#
# *Task.* Change the target `warehouse` of the rule `to-warehouse`, and write `redrive()`.
#
# - EventBridge tries for one hour. Nobody packs an older order without a look at it.
# - After that hour the order waits in a **dead-letter queue** of the target, a queue of your own, for instance
#   `warehouse-dlq`. EventBridge adds attributes that say what was wrong, such as `ERROR_CODE`.
# - `redrive()` brings all orders from the dead-letter queue to the queue `warehouse`. There each order is once, as
#   if nothing had happened. `audit` has its copies already.

# %% stub exercise="outage"
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[{"Id": "warehouse", "Arn": warehouse_arn, "RetryPolicy": {"MaximumRetryAttempts": 3}}],
)


def redrive():
    pass


# %% solution
dead_url, dead_arn = make_queue("warehouse-dlq")  # survives: any name will do
open_door(dead_url, dead_arn)
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "warehouse",
            "Arn": warehouse_arn,
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600},
            "DeadLetterConfig": {"Arn": dead_arn},
        }
    ],
)


def redrive():
    while messages := sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10).get("Messages"):  # survives: fewer at a time only takes longer
        for message in messages:
            sqs.send_message(QueueUrl=warehouse_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="the orders go to the target that each letter names"
dead = boto3.resource("sqs").create_queue(QueueName="sunday-orders")
open_door(dead.url, dead.attributes["QueueArn"])
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "warehouse",
            "Arn": warehouse_arn,
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 100},
            "DeadLetterConfig": {"Arn": dead.attributes["QueueArn"]},
        }
    ],
)


def redrive():
    for _ in range(100):
        letters = dead.receive_messages(MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=1)
        if not letters:
            break
        for letter in letters:
            target = letter.message_attributes["TARGET_ARN"]["StringValue"]
            url = sqs.get_queue_url(QueueName=target.rpartition(":")[2])["QueueUrl"]
            sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "one", "MessageBody": letter.body}])
            letter.delete()


# %% wrong because="Does EventBridge have the right to write to the dead-letter queue?" finds="kept,aside,redriven"
dead_url, dead_arn = make_queue("warehouse-dlq")
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "warehouse",
            "Arn": warehouse_arn,
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600},
            "DeadLetterConfig": {"Arn": dead_arn},
        }
    ],
)


def redrive():
    while messages := sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=warehouse_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does it also put aside the orders that only had to wait some minutes?" finds="patient"
dead_url, dead_arn = make_queue("warehouse-dlq")
open_door(dead_url, dead_arn)
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "warehouse",
            "Arn": warehouse_arn,
            "RetryPolicy": {"MaximumRetryAttempts": 3},
            "DeadLetterConfig": {"Arn": dead_arn},
        }
    ],
)


def redrive():
    while messages := sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=warehouse_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="How long does it try when you say nothing?" finds="aside"
dead_url, dead_arn = make_queue("warehouse-dlq")
open_door(dead_url, dead_arn)
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[{"Id": "warehouse", "Arn": warehouse_arn, "DeadLetterConfig": {"Arn": dead_arn}}],
)


def redrive():
    while messages := sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=warehouse_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is that a dead-letter queue of the queue, where the target of the rule needs one?" finds="kept,aside,redriven"
dead_url, dead_arn = make_queue("warehouse-dlq")
open_door(dead_url, dead_arn)
redrive_policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=warehouse_url, Attributes={"RedrivePolicy": redrive_policy})
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {"Id": "warehouse", "Arn": warehouse_arn, "RetryPolicy": {"MaximumEventAgeInSeconds": 3600}}
    ],
)


def redrive():
    sqs.start_message_move_task(SourceArn=dead_arn)


# %% wrong because="Who else hears it when you put the event on the bus once more?" finds="others"
dead_url, dead_arn = make_queue("warehouse-dlq")
open_door(dead_url, dead_arn)
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "warehouse",
            "Arn": warehouse_arn,
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600},
            "DeadLetterConfig": {"Arn": dead_arn},
        }
    ],
)


def redrive():
    while messages := sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            events.put_events(Entries=[entry(json.loads(message["Body"])["detail"])])
            sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Can a message move task take messages from any queue?" finds="redriven"
dead_url, dead_arn = make_queue("warehouse-dlq")
open_door(dead_url, dead_arn)
events.put_targets(
    Rule="to-warehouse",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "warehouse",
            "Arn": warehouse_arn,
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600},
            "DeadLetterConfig": {"Arn": dead_arn},
        }
    ],
)


def redrive():
    sqs.start_message_move_task(SourceArn=dead_arn, DestinationArn=warehouse_arn)


# %% wrong because="Did you take the target `warehouse` away from the rule?" finds="exists"
events.remove_targets(Rule="to-warehouse", EventBusName=BUS, Ids=["warehouse"])


def redrive():
    pass


# %% check
lab.check("outage", redrive=redrive)

# %% [markdown]
# ## Save point
#
# You are half-way, and you have been at all four places. Your progress is saved already. The next cell also keeps a copy
# of the account in this session. Take a break.

# %%
lab.snapshot("half-time")

# %% [markdown]
# ## Shape an event before you send it
#
# A target gets the whole event, unless you say otherwise. There are three other ways:
#
# - `Input`: a constant text, whatever the event says.
# - `InputPath`: one part of the event, for example `$.detail`.
# - `InputTransformer`: first the `InputPathsMap` picks values out of the event and gives each a name. Then the
#   `InputTemplate` is filled: `<name>` stands for the value.
#
# Outside of quotes, EventBridge writes a text with its quotes. Inside of quotes it writes the letters as they are:
#
# ```python
# "InputPathsMap": {"who": "$.detail.customer.name", "what": "$.detail.order_id"},
# "InputTemplate": '{"customer": <who>, "subject": "About <what>"}',
# ```
#
# The function `notification` below writes to customers. It prints what it gets, as many functions do. Its rule is
# `order-sent`, and the permission is there.

# %%
notification_arn = make_function(
    "notification",
    """
import json

def handler(event, context):
    print(json.dumps(event))
""",
)
sent_pattern = json.dumps({"source": ["orchard.shop"], "detail-type": ["Order Sent"]})
sent_rule = events.put_rule(Name="order-sent", EventBusName=BUS, EventPattern=sent_pattern)["RuleArn"]
forget_permission("notification", "order-sent")
functions.add_permission(
    FunctionName="notification",
    StatementId="order-sent",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=sent_rule,
)
events.put_targets(
    Rule="order-sent", EventBusName=BUS, Targets=[{"Id": "notification", "Arn": notification_arn}]
)

# %%
an_event = {
    "order_id": "tea-7",
    "total": 24.9,
    "customer": {
        "name": "Amara Okafor",
        "email": "amara@example.com",
        "phone": "+43 660 555 0101",
        "street": "Lindengasse 7",
    },
}
sent_entry = {**entry(an_event), "DetailType": "Order Sent"}
events.put_events(Entries=[sent_entry])
lab.clock.advance(seconds=5)
for one in logs.filter_log_events(logGroupName="/aws/lambda/notification")["events"]:
    print(one["message"])

# %% [markdown]
# There they are, a phone number and a home address, in a log that half the company can read.

# %% [markdown]
# ## 13.5 · Only what it needs
#
# *Story.* The data protection officer has read that log. She is not amused.
#
# *Task.* Change the target `notification` of the rule `order-sent`. The function may get these two fields and no others:
#
# - `to`: the customer's e-mail address;
# - `text`: `Order tea-7 has been sent.`, with the order's own id.

# %% stub exercise="only_needed"
events.put_targets(
    Rule="order-sent",
    EventBusName=BUS,
    Targets=[{"Id": "notification", "Arn": notification_arn, "InputPath": "$.detail"}],
)

# %% solution
events.put_targets(
    Rule="order-sent",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "notification",
            "Arn": notification_arn,
            "InputTransformer": {
                "InputPathsMap": {"to": "$.detail.customer.email", "order": "$.detail.order_id"},
                "InputTemplate": '{"to": <to>, "text": "Order <order> has been sent."}',
            },
        }
    ],
)

# %% right because="the template is made by Python, and both values stand inside quotes"
template = json.dumps({"text": "Order <id> has been sent.", "to": "<mail>"})
events.put_targets(
    Rule="order-sent",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "notification",
            "Arn": notification_arn,
            "InputTransformer": {
                "InputTemplate": template,
                "InputPathsMap": {"id": "$.detail.order_id", "mail": "$.detail.customer.email"},
            },
        }
    ],
)

# %% wrong because="Does `InputPath` pick one field, or a whole branch?" finds="exact,private"
events.put_targets(
    Rule="order-sent",
    EventBusName=BUS,
    Targets=[{"Id": "notification", "Arn": notification_arn, "InputPath": "$.detail.customer"}],
)

# %% wrong because="Does the path begin at `detail`?" finds="exact"
events.put_targets(
    Rule="order-sent",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "notification",
            "Arn": notification_arn,
            "InputTransformer": {
                "InputPathsMap": {"to": "$.customer.email", "order": "$.order_id"},
                "InputTemplate": '{"to": <to>, "text": "Order <order> has been sent."}',
            },
        }
    ],
)

# %% wrong because="Is a constant filled in for each event?" finds="exact"
events.put_targets(
    Rule="order-sent",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "notification",
            "Arn": notification_arn,
            "Input": json.dumps({"to": "<to>", "text": "Order <order> has been sent."}),
        }
    ],
)

# %% wrong because="Did the old target stay beside the new one?" finds="exact,private"
events.put_targets(
    Rule="order-sent",
    EventBusName=BUS,
    Targets=[
        {
            "Id": "mail",
            "Arn": notification_arn,
            "InputTransformer": {
                "InputPathsMap": {"to": "$.detail.customer.email", "order": "$.detail.order_id"},
                "InputTemplate": '{"to": <to>, "text": "Order <order> has been sent."}',
            },
        }
    ],
)

# %% wrong because="Did you delete the function?" finds="exists"
functions.delete_function(FunctionName="notification")

# %% check
lab.check("only_needed")

# %% [markdown]
# One trap to know: inside quotes EventBridge copies a value letter by letter, and escapes nothing. A name such as
# `Ann "Red" Lee` breaks the JSON there. The event goes to the dead-letter queue with the code `INVALID_JSON`, or is lost.
#
# ## A tape of the past
#
# An **archive** keeps a copy of each event that comes to its bus. A **replay** sends the events of some hours to the bus
# once more, for all rules or only for some. You cannot record what has already been said: make the archive first.
#
# ![Events come to the bus and go to the rules; the archive keeps a copy of each. A replay takes the events between a
# start and an end time out of the archive and puts them on the bus again. Without a filter all rules get them. With
# FilterArns only the rules that are named there.](replay.svg)

# %% fact id="F133"

# %% [markdown]
# The bookkeeper has a rule of her own, `to-ledger`, with the queue `ledger-in`. What she books stands in the table `ledger`:
# one item for each order, under the key `line`.

# %%
bus_arn = events.describe_event_bus(Name=BUS)["Arn"]
try:
    tape_arn = events.create_archive(ArchiveName="orchard-tape", EventSourceArn=bus_arn)["ArchiveArn"]
except events.exceptions.ResourceAlreadyExistsException:
    tape_arn = events.describe_archive(ArchiveName="orchard-tape")["ArchiveArn"]

ledger_in_url, ledger_in_arn = make_queue("ledger-in")
open_door(ledger_in_url, ledger_in_arn)
ledger_rule = events.put_rule(Name="to-ledger", EventBusName=BUS, EventPattern=placed)["RuleArn"]
events.put_targets(Rule="to-ledger", EventBusName=BUS, Targets=[{"Id": "ledger", "Arn": ledger_in_arn}])

dynamodb = boto3.resource("dynamodb")
if "ledger" not in [one.name for one in dynamodb.tables.all()]:
    dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "line", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "line", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
ledger = dynamodb.Table("ledger")

# %% [markdown]
# ## 13.6 · The lost hour
#
# *Story.* Yesterday between two and three the bookkeeper's program had a bug. It took the orders of that hour, and booked
# only some of them. The bug is mended. Now the hour is wanted once more.
#
# *Task.* Write two functions.
#
# - `replay_hour(start, end)` sends the orders from `start` to `end` again, to the rule `to-ledger` only. Packers who get an
#   order twice pack it twice. `start` and `end` are datetimes with a time zone. Two replays never have the same name.
# - `book(body)` gets the text of one message of `ledger-in`, an event as JSON. It writes one item into `ledger`, with the
#   order's `total`. Some orders come twice now, and sometimes the shop announces an order twice. Each order has one item
#   in the end. (DynamoDB does not take floats: the stub shows the way around it.)

# %% stub exercise="lost_hour"
from decimal import Decimal


def book(body):
    event = json.loads(body, parse_float=Decimal)
    line = f"{ledger.item_count}-{datetime.now(UTC)}"  # a new line each time
    ledger.put_item(Item={"line": line, "total": event["detail"]["total"]})


def replay_hour(start, end):
    pass


# %% solution
from decimal import Decimal


def book(body):
    order = json.loads(body, parse_float=Decimal)["detail"]
    ledger.put_item(Item={"line": order["order_id"], "total": order["total"]})


def replay_hour(start, end):
    events.start_replay(
        ReplayName=f"ledger-{start:%Y-%m-%d-%H%M}",  # survives: any name that is new
        EventSourceArn=tape_arn,
        EventStartTime=start,
        EventEndTime=end,
        Destination={"Arn": bus_arn, "FilterArns": [ledger_rule]},
    )


# %% right because="an item is written only when it is new, and the name of the replay is random"
import uuid
from decimal import Decimal


def book(body):
    order = json.loads(body)["detail"]
    try:
        ledger.put_item(
            Item={"line": f"order#{order['order_id']}", "total": Decimal(str(order["total"]))},
            ConditionExpression="attribute_not_exists(line)",
        )
    except ledger.meta.client.exceptions.ConditionalCheckFailedException:
        pass


def replay_hour(start, end):
    rule = events.describe_rule(Name="to-ledger", EventBusName="orchard")["Arn"]
    archive = events.describe_archive(ArchiveName="orchard-tape")
    events.start_replay(
        ReplayName=uuid.uuid4().hex,
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime=start.timestamp(),
        EventEndTime=end.timestamp(),
        Destination={"Arn": archive["EventSourceArn"], "FilterArns": [rule]},
    )


# %% wrong because="Which rules hear a replay when you name none?" finds="others"
from decimal import Decimal


def book(body):
    order = json.loads(body, parse_float=Decimal)["detail"]
    ledger.put_item(Item={"line": order["order_id"], "total": order["total"]})


def replay_hour(start, end):
    events.start_replay(
        ReplayName=f"ledger-{start:%Y-%m-%d-%H%M}",
        EventSourceArn=tape_arn,
        EventStartTime=start,
        EventEndTime=end,
        Destination={"Arn": bus_arn},
    )


# %% wrong because="Is that the whole day, to be safe?" finds="window"
from decimal import Decimal


def book(body):
    order = json.loads(body, parse_float=Decimal)["detail"]
    ledger.put_item(Item={"line": order["order_id"], "total": order["total"]})


def replay_hour(start, end):
    events.start_replay(
        ReplayName=f"ledger-{start:%Y-%m-%d-%H%M}",
        EventSourceArn=tape_arn,
        EventStartTime=start - timedelta(hours=12),
        EventEndTime=end + timedelta(hours=12),
        Destination={"Arn": bus_arn, "FilterArns": [ledger_rule]},
    )


# %% wrong because="Does a message that comes twice get two lines?" finds="ledger"
from decimal import Decimal


def book(body):
    event = json.loads(body, parse_float=Decimal)
    ledger.put_item(Item={"line": event["id"], "total": event["detail"]["total"]})


def replay_hour(start, end):
    events.start_replay(
        ReplayName=f"ledger-{start:%Y-%m-%d-%H%M}",
        EventSourceArn=tape_arn,
        EventStartTime=start,
        EventEndTime=end,
        Destination={"Arn": bus_arn, "FilterArns": [ledger_rule]},
    )


# %% wrong because="Who starts the replay?" finds="window,ledger"
from decimal import Decimal


def book(body):
    order = json.loads(body, parse_float=Decimal)["detail"]
    ledger.put_item(Item={"line": order["order_id"], "total": order["total"]})


def replay_hour(start, end):
    print("replaying from", start, "to", end)


# %% wrong because="What is the name of a replay that was there before?" finds="runs"
from decimal import Decimal


def book(body):
    order = json.loads(body, parse_float=Decimal)["detail"]
    ledger.put_item(Item={"line": order["order_id"], "total": order["total"]})


def replay_hour(start, end):
    events.start_replay(
        ReplayName="the-lost-hour",
        EventSourceArn=tape_arn,
        EventStartTime=start,
        EventEndTime=end,
        Destination={"Arn": bus_arn, "FilterArns": [ledger_rule]},
    )


# %% wrong because="Did you delete the archive?" finds="exists"
events.delete_archive(ArchiveName="orchard-tape")


def book(body):
    pass


def replay_hour(start, end):
    pass


# %% check
lab.check("lost_hour", book=book, replay_hour=replay_hour)

# %% [markdown]
# ## Events on the clock

# %% predict question="nine_utc"

# %% fact id="F134"

# %% [markdown]
# **EventBridge Scheduler** is a service of its own, with a boto3 client of its own. A **schedule** has an expression that
# says when, and a target that it calls in a role:
#
# - `cron(30 18 ? * FRI *)`: each Friday at 18:30. The fields are minute, hour, day of the month, month, weekday, year. Of
#   the two kinds of days one is a `?`.
# - `rate(2 hours)`: every two hours.
# - `at(2026-12-24T16:00:00)`: once, at this moment.
#
# The moment is meant in the time zone of the schedule, `ScheduleExpressionTimezone`. Without one, it is UTC.
#
# The next cell makes the queues and the role. `put_schedule` makes a schedule, or changes the one of this name.

# %%
scheduler = boto3.client("scheduler")
reports_url, reports_arn = make_queue("reports")
reminders_url, reminders_arn = make_queue("reminders")
scheduler_role = make_role("orchard-scheduler", "scheduler.amazonaws.com", "sqs:SendMessage")


def put_schedule(**settings):
    """Change a schedule, or make it when it is not there."""
    try:
        scheduler.update_schedule(**settings)
    except scheduler.exceptions.ResourceNotFoundException:
        scheduler.create_schedule(**settings)


# %% [markdown]
# A worked example: in two minutes, once. The lab's clock brings it at once.

# %%
soon = lab.clock.now() + timedelta(minutes=2)
put_schedule(
    Name="tea-is-ready",
    ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": "the tea is ready"},
)
lab.clock.advance(minutes=3)
message = sqs.receive_message(QueueUrl=reminders_url)["Messages"][0]
sqs.delete_message(QueueUrl=reminders_url, ReceiptHandle=message["ReceiptHandle"])
print(message["Body"])
print("schedules:", [one["Name"] for one in scheduler.list_schedules()["Schedules"]])

# %%
lab.timeline("reminders")

# %% [markdown]
# It fired, and it is still there: a schedule that is over stays until somebody deletes it, and it counts towards the
# quota of your account. `ActionAfterCompletion="DELETE"` makes it tidy up after itself.

# %%
scheduler.delete_schedule(Name="tea-is-ready")

# %% [markdown]
# ## 13.7 · Nine o'clock in Vienna
#
# *Story.* The manager in Vienna wants a report on her desk at nine, in summer and in winter. And a customer who has not
# paid gets one reminder after 36 hours.
#
# *Task.*
#
# - Make the schedule `daily-report`. Each day at 09:00 in Vienna the queue `reports` gets the text `report`.
# - Write `remind(order_id, placed_at)`. Exactly 36 hours after `placed_at` the queue `reminders` gets the order's id, once, and
#   then the schedule is gone. `placed_at` is a datetime with a time zone, any time zone.

# %% stub exercise="on_time"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 12 * * ? *)",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    pass


# %% solution
put_schedule(
    Name="daily-report",  # survives: any name will do
    ScheduleExpression="cron(0 9 * * ? *)",
    ScheduleExpressionTimezone="Europe/Vienna",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    due = placed_at.astimezone(UTC) + timedelta(hours=36)
    put_schedule(
        Name=f"remind-{order_id}",  # survives: any beginning will do
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% right because="local time for the reminder too, and API calls as universal targets"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 9 ? * * *)",
    ScheduleExpressionTimezone="Europe/Vienna",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={
        "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        "RoleArn": scheduler_role,
        "Input": json.dumps({"QueueUrl": reports_url, "MessageBody": "report"}),
    },
)


def remind(order_id, placed_at):
    due = datetime.fromtimestamp(placed_at.timestamp() + 36 * 3600, ZoneInfo("Europe/Vienna"))
    scheduler.create_schedule(
        Name=order_id,
        ScheduleExpression=due.strftime("at(%Y-%m-%dT%H:%M:%S)"),
        ScheduleExpressionTimezone="Europe/Vienna",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% wrong because="Nine o'clock where?" finds="nine"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 8 * * ? *)",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    due = placed_at.astimezone(UTC) + timedelta(hours=36)
    put_schedule(
        Name=f"remind-{order_id}",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% wrong because="Which hour does the clock show when you add 36 hours to a local time?" finds="hours"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 9 * * ? *)",
    ScheduleExpressionTimezone="Europe/Vienna",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    due = placed_at + timedelta(hours=36)  # the hour that the change of the clocks takes or gives is lost
    put_schedule(
        Name=f"remind-{order_id}",
        ScheduleExpression=f"at({due.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% wrong because="In which time zone does `at(...)` read your local time?" finds="hours"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 9 * * ? *)",
    ScheduleExpressionTimezone="Europe/Vienna",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    due = placed_at + timedelta(hours=36)
    put_schedule(
        Name=f"remind-{order_id}",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% wrong because="Is the reminder repeated every 36 hours, and who deletes it?" finds="reminder,tidy"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 9 * * ? *)",
    ScheduleExpressionTimezone="Europe/Vienna",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    put_schedule(
        Name=f"remind-{order_id}",
        ScheduleExpression="rate(36 hours)",
        StartDate=placed_at.astimezone(UTC) + timedelta(hours=36),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% wrong because="Do all reminders share one name?" finds="reminder"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 9 * * ? *)",
    ScheduleExpressionTimezone="Europe/Vienna",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    due = placed_at.astimezone(UTC) + timedelta(hours=36)
    put_schedule(
        Name="remind",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% wrong because="Does the second reminder find a name that is taken?" finds="runs"
put_schedule(
    Name="daily-report",
    ScheduleExpression="cron(0 9 * * ? *)",
    ScheduleExpressionTimezone="Europe/Vienna",
    FlexibleTimeWindow={"Mode": "OFF"},
    Target={"Arn": reports_arn, "RoleArn": scheduler_role, "Input": "report"},
)


def remind(order_id, placed_at):
    due = placed_at.astimezone(UTC) + timedelta(hours=36)
    scheduler.create_schedule(
        Name="remind",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": reminders_arn, "RoleArn": scheduler_role, "Input": order_id},
    )


# %% wrong because="Did you delete the queue `reports`?" finds="exists"
sqs.delete_queue(QueueUrl=reports_url)


def remind(order_id, placed_at):
    pass


# %% check
lab.check("on_time", remind=remind)

# %% [markdown]
# ## The bill explodes
#
# A colleague has written the function `enrich`. It reads an event of the shop, adds the loyalty points, and puts the result on
# the bus as a new event, `Order Enriched`. Other teams listen for that. His rule `enrich` is on the bus `default`, where the
# events of AWS services arrive, too. And its pattern is generous: every source begins with nothing.

# %%
enrich_arn = make_function(
    "enrich",
    """
import json
import boto3

events = boto3.client("events")

def handler(event, context):
    detail = {**event["detail"], "points": int(event["detail"].get("total", 0))}
    events.put_events(
        Entries=[{"Source": "orchard.shop", "DetailType": "Order Enriched", "Detail": json.dumps(detail)}]
    )
""",
)
enrich_rule = events.put_rule(Name="enrich", EventPattern=json.dumps({"source": [{"prefix": ""}]}))["RuleArn"]
forget_permission("enrich", "rule")
functions.add_permission(
    FunctionName="enrich",
    StatementId="rule",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=enrich_rule,
)
events.put_targets(Rule="enrich", Targets=[{"Id": "enrich", "Arn": enrich_arn}])

# %% [markdown]
# **Break it.** One customer orders one lamp. How often does the function run in the next minute?

# %%
before = lab.sandbox.trace.mark()
lamp = {"Source": "orchard.shop", "DetailType": "Order Placed", "Detail": json.dumps({"order_id": "lamp-9", "total": 80})}
events.put_events(Entries=[lamp])
lab.clock.advance(minutes=1)
runs = len(lab.sandbox.trace.where(kind="invocation", resource="enrich", since=before))
print(runs, "runs in one minute, for one lamp. That makes", runs * 60 * 24, "in a day, if nobody looks.")

# %% [markdown]
# Pull the plug first, then think. A rule that is disabled matches nothing:

# %%
events.disable_rule(Name="enrich")
lab.clock.advance(seconds=10)

# %% fact id="F135"

# %% [markdown]
# ## 13.8 · Do you listen to yourself?
#
# *Task.* Mend the rule `enrich` on the bus `default`, and see to it that a loop is noticed the next time.
#
# - Every event with the source `orchard.shop` starts the function once, also kinds of events that the shop will invent next year.
#   Only the function's own output, `Order Enriched`, must not start it.
# - Events of AWS services and of other sources do not start it.
# - A CloudWatch **alarm** watches how often the rule calls its target. In the busiest minute of the year the shop has 20 orders, and the
#   alarm is silent. In a loop there are 60 calls a minute (and many more on AWS), and within ten minutes the alarm
#   rings.
#
# The metric is `Invocations` in the namespace `AWS/Events`. For a rule on the default bus it has one dimension, `RuleName`. (This lab
# does not produce the metrics of EventBridge. So the check reads what your alarm would do with such numbers.)

# %%
cloudwatch = boto3.client("cloudwatch")

# %% stub exercise="loop"
events.put_rule(Name="enrich", EventPattern=json.dumps({"source": [{"prefix": ""}]}))

# %% solution
pattern = {"source": ["orchard.shop"], "detail-type": [{"anything-but": "Order Enriched"}]}
events.put_rule(Name="enrich", EventPattern=json.dumps(pattern))
cloudwatch.put_metric_alarm(  # survives: any name will do, and any limit between 20 and 60 calls a minute
    AlarmName="enrich-runs-wild",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Dimensions=[{"Name": "RuleName", "Value": "enrich"}],
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=40,
    ComparisonOperator="GreaterThanThreshold",
    TreatMissingData="notBreaching",
)

# %% right because="the output gets a source of its own, and the alarm is on the function"
make_function(
    "enrich",
    """
import json
import boto3

def handler(event, context):
    detail = {**event["detail"], "points": int(event["detail"].get("total", 0))}
    one = {"Source": "orchard.enrich", "DetailType": "Order Enriched", "Detail": json.dumps(detail)}
    boto3.client("events").put_events(Entries=[one])
""",
)
events.put_rule(Name="enrich", EventPattern='{"source": ["orchard.shop"]}', State="ENABLED")
cloudwatch.put_metric_alarm(
    AlarmName="too-many-runs",
    Namespace="AWS/Lambda",
    MetricName="Invocations",
    Dimensions=[{"Name": "FunctionName", "Value": "enrich"}],
    Statistic="Sum",
    Period=300,
    EvaluationPeriods=1,
    Threshold=150,
    ComparisonOperator="GreaterThanOrEqualToThreshold",
)

# %% right because="what has points already is left alone"
pattern = {"source": ["orchard.shop"], "detail": {"points": [{"exists": False}]}}
events.put_rule(Name="enrich", EventPattern=json.dumps(pattern))
cloudwatch.put_metric_alarm(
    AlarmName="loop",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Dimensions=[{"Name": "RuleName", "Value": "enrich"}],
    Statistic="SampleCount",
    Period=60,
    EvaluationPeriods=3,
    DatapointsToAlarm=2,
    Threshold=30,
    ComparisonOperator="GreaterThanThreshold",
)

# %% wrong because="Is the output also an event of the shop?" finds="alone"
events.put_rule(Name="enrich", EventPattern=json.dumps({"source": ["orchard.shop"]}))
cloudwatch.put_metric_alarm(
    AlarmName="enrich-runs-wild",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Dimensions=[{"Name": "RuleName", "Value": "enrich"}],
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=40,
    ComparisonOperator="GreaterThanThreshold",
)

# %% wrong because="Does every source in the world begin with nothing?" finds="strangers"
pattern = {"source": [{"prefix": ""}], "detail-type": [{"anything-but": "Order Enriched"}]}
events.put_rule(Name="enrich", EventPattern=json.dumps(pattern))
cloudwatch.put_metric_alarm(
    AlarmName="enrich-runs-wild",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Dimensions=[{"Name": "RuleName", "Value": "enrich"}],
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=40,
    ComparisonOperator="GreaterThanThreshold",
)

# %% wrong because="What of the kinds of events that do not exist yet?" finds="kept"
pattern = {"source": ["orchard.shop"], "detail-type": ["Order Placed", "Order Changed"]}
events.put_rule(Name="enrich", EventPattern=json.dumps(pattern))
cloudwatch.put_metric_alarm(
    AlarmName="enrich-runs-wild",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Dimensions=[{"Name": "RuleName", "Value": "enrich"}],
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=40,
    ComparisonOperator="GreaterThanThreshold",
)

# %% wrong because="Does the alarm add up the calls, or take their average?" finds="rings"
pattern = {"source": ["orchard.shop"], "detail-type": [{"anything-but": "Order Enriched"}]}
events.put_rule(Name="enrich", EventPattern=json.dumps(pattern))
cloudwatch.put_metric_alarm(
    AlarmName="enrich-runs-wild",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Dimensions=[{"Name": "RuleName", "Value": "enrich"}],
    Statistic="Average",
    Period=60,
    EvaluationPeriods=1,
    Threshold=40,
    ComparisonOperator="GreaterThanThreshold",
)

# %% wrong because="Does the alarm name the rule it watches?" finds="watches,rings,silent"
pattern = {"source": ["orchard.shop"], "detail-type": [{"anything-but": "Order Enriched"}]}
events.put_rule(Name="enrich", EventPattern=json.dumps(pattern))
cloudwatch.put_metric_alarm(
    AlarmName="enrich-runs-wild",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=40,
    ComparisonOperator="GreaterThanThreshold",
)

# %% wrong because="Does the alarm ring on every busy day?" finds="silent"
pattern = {"source": ["orchard.shop"], "detail-type": [{"anything-but": "Order Enriched"}]}
events.put_rule(Name="enrich", EventPattern=json.dumps(pattern))
cloudwatch.put_metric_alarm(
    AlarmName="enrich-runs-wild",
    Namespace="AWS/Events",
    MetricName="Invocations",
    Dimensions=[{"Name": "RuleName", "Value": "enrich"}],
    Statistic="Sum",
    Period=300,
    EvaluationPeriods=1,
    Threshold=40,
    ComparisonOperator="GreaterThanThreshold",
)

# %% wrong because="Did you delete the rule?" finds="exists"
events.remove_targets(Rule="enrich", Ids=["enrich"])
events.delete_rule(Name="enrich")

# %% check
lab.check("loop")

# %% [markdown]
# ## What you have now
#
# Everything of this lab in one picture:

# %%
lab.draw()

# %% [markdown]
# | place | what happens there | what helps |
# | --- | --- | --- |
# | 1, the bus | an entry fails, the call answers 200 | read each result, send again |
# | 2, the rule | nothing matches | try patterns with `test_event_pattern`, watch `MatchedEvents` |
# | 3, the door | access denied, not tried again | the target's policy, with `aws:SourceArn` |
# | 4, the target | down for too long | `RetryPolicy`, a dead-letter queue, a redrive |
#
# An archive helps where all of this did not. And a bus of your own, with narrow patterns, keeps you from listening to yourself.
#
# ## What differs on real AWS
#
# - A new or changed rule takes a moment until it is in force. Here it works at once.
# - AWS promises no order of events, and now and then delivers one twice. Here both happen only when a fault is switched on.
# - Waits between retries are AWS's own business. Here they are 1, 2, 4 ... 512 seconds, and then 512 each.
#
# In a real account, try this (it lists the rules of your default bus; AWS services have often put some there):
#
# ```console
# aws events list-rules --query "Rules[].[Name,ManagedBy,State]" --output table
# ```
#
# ## Sidebar: the other event bus
#
# Since 2026 AWS has a second kind of bus for your own events. AWS calls it **Custom Event Bus**, and the one of this lab
# *Custom Event Bus - Classic*. In boto3 it is the client `eventbridgev2`. Both stay available. The new one is not
# simulated here, so this is only an outlook:
#
# | Classic (this lab) | Custom Event Bus |
# | --- | --- |
# | delivers and forgets; an archive is extra | keeps each event for 1 to 365 days |
# | a rule with up to five targets | a **subscriber** with one target; other teams can make their own |
# | no order, no deduplication | order within a group (FIFO) and deduplication, if you ask for them |
# | archive and replay | a subscriber starts at a point in the past |
# | an input transformer | a transformer in the language JSONata |
# | retries for 24 hours, 185 times | if you say nothing, 5 times or 300 seconds |
#
# What you have learned stays true for both: the events, the patterns (nearly all of them), the four places, and a dead-letter
# queue. Mind the last line of the table when you move.

# %% fact id="F136"

# %% [markdown]
# ## Finish
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
