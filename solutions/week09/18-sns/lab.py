# ---
# jupyter:
#   labkit:
#     number: "18"
#     title: SNS
#     week: 9
#     minutes: 90
#     services: [sns, sqs, lambda, events, kms, iam, logs]
#     covers: [L135, L276-L279, L282-L287, L290-L293]
#     verified: 2026-11-23
#     objectives:
#       - Send one message to many subscribers, and let only the right topic write.
#       - Let each subscriber say which messages it wants, and in which form.
#       - Say what SNS tries again, what it gives up, and keep what was given up.
# ---

# %% [markdown]
# # SNS
#
# **The story.** One order of Orchard Market interests many: packing, billing, statistics, the customer, the courier.
# The shop doesn't want to know them all. It *publishes* each order once, and Amazon SNS (Simple Notification Service)
# brings a copy to everybody who asked for it. Plan 90 minutes. There is a save point after 18.4.

# %% setup
import json

import boto3
from botocore.exceptions import ClientError

sns = boto3.client("sns")
sqs = boto3.client("sqs")


def arn_of(queue_url):
    """The ARN of a queue: SNS wants it where SQS wants the URL."""
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


# %% [markdown]
# ## One message, many readers
#
# ![A shop publishes one order to a topic. The topic has four subscriptions. The first has no filter and gets every
# order. The second lets only express orders through, the third only orders of 500 dollars or more. The fourth endpoint
# has not confirmed yet and gets nothing.](fan-out.svg)
#
# - A **topic** is the place where messages are sent to. It keeps none of them.
# - A **publisher** sends a **message** to the topic, once.
# - A **subscription** says where copies go: to a queue, a function, a web address, an e-mail address, a phone. Each of
#   these *endpoints* is a **subscriber**.
#
# To send copies of one message to many subscribers is called **fan-out**.

# %% fact id="F63"

# %% [markdown]
# ## Worked example: who wants to read?
#
# Mira owns the shop. She wants an e-mail for each order. Run the next cells, one by one.

# %%
orders = sns.create_topic(Name="orders")["TopicArn"]
answer = sns.subscribe(TopicArn=orders, Protocol="email", Endpoint="mira@example.com")
print(answer["SubscriptionArn"])

# %% [markdown]
# Anybody can type in somebody else's address. So SNS asks the owner of the address first, and sends nothing until she
# says yes. `lab.inbox()` shows what people in the lab receive.

# %%
lab.inbox(to="mira@example.com")

# %% [markdown]
# On AWS, Mira clicks on the link in that e-mail. Here you do it for her.


# %%
def confirm(address):
    """Open the newest letter to this address that asks for a yes, and say yes."""
    next(letter for letter in lab.inbox(to=address) if letter.token).confirm()


confirm("mira@example.com")
sns.publish(TopicArn=orders, Subject="New order", Message="two lamps for Amara")
lab.inbox(to="mira@example.com")[0]

# %% [markdown]
# ## Predict
#
# Think first. Then put a letter into the cell, for example `answer="a"`, and run it.

# %% predict question="no_consent"

# %% [markdown]
# ## Break it: a queue that did not say yes
#
# A queue in your own account needs no confirmation. But it has a door of its own, its **policy**. Watch what the
# publisher sees.

# %%
night_shift = sqs.create_queue(QueueName="night-shift")["QueueUrl"]
sns.subscribe(TopicArn=orders, Protocol="sqs", Endpoint=arn_of(night_shift))

sent = sns.publish(TopicArn=orders, Message="a kettle for Bao")
print("published:", sent["MessageId"])
print("in the queue:", sqs.receive_message(QueueUrl=night_shift).get("Messages", []))

# %% [markdown]
# The publisher got a message id and no error. The message never came. The lab's trace says why.

# %%
lab.trace(4, service="sns")

# %% [markdown]
# AWS has no such trace. There you switch on **delivery status logging**: you give the topic a role, and SNS writes into
# CloudWatch Logs what became of each copy.

# %%
iam = boto3.client("iam")
logs = boto3.client("logs")


def role_for(service, name, *actions):
    """The ARN of a role that a service can take, with what it may do. It is made when it is not there yet."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    try:
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    document = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
    iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=document)
    return iam.get_role(RoleName=name)["Role"]["Arn"]


log_role = role_for(
    "sns.amazonaws.com",
    "sns-delivery-log",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)
sns.set_topic_attributes(TopicArn=orders, AttributeName="SQSFailureFeedbackRoleArn", AttributeValue=log_role)

sns.publish(TopicArn=orders, Message="a kettle for Bao, again")
region, account, name = orders.split(":")[3:]
for line in logs.filter_log_events(logGroupName=f"sns/{region}/{account}/{name}/Failure")["events"]:
    record = json.loads(line["message"])
    print(record["status"], record["delivery"]["statusCode"], record["delivery"]["providerResponse"])

# %% [markdown]
# ## The consent of a queue
#
# The **policy** of a queue says who may send to it. It is a JSON text with *statements*. Each says: this **principal**
# (who) may do this **action** with this **resource**, under this **condition**.
#
# SNS brings messages for thousands of customers. "SNS may send" is too much: then any topic could write. SNS tells the
# queue for which topic it comes. The condition key is `aws:SourceArn`.

# %% [markdown]
# ## 18.1 · One order, three queues
#
# *Story.* Packing, billing and statistics each have a queue. Each wants every order of the topic `orders`.
#
# *Task.* Repair `connect`. Three values in the statement are wrong, and the last line is missing.
#
# - Each of the three queues gets one copy of each order.
# - A topic of another team cannot write into these queues, not even when it subscribes them.
#
# When one queue is deleted, the other two must not notice.

# %%
departments = {
    name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("packing", "billing", "statistics")
}


# %% stub exercise="three_queues"
def connect(topic_arn, queue_url):
    queue_arn = arn_of(queue_url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},  # wrong 1: which service brings the message?
        "Action": "sqs:ReceiveMessage",  # wrong 2: what does it want to do?
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": queue_arn}},  # wrong 3: for whom does it come?
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    # missing: subscribe the queue to the topic


for queue_url in departments.values():
    connect(orders, queue_url)


# %% solution
def connect(topic_arn, queue_url):
    queue_arn = arn_of(queue_url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)


for queue_url in departments.values():
    connect(orders, queue_url)

# %% right because="boto3 resources, and anybody who comes for this topic"
topic = boto3.resource("sns").Topic(orders)
for name in ("packing", "billing", "statistics"):
    queue = boto3.resource("sqs").get_queue_by_name(QueueName=name)
    queue.set_attributes(
        Attributes={
            "Policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": "*",
                            "Action": "SQS:SendMessage",
                            "Resource": queue.attributes["QueueArn"],
                            "Condition": {"StringEquals": {"aws:SourceArn": topic.arn}},
                        }
                    ],
                }
            )
        }
    )
    topic.subscribe(
        Protocol="sqs", Endpoint=queue.attributes["QueueArn"], Attributes={"RawMessageDelivery": "true"}
    )


# %% wrong because="May every topic in the world write into your queues?" finds="stranger"
def connect(topic_arn, queue_url):
    queue_arn = arn_of(queue_url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)


for queue_url in departments.values():
    connect(orders, queue_url)


# %% wrong because="Do all topics of your account come with the same account number?" finds="stranger"
def connect(topic_arn, queue_url):
    queue_arn = arn_of(queue_url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": topic_arn.split(":")[4]}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)


for queue_url in departments.values():
    connect(orders, queue_url)


# %% wrong because="Is the last line still missing, which subscribes the queue?" finds="copies,independent"
def connect(topic_arn, queue_url):
    queue_arn = arn_of(queue_url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})


for queue_url in departments.values():
    connect(orders, queue_url)

# %% wrong because="Did you subscribe the queues, and forget that a queue must consent?" finds="copies,independent"
for queue_url in departments.values():
    sns.subscribe(TopicArn=orders, Protocol="sqs", Endpoint=arn_of(queue_url))


# %% wrong because="Does the queue still wait for somebody who comes on behalf of the queue itself?" finds="copies,independent"
def connect(topic_arn, queue_url):
    queue_arn = arn_of(queue_url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": queue_arn}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)


for queue_url in departments.values():
    connect(orders, queue_url)


# %% wrong because="Did you connect only the last queue?" finds="copies,independent"
def connect(topic_arn, queue_url):
    queue_arn = arn_of(queue_url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)


connect(orders, departments["statistics"])

# %% wrong because="Did you delete one of the queues?" finds="exists"
sqs.delete_queue(QueueUrl=departments["packing"])

# %% check
lab.check("three_queues")

# %% [markdown]
# Publish one more order and look at your account. The numbers at the arrows are counted from what really happened. The
# queue `night-shift` still refuses.

# %%
sns.publish(TopicArn=orders, Message="boots for Chloé")
lab.draw(services=["sns", "sqs"])

# %% [markdown]
# ## Letters with a label
#
# Not every desk wants every order. A **filter policy** is a JSON text on a *subscription*. It names what a message must
# have. What does not fit is not delivered there, and nobody is told.
#
# By default, a filter looks at the **message attributes**: small labelled values that travel beside the text. Each has a
# type: `String`, `Number`, `Binary` or `String.Array`.
#
# | you write | it lets through |
# | --- | --- |
# | `{"kind": ["gold", "silver"]}` | attributes `kind` with exactly one of these values |
# | `{"weight": [{"numeric": [">", 2, "<=", 10]}]}` | numbers in this range |
# | `{"shelf": [{"prefix": "b7-"}]}` | texts that begin like this |
# | `{"note": [{"exists": true}]}` | messages that have such an attribute |
# | `{"kind": [{"anything-but": ["gold"]}]}` | every other value |
#
# Two names in one policy mean *and*. Two values in one list mean *or*. Upper and lower case differ. The table shows JSON;
# in a Python dict, `true` is written `True`. On AWS, a changed
# filter can take up to 15 minutes to hold everywhere; in the lab it holds at once.

# %% predict question="no_attribute"

# %% [markdown]
# ## Worked example: four desks and a function
#
# The shop publishes every sale to the topic `sales`. Four desks have a queue. The customs form is written by a program:
# a Lambda function. A function has a policy, too: `add_permission` is its consent.

# %%
import io
import zipfile


def connected(topic_arn, name):
    """A queue with this name, as in 18.1: this topic may write to it. Returns the ARN of the subscription."""
    queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn_of(queue_url),
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    answer = sns.subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=arn_of(queue_url), ReturnSubscriptionArn=True
    )
    return answer["SubscriptionArn"]


sales = sns.create_topic(Name="sales")["TopicArn"]
desks = {name: connected(sales, name) for name in ("express", "big-orders", "tea-room", "gift-wrap")}

# %%
lambda_ = boto3.client("lambda")
CODE = """
def handler(event, context):
    for record in event["Records"]:
        print("customs form for:", record["Sns"]["Message"])
