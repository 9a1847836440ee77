# ---
# jupyter:
#   labkit:
#     number: "18"
#     title: SNS
#     week: 9
#     minutes: 90
#     services: [sns, sqs, lambda, iam, logs]
#     covers: [L276-L279, L282-L287, L290-L293]
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
    "sns.amazonaws.com", "sns-delivery-log", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"
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
    policy = {"Version": "2012-10-17", "Statement": [statement]}  # survives: what the statement says counts
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
    topic.subscribe(Protocol="sqs", Endpoint=queue.attributes["QueueArn"], Attributes={"RawMessageDelivery": "true"})

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


connect(orders, queue_url)

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
# Two names in one policy mean *and*. Two values in one list mean *or*. Upper and lower case differ. On AWS, a changed
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
    answer = sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn_of(queue_url), ReturnSubscriptionArn=True)
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
            "lambda.amazonaws.com", "customs-role", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"
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
    "tea-room": {"sku": [{"wildcard": "tea-*"}]},
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
        one for one in sns.list_subscriptions_by_topic(TopicArn=sales)["Subscriptions"] if one["SubscriptionArn"] == arn
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
    "big-orders": {"total": [{"prefix": "5"}, {"prefix": "6"}, {"prefix": "7"}, {"prefix": "8"}, {"prefix": "9"}]},
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
sns.publish(
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
        SubscriptionArn=partner_desks["partner-express"], AttributeName="FilterPolicy", AttributeValue=json.dumps(inner)
    )

# %% [markdown]
# ## 18.3 · Filter on the body
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
    SubscriptionArn=partner_desks["partner-express"], AttributeName="FilterPolicyScope", AttributeValue="MessageBody"
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
