# ---
# jupyter:
#   labkit:
#     number: "16"
#     title: SQS standard queues
#     week: 9
#     minutes: 160
#     services: [sqs, sns, kms, dynamodb, s3]
#     covers: [L239-L242, L250-L254, L260-L264, L268-L271]
#     verified: 2026-11-23
#     objectives:
#       - Say where an order is at each moment of its life in a queue.
#       - Keep slow work safe, poll cheaply, and send in batches.
#       - Put failed messages aside, bring them back, and accept that some come twice.
#       - Say who may send and who may read, with a key of your own.
#       - Let the number of workers follow the backlog, and send large documents by pointer.
# ---

# %% [markdown]
# # SQS standard queues
#
# **The story.** Orchard Market sells tea, lamps and a thousand other things. The shop takes an order in a
# moment. To pack it takes minutes. So the shop writes each order into a *queue*, and workers pack when they are free.
# Plan 160 minutes, in two or three sittings. There are save points after 16.3 and 16.6.

# %% setup
import json

import boto3

sqs = boto3.client("sqs")

# %% [markdown]
# ## The life of a message
#
# ![A producer sends a message (1), and it waits. A worker receives it (2), and it is in flight: hidden from the
# others. If the worker deletes it (3), it is gone. If the visibility timeout ends first (4), it waits again. After too
# many receives it moves to the dead-letter queue (5). A redrive brings it back (6).](life-cycle.svg)

# %% [markdown]
# ## Predict
#
# Think first. Then put a letter into the cell, for example `answer="a"`, and run it.

# %% predict question="after_a_minute"

# %% [markdown]
# ## What a queue does
#
# A **queue** keeps messages between those who send (*producers*) and those who work (*consumers*). Neither has to wait
# for the other.
#
# To **receive** a message does not remove it. SQS lends it to you and hides it from everybody else for the
# **visibility timeout**. During that time the message is **in flight**. You get a **receipt handle** with it. When the
# work is done, you **delete** the message with that handle. If you do not, the message comes back when the timeout
# ends.
#
# So a worker that crashes does not lose the order: it never deleted it.

# %% fact id="F57"

# %% [markdown]
# ## Worked example: one order
#
# Run the next cells, one by one, and read what they print.

# %%
orders = sqs.create_queue(QueueName="orders")["QueueUrl"]
sent = sqs.send_message(QueueUrl=orders, MessageBody="two lamps for Amara")

# %% [markdown]
# The next cell draws the queue as it is now. Each dot is a message. The picture follows the cells that you run after it.

# %%
lab.watch("orders")

# %%
def look(queue_url):
    """Receive one message and say what came."""
    answer = sqs.receive_message(QueueUrl=queue_url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    messages = answer.get("Messages", [])
    for message in messages:
        print(message["Body"], "- receive number", message["Attributes"]["ApproximateReceiveCount"])
    if not messages:
        print("nothing to receive now")
    return messages


print("First worker:")
look(orders)
print("Second worker, at once:")
borrowed = look(orders)

# %% [markdown]
# The second worker finds nothing: the message is in flight. Now let 31 seconds pass. You do not have to wait for them.

# %%
lab.clock.advance(seconds=31)
print("Second worker, 31 seconds later:")
borrowed = look(orders)

# %%
for message in borrowed:
    sqs.delete_message(QueueUrl=orders, ReceiptHandle=message["ReceiptHandle"])
lab.clock.advance(hours=1)
print("An hour after it was deleted:")
borrowed = look(orders)

# %% [markdown]
# Here is the whole life of that message on the clock of the lab. A long time without events is folded.

# %%
lab.timeline("orders")

# %% fact id="F88"

# %% [markdown]
# ## 16.1 · Send, receive, delete, and forget once
#
# *Story.* The packing table gets its first worker. A colleague, `pack`, does the packing. `pack(order)` returns True
# when the parcel is ready. It returns False when somebody called the colleague away.
#
# *Task.* Fill the four blanks.
#
# - `place` puts an order into the queue.
# - `work` receives one message and hands its text to `pack`. If `pack` says True, it deletes the message. If `pack` says
#   False, it leaves the message alone: somebody else packs it later.

# %% stub exercise="life_cycle"
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody="blank 1: what does the customer want?")


def work(queue_url, pack):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("blank 2: where are the messages?", []):
        if pack(message.get("blank 3: where is the text?")):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message.get("blank 4: what do I have to show?"))


# %% solution
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order)


def work(queue_url, pack):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        if pack(message["Body"]):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="boto3 resources, ten messages at a time"
def place(queue_url, order):
    boto3.resource("sqs").Queue(queue_url).send_message(MessageBody=order)


def work(queue_url, pack):
    for message in boto3.resource("sqs").Queue(queue_url).receive_messages(MaxNumberOfMessages=10):
        if pack(message.body):
            message.delete()


# %% right because="batches, and a wait for the first message"
def place(queue_url, order):
    sqs.send_message_batch(QueueUrl=queue_url, Entries=[{"Id": "only", "MessageBody": order}])


def work(queue_url, pack):
    messages = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5).get("Messages") or []
    ready = [message for message in messages if pack(message["Body"])]
    if ready:
        entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(ready)]
        sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)


# %% wrong because="Did you delete the message before it was packed?" finds="forgotten"
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order)


def work(queue_url, pack):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        pack(message["Body"])


# %% wrong because="Did you receive and pack, and never delete?" finds="deleted"
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order)


def work(queue_url, pack):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        pack(message["Body"])


# %% wrong because="Is that the message id where the receipt handle belongs?" finds="runs"
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order)


def work(queue_url, pack):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        if pack(message["Body"]):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["MessageId"])


# %% wrong because="Does `pack` get the whole message instead of its text?" finds="packed,forgotten"
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order)


def work(queue_url, pack):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        if pack(message):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="What does the answer look like when nothing has come?" finds="empty"
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order)


def work(queue_url, pack):
    message = sqs.receive_message(QueueUrl=queue_url)["Messages"][0]
    if pack(message["Body"]):
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does the text in the queue differ from what the customer said?" finds="sent"
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=f"new order: {order}")


def work(queue_url, pack):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        if pack(message["Body"]):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% check
lab.check("life_cycle", place=place, work=work)

# %% [markdown]
# ## Work that takes longer than the timeout
#
# The default visibility timeout is 30 seconds. Some work takes longer. You cannot simply ask for a very long
# timeout: if the worker stops, the message stays hidden until that long time is over.
#
# ![Three ways to hold a message for a 95-second job. One timeout of 30 seconds: after second 30 a second worker gets the
# same message. One timeout of 12 hours: after a crash at second 50 it stays hidden for hours. A heartbeat every 20
# seconds: hidden while the worker lives, and back 30 seconds after the last heartbeat.](heartbeat.svg)
#
# A **heartbeat** is the way out: many short promises, one after another.

# %% fact id="F62"