"""
package = io.BytesIO()
with zipfile.ZipFile(package, "w") as archive:
    archive.writestr("app.py", CODE)

try:
    lambda_.create_function(
        FunctionName="customs",
        Runtime="python3.13",
        Handler="app.handler",
        Role=role_for(
            "lambda.amazonaws.com",
            "customs-role",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ),
        Code={"ZipFile": package.getvalue()},
    )
    lambda_.add_permission(
        FunctionName="customs",
        StatementId="sales-may-call",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=sales,
    )
except lambda_.exceptions.ResourceConflictException:
    pass  # it was made when this cell ran before

customs = lambda_.get_function(FunctionName="customs")["Configuration"]["FunctionArn"]
answer = sns.subscribe(TopicArn=sales, Protocol="lambda", Endpoint=customs, ReturnSubscriptionArn=True)
desks["customs"] = answer["SubscriptionArn"]

# %% [markdown]
# Now one sale with its attributes. Nobody has a filter yet, so all five get it. The function has really run: it printed
# into its log.


# %%
def attribute(kind, value):
    """One message attribute. A number is written as a text, with the type Number."""
    return {"DataType": kind, "StringValue": value}


sns.publish(
    TopicArn=sales,
    Message="green tea for Dilnoza",
    MessageAttributes={
        "delivery": attribute("String", "express"),
        "total": attribute("Number", "12.50"),
        "sku": attribute("String", "tea-green-50"),
        "country": attribute("String", "PT"),
    },
)
[line["message"] for line in logs.filter_log_events(logGroupName="/aws/lambda/customs")["events"]]

# %% [markdown]
# ## 18.2 · Five sieves
#
# *Story.* The desks complain: too many letters. Each wants only its own.
#
# *Task.* Write the filter policies. The messages have the attributes `delivery`, `total`, `sku`, `gift_note` and
# `country`, but not every message has all of them.
#
# - `express`: orders with the delivery `express`.
# - `big-orders`: orders with a total of 500 or more.
# - `tea-room`: orders whose `sku` (the number of the article) begins with `tea-`.
# - `gift-wrap`: orders that have a gift note, whatever it says.
# - `customs`: orders that name a country, and it is not Portugal (`PT`).

# %% stub exercise="five_sieves"
policies = {
    "express": {},
    "big-orders": {},
    "tea-room": {},
    "gift-wrap": {},
    "customs": {},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% solution
policies = {
    "express": {"delivery": ["express"]},
    "big-orders": {"total": [{"numeric": [">=", 500]}]},
    "tea-room": {"sku": [{"prefix": "tea-"}]},
    "gift-wrap": {"gift_note": [{"exists": True}]},
    "customs": {"country": [{"anything-but": ["PT"]}]},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% right because="boto3 resources, and the same said with other words"
rules = {
    "express": {"delivery": ["express"]},
    "big-orders": {"total": [{"numeric": [">", 500]}, {"numeric": ["=", 500]}]},
    "tea-room": {"sku": [{"prefix": "tea-g"}, {"prefix": "tea-"}]},
    "gift-wrap": {"gift_note": [{"exists": True}]},
    "customs": {"country": [{"anything-but": "PT"}]},
}
for desk, arn in desks.items():
    boto3.resource("sns").Subscription(arn).set_attributes(
        AttributeName="FilterPolicy", AttributeValue=json.dumps(rules[desk])
    )

# %% right because="the subscriptions are made anew, with their filters"
for desk, arn in list(desks.items()):
    old = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    endpoint = next(
        one
        for one in sns.list_subscriptions_by_topic(TopicArn=sales)["Subscriptions"]
        if one["SubscriptionArn"] == arn
    )
    sns.unsubscribe(SubscriptionArn=arn)
    wanted = {
        "express": {"delivery": ["express"]},
        "big-orders": {"total": [{"numeric": [">=", 500, "<", 1000000]}]},
        "tea-room": {"sku": [{"prefix": "tea-"}]},
        "gift-wrap": {"gift_note": [{"exists": True}]},
        "customs": {"country": [{"anything-but": ["PT"]}]},
    }[desk]
    desks[desk] = sns.subscribe(
        TopicArn=sales,
        Protocol=endpoint["Protocol"],
        Endpoint=endpoint["Endpoint"],
        Attributes={"FilterPolicy": json.dumps(wanted), "FilterPolicyScope": "MessageAttributes"},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]

# %% wrong because="Is an order of exactly 500 a big order?" finds="numeric"
policies = {
    "express": {"delivery": ["express"]},
    "big-orders": {"total": [{"numeric": [">", 500]}]},
    "tea-room": {"sku": [{"prefix": "tea-"}]},
    "gift-wrap": {"gift_note": [{"exists": True}]},
    "customs": {"country": [{"anything-but": ["PT"]}]},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Does a teapot begin like tea?" finds="prefix"
policies = {
    "express": {"delivery": ["express"]},
    "big-orders": {"total": [{"numeric": [">=", 500]}]},
    "tea-room": {"sku": [{"prefix": "tea"}]},
    "gift-wrap": {"gift_note": [{"exists": True}]},
    "customs": {"country": [{"anything-but": ["PT"]}]},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Did you let orders without a country through to customs?" finds="anything_but"
policies = {
    "express": {"delivery": ["express"]},
    "big-orders": {"total": [{"numeric": [">=", 500]}]},
    "tea-room": {"sku": [{"prefix": "tea-"}]},
    "gift-wrap": {"gift_note": [{"exists": True}]},
    "customs": {"country": [{"anything-but": ["PT"]}, {"exists": False}]},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Is a gift note the word true, or is it there whatever it says?" finds="exists_note"
policies = {
    "express": {"delivery": ["express"]},
    "big-orders": {"total": [{"numeric": [">=", 500]}]},
    "tea-room": {"sku": [{"prefix": "tea-"}]},
    "gift-wrap": {"gift_note": ["true"]},
    "customs": {"country": [{"anything-but": ["PT"]}]},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Does `express` mean everything that begins with it?" finds="exact"
policies = {
    "express": {"delivery": [{"prefix": "express"}]},
    "big-orders": {"total": [{"numeric": [">=", 500]}]},
    "tea-room": {"sku": [{"prefix": "tea-"}]},
    "gift-wrap": {"gift_note": [{"exists": True}]},
    "customs": {"country": [{"anything-but": ["PT"]}]},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Did you compare a number with a text?" finds="numeric"
policies = {
    "express": {"delivery": ["express"]},
    "big-orders": {
        "total": [{"prefix": "5"}, {"prefix": "6"}, {"prefix": "7"}, {"prefix": "8"}, {"prefix": "9"}]
    },
    "tea-room": {"sku": [{"prefix": "tea-"}]},
    "gift-wrap": {"gift_note": [{"exists": True}]},
    "customs": {"country": [{"anything-but": ["PT"]}]},
}
for desk, policy in policies.items():
    sns.set_subscription_attributes(
        SubscriptionArn=desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Did you unsubscribe the function?" finds="subscribed"
sns.unsubscribe(SubscriptionArn=desks["customs"])

# %% check
lab.check("five_sieves")

# %% [markdown]
# ## The sieves at work
#
# Forty sales. The figure counts what each sieve let through and what it held back.

# %%
for number in range(40):
    sns.publish(
        TopicArn=sales,
        Message=f"sale {number}",
        MessageAttributes={
            "delivery": attribute("String", ("express", "standard", "pickup")[number % 3]),
            "total": attribute("Number", str(number * 25)),
            "sku": attribute("String", ("tea-black-100", "teapot-2", "lamp-9")[number % 3]),
            "country": attribute("String", ("PT", "PT", "KE", "UZ")[number % 4]),
        },
    )
lab.draw(services=["sns", "sqs", "lambda"])

# %% [markdown]
# ## Look inside the letter
#
# A partner publishes its orders as JSON texts, and without attributes. A filter on attributes lets none of them
# through: where there is no attribute, nothing fits.

# %% fact id="F64"

# %% [markdown]
# ## Worked example: the partner's topic

# %%
partner_sales = sns.create_topic(Name="partner-sales")["TopicArn"]
partner_desks = {
    name: connected(partner_sales, name) for name in ("partner-express", "partner-big", "partner-all")
}
sent = sns.publish(
    TopicArn=partner_sales,
    Message=json.dumps({"id": "p-1", "total": 620, "shipping": {"kind": "express", "country": "KE"}}),
)

# %% [markdown]
# A filter can look into the text. A key inside a key is written just so, as in the text itself. But where does SNS
# look? Run this cell and read the error.

# %%
inner = {"shipping": {"country": ["KE"]}}
with labkit.expected(ClientError):
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks["partner-all"],
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps(inner),
    )

# %% [markdown]
# ## 18.3 · Filter on the body
#
# *Story.* The partner delivers to you, but it will not add attributes for you.
#
# *Task.* The partner's messages look like the one above. Give the subscriptions in `partner_desks` what they need.
#
# - `partner-express` gets the orders whose shipping kind is `express`.
# - `partner-big` gets the orders with a total of 500 or more.
# - `partner-all` gets every message. Now and then the partner sends a text that is not JSON, such as `pallet 7 is
#   late`. It must not go to the first two, and it must not be lost.

# %% stub exercise="by_body"
body_filters = {
    "partner-express": {},
    "partner-big": {"total": [{"numeric": [">=", 500]}]},
    "partner-all": {},
}
for desk, policy in body_filters.items():
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% solution
body_filters = {
    "partner-express": {"shipping": {"kind": ["express"]}},
    "partner-big": {"total": [{"numeric": [">=", 500]}]},
}
for desk, policy in body_filters.items():
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicyScope", AttributeValue="MessageBody"
    )
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% right because="resources, and an empty filter that says: everything"
for desk, policy in {
    "partner-express": {"shipping": {"kind": [{"prefix": "express"}], "country": [{"exists": True}]}},
    "partner-big": {"total": [{"numeric": [">", 499.999]}]},
    "partner-all": {},
}.items():
    subscription = boto3.resource("sns").Subscription(partner_desks[desk])
    subscription.set_attributes(AttributeName="FilterPolicyScope", AttributeValue="MessageBody")
    subscription.set_attributes(AttributeName="FilterPolicy", AttributeValue=json.dumps(policy))

# %% wrong because="Does SNS look at the attributes, where this partner sends none?" finds="big"
sns.set_subscription_attributes(
    SubscriptionArn=partner_desks["partner-express"],
    AttributeName="FilterPolicyScope",
    AttributeValue="MessageBody",
)
body_filters = {
    "partner-express": {"shipping": {"kind": ["express"]}},
    "partner-big": {"total": [{"numeric": [">=", 500]}]},
}
for desk, policy in body_filters.items():
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Does `kind` stand at the top of the text, or inside `shipping`?" finds="express"
for desk, policy in {
    "partner-express": {"kind": ["express"]},
    "partner-big": {"total": [{"numeric": [">=", 500]}]},
}.items():
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicyScope", AttributeValue="MessageBody"
    )
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Can a filter on the body let a text through that is not JSON?" finds="all"
for desk, policy in {
    "partner-express": {"shipping": {"kind": ["express"]}},
    "partner-big": {"total": [{"numeric": [">=", 500]}]},
    "partner-all": {"id": [{"exists": True}]},
}.items():
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicyScope", AttributeValue="MessageBody"
    )
    sns.set_subscription_attributes(
        SubscriptionArn=partner_desks[desk], AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )

# %% wrong because="Did you delete the subscription of a desk?" finds="subscribed"
sns.unsubscribe(SubscriptionArn=partner_desks["partner-big"])

# %% check
lab.check("by_body")

# %% [markdown]
# ## One letter, many envelopes
#
# A subscriber gets your text in an **envelope**: a JSON text with `Type`, `MessageId`, `TopicArn`, `Message`, a time and
# a signature. An e-mail shows the text alone. Here is what a queue gets.

# %%
shipping = sns.create_topic(Name="shipping")["TopicArn"]
board = connected(shipping, "shipping-board")
sns.subscribe(TopicArn=shipping, Protocol="sms", Endpoint="+351910000018")
sns.subscribe(TopicArn=shipping, Protocol="email", Endpoint="amara@example.com")
confirm("amara@example.com")

sns.publish(TopicArn=shipping, Message=json.dumps({"id": "lamp-7", "customer": "Amara"}))
board_url = sqs.get_queue_url(QueueName="shipping-board")["QueueUrl"]
letter = sqs.receive_message(QueueUrl=board_url)["Messages"][0]
sqs.delete_message(QueueUrl=board_url, ReceiptHandle=letter["ReceiptHandle"])
print(letter["Body"][:400], "...")

# %% [markdown]
# The order is a JSON text inside a JSON text. So a consumer has to parse twice: `json.loads` for the envelope, then
# `json.loads` for its `Message`.
#
# With **raw message delivery** a queue, a web server or a stream gets your text alone. Message attributes become the
# attributes of the SQS message, ten at most. But a consumer that still parses twice breaks:

# %%
raw_body = json.dumps({"id": "lamp-7", "customer": "Amara"})
with labkit.expected(KeyError):
    json.loads(json.loads(raw_body)["Message"])

# %% [markdown]
# One more thing. A phone shows a short text, an e-mail has room for a long one. With `MessageStructure="json"` the
# message is a JSON text with one **text** for each protocol. Everybody without a text of their own gets `default`, which
# must be there. The names are those of the protocols: `sms`, `email`, `sqs`, `lambda`, `http`, `https`.
#
# With this structure SNS leaves the message attributes out of what it delivers.

# %% [markdown]
# ## 18.4 · One publish, a text for each
#
# *Story.* When a parcel leaves the house, three want to know: the customer's phone, the customer's e-mail, and the board
# in the hall. The program of the board reads plain JSON.
#
# *Task.* The topic `shipping` has the three subscriptions. `board` is the ARN of the subscription of the queue.
#
# 1. The queue `shipping-board` gets the order as JSON, without an envelope.
# 2. Write `announce(topic_arn, order)`. It publishes **once**. `order` is a dict with `id`, `customer` and `items` (a
#    list of texts).
#    - The SMS names the order id, in at most 100 characters.
#    - The e-mail names the customer and every item.
#    - The queue gets the whole order, as JSON.

# %% stub exercise="announce"
# 1. the subscription `board`


def announce(topic_arn, order):
    sns.publish(TopicArn=topic_arn, Message=json.dumps(order))


# %% solution
sns.set_subscription_attributes(
    SubscriptionArn=board, AttributeName="RawMessageDelivery", AttributeValue="true"
)


def announce(topic_arn, order):
    items = "\n".join(f"- {item}" for item in order["items"])  # survives: how the list looks is up to you
    texts = {  # survives: the words are up to you
        "default": f"Order {order['id']} is on its way.",
        "sms": f"Your order {order['id']} is on its way.",
        "email": f"Dear {order['customer']},\n\nyour order {order['id']} is on its way:\n{items}\n",
        "sqs": json.dumps(order),
    }
    sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")


# %% right because="resources; the default is for the e-mail, and the queue was told by name"
boto3.resource("sns").Subscription(board).set_attributes(
    AttributeName="RawMessageDelivery", AttributeValue="TRUE"
)


def announce(topic_arn, order):
    long = " and ".join([f"{order['customer']}, we send you {order['id']}:", *order["items"]])
    boto3.resource("sns").Topic(topic_arn).publish(
        Subject="On its way",
        MessageStructure="json",
        Message=json.dumps({"default": long, "sms": order["id"], "sqs": json.dumps(order, indent=1)}),
    )


# %% wrong because="Is the envelope still around the order?" finds="board"
def announce(topic_arn, order):
    texts = {
        "default": f"Order {order['id']} is on its way.",
        "sms": f"Your order {order['id']} is on its way.",
        "email": f"Dear {order['customer']}, your order is on its way: {order['items']}",
        "sqs": json.dumps(order),
    }
    sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")


# %% wrong because="Did you give SNS a dict inside the JSON, where it wants a text?" finds="board"
sns.set_subscription_attributes(
    SubscriptionArn=board, AttributeName="RawMessageDelivery", AttributeValue="true"
)


def announce(topic_arn, order):
    texts = {
        "default": f"Order {order['id']} is on its way.",
        "sms": f"Your order {order['id']} is on its way.",
        "email": f"Dear {order['customer']}, your order is on its way: {order['items']}",
        "sqs": order,
    }
    sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")


# %% wrong because="Did you forget to say that the message has a text for each protocol?" finds="sms,board"
sns.set_subscription_attributes(
    SubscriptionArn=board, AttributeName="RawMessageDelivery", AttributeValue="true"
)


def announce(topic_arn, order):
    texts = {
        "default": f"Order {order['id']} is on its way.",
        "sms": f"Your order {order['id']} is on its way.",
        "email": f"Dear {order['customer']}, your order is on its way: {order['items']}",
        "sqs": json.dumps(order),
    }
    sns.publish(TopicArn=topic_arn, Message=json.dumps(texts))


# %% wrong because="Is there no text for those who have none of their own?" finds="runs"
sns.set_subscription_attributes(
    SubscriptionArn=board, AttributeName="RawMessageDelivery", AttributeValue="true"
)


def announce(topic_arn, order):
    texts = {
        "sms": f"Your order {order['id']} is on its way.",
        "email": f"Dear {order['customer']}, your order is on its way: {order['items']}",
        "sqs": json.dumps(order),
    }
    sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")


# %% wrong because="Does the phone get the long text, too?" finds="sms"
sns.set_subscription_attributes(
    SubscriptionArn=board, AttributeName="RawMessageDelivery", AttributeValue="true"
)


def announce(topic_arn, order):
    text = f"Dear {order['customer']},\nyour order {order['id']} is on its way:\n" + "\n".join(order["items"])
    texts = {"default": text, "sqs": json.dumps(order)}
    sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")


# %% wrong because="Does the e-mail get the short text?" finds="mail"
sns.set_subscription_attributes(
    SubscriptionArn=board, AttributeName="RawMessageDelivery", AttributeValue="true"
)


def announce(topic_arn, order):
    texts = {"default": f"Your order {order['id']} is on its way.", "sqs": json.dumps(order)}
    sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")


# %% wrong because="Did you write to each of them, instead of to the topic?" finds="once"
sns.set_subscription_attributes(
    SubscriptionArn=board, AttributeName="RawMessageDelivery", AttributeValue="true"
)


def announce(topic_arn, order):
    sns.publish(
        TopicArn=topic_arn,
        MessageStructure="json",
        Message=json.dumps(
            {
                "default": f"{order['customer']}: {order['items']}",
                "sms": order["id"],
                "sqs": json.dumps(order),
            }
        ),
    )
    sns.publish(PhoneNumber="+351910000018", Message=f"Your order {order['id']} is on its way.")


# %% wrong because="Did you unsubscribe the board?" finds="exists"
sns.unsubscribe(SubscriptionArn=board)


def announce(topic_arn, order):
    pass


# %% check
lab.check("announce", announce=announce)

# %% [markdown]
# Look at what the customer got.

# %%
announce(
    shipping,
    {"id": "quilt-3", "customer": "Amara", "items": ["one quilt", "two candles", "one map of Porto"]},
)
lab.inbox()[:2]

# %% [markdown]
# ## Save point
#
# You are half-way. Your progress is saved already. The next cell also keeps a copy of the account in this session. Take a
# break.

# %%
lab.snapshot("half-time")

# %% [markdown]
# ## A web server as a subscriber
#
# Couriers have web servers, not queues. SNS sends an HTTP POST to an address. A program that waits for such posts is
# called a **webhook**. Its address is public: anybody on the internet can post to it, not only SNS.
#
# SNS sends its posts as JSON in the body:
#
# 1. First a `SubscriptionConfirmation`. Whoever owns the address says yes with its `Token` (`sns.confirm_subscription`)
#    or visits its `SubscribeURL`. Careful: anybody can subscribe your address to *their* topic.
# 2. Then a `Notification` for each message.
# 3. After somebody unsubscribed the address, an `UnsubscribeConfirmation`. This lab does nothing with it.
#
# SNS **signs** each post: from the text and a private key that only SNS has, it makes a `Signature`. The public key, with
# which everybody can test a signature, stands in a **certificate** at the address `SigningCertURL`.

# %% fact id="F118"

# %% [markdown]
# Here are the first two posts that a courier gets, as SNS sends them.

# %%
import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(answer):
    """Start a small web server on this machine and return its address.

    For each POST it calls `answer(headers, body)`, which returns the HTTP status, such as 200.
    """

    class Door(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.send_response(answer(dict(self.headers), body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/parcels"


posts = []


def curious(headers, body):
    """Keep every post, and say yes to everything. Never do this."""
    post = json.loads(body)
    posts.append((headers, body))
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=post["TopicArn"], Token=post["Token"])
    return 200


parcels = sns.create_topic(Name="parcels", Attributes={"SignatureVersion": "2"})["TopicArn"]
sns.subscribe(TopicArn=parcels, Protocol="http", Endpoint=serve(curious))
sns.publish(TopicArn=parcels, Message="parcel 18 waits at the door")
for headers, body in posts:
    for name, value in json.loads(body).items():
        line = " ".join(value.split())
        print(f"{name:>16}: {line if len(line) < 90 else line[:90] + '...'}")
    print()

# %% [markdown]
# The next cell is the documented way to look at a signature. It is complete, and yours to use. `signature_fits(post)`
# says whether the signature fits the post *and the certificate that the post itself names*. Read that twice. What can a
# forger do who has a web server of his own?

# %%
import re
from urllib.parse import urlsplit

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

SIGNED = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")


def signature_fits(post):
    """Whether this post was signed, with SHA256, by the owner of the certificate at its SigningCertURL."""
    certificate = x509.load_pem_x509_certificate(requests.get(post["SigningCertURL"], timeout=5).content)
    text = "".join(f"{name}\n{post[name]}\n" for name in SIGNED if name in post)
    try:
        certificate.public_key().verify(
            base64.b64decode(post["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        return False
    return True


real = json.loads(posts[-1][1])
print("as it came:", signature_fits(real))
print("with another text:", signature_fits(real | {"Message": "give parcel 18 to me"}))

# %% [markdown]
# ## 18.5 · Who really wrote?
#
# *Story.* The courier's webhook drives vans. A forged post sends a van to the wrong door.
#
# *Task.* Write `webhook(headers, body, deliver)`. It returns 200 for a good post and 403 for every other.
#
# - A `SubscriptionConfirmation` of your topic `parcels`: confirm it. Of any other topic: 403, and do not confirm.
# - A `Notification` of `parcels`: call `deliver(text)` with the text of the message. Of any other topic: 403.
# - Fetch a certificate only from SNS in the Region of your topic: `https://sns.REGION.amazonaws.com/`, where REGION is a
#   name such as `eu-west-1`. A post that names another place: 403.
# - A post whose signature does not fit: 403.
# - SNS delivers *at least once*, and a thief can post an old letter again: call `deliver` once for each `MessageId`.
#
# `urlsplit` takes a URL apart: `urlsplit(url).scheme`, `urlsplit(url).netloc`. The Region is a part of the ARN `parcels`. For the certificate use `signature_fits`, or
# `requests`; the lab stops `urllib.request`.


# %% stub exercise="webhook"
def webhook(headers, body, deliver):
    post = json.loads(body)
    if post["Type"] == "Notification":
        deliver(post["Message"])
    return 200


# %% solution
HOST = f"sns.{parcels.split(':')[3]}.amazonaws.com"
delivered = set()


def webhook(headers, body, deliver):
    post = json.loads(body)
    place = urlsplit(post["SigningCertURL"])
    if place.scheme != "https" or place.netloc != HOST:
        return 403
    if post["TopicArn"] != parcels or not signature_fits(post):
        return 403
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=parcels, Token=post["Token"])
    elif post["Type"] == "Notification" and post["MessageId"] not in delivered:
        delivered.add(post["MessageId"])
        deliver(post["Message"])
    return 200


# %% right because="every Region: AWS's own libraries ask for three letters or more, so that `s3` does not fit"
seen = {}


def webhook(headers, body, deliver):
    post = json.loads(body)
    if not re.match(r"https://sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com/", post["SigningCertURL"]):
        return 403
    if post["TopicArn"] != parcels or not signature_fits(post):
        return 403
    if "Token" in post:
        boto3.resource("sns").Topic(parcels).confirm_subscription(Token=post["Token"])
    elif seen.setdefault(post["MessageId"], post) is post:
        deliver(post["Message"])
    return 204


# %% right because="one Region only, SubscribeURL, and a copy is refused"
HOME = f"https://sns.{parcels.split(':')[3]}.amazonaws.com/"
done = []


def webhook(headers, body, deliver):
    post = json.loads(body)
    good = post.get("TopicArn") == parcels and post.get("SigningCertURL", "").startswith(HOME)
    if not good or not signature_fits(post) or post["MessageId"] in done:
        return 403
    done.append(post["MessageId"])
    if post["Type"] == "SubscriptionConfirmation":
        return requests.get(post["SubscribeURL"], timeout=5).status_code
    deliver(post["Message"])
    return 200


# %% wrong because="Does a forger's address also begin like that of SNS?" finds="certificate"
delivered = set()


def webhook(headers, body, deliver):
    post = json.loads(body)
    if not post["SigningCertURL"].startswith("https://sns.eu-west-1.amazonaws.com"):
        return 403
    if post["TopicArn"] != parcels or not signature_fits(post):
        return 403
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=parcels, Token=post["Token"])
    elif post["MessageId"] not in delivered:
        delivered.add(post["MessageId"])
        deliver(post["Message"])
    return 200


# %% wrong because="Can a bucket of anybody have an address that ends in amazonaws.com?" finds="certificate"
delivered = set()


def webhook(headers, body, deliver):
    post = json.loads(body)
    if not urlsplit(post["SigningCertURL"]).netloc.endswith(".amazonaws.com"):
        return 403
    if post["TopicArn"] != parcels or not signature_fits(post):
        return 403
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=parcels, Token=post["Token"])
    elif post["MessageId"] not in delivered:
        delivered.add(post["MessageId"])
        deliver(post["Message"])
    return 200


# %% wrong because="Is `s3` the name of a Region, or can anybody name a bucket `sns`?" finds="certificate"
delivered = set()


def webhook(headers, body, deliver):
    post = json.loads(body)
    if not re.fullmatch(r"https://sns\.[a-z0-9-]+\.amazonaws\.com/.*", post["SigningCertURL"]):
        return 403
    if post["TopicArn"] != parcels or not signature_fits(post):
        return 403
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=parcels, Token=post["Token"])
    elif post["MessageId"] not in delivered:
        delivered.add(post["MessageId"])
        deliver(post["Message"])
    return 200


# %% wrong because="Did you trust the header, which the sender writes?" finds="forged,foreign,certificate"
delivered = set()


def webhook(headers, body, deliver):
    post = json.loads(body)
    if headers["x-amz-sns-topic-arn"] != parcels:
        return 403
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=post["TopicArn"], Token=post["Token"])
    elif post["MessageId"] not in delivered:
        delivered.add(post["MessageId"])
        deliver(post["Message"])
    return 200


# %% wrong because="Is a signature of SNS enough, whoever's topic it is?" finds="foreign"
delivered = set()


def webhook(headers, body, deliver):
    post = json.loads(body)
    if not re.fullmatch(r"https://sns\.eu-west-1\.amazonaws\.com/.*", post["SigningCertURL"]):
        return 403
    if not signature_fits(post):
        return 403
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=post["TopicArn"], Token=post["Token"])
    elif post["MessageId"] not in delivered:
        delivered.add(post["MessageId"])
        deliver(post["Message"])
    return 200


# %% wrong because="What happens when the same post comes a second time?" finds="replayed"
def webhook(headers, body, deliver):
    post = json.loads(body)
    if not re.fullmatch(r"https://sns\.eu-west-1\.amazonaws\.com/.*", post["SigningCertURL"]):
        return 403
    if post["TopicArn"] != parcels or not signature_fits(post):
        return 403
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=parcels, Token=post["Token"])
    else:
        deliver(post["Message"])
    return 200


# %% wrong because="Does nobody say yes to your own topic?" finds="confirms"
delivered = set()


def webhook(headers, body, deliver):
    post = json.loads(body)
    if not re.fullmatch(r"https://sns\.eu-west-1\.amazonaws\.com/.*", post["SigningCertURL"]):
        return 403
    if post["TopicArn"] != parcels or not signature_fits(post) or post["Type"] != "Notification":
        return 403
    if post["MessageId"] not in delivered:
        delivered.add(post["MessageId"])
        deliver(post["Message"])
    return 200


# %% wrong because="Is every post refused?" finds="confirms,takes"
def webhook(headers, body, deliver):
    return 403


# %% wrong because="Is there a key in this post that you did not read from a real one?" finds="runs"
def webhook(headers, body, deliver):
    post = json.loads(body)
    if post["Topic"] != parcels:
        return 403
    return 200


# %% wrong because="Did you delete the topic?" finds="exists"
sns.delete_topic(TopicArn=parcels)


def webhook(headers, body, deliver):
    return 200


# %% check
lab.check("webhook", webhook=webhook)

# %% [markdown]
# Now let SNS call your own webhook. This is a real HTTP POST, from the lab to a web server in your notebook.

# %%
vans = []
subscription = sns.subscribe(
    TopicArn=parcels,
    Protocol="http",
    Endpoint=serve(lambda headers, body: webhook(headers, body, vans.append)),
    ReturnSubscriptionArn=True,
)["SubscriptionArn"]
sns.publish(TopicArn=parcels, Message="parcel 19 waits at the door")
pending = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["PendingConfirmation"]
print("still waits for a yes:", pending)
print("the vans know:", vans)

# %% [markdown]
# ## Down, or gone?
#
# A subscriber can fail in two ways.
#
# - A **server error**: nobody answers, or the answer is 5xx or 429 (too many requests). SNS thinks: *later, perhaps*. It
#   tries again.
# - A **client error**: the queue refuses, the function is deleted, the answer is 403 or another 4xx. SNS thinks: *never*.
#   It gives up at once.
#
# ![Four phases of retries on one line: at once, before the back-off, the back-off with growing pauses, after the back-off.
# Below, three kinds of subscribers. Queues and functions: 100,015 attempts in 23 days. Phones, e-mail and apps: 50 attempts
# in more than 6 hours. Web servers: 3 retries, 20 seconds apart, unless you say more, and an hour in all at most. A client
# error ends the line after the first attempt.](retry-phases.svg)

# %% fact id="F66"

# %% predict question="client_error"

# %% [markdown]
# ## Break it: a courier in trouble
#
# This courier's web server answers with the number in `courier_says`. First 503: it is down. Look at the times.

# %%
courier_says = 200


def courier(headers, body):
    """The courier says yes to the subscription; to everything else it answers `courier_says`."""
    post = json.loads(body)
    if post["Type"] == "SubscriptionConfirmation":
        sns.confirm_subscription(TopicArn=post["TopicArn"], Token=post["Token"])
        return 200
    return courier_says


pickups = sns.create_topic(Name="pickups")["TopicArn"]
courier_link = sns.subscribe(
    TopicArn=pickups, Protocol="http", Endpoint=serve(courier), ReturnSubscriptionArn=True
)["SubscriptionArn"]

courier_says = 503
sns.publish(TopicArn=pickups, Message="please fetch parcel 20")
lab.clock.advance(minutes=5)
lab.trace(5, resource="pickups")

# %% [markdown]
# Four attempts in one minute, then the message is gone for ever. Now 403: somebody changed a password.

# %%
courier_says = 403
sns.publish(TopicArn=pickups, Message="please fetch parcel 21")
lab.clock.advance(minutes=5)
courier_says = 200
lab.trace(2, resource="pickups")

# %% [markdown]
# ## Keep what cannot be delivered
#
# Each *subscription* can have a **dead-letter queue**: an SQS queue for what SNS gave up. The subscription attribute
# `RedrivePolicy` is a JSON text with its ARN, under `deadLetterTargetArn`. It is SNS who puts the message in, so this queue
# must consent, too.
#
# For web servers you can also say how often SNS tries again: the attribute `DeliveryPolicy`, a JSON text with a
# `healthyRetryPolicy`. In it, `numRetries` is how often, and `minDelayTarget` and `maxDelayTarget` are the shortest and
# the longest pause, in seconds. All retries of a message together take 3,600 seconds at most.

# %% fact id="F67"

# %% [markdown]
# ## 18.6 · Down for ten minutes, gone for good
#
# *Story.* The courier restarts its web server every night. That takes up to ten minutes. And twice a year somebody changes a
# password and forgets you.
#
# *Task.* Set up the subscription `courier_link`.
#
# - After ten minutes without the courier, a message arrives within two minutes once the courier is back.
# - If the courier is away for hours, the message is in a dead-letter queue within 70 minutes.
# - If the courier answers 403, the message is in the dead-letter queue at once.
#
# The name of the dead-letter queue is up to you. Read about the fields of the
# [delivery policy](https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html).

# %% stub exercise="down_or_gone"
# the dead-letter queue

retries = {"healthyRetryPolicy": {"numRetries": 3, "minDelayTarget": 20, "maxDelayTarget": 20}}
answer = sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(retries)
)

# %% solution
dead = sqs.create_queue(QueueName="pickups-dlq")["QueueUrl"]  # survives: any name will do
statement = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": arn_of(dead),
    "Condition": {"ArnEquals": {"aws:SourceArn": pickups}},
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"Policy": policy})
redrive = json.dumps({"deadLetterTargetArn": arn_of(dead)})
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="RedrivePolicy", AttributeValue=redrive
)
retries = {
    "healthyRetryPolicy": {"numRetries": 40, "minDelayTarget": 20, "maxDelayTarget": 60}
}  # survives: a little more or less serves, too
answer = sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(retries)
)

# %% right because="the topic's policy says how to retry, the queue has its policy from the beginning"
account = pickups.split(":")[4]
shelf_arn = f"arn:aws:sqs:eu-west-1:{account}:not-fetched"
may_write = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": shelf_arn,
    "Condition": {"ArnLike": {"aws:SourceArn": pickups}, "StringEquals": {"aws:SourceAccount": account}},
}
boto3.resource("sqs").create_queue(
    QueueName="not-fetched",
    Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [may_write]})},
)
boto3.resource("sns").Subscription(courier_link).set_attributes(
    AttributeName="RedrivePolicy", AttributeValue=json.dumps({"deadLetterTargetArn": shelf_arn})
)
healthy = {
    "minDelayTarget": 5,
    "maxDelayTarget": 90,
    "numRetries": 50,
    "numNoDelayRetries": 2,
    "numMinDelayRetries": 3,
    "numMaxDelayRetries": 20,
    "backoffFunction": "exponential",
}
boto3.resource("sns").Topic(pickups).set_attributes(
    AttributeName="DeliveryPolicy",
    AttributeValue=json.dumps({"http": {"defaultHealthyRetryPolicy": healthy}}),
)

# %% wrong because="Must the dead-letter queue not consent as well?" finds="gone,lost"
dead = sqs.create_queue(QueueName="pickups-dlq")["QueueUrl"]
redrive = json.dumps({"deadLetterTargetArn": arn_of(dead)})
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="RedrivePolicy", AttributeValue=redrive
)
retries = {"healthyRetryPolicy": {"numRetries": 40, "minDelayTarget": 20, "maxDelayTarget": 60}}
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(retries)
)

# %% wrong because="Does the subscription write, or the topic?" finds="gone,lost"
dead = sqs.create_queue(QueueName="pickups-dlq")["QueueUrl"]
statement = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": arn_of(dead),
    "Condition": {"ArnEquals": {"aws:SourceArn": courier_link}},
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"Policy": policy})
redrive = json.dumps({"deadLetterTargetArn": arn_of(dead)})
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="RedrivePolicy", AttributeValue=redrive
)
retries = {"healthyRetryPolicy": {"numRetries": 40, "minDelayTarget": 20, "maxDelayTarget": 60}}
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(retries)
)

# %% wrong because="Are a hundred retries over before the courier is back?" finds="outage,gone,lost"
retries = {"healthyRetryPolicy": {"numRetries": 100, "minDelayTarget": 1, "maxDelayTarget": 1}}
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(retries)
)

# %% wrong because="Is there no dead-letter queue yet?" finds="gone,lost"
retries = {"healthyRetryPolicy": {"numRetries": 40, "minDelayTarget": 20, "maxDelayTarget": 60}}
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(retries)
)

# %% wrong because="Does the courier wait long after it is back, because the pauses are long?" finds="outage"
dead = sqs.create_queue(QueueName="pickups-dlq")["QueueUrl"]
statement = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": arn_of(dead),
    "Condition": {"ArnEquals": {"aws:SourceArn": pickups}},
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
sqs.set_queue_attributes(QueueUrl=dead, Attributes={"Policy": policy})
redrive = json.dumps({"deadLetterTargetArn": arn_of(dead)})
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="RedrivePolicy", AttributeValue=redrive
)
retries = {"healthyRetryPolicy": {"numRetries": 8, "minDelayTarget": 400, "maxDelayTarget": 400}}
sns.set_subscription_attributes(
    SubscriptionArn=courier_link, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(retries)
)

# %% wrong because="Did you unsubscribe the courier?" finds="exists"
sns.unsubscribe(SubscriptionArn=courier_link)

# %% check
lab.check("down_or_gone")

# %% [markdown]
# ## Encrypt what waits
#
# A topic can be encrypted with a key of **KMS**, the Key Management Service. Then whoever publishes must be allowed to use
# that key, too. AWS offers a ready key, `alias/aws/sns`. It has one flaw: nobody can change its policy.
#
# ![A triangle of permissions. EventBridge and CloudWatch publish to the topic: the policy of the topic must let them in (1),
# and the policy of the topic's key must let them use it (2). SNS delivers to a queue: the policy of the queue must let SNS
# in (3), and the policy of the queue's key must let SNS use it (4).](encryption.svg)
#
# The copy in the queue is encrypted by the queue, with a key of its own.

# %% fact id="F61"

# %% [markdown]
# ## Break it: the ready key
#
# Operations wants to hear from AWS itself: events from **EventBridge** and alarms from **CloudWatch**. The topic `alarms`
# is encrypted with the ready key. A rule of EventBridge sends every event of the shop to the topic. The topic's policy lets
# EventBridge in.

# %%
events = boto3.client("events")
kms = boto3.client("kms")

alarms = sns.create_topic(Name="alarms")["TopicArn"]
account = alarms.split(":")[4]
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns")
connected(alarms, "alarm-board")
alarm_board = sqs.get_queue_url(QueueName="alarm-board")["QueueUrl"]


def may_publish(*services):
    """The policy of the topic `alarms`: these services may publish. Your own account may do so anyway."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": "sns:Publish",
        "Resource": alarms,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=alarms, AttributeName="Policy", AttributeValue=policy)


