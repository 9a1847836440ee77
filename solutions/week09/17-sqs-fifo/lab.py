# ---
# jupyter:
#   labkit:
#     number: "17"
#     title: SQS FIFO and fair queues
#     week: 9
#     minutes: 90
#     services: [sqs, sns, dynamodb]
#     covers: [L239-L242, L244-L247, L250, L253]
#     verified: 2026-11-23
#     objectives:
#       - Choose message groups, so that what belongs together stays in order and the rest goes on side by side.
#       - Drop duplicates in both ways, and say what "exactly once" covers and what it does not.
#       - Raise the throughput of a FIFO queue, and keep one bad message or one busy customer from holding up all others.
# ---

# %% [markdown]
# # SQS FIFO and fair queues
#
# **The story.** At Orchard Market an order is no longer one message. "Two lamps", "no, three lamps", "ship it": these
# must stay in order. A standard queue does not promise that. A *FIFO queue* does: first in, first out. In this lab you
# find out what its promise costs, and where it ends. Plan 90 minutes. There is a save point after 17.3.

# %% setup
import json

import boto3
from botocore.exceptions import ClientError

sqs = boto3.client("sqs")

# %% [markdown]
# ## One line for each group
#
# ![A FIFO queue with three lanes: Amara, Bao and Chen. Each lane is a message group. The first message of each lane is in
# flight, with workers 1, 2 and 3. Two more messages of Amara and one of Bao wait behind them. Worker 4 is free and gets
# nothing.](lanes.svg)
#
# Each message in a FIFO queue carries a **message group id**. Messages of one group stay in the order in which they
# were sent. While one of them is in flight, nobody receives another one of that group. (One receive of up to ten messages
# can bring several of a group, in order, to one worker.) Messages of different groups have nothing to do with each other.
# So there are as many lines as there are groups.

# %% [markdown]
# ## Predict
#
# Think first. Then put a letter into the cell, for example `answer="a"`, and run it.

# %% predict question="one_group"

# %% [markdown]
# ## Worked example: two lines for tea
#
# The name of a FIFO queue ends in `.fifo`. Run the next cells, one by one, and read what they print.

# %%
tea = sqs.create_queue(
    QueueName="tea.fifo",
    Attributes={
        "FifoQueue": "true",
        "ContentBasedDeduplication": "true",
    },  # the second one is explained before 17.2
)["QueueUrl"]

for customer, wish in [("Amara", "green tea"), ("Bao", "black tea"), ("Amara", "no, mint tea")]:
    sqs.send_message(QueueUrl=tea, MessageBody=f"{customer}: {wish}", MessageGroupId=customer)

# %% [markdown]
# The next cell draws the queue as it is now. The picture follows the cells that you run after it.

# %%
lab.watch("tea.fifo")


# %%
def look(queue_url):
    """Receive one message and say what came."""
    messages = sqs.receive_message(QueueUrl=queue_url).get("Messages", [])
    print(messages[0]["Body"] if messages else "nothing to receive now")
    return messages


print("First worker: ", end="")
first = look(tea)
print("Second worker: ", end="")
second = look(tea)
print("Third worker: ", end="")
third = look(tea)

# %% [markdown]
# The third worker gets nothing, although a message waits. Amara's line is taken: her green tea is in flight. Now the
# first worker is ready.

# %%
for message in first:
    sqs.delete_message(QueueUrl=tea, ReceiptHandle=message["ReceiptHandle"])
print("Third worker: ", end="")
third = look(tea)

# %% [markdown]
# Both workers finish. The queue is empty.

# %%
for message in second + third:
    sqs.delete_message(QueueUrl=tea, ReceiptHandle=message["ReceiptHandle"])

# %% [markdown]
# ## Break it: from standard to FIFO
#
# The shop has a standard queue already. Can it become a FIFO queue? The next cell tries, and shows what SQS says.

# %%
old = sqs.create_queue(QueueName="old-orders")["QueueUrl"]
with labkit.expected(ClientError):
    sqs.set_queue_attributes(QueueUrl=old, Attributes={"FifoQueue": "true"})

# %% [markdown]
# A queue is FIFO from the beginning, or never. To change, make a new queue, send new messages there, and let workers
# empty the old one.

# %% [markdown]
# ## 17.1 · Order per customer, parallel across customers
#
# *Story.* Four workers pack. Customers change their minds, so two orders of one customer must never be worked on at the
# same time, or in the wrong order. And nobody wants to wait for a stranger.
#
# *Task.*
#
# 1. Make a FIFO queue named `orders.fifo`. Let it compare texts by itself, as `tea.fifo` does.
# 2. Fill the two blanks in `place`. The body is the whole order as JSON.
#
# An order is a dict such as `{"id": "order-7", "customer": "kavi-12", "wants": "tea"}`. Four workers must be at least
# three times as fast as one.

# %% stub exercise="lanes"
orders = ""  # make the queue, and keep its URL here


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody="blank 1: the order",
        MessageGroupId="blank-2:who-stays-in-line?",
    )


# %% solution
orders = sqs.create_queue(
    QueueName="orders.fifo",
    Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
)["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
    )


# %% right because="a deduplication id in place of the comparison of texts"
orders = sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]


def place(queue_url, order):
    boto3.resource("sqs").Queue(queue_url).send_message(
        MessageBody=json.dumps(order, sort_keys=True),
        MessageGroupId=f"customer/{order['customer']}",
        MessageDeduplicationId=order["id"],
    )


# %% right because="a batch with one entry, on a queue with high throughput"
orders = sqs.create_queue(
    QueueName="orders.fifo",
    Attributes={
        "FifoQueue": "true",
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    },
)["QueueUrl"]


def place(queue_url, order):
    entry = {"Id": "only", "MessageBody": json.dumps(order), "MessageGroupId": order["customer"]}
    sqs.send_message_batch(QueueUrl=queue_url, Entries=[entry])


