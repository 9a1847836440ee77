# ---
# jupyter:
#   labkit:
#     number: "14"
#     title: Step Functions
#     week: 8
#     minutes: 150
#     services: [stepfunctions, lambda, dynamodb, sqs, iam]
#     covers: [L201, L202, L205-L210]
#     verified: 2026-11-23
#     objectives:
#       - Write a workflow with all eight types of states, and give every question an "else".
#       - Try again what deserves hope, undo what was done when the rest fails, and wait for people and partners.
#       - Choose Standard or Express, write JSONata with variables, test a state with mocks, and redrive an execution.
# ---

# %% [markdown]
# # Step Functions
#
# **The story.** An order at Orchard Market needs many steps: reserve the things, take the money, wait, print a label, write
# a mail. So far one long Python function did all of this, and when it stopped in the middle, nobody knew where. Now the
# shop writes the steps down as a **state machine**. AWS Step Functions runs it, and remembers where each order is.
# Plan 150 minutes. There is a save point after 14.4.

# %% setup
import io
import json
import zipfile

import boto3
from botocore.exceptions import ClientError

sfn = boto3.client("stepfunctions")
iam = boto3.client("iam")
functions = boto3.client("lambda")
sqs = boto3.client("sqs")

# %% [markdown]
# ## Eight types of states
#
# ![The eight types of states in three groups. Work: Task calls a function or a service, Pass changes data, Wait lets time
# pass. Ways: Choice takes one of several ways, Parallel takes several ways at once, Map takes the same way for each item of
# a list. Ends: Succeed ends well, Fail ends with your error.](eight-states.svg)
#
# - A **state machine** is a list of **states**, written as JSON in the *Amazon States Language*. `StartAt` names the first
#   state, and each state names the `Next` one.
# - An **execution** is one run of it. It begins with an **input**, and each state hands its **output** to the next state.
# - Step Functions writes down all that happens, as the **history** of the execution.

# %% fact id="F55"

# %% [markdown]
# ## Worked example: a box of tea
#
# Run the next cells one by one. First the shop's functions, and a role for each side. Each function gets an event and
# returns something. `label` and `mail` take three seconds.

# %%
def make_role(name, service, *actions):
    """A role that an AWS service may use, and that may do these actions. Gives its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    try:
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
    except iam.exceptions.EntityAlreadyExistsException:
        pass  # this cell ran before
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    iam.put_role_policy(
        RoleName=name,
        PolicyName="work",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    return iam.get_role(RoleName=name)["Role"]["Arn"]


function_role = make_role(
    "orchard-functions",
    "lambda.amazonaws.com",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "dynamodb:UpdateItem",
)
flow_role = make_role(
    "orchard-flows",
    "states.amazonaws.com",
    "lambda:InvokeFunction",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "sqs:SendMessage",
    "states:StartExecution",
    "states:DescribeExecution",
    "states:StopExecution",
    "events:PutTargets",
    "events:PutRule",
    "events:DescribeRule",
)


def make_function(name, code):
    """A function that runs this code, or the same function with new code."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("app.py", code)
    try:
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=function_role,
            Timeout=60,
            Code={"ZipFile": package.getvalue()},
        )
    except functions.exceptions.ResourceConflictException:
        functions.update_function_code(FunctionName=name, ZipFile=package.getvalue())


make_function("reserve", "def handler(item, context):\n    return {'reserved': item['sku']}\n")
make_function("charge", "def handler(order, context):\n    return {'paid': order['total']}\n")
for name in ("label", "mail"):
    make_function(name, f"import time\n\ndef handler(order, context):\n    time.sleep(3)\n    return '{name} is ready'\n")

# %% [markdown]
# `deploy` makes a state machine from a dict, or gives the one of that name a new definition. `run` starts an execution, lets
# time pass on the clock of the lab, and tells how it ended. Both use real calls of boto3.

# %%
def deploy(name, definition, kind="STANDARD"):
    """Make a state machine, or change the one of that name. Gives its ARN."""
    text = json.dumps(definition)
    for page in sfn.get_paginator("list_state_machines").paginate():
        for one in page["stateMachines"]:
            if one["name"] == name and one["type"] == kind:
                sfn.update_state_machine(stateMachineArn=one["stateMachineArn"], definition=text)
                return one["stateMachineArn"]
            if one["name"] == name:
                sfn.delete_state_machine(stateMachineArn=one["stateMachineArn"])  # a type cannot be changed
    made = sfn.create_state_machine(name=name, definition=text, roleArn=flow_role, type=kind)
    return made["stateMachineArn"]


def run(machine, order, minutes=15):
    """Run a state machine with this input. Gives the ARN of the execution."""
    execution = sfn.start_execution(stateMachineArn=machine, input=json.dumps(order))["executionArn"]
    lab.clock.advance(minutes=minutes)
    end = sfn.describe_execution(executionArn=execution)
    print(end["status"], end.get("error", ""), end.get("output", ""))
    return execution


# %% [markdown]
# A **Task** does the work. Its `Resource` says what is called: here Lambda's action `invoke`. `Parameters` is what the call
# needs. A name that ends in `.$` takes its value from the input: `$` is the whole input, `$.total` one field of it. Such
# addresses are called **JSONPath**.
#
# `ResultPath` says where the result goes. `None` (in JSON: `null`) throws it away, and the input goes on to the next state
# unchanged. That is what `task` does here, so that the order keeps travelling.

# %%
def task(function, **more):
    """A Task state that calls a function with its whole input, and hands that input on."""
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "ResultPath": None,
    }
    return state | more


tea = {
    "StartAt": "Take the money",
    "States": {
        "Take the money": task("charge", Next="Let it steep"),
        "Let it steep": {"Type": "Wait", "Seconds": 240, "Next": "Print a label"},
        "Print a label": task("label", Next="Ready"),
        "Ready": {"Type": "Succeed"},
    },
}
lab.states(tea)

# %% [markdown]
# Now run it. In the figure of an execution, colours and signs show what each state did, and the arrows what was new in the
# data.

# %%
box = run(deploy("tea-box", tea), {"order_id": "tea-1", "total": 12.5})
lab.states(box)

# %% [markdown]
# The history has the same in words. Each state is *entered* and *exited*, and between them stands its work.

# %%
for event in sfn.get_execution_history(executionArn=box)["events"]:
    print(f"{event['timestamp']:%H:%M:%S}", event["type"], event.get("stateEnteredEventDetails", {}).get("name", ""))

# %% [markdown]
# ## Break it: a state nobody reaches
#
# Step Functions reads a definition before it takes it. The next cell forgets a `Next`, and shows the answer.

# %%
broken = {"StartAt": "A", "States": {"A": {"Type": "Pass"}, "B": {"Type": "Succeed"}}}
with labkit.expected(ClientError, code="InvalidDefinition"):
    deploy("broken", broken)

# %% [markdown]
# `sfn.validate_state_machine_definition(definition=...)` gives the same list, and makes nothing.

# %% [markdown]
# ## How the others are written
#
# A Pass can add a constant, and a Fail has your own error. Neither `Next` nor `End` stands in a Fail or a Succeed.
#
# ```python
# "Add sugar": {"Type": "Pass", "Result": 2, "ResultPath": "$.sugar", "Next": "..."},
# "No water": {"Type": "Fail", "Error": "NoWater", "Cause": "The can is empty."},
# ```
#
# Map and Parallel have small state machines inside, with a `StartAt` and `States` of their own:
#
# ```python
# "Fill all cups": {
#     "Type": "Map",
#     "ItemsPath": "$.cups",  # a list in the input; each element is the input of the states inside
#     "ItemProcessor": {"StartAt": "Fill", "States": {"Fill": {...}}},
#     "Next": "...",
# },
# "At the same time": {
#     "Type": "Parallel",
#     "Branches": [
#         {"StartAt": "Heat milk", "States": {"Heat milk": {...}}},
#         {"StartAt": "Cut lemon", "States": {"Cut lemon": {...}}},
#     ],
#     "Next": "...",
# },
# ```
#
# The result of a Map is a list with one element for each item, and that of a Parallel a list with one for each branch.

# %% [markdown]
# ## 14.1 · One order, eight types of states
#
# *Story.* This is the way of an order:
#
# 1. An order without items is a mistake: the execution ends as failed, with the error `EmptyOrder`. For a cancelled order
#    there is nothing to do. It ends well, at once.
# 2. The warehouse reserves each item (`reserve` gets one item).
# 3. A card is charged (`charge` gets the order). For an invoice, the order gets the field `due_days` with the value 30.
# 4. An express order goes on at once, any other waits for ten minutes.
# 5. `label` and `mail` begin at the same moment, with the order. Then the order is ready.
#
# A colleague wrote the questions (`Choice`), the Task and the good end already:

# %%
given = {
    "Anything ordered?": {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.items[0]", "IsPresent": False, "Next": "Empty"},
            {"Variable": "$.cancelled", "BooleanEquals": True, "Next": "Ready"},
        ],
        "Default": "Reserve",
    },
    "How paid?": {
        "Type": "Choice",
        "Choices": [{"Variable": "$.payment", "StringEquals": "card", "Next": "Charge"}],
        "Default": "Invoice",
    },
    "Charge": task("charge", Next="In a hurry?"),
    "In a hurry?": {
        "Type": "Choice",
        "Choices": [{"Variable": "$.express", "BooleanEquals": True, "Next": "Send"}],
        "Default": "Cooling off",
    },
    "Ready": {"Type": "Succeed"},
}

# %% [markdown]
# *Task.* Write the five states that are missing: `Empty`, `Reserve`, `Invoice`, `Cooling off` and `Send`. In the stub each
# of them is a Pass that does nothing. The whole order must travel to the end: use `"ResultPath": None` where a result
# would take its place.