may_publish("events.amazonaws.com")
events.put_rule(Name="shop-events", EventPattern=json.dumps({"source": ["orchard.shop"]}))
events.put_targets(Rule="shop-events", Targets=[{"Id": "alarms", "Arn": alarms}])
events.put_events(Entries=[{"Source": "orchard.shop", "DetailType": "oven too hot", "Detail": "{}"}])
lab.clock.advance(seconds=5)
print("on the board:", len(sqs.receive_message(QueueUrl=alarm_board).get("Messages", [])))
lab.trace(2, service="events")

# %% [markdown]
# `PutEvents` succeeded. The delivery was refused: the policy of the key does not let EventBridge in.
#
# ## 18.7 · A key of your own
#
# *Story.* The night watch must hear of an oven that is too hot. What waits in the queue must be encrypted.
#
# *Task.*
#
# 1. Make a KMS key. Its policy lets EventBridge (`events.amazonaws.com`) and CloudWatch (`cloudwatch.amazonaws.com`)
#    publish to an encrypted topic. Keep a statement for your own account, or KMS refuses the policy: nobody could
#    change it later.
# 2. Encrypt the topic `alarms` **and** the queue `alarm-board` with your key. Their attribute is called `KmsMasterKeyId`.
#    Who brings messages into the encrypted queue, and needs the key for that?
# 3. Both services may publish to the topic; no other service may.
#
# Do not write conditions for EventBridge into the policy of the key: EventBridge doesn't say on whose behalf it comes
# when it uses the key of a topic. Alarms of CloudWatch do not run in this lab. The check asks in the name of CloudWatch;
# your policies are judged in the same way.