# %% wrong because="Is there one group for the whole shop?" finds="speed"
orders = sqs.create_queue(
    QueueName="orders.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId="orders")


# %% wrong because="Does each message have a group of its own?" finds="line"
import uuid

orders = sqs.create_queue(
    QueueName="orders.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=str(uuid.uuid4()))


# %% wrong because="Is the group the order, where it should be the one who ordered?" finds="line"
orders = sqs.create_queue(
    QueueName="orders.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=order["id"])


# %% wrong because="Does the queue compare texts, as `tea.fifo` does?" finds="runs"
orders = sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=order["customer"])


# %% wrong because="Did you leave the group out, as on a standard queue?" finds="runs"
orders = sqs.create_queue(
    QueueName="orders.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order))


# %% wrong because="Is only the thing in the body, so that one tea looks like another?" finds="sent"
orders = sqs.create_queue(
    QueueName="orders.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order["wants"], MessageGroupId=order["customer"])


# %% wrong because="Is the queue called `orders`, without the ending?" finds="exists"
orders = sqs.create_queue(QueueName="orders")["QueueUrl"]


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=order["customer"])


# %% check
lab.check("lanes", place=place)

# %% [markdown]
# See it on the clock. The next cell lets `place` send three orders of each of four customers, and four workers pack them,
# two seconds for each order. `lab.workers` and `lab.play` play workers side by side on the clock of the lab.

# %%
demo = sqs.create_queue(
    QueueName="demo.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]
for customer in ("Amara", "Bao", "Chen", "Dilnoza"):
    for n in (1, 2, 3):
        place(demo, {"id": f"{customer}-{n}-{lab.clock.time():.0f}", "wants": "tea", "customer": customer})

crew = lab.workers(demo, count=4, seconds=2)
lab.play(crew, seconds=8)
took = max((one.ended for one in crew.handled), default=0) - min(
    (one.began for one in crew.handled), default=0
)
print(f"{len(crew.handled)} orders in {took:.0f} seconds; one worker alone needs {2 * len(crew.handled)}")

# %% [markdown]
# In the figure, look at the three orders of one customer: each begins when the one before it is ready. Different customers
# overlap.

# %%
lab.timeline("demo.fifo")

# %% [markdown]
# ## The memory of a FIFO queue
#
# Networks fail. Then a sender does not know whether its message arrived, and sends it again. A FIFO queue has a memory
# against that. It remembers the **deduplication id** of each message for **five minutes**. A message with an id that it
# knows is accepted, so the sender is content, and is not delivered. That is called **deduplication**.
#
# ![A time line of seven minutes. A message with id order-7 is sent at minute 0 and delivered. It is sent again at minute 1
# and at minute 4, after the first was deleted at minute 2. Both are accepted and not delivered. At minute 6 it is sent
# once more, and delivered again: the memory ended at minute 5.](window.svg)
#
# There are two ways to give the id:
#
# - you give a `MessageDeduplicationId` with the message;
# - or the queue has `ContentBasedDeduplication`. Then SQS makes the id from the **body** of the message. Message attributes
#   do not count.

# %% predict question="price_again"

# %% [markdown]
# Try it:

# %%
prices = sqs.create_queue(
    QueueName="prices.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]
for price in (10, 12, 10):
    sqs.send_message(QueueUrl=prices, MessageBody=f"tea: price {price}", MessageGroupId="tea")
    lab.clock.advance(seconds=40)
arrived = sqs.receive_message(QueueUrl=prices, MaxNumberOfMessages=10)["Messages"]
print([message["Body"] for message in arrived])
for message in arrived:
    sqs.delete_message(QueueUrl=prices, ReceiptHandle=message["ReceiptHandle"])

# %% [markdown]
# So comparing texts is right only where the same text means the same thing.

# %% [markdown]
# ## 17.2 · Deduplicate
#
# *Story.* When the app of the shop hears no answer, it calls `place` again with the same order. It counts its tries in
# the order: `{"id": "order-7", "customer": "kavi-12", "wants": "tea", "attempt": 2}`. And there are new sensors on the
# shelves. An empty shelf sends "shelf 12 is empty" every few seconds, with the temperature as a message attribute.
#
# *Task.*
#
# 1. Change `place`. However often an order is sent within five minutes, it is delivered once, even if it was packed and
#    deleted in between. Two orders of one customer for the same thing stay two orders.
# 2. Make a FIFO queue named `shelf-alerts.fifo`. The sensors give no deduplication id. In five minutes one shelf must
#    bring one alert; if it is still empty after that, another one.

# %% stub exercise="once"
# 2: the queue for the alerts


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
    )


# %% solution
sqs.create_queue(
    QueueName="shelf-alerts.fifo",
    Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
)


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
        MessageDeduplicationId=order["id"],
    )


# %% right because="the number of the try is taken out, and the queue compares the rest"
alerts = sqs.create_queue(QueueName="shelf-alerts.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
sqs.set_queue_attributes(QueueUrl=alerts, Attributes={"ContentBasedDeduplication": "true"})


def place(queue_url, order):
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"ContentBasedDeduplication": "true"})
    same = {name: value for name, value in order.items() if name != "attempt"}
    sqs.send_message(
        QueueUrl=queue_url, MessageBody=json.dumps(same, sort_keys=True), MessageGroupId=order["customer"]
    )


# %% right because="a resource and a batch, with customer and order in the id"
boto3.resource("sqs").create_queue(
    QueueName="shelf-alerts.fifo",
    Attributes={
        "FifoQueue": "true",
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    },
)


def place(queue_url, order):
    entry = {
        "Id": "1",
        "MessageBody": json.dumps(order),
        "MessageGroupId": order["customer"],
        "MessageDeduplicationId": f"{order['customer']}:{order['id']}",
    }
    sqs.send_message_batch(QueueUrl=queue_url, Entries=[entry])


# %% wrong because="A new deduplication id for each try?" finds="once"
import uuid

sqs.create_queue(
    QueueName="shelf-alerts.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
        MessageDeduplicationId=str(uuid.uuid4()),
    )


# %% wrong because="Does the queue compare texts that say which try it is?" finds="once"
sqs.create_queue(
    QueueName="shelf-alerts.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=order["customer"])


# %% wrong because="Is the customer the deduplication id?" finds="both"
sqs.create_queue(
    QueueName="shelf-alerts.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
        MessageDeduplicationId=order["customer"],
    )


# %% wrong because="Does the queue for the alerts wait for an id that no sensor gives?" finds="alerts,again"
sqs.create_queue(QueueName="shelf-alerts.fifo", Attributes={"FifoQueue": "true"})


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
        MessageDeduplicationId=order["id"],
    )


# %% wrong because="Is the customer's name without a group in the message?" finds="runs"
sqs.create_queue(
    QueueName="shelf-alerts.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)


def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageDeduplicationId=order["id"])


# %% wrong because="Is the queue for the alerts a standard queue?" finds="exists"
sqs.create_queue(QueueName="shelf-alerts")


def place(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["customer"],
        MessageDeduplicationId=order["id"],
    )


# %% check
lab.check("once", place=place)

# %% [markdown]
# ## What "exactly once" does not cover
#
# A deduplication id protects the way *into* the queue. Now look at the way out.

# %% predict question="charged_twice"

# %% [markdown]
# ## Break it: a power cut at the wrong moment
#
# The worker below charges a card, and then its power fails. Watch what the next worker gets.

# %%
till = sqs.create_queue(QueueName="till.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
sqs.send_message(
    QueueUrl=till,
    MessageBody="order-7: take 20 off the card of Amara",
    MessageGroupId="Amara",
    MessageDeduplicationId=f"order-7/{lab.clock.time():.0f}",
)

charged = []
for worker in ("first worker", "second worker"):
    for message in sqs.receive_message(QueueUrl=till).get("Messages", []):
        charged.append(message["Body"])
        print(f"{worker}: {message['Body']}")
        if worker == "second worker":
            sqs.delete_message(QueueUrl=till, ReceiptHandle=message["ReceiptHandle"])
    lab.clock.advance(seconds=31)  # the first worker's power failed before it could delete

print(f"Amara has paid {len(charged)} times")

# %%
lab.timeline("till.fifo")

# %% fact id="F58"

# %% [markdown]
# ## Worked example: both or neither
#
# What you need is called an **idempotency key**: a name for the work, such as the order id. You write down that the work
# with this name is done, and refuse to do it again.
#
# But when do you write it down? Before the payment, and a power cut in between loses the money. After it, and a power cut
# in between takes the money twice. So both must happen in one step. A DynamoDB **transaction** does that: it writes
# several items, all of them or none.

# %%
dynamodb = boto3.resource("dynamodb")
database = dynamodb.meta.client  # the client of this resource; it takes plain Python values


def table(name, key):
    """The table of this name; made, if there is none yet."""
    if name not in [one.name for one in dynamodb.tables.all()]:
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return dynamodb.Table(name)


cards = table("gift-cards", "card")
payments = table("payments", "order_id")

cards.put_item(Item={"card": "card-of-amara", "balance": 50})
database.transact_write_items(
    TransactItems=[
        {"Put": {"TableName": "payments", "Item": {"order_id": "order-7", "total": 20}}},
        {
            "Update": {
                "TableName": "gift-cards",
                "Key": {"card": "card-of-amara"},
                "UpdateExpression": "SET balance = balance - :total",
                "ExpressionAttributeValues": {":total": 20},
            }
        },
    ]
)
print("left on the card:", cards.get_item(Key={"card": "card-of-amara"})["Item"]["balance"])

# %% [markdown]
# Each part of a transaction can have a condition. If one condition does not hold, nothing at all is written, and you get a
# `TransactionCanceledException`. In boto3 that is `database.exceptions.TransactionCanceledException`.
#
# A transaction can also be cancelled for other reasons, for example when somebody else changes the same card at that
# moment. So look before you say "paid before". The response of the error says why, with one reason for each part of the
# transaction, in order:

# %%
note = {"order_id": "order-7", "total": 20}
new_only = {"TableName": "payments", "Item": note, "ConditionExpression": "attribute_not_exists(order_id)"}
with labkit.expected(ClientError) as refused:
    database.transact_write_items(TransactItems=[{"Put": new_only}])
print(refused.error.response["CancellationReasons"])

# %% [markdown]
# ## 17.3 · Prove the gap
#
# *Story.* Customers pay with gift cards. Now and then the power fails at a worker: before a call, between two calls, at any
# time. Then another worker gets the message.
#
# *Task.* Change `work`. It receives messages and takes each order's total off its card. An order is a dict such as
# `{"id": "order-7", "card": "card-12", "total": 20}`.
#
# - Wherever the power fails: in the end each order is paid, and paid once. The same holds when DynamoDB refuses a payment
#   because somebody else changes that card at that moment.
# - The same order can be sent again long after five minutes. It is still paid once.
# - In the end the queue is empty.


# %% stub exercise="charge_once"
def work(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        order = json.loads(message["Body"])
        cards.update_item(
            Key={"card": order["card"]},
            UpdateExpression="SET balance = balance - :total",
            ExpressionAttributeValues={":total": order["total"]},
        )
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% solution
def work(queue_url):
    answer = sqs.receive_message(QueueUrl=queue_url)
    for message in answer.get("Messages", []):
        order = json.loads(message["Body"])
        note = {
            "TableName": "payments",
            "Item": {"order_id": order["id"]},
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
        payment = {
            "TableName": "gift-cards",
            "Key": {"card": order["card"]},
            "UpdateExpression": "SET balance = balance - :total",
            "ExpressionAttributeValues": {":total": order["total"]},
        }
        try:
            database.transact_write_items(TransactItems=[{"Put": note}, {"Update": payment}])
        except database.exceptions.TransactionCanceledException as error:
            if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
                raise  # something else went wrong, and the order is not paid
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="the note stands on the card itself: one item, one write"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
        order = json.loads(message["Body"])
        try:
            cards.update_item(
                Key={"card": order["card"]},
                UpdateExpression="SET balance = balance - :total ADD paid :orders",
                ConditionExpression="attribute_not_exists(paid) OR NOT contains(paid, :order)",
                ExpressionAttributeValues={
                    ":total": order["total"],
                    ":orders": {order["id"]},
                    ":order": order["id"],
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="the low-level client, and a look before the transaction to save writes"
plain = boto3.client("dynamodb")


def paid_before(order):
    return "Item" in plain.get_item(TableName="payments", Key={"order_id": {"S": order["id"]}})


def work(queue_url):
    queue = boto3.resource("sqs").Queue(queue_url)
    for message in queue.receive_messages(WaitTimeSeconds=1):
        order = json.loads(message.body)
        if not paid_before(order):
            try:
                plain.transact_write_items(
                    TransactItems=[
                        {
                            "Update": {
                                "TableName": "gift-cards",
                                "Key": {"card": {"S": order["card"]}},
                                "UpdateExpression": "SET balance = balance - :t",
                                "ExpressionAttributeValues": {":t": {"N": str(order["total"])}},
                            }
                        },
                        {
                            "Put": {
                                "TableName": "payments",
                                "Item": {"order_id": {"S": order["id"]}},
                                "ConditionExpression": "attribute_not_exists(order_id)",
                            }
                        },
                    ]
                )
            except plain.exceptions.TransactionCanceledException:
                continue  # whatever the reason is: next time the look tells whether it is paid
        message.delete()


# %% wrong because="Does SQS know that the card was charged?" finds="twice,resent"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
        order = json.loads(message["Body"])
        cards.update_item(
            Key={"card": order["card"]},
            UpdateExpression="SET balance = balance - :total",
            ExpressionAttributeValues={":total": order["total"]},
        )
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is it written down first and paid afterwards, in two calls?" finds="lost"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        try:
            payments.put_item(
                Item={"order_id": order["id"]}, ConditionExpression="attribute_not_exists(order_id)"
            )
            cards.update_item(
                Key={"card": order["card"]},
                UpdateExpression="SET balance = balance - :total",
                ExpressionAttributeValues={":total": order["total"]},
            )
        except database.exceptions.ConditionalCheckFailedException:
            pass
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is it paid first and written down afterwards, in two calls?" finds="twice"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        if "Item" not in payments.get_item(Key={"order_id": order["id"]}):
            cards.update_item(
                Key={"card": order["card"]},
                UpdateExpression="SET balance = balance - :total",
                ExpressionAttributeValues={":total": order["total"]},
            )
            payments.put_item(Item={"order_id": order["id"]})
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Did you delete the message first, so that nobody can charge twice?" finds="lost,resent"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        order = json.loads(message["Body"])
        cards.update_item(
            Key={"card": order["card"]},
            UpdateExpression="SET balance = balance - :total",
            ExpressionAttributeValues={":total": order["total"]},
        )


# %% wrong because="Is the note about the message, which has another id when it is sent again?" finds="resent"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        note = {
            "TableName": "payments",
            "Item": {"order_id": message["MessageId"]},
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
        payment = {
            "TableName": "gift-cards",
            "Key": {"card": order["card"]},
            "UpdateExpression": "SET balance = balance - :total",
            "ExpressionAttributeValues": {":total": order["total"]},
        }
        try:
            database.transact_write_items(TransactItems=[{"Put": note}, {"Update": payment}])
        except database.exceptions.TransactionCanceledException:
            pass
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is the note about the card, so that a card can pay only once?" finds="paid"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        note = {
            "TableName": "payments",
            "Item": {"order_id": order["card"]},
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
        payment = {
            "TableName": "gift-cards",
            "Key": {"card": order["card"]},
            "UpdateExpression": "SET balance = balance - :total",
            "ExpressionAttributeValues": {":total": order["total"]},
        }
        try:
            database.transact_write_items(TransactItems=[{"Put": note}, {"Update": payment}])
        except database.exceptions.TransactionCanceledException:
            pass
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does a message stay when its order has been paid before?" finds="deleted"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        note = {
            "TableName": "payments",
            "Item": {"order_id": order["id"]},
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
        payment = {
            "TableName": "gift-cards",
            "Key": {"card": order["card"]},
            "UpdateExpression": "SET balance = balance - :total",
            "ExpressionAttributeValues": {":total": order["total"]},
        }
        try:
            database.transact_write_items(TransactItems=[{"Put": note}, {"Update": payment}])
        except database.exceptions.TransactionCanceledException:
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Do you take every cancelled transaction for 'paid before'?" finds="conflict"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        note = {
            "TableName": "payments",
            "Item": {"order_id": order["id"]},
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
        payment = {
            "TableName": "gift-cards",
            "Key": {"card": order["card"]},
            "UpdateExpression": "SET balance = balance - :total",
            "ExpressionAttributeValues": {":total": order["total"]},
        }
        try:
            database.transact_write_items(TransactItems=[{"Put": note}, {"Update": payment}])
        except database.exceptions.TransactionCanceledException:
            pass
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="What happens in Python when the condition does not hold?" finds="runs"
def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        note = {
            "TableName": "payments",
            "Item": {"order_id": order["id"]},
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
        payment = {
            "TableName": "gift-cards",
            "Key": {"card": order["card"]},
            "UpdateExpression": "SET balance = balance - :total",
            "ExpressionAttributeValues": {":total": order["total"]},
        }
        database.transact_write_items(TransactItems=[{"Put": note}, {"Update": payment}])
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does your worker rely on a variable that no other worker can see?" finds="twice,resent"
paid = set()


def work(queue_url):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        order = json.loads(message["Body"])
        if order["id"] not in paid:
            cards.update_item(
                Key={"card": order["card"]},
                UpdateExpression="SET balance = balance - :total",
                ExpressionAttributeValues={":total": order["total"]},
            )
            paid.add(order["id"])
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Did you delete a table?" finds="exists"
payments.delete()


def work(queue_url):
    pass


# %% check
lab.check("charge_once", work=work)

# %% [markdown]
# A card company outside of AWS cannot be part of your transaction. Most of them take an idempotency key with the payment
# and promise to charge once for each key. Then give them the order id.

# %% [markdown]
# ## Save point
#
# You are half-way. Your progress is saved already. The next cell also keeps a copy of the account in this session. Take a
# break.

# %%
lab.snapshot("half-time")

# %% [markdown]
# The queues of the examples have done their work. The next cell deletes them. (The name of a deleted queue is taken for
# another 60 seconds.)

# %%
for name in ("tea", "old-orders", "demo", "prices", "till"):
    for queue_url in sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=queue_url)
lab.clock.advance(seconds=61)

# %% [markdown]
# ## How fast is a line?
#
# A FIFO queue takes a limited number of calls in a second. More are refused with the error `RequestThrottled`: you are
# **throttled**. boto3 then waits a little and tries again, a few times.
#
# ![Three ways to send 2,500 orders in a second to a FIFO queue. One call for each order on a default queue: 300 calls are
# taken, 2,200 are refused. Batches of ten on a default queue: 250 calls, all taken. One call for each order on a queue
# with high throughput: 2,500 calls, all taken, if no group gets more than 300.](throughput.svg)

# %% fact id="F59"

# %% [markdown]
# ## Break it: half of high throughput
#
# High throughput needs two attributes. Here is a queue for a sale. What if you set only one of the two?

# %%
sale = sqs.create_queue(QueueName="sale.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
with labkit.expected(ClientError):
    sqs.set_queue_attributes(QueueUrl=sale, Attributes={"FifoThroughputLimit": "perMessageGroupId"})

# %% [markdown]
# To count for each group, SQS must also keep its memory for each group. That is what `DeduplicationScope` says. It has a
# price: the same deduplication id in two groups is then two messages.

# %% [markdown]
# ## 17.4 · 2,500 orders a second
#
# *Story.* The sale opens, and 2,500 orders come in each second. The shop collects them and calls
# `send_orders(queue_url, orders)` every 16 milliseconds, each time with a list of 40 orders of 40 customers.
#
# *Task.* All of them must reach `sale.fifo`, and SQS must not refuse a single call. The orders of one customer stay in
# line, as in 17.1. Change the function, the queue, or both.


# %% stub exercise="rush"
def send_orders(queue_url, orders):
    for order in orders:
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps(order),
            MessageGroupId=order["customer"],
            MessageDeduplicationId=order["id"],
        )


# %% solution
def send_orders(queue_url, orders):
    for start in range(0, len(orders), 10):
        entries = [
            {
                "Id": str(place_in_batch),
                "MessageBody": json.dumps(order),
                "MessageGroupId": order["customer"],
                "MessageDeduplicationId": order["id"],
            }
            for place_in_batch, order in enumerate(orders[start : start + 10])
        ]
        sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)


# %% right because="the queue has high throughput, and each order is a call of its own"
sqs.set_queue_attributes(
    QueueUrl=sale,
    Attributes={"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"},
)


def send_orders(queue_url, orders):
    for order in orders:
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps(order),
            MessageGroupId=order["customer"],
            MessageDeduplicationId=order["id"],
        )


# %% right because="a resource, and the queue compares the texts"
sqs.set_queue_attributes(QueueUrl=sale, Attributes={"ContentBasedDeduplication": "true"})


def send_orders(queue_url, orders):
    queue, left = boto3.resource("sqs").Queue(queue_url), list(orders)
    while left:
        batch, left = left[:10], left[10:]
        queue.send_messages(
            Entries=[
                {"Id": order["id"], "MessageBody": json.dumps(order), "MessageGroupId": order["customer"]}
                for order in batch
            ]
        )


# %% wrong because="Are the batches so small that there are still too many calls?" finds="throttled"
def send_orders(queue_url, orders):
    for start in range(0, len(orders), 2):
        entries = [
            {
                "Id": str(n),
                "MessageBody": json.dumps(order),
                "MessageGroupId": order["customer"],
                "MessageDeduplicationId": order["id"],
            }
            for n, order in enumerate(orders[start : start + 2])
        ]
        sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)


# %% wrong because="Do you give up when SQS refuses a call?" finds="throttled"
hasty = boto3.client("sqs", config=boto3.session.Config(retries={"total_max_attempts": 1}))


def send_orders(queue_url, orders):
    for order in orders:
        try:
            hasty.send_message(
                QueueUrl=queue_url,
                MessageBody=json.dumps(order),
                MessageGroupId=order["customer"],
                MessageDeduplicationId=order["id"],
            )
        except ClientError:
            pass


# %% wrong because="Do the last orders of a list wait for the next list?" finds="all"
shelf = []


def send_orders(queue_url, orders):
    shelf.extend(orders)
    while len(shelf) >= 10:
        batch = [shelf.pop(0) for _ in range(10)]
        entries = [
            {
                "Id": str(n),
                "MessageBody": json.dumps(order),
                "MessageGroupId": order["customer"],
                "MessageDeduplicationId": order["id"],
            }
            for n, order in enumerate(batch)
        ]
        sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)


# %% wrong because="Did you get rid of the lines to be fast?" finds="line"
sqs.set_queue_attributes(
    QueueUrl=sale,
    Attributes={"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"},
)


def send_orders(queue_url, orders):
    for start in range(0, len(orders), 10):
        entries = [
            {
                "Id": str(n),
                "MessageBody": json.dumps(order),
                "MessageGroupId": order["id"],
                "MessageDeduplicationId": order["id"],
            }
            for n, order in enumerate(orders[start : start + 10])
        ]
        sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)


# %% wrong because="High throughput for each group, and one group for all?" finds="line,throttled"
sqs.set_queue_attributes(
    QueueUrl=sale,
    Attributes={"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"},
)


def send_orders(queue_url, orders):
    for order in orders:
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps(order),
            MessageGroupId="sale",
            MessageDeduplicationId=order["id"],
        )


# %% wrong because="Did you set only one of the two attributes?" finds="throttled"
sqs.set_queue_attributes(QueueUrl=sale, Attributes={"DeduplicationScope": "messageGroup"})


def send_orders(queue_url, orders):
    for order in orders:
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps(order),
            MessageGroupId=order["customer"],
            MessageDeduplicationId=order["id"],
        )