# %% [markdown]
# ## 16.2 · A 95-second job on a 30-second queue
#
# *Story.* Customers order photo calendars. To print one takes 95 seconds. Now and then the paper jams, and the program
# of the worker stops.
#
# *Task.* The function below prints the calendar, but a second worker prints it, too. Change it.
#
# - While the worker lives, nobody else may receive its message.
# - When the worker stops half-way, another worker must have the message within 40 seconds.
#
# `message` is what `receive_message` gave. `job.step()` prints for five seconds of lab time and returns True while there is
# more to print. A jam raises an error out of `job.step()`. Time passes only inside `job.step()`, so call SQS between two
# steps. (On AWS, you can also use a background thread. Here it would never see time pass.)

# %% stub exercise="heartbeat"
def print_calendar(queue_url, message, job):
    while job.step():
        pass  # five seconds of printing are over, and there is more to print
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% solution
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    while job.step():
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=30)  # survives: half of it still outlasts a step
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


# %% right because="a resource, and a heartbeat every 20 seconds only"
def print_calendar(queue_url, message, job):
    mine = boto3.resource("sqs").Message(queue_url, message["ReceiptHandle"])
    steps = 1
    while job.step():
        if steps % 4 == 0:
            mine.change_visibility(VisibilityTimeout=35)
        steps += 1
    mine.delete()


# %% right because="a worker that is about to stop gives the message back at once"
def print_calendar(queue_url, message, job):
    def hold(seconds):
        sqs.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    try:
        hold(20)
        while job.step():
            hold(20)
    except Exception:
        hold(0)
        raise
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is that more than twelve hours in all, counted from the receive?" finds="runs"
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    while job.step():
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=43_200)
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


# %% wrong because="Nearly twelve hours, to be safe?" finds="takeover"
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=43_000)
    while job.step():
        pass
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


# %% wrong because="One long timeout for the whole job, and the worker stopped in the first minute?" finds="takeover"
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=120)
    while job.step():
        pass
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


# %% wrong because="Did you delete the message before the work was done?" finds="safe,takeover"
def print_calendar(queue_url, message, job):
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    while job.step():
        pass


# %% wrong because="Does `finally` also delete when the paper jams?" finds="safe,takeover"
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    try:
        while job.step():
            sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=30)
    finally:
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


# %% wrong because="Does nobody renew the timeout?" finds="alone"
def print_calendar(queue_url, message, job):
    while job.step():
        print(".", end="")
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does each promise end just when the next one is made?" finds="alone"
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    while job.step():
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=5)
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


# %% wrong because="Who deletes the message when the calendar is ready?" finds="deleted"
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    while job.step():
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=30)


# %% wrong because="Is one step missing at the end?" finds="finished"
def print_calendar(queue_url, message, job):
    handle = message["ReceiptHandle"]
    for step in range(95 // 5 - 1):
        job.step()
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=30)
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)


# %% check
lab.check("heartbeat", work=print_calendar)

# %% [markdown]
# ## Polling without noise
#
# SQS does not call your worker. The worker asks, again and again: it **polls**.

# %% predict question="idle_calls"

# %% fact id="F86"

# %%
night_orders = sqs.create_queue(QueueName="night-orders")["QueueUrl"]

# %% [markdown]
# ## 16.3 · Cut an idle worker's calls
#
# *Story.* At night few people order. The worker at `night-orders` polls all the time, and the shop pays for each call.
#
# *Task.* The worker calls `poll` in a loop and needs a tenth of a second between two calls. In an hour without orders it
# may make 180 calls at most. A new order must still be in its hands within one second. You may change the function,
# the queue `night-orders`, or both.

# %% stub exercise="idle_worker"
def poll(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url)
    return answer.get("Messages", [])


# %% solution
def poll(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=20)
    return answer.get("Messages", [])


# %% right because="the queue waits, so no worker has to ask for it"
sqs.set_queue_attributes(QueueUrl=night_orders, Attributes={"ReceiveMessageWaitTimeSeconds": "20"})


def poll(queue_url):
    return sqs.receive_message(QueueUrl=queue_url).get("Messages", [])


# %% right because="a boto3 resource"
def poll(queue_url):
    queue = boto3.resource("sqs").Queue(queue_url)
    return queue.receive_messages(WaitTimeSeconds=20, MaxNumberOfMessages=10)


# %% wrong because="Does the worker sleep, where the call should wait?" finds="latency"
import time


def poll(queue_url):
    time.sleep(20)
    answer = sqs.receive_message(QueueUrl=queue_url)
    return answer.get("Messages", [])


# %% wrong because="Does the call still return at once when the queue is empty?" finds="calls"
def poll(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    return answer.get("Messages", [])


# %% wrong because="Is each wait too short?" finds="calls"
def poll(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=10)
    return answer.get("Messages", [])


# %% wrong because="Is that longer than AWS allows?" finds="runs"
def poll(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=30)
    return answer.get("Messages", [])


# %% wrong because="Do you ask for the length of the queue instead? That is a call, too" finds="calls"
def poll(queue_url):
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"])
    if answer["Attributes"]["ApproximateNumberOfMessages"] == "0":
        return []
    return sqs.receive_message(QueueUrl=queue_url)["Messages"]


# %% wrong because="Does `poll` give the messages back to the worker?" finds="delivered"
def poll(queue_url):
    sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=20)


# %% wrong because="Did you replace `night-orders` by a queue with another name?" finds="exists"
sqs.delete_queue(QueueUrl=night_orders)
night_orders = sqs.create_queue(QueueName="night", Attributes={"ReceiveMessageWaitTimeSeconds": "20"})["QueueUrl"]


def poll(queue_url):
    return sqs.receive_message(QueueUrl=queue_url).get("Messages", [])


# %% check
lab.check("idle_worker", poll=poll)

# %% [markdown]
# ## Save point
#
# The first part is done. Your progress is saved already. The next cell also keeps a copy of the account in this session.
# Take a break.

# %%
lab.snapshot("after-polling")

# %% [markdown]
# ## Ten messages in one call
#
# A **batch** is one call with up to ten messages, the *entries*. Each entry has an `Id` of your choice, so that the
# answer can say what became of it. A **message attribute** is a small labelled value beside the body. It has a type:
# String, Number or Binary.

# %% fact id="F84"

# %% fact id="F85"

# %% [markdown]
# ## Worked example: a batch that fails in part
#
# `lab.faults` breaks things on purpose. Here it makes about half of all entries fail, as a server in trouble would.

# %%
def entry(name, order):
    """One entry of a batch: the order as JSON, and two typed attributes."""
    return {
        "Id": name,
        "MessageBody": json.dumps(order),
        "MessageAttributes": {
            "customer": {"DataType": "String", "StringValue": order["customer"]},
            "total": {"DataType": "Number", "StringValue": order["total"]},
        },
    }


def weight(one):
    """The bytes SQS counts for an entry: its body, and the name, type and value of each attribute."""
    attributes = one["MessageAttributes"].items()
    parts = [text for name, value in attributes for text in (name, value["DataType"], value["StringValue"])]
    return sum(len(text.encode()) for text in [one["MessageBody"], *parts])