# %% stub exercise="own_key"
may_publish("events.amazonaws.com")
# a key, and who may use it

# %% solution
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com")
owner = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
services = {
    "Effect": "Allow",
    "Principal": {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"]},
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [owner, services]})
key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue=key)
answer = sqs.set_queue_attributes(QueueUrl=alarm_board, Attributes={"KmsMasterKeyId": key})

# %% right because="two keys, an alias, and CloudWatch for this account only"
owner = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"}


def make_key(*statements):
    policy = {"Version": "2012-10-17", "Statement": [owner, *statements]}
    return kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]


def use(service, **more):
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        **more,
    }


mine = {"Condition": {"StringEquals": {"aws:SourceAccount": account}}}
kms.create_alias(AliasName="alias/alarms", TargetKeyId=make_key(use("events"), use("cloudwatch", **mine)))
boto3.resource("sns").Topic(alarms).set_attributes(
    AttributeName="KmsMasterKeyId", AttributeValue="alias/alarms"
)
boto3.resource("sqs").Queue(alarm_board).set_attributes(Attributes={"KmsMasterKeyId": make_key(use("sns"))})
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com")

# %% wrong because="Can you change who may use the ready key?" finds="topic_key,queue_key,events,cloudwatch"
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com")
sqs.set_queue_attributes(QueueUrl=alarm_board, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})