# %% stub exercise="order_flow"
mine = {
    "Empty": {"Type": "Pass", "Next": "Ready"},
    "Reserve": {"Type": "Pass", "Next": "How paid?"},
    "Invoice": {"Type": "Pass", "Next": "In a hurry?"},
    "Cooling off": {"Type": "Pass", "Next": "Send"},
    "Send": {"Type": "Pass", "Next": "Ready"},
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% solution
def alone(name, state):
    return {"StartAt": name, "States": {name: state}}


mine = {
    "Empty": {"Type": "Fail", "Error": "EmptyOrder"},
    "Reserve": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": alone("Reserve one", task("reserve", End=True)),  # survives: any name will do
        "ResultPath": None,
        "Next": "How paid?",
    },
    "Invoice": {"Type": "Pass", "Result": 30, "ResultPath": "$.due_days", "Next": "In a hurry?"},
    "Cooling off": {"Type": "Wait", "Seconds": 600, "Next": "Send"},
    "Send": {
        "Type": "Parallel",
        "Branches": [alone("Label", task("label", End=True)), alone("Mail", task("mail", End=True))],  # survives: any name will do
        "ResultPath": None,
        "Next": "Ready",
    },
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% right because="in JSONata, with `Items`, `Arguments` and `Output`"
def call(function, payload):
    return {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": payload},
        "End": True,
    }


whole = "{% $states.input %}"
mine = {
    "Empty": {"Type": "Fail", "Error": "EmptyOrder", "Cause": "There is nothing in this order."},
    "Reserve": {
        "Type": "Map",
        "QueryLanguage": "JSONata",
        "Items": "{% $states.input.items %}",
        "MaxConcurrency": 1,
        "ItemProcessor": {"StartAt": "R", "States": {"R": call("reserve", whole)}},
        "Output": whole,
        "Next": "How paid?",
    },
    "Invoice": {
        "Type": "Pass",
        "QueryLanguage": "JSONata",
        "Output": "{% $merge([$states.input, {'due_days': 30}]) %}",
        "Next": "In a hurry?",
    },
    "Cooling off": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": "{% 10 * 60 %}", "Next": "Send"},
    "Send": {
        "Type": "Parallel",
        "QueryLanguage": "JSONata",
        "Branches": [
            {"StartAt": name, "States": {name: call(name, whole)}} for name in ("label", "mail")
        ],
        "Output": whole,
        "End": True,
    },
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% right because="the ARN of the function as resource, the old name Iterator, and a Succeed of its own"
account = sfn.list_state_machines()["stateMachines"][0]["stateMachineArn"].split(":")[4]


def direct(function):
    state = {"Type": "Task", "Resource": f"arn:aws:lambda:eu-west-1:{account}:function:{function}", "End": True}
    return {"StartAt": function, "States": {function: state}}


mine = {
    "Empty": {"Type": "Fail", "Error": "EmptyOrder"},
    "Reserve": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"sku.$": "$$.Map.Item.Value.sku", "order_id.$": "$.order_id"},
        "Iterator": direct("reserve"),
        "ResultPath": "$.reserved",
        "Next": "How paid?",
    },
    "Invoice": {"Type": "Pass", "Parameters": {"days": 30}, "ResultPath": "$.terms", "Next": "Due"},
    "Due": {"Type": "Pass", "InputPath": "$.terms.days", "ResultPath": "$.due_days", "Next": "In a hurry?"},
    "Cooling off": {"Type": "Wait", "Seconds": 600, "Next": "Send"},
    "Send": {
        "Type": "Parallel",
        "Branches": [direct("mail"), direct("label")],
        "ResultPath": "$.sent",
        "Next": "Done",
    },
    "Done": {"Type": "Succeed"},
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% wrong because="Do label and mail come one after the other?" finds="together,types"
mine = {
    "Empty": {"Type": "Fail", "Error": "EmptyOrder"},
    "Reserve": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "One", "States": {"One": task("reserve", End=True)}},
        "ResultPath": None,
        "Next": "How paid?",
    },
    "Invoice": {"Type": "Pass", "Result": 30, "ResultPath": "$.due_days", "Next": "In a hurry?"},
    "Cooling off": {"Type": "Wait", "Seconds": 600, "Next": "Send"},
    "Send": task("label", Next="Mail"),
    "Mail": task("mail", Next="Ready"),
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% wrong because="Does the result of the Map take the place of the order?" finds="good,paid,invoice,wait,together,kept,types"
mine = {
    "Empty": {"Type": "Fail", "Error": "EmptyOrder"},
    "Reserve": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "One", "States": {"One": task("reserve", End=True)}},
        "Next": "How paid?",
    },
    "Invoice": {"Type": "Pass", "Result": 30, "ResultPath": "$.due_days", "Next": "In a hurry?"},
    "Cooling off": {"Type": "Wait", "Seconds": 600, "Next": "Send"},
    "Send": {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Label", "States": {"Label": task("label", End=True)}},
            {"StartAt": "Mail", "States": {"Mail": task("mail", End=True)}},
        ],
        "ResultPath": None,
        "Next": "Ready",
    },
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% wrong because="Does `reserve` get the whole order, once?" finds="items,good,paid,invoice,wait,together,kept,types"
mine = {
    "Empty": {"Type": "Fail", "Error": "EmptyOrder"},
    "Reserve": task("reserve", Next="How paid?"),
    "Invoice": {"Type": "Pass", "Result": 30, "ResultPath": "$.due_days", "Next": "In a hurry?"},
    "Cooling off": {"Type": "Wait", "Seconds": 600, "Next": "Send"},
    "Send": {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Label", "States": {"Label": task("label", End=True)}},
            {"StartAt": "Mail", "States": {"Mail": task("mail", End=True)}},
        ],
        "ResultPath": None,
        "Next": "Ready",
    },
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% wrong because="Does the Pass put its result in place of the order?" finds="invoice,good,wait,together,kept"
mine = {
    "Empty": {"Type": "Fail", "Error": "EmptyOrder"},
    "Reserve": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "One", "States": {"One": task("reserve", End=True)}},
        "ResultPath": None,
        "Next": "How paid?",
    },
    "Invoice": {"Type": "Pass", "Result": {"due_days": 30}, "Next": "In a hurry?"},
    "Cooling off": {"Type": "Wait", "Seconds": 600, "Next": "Send"},
    "Send": {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Label", "States": {"Label": task("label", End=True)}},
            {"StartAt": "Mail", "States": {"Mail": task("mail", End=True)}},
        ],
        "ResultPath": None,
        "Next": "Ready",
    },
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% wrong because="Is an empty order good news?" finds="empty,types"
mine = {
    "Empty": {"Type": "Succeed"},
    "Reserve": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "One", "States": {"One": task("reserve", End=True)}},
        "ResultPath": None,
        "Next": "How paid?",
    },
    "Invoice": {"Type": "Pass", "Result": 30, "ResultPath": "$.due_days", "Next": "In a hurry?"},
    "Cooling off": {"Type": "Wait", "Seconds": 600, "Next": "Send"},
    "Send": {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Label", "States": {"Label": task("label", End=True)}},
            {"StartAt": "Mail", "States": {"Mail": task("mail", End=True)}},
        ],
        "ResultPath": None,
        "Next": "Ready",
    },
}
order_flow = deploy("order-flow", {"StartAt": "Anything ordered?", "States": given | mine})

# %% wrong because="Did you delete the state machine?" finds="exists"
sfn.delete_state_machine(stateMachineArn=deploy("order-flow", tea))

# %% check
lab.check("order_flow")

# %% [markdown]
# Look at the way of one order in the figure. It was not express, so it waited:

# %%
lab.states(
    run(
        order_flow,
        {
            "order_id": "lamp-1",
            "items": [{"sku": "lamp", "quantity": 1}, {"sku": "bulb", "quantity": 3}],
            "total": 49.9,
            "cancelled": False,
            "payment": "invoice",
            "express": False,
        },
    )
)

# %% [markdown]
# ## The order nobody thought of

# %% predict question="left_out"

# %% [markdown]
# Try it. Two orders go into a small flow: one wants to pay in apples, one says nothing about paying.

# %%
how_paid = {
    "Type": "Choice",
    "Choices": [
        {"Variable": "$.payment", "StringEquals": "card", "Next": "Charge"},
        {"Variable": "$.payment", "StringEquals": "invoice", "Next": "Ready"},
    ],
}
payment = {
    "StartAt": "How paid?",
    "States": {
        "How paid?": how_paid,
        "Charge": task("charge", Next="Ready"),
        "Ready": {"Type": "Succeed"},
    },
}
payment_flow = deploy("payment-flow", payment)
apples = run(payment_flow, {"order_id": "apple-1", "payment": "barter", "total": 5})
silent = run(payment_flow, {"order_id": "apple-2", "total": 5})

# %% [markdown]
# Both end with `States.Runtime`. That means: the definition leads nowhere, or asks for something that is not there. No
# Retry and no Catch helps against it. (The documentation also has the name `States.NoChoiceMatched` for the first case. What
# you see in a history is `States.Runtime`.)

# %% [markdown]
# ## 14.2 · What else?
#
# *Task.* Change `payment-flow`. Any payment that is neither `card` nor `invoice` ends with your own error
# `UnknownPayment`. So does an order without the field `payment`. Cards and invoices go on as before.

# %% stub exercise="unknown_payment"
payment["States"]["How paid?"] = how_paid  # change the question, and add what is missing
payment_flow = deploy("payment-flow", payment)