three = [
    {"id": f"demo-{n}", "customer": name, "total": "12.50", "note": ""} for n, name in enumerate(["Bao", "Elif", "Kofi"])
]
lab.faults.put("sqs.batch_entry_fails", share=0.5)
answer = sqs.send_message_batch(QueueUrl=orders, Entries=[entry(str(n), order) for n, order in enumerate(three)])
lab.faults.clear("sqs.batch_entry_fails")

print("HTTP status:", answer["ResponseMetadata"]["HTTPStatusCode"])
print("in the queue:", [one["Id"] for one in answer.get("Successful", [])])
print("not in the queue:", [one["Id"] for one in answer.get("Failed", [])])
print("one entry weighs", weight(entry("0", three[0])), "bytes")

# %% [markdown]
# ## 16.4 · A thousand orders in a hundred calls
#
# *Story.* Once a week a big customer sends 1,000 orders at once.
#
# *Task.* Write `send_all(queue_url, orders)`. Each order is a dict with `id`, `customer`, `total` and `note`, like those
# above. `entry` and `weight` are yours to use.
#
# - Every order arrives as JSON, with the attributes `customer` (String) and `total` (Number).
# - About 3 % of the entries fail. Send those again, and only those.
# - Make at most 110 calls, resends included. So resend what failed in full batches, too.
# - Some orders have very long notes. A batch must stay below 1 MiB (1,048,576 bytes). Use that room: 30 long orders
#   need at most 10 calls.

# %% stub exercise="send_in_batches"
def send_all(queue_url, orders):
    for order in orders[:3]:  # three of them, one call each: too few orders, and too many calls
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order))


# %% solution
def send_all(queue_url, orders):
    waiting = [entry(order["id"], order) for order in orders]
    while waiting:
        batch, size = [], 0  # survives: one byte does not matter
        for one in waiting[:10]:
            size += weight(one)
            if size < 1_000_000:
                batch.append(one)
        waiting = waiting[len(batch) :]
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=batch)
        failed = [one["Id"] for one in answer.get("Failed", [])]
        waiting += [one for one in batch if one["Id"] in failed]


# %% right because="the batches are cut first, and sent in rounds"
def cut(entries):
    batches, size = [[]], 0
    for one in entries:
        if len(batches[-1]) == 10 or size + weight(one) > 1_048_576:
            batches.append([])
            size = 0
        batches[-1].append(one)
        size += weight(one)
    return batches


def send_all(queue_url, orders):
    entries = {order["id"]: entry(order["id"], order) for order in orders}
    while entries:
        failed = set()
        for batch in cut(entries.values()):
            answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=batch)
            failed |= {one["Id"] for one in answer.get("Failed", [])}
        entries = {name: one for name, one in entries.items() if name in failed}


# %% wrong because="What becomes of the entries in `Failed`?" finds="all"
def send_all(queue_url, orders):
    entries = [entry(str(n), order) for n, order in enumerate(orders)]
    while entries:
        batch, size = [], 0
        while entries and len(batch) < 10 and size + weight(entries[0]) < 1_000_000:
            size += weight(entries[0])
            batch.append(entries.pop(0))
        sqs.send_message_batch(QueueUrl=queue_url, Entries=batch)


# %% wrong because="Do you send the whole batch again when one entry failed?" finds="alone,calls"
def send_all(queue_url, orders):
    entries = [entry(str(n), order) for n, order in enumerate(orders)]
    while entries:
        batch, size = [], 0
        while entries and len(batch) < 10 and size + weight(entries[0]) < 1_000_000:
            size += weight(entries[0])
            batch.append(entries.pop(0))
        while sqs.send_message_batch(QueueUrl=queue_url, Entries=batch).get("Failed"):
            pass


# %% wrong because="Does each failed entry get a call of its own?" finds="calls"
def send_all(queue_url, orders):
    entries = [entry(str(n), order) for n, order in enumerate(orders)]
    while entries:
        batch, size = [], 0
        while entries and len(batch) < 10 and size + weight(entries[0]) < 1_000_000:
            size += weight(entries[0])
            batch.append(entries.pop(0))
        while batch:
            answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=batch)
            names = {one["Id"] for one in answer.get("Failed", [])}
            batch = [one for one in batch if one["Id"] in names]


# %% wrong because="Did you count the entries, and forget their weight?" finds="size"
def send_all(queue_url, orders):
    waiting = list(orders)
    while waiting:
        batch, waiting = waiting[:10], waiting[10:]
        entries = [entry(str(n), order) for n, order in enumerate(batch)]
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        waiting += [batch[int(one["Id"])] for one in answer.get("Failed", [])]


# %% wrong because="Did you cut at 256 KB, the limit of older courses?" finds="size"
def send_all(queue_url, orders):
    waiting = [entry(order["id"], order) for order in orders]
    while waiting:
        batch, size = [], 0
        for one in waiting[:10]:
            size += weight(one)
            if size <= 262_144:
                batch.append(one)
        waiting = waiting[len(batch) :]
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=batch)
        failed = [one["Id"] for one in answer.get("Failed", [])]
        waiting += [one for one in batch if one["Id"] in failed]


# %% wrong because="Do two entries of a batch have the same `Id`?" finds="runs"
def send_all(queue_url, orders):
    for start in range(0, len(orders), 10):
        batch = [entry("order", order) for order in orders[start : start + 10]]
        sqs.send_message_batch(QueueUrl=queue_url, Entries=batch)


# %% wrong because="Is the total sent as a text?" finds="typed"
def as_text(order):
    one = entry(order["id"], order)
    one["MessageAttributes"]["total"]["DataType"] = "String"
    return one


def send_all(queue_url, orders):
    waiting = [as_text(order) for order in orders]
    while waiting:
        batch, size = [], 0
        for one in waiting[:10]:
            size += weight(one)
            if size < 1_000_000:
                batch.append(one)
        waiting = waiting[len(batch) :]
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=batch)
        failed = [one["Id"] for one in answer.get("Failed", [])]
        waiting += [one for one in batch if one["Id"] in failed]


# %% check
lab.check("send_in_batches", send_all=send_all)

# %% [markdown]
# ## Messages that nobody can process
#
# A message that makes every worker fail is called a **poison message**. It comes back, fails, comes back. A
# **dead-letter queue** takes such messages out of the way, so that a person can look at them. It is an ordinary queue.
# The *source* queue says when a message moves there. A **redrive** sends the messages back, when the worker has been
# repaired.

# %% fact id="F60"

# %% fact id="F87"

# %% [markdown]
# ## Worked example: a poison message
#
# A customer in Lisbon typed the total with a comma. Watch the worker fail. Watch the message come back.

# %%
sqs.send_message(QueueUrl=orders, MessageBody=json.dumps({"id": "lisbon-1", "total": "12,50"}))

for attempt in range(1, 4):
    for message in sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=10).get("Messages", []):
        try:
            print(f"round {attempt}: total", float(json.loads(message["Body"])["total"]))
        except ValueError as error:
            print(f"round {attempt}: the worker fails: {error}")
        else:
            sqs.delete_message(QueueUrl=orders, ReceiptHandle=message["ReceiptHandle"])
    lab.clock.advance(seconds=31)