# %% wrong because="Who brings the messages into the encrypted queue?" finds="events,cloudwatch"
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com")
owner = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
services = {
    "Effect": "Allow",
    "Principal": {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com"]},
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [owner, services]})
key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue=key)
sqs.set_queue_attributes(QueueUrl=alarm_board, Attributes={"KmsMasterKeyId": key})

# %% wrong because="Does the policy of the topic still let only EventBridge in?" finds="cloudwatch"
owner = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
services = {
    "Effect": "Allow",
    "Principal": {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"]},
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [owner, services]})
key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue=key)
sqs.set_queue_attributes(QueueUrl=alarm_board, Attributes={"KmsMasterKeyId": key})

# %% wrong because="Is every service allowed to use your key?" finds="stranger"
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com")
anybody = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue=key)
sqs.set_queue_attributes(QueueUrl=alarm_board, Attributes={"KmsMasterKeyId": key})

# %% wrong because="Does the policy of the topic let in a service that has no business there?" finds="stranger"
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com", "s3.amazonaws.com")
owner = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
services = {
    "Effect": "Allow",
    "Principal": {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"]},
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [owner, services]})
key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue=key)
sqs.set_queue_attributes(QueueUrl=alarm_board, Attributes={"KmsMasterKeyId": key})