# %% solution
payment["States"] |= {
    "How paid?": {
        "Type": "Choice",
        "Choices": [{"Variable": "$.payment", "IsPresent": False, "Next": "Unknown"}, *how_paid["Choices"]],
        "Default": "Unknown",
    },
    "Unknown": {"Type": "Fail", "Error": "UnknownPayment"},
}
payment_flow = deploy("payment-flow", payment)

# %% right because="one rule for each, with And, and a cause that tells the method"
def paid_by(method, follower):
    asked = [{"Variable": "$.payment", "IsPresent": True}, {"Variable": "$.payment", "StringEquals": method}]
    return {"And": asked, "Next": follower}


payment["States"]["How paid?"] = {
    "Type": "Choice",
    "Choices": [paid_by("card", "Charge"), paid_by("invoice", "Ready")],
    "Default": "No idea",
}
payment["States"]["No idea"] = {
    "Type": "Fail",
    "Error": "UnknownPayment",
    "CausePath": "States.JsonToString($)",
}
payment_flow = deploy("payment-flow", payment)

# %% right because="a Choice in JSONata: what is not there equals nothing"
payment["States"]["How paid?"] = {
    "Type": "Choice",
    "QueryLanguage": "JSONata",
    "Choices": [
        {"Condition": "{% $states.input.payment = 'card' %}", "Next": "Charge"},
        {"Condition": "{% $states.input.payment = 'invoice' %}", "Next": "Ready"},
    ],
    "Default": "Unknown",
}
payment["States"]["Unknown"] = {"Type": "Fail", "Error": "UnknownPayment", "Cause": "Call the customer."}
payment_flow = deploy("payment-flow", payment)

# %% wrong because="And an order that says nothing about its payment?" finds="silent"
payment["States"]["How paid?"] = how_paid | {"Default": "Unknown"}
payment["States"]["Unknown"] = {"Type": "Fail", "Error": "UnknownPayment"}
payment_flow = deploy("payment-flow", payment)

# %% wrong because="Does everything else count as a card?" finds="unknown,silent,untouched"
payment["States"]["How paid?"] = how_paid | {"Default": "Charge"}
payment_flow = deploy("payment-flow", payment)

# %% wrong because="Does the unknown one end well?" finds="unknown,silent"
payment["States"]["How paid?"] = {
    "Type": "Choice",
    "Choices": [{"Variable": "$.payment", "IsPresent": False, "Next": "Ready"}, *how_paid["Choices"]],
    "Default": "Ready",
}
payment_flow = deploy("payment-flow", payment)

# %% wrong because="Is the invoice among the unknown now?" finds="known"
payment["States"]["How paid?"] = {
    "Type": "Choice",
    "Choices": [{"Variable": "$.payment", "IsPresent": False, "Next": "Unknown"}, how_paid["Choices"][0]],
    "Default": "Unknown",
}
payment["States"]["Unknown"] = {"Type": "Fail", "Error": "UnknownPayment"}
payment_flow = deploy("payment-flow", payment)

# %% wrong because="Did you delete the state machine?" finds="exists"
sfn.delete_state_machine(stateMachineArn=payment_flow)

# %% check
lab.check("unknown_payment")

# %% [markdown]
# ## When something fails
#
# A Task that fails ends the execution, unless you say otherwise. **Retry** says: try again. **Catch** says: go there
# instead. Both look at the *name* of the error. For a Lambda function that is the name of the exception.
#
# In the next exercises, the shop's partners fail on purpose. For practice, an order says what is going to happen to it:
# with `"trouble": {"bank": ["Throttled", 3]}` the bank says `Throttled` three times and then does its work. Without a number it
# fails for ever. The functions count in the table `asked`.

# %%
dynamodb = boto3.resource("dynamodb")


def make_table(name, key):
    """A table, or the same one again."""
    try:
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        ).wait_until_exists()
    except dynamodb.meta.client.exceptions.ResourceInUseException:
        pass  # this cell ran before
    return dynamodb.Table(name)


make_table("asked", "what")

STUMBLE = """
import boto3

tables = boto3.resource("dynamodb")
asked, books = tables.Table("asked"), tables.Table("books")


def add(table, key, field):
    values = {"Key": key, "UpdateExpression": "ADD #f :one", "ExpressionAttributeNames": {"#f": field}}
    row = table.update_item(ExpressionAttributeValues={":one": 1}, ReturnValues="ALL_NEW", **values)
    return row["Attributes"][field]


def stumble(step, order):
    error, *times = order.get("trouble", {}).get(step, [""])
    if error and (not times or add(asked, {"what": step + "/" + order["order_id"]}, "times") <= times[0]):
        raise type(error, (Exception,), {})("on purpose")  # an exception with that name
"""
make_function(
    "bank",
    STUMBLE
    + """

def handler(order, context):
    stumble("bank", order)
    return {"paid": order["total"]}
""",
)

# %% predict question="three_attempts"

# %% [markdown]
# See it. The bank will say `Throttled` to three calls. The retrier in this flow has no numbers, so the ones of AWS hold:
# the first wait is 1 second, each further one twice as long, and there are 3 retries.

# %%
throttled = [{"ErrorEquals": ["Throttled"]}]
bank = {"StartAt": "Charge", "States": {"Charge": task("bank", Retry=throttled, End=True)}}
bank_flow = deploy("bank-flow", bank)
tea_7 = run(bank_flow, {"order_id": "tea-7", "total": 20, "trouble": {"bank": ["Throttled", 3]}})
lab.timeline(tea_7)

# %% [markdown]
# ## Break it: everything first
#
# `States.ALL` stands for any error. Put it first, and nothing below would ever be read. Step Functions does not take that:

# %%
with labkit.expected(ClientError, code="InvalidDefinition"):
    deploy("bank-flow", {"StartAt": "Charge", "States": {"Charge": task("bank", Retry=[{"ErrorEquals": ["States.ALL"]}, *throttled], End=True)}})

# %% [markdown]
# ## 14.3 · Retry the flaky bank
#
# *Story.* The bank says `Throttled` when too many shops call. It says `CardStolen` when a card is stolen. And now and then
# it says something nobody has heard before.
#
# *Task.* Change `bank-flow`, so that
#
# - after `Throttled` it calls again, up to five times. The waits last up to 2, 4, 8 and 16 seconds, and never more than
#   20. Each is a random part of that, so that not all shops come again at the same moment (this is called **jitter**);
# - after `CardStolen` it never calls again;
# - after any other error it calls once more.

# %% stub exercise="flaky_bank"
retries = [{"ErrorEquals": ["Throttled"]}]
bank["States"]["Charge"] = task("bank", Retry=retries, End=True)
bank_flow = deploy("bank-flow", bank)

# %% solution
retries = [
    {"ErrorEquals": ["CardStolen"], "MaxAttempts": 0},
    {
        "ErrorEquals": ["Throttled"],
        "IntervalSeconds": 2,
        "BackoffRate": 2,  # survives: it is 2 if you say nothing
        "MaxDelaySeconds": 20,
        "MaxAttempts": 5,
        "JitterStrategy": "FULL",
    },
    {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
]
bank["States"]["Charge"] = task("bank", Retry=retries, End=True)
bank_flow = deploy("bank-flow", bank)

# %% right because="the throttled ones first, the rate left to AWS, and a Catch for the stolen card"
retries = [
    {"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxDelaySeconds": 20, "MaxAttempts": 5, "JitterStrategy": "FULL"},
    {"ErrorEquals": ["CardStolen", "CardLost"], "MaxAttempts": 0},
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 1},
]
catch = [{"ErrorEquals": ["CardStolen"], "ResultPath": "$.error", "Next": "Tell the police"}]
bank["States"]["Charge"] = task("bank", Retry=retries, Catch=catch, End=True)
bank["States"]["Tell the police"] = {"Type": "Fail", "Error": "Police", "CausePath": "$.error.Cause"}
bank_flow = deploy("bank-flow", bank)

# %% right because="a Parallel around the Task, and JSONata inside"
charge = {
    "Type": "Task",
    "QueryLanguage": "JSONata",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "bank", "Payload": "{% $states.input %}"},
    "End": True,
    "Retry": [
        {"ErrorEquals": ["CardStolen"], "MaxAttempts": 0},
        {"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxDelaySeconds": 20, "MaxAttempts": 5, "JitterStrategy": "FULL", "BackoffRate": 2.0},
        {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1},
    ],
}
inside = {"StartAt": "Bank", "States": {"Bank": charge}}
bank["States"]["Charge"] = {"Type": "Parallel", "Branches": [inside], "End": True}
bank_flow = deploy("bank-flow", bank)

# %% wrong because="Is every error tried again, also a stolen card?" finds="stolen,others"
retries = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxDelaySeconds": 20, "MaxAttempts": 5, "JitterStrategy": "FULL"}]
bank["States"]["Charge"] = task("bank", Retry=retries, End=True)
bank_flow = deploy("bank-flow", bank)