# %% [markdown]
# ## 16.5 · Give poison messages somewhere to go
#
# *Story.* It is Friday. More orders with a comma come in. The colleague who can repair the worker is away for almost two
# weeks.
#
# *Task.*
#
# 1. Make a dead-letter queue for `orders`. Its name is up to you. A message that was received three times without success
#    must move there on its fourth receive.
# 2. Nothing may be lost there until 14 days after it was sent.
# 3. The queues of other teams must not be able to use your dead-letter queue.
# 4. Repair `read_total`: it must understand `12,50` and `12.50`.
# 5. Write `redrive()`. It sends everything in the dead-letter queue back to `orders`.
#
# The queue URL of `orders` is in the variable `orders`. Attributes that hold a policy are JSON *texts*: use
# `json.dumps`.

# %% stub exercise="dead_letter"
# 1, 2, 3: the queues


def read_total(body):
    return float(json.loads(body)["total"])


def redrive():
    pass


# %% solution
def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]  # survives: any name will do
friends = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(orders)]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": "1209600", "RedriveAllowPolicy": friends})
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})


def read_total(body):
    return float(json.loads(body)["total"].replace(",", "."))


def redrive():
    sqs.start_message_move_task(SourceArn=arn_of(dead))


# %% right because="boto3 resources, another name, and a redrive by hand"
from decimal import Decimal

service = boto3.resource("sqs")
source = service.Queue(orders)
shelf = service.create_queue(
    QueueName="not-readable",
    Attributes={
        "MessageRetentionPeriod": str(14 * 24 * 60 * 60),
        "RedriveAllowPolicy": json.dumps(
            {"redrivePermission": "byQueue", "sourceQueueArns": [source.attributes["QueueArn"]]}
        ),
    },
)
source.set_attributes(
    Attributes={
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": shelf.attributes["QueueArn"], "maxReceiveCount": "3"})
    }
)


def read_total(body):
    whole, _, rest = json.loads(body)["total"].replace(".", ",").partition(",")
    return Decimal(f"{whole}.{rest or 0}")


def redrive():
    while messages := shelf.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=1):
        for message in messages:
            source.send_message(MessageBody=message.body)
            message.delete()


# %% right because="`orders` is made anew with all its settings"
sqs.delete_queue(QueueUrl=orders)
lab.clock.advance(seconds=61)
shelf_url = sqs.create_queue(QueueName="orders-shelf", Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
shelf_arn = sqs.get_queue_attributes(QueueUrl=shelf_url, AttributeNames=["All"])["Attributes"]["QueueArn"]
orders = sqs.create_queue(
    QueueName="orders",
    Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": shelf_arn, "maxReceiveCount": 3})},
)["QueueUrl"]
orders_arn = sqs.get_queue_attributes(QueueUrl=orders, AttributeNames=["All"])["Attributes"]["QueueArn"]
sqs.set_queue_attributes(
    QueueUrl=shelf_url,
    Attributes={"RedriveAllowPolicy": json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [orders_arn]})},
)


def read_total(body):
    return float(".".join(json.loads(body)["total"].split(",")))


def redrive():
    sqs.start_message_move_task(SourceArn=shelf_arn, DestinationArn=orders_arn, MaxNumberOfMessagesPerSecond=50)


# %% wrong because="One try too many?" finds="third"
def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
friends = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(orders)]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": "1209600", "RedriveAllowPolicy": friends})
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 4})
sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})


def read_total(body):
    return float(json.loads(body)["total"].replace(",", "."))


def redrive():
    sqs.start_message_move_task(SourceArn=arn_of(dead))


# %% wrong because="Four days, as in every queue for which nobody says more?" finds="kept"
def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
friends = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(orders)]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": friends})
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})


def read_total(body):
    return float(json.loads(body)["total"].replace(",", "."))


def redrive():
    sqs.start_message_move_task(SourceArn=arn_of(dead))


# %% wrong because="Minutes for seconds?" finds="kept"
def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
friends = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(orders)]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": "20160", "RedriveAllowPolicy": friends})
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})


def read_total(body):
    return float(json.loads(body)["total"].replace(",", "."))


def redrive():
    sqs.start_message_move_task(SourceArn=arn_of(dead))


# %% wrong because="Who may use the dead-letter queue when nobody says anything?" finds="stranger"
def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


dead = sqs.create_queue(QueueName="orders-dlq", Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})


def read_total(body):
    return float(json.loads(body)["total"].replace(",", "."))


def redrive():
    sqs.start_message_move_task(SourceArn=arn_of(dead))


# %% wrong because="Does your redrive copy the messages and leave the originals where they are?" finds="redriven"
def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
friends = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(orders)]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": "1209600", "RedriveAllowPolicy": friends})
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})


def read_total(body):
    return float(json.loads(body)["total"].replace(",", "."))


def redrive():
    for message in sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages", []):
        sqs.send_message(QueueUrl=orders, MessageBody=message["Body"])


# %% wrong because="Did you redrive before the worker could read the comma?" finds="readable"
def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
friends = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(orders)]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": "1209600", "RedriveAllowPolicy": friends})
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})


def read_total(body):
    return float(json.loads(body)["total"])


def redrive():
    sqs.start_message_move_task(SourceArn=arn_of(dead))


# %% wrong because="Did you delete `orders`, and not make it anew?" finds="exists"
sqs.delete_queue(QueueUrl=orders)


def read_total(body):
    return float(json.loads(body)["total"].replace(",", "."))


def redrive():
    pass


# %% check
lab.check("dead_letter", read_total=read_total, redrive=redrive)

# %% [markdown]
# The next cell draws your account beside our plan and says in words what differs. In the plan the dead-letter queue is
# called `orders-dlq`; yours may have another name.

# %%
lab.draw(expected=True)

# %% [markdown]
# ## Twice, and in the wrong order
#
# A standard queue delivers *at least* once, and keeps the order only as well as it can. Your consumer has to live with
# both. A consumer that does the same work twice without harm is called **idempotent**.

# %% fact id="F83"

# %% [markdown]
# Each order goes through versions: 1 paid, 2 packed, 3 sent, 4 delivered. Every change is one message, such as
# `{"order_id": "tea-7", "version": 2, "status": "packed", "total": 24}`. The table below holds one item for each order.
#
# In DynamoDB you can give a write a **condition**. DynamoDB checks it and writes in one step, so no other worker can come
# between. When the condition does not hold, nothing is written and you get a `ConditionalCheckFailedException`. Read more
# under [condition expressions](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html).