# %% wrong because="More than ten entries in one batch?" finds="runs"
def send_orders(queue_url, orders):
    for start in range(0, len(orders), 100):
        entries = [
            {
                "Id": str(n),
                "MessageBody": json.dumps(order),
                "MessageGroupId": order["customer"],
                "MessageDeduplicationId": order["id"],
            }
            for n, order in enumerate(orders[start : start + 100])
        ]
        sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)


# %% wrong because="Did you delete `sale.fifo`?" finds="exists"
sqs.delete_queue(QueueUrl=sale)


def send_orders(queue_url, orders):
    pass


# %% check
lab.check("rush", send_orders=send_orders)

# %% [markdown]
# ## When the head of a line is ill
#
# A message that no worker can handle is called a **poison message**. In a standard queue it is a nuisance. In a FIFO queue it
# holds up its whole group: nothing behind it is delivered while it is in flight. That is **head-of-line blocking**.
#
# A dead-letter queue takes it away after a few tries. But think of what comes then.

# %% fact id="F117"

# %% [markdown]
# So you have to decide what order means after that. If the messages of a group have nothing to do with each other, go on
# with the next one. If each builds on the one before, the rest of the group must wait until somebody has repaired the
# head.

# %%
steps = sqs.create_queue(QueueName="steps.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
on_hold = table("on-hold", "customer")


def arn_of(queue_url):
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


# %% [markdown]
# ## 17.5 · One poison order
#
# *Story.* Each order goes through steps: "new", "new address", "gift card", "ship it". A step is a message such as
# `{"id": "step-7", "customer": "kavi-12", "text": "ship it"}`, and its group is the customer. Sometimes nobody can read the
# new address. "Ship it" must not overtake it then: the parcel would go to the old address.
#
# *Goal.* `work(queue_url, handle)` is called again and again. `handle(step)` raises a `ValueError` when it cannot read a
# step.
#
# - The customers without trouble do not wait.
# - A step that fails is tried three times. Then it is in a dead-letter queue of `steps.fifo`. You make that queue.
# - From then on that customer is on hold: no later step is handled. The later steps stand behind the bad one in the
#   dead-letter queue, in order. Keep in the table `on-hold` who is on hold, so that all workers know it. Its key is
#   `customer`.

# %% stub exercise="poison"
# the dead-letter queue of steps.fifo


def work(queue_url, handle):
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    for message in answer.get("Messages", []):
        step = json.loads(message["Body"])
        try:
            handle(step)
        except ValueError:
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% solution
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps(
    {"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3}
)  # survives: the worker itself puts a customer on hold after three tries
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def park(queue_url, message, step):
    sqs.send_message(
        QueueUrl=dead,
        MessageBody=message["Body"],
        MessageGroupId=step["customer"],
        MessageDeduplicationId=message["MessageId"],
    )
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def work(queue_url, handle):
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    for message in answer.get("Messages", []):
        step = json.loads(message["Body"])
        if "Item" in on_hold.get_item(Key={"customer": step["customer"]}):
            park(queue_url, message, step)  # survives: left alone, SQS moves it by its own count
            continue
        try:
            handle(step)
        except ValueError:
            if int(message["Attributes"]["ApproximateReceiveCount"]) >= 3:
                on_hold.put_item(Item={"customer": step["customer"]})
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% right because="who is on hold is left alone, and SQS moves the rest by its own count"
shelf = boto3.resource("sqs").create_queue(QueueName="needs-a-person.fifo", Attributes={"FifoQueue": "true"})
boto3.resource("sqs").Queue(steps).set_attributes(
    Attributes={
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": shelf.attributes["QueueArn"], "maxReceiveCount": "3"}
        )
    }
)


def work(queue_url, handle):
    queue = boto3.resource("sqs").Queue(queue_url)
    for message in queue.receive_messages(AttributeNames=["ApproximateReceiveCount"], WaitTimeSeconds=1):
        step = json.loads(message.body)
        if on_hold.get_item(Key={"customer": step["customer"]}).get("Item"):
            message.change_visibility(VisibilityTimeout=0)
            continue
        try:
            handle(step)
            message.delete()
        except ValueError:
            if message.attributes["ApproximateReceiveCount"] == "3":
                on_hold.put_item(Item={"customer": step["customer"]})


# %% right because="the worker itself moves the bad step, at once after the third try, and reads batches"
dead = sqs.create_queue(
    QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
)["QueueUrl"]
sqs.set_queue_attributes(
    QueueUrl=steps,
    Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 10})},
)
database.get_waiter("table_exists").wait(TableName="on-hold")