# %% wrong because="Do all orders come again at the same moment?" finds="spread"
retries = [
    {"ErrorEquals": ["CardStolen"], "MaxAttempts": 0},
    {"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxDelaySeconds": 20, "MaxAttempts": 5},
    {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
]
bank["States"]["Charge"] = task("bank", Retry=retries, End=True)
bank_flow = deploy("bank-flow", bank)

# %% wrong because="Did you count the first call as a retry?" finds="attempts"
retries = [
    {"ErrorEquals": ["CardStolen"], "MaxAttempts": 0},
    {"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxDelaySeconds": 20, "MaxAttempts": 6, "JitterStrategy": "FULL"},
    {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
]
bank["States"]["Charge"] = task("bank", Retry=retries, End=True)
bank_flow = deploy("bank-flow", bank)

# %% wrong because="Are the waits those of AWS: 1, 2, 4 seconds?" finds="recovers,attempts,waits,spread,others"
retries = [{"ErrorEquals": ["CardStolen"], "MaxAttempts": 0}, {"ErrorEquals": ["Throttled"]}]
bank["States"]["Charge"] = task("bank", Retry=retries, End=True)
bank_flow = deploy("bank-flow", bank)

# %% wrong because="Is there a longest wait?" finds="waits"
retries = [
    {"ErrorEquals": ["CardStolen"], "MaxAttempts": 0},
    {"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxAttempts": 5, "JitterStrategy": "FULL"},
    {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
]
bank["States"]["Charge"] = task("bank", Retry=retries, End=True)
bank_flow = deploy("bank-flow", bank)

# %% wrong because="Did you delete the state machine?" finds="exists"
sfn.delete_state_machine(stateMachineArn=bank_flow)

# %% check
lab.check("flaky_bank")

# %% [markdown]
# The same order again, with your retries. Compare the two figures.

# %%
lab.timeline(run(bank_flow, {"order_id": "tea-8", "total": 20, "trouble": {"bank": ["Throttled", 4]}}))

# %% [markdown]
# ## Break it: what `States.ALL` does not catch
#
# `States.ALL` fits all errors but two. `States.Runtime`: the definition asks for something that is not there. And
# `States.DataLimitExceeded`: more than 256 KiB (262,144 bytes) want to travel from state to state. Both flows below have a
# Catch for `States.ALL`. Look at how they end.

# %%
make_function("catalogue", "def handler(event, context):\n    return 'x' * 300_000\n")
for wish in ({"FunctionName": "catalogue", "Payload.$": "$.nowhere"}, {"FunctionName": "catalogue"}):
    look_up = task("catalogue", Parameters=wish, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}], End=True)
    look_up.pop("ResultPath")
    catalogue = {"StartAt": "Look up", "States": {"Look up": look_up, "Caught": {"Type": "Succeed"}}}
    run(deploy("catalogue-flow", catalogue), {"order_id": "book-1"})

# %% [markdown]
# For the first, look at the definition. For the second: keep large things in S3 or in a table, and let only their key travel.

# %% [markdown]
# ## 14.4 · Two hundred books
#
# *Story.* A school orders 200 different books. The function `take` takes one book from its shelf, which needs one second.
# If the book is sold out, it raises `SoldOut`. Ten people work in the warehouse.
#
# The Map that you know runs *inside* its execution: at most 40 items at once, and all in one history, which ends at 25,000
# events. And it fails with the first item that fails. A Map in the mode `DISTRIBUTED` starts an execution of its own for
# each item. It can also tolerate some failures. The mode stands in the `ProcessorConfig` of its `ItemProcessor`. And the role
# must be allowed to start executions of this very state machine (`states:StartExecution`), which ours is.

# %%
backorder = sqs.create_queue(QueueName="backorder")["QueueUrl"]
make_function(
    "take",
    """
import time

class SoldOut(Exception):
    pass

def handler(book, context):
    time.sleep(1)
    if not book["left"]:
        raise SoldOut(book["sku"])
    return book["sku"]
""",
)

# %% [markdown]
# *Task.* Write the flow `school-flow`. Its input is `{"order_id": ..., "items": [{"sku": "book-1", "left": 3}, ...]}`.
#
# - At most ten books are taken at the same time.
# - Up to 5 % of the books may be sold out; with more, the execution fails.
# - Each book that is sold out is sent to the queue `backorder` as JSON, also when the order succeeds. A Task can call SQS
#   itself: `"Resource": "arn:aws:states:::sqs:sendMessage"` with the parameters `QueueUrl` and `MessageBody`.

# %% stub exercise="many_books"
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "ItemProcessor": {"StartAt": "Take", "States": {"Take": task("take", End=True)}},
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% solution
steps = {
    "Take": task("take", Catch=[{"ErrorEquals": ["SoldOut"], "ResultPath": None, "Next": "Note it"}], End=True),
    "Note it": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": backorder, "MessageBody.$": "$"},
        "Next": "Sold out",
    },
    "Sold out": {"Type": "Fail"},
}
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 10,  # survives: nine at a time are fast enough
    "ToleratedFailurePercentage": 5,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Take",
        "States": steps,
    },
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% right because="an Inline Map that catches, and a question in JSONata afterwards"
steps = {
    "Take": task("take", Catch=[{"ErrorEquals": ["SoldOut"], "ResultPath": "$.error", "Next": "Note it"}], End=True),
    "Note it": {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:sendMessage",
        "Parameters": {"QueueUrl": backorder, "MessageBody.$": "States.JsonToString($)"},
        "ResultPath": None,
        "End": True,
    },
}
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 10,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Take", "States": steps},
    "Next": "Too many?",
}
too_many = {
    "Type": "Choice",
    "QueryLanguage": "JSONata",
    "Choices": [{"Condition": "{% $count($states.input[error]) > $count($states.input) * 0.05 %}", "Next": "Failed"}],
    "Default": "Ready",
}
states = {"Books": books, "Too many?": too_many, "Failed": {"Type": "Fail"}, "Ready": {"Type": "Succeed"}}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": states})

# %% right because="Standard children, the limits from the input, JSONata"
whole = "{% $states.input %}"
steps = {
    "Take": {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "take", "Payload": whole},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": whole, "Next": "Note it"}],
        "End": True,
    },
    "Note it": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": backorder, "MessageBody": "{% {'sku': $states.input.sku} %}"},
        "Next": "Sold out",
    },
    "Sold out": {"Type": "Fail", "Error": "SoldOut"},
}
books = {
    "Type": "Map",
    "Items": "{% $states.input.items %}",
    "MaxConcurrency": "{% $most %}",
    "ToleratedFailurePercentage": "{% $most / 2 %}",
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Take",
        "States": steps,
    },
    "Output": whole,
    "End": True,
}
states = {"Limits": {"Type": "Pass", "Assign": {"most": 10}, "Next": "Books"}, "Books": books}
school_flow = deploy("school-flow", {"QueryLanguage": "JSONata", "StartAt": "Limits", "States": states})

# %% wrong because="How many run at once if you say nothing?" finds="ten"
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "ToleratedFailurePercentage": 5,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Take",
        "States": {
            "Take": task("take", Catch=[{"ErrorEquals": ["SoldOut"], "ResultPath": None, "Next": "Note it"}], End=True),
            "Note it": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl": backorder, "MessageBody.$": "$"},
                "Next": "Sold out",
            },
            "Sold out": {"Type": "Fail", "Error": "SoldOut"},
        },
    },
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% wrong because="Does one book after the other take too long?" finds="fast"
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 1,
    "ToleratedFailurePercentage": 5,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Take",
        "States": {
            "Take": task("take", Catch=[{"ErrorEquals": ["SoldOut"], "ResultPath": None, "Next": "Note it"}], End=True),
            "Note it": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl": backorder, "MessageBody.$": "$"},
                "Next": "Sold out",
            },
            "Sold out": {"Type": "Fail", "Error": "SoldOut"},
        },
    },
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% wrong because="Is an error that is caught still counted?" finds="strict"
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 10,
    "ToleratedFailurePercentage": 5,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Take",
        "States": {
            "Take": task("take", Catch=[{"ErrorEquals": ["SoldOut"], "ResultPath": None, "Next": "Note it"}], End=True),
            "Note it": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl": backorder, "MessageBody.$": "$"},
                "End": True,
            },
        },
    },
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% wrong because="Is it a number where it should be a share?" finds="strict"
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 10,
    "ToleratedFailureCount": 10,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Take",
        "States": {
            "Take": task("take", Catch=[{"ErrorEquals": ["SoldOut"], "ResultPath": None, "Next": "Note it"}], End=True),
            "Note it": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl": backorder, "MessageBody.$": "$"},
                "Next": "Sold out",
            },
            "Sold out": {"Type": "Fail", "Error": "SoldOut"},
        },
    },
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% wrong because="Who writes the list?" finds="listed"
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 10,
    "ToleratedFailurePercentage": 5,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Take",
        "States": {"Take": task("take", End=True)},
    },
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% wrong because="Does the first book that is sold out end everything?" finds="tolerates,listed"
books = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 10,
    "ItemProcessor": {"StartAt": "Take", "States": {"Take": task("take", End=True)}},
    "ResultPath": None,
    "End": True,
}
school_flow = deploy("school-flow", {"StartAt": "Books", "States": {"Books": books}})

# %% wrong because="Did you delete the state machine?" finds="exists"
sfn.delete_state_machine(stateMachineArn=deploy("school-flow", tea))

# %% wrong because="Did you delete the queue?" finds="queue"
deploy("school-flow", tea)
sqs.delete_queue(QueueUrl=backorder)

# %% check
lab.check("many_books")

# %% [markdown]
# ## Save point
#
# You are half-way. Your progress is saved already. The next cell also keeps a copy of the account in this session. Take a
# break.

# %%
lab.snapshot("half-time")

# %% [markdown]
# ## Undo what was done
#
# A database can roll back. Ten services of ten companies cannot. What they did, somebody has to undo, step by step. A
# workflow that does so is called a **saga**, and each undoing step a **compensation**.
#
# ![A saga as a ladder. Forward go charge, reserve and ship. When one of them fails, the way turns around: release undoes
# reserve, refund undoes charge, then one mail says sorry, and the execution fails.](saga.svg)
#
# These are the functions. The table `books` has one row for each order: `money` that was taken, `stock` that was
# reserved, and `parcels`. `refund` and `release` set their field to 0, however often they are called: they are
# **idempotent**.