# %%
dynamodb = boto3.resource("dynamodb")
if "order-status" not in [one.name for one in dynamodb.tables.all()]:
    dynamodb.create_table(
        TableName="order-status",
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
table = dynamodb.Table("order-status")

# %% [markdown]
# ## 16.6 · Duplicates and disorder are normal
#
# *Story.* On a busy day some messages come twice, and some overtake others. A customer reads "packed" long after the
# parcel has arrived.
#
# *Goal.* After `consume(queue_url)` has been called often enough, the queue is empty, and `order-status` is right:
#
# - each order has its newest status, whatever the order of the messages was;
# - the totals of all orders add up, however often a message came;
# - two workers at once do no harm.

# %% stub exercise="newest_wins"
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        table.put_item(Item=json.loads(message["Body"]))
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% solution
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)  # survives: fewer at a time only takes longer
    for message in answer.get("Messages", []):
        update = json.loads(message["Body"])
        try:
            table.put_item(
                Item=update,
                ConditionExpression="attribute_not_exists(order_id) OR version < :new",
                ExpressionAttributeValues={":new": update["version"]},
            )
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            pass  # this message, or a newer one, was here before
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="the low-level client updates the item"
from botocore.exceptions import ClientError

database = boto3.client("dynamodb")


def consume(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", []):
        update = json.loads(message["Body"])
        try:
            database.update_item(
                TableName="order-status",
                Key={"order_id": {"S": update["order_id"]}},
                UpdateExpression="SET #s = :s, #v = :v, #t = :t",
                ConditionExpression="attribute_not_exists(#v) OR #v < :v",
                ExpressionAttributeNames={"#s": "status", "#v": "version", "#t": "total"},
                ExpressionAttributeValues={
                    ":s": {"S": update["status"]},
                    ":v": {"N": str(update["version"])},
                    ":t": {"N": str(update["total"])},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="it looks first to save writes, and the write has its condition all the same"
from boto3.dynamodb.conditions import Attr


def consume(queue_url):
    for message in boto3.resource("sqs").Queue(queue_url).receive_messages(MaxNumberOfMessages=10):
        update = json.loads(message.body)
        known = table.get_item(Key={"order_id": update["order_id"]}).get("Item", {"version": 0})
        if known["version"] < update["version"]:
            try:
                newer = Attr("version").not_exists() | Attr("version").lt(update["version"])
                table.put_item(Item=update, ConditionExpression=newer)
            except table.meta.client.exceptions.ConditionalCheckFailedException:
                pass
        message.delete()


# %% wrong because="Does the message that comes last always win?" finds="newest,race"
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        table.put_item(Item=json.loads(message["Body"]))
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Do you refuse every later version, because the order is known already?" finds="newest"
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        try:
            table.put_item(
                Item=json.loads(message["Body"]), ConditionExpression="attribute_not_exists(order_id)"
            )
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            pass
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Do you add the total once for each message?" finds="totals"
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        update = json.loads(message["Body"])
        try:
            table.update_item(
                Key={"order_id": update["order_id"]},
                UpdateExpression="SET #s = :s, #v = :v ADD #t :t",
                ConditionExpression="attribute_not_exists(#v) OR #v < :v",
                ExpressionAttributeNames={"#s": "status", "#v": "version", "#t": "total"},
                ExpressionAttributeValues={":s": update["status"], ":v": update["version"], ":t": update["total"]},
            )
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            pass
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Do you leave messages with old news in the queue?" finds="consumed"
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        update = json.loads(message["Body"])
        try:
            table.put_item(
                Item=update,
                ConditionExpression="attribute_not_exists(order_id) OR version < :new",
                ExpressionAttributeValues={":new": update["version"]},
            )
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Do you read, compare, and then write, so that another worker can write in between?" finds="race"
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        update = json.loads(message["Body"])
        known = table.get_item(Key={"order_id": update["order_id"]}).get("Item", {"version": 0})
        if known["version"] < update["version"]:
            table.put_item(Item=update)
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does your worker rely on a variable that no other worker can see?" finds="race"
newest = {}


def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        update = json.loads(message["Body"])
        if update["version"] > newest.get(update["order_id"], 0):
            newest[update["order_id"]] = update["version"]
            table.put_item(Item=update)
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="What happens in Python when the condition does not hold?" finds="runs"
def consume(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        update = json.loads(message["Body"])
        table.put_item(
            Item=update,
            ConditionExpression="attribute_not_exists(order_id) OR version < :new",
            ExpressionAttributeValues={":new": update["version"]},
        )
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Did you delete the table?" finds="exists"
table.delete()


def consume(queue_url):
    pass


# %% check
lab.check("newest_wins", consume=consume)

# %% [markdown]
# ## Break it
#
# This part is not graded. First guess, then run.
#
# Ten orders wait in a new queue. The worker below packs whatever it receives and deletes it afterwards, as it should.
# From now on about half of all deliveries come a second time. How many parcels does it pack for ten orders?

# %%
busy = sqs.create_queue(QueueName="break-it")["QueueUrl"]
lab.faults.put("sqs.duplicate", share=0.5)
for place_in_line in range(10):
    sqs.send_message(QueueUrl=busy, MessageBody=f"order {place_in_line}")

packed = []
while messages := sqs.receive_message(QueueUrl=busy, MaxNumberOfMessages=10, WaitTimeSeconds=20).get("Messages", []):
    for message in messages:
        packed.append(message["Body"])
        sqs.delete_message(QueueUrl=busy, ReceiptHandle=message["ReceiptHandle"])

lab.faults.clear("sqs.duplicate")
print(f"{len(packed)} parcels for {len(set(packed))} orders")

# %% [markdown]
# Look at the calls behind it. Then think: which line of your `consume` would have saved the shop these parcels?

# %%
lab.trace(12, resource="break-it")

# %% [markdown]
# ## Second save point
#
# The life of a message is behind you. Three exercises about the world around the queue follow. A good place for a break.

# %%
lab.snapshot("before-the-locks")

# %% [markdown]
# ## Two locks
#
# The shop gets a **topic**, from the service Amazon SNS. Who has news *publishes* it to the topic, and the topic sends a
# copy to every queue that is *subscribed*. Topics are the subject of lab 18. Here two are enough: `orders`, and `offers` of
# the advertising team. Somebody has subscribed the queue `packing` to both.

# %%
sns = boto3.client("sns")
kms = boto3.client("kms")

orders_topic = sns.create_topic(Name="orders")["TopicArn"]
offers_topic = sns.create_topic(Name="offers")["TopicArn"]
packing = sqs.create_queue(QueueName="packing")["QueueUrl"]
packing_arn = sqs.get_queue_attributes(QueueUrl=packing, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
for topic in (orders_topic, offers_topic):
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=packing_arn)

# %% [markdown]
# Every queue is encrypted where it is stored. The question is: with whose key?

# %%
sqs.get_queue_attributes(QueueUrl=packing, AttributeNames=["SqsManagedSseEnabled"])["Attributes"]

# %% fact id="F61"

# %% [markdown]
# AWS KMS keeps keys. A **key policy** says who may use a key, as a **queue policy** says who may use a queue. So an encrypted
# queue has two locks:
#
# ![A topic sends to an encrypted queue. The first lock is the queue policy: it asks who sends, and whether the call came
# over TLS. The second lock is the key policy: SNS needs kms:GenerateDataKey and kms:Decrypt to put a message in, and a
# worker needs kms:Decrypt to read it. Another topic and plain HTTP stop at the first lock. A worker without kms:Decrypt stops
# at the second.](two-locks.svg)

# %% predict question="managed_key"

# %% [markdown]
# ## Break it: the key of AWS
#
# Try it. The queue gets the key `alias/aws/sqs`, which AWS made for SQS in your account. The queue policy lets SNS in.

# %%
sns_may_send = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [sns_may_send]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": policy, "KmsMasterKeyId": "alias/aws/sqs"})

answer = sns.publish(TopicArn=orders_topic, Message="two lamps for Amara")
print("published, HTTP status", answer["ResponseMetadata"]["HTTPStatusCode"])

names = ["ApproximateNumberOfMessages"]
print("in the queue:", sqs.get_queue_attributes(QueueUrl=packing, AttributeNames=names)["Attributes"][names[0]])

# %% [markdown]
# No error, and no message. The trace knows why. On AWS, the place to look is the *delivery status logging* of the topic.

# %%
lab.trace(2, service="sns")

# %% [markdown]
# ## 16.7 · Two locks on one queue
#
# *Story.* The orders carry names and addresses. An auditor comes next week. She wants to see who can send, who can read, and
# that nobody listens on the way.
#
# *Task.* Change the locks of the queue `packing`.
#
# 1. Encrypt it with a key of your own. SNS must be able to use that key.
# 2. Of all topics, only `orders` may send. Its ARN is in `orders_topic`.
# 3. No call may come over plain HTTP. That is true when the condition key `aws:SecureTransport` is `"false"`.
# 4. A worker whose role allows `kms:Decrypt` can read. A worker whose role does not, cannot.
#
# `kms.create_key(Policy=...)` makes a key, and a policy is a JSON *text* again. The first statement is there already. It
# hands the decision to IAM: people and roles in the account may do with the key what *their* policies say. Without
# this statement, nobody could even repair the key policy. Services of AWS, such as SNS, need a statement of their own.

# %% stub exercise="two_locks"
account = boto3.client("sts").get_caller_identity()["Account"]
iam_decides = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
# 1: a key of your own

# 2 and 3: the policy of the queue


# %% solution
account = boto3.client("sts").get_caller_identity()["Account"]
iam_decides = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
for_sns = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": "*",
}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [iam_decides, for_sns]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]

only_orders = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}},
}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% right because="an alias, a policy for the key afterwards, and a second Deny for every other sender"
made = kms.create_key(Description="orders of Orchard Market")["KeyMetadata"]
kms.create_alias(AliasName="alias/packing", TargetKeyId=made["KeyId"])
owner = made["AWSAccountId"]
statements = json.loads(kms.get_key_policy(KeyId=made["KeyId"], PolicyName="default")["Policy"])
statements["Statement"].append(
    {
        "Sid": "TopicMayEncrypt",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": owner}},
    }
)
kms.put_key_policy(KeyId=made["KeyId"], PolicyName="default", Policy=json.dumps(statements))
boto3.resource("sqs").Queue(packing).set_attributes(
    Attributes={
        "KmsMasterKeyId": "alias/packing",
        "Policy": json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "sqs:SendMessage",
                        "Resource": packing_arn,
                        "Condition": {"StringEquals": {"aws:SourceArn": orders_topic}},
                    },
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "sqs:SendMessage",
                        "Resource": packing_arn,
                        "Condition": {"ArnNotEquals": {"aws:SourceArn": orders_topic}},
                    },
                    {
                        "Effect": "Deny",
                        "Principal": {"AWS": "*"},
                        "Action": "*",
                        "Resource": packing_arn,
                        "Condition": {"Bool": {"aws:SecureTransport": False}},
                    },
                ],
            }
        ),
    }
)