def move(queue_url, message, customer):
    sqs.send_message(QueueUrl=dead, MessageBody=message["Body"], MessageGroupId=customer)
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def work(queue_url, handle):
    failed = set()
    for message in sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    ).get("Messages", []):
        step = json.loads(message["Body"])
        customer = step["customer"]
        if "Item" in on_hold.get_item(Key={"customer": customer}, ConsistentRead=True):
            move(queue_url, message, customer)
            continue
        if customer in failed:
            continue
        try:
            handle(step)
        except ValueError:
            failed.add(customer)
            if int(message["Attributes"]["ApproximateReceiveCount"]) == 3:
                on_hold.put_item(Item={"customer": customer})
                move(queue_url, message, customer)
        else:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="When the bad step is gone, does the next one step forward as if nothing were missing?" finds="line,kept"
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def work(queue_url, handle):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        try:
            handle(json.loads(message["Body"]))
        except ValueError:
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is the customer put on hold after the first try?" finds="third"
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def work(queue_url, handle):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        step = json.loads(message["Body"])
        try:
            if "Item" in on_hold.get_item(Key={"customer": step["customer"]}):
                continue
            handle(step)
        except ValueError:
            on_hold.put_item(Item={"customer": step["customer"]})
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Are the later steps deleted and kept nowhere?" finds="kept"
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def work(queue_url, handle):
    answer = sqs.receive_message(QueueUrl=queue_url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    for message in answer.get("Messages", []):
        step = json.loads(message["Body"])
        if "Item" not in on_hold.get_item(Key={"customer": step["customer"]}):
            try:
                handle(step)
            except ValueError:
                if int(message["Attributes"]["ApproximateReceiveCount"]) >= 3:
                    on_hold.put_item(Item={"customer": step["customer"]})
                continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Ten messages at a time, and on with the next step when one has failed?" finds="line,kept"
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def work(queue_url, handle):
    for message in sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
        step = json.loads(message["Body"])
        try:
            handle(step)
        except ValueError:
            print("failed:", step["text"])
        else:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is there no dead-letter queue?" finds="third,kept"
def work(queue_url, handle):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        try:
            handle(json.loads(message["Body"]))
        except ValueError:
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does the worker wait after a failure, and everybody with it?" finds="others"
import time

dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def work(queue_url, handle):
    answer = sqs.receive_message(QueueUrl=queue_url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    for message in answer.get("Messages", []):
        step = json.loads(message["Body"])
        if "Item" in on_hold.get_item(Key={"customer": step["customer"]}):
            sqs.send_message(
                QueueUrl=dead,
                MessageBody=message["Body"],
                MessageGroupId=step["customer"],
                MessageDeduplicationId=message["MessageId"],
            )
        else:
            try:
                handle(step)
            except ValueError:
                time.sleep(31)
                if int(message["Attributes"]["ApproximateReceiveCount"]) >= 3:
                    on_hold.put_item(Item={"customer": step["customer"]})
                continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Is it noted in a variable who is on hold, where no other worker can see it?" finds="line,kept"
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})
waiting = set()