# %%
make_table("books", "order_id")
letters = sqs.create_queue(QueueName="letters")["QueueUrl"]

DO = """

def handler(order, context):
    stumble("STEP", order)
    add(books, {"order_id": order["order_id"]}, "FIELD")
    stumble("STEP answer", order)  # the work is done, but the answer gets lost
"""
UNDO = """

def handler(order, context):
    stumble("STEP", order)
    values = {"ExpressionAttributeNames": {"#f": "FIELD"}, "ExpressionAttributeValues": {":zero": 0}}
    books.update_item(Key={"order_id": order["order_id"]}, UpdateExpression="SET #f = :zero", **values)
"""
for step, field, code in [
    ("take-money", "money", DO),
    ("hold-stock", "stock", DO),
    ("ship", "parcels", DO),
    ("refund", "money", UNDO),
    ("release", "stock", UNDO),
]:
    make_function(step, STUMBLE + code.replace("STEP", step).replace("FIELD", field))

ends = {
    "Done": {"Type": "Succeed"},
    "Say sorry": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {
            "QueueUrl": letters,
            "MessageBody.$": "States.Format('Dear customer, we are sorry about order {}.', $.order_id)",
        },
        "ResultPath": None,
        "Next": "Failed",
    },
    "Failed": {"Type": "Fail", "Error": "OrderFailed"},
}

# %% predict question="order_gone"

# %% [markdown]
# Try it: here is a Catch as short as it can be. `ship` fails. Look at what `Say sorry` got to work with.

# %%
short = {"Ship": task("ship", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Say sorry"}], Next="Done")}
lamp = run(
    deploy("short-saga", {"StartAt": "Ship", "States": short | ends}),
    {"order_id": "lamp-9", "trouble": {"ship": ["NoVan"]}},
)
lab.states(lamp)

# %% [markdown]
# A Catch has a `ResultPath` of its own. `"$.error"` puts the error into a field of the order, and `None` throws it away.

# %% predict question="exactly_once"

# %% fact id="F53"

# %% [markdown]
# ## 14.5 · The saga
#
# *Task.* Complete the state machine `saga`. When all goes well, it stays as it is: `take-money`, `hold-stock`, `ship`, `Done`. When one of the
# three steps fails, whatever the error is,
#
# - money and stock in `books` are 0 at the end. Mind that a step may fail *after* its work: the money is taken, but the
#   answer gets lost;
# - the customer gets one letter (the state `Say sorry`), and the execution ends with `OrderFailed`;
# - `refund` and `release` may fail, too. Try each of them again, up to three times.
#
# `ship` either works or fails cleanly: there is no parcel to call back.

# %% stub exercise="saga"
steps = {
    "Charge": task("take-money", Next="Reserve"),
    "Reserve": task("hold-stock", Next="Ship"),
    "Ship": task("ship", Next="Done"),
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps | {"Done": ends["Done"]}})

# %% solution
undo = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Release"}]
again = [{"ErrorEquals": ["States.ALL"]}]
steps = {
    "Charge": task("take-money", Catch=undo, Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo, Next="Ship"),
    "Ship": task("ship", Catch=undo, Next="Done"),
    "Release": task("release", Retry=again, Next="Refund"),
    "Refund": task("refund", Retry=again, Next="Say sorry"),
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps | ends})

# %% right because="one Catch around all three steps, and the two compensations side by side"
def one_way(*names, **more):
    """States one after the other."""
    followers = [{"Next": name} for name in names[1:]] + [{"End": True}]
    states = {name: task(name, **more) | then for name, then in zip(names, followers, strict=True)}
    return {"StartAt": names[0], "States": states}


again = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 3}]
steps = {
    "Try": {
        "Type": "Parallel",
        "Branches": [one_way("take-money", "hold-stock", "ship")],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Undo"}],
        "Next": "Done",
    },
    "Undo": {
        "Type": "Parallel",
        "Branches": [one_way("refund", Retry=again), one_way("release", Retry=again)],
        "ResultPath": None,
        "Next": "Say sorry",
    },
}
saga = deploy("saga", {"StartAt": "Try", "States": steps | ends})

# %% right because="each step turns around at its own rung of the ladder"
def undo(first):
    return [{"ErrorEquals": ["States.TaskFailed", "States.Timeout"], "ResultPath": "$.why", "Next": first}]


again = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "BackoffRate": 1.5, "MaxAttempts": 6}]
steps = {
    "Charge": task("take-money", Catch=undo("Refund"), Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo("Release"), Next="Ship"),
    "Ship": task("ship", Catch=undo("Release"), Next="Done", TimeoutSeconds=30),
    "Release": task("release", Retry=again, Next="Refund"),
    "Refund": task("refund", Retry=again, Next="Say sorry"),
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps | ends})

# %% wrong because="Does the error take the place of the order?" finds="money,stock,letter,failed,again"
undo = [{"ErrorEquals": ["States.ALL"], "Next": "Release"}]
again = [{"ErrorEquals": ["States.ALL"]}]
steps = {
    "Charge": task("take-money", Catch=undo, Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo, Next="Ship"),
    "Ship": task("ship", Catch=undo, Next="Done"),
    "Release": task("release", Retry=again, Next="Refund"),
    "Refund": task("refund", Retry=again, Next="Say sorry"),
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps | ends})

# %% wrong because="Does a step that failed need no undoing?" finds="money,stock"
def undo(first):
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": first}]


again = [{"ErrorEquals": ["States.ALL"]}]
steps = {
    "Charge": task("take-money", Catch=undo("Say sorry"), Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo("Refund"), Next="Ship"),
    "Ship": task("ship", Catch=undo("Release"), Next="Done"),
    "Release": task("release", Retry=again, Next="Refund"),
    "Refund": task("refund", Retry=again, Next="Say sorry"),
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps | ends})

# %% wrong because="What if the refund itself fails?" finds="again"
undo = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Release"}]
steps = {
    "Charge": task("take-money", Catch=undo, Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo, Next="Ship"),
    "Ship": task("ship", Catch=undo, Next="Done"),
    "Release": task("release", Next="Refund"),
    "Refund": task("refund", Next="Say sorry"),
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps | ends})

# %% wrong because="Does the customer get a letter for each compensation?" finds="letter,again"
undo = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Release"}]
again = [{"ErrorEquals": ["States.ALL"]}]
steps = {
    "Charge": task("take-money", Catch=undo, Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo, Next="Ship"),
    "Ship": task("ship", Catch=undo, Next="Done"),
    "Release": task("release", Retry=again, Next="First letter"),
    "First letter": ends["Say sorry"] | {"Next": "Refund"},
    "Refund": task("refund", Retry=again, Next="Say sorry"),
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps | ends})

# %% wrong because="Does an order that failed end as Done?" finds="failed"
undo = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Release"}]
again = [{"ErrorEquals": ["States.ALL"]}]
steps = {
    "Charge": task("take-money", Catch=undo, Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo, Next="Ship"),
    "Ship": task("ship", Catch=undo, Next="Done"),
    "Release": task("release", Retry=again, Next="Refund"),
    "Refund": task("refund", Retry=again, Next="Say sorry"),
    "Done": ends["Done"],
    "Say sorry": ends["Say sorry"] | {"Next": "Done"},
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps})

# %% wrong because="Are good orders undone as well?" finds="good"
undo = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Release"}]
again = [{"ErrorEquals": ["States.ALL"]}]
steps = {
    "Charge": task("take-money", Catch=undo, Next="Reserve"),
    "Reserve": task("hold-stock", Catch=undo, Next="Ship"),
    "Ship": task("ship", Catch=undo, Next="Release"),
    "Release": task("release", Retry=again, Next="Refund"),
    "Refund": task("refund", Retry=again, Next="Say sorry"),
    "Say sorry": ends["Say sorry"],
    "Failed": ends["Failed"],
}
saga = deploy("saga", {"StartAt": "Charge", "States": steps})

# %% wrong because="Did you delete the state machine?" finds="exists"
sfn.delete_state_machine(stateMachineArn=deploy("saga", tea))

# %% wrong because="Did you delete the queue for the letters?" finds="ready"
deploy("saga", tea)
sqs.delete_queue(QueueUrl=letters)

# %% check
lab.check("saga")

# %% [markdown]
# Look at one order that turned around. The van broke down, and the first refund failed as well:

# %%
lab.states(run(saga, {"order_id": "lamp-10", "trouble": {"ship": ["NoVan"], "refund": ["Throttled", 1]}}))

# %% [markdown]
# ## Wait for somebody else
#
# Some work is not done by a function: a person decides, or another company answers, perhaps tomorrow. A Task whose resource
# ends in `.waitForTaskToken` sends a **task token**, a kind of ticket, and waits. Who has the ticket can end the Task with
# `send_task_success` or `send_task_failure`, or say "I am still at it" with `send_task_heartbeat`.
#
# The token stands in the **context object**, which tells about the execution itself. Its address begins with two dollar
# signs: `$$.Task.Token`.
#
# The partner reads the queue `partner`, and the people at the help desk read `help-desk`:

# %%
partner = sqs.create_queue(QueueName="partner")["QueueUrl"]
help_desk = sqs.create_queue(QueueName="help-desk")["QueueUrl"]