# %% wrong because="Does your queue still use `alias/aws/sqs`, whose key policy nobody can change?" finds="delivers,stranger"
only_orders = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}},
}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": "alias/aws/sqs"})

# %% wrong because="Is the queue encrypted, but with a key that SQS owns?" finds="stranger"
only_orders = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}},
}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": "", "SqsManagedSseEnabled": "true"})

# %% wrong because="A key of your own, and does its policy know SNS?" finds="delivers"
key = kms.create_key()["KeyMetadata"]["KeyId"]
only_orders = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}},
}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="Does the key's policy name SNS and you, and forget the workers?" finds="worker"
me = boto3.client("sts").get_caller_identity()["Arn"]
for_me = {"Effect": "Allow", "Principal": {"AWS": me}, "Action": "kms:*", "Resource": "*"}
for_sns = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": "*",
}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [for_me, for_sns]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
only_orders = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}},
}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="Does the key's policy let everybody in, to be safe that it works?" finds="stranger"
everybody = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
only_orders = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": packing_arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}},
}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="May every topic of the world send, because nothing says which?" finds="only"
account = boto3.client("sts").get_caller_identity()["Account"]
iam_decides = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
for_sns = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": "*",
}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [iam_decides, for_sns]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [sns_may_send, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="Which other names begin with `orders`?" finds="only"
account = boto3.client("sts").get_caller_identity()["Account"]
iam_decides = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
for_sns = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": "*",
}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [iam_decides, for_sns]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
only_orders = {**sns_may_send, "Condition": {"ArnLike": {"aws:SourceArn": f"{orders_topic}*"}}}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="Does anything in your policy speak of TLS?" finds="tls"
account = boto3.client("sts").get_caller_identity()["Account"]
iam_decides = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
for_sns = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": "*",
}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [iam_decides, for_sns]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
only_orders = {**sns_may_send, "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}}}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="You allow when TLS is used. Who forbids it when TLS is not used?" finds="tls"
account = boto3.client("sts").get_caller_identity()["Account"]
iam_decides = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
for_sns = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": "*",
}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [iam_decides, for_sns]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
conditions = {"ArnEquals": {"aws:SourceArn": orders_topic}, "Bool": {"aws:SecureTransport": "true"}}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [{**sns_may_send, "Condition": conditions}]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="Is that the wrong way round, so that it refuses what came over TLS?" finds="delivers,tls,worker"
account = boto3.client("sts").get_caller_identity()["Account"]
iam_decides = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
for_sns = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": "*",
}
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [iam_decides, for_sns]})
key = kms.create_key(Policy=key_policy)["KeyMetadata"]["KeyId"]
only_orders = {**sns_may_send, "Condition": {"ArnEquals": {"aws:SourceArn": orders_topic}}}
tls_only = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": packing_arn,
    "Condition": {"Bool": {"aws:SecureTransport": "true"}},
}
queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [only_orders, tls_only]})
sqs.set_queue_attributes(QueueUrl=packing, Attributes={"Policy": queue_policy, "KmsMasterKeyId": key})

# %% wrong because="Did you delete the queue?" finds="exists"
sqs.delete_queue(QueueUrl=packing)

# %% wrong because="Did you delete the topic?" finds="topic"
sns.delete_topic(TopicArn=orders_topic)

# %% check
lab.check("two_locks")