# %% wrong because="Did you switch the encryption off?" finds="topic_key,queue_key"
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com")
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue="")

# %% wrong because="Does EventBridge say for which account it uses the key?" finds="events"
may_publish("events.amazonaws.com", "cloudwatch.amazonaws.com")
owner = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
services = {
    "Effect": "Allow",
    "Principal": {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"]},
    "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [owner, services]})
key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
sns.set_topic_attributes(TopicArn=alarms, AttributeName="KmsMasterKeyId", AttributeValue=key)
sqs.set_queue_attributes(QueueUrl=alarm_board, Attributes={"KmsMasterKeyId": key})

# %% wrong because="Did you delete the topic?" finds="exists"
sns.delete_topic(TopicArn=alarms)

# %% check
lab.check("own_key")

# %% [markdown]
# ## Phones and apps
#
# A text message (SMS) or a push message goes to a person. Four rules of good manners:
#
# 1. Who answers STOP is on the **opt-out list** of your account. SNS sends nothing more there. Do not even try: ask first.
# 2. Text messages cost money. A long text is several messages. `AWS.SNS.SMS.MaxPrice` is an attribute of a message: the
#    most you want to pay for it, in US dollars.
# 3. An app gets a **token** from its platform. You register it: `create_platform_endpoint`. When the app is removed, the
#    token is dead. The next push fails, and SNS switches the endpoint off (`Enabled` is `false`). Delete such endpoints.
# 4. Large messages only where they can arrive.

# %% fact id="F65"

# %% [markdown]
# ## Worked example: STOP, and a dead app
#
# A customer answers STOP. The next message is not delivered, and the publisher sees no error.

# %%
sns.publish(PhoneNumber="+351910000042", Message="Orchard Market: half price today!")
lab.inbox(to="+351910000042")[0].reply("STOP")
sns.publish(PhoneNumber="+351910000042", Message="Orchard Market: half price tomorrow!")
lab.trace(4, service="sns")

# %% [markdown]
# Now an app on a tablet. Its owner removes it. SNS learns that from the platform when it sends the next push, and switches
# the endpoint off.

# %%
app = sns.create_platform_application(
    Name="shop-app", Platform="GCM", Attributes={"PlatformCredential": "secret"}
)
app = app["PlatformApplicationArn"]
tablet = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="token-of-a-tablet")["EndpointArn"]
sns.publish(TargetArn=tablet, Message="Your lamp is here")
lab.inbox(to=tablet)[0].uninstall()
sns.publish(TargetArn=tablet, Message="Your lamp is still here")
print("enabled:", sns.get_endpoint_attributes(EndpointArn=tablet)["Attributes"]["Enabled"])
sns.delete_endpoint(EndpointArn=tablet)
lab.trace(6, service="sns")

# %% [markdown]
# ## 18.8 · Respect the receiver
#
# *Story.* The shop has a long list of numbers, an app that many have removed, and a partner who wants large messages.
#
# *Task.* Write three small functions.
#
# - `text(numbers, message)` sends a text message to each number that has not opted out, and returns the list of those
#   numbers. No single message may cost more than 0.01 US dollars.
# - `tidy(application_arn)` deletes the endpoints of this app that are switched off, and no others. There can be hundreds;
#   AWS lists 100 in one answer.
# - `allow_large(topic_arn)` lets a topic take messages of up to 600,000 bytes, and returns True. Where SNS does not allow
#   that, nothing changes, and it returns False.


# %% stub exercise="manners"
def text(numbers, message):
    for number in numbers:
        sns.publish(PhoneNumber=number, Message=message)
    return list(numbers)


def tidy(application_arn):
    pass


def allow_large(topic_arn):
    return False


# %% solution
def text(numbers, message):
    willing = [n for n in numbers if not sns.check_if_phone_number_is_opted_out(phoneNumber=n)["isOptedOut"]]
    cap = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.01"}}
    for number in willing:
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes=cap)
    return willing