# %% [markdown]
# ## 14.6 · Wait for the payment partner
#
# *Story.* A partner takes payments from abroad. A good partner says at least every five minutes that it is still at it, and
# some payments take an hour. When the partner is silent for ten minutes, a person has to look after the order.
#
# *Task.*
#
# 1. Write `partner-flow`. It sends one message to `partner`, as JSON: `{"token": ..., "order": ...}` with the whole order.
#    When the partner answers, the answer stands in the field `paid` of the order, and the execution succeeds with that order
#    as its output.
# 2. After ten minutes of silence, one message goes to `help-desk`, with the order as JSON. Then the execution may end as you
#    like.
# 3. Write `answer(token, result)`, which the partner calls. It hands the result (a dict) to Step Functions and returns
#    `True`. When the answer comes too late, it returns `False` and raises no error.

# %% stub exercise="partner_flow"
ask = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage",
    "Parameters": {"QueueUrl": partner, "MessageBody": {"order.$": "$"}},
    "ResultPath": "$.paid",
    "End": True,
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": {"Ask": ask}})


def answer(token, result):
    return True  # and who tells Step Functions?


# %% solution
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"token.$": "$$.Task.Token", "order.$": "$"}},
        "HeartbeatSeconds": 600,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "Help"}],
        "ResultPath": "$.paid",
        "End": True,
    },
    "Help": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": help_desk, "MessageBody.$": "$"},
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    try:
        sfn.send_task_success(taskToken=token, output=json.dumps(result))
    except sfn.exceptions.TaskTimedOut:
        return False
    return True


# %% right because="in JSONata, with a Fail after the call for help, and a broader net for late answers"
whole = "{% $states.input %}"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {
            "QueueUrl": partner,
            "MessageBody": {"token": "{% $states.context.Task.Token %}", "order": whole},
        },
        "HeartbeatSeconds": 600,
        "TimeoutSeconds": 86_400,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": whole, "Next": "Help"}],
        "Output": "{% $merge([$states.input, {'paid': $states.result}]) %}",
        "Next": "Ready",
    },
    "Ready": {"Type": "Succeed"},
    "Help": {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:sendMessage",
        "Arguments": {"QueueUrl": help_desk, "MessageBody": "{% $string($states.input) %}"},
        "Next": "Given up",
    },
    "Given up": {"Type": "Fail", "Error": "NoAnswer"},
}
partner_flow = deploy("partner-flow", {"QueryLanguage": "JSONata", "StartAt": "Ask", "States": states})


def answer(token, result):
    try:
        sfn.send_task_success(taskToken=token, output=json.dumps(result))
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] in ("TaskTimedOut", "TaskDoesNotExist"):
            return False
        raise


# %% wrong because="Does the flow wait ten minutes in all, where it should wait for silence?" finds="alive"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"token.$": "$$.Task.Token", "order.$": "$"}},
        "TimeoutSeconds": 600,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "Help"}],
        "ResultPath": "$.paid",
        "End": True,
    },
    "Help": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": help_desk, "MessageBody.$": "$"},
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    try:
        sfn.send_task_success(taskToken=token, output=json.dumps(result))
    except sfn.exceptions.TaskTimedOut:
        return False
    return True


# %% wrong because="Does a late answer raise an error?" finds="late"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"token.$": "$$.Task.Token", "order.$": "$"}},
        "HeartbeatSeconds": 600,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "Help"}],
        "ResultPath": "$.paid",
        "End": True,
    },
    "Help": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": help_desk, "MessageBody.$": "$"},
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    sfn.send_task_success(taskToken=token, output=json.dumps(result))
    return True


# %% wrong because="Does it wait for ever, and nobody looks?" finds="silence,late"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"token.$": "$$.Task.Token", "order.$": "$"}},
        "ResultPath": "$.paid",
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    try:
        sfn.send_task_success(taskToken=token, output=json.dumps(result))
    except sfn.exceptions.TaskTimedOut:
        return False
    return True


# %% wrong because="Does the answer take the place of the order?" finds="goes_on,alive"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"token.$": "$$.Task.Token", "order.$": "$"}},
        "HeartbeatSeconds": 600,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "Help"}],
        "End": True,
    },
    "Help": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": help_desk, "MessageBody.$": "$"},
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    try:
        sfn.send_task_success(taskToken=token, output=json.dumps(result))
    except sfn.exceptions.TaskTimedOut:
        return False
    return True


# %% wrong because="Is the message sent, and nobody waits?" finds="asked"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"order.$": "$"}},
        "ResultPath": "$.paid",
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    return True


# %% wrong because="Does `answer` forget to tell Step Functions?" finds="goes_on,alive,silence,late"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"token.$": "$$.Task.Token", "order.$": "$"}},
        "ResultPath": "$.paid",
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    return True


# %% wrong because="Is `output` a dict where Step Functions wants JSON?" finds="runs"
states = {
    "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": partner, "MessageBody": {"token.$": "$$.Task.Token", "order.$": "$"}},
        "HeartbeatSeconds": 600,
        "ResultPath": "$.paid",
        "End": True,
    },
}
partner_flow = deploy("partner-flow", {"StartAt": "Ask", "States": states})


def answer(token, result):
    sfn.send_task_success(taskToken=token, output=result)
    return True


# %% wrong because="Did you delete the state machine?" finds="exists"
sfn.delete_state_machine(stateMachineArn=deploy("partner-flow", tea))


def answer(token, result):
    return False


# %% wrong because="Did you delete the queue of the help desk?" finds="ready"
deploy("partner-flow", tea)
sqs.delete_queue(QueueUrl=help_desk)


def answer(token, result):
    return False


# %% check
lab.check("partner_flow", answer=answer)

# %% [markdown]
# ## Two types of state machines
#
# So far all state machines were of the type **Standard**. There is a second type, **Express**. The type is chosen when the
# state machine is made, and cannot be changed.
#
# | | Standard | Express |
# | --- | --- | --- |
# | lasts up to | a year | five minutes |
# | runs | exactly once | at least once; with `start_sync_execution` at most once |
# | the caller can wait for the result | no | yes, with `start_sync_execution` |
# | `.sync`, `.waitForTaskToken`, Distributed Map | yes | no |
# | you see what happened in | its history | CloudWatch Logs |
# | you pay for | each step: 25 USD for a million | each execution: 1 USD for a million, plus time and memory |
#
# The prices are from AWS's [pricing page](https://aws.amazon.com/step-functions/pricing/): for Standard those of Europe
# (Ireland), for Express those of its example. "At least once" means: now and then AWS runs an execution twice.

# %% fact id="F54"

# %% [markdown]
# ## Break it: Express does not wait
#
# A Task with `.sync` starts something and waits for its end. The next cell tries that in an Express workflow.

# %%
count = {"StartAt": "Count", "States": {"Count": {"Type": "Wait", "Seconds": 1200, "End": True}}}
stock_count = deploy("stock-count", count)
report = {
    "StartAt": "Count first",
    "States": {
        "Count first": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {"StateMachineArn": stock_count},
            "End": True,
        }
    },
}
with labkit.expected(ClientError, code="InvalidDefinition"):
    deploy("report", report, "EXPRESS")

# %% [markdown]
# ## 14.7 · Standard or Express
#
# *Story.* Here are four small workflows of the shop:
#
# | name | what it does | a month |
# | --- | --- | --- |
# | `quote` | the web page waits for a price | 10 million |
# | `clicks` | counts clicks | 50 million |
# | `report` | waits for the count of the stock, 20 minutes | 30 |
# | `approval` | waits until the boss says yes, up to three days | 2,000 |

# %%
make_table("clicks", "id")
approvals = sqs.create_queue(QueueName="approvals")["QueueUrl"]

workloads = {
    "quote": {
        "StartAt": "Add",
        "States": {"Add": {"Type": "Pass", "Parameters": {"price.$": "States.MathAdd($.net, $.tax)"}, "End": True}},
    },
    "clicks": {
        "StartAt": "Count",
        "States": {
            "Count": {
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:updateItem",
                "Parameters": {
                    "TableName": "clicks",
                    "Key": {"id": {"S.$": "$.page"}},
                    "UpdateExpression": "ADD clicks :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                },
                "End": True,
            }
        },
    },
    "report": report,
    "approval": {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {"QueueUrl": approvals, "MessageBody": {"token.$": "$$.Task.Token"}},
                "TimeoutSeconds": 259200,
                "End": True,
            }
        },
    },
}

# %% [markdown]
# *Task.* Choose a type for each, and deploy all four.
#
# - Each does its work as the table says. All four together cost at most 100 USD a month.
# - The input of `clicks` is `{"click_id": ..., "page": ...}`. Its definition adds 1 to a number, so an execution that runs
#   twice counts twice. Change it: each click becomes an item of its own in the table `clicks`. Its key `id` is the
#   `click_id`, and it has a field `page`. The same click twice must be one item. (DynamoDB wants to know the type of each
#   value: `{"S": "tea"}` is a text, `{"N": "1"}` a number.)

# %% stub exercise="four_workloads"
kinds = {"quote": "STANDARD", "clicks": "STANDARD", "report": "STANDARD", "approval": "STANDARD"}
for name, kind in kinds.items():
    deploy(name, workloads[name], kind)

# %% solution
workloads["clicks"]["States"]["Count"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::dynamodb:putItem",
    "Parameters": {
        "TableName": "clicks",
        "Item": {"id": {"S.$": "$.click_id"}, "page": {"S.$": "$.page"}},
    },
    "End": True,
}
kinds = {"quote": "EXPRESS", "clicks": "EXPRESS", "report": "STANDARD", "approval": "STANDARD"}
for name, kind in kinds.items():
    deploy(name, workloads[name], kind)

# %% right because="updateItem that sets, where it added"
workloads["clicks"]["States"]["Count"]["Parameters"] = {
    "TableName": "clicks",
    "Key": {"id": {"S.$": "$.click_id"}},
    "UpdateExpression": "SET page = :page",
    "ExpressionAttributeValues": {":page": {"S.$": "$.page"}},
}
for name in workloads:
    deploy(name, workloads[name], "EXPRESS" if name in ("quote", "clicks") else "STANDARD")