# %% [markdown]
# ## How many workers?
#
# The packing hall has 20 tables, one for each worker. To pack an order takes 20 seconds. Once a minute somebody looks at the
# queue and says how many workers there shall be. A new worker needs 30 seconds to get to the table.
#
# The **backlog** is what waits: the visible messages. The next cell plays such a day on the clock of the lab: a quiet
# start, a rush of six minutes with an order every two seconds, and a long evening. It asks a function, `scale`, once a
# minute.

# %%
from labkit.workload import steady


def play_a_day(scale):
    """Play the day, ask `scale` once a minute, and print what it saw in every second minute."""
    hall = sqs.create_queue(QueueName="packing-hall", Attributes={"VisibilityTimeout": "900"})["QueueUrl"]
    sqs.purge_queue(QueueUrl=hall)
    minutes = []

    def asked(visible, in_flight, workers):
        minutes.append((visible, workers))
        return scale(visible, in_flight, workers)

    def ten_orders(request):
        entries = [{"Id": str(n), "MessageBody": f"order {request.number}-{n}"} for n in range(10)]
        sqs.send_message_batch(QueueUrl=hall, Entries=entries)

    day = steady(0.0015, seconds=300) + steady(0.05, seconds=360) + steady(0.0015, seconds=1800)
    crew = lab.workers(hall, seconds=20, batch=10, scale=asked, every=60, warm_up=30)
    lab.play(lab.traffic(day, ten_orders, evenly=True), crew)

    print("minute  waiting  workers  waiting for each")
    for minute, (visible, workers) in enumerate(minutes, start=1):
        if minute % 2 == 0:
            print(f"{minute:6} {visible:8} {workers:8} {visible / max(1, workers):17.0f}")


# %% [markdown]
# Here is a rule that many people try first. It looks at the *length* of the queue alone: above 100, one worker more. Else, one
# less.

# %%
def by_length(visible, in_flight, workers):
    return workers + 1 if visible > 100 else max(1, workers - 1)


play_a_day(by_length)

# %% [markdown]
# The rule wakes up late, because 100 waiting orders are far too much for one worker and nothing for ten. One number
# tells both apart: the backlog *for each worker*.

# %% fact id="F126"

# %% [markdown]
# ## 16.8 · Workers follow the backlog
#
# *Story.* With 100 orders in front of a worker, the last customer waits for 100 times 20 seconds. That is more than half an
# hour, and the shop has promised half an hour. At night, each worker who waits costs money.
#
# *Task.* Write `scale(visible, in_flight, workers)`. It is asked once a minute and returns how many workers there shall be, as
# a whole number. `visible` messages wait, `in_flight` messages are being packed, and `workers` is how many there are now.
#
# - At no time may more than 100 orders wait for each worker.
# - When it is quiet, exactly one worker is there.
# - There are 20 tables. When thousands of orders wait, all 20 work, and never more.
#
# Try your function with `play_a_day(scale)`.

# %% stub exercise="follow_the_backlog"
def scale(visible, in_flight, workers):
    return workers


# %% solution
import math


def scale(visible, in_flight, workers):
    return max(1, min(20, math.ceil(visible / 50)))  # survives: a little more or less than half of the limit is as good


# %% right because="what is being packed counts, too, and nobody goes home before the second quiet minute"
quiet_minutes = 0