def tidy(application_arn):
    pages = sns.get_paginator("list_endpoints_by_platform_application")
    for page in pages.paginate(PlatformApplicationArn=application_arn):
        for endpoint in page["Endpoints"]:
            if endpoint["Attributes"]["Enabled"] == "false":
                sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    try:
        sns.set_topic_attributes(
            TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="614400"
        )
    except sns.exceptions.InvalidParameterException:
        return False
    return True


# %% right because="the list of those who opted out, and a look at the protocols first"
def text(numbers, message):
    out = set()
    for page in sns.get_paginator("list_phone_numbers_opted_out").paginate():
        out |= set(page["phoneNumbers"])
    done = []
    for number in numbers:
        if number in out:
            continue
        price = {"DataType": "Number", "StringValue": "0.0099"}
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes={"AWS.SNS.SMS.MaxPrice": price})
        done.append(number)
    return done


def tidy(application_arn):
    application = boto3.resource("sns").PlatformApplication(application_arn)
    for endpoint in list(application.endpoints.all()):
        if endpoint.attributes["Enabled"] != "true":
            endpoint.delete()


def allow_large(topic_arn):
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    protocols = [one["Protocol"] for page in pages for one in page["Subscriptions"]]
    if len(protocols) > 100 or set(protocols) - {"sqs", "lambda", "firehose"}:
        return False
    topic = boto3.resource("sns").Topic(topic_arn)
    topic.set_attributes(AttributeName="MaximumMessageSize", AttributeValue="1048576")
    return True