def work(queue_url, handle):
    answer = sqs.receive_message(QueueUrl=queue_url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    for message in answer.get("Messages", []):
        step = json.loads(message["Body"])
        if step["customer"] in waiting:
            continue
        try:
            handle(step)
        except ValueError:
            if int(message["Attributes"]["ApproximateReceiveCount"]) >= 3:
                waiting.add(step["customer"])
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Are the later steps parked, but not in the group of their customer?" finds="kept"
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def work(queue_url, handle):
    answer = sqs.receive_message(QueueUrl=queue_url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    for message in answer.get("Messages", []):
        step = json.loads(message["Body"])
        if "Item" in on_hold.get_item(Key={"customer": step["customer"]}):
            sqs.send_message(
                QueueUrl=dead,
                MessageBody=message["Body"],
                MessageGroupId=step["id"],
                MessageDeduplicationId=step["id"],
            )
        else:
            try:
                handle(step)
            except ValueError:
                if int(message["Attributes"]["ApproximateReceiveCount"]) >= 3:
                    on_hold.put_item(Item={"customer": step["customer"]})
                continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Does an error in `handle` end the worker?" finds="runs"
dead = sqs.create_queue(QueueName="steps-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 3})
sqs.set_queue_attributes(QueueUrl=steps, Attributes={"RedrivePolicy": policy})


def work(queue_url, handle):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        handle(json.loads(message["Body"]))
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


# %% wrong because="Did you delete `steps.fifo`?" finds="exists"
sqs.delete_queue(QueueUrl=steps)


def work(queue_url, handle):
    pass


# %% check
lab.check("poison", work=work)

# %% [markdown]
# When the address is repaired, take the customer off the table `on-hold`, and send the steps back with
# `start_message_move_task`. SQS sends the oldest first. It takes no care of new steps that come in meanwhile: do it while
# that customer is quiet.

# %% [markdown]
# ## An ordered chain
#
# **SNS** sends one message to many readers. A *publisher* sends it to a **topic**, and every queue that has *subscribed* to
# the topic gets a copy. (Lab 18 is all about SNS.) If the topic is a plain one, the order is lost on the way. A **FIFO
# topic** keeps it: it has groups and deduplication ids like a FIFO queue. FIFO queues can subscribe to it, and standard
# queues too. Those get the same news, without the promise of order.
#
# A queue must let the topic in. That is what its **queue policy** says; `allow` below writes one.

# %%
sns = boto3.client("sns")
warehouse = sqs.create_queue(QueueName="warehouse.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
billing = sqs.create_queue(QueueName="billing.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
reports = sqs.create_queue(QueueName="reports")["QueueUrl"]


def allow(queue_url, topic_arn):
    """Let this topic send to this queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn_of(queue_url),
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})


# %% [markdown]
# ## 17.6 · One topic, two FIFO queues and a standard queue
#
# *Story.* The warehouse and the billing need each news of an order, in the same order: paid, packed, delivered. The reports
# count what was delivered. They need nothing else, and no order.
#
# *Goal.*
#
# - A topic named `order-news.fifo`. The queues `warehouse.fifo` and `billing.fifo` get everything, `reports` gets only
#   news with the status "delivered".
# - `publish(topic_arn, news)` publishes one news, such as `{"order": "order-7", "status": "packed"}`, as JSON. The news of
#   one order stay in line. What is published twice within five minutes is delivered once.
#
# `arn_of(queue_url)` gives the ARN of a queue. You need `allow` for each of the three queues.

# %% stub exercise="fan_out"
# the topic and its three subscriptions


def publish(topic_arn, news):
    sns.publish(TopicArn=topic_arn, Message=json.dumps(news))


# %% solution
topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(warehouse))
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(billing))
only_delivered = json.dumps({"status": ["delivered"]})
sns.subscribe(
    TopicArn=topic, Protocol="sqs", Endpoint=arn_of(reports), Attributes={"FilterPolicy": only_delivered}
)


def publish(topic_arn, news):
    sns.publish(
        TopicArn=topic_arn,
        Message=json.dumps(news),
        MessageGroupId=news["order"],
        MessageDeduplicationId=f"{news['order']}-{news['status']}",  # survives: any text between the two
        MessageAttributes={"status": {"DataType": "String", "StringValue": news["status"]}},
    )


# %% right because="the filter looks into the body, the topic compares texts, and the queues get them raw"
topic = sns.create_topic(
    Name="order-news.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"}
)["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url), Attributes={"RawMessageDelivery": "true"}
    )["SubscriptionArn"]
sns.set_subscription_attributes(
    SubscriptionArn=subscription, AttributeName="FilterPolicyScope", AttributeValue="MessageBody"
)
sns.set_subscription_attributes(
    SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue='{"status": ["delivered"]}'
)


def publish(topic_arn, news):
    sns.publish(TopicArn=topic_arn, Message=json.dumps(news, sort_keys=True), MessageGroupId=news["order"])


# %% right because="boto3 resources, and a batch of one"
service = boto3.resource("sns")
topic = service.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})
for queue_url in (reports, billing, warehouse):
    allow(queue_url, topic.arn)
    policy = {"FilterPolicy": '{"status": [{"prefix": "deliver"}]}'} if queue_url == reports else {}
    topic.subscribe(Protocol="sqs", Endpoint=arn_of(queue_url), Attributes=policy)


def publish(topic_arn, news):
    entry = {
        "Id": "1",
        "Message": json.dumps(news),
        "MessageGroupId": f"order/{news['order']}",
        "MessageDeduplicationId": f"{news['order']}/{news['status']}",
        "MessageAttributes": {"status": {"DataType": "String", "StringValue": news["status"]}},
    }
    sns.publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=[entry])


# %% wrong because="Does a queue refuse the topic, because its policy does not let it in?" finds="everything"
topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
allow(warehouse, topic)
allow(reports, topic)
for queue_url in (warehouse, billing):
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url))
sns.subscribe(
    TopicArn=topic,
    Protocol="sqs",
    Endpoint=arn_of(reports),
    Attributes={"FilterPolicy": json.dumps({"status": ["delivered"]})},
)


def publish(topic_arn, news):
    sns.publish(
        TopicArn=topic_arn,
        Message=json.dumps(news),
        MessageGroupId=news["order"],
        MessageDeduplicationId=f"{news['order']}-{news['status']}",
        MessageAttributes={"status": {"DataType": "String", "StringValue": news["status"]}},
    )


# %% wrong because="Do you send to the queues yourself, past the topic?" finds="everything"
topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]


def publish(topic_arn, news):
    for queue_url in (warehouse, billing):
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps(news),
            MessageGroupId=news["order"],
            MessageDeduplicationId=f"{news['order']}-{news['status']}",
        )
    if news["status"] == "delivered":
        sqs.send_message(QueueUrl=reports, MessageBody=json.dumps(news))


# %% wrong because="Does `reports` get everything, because nothing is filtered?" finds="filter"
topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url))


def publish(topic_arn, news):
    sns.publish(
        TopicArn=topic_arn,
        Message=json.dumps(news),
        MessageGroupId=news["order"],
        MessageDeduplicationId=f"{news['order']}-{news['status']}",
        MessageAttributes={"status": {"DataType": "String", "StringValue": news["status"]}},
    )


# %% wrong because="Does the filter look at an attribute that no message has?" finds="filter"
topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
    policy = {"FilterPolicy": json.dumps({"status": ["delivered"]})} if queue_url == reports else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url), Attributes=policy)


def publish(topic_arn, news):
    sns.publish(
        TopicArn=topic_arn,
        Message=json.dumps(news),
        MessageGroupId=news["order"],
        MessageDeduplicationId=f"{news['order']}-{news['status']}",
    )


# %% wrong because="Does each message have a group of its own?" finds="line"
import uuid

topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
    policy = {"FilterPolicy": json.dumps({"status": ["delivered"]})} if queue_url == reports else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url), Attributes=policy)


def publish(topic_arn, news):
    sns.publish(
        TopicArn=topic_arn,
        Message=json.dumps(news),
        MessageGroupId=str(uuid.uuid4()),
        MessageDeduplicationId=f"{news['order']}-{news['status']}",
        MessageAttributes={"status": {"DataType": "String", "StringValue": news["status"]}},
    )


# %% wrong because="A new deduplication id each time?" finds="copies"
import uuid

topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
    policy = {"FilterPolicy": json.dumps({"status": ["delivered"]})} if queue_url == reports else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url), Attributes=policy)


def publish(topic_arn, news):
    sns.publish(
        TopicArn=topic_arn,
        Message=json.dumps(news),
        MessageGroupId=news["order"],
        MessageDeduplicationId=str(uuid.uuid4()),
        MessageAttributes={"status": {"DataType": "String", "StringValue": news["status"]}},
    )


# %% wrong because="Is the order id the deduplication id, so that only its first news arrives?" finds="everything,filter"
topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
    policy = {"FilterPolicy": json.dumps({"status": ["delivered"]})} if queue_url == reports else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url), Attributes=policy)


def publish(topic_arn, news):
    sns.publish(
        TopicArn=topic_arn,
        Message=json.dumps(news),
        MessageGroupId=news["order"],
        MessageDeduplicationId=news["order"],
        MessageAttributes={"status": {"DataType": "String", "StringValue": news["status"]}},
    )


# %% wrong because="What does a FIFO topic want to know of each message?" finds="runs"
topic = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
for queue_url in (warehouse, billing, reports):
    allow(queue_url, topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(queue_url))


def publish(topic_arn, news):
    sns.publish(TopicArn=topic_arn, Message=json.dumps(news))


# %% wrong because="Is the topic called `order-news`, a standard topic?" finds="exists"
topic = sns.create_topic(Name="order-news")["TopicArn"]
allow(reports, topic)
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(reports))


def publish(topic_arn, news):
    sns.publish(TopicArn=topic_arn, Message=json.dumps(news))


# %% check
lab.check("fan_out", publish=publish)

# %% [markdown]
# Your topic and its readers, drawn from the account:

# %%
lab.draw(services=["sns", "sqs"])

# %% [markdown]
# ## Fair queues: when order is not the trouble
#
# Back to standard queues. Many sellers share one queue now; each of them is a **tenant**. One of them has a sale and sends
# thousands of orders. Everybody else's orders stand behind them. Such a tenant is called a **noisy neighbor**. The time that
# an order spends in the queue is its **dwell time**.

# %% fact id="F57"

# %% [markdown]
# On a standard queue the message group id does *not* mean order. It names the tenant. As soon as you give it, the queue is a
# **fair queue**: there is nothing else to switch on. A tenant that has more than 10 % of all messages in flight, and at least
# 30 of them, is noisy. SQS then hands out the messages of the quiet tenants first. Nothing is refused and nothing is
# lost. AWS describes it under
# [how fair queues work](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html).

# %% [markdown]
# ## 17.7 · A noisy tenant
#
# *Story.* 32 workers serve all sellers. One seller sends nine out of ten orders, all at once.
#
# *Goal.* 95 % of the orders of all other sellers wait at most two seconds. No order is lost, and the busy seller is served
# as fast as the workers can: all orders are handled within 12 seconds. The queue is a standard queue. An order is a dict such as `{"id": "order-7", "seller": "lumo-31", "wants": "tea"}`.


# %% stub exercise="fair"
def place_order(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order))


# %% solution
def place_order(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=order["seller"])


# %% right because="a resource and a batch of one"
def place_order(queue_url, order):
    boto3.resource("sqs").Queue(queue_url).send_messages(
        Entries=[{"Id": "1", "MessageBody": json.dumps(order), "MessageGroupId": f"tenant:{order['seller']}"}]
    )


# %% wrong because="Does nothing on the message say whose it is?" finds="quiet"
def place_order(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageAttributes={"seller": {"DataType": "String", "StringValue": order["seller"]}},
    )


# %% wrong because="Is each order a tenant of its own?" finds="quiet"
def place_order(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=order["id"])


# %% wrong because="Are all sellers one tenant?" finds="quiet"
def place_order(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId="sellers")


# %% wrong because="A deduplication id, as on a FIFO queue?" finds="runs"
def place_order(queue_url, order):
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps(order),
        MessageGroupId=order["seller"],
        MessageDeduplicationId=order["id"],
    )


# %% wrong because="Do you slow the busy seller down, also when workers are free?" finds="all"
count = {}


def place_order(queue_url, order):
    count[order["seller"]] = count.get(order["seller"], 0) + 1
    delay = min(900, count[order["seller"]] // 8)
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), DelaySeconds=delay)


# %% wrong because="Do you send the busy seller's orders away?" finds="all"
sent = {}


def place_order(queue_url, order):
    sent[order["seller"]] = sent.get(order["seller"], 0) + 1
    if sent[order["seller"]] <= 20:
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order))


# %% check
lab.check("fair", place_order=place_order)

# %% [markdown]
# Here is the dwell time of each seller, with your `place_order`. Run it, change `place_order`, and run it again.

# %%
from labkit.workload import steady

market = sqs.create_queue(QueueName="market")["QueueUrl"]
sellers = {"busy seller": 0.9, "Ines": 0.025, "Jamal": 0.025, "Kofi": 0.025, "Lena": 0.025}


def order_of(request):
    place_order(
        market, {"id": f"order-{request.number}", "seller": request.user.replace(" ", "-"), "wants": "tea"}
    )


crew = lab.workers(market, count=32, seconds=1)
lab.play(lab.traffic(steady(100, seconds=2), order_of, users=sellers), crew, seconds=15)

for seller in sellers:
    name = seller.replace(" ", "-")
    waits = sorted(one.waited for one in crew.handled if json.loads(one.body)["seller"] == name)
    slow = waits[len(waits) * 95 // 100] if waits else 0
    print(f"{seller:12} {len(waits):4} orders, 95 % waited up to {slow:4.1f} s  {'#' * round(slow * 10)}")

# %% [markdown]
# ## What differs on real AWS
#
# - Here a fair queue finds the noisy tenant at exactly 30 messages. On AWS the numbers are approximate, and AWS also
#   looks at how long the work for each tenant takes.
# - Here cells that loop are never throttled; only stories on the clock of the lab are. On AWS the quota of a FIFO queue
#   holds for every call. Error texts can name it differently.
# - With high throughput, AWS spreads message groups over *partitions*, and several groups can share one. A partition takes
#   300 calls a second. Here each group has 300 for itself.
#
# To see in your own account whether a queue has high throughput:
# `aws sqs get-queue-attributes --queue-url URL --attribute-names FifoThroughputLimit DeduplicationScope`
#
# ## What you know now
#
# - A message group is a line. One group for all is slow; a group for each message has no order.
# - Deduplication is a memory of five minutes, and it protects the way into the queue.
# - "Exactly once" ends where your worker begins. An idempotency key, written in one step with the work, closes the gap.
# - FIFO quotas count calls. Batches make fewer of them, high throughput allows more.
# - When the head of a line is taken away, you decide whether the rest may go on.
# - On a standard queue the group id names a tenant, and the queue is fair.

# %% [markdown]
# ## Finish
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