def scale(visible, in_flight, workers):
    global quiet_minutes
    wanted = min(20, 1 + (visible + in_flight) // 40)
    quiet_minutes = quiet_minutes + 1 if wanted < workers else 0
    return workers if quiet_minutes == 1 else max(1, wanted)


# %% right because="steps by the backlog for each worker"
def scale(visible, in_flight, workers):
    each = visible / max(1, workers)
    if each > 200:
        return 20
    if each > 40:
        return min(20, workers * 2)
    return max(1, workers - 1) if each < 15 else workers


# %% wrong because="Do you look at the length of the queue alone?" finds="backlog"
def scale(visible, in_flight, workers):
    return min(20, workers + 1) if visible > 100 else max(1, workers - 1)


# %% wrong because="Do you aim at the limit itself, and the next look comes a minute later?" finds="backlog"
def scale(visible, in_flight, workers):
    return max(1, min(20, -(-visible // 100)))


# %% wrong because="Who is there at night, when nothing waits?" finds="night"
def scale(visible, in_flight, workers):
    return min(20, -(-visible // 50))


# %% wrong because="All workers all the time, to be safe?" finds="night"
def scale(visible, in_flight, workers):
    return 20


# %% wrong because="Does anybody ever go home?" finds="night"
def scale(visible, in_flight, workers):
    return max(workers, min(20, 1 + visible // 50))


# %% wrong because="Is one worker enough for a rush?" finds="backlog,tables"
def scale(visible, in_flight, workers):
    return 1


# %% wrong because="How many tables are there?" finds="tables"
def scale(visible, in_flight, workers):
    return 1 + visible // 50


# %% wrong because="Can there be half a worker?" finds="whole"
def scale(visible, in_flight, workers):
    return min(20, max(1, visible / 50))


# %% wrong because="What is `visible / workers` when there are no workers yet, or no orders?" finds="runs"
def scale(visible, in_flight, workers):
    return min(20, workers * 50 // visible)


# %% check
lab.check("follow_the_backlog", scale=scale)

# %% [markdown]
# ## A message has a size
#
# Customers who order a photo calendar send a document of about 3 MB. Try to put one into a queue.

# %%
import os

from botocore.exceptions import ClientError

calendars = sqs.create_queue(QueueName="calendars")["QueueUrl"]
calendar = os.urandom(3_000_000)

with labkit.expected(ClientError):
    sqs.send_message(QueueUrl=calendars, MessageBody=calendar.hex())

# %% [markdown]
# A message may have 1 MiB. You could cut the document into pieces, but a standard queue mixes the pieces up and delivers
# some twice. There is a better way. The document goes into a **bucket** of Amazon S3, a store for files of any size. The
# message carries only a **pointer**: the name, or *key*, under which the document lies in the bucket.

# %% fact id="F127"

# %%
s3 = boto3.client("s3")
bucket = f"orchard-documents-{boto3.client('sts').get_caller_identity()['Account']}"
s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})

s3.put_object(Bucket=bucket, Key="example", Body=calendar)
print(len(s3.get_object(Bucket=bucket, Key="example")["Body"].read()), "bytes came back")
s3.delete_object(Bucket=bucket, Key="example")

# %% [markdown]
# ## 16.9 · Documents too large for a message
#
# *Story.* The calendars go through the bucket from now on. After a month, somebody asks what all those documents are that
# nobody needs any more. A document whose message is gone is an **orphan**.
#
# *Task.* Write three functions. All documents are bytes, and all of them go through `bucket`.
#
# - `post(queue_url, document)` stores the document and sends a message that points to it. Two documents that wait at the
#   same time must not get in each other's way.
# - `take(queue_url, work)` receives a message and calls `work` with the document. `work` returns True when it is
#   printed. Then delete the message and the document. It returns False when the printer has no paper. Then keep both.
# - SQS can deliver a message a second time, when its document is printed and gone. `take` deletes such a copy, and does not
#   call `work` for it.
# - `give_up(dead_queue_url)` empties a dead-letter queue: it throws away every message there, with its document.
#
# Other people's documents lie in the bucket, too. Leave those alone.

# %% stub exercise="by_pointer"
def post(queue_url, document):
    sqs.send_message(QueueUrl=queue_url, MessageBody="Where does the document lie?")


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        work(message["Body"].encode())


def give_up(dead_queue_url):
    pass


# %% solution
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"  # survives: any folder will do
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):  # survives: ten at a time only saves calls
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="resources, a pointer in JSON, and a look whether the document is still there"
from uuid import uuid4

store = boto3.resource("s3").Bucket(bucket)


def post(queue_url, document):
    name = uuid4().hex
    store.put_object(Key=name, Body=document)
    boto3.resource("sqs").Queue(queue_url).send_message(MessageBody=json.dumps({"bucket": bucket, "key": name}))


def take(queue_url, work):
    for message in boto3.resource("sqs").Queue(queue_url).receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=1):
        name = json.loads(message.body)["key"]
        if not list(store.objects.filter(Prefix=name)):
            message.delete()
        elif work(store.Object(name).get()["Body"].read()):
            message.delete()
            store.Object(name).delete()


def give_up(dead_queue_url):
    dead = boto3.resource("sqs").Queue(dead_queue_url)
    while messages := dead.receive_messages(WaitTimeSeconds=1):
        for message in messages:
            store.Object(json.loads(message.body)["key"]).delete()
            message.delete()


# %% right because="the key stands in a message attribute"
import io

from botocore.exceptions import ClientError


def post(queue_url, document):
    key = os.urandom(16).hex()
    s3.upload_fileobj(io.BytesIO(document), bucket, key)
    pointer = {"document": {"DataType": "String", "StringValue": key}}
    sqs.send_message(QueueUrl=queue_url, MessageBody="a calendar", MessageAttributes=pointer)


def keys_in(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["document"])
    for message in answer.get("Messages", []):
        yield message["MessageAttributes"]["document"]["StringValue"], message["ReceiptHandle"]


def take(queue_url, work):
    for key, handle in keys_in(queue_url):
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)
            continue
        if work(document):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while found := list(keys_in(dead_queue_url)):
        for key, handle in found:
            s3.delete_object(Bucket=bucket, Key=key)
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=handle)


# %% wrong because="Who deletes the document when it is printed?" finds="cleaned,copy"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Do all documents have the same key?" finds="whole,kept,given_up"
import uuid


def post(queue_url, document):
    key = "calendar"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is the message sent before the document is stored?" finds="first"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)
    s3.put_object(Bucket=bucket, Key=key, Body=document)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is the document deleted as soon as it was fetched, before it is printed?" finds="kept"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            s3.delete_object(Bucket=bucket, Key=key)
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="What happens when the document is gone, because it was printed before?" finds="copy"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if work(document):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is the copy left in the queue, so that it comes back for ever?" finds="copy"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = False
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does the dead-letter queue get empty, and do the documents stay?" finds="given_up"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Do you receive only once from the dead-letter queue?" finds="given_up"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    for message in sqs.receive_message(QueueUrl=dead_queue_url).get("Messages", []):
        s3.delete_object(Bucket=bucket, Key=message["Body"])
        sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Whose documents do you delete when you empty the whole bucket?" finds="given_up,kept,others"
import uuid


def post(queue_url, document):
    key = f"calendars/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=document)
    sqs.send_message(QueueUrl=queue_url, MessageBody=key)


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        key = message["Body"]
        try:
            document = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            printed = True  # this is a copy: its document is printed and gone
        else:
            printed = work(document)
        if printed:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            s3.delete_object(Bucket=bucket, Key=key)


def give_up(dead_queue_url):
    boto3.resource("s3").Bucket(bucket).objects.all().delete()
    while messages := sqs.receive_message(QueueUrl=dead_queue_url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            s3.delete_object(Bucket=bucket, Key=message["Body"])
            sqs.delete_message(QueueUrl=dead_queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is the document still in the message?" finds="runs"
def post(queue_url, document):
    sqs.send_message(QueueUrl=queue_url, MessageBody=document.hex())


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        if work(bytes.fromhex(message["Body"])):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def give_up(dead_queue_url):
    sqs.purge_queue(QueueUrl=dead_queue_url)


# %% wrong because="Did you cut the document into pieces, one message each?" finds="first,whole,cleaned,kept,copy,given_up"
def post(queue_url, document):
    text = document.hex()
    for start in range(0, len(text), 1_000_000):
        sqs.send_message(QueueUrl=queue_url, MessageBody=text[start : start + 1_000_000])


def take(queue_url, work):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        if work(bytes.fromhex(message["Body"])):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def give_up(dead_queue_url):
    sqs.purge_queue(QueueUrl=dead_queue_url)


# %% wrong because="Did you delete the bucket?" finds="exists"
boto3.resource("s3").Bucket(bucket).objects.all().delete()
s3.delete_bucket(Bucket=bucket)


def post(queue_url, document):
    pass


def take(queue_url, work):
    pass


def give_up(dead_queue_url):
    pass


# %% check
lab.check("by_pointer", post=post, take=take, give_up=give_up)

# %% [markdown]
# One thing can still leave an orphan: a program that stops between two calls. Against that, give the bucket a *lifecycle
# rule* that deletes documents after 15 days. A message lives for 14 days at most, so by then nobody can ask for the
# document.

# %%
s3.put_bucket_lifecycle_configuration(
    Bucket=bucket,
    LifecycleConfiguration={
        "Rules": [
            {"ID": "orphans", "Status": "Enabled", "Filter": {"Prefix": "calendars/"}, "Expiration": {"Days": 15}}
        ]
    },
)
s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]

# %% [markdown]
# ## What differs on real AWS
#
# - Here a standard queue keeps the order and delivers once, until a fault is switched on. On AWS you never know which message
#   comes twice.
# - Here the number of waiting messages is exact, and `scale` sees it at once. On AWS it is approximate and reaches
#   CloudWatch a minute later. Amazon ECS or EC2 Auto Scaling then asks your rule; nobody writes the loop by hand.
# - Here a changed policy holds at once. On AWS it can take up to a minute. SQS also keeps a data key for five minutes, so
#   a key that you switch off can still work for that long. The lifecycle rule above is kept here, and nothing is deleted by it.
#
# To see in your own account which key a queue uses:
# `aws sqs get-queue-attributes --queue-url URL --attribute-names KmsMasterKeyId SqsManagedSseEnabled`
#
# ## What you know now
#
# - To receive is to borrow. A message is gone when you delete it, and not before.
# - Many short promises are better than a long one, and one long poll is better than many short ones.
# - A batch can fail in part. A poison message needs a place to go. Every message can come twice.
# - An encrypted queue has two locks. `alias/aws/sqs` does not open for other services of AWS.
# - Scale by the backlog for each worker, and leave room for the minute in which nobody looks.
# - Large things travel by pointer, and somebody has to clear the shelf.

# %% [markdown]
# ## Finish
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