# %% wrong because="Did you send to people who said STOP?" finds="stop"
def text(numbers, message):
    cap = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.01"}}
    for number in numbers:
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes=cap)
    return list(numbers)


def tidy(application_arn):
    pages = sns.get_paginator("list_endpoints_by_platform_application")
    for page in pages.paginate(PlatformApplicationArn=application_arn):
        for endpoint in page["Endpoints"]:
            if endpoint["Attributes"]["Enabled"] == "false":
                sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    try:
        sns.set_topic_attributes(
            TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="614400"
        )
    except sns.exceptions.InvalidParameterException:
        return False
    return True


# %% wrong because="What does a long text cost?" finds="price"
def text(numbers, message):
    willing = [n for n in numbers if not sns.check_if_phone_number_is_opted_out(phoneNumber=n)["isOptedOut"]]
    for number in willing:
        sns.publish(PhoneNumber=number, Message=message)
    return willing


def tidy(application_arn):
    pages = sns.get_paginator("list_endpoints_by_platform_application")
    for page in pages.paginate(PlatformApplicationArn=application_arn):
        for endpoint in page["Endpoints"]:
            if endpoint["Attributes"]["Enabled"] == "false":
                sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    try:
        sns.set_topic_attributes(
            TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="614400"
        )
    except sns.exceptions.InvalidParameterException:
        return False
    return True


# %% wrong because="Did you look at the first page only?" finds="tidied"
def text(numbers, message):
    willing = [n for n in numbers if not sns.check_if_phone_number_is_opted_out(phoneNumber=n)["isOptedOut"]]
    cap = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.01"}}
    for number in willing:
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes=cap)
    return willing


def tidy(application_arn):
    for endpoint in sns.list_endpoints_by_platform_application(PlatformApplicationArn=application_arn)[
        "Endpoints"
    ]:
        if endpoint["Attributes"]["Enabled"] == "false":
            sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    try:
        sns.set_topic_attributes(
            TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="614400"
        )
    except sns.exceptions.InvalidParameterException:
        return False
    return True


# %% wrong because="Did you delete the endpoints of living apps, too?" finds="tidied"
def text(numbers, message):
    willing = [n for n in numbers if not sns.check_if_phone_number_is_opted_out(phoneNumber=n)["isOptedOut"]]
    cap = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.01"}}
    for number in willing:
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes=cap)
    return willing


def tidy(application_arn):
    pages = sns.get_paginator("list_endpoints_by_platform_application")
    for page in pages.paginate(PlatformApplicationArn=application_arn):
        for endpoint in page["Endpoints"]:
            if endpoint["Attributes"]["Enabled"] is not False:
                sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    try:
        sns.set_topic_attributes(
            TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="614400"
        )
    except sns.exceptions.InvalidParameterException:
        return False
    return True


# %% wrong because="May a topic with phones on it take large messages?" finds="runs"
def text(numbers, message):
    willing = [n for n in numbers if not sns.check_if_phone_number_is_opted_out(phoneNumber=n)["isOptedOut"]]
    cap = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.01"}}
    for number in willing:
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes=cap)
    return willing


def tidy(application_arn):
    pages = sns.get_paginator("list_endpoints_by_platform_application")
    for page in pages.paginate(PlatformApplicationArn=application_arn):
        for endpoint in page["Endpoints"]:
            if endpoint["Attributes"]["Enabled"] == "false":
                sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="614400")
    return True


# %% wrong because="Did you set the size that every topic has?" finds="large"
def text(numbers, message):
    willing = [n for n in numbers if not sns.check_if_phone_number_is_opted_out(phoneNumber=n)["isOptedOut"]]
    cap = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.01"}}
    for number in willing:
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes=cap)
    return willing


def tidy(application_arn):
    pages = sns.get_paginator("list_endpoints_by_platform_application")
    for page in pages.paginate(PlatformApplicationArn=application_arn):
        for endpoint in page["Endpoints"]:
            if endpoint["Attributes"]["Enabled"] == "false":
                sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    try:
        sns.set_topic_attributes(
            TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="262144"
        )
    except sns.exceptions.InvalidParameterException:
        return False
    return True


# %% wrong because="Did you unsubscribe people so that a large message fits?" finds="large"
def text(numbers, message):
    willing = [n for n in numbers if not sns.check_if_phone_number_is_opted_out(phoneNumber=n)["isOptedOut"]]
    cap = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.01"}}
    for number in willing:
        sns.publish(PhoneNumber=number, Message=message, MessageAttributes=cap)
    return willing


def tidy(application_arn):
    pages = sns.get_paginator("list_endpoints_by_platform_application")
    for page in pages.paginate(PlatformApplicationArn=application_arn):
        for endpoint in page["Endpoints"]:
            if endpoint["Attributes"]["Enabled"] == "false":
                sns.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def allow_large(topic_arn):
    for one in sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]:
        if one["Protocol"] not in ("sqs", "lambda", "firehose"):
            sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="MaximumMessageSize", AttributeValue="614400")
    return True


# %% check
lab.check("manners", text=text, tidy=tidy, allow_large=allow_large)

# %% [markdown]
# ## Break it: the budget of a month
#
# This part is not graded. A new account may spend one dollar a month on text messages. Guess first: how many of these 200
# customers get the text? (A message costs 0.00645 dollars in this lab, the example of AWS's documentation. On AWS the price
# depends on the country.)

# %%
before = len(lab.inbox())
for number in range(200):
    sns.publish(PhoneNumber=f"+35192{number:07d}", Message="Orchard Market: we open at nine.")
print("published: 200, on phones:", len(lab.inbox()) - before)
lab.trace(2, service="sns")

# %% [markdown]
# Every call succeeded, and nobody told the publisher. That is SNS: what becomes of a copy, you learn from the delivery
# log, from dead-letter queues and from alarms.
#
# ## What differs on real AWS
#
# - A changed filter takes up to 15 minutes to hold. Retries have a little chance in their pauses. Here both are exact.
# - A new account is in the **SMS sandbox**: only numbers that you verified get text messages. In many countries you also
#   need a registered sender. In this lab every number can be written to.
# - SNS reaches web servers on the internet, never one on your own machine. Its certificate is signed by Amazon; the one
#   here is signed by itself.
#
# Try in an account of your own: `aws sns publish --phone-number YOUR-NUMBER --message hello`. First verify your number in the
# SMS sandbox. You pay what one text message costs in your country; AWS lists the prices.
#
# ## What you know now
#
# - A topic copies, and keeps nothing. Who gets a copy stands in the subscriptions.
# - Each end must consent: a queue and a function by policy, a person by a click, a key by its key policy.
# - A filter stands at the subscription. No attribute, no match.
# - SNS retries server errors only. A dead-letter queue for each subscription keeps the rest.
# - A signature says who wrote, not for whom. Look at the topic, and at the place of the certificate.
#
# ## Finish
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