# %% right because="in JSONata, and a condition that the click is new"
workloads["clicks"] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Count",
    "States": {
        "Count": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Arguments": {
                "TableName": "clicks",
                "Item": {"id": {"S": "{% $states.input.click_id %}"}, "page": {"S": "{% $states.input.page %}"}},
                "ConditionExpression": "attribute_not_exists(id)",
            },
            "Catch": [{"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "Next": "Known"}],
            "End": True,
        },
        "Known": {"Type": "Succeed"},
    },
}
for name, kind in zip(workloads, ("EXPRESS", "EXPRESS", "STANDARD", "STANDARD"), strict=True):
    deploy(name, workloads[name], kind)

# %% wrong because="Is every workflow Standard?" finds="quote,cost"
workloads["clicks"]["States"]["Count"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::dynamodb:putItem",
    "Parameters": {"TableName": "clicks", "Item": {"id": {"S.$": "$.click_id"}, "page": {"S.$": "$.page"}}},
    "End": True,
}
for name in workloads:
    deploy(name, workloads[name])

# %% wrong because="Does a click that runs twice count twice?" finds="twice"
workloads["clicks"]["States"]["Count"]["Parameters"] |= {
    "UpdateExpression": "ADD clicks :one SET page = :page",
    "Key": {"id": {"S.$": "States.UUID()"}},
    "ExpressionAttributeValues": {":one": {"N": "1"}, ":page": {"S.$": "$.page"}},
}
for name in workloads:
    deploy(name, workloads[name], "EXPRESS" if name in ("quote", "clicks") else "STANDARD")

# %% wrong because="Did you choose types, and leave the definition of `clicks` as it was?" finds="twice"
for name in workloads:
    deploy(name, workloads[name], "EXPRESS" if name in ("quote", "clicks") else "STANDARD")

# %% wrong because="Are the clicks Standard, because money is not the point?" finds="cost"
workloads["clicks"]["States"]["Count"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::dynamodb:putItem",
    "Parameters": {"TableName": "clicks", "Item": {"id": {"S.$": "$.click_id"}, "page": {"S.$": "$.page"}}},
    "End": True,
}
for name in workloads:
    deploy(name, workloads[name], "EXPRESS" if name == "quote" else "STANDARD")

# %% wrong because="Does the report start the count, and not wait for it?" finds="report"
workloads["clicks"]["States"]["Count"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::dynamodb:putItem",
    "Parameters": {"TableName": "clicks", "Item": {"id": {"S.$": "$.click_id"}, "page": {"S.$": "$.page"}}},
    "End": True,
}
workloads["report"]["States"]["Count first"]["Resource"] = "arn:aws:states:::states:startExecution"
for name in workloads:
    deploy(name, workloads[name], "STANDARD" if name == "approval" else "EXPRESS")

# %% wrong because="Does the approval ask, and not wait?" finds="approval"
workloads["clicks"]["States"]["Count"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::dynamodb:putItem",
    "Parameters": {"TableName": "clicks", "Item": {"id": {"S.$": "$.click_id"}, "page": {"S.$": "$.page"}}},
    "End": True,
}
workloads["approval"]["States"]["Ask"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage",
    "Parameters": {"QueueUrl": approvals, "MessageBody": "Please say yes."},
    "End": True,
}
for name in workloads:
    deploy(name, workloads[name], "STANDARD" if name == "report" else "EXPRESS")

# %% wrong because="Is one of the four missing?" finds="exist"
deploy("quote", workloads["quote"], "EXPRESS")

# %% wrong because="Did you delete the queue of the boss?" finds="ready"
for name in workloads:
    deploy(name, workloads[name])
sqs.delete_queue(QueueUrl=approvals)

# %% check
lab.check("four_workloads")

# %% [markdown]
# ## A younger language: JSONata
#
# `Parameters`, `ResultSelector`, `ResultPath`, `InputPath`, `OutputPath`: with JSONPath five fields bend the data, and
# arithmetic is hard. With **JSONata** two are left. `Arguments` is what the call needs, and `Output` is what goes on. Between
# `{%` and `%}` stands an expression: `$states.input` is the input, `$states.result` the result.
#
# `Assign` keeps values in **variables**. A later state reads them as `$name`, however far away it is. So the order need not
# travel through every state any more.

# %% fact id="F56"

# %% [markdown]
# ## Break it: read what is not there yet
#
# A state computes its `Assign` and its `Output` at the same time, with the variables as they were before. The next cell
# assigns `total` and wants to read it in the same state:

# %%
early = {
    "Type": "Pass",
    "Assign": {"total": "{% $sum($states.input.prices) %}"},
    "Output": "{% $total * 2 %}",
    "End": True,
}
early_run = run(deploy("early", {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": early}}), {"prices": [4, 8.5]})

# %% [markdown]
# `States.QueryEvaluationError`: there was no `total` yet. The next state could have read it.

# %% [markdown]
# ## 14.8 · Rewrite, test, redrive
#
# *Story.* The old flow `bill` is hard to read, and nobody dares to touch it. And one order is stuck since this morning: the
# function `till` had a mistake.

# %%
bill = {
    "StartAt": "Look",
    "States": {
        "Look": {
            "Type": "Pass",
            "Parameters": {
                "order_id.$": "$.order_id",
                "name.$": "$.customer.name",
                "lines.$": "States.ArrayLength($.items)",
                "total.$": "$.total",
            },
            "Next": "Charge",
        },
        "Charge": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "charge", "Payload": {"total.$": "$.total"}},
            "ResultSelector": {"paid.$": "$.Payload.paid"},
            "ResultPath": "$.payment",
            "Retry": [{"ErrorEquals": ["Throttled"]}],
            "Catch": [{"ErrorEquals": ["CardStolen"], "ResultPath": "$.error", "Next": "Refuse"}],
            "Next": "Write",
        },
        "Write": {
            "Type": "Pass",
            "Parameters": {
                "text.$": "States.Format('{}: {} lines for {}', $.order_id, $.lines, $.name)",
                "paid.$": "$.payment.paid",
            },
            "End": True,
        },
        "Refuse": {"Type": "Fail", "Error": "CardRefused"},
    },
}
deploy("bill", bill)

make_function("till", "def handler(order, context):\n    return order['totl']\n")
till_flow = {"StartAt": "Reserve", "States": {"Reserve": task("hold-stock", Next="Pay"), "Pay": task("till", End=True)}}
stuck = run(deploy("till-flow", till_flow), {"order_id": f"stuck-{lab.clock.time():.0f}", "total": 30})

# %% [markdown]
# *Task.*
#
# 1. Make a state machine `bill-2` in JSONata, with `Assign`. For each input it gives the same output as `bill`. Keep the
#    names of the states, the Retry and the Catch.
# 2. Write `try_charge(definition, order, mock)`. It tries the state `Charge` of any definition with `test_state`: the order
#    is its input, and the mock stands for the function, so that nobody is charged. A mock is a dict: `{"result": "..."}` with
#    JSON, or `{"errorOutput": {"error": "Throttled", "cause": "..."}}`. The function returns the pair `(status, next state)`;
#    the next state is `None` where there is none.
# 3. Repair the function `till`, and let the execution `stuck` go on where it failed. What was reserved must not be reserved
#    again.

# %% stub exercise="rewrite"
bill_2 = bill  # 1: in JSONata
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):  # 2
    return ("SUCCEEDED", None)


# 3: repair the function, then continue `stuck`

# %% solution
bill_2 = {
    "QueryLanguage": "JSONata",
    "StartAt": "Look",
    "States": {
        "Look": {
            "Type": "Pass",
            "Assign": {
                "about": "{% $states.input.order_id & ': ' & $count($states.input.items) & ' lines for ' & $states.input.customer.name %}",
            },
            "Next": "Charge",
        },
        "Charge": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "charge", "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            "Retry": [{"ErrorEquals": ["Throttled"]}],
            "Catch": [{"ErrorEquals": ["CardStolen"], "Next": "Refuse"}],
            "Next": "Write",
        },
        "Write": {"Type": "Pass", "Output": "{% $merge([$states.input, {'text': $about}]) %}", "End": True},
        "Refuse": {"Type": "Fail", "Error": "CardRefused"},  # survives: no order comes here in the twenty
    },
}
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):
    told = sfn.test_state(
        definition=json.dumps(definition), stateName="Charge", input=json.dumps(order), mock=mock
    )
    return told["status"], told.get("nextState")


make_function("till", "def handler(order, context):\n    return order['total']\n")
sfn.redrive_execution(executionArn=stuck)

# %% right because="one variable for each value, the state alone for the test, and a till that only works"
bill_2 = json.loads(json.dumps(bill)) | {"QueryLanguage": "JSONata"}
bill_2["States"]["Look"] = {
    "Type": "Pass",
    "Assign": {
        "id": "{% $states.input.order_id %}",
        "customer": "{% $states.input.customer %}",
        "lines": "{% $count($states.input.items) %}",
    },
    "Output": {"total": "{% $states.input.total %}"},
    "Next": "Charge",
}
charge = bill_2["States"]["Charge"]
for name in ("Parameters", "ResultSelector", "ResultPath"):
    charge.pop(name)
charge["Arguments"] = {"FunctionName": "charge", "Payload": {"total": "{% $states.input.total %}"}}
charge["Assign"] = {"paid": "{% $states.result.Payload.paid %}"}
charge["Catch"] = [{"ErrorEquals": ["CardStolen"], "Output": "{% $states.errorOutput %}", "Next": "Refuse"}]
bill_2["States"]["Write"] = {
    "Type": "Pass",
    "Output": {"text": "{% $id & ': ' & $string($lines) & ' lines for ' & $customer.name %}", "paid": "{% $paid %}"},
    "End": True,
}
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):
    state = {"QueryLanguage": definition.get("QueryLanguage", "JSONPath")} | definition["States"]["Charge"]
    told = sfn.test_state(
        definition=json.dumps(state), input=json.dumps(order), mock=mock, inspectionLevel="DEBUG", roleArn=flow_role
    )
    return (told["status"], told["nextState"] if "nextState" in told else None)


make_function("till", "def handler(order, context):\n    return {}\n")
again = sfn.redrive_execution(executionArn=stuck)
lab.clock.advance(minutes=1)

# %% wrong because="Is it still JSONPath?" finds="jsonata"
deploy("bill-2", bill)


def try_charge(definition, order, mock):
    told = sfn.test_state(
        definition=json.dumps(definition), stateName="Charge", input=json.dumps(order), mock=mock
    )
    return told["status"], told.get("nextState")


make_function("till", "def handler(order, context):\n    return order['total']\n")
sfn.redrive_execution(executionArn=stuck)

# %% wrong because="Did you start the order anew, where it should go on?" finds="once"
bill_2 = json.loads(json.dumps(bill)) | {"QueryLanguage": "JSONata"}
bill_2["States"]["Look"] = {"Type": "Pass", "Assign": {"all": "{% $states.input %}"}, "Next": "Charge"}
bill_2["States"]["Charge"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "charge", "Payload": "{% $states.input %}"},
    "Output": "{% $states.result.Payload %}",
    "Retry": [{"ErrorEquals": ["Throttled"]}],
    "Catch": [{"ErrorEquals": ["CardStolen"], "Next": "Refuse"}],
    "Next": "Write",
}
text = "{% $all.order_id & ': ' & $count($all.items) & ' lines for ' & $all.customer.name %}"
bill_2["States"]["Write"] = {"Type": "Pass", "Output": {"text": text, "paid": "{% $states.input.paid %}"}, "End": True}
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):
    told = sfn.test_state(
        definition=json.dumps(definition), stateName="Charge", input=json.dumps(order), mock=mock
    )
    return told["status"], told.get("nextState")


make_function("till", "def handler(order, context):\n    return order['total']\n")
order = sfn.describe_execution(executionArn=stuck)["input"]
stuck = sfn.start_execution(stateMachineArn=deploy("till-flow", till_flow), input=order)["executionArn"]

# %% wrong because="Does the redrive meet the same mistake again?" finds="goes_on"
bill_2 = json.loads(json.dumps(bill)) | {"QueryLanguage": "JSONata"}
bill_2["States"]["Look"] = {"Type": "Pass", "Assign": {"all": "{% $states.input %}"}, "Next": "Charge"}
bill_2["States"]["Charge"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "charge", "Payload": "{% $states.input %}"},
    "Output": "{% $states.result.Payload %}",
    "Retry": [{"ErrorEquals": ["Throttled"]}],
    "Catch": [{"ErrorEquals": ["CardStolen"], "Next": "Refuse"}],
    "Next": "Write",
}
text = "{% $all.order_id & ': ' & $count($all.items) & ' lines for ' & $all.customer.name %}"
bill_2["States"]["Write"] = {"Type": "Pass", "Output": {"text": text, "paid": "{% $states.input.paid %}"}, "End": True}
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):
    told = sfn.test_state(
        definition=json.dumps(definition), stateName="Charge", input=json.dumps(order), mock=mock
    )
    return told["status"], told.get("nextState")


sfn.redrive_execution(executionArn=stuck)

# %% wrong because="Is a bill with one line, or without any, different?" finds="same"
bill_2 = json.loads(json.dumps(bill)) | {"QueryLanguage": "JSONata"}
bill_2["States"]["Look"] = {"Type": "Pass", "Assign": {"all": "{% $states.input %}"}, "Next": "Charge"}
bill_2["States"]["Charge"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "charge", "Payload": "{% $states.input %}"},
    "Output": "{% $states.result.Payload %}",
    "Retry": [{"ErrorEquals": ["Throttled"]}],
    "Catch": [{"ErrorEquals": ["CardStolen"], "Next": "Refuse"}],
    "Next": "Write",
}
text = "{% $all.order_id & ': ' & $sum($all.items.quantity) & ' lines for ' & $all.customer.name %}"
bill_2["States"]["Write"] = {"Type": "Pass", "Output": {"text": text, "paid": "{% $states.input.paid %}"}, "End": True}
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):
    told = sfn.test_state(
        definition=json.dumps(definition), stateName="Charge", input=json.dumps(order), mock=mock
    )
    return told["status"], told.get("nextState")


make_function("till", "def handler(order, context):\n    return order['total']\n")
sfn.redrive_execution(executionArn=stuck)

# %% wrong because="Does the test call the real function?" finds="tests,unasked"
bill_2 = json.loads(json.dumps(bill)) | {"QueryLanguage": "JSONata"}
bill_2["States"]["Look"] = {"Type": "Pass", "Assign": {"all": "{% $states.input %}"}, "Next": "Charge"}
bill_2["States"]["Charge"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "charge", "Payload": "{% $states.input %}"},
    "Output": "{% $states.result.Payload %}",
    "Retry": [{"ErrorEquals": ["Throttled"]}],
    "Catch": [{"ErrorEquals": ["CardStolen"], "Next": "Refuse"}],
    "Next": "Write",
}
text = "{% $all.order_id & ': ' & $count($all.items) & ' lines for ' & $all.customer.name %}"
bill_2["States"]["Write"] = {"Type": "Pass", "Output": {"text": text, "paid": "{% $states.input.paid %}"}, "End": True}
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):
    told = sfn.test_state(
        definition=json.dumps(definition), stateName="Charge", input=json.dumps(order), roleArn=flow_role
    )
    return told["status"], told.get("nextState")


make_function("till", "def handler(order, context):\n    return order['total']\n")
sfn.redrive_execution(executionArn=stuck)

# %% wrong because="Does the new flow drop the Retry?" finds="kept"
bill_2 = json.loads(json.dumps(bill)) | {"QueryLanguage": "JSONata"}
bill_2["States"]["Look"] = {"Type": "Pass", "Assign": {"all": "{% $states.input %}"}, "Next": "Charge"}
bill_2["States"]["Charge"] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "charge", "Payload": "{% $states.input %}"},
    "Output": "{% $states.result.Payload %}",
    "Catch": [{"ErrorEquals": ["CardStolen"], "Next": "Refuse"}],
    "Next": "Write",
}
text = "{% $all.order_id & ': ' & $count($all.items) & ' lines for ' & $all.customer.name %}"
bill_2["States"]["Write"] = {"Type": "Pass", "Output": {"text": text, "paid": "{% $states.input.paid %}"}, "End": True}
deploy("bill-2", bill_2)


def try_charge(definition, order, mock):
    told = sfn.test_state(
        definition=json.dumps(definition), stateName="Charge", input=json.dumps(order), mock=mock
    )
    return told["status"], told.get("nextState")


make_function("till", "def handler(order, context):\n    return order['total']\n")
sfn.redrive_execution(executionArn=stuck)

# %% wrong because="Did you give the mock a name that `test_state` does not know?" finds="jsonata,runs"
deploy("bill-2", bill)


def try_charge(definition, order, mock):
    return sfn.test_state(definition=json.dumps(definition), stateName="Charge", mocked=mock)["status"], None


# %% wrong because="Did you delete the old flow?" finds="exist"
sfn.delete_state_machine(stateMachineArn=deploy("bill", bill))


def try_charge(definition, order, mock):
    return ("SUCCEEDED", None)


# %% check
lab.check("rewrite", try_charge=try_charge, stuck=stuck)

# %% [markdown]
# ## What you have now
#
# | when | use |
# | --- | --- |
# | an error may be over soon | `Retry`, with growing waits, jitter and a longest wait |
# | an error will stay | `Catch` with a `ResultPath`, and compensations that are tried again |
# | nobody thought of it | `Default`, `IsPresent`, and a Fail with your own error |
# | many items | a Map with `MaxConcurrency`; Distributed, when some may fail or there are many |
# | somebody else has to answer | `.waitForTaskToken` with `HeartbeatSeconds` |
# | an execution failed halfway | `redrive_execution`, within 14 days |
#
# These are your state machines, and the executions they had:

# %%
lab.console("stepfunctions")

# %% [markdown]
# ## What differs on real AWS
#
# - Steps take no time here. On AWS each one takes some milliseconds, and a change of a definition needs a few seconds until
#   all new executions use it.
# - An asynchronous Express execution runs once here. On AWS now and then one runs twice.
# - Here the role of the flows may call every function and every queue. In a real account, name each of them in `Resource`.
#
# In a real account, try this (it lists state machines, and costs nothing):
#
# ```console
# aws stepfunctions list-state-machines --query "stateMachines[].[name,type]" --output table
# ```
#
# ## Sidebar: durable functions
#
# There is a second way to write such a flow: as Python code, in a **Lambda durable function**. It is not simulated here, so
# this is only an outlook:
#
# | Step Functions (this lab) | Lambda durable functions |
# | --- | --- |
# | a definition in JSON, drawn as a graph | code in your language, with steps and waits |
# | remembers the state of each execution | writes a checkpoint after each step, and replays the code after a wait |
# | a Standard execution lasts up to a year | an execution lasts up to a year |
# | calls AWS services without code | everything is code |
#
# Both need idempotent steps. The documentation of durable functions begins at
# https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html
#
# ## Finish
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
