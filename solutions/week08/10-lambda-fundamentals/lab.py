# ---
# jupyter:
#   labkit:
#     number: "10"
#     title: Lambda fundamentals
#     week: 8
#     minutes: 110
#     services: [lambda, iam, logs, ssm, s3, events]
#     covers: [L128-L132, L135, L138-L139, L146-L150, L159, L161]
#     verified: 2026-11-23
#     objectives:
#       - Package, configure, version and alias a function, and share code between functions.
#       - Say what an environment keeps between two calls, and use it.
#       - Give a function its rights, and say who may call it.
#       - Choose the right way to call it for a small, a large and a very large payload.
# ---

# %% [markdown]
# # Lambda fundamentals
#
# **The story.** Orchard Market has many small jobs: quote a price, print labels, total a receipt. None of them is worth
# a server that runs all night. **AWS Lambda** runs your code when something happens, and you pay for the time it runs.
# Here your functions really run. Plan 110 minutes. There is a save point after 10.4.

# %% setup
import io
import json
import zipfile

import boto3
from botocore.exceptions import ClientError

lambda_client = boto3.client("lambda")
iam = boto3.client("iam")

# %% [markdown]
# ## From code to function
#
# - A **function** is your code with its settings. Something calls it with an **event**: a piece of JSON.
# - The **handler** is the Python function in your code that Lambda calls. It gets the event, and the *context*: facts
#   about this call.
# - The **runtime** is the language in which it runs, such as `python3.13`.
# - The **execution role** is an IAM role. The function works with its rights.
#
# Lambda runs a function in an **execution environment**: a small computer of its own. It is made when a call comes and
# none is free. Then it loads your module once. That is the *init* phase, and the call has a *cold start*. After the call
# the environment is frozen. The next call thaws it and finds everything as it was.
#
# ![An execution environment has an init phase, in which it loads your module once. Then it serves a call, freezes, serves
# the next call, freezes, and so on. When it is idle for long, Lambda takes it away. A second call at the same time gets a
# second environment, with an init phase of its own.](life-cycle.svg)

# %% fact id="F27"

# %% [markdown]
# ## Predict
#
# Think first. Then put a letter into the cell, for example `answer="a"`, and run it.

# %% predict question="what_stays"

# %% [markdown]
# ## Worked example: a first function
#
# First the role. Its *trust policy* says who may work with it: Lambda. Then it gets one right: to write logs.

# %%
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
try:
    iam.create_role(RoleName="orchard-functions", AssumeRolePolicyDocument=json.dumps(TRUST))
except iam.exceptions.EntityAlreadyExistsException:
    pass  # the cell ran before
iam.attach_role_policy(
    RoleName="orchard-functions",
    PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
)
role = iam.get_role(RoleName="orchard-functions")["Role"]["Arn"]

# %% [markdown]
# The next cell has three helpers for this lab. `package` makes a zip file. `deploy` makes a function, or changes it when
# it is there. `call` calls it and waits for its answer. A *waiter* waits until Lambda has finished a change.

# %%
def package(files):
    """A zip file with these files: {"name in the zip": "text of the file"}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def deploy(name, files, **settings):
    """Make the function, or replace its code and settings."""
    settings = {"Runtime": "python3.13", "Handler": "app.handler", "Role": role} | settings
    try:
        lambda_client.create_function(FunctionName=name, Code={"ZipFile": package(files)}, **settings)
    except lambda_client.exceptions.ResourceConflictException:  # it is there already
        lambda_client.update_function_code(FunctionName=name, ZipFile=package(files))
        lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name)
        lambda_client.update_function_configuration(FunctionName=name, **settings)
        lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name)
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name)


def call(name, event, **options):
    """Call the function, wait, and return what it answered."""
    reply = lambda_client.invoke(FunctionName=name, Payload=json.dumps(event), **options)
    answer = json.load(reply["Payload"])
    if "FunctionError" in reply:
        print(f"{name} failed: {answer['errorType']}: {answer['errorMessage']}")
    return answer


# %% [markdown]
# This function counts its calls in a variable outside the handler. It also looks at its context.

# %%
HELLO = '''
print("init: the module is loaded")
calls = 0


def handler(event, context):
    global calls
    calls += 1
    print("handler: call number", calls)
    return {
        "hello": event["name"],
        "call": calls,
        "function": context.function_name,
        "memory_mb": context.memory_limit_in_mb,
        "milliseconds_left": context.get_remaining_time_in_millis(),
    }
'''
deploy("hello", {"app.py": HELLO})
for name in ["Amara", "Bao", "Chloé"]:
    print(call("hello", {"name": name}))
lab.clock.advance(hours=1)
print("An hour later:")
print(call("hello", {"name": "Dilnoza"}))

# %% [markdown]
# Each bar below is one execution environment. What the function printed is in CloudWatch Logs, in a log group with the
# function's name.

# %%
lab.timeline("hello", kind="functions")

# %%
logs = boto3.client("logs")
for line in logs.filter_log_events(logGroupName="/aws/lambda/hello")["events"][:6]:
    print(line["message"])

# %% fact id="F28"

# %% fact id="F34"

# %% [markdown]
# ## 10.1 · A price quote that starts
#
# *Story.* The shop asks `price-quote` what an order costs with delivery. A colleague wrote the code below. It is right:
# you don't have to change it. The package is not right, and every call fails.

# %%
QUOTE = '''
from delivery import fee


def quote(event, context):
    """What an order costs, with delivery, in cents."""
    goods = sum(line["cents"] * line["count"] for line in event["lines"])
    return {"order": event["order"], "cents": goods + fee(event["zone"])}
'''
DELIVERY = '''
FEES = {"near": 290, "far": 590, "abroad": 1490}


def fee(zone):
    return FEES[zone]
'''
EXAMPLE = {"order": "demo-1", "lines": [{"cents": 450, "count": 2}], "zone": "near"}

# %% [markdown]
# *Task.* Run the cell and read the error. Repair one fault, run it again, and read the next error. There are three faults.
# In the end `price-quote` has to answer `1190` for the example.
#
# The *handler* setting is an address: the file without `.py`, a dot, and the name of the Python function.

# %% stub exercise="price_quote"
deploy("price-quote", {"price_quote/app.py": QUOTE}, Handler="app.lambda_handler")
call("price-quote", EXAMPLE)

# %% solution
deploy("price-quote", {"app.py": QUOTE, "delivery.py": DELIVERY}, Handler="app.quote")
call("price-quote", EXAMPLE)  # survives: it only shows that it works

# %% right because="the folder stays, and the address says so"
deploy(
    "price-quote", {"price_quote/app.py": QUOTE, "delivery.py": DELIVERY}, Handler="price_quote.app.quote"
)

# %% right because="a small file of its own gives the handler its name, by plain calls of the API"
files = {"quotes.py": QUOTE, "delivery.py": DELIVERY, "main.py": "from quotes import quote as lambda_handler"}
lambda_client.create_function(
    FunctionName="price-quote",
    Runtime="python3.14",
    Handler="main.lambda_handler",
    Role=role,
    Code={"ZipFile": package(files)},
)

# %% wrong because="Is the file still in a folder of the zip, where the handler setting does not look?" finds="module"
deploy(
    "price-quote",
    {"price_quote/app.py": QUOTE, "price_quote/delivery.py": DELIVERY},
    Handler="app.quote",
)

# %% wrong because="Is the other file still in the folder, where Python does not look?" finds="imports"
deploy(
    "price-quote",
    {"price_quote/app.py": QUOTE, "price_quote/delivery.py": DELIVERY},
    Handler="price_quote.app.quote",
)

# %% wrong because="Does the code import a file that is not in the package?" finds="imports"
deploy("price-quote", {"app.py": QUOTE}, Handler="app.quote")

# %% wrong because="Is the second half of the handler setting the name of a function in that file?" finds="handler"
deploy("price-quote", {"app.py": QUOTE, "delivery.py": DELIVERY}, Handler="app.handler")

# %% wrong because="Is the first half of the handler setting the name of the function, and not of the file?" finds="module"
deploy("price-quote", {"app.py": QUOTE, "delivery.py": DELIVERY}, Handler="price-quote.quote")

# %% wrong because="Did you repair the import by writing a fee into the code, the same for all zones?" finds="answers"
deploy(
    "price-quote",
    {"app.py": QUOTE, "delivery.py": "def fee(zone):\n    return 290\n"},
    Handler="app.quote",
)

# %% wrong because="Does the function have another name?" finds="exists"
deploy("price_quote", {"app.py": QUOTE, "delivery.py": DELIVERY}, Handler="app.quote")

# %% check
lab.check("price_quote")

# %% [markdown]
# ## When time runs out
#
# A function has a **timeout**. When it is over, Lambda ends the environment in the middle of whatever it does. The
# default is 3 seconds.

# %% fact id="F33"

# %% [markdown]
# ## Break it: a job that is too long
#
# A job of 900 labels takes about 50 seconds. The function may take 10. Look how far it comes, and what you get back.
# (`time.sleep` inside a function lets the time of the lab pass. You don't wait for it.)

# %%
PRINTER = '''
import random
import time


def label(job, number, pace):
    """Print one label. It takes about `pace` seconds, now and then four times as long."""
    dice = random.Random(f"{job}/{number}")
    time.sleep(pace * (4 if dice.random() < 0.05 else dice.uniform(0.6, 1.2)))
    print(f"label {job} {number}")
'''
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)
call("print-labels", {"job": "demo", "start": 0, "labels": 900, "pace": 0.05})

# %%
printed = logs.filter_log_events(logGroupName="/aws/lambda/print-labels", filterPattern='"label demo"')["events"]
print(len(printed), "labels are printed. Which one is next? The answer of the function did not say.")

# %% [markdown]
# ## 10.2 · Stop before the clock does
#
# *Story.* The label printer belongs to all teams. No call may hold it for longer than 10 seconds.
#
# *Task.* Change the code so that a long job takes several calls.
#
# - A call ends by itself, at least half a second before its 10 seconds are over. It returns `{"next": n}`: the number of
#   the first label that is not printed yet. The slowest label takes 0.8 seconds.
# - The next call gets that number as `start` and goes on. No label is printed twice, none is left out.
# - When all labels are printed, it returns `{"next": None}`.
# - Don't give up early: a call that leaves work should have used six of its ten seconds.

# %% stub exercise="checkpoint"
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        # How much time is left here?
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% solution
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        if context.get_remaining_time_in_millis() < 1500:
            return {"next": number}
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)  # survives: the time limit is set already, and nine seconds are safe, too

# %% right because="it works out its own deadline, and counts in a while loop"
LABELS = '''
import time
from printer import label


def handler(event, context):
    number, end = event["start"], time.time() + context.get_remaining_time_in_millis() / 1000 - 2
    while number < event["labels"] and time.time() < end:
        label(event["job"], number, event["pace"])
        number += 1
    return {"next": number if number < event["labels"] else None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Do you stop after a number of labels, however long each of them takes?" finds="early,all"
LABELS = '''
import printer


def handler(event, context):
    end = min(event["labels"], event["start"] + 150)
    for number in range(event["start"], end):
        printer.label(event["job"], number, event["pace"])
    return {"next": end if end < event["labels"] else None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Did you give the function more time instead?" finds="early"
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=900)

# %% wrong because="Do you look at the time after the label was printed, and then return that same label?" finds="once"
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        printer.label(event["job"], number, event["pace"])
        if context.get_remaining_time_in_millis() < 1500:
            return {"next": number}
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Does the call skip the label it had no time for?" finds="all"
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        if context.get_remaining_time_in_millis() < 1500:
            return {"next": number + 1}
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Is less than one label's time left when you look?" finds="early,all"
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        if context.get_remaining_time_in_millis() < 300:
            return {"next": number}
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Is the end of the job a number, too?" finds="done"
LABELS = '''
import printer


def handler(event, context):
    number = event["start"]
    while number < event["labels"] and context.get_remaining_time_in_millis() >= 1500:
        printer.label(event["job"], number, event["pace"])
        number += 1
    return {"next": number}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Is the number in the answer a text?" finds="all"
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        if context.get_remaining_time_in_millis() < 1500:
            return {"next": str(number)}
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Milliseconds for seconds?" finds="busy"
LABELS = '''
import printer


def handler(event, context):
    for number in range(event["start"], event["labels"]):
        if number > event["start"] and context.get_remaining_time_in_millis() / 1000 < 1500:
            return {"next": number}
        printer.label(event["job"], number, event["pace"])
    return {"next": None}
'''
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% wrong because="Is the file `printer.py` missing from the package?" finds="runs"
deploy("print-labels", {"app.py": LABELS}, Timeout=10)

# %% wrong because="Did you deploy it under another name?" finds="exists"
lambda_client.delete_function(FunctionName="print-labels")
deploy("print-all-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

# %% check
lab.check("checkpoint")

# %% [markdown]
# ## Versions, aliases and layers
#
# `$LATEST` is the code that you change. To **publish** makes a **version** of it: a copy of code and settings that never
# changes again. It has a number. An **alias** is a name that points at a version, such as `live`. Callers use the alias,
# and you move it when you are ready. `Qualifier` says which version or alias a call is for. Each version has environments
# of its own.
#
# A **layer** is a zip file that several functions share. Lambda unpacks it into `/opt`. A Python runtime looks for
# modules in `/opt/python`. A layer has versions, too, and a function uses exactly the layer version that you name.

# %% fact id="F29"

# %%
def point(name, alias, version, **more):
    """Make the alias, or move it."""
    try:
        lambda_client.create_alias(FunctionName=name, Name=alias, FunctionVersion=version, **more)
    except lambda_client.exceptions.ResourceConflictException:  # it is there already
        lambda_client.update_alias(FunctionName=name, Name=alias, FunctionVersion=version, **more)


number = lambda_client.publish_version(FunctionName="hello")["Version"]
point("hello", "live", number)
call("hello", {"name": "Elif"}, Qualifier="live")

# %% [markdown]
# Break it: how many layers may a function have?

# %%
shelf = [
    lambda_client.publish_layer_version(
        LayerName=f"shelf-{n}", Content={"ZipFile": package({f"python/shelf_{n}.py": "books = 1"})}
    )["LayerVersionArn"]
    for n in range(6)
]
lambda_client.update_function_configuration(FunctionName="hello", Layers=shelf[:5])
lambda_client.get_waiter("function_updated_v2").wait(FunctionName="hello")
with labkit.expected(ClientError):
    lambda_client.update_function_configuration(FunctionName="hello", Layers=shelf)

# %% [markdown]
# ## 10.3 · Share code, and pin its version
#
# *Story.* Many functions of the shop print amounts. The code for it moves into a layer, `orchard-common`. Then the design
# changes: `EUR 12.50` becomes `12.50 EUR`. The tax office still wants receipts in the old form.

# %%
COMMON_1 = '''
def money(cents):
    return f"EUR {cents / 100:.2f}"
'''
COMMON_2 = '''
def money(cents):
    return f"{cents / 100:.2f} EUR"
'''
RECEIPT = '''
import orchard_common


def handler(event, context):
    return {"order": event["order"], "total": orchard_common.money(event["cents"])}
'''

# %% [markdown]
# *Task.*
#
# 1. Publish `COMMON_1` as a layer `orchard-common`. The code imports it as `orchard_common`.
# 2. Deploy `receipt` with this layer version, publish a version of it, and point the alias `stable` at it.
# 3. Publish `COMMON_2` as the second version of the layer. Give it to `receipt`, publish again, and point the alias
#    `next` at that version.
#
# `deploy` takes the setting `Layers=[arn]`. The function below gives you the ARN of a layer *version*: its last part is
# the number. The first version comes out wrong. Look at the error.

# %% stub exercise="layers"
def publish(text):
    """Publish a layer version with this text; returns its ARN."""
    content = {"ZipFile": package({"orchard_common.py": text})}
    return lambda_client.publish_layer_version(LayerName="orchard-common", Content=content)["LayerVersionArn"]


deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_1)])
call("receipt", {"order": "demo-2", "cents": 1250})

# %% solution
def publish(text):
    """Publish a layer version with this text; returns its ARN."""
    content = {"ZipFile": package({"python/orchard_common.py": text})}
    return lambda_client.publish_layer_version(LayerName="orchard-common", Content=content)["LayerVersionArn"]  # survives: any name will do


deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_1)])
point("receipt", "stable", lambda_client.publish_version(FunctionName="receipt")["Version"])
deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_2)])
point("receipt", "next", lambda_client.publish_version(FunctionName="receipt")["Version"])

# %% right because="both layer versions first, and the versions of the function by `Publish=True`"
arns = []
for text in (COMMON_1, COMMON_2):
    zipped = package({"python/orchard_common/__init__.py": text})
    made = lambda_client.publish_layer_version(
        LayerName="orchard-common", Content={"ZipFile": zipped}, CompatibleRuntimes=["python3.13", "python3.14"]
    )
    arns.append(made["LayerVersionArn"])

first = lambda_client.create_function(
    FunctionName="receipt",
    Runtime="python3.13",
    Handler="app.handler",
    Role=role,
    Code={"ZipFile": package({"app.py": RECEIPT})},
    Layers=[arns[0]],
    Publish=True,
)
lambda_client.create_alias(FunctionName="receipt", Name="stable", FunctionVersion=first["Version"])
lambda_client.get_waiter("function_active_v2").wait(FunctionName="receipt")
lambda_client.update_function_configuration(FunctionName="receipt", Layers=[arns[1]])
lambda_client.get_waiter("function_updated_v2").wait(FunctionName="receipt")
second = lambda_client.publish_version(FunctionName="receipt")
lambda_client.create_alias(FunctionName="receipt", Name="next", FunctionVersion=second["Version"])

# %% wrong because="In which folder of a layer does Python look?" finds="starts"
def publish(text):
    content = {"ZipFile": package({"orchard_common.py": text})}
    return lambda_client.publish_layer_version(LayerName="orchard-common", Content=content)["LayerVersionArn"]


deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_1)])
point("receipt", "stable", lambda_client.publish_version(FunctionName="receipt")["Version"])
deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_2)])
point("receipt", "next", lambda_client.publish_version(FunctionName="receipt")["Version"])

# %% wrong because="Does `stable` point at `$LATEST`, which changes whenever you deploy?" finds="old,pinned"
def publish(text):
    content = {"ZipFile": package({"python/orchard_common.py": text})}
    return lambda_client.publish_layer_version(LayerName="orchard-common", Content=content)["LayerVersionArn"]


deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_1)])
point("receipt", "stable", "$LATEST")
deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_2)])
point("receipt", "next", lambda_client.publish_version(FunctionName="receipt")["Version"])

# %% wrong because="Is the code in the function's own zip file, and not in a layer?" finds="layer"
deploy("receipt", {"app.py": RECEIPT, "orchard_common.py": COMMON_1})
point("receipt", "stable", lambda_client.publish_version(FunctionName="receipt")["Version"])
deploy("receipt", {"app.py": RECEIPT, "orchard_common.py": COMMON_2})
point("receipt", "next", lambda_client.publish_version(FunctionName="receipt")["Version"])

# %% wrong because="Did `receipt` get the second version of the layer before you published it again?" finds="new"
def publish(text):
    content = {"ZipFile": package({"python/orchard_common.py": text})}
    return lambda_client.publish_layer_version(LayerName="orchard-common", Content=content)["LayerVersionArn"]


deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_1)])
point("receipt", "stable", lambda_client.publish_version(FunctionName="receipt")["Version"])
publish(COMMON_2)
point("receipt", "next", lambda_client.publish_version(FunctionName="receipt")["Version"])

# %% wrong because="Is one of the two aliases missing?" finds="aliases"
def publish(text):
    content = {"ZipFile": package({"python/orchard_common.py": text})}
    return lambda_client.publish_layer_version(LayerName="orchard-common", Content=content)["LayerVersionArn"]


deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_1)])
point("receipt", "stable", lambda_client.publish_version(FunctionName="receipt")["Version"])
deploy("receipt", {"app.py": RECEIPT}, Layers=[publish(COMMON_2)])

# %% wrong because="Does the function have another name?" finds="exists"
deploy("receipts", {"app.py": RECEIPT})

# %% check
lab.check("layers")

# %% [markdown]
# ## Configuration
#
# An **environment variable** is a named text beside the code. The function reads it from `os.environ`. So the same code can
# serve test and production. The role says what else the function may read.

# %% fact id="F37"

# %% [markdown]
# ## Break it: five kilobytes
#
# The next function gets its whole price list in one environment variable. That works as long as the list is short.

# %%
FEE = '''
import json
import os

prices = json.loads(os.environ["PRICES"])


def handler(event, context):
    return {"stage": os.environ["STAGE"], "cents": prices[event["village"]]}
'''
SHORT = {"Oakham": 350, "Ashby": 420}
LONG = {f"village-{n:03}": 300 + n for n in range(250)}
for stage in ("dev", "prod"):
    variables = {"STAGE": stage, "PRICES": json.dumps(SHORT)}
    deploy(f"delivery-fee-{stage}", {"app.py": FEE}, Environment={"Variables": variables})
print(call("delivery-fee-dev", {"village": "Ashby"}))

print(f"The long list has {len(json.dumps(LONG)):,} characters.")
try:
    variables = {"STAGE": "dev", "PRICES": json.dumps(LONG)}
    lambda_client.update_function_configuration(
        FunctionName="delivery-fee-dev", Environment={"Variables": variables}
    )
except ClientError as error:
    print(error.response["Error"]["Message"].partition(" String")[0])  # AWS goes on and quotes the whole list

# %% [markdown]
# ## 10.4 · One code, two stages, long lists
#
# *Story.* Both stages have long price lists of their own, about 5 KB. The people who set the prices must not deploy code.
#
# *Task.* Keep the lists in Parameter Store or in S3. An environment variable tells each function where to look.
#
# - `delivery-fee-dev` and `delivery-fee-prod` have the same code. Each answers from the list of its own stage, and names
#   its stage.
# - `set_prices(stage, prices)` sets the list of one stage. The new prices are in force within five minutes, also when the
#   function has been busy all the time. The other stage does not change.
# - The role `orchard-functions` needs the right to read the lists. Add it with `put_role_policy`.
#
# A *standard* parameter holds 4,096 characters, an *advanced* one 8 KB. An object in S3 can be far larger.
# A function calls AWS with `boto3`, as you do here. Lambda's Python runtimes have it.

# %% stub exercise="configuration"
def set_prices(stage, prices):
    variables = {"STAGE": stage, "PRICES": json.dumps(prices)}
    lambda_client.update_function_configuration(
        FunctionName=f"delivery-fee-{stage}", Environment={"Variables": variables}
    )


set_prices("dev", SHORT)
call("delivery-fee-dev", {"village": "Oakham"})

# %% solution
FEE = '''
import json
import os

import boto3

ssm = boto3.client("ssm")


def handler(event, context):
    parameter = ssm.get_parameter(Name=os.environ["CONFIG_NAME"])["Parameter"]
    prices = json.loads(parameter["Value"])
    return {"stage": os.environ["STAGE"], "cents": prices[event["village"]]}
'''
may_read = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:*:*:parameter/orchard/*"}
iam.put_role_policy(
    RoleName="orchard-functions",
    PolicyName="read-prices",  # survives: any name will do
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may_read]}),
)
for stage in ("dev", "prod"):
    variables = {"STAGE": stage, "CONFIG_NAME": f"/orchard/{stage}/prices"}
    deploy(f"delivery-fee-{stage}", {"app.py": FEE}, Environment={"Variables": variables})


def set_prices(stage, prices):
    boto3.client("ssm").put_parameter(
        Name=f"/orchard/{stage}/prices", Value=json.dumps(prices), Type="String", Tier="Advanced", Overwrite=True
    )


# %% right because="an object in S3, read again when it is older than a minute"
FEE = '''
import json
import os
import time

import boto3

s3 = boto3.client("s3")
kept = {"at": 0}


def handler(event, context):
    if time.time() - kept["at"] > 60:
        body = s3.get_object(Bucket=os.environ["BUCKET"], Key=os.environ["STAGE"] + ".json")["Body"]
        kept.update(at=time.time(), prices=json.load(body))
    return {"stage": os.environ["STAGE"], "cents": kept["prices"][event["village"]]}
'''
account = boto3.client("sts").get_caller_identity()["Account"]
bucket = boto3.resource("s3").Bucket(f"orchard-prices-{account}")
bucket.create(CreateBucketConfiguration={"LocationConstraint": boto3.Session().region_name})
boto3.resource("iam").Role("orchard-functions").Policy("prices").put(
    PolicyDocument=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket.name}/*"},
        }
    )
)
for stage in ("dev", "prod"):
    deploy(
        f"delivery-fee-{stage}",
        {"app.py": FEE},
        Environment={"Variables": {"STAGE": stage, "BUCKET": bucket.name}},
    )


def set_prices(stage, prices):
    bucket.put_object(Key=f"{stage}.json", Body=json.dumps(prices).encode())


# %% right because="read once at init, and a new setting makes Lambda start new environments"
FEE = '''
import json
import os

import boto3

parameter = boto3.client("ssm").get_parameter(Name=os.environ["WHERE"])["Parameter"]
prices = json.loads(parameter["Value"])


def handler(event, context):
    return {"stage": os.environ["STAGE"], "cents": prices[event["village"]]}
'''
allowed = {"Effect": "Allow", "Action": ["ssm:GetParameter"], "Resource": ["*"]}
iam.put_role_policy(
    RoleName="orchard-functions",
    PolicyName="prices",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
)
for stage in ("dev", "prod"):
    deploy(
        f"delivery-fee-{stage}",
        {"app.py": FEE},
        Environment={"Variables": {"STAGE": stage, "WHERE": f"/{stage}"}},
    )


def set_prices(stage, prices):
    made = boto3.client("ssm").put_parameter(
        Name=f"/{stage}", Value=json.dumps(prices), Type="String", Tier="Intelligent-Tiering", Overwrite=True
    )
    variables = {"STAGE": stage, "WHERE": f"/{stage}", "PRICES_VERSION": str(made["Version"])}
    lambda_client.update_function_configuration(
        FunctionName=f"delivery-fee-{stage}", Environment={"Variables": variables}
    )


# %% wrong because="Is the list still in the environment?" finds="runs"
def set_prices(stage, prices):
    variables = {"STAGE": stage, "PRICES": json.dumps(prices)}
    lambda_client.update_function_configuration(
        FunctionName=f"delivery-fee-{stage}", Environment={"Variables": variables}
    )


# %% wrong because="Is the parameter a standard one?" finds="runs"
def set_prices(stage, prices):
    boto3.client("ssm").put_parameter(
        Name=f"/orchard/{stage}/prices", Value=json.dumps(prices), Type="String", Overwrite=True
    )


# %% wrong because="May the role of the function read the parameter?" finds="answers"
FEE = '''
import json
import os

import boto3

ssm = boto3.client("ssm")


def handler(event, context):
    prices = json.loads(ssm.get_parameter(Name=os.environ["CONFIG_NAME"])["Parameter"]["Value"])
    return {"stage": os.environ["STAGE"], "cents": prices[event["village"]]}
'''
for stage in ("dev", "prod"):
    variables = {"STAGE": stage, "CONFIG_NAME": f"/orchard/{stage}/prices"}
    deploy(f"delivery-fee-{stage}", {"app.py": FEE}, Environment={"Variables": variables})


def set_prices(stage, prices):
    boto3.client("ssm").put_parameter(
        Name=f"/orchard/{stage}/prices", Value=json.dumps(prices), Type="String", Tier="Advanced", Overwrite=True
    )


# %% wrong because="Is the list read once, outside the handler, and then kept as long as the environment lives?" finds="fresh"
FEE = '''
import json
import os

import boto3

parameter = boto3.client("ssm").get_parameter(Name=os.environ["CONFIG_NAME"])["Parameter"]
prices = json.loads(parameter["Value"])


def handler(event, context):
    return {"stage": os.environ["STAGE"], "cents": prices[event["village"]]}
'''
may_read = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:*:*:parameter/orchard/*"}
iam.put_role_policy(
    RoleName="orchard-functions",
    PolicyName="read-prices",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may_read]}),
)
for stage in ("dev", "prod"):
    variables = {"STAGE": stage, "CONFIG_NAME": f"/orchard/{stage}/prices"}
    deploy(f"delivery-fee-{stage}", {"app.py": FEE}, Environment={"Variables": variables})


def set_prices(stage, prices):
    boto3.client("ssm").put_parameter(
        Name=f"/orchard/{stage}/prices", Value=json.dumps(prices), Type="String", Tier="Advanced", Overwrite=True
    )


# %% wrong because="Do both stages look in the same place?" finds="answers"
FEE = '''
import json
import os

import boto3

ssm = boto3.client("ssm")


def handler(event, context):
    prices = json.loads(ssm.get_parameter(Name="/orchard/prices")["Parameter"]["Value"])
    return {"stage": os.environ["STAGE"], "cents": prices[event["village"]]}
'''
may_read = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
iam.put_role_policy(
    RoleName="orchard-functions",
    PolicyName="read-prices",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may_read]}),
)
for stage in ("dev", "prod"):
    deploy(f"delivery-fee-{stage}", {"app.py": FEE}, Environment={"Variables": {"STAGE": stage}})


def set_prices(stage, prices):
    boto3.client("ssm").put_parameter(
        Name="/orchard/prices", Value=json.dumps(prices), Type="String", Tier="Advanced", Overwrite=True
    )


# %% wrong because="Is the stage written into the code?" finds="same"
may_read = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
iam.put_role_policy(
    RoleName="orchard-functions",
    PolicyName="read-prices",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may_read]}),
)
for stage in ("dev", "prod"):
    code = f'''
import json

import boto3

ssm = boto3.client("ssm")


def handler(event, context):
    prices = json.loads(ssm.get_parameter(Name="/orchard/{stage}")["Parameter"]["Value"])
    return {{"stage": "{stage}", "cents": prices[event["village"]]}}
'''
    deploy(f"delivery-fee-{stage}", {"app.py": code})


def set_prices(stage, prices):
    boto3.client("ssm").put_parameter(
        Name=f"/orchard/{stage}", Value=json.dumps(prices), Type="String", Tier="Advanced", Overwrite=True
    )


# %% wrong because="Did you delete one of the two functions?" finds="exists"
lambda_client.delete_function(FunctionName="delivery-fee-prod")


def set_prices(stage, prices):
    pass


# %% check
lab.check("configuration", set_prices=set_prices)

# %% [markdown]
# ## Save point
#
# You are half-way. Your progress is saved already. The next cell also keeps a copy of the account in this session. Take a
# break.

# %%
lab.snapshot("half-time")

# %% [markdown]
# ## Two versions at once
#
# An alias can send a share of its calls to a second version. So a new version meets real customers, but few of them. The
# share is a chance, thrown for each call: of 2,000 calls, about 200 go to a version with weight 0.1.

# %% predict question="what_a_version_sees"

# %%
BLUE = '''
def handler(event, context):
    return {"order": event["order"], "button": "blue", "version": context.function_version}
'''
GREEN = BLUE.replace("blue", "green")

# %% [markdown]
# Break it: can `$LATEST` be one of the two?

# %%
deploy("checkout", {"app.py": BLUE})
first = lambda_client.publish_version(FunctionName="checkout")["Version"]
with labkit.expected(ClientError):
    point("checkout", "trial", "$LATEST", RoutingConfig={"AdditionalVersionWeights": {first: 0.1}})

# %% [markdown]
# ## 10.5 · Ten percent green
#
# *Story.* The checkout button is blue. Somebody wants it green. The shop tries it with one customer in ten.
#
# *Task.*
#
# 1. The alias `live` of the function `checkout` sends 90 % of the calls to a version with the code `BLUE`, and 10 % to a
#    version with the code `GREEN`.
# 2. Colleagues go on working on `$LATEST`. Callers of `live` must not notice.
# 3. Write `roll_back()`. With one call of the API it sends all customers back to blue.

# %% stub exercise="weighted_alias"
deploy("checkout", {"app.py": GREEN})
point("checkout", "live", "$LATEST")


def roll_back():
    pass


# %% solution
deploy("checkout", {"app.py": BLUE})  # survives: the cell above has deployed it
blue = lambda_client.publish_version(FunctionName="checkout")["Version"]
deploy("checkout", {"app.py": GREEN})
green = lambda_client.publish_version(FunctionName="checkout")["Version"]
point("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: 0.1}})


def roll_back():
    lambda_client.update_alias(
        FunctionName="checkout", Name="live", RoutingConfig={"AdditionalVersionWeights": {}}
    )


# %% right because="the alias points at green, and blue has the larger weight"
deploy("checkout", {"app.py": BLUE})
old = lambda_client.publish_version(FunctionName="checkout", Description="blue")["Version"]
new = lambda_client.update_function_code(FunctionName="checkout", ZipFile=package({"app.py": GREEN}), Publish=True)
lambda_client.create_alias(
    FunctionName="checkout",
    Name="live",
    FunctionVersion=new["Version"],
    RoutingConfig={"AdditionalVersionWeights": {old: 0.9}},
)


def roll_back():
    lambda_client.update_alias(
        FunctionName="checkout", Name="live", FunctionVersion=old, RoutingConfig={"AdditionalVersionWeights": {}}
    )


# %% wrong because="Does the second version get 90 % instead of 10 %?" finds="share"
deploy("checkout", {"app.py": BLUE})
blue = lambda_client.publish_version(FunctionName="checkout")["Version"]
deploy("checkout", {"app.py": GREEN})
green = lambda_client.publish_version(FunctionName="checkout")["Version"]
point("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: 0.9}})


def roll_back():
    lambda_client.update_alias(
        FunctionName="checkout", Name="live", RoutingConfig={"AdditionalVersionWeights": {}}
    )


# %% wrong because="Is a weight of 0.01 ten percent?" finds="share"
deploy("checkout", {"app.py": BLUE})
blue = lambda_client.publish_version(FunctionName="checkout")["Version"]
deploy("checkout", {"app.py": GREEN})
green = lambda_client.publish_version(FunctionName="checkout")["Version"]
point("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: 0.01}})


def roll_back():
    lambda_client.update_alias(
        FunctionName="checkout", Name="live", RoutingConfig={"AdditionalVersionWeights": {}}
    )


# %% wrong because="Does the alias point at `$LATEST`, the code that everybody works on?" finds="share,apart,back"
deploy("checkout", {"app.py": GREEN})
point("checkout", "live", "$LATEST")


def roll_back():
    lambda_client.update_alias(FunctionName="checkout", Name="live", FunctionVersion="$LATEST")


# %% wrong because="Is the weight still there after the rollback?" finds="back"
deploy("checkout", {"app.py": BLUE})
blue = lambda_client.publish_version(FunctionName="checkout")["Version"]
deploy("checkout", {"app.py": GREEN})
green = lambda_client.publish_version(FunctionName="checkout")["Version"]
point("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: 0.1}})


def roll_back():
    lambda_client.update_alias(FunctionName="checkout", Name="live", FunctionVersion=blue)


# %% wrong because="Does the rollback deploy the old code once more?" finds="one"
deploy("checkout", {"app.py": BLUE})
blue = lambda_client.publish_version(FunctionName="checkout")["Version"]
deploy("checkout", {"app.py": GREEN})
green = lambda_client.publish_version(FunctionName="checkout")["Version"]
point("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: 0.1}})


def roll_back():
    deploy("checkout", {"app.py": BLUE})
    version = lambda_client.publish_version(FunctionName="checkout")["Version"]
    point("checkout", "live", version, RoutingConfig={"AdditionalVersionWeights": {}})


# %% wrong because="Which argument does `update_alias` need, and did not get?" finds="runs"
deploy("checkout", {"app.py": BLUE})
blue = lambda_client.publish_version(FunctionName="checkout")["Version"]
deploy("checkout", {"app.py": GREEN})
green = lambda_client.publish_version(FunctionName="checkout")["Version"]
point("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: 0.1}})


def roll_back():
    lambda_client.update_alias(Name="live", RoutingConfig={"AdditionalVersionWeights": {}})


# %% wrong because="Is there an alias `live`?" finds="exists"
deploy("checkout", {"app.py": BLUE})
blue = lambda_client.publish_version(FunctionName="checkout")["Version"]


def roll_back():
    pass


# %% check
lab.check("weighted_alias", roll_back=roll_back)

# %% [markdown]
# The console shows your functions with their versions and aliases, drawn from the account.

# %%
lab.console("lambda")

# %% [markdown]
# ## What lives outside the handler
#
# To open a connection to a database takes time, and the database allows only so many. So open it once and keep it: outside
# the handler, in a variable of the module. The environment keeps it while it is frozen.
#
# Something can happen meanwhile. While the environment is frozen, nothing in it runs. The database may close a connection
# that was silent for long, and your code does not hear of it. The next query fails. Then you need a new one.

# %% fact id="F41"

# %% [markdown]
# The shop's database is a small module, `shopdb`, in a layer. It writes a line into the log for each new connection. A
# query takes a fifth of a second. After eight silent minutes the server closes a connection, and a query on it raises
# `ConnectionLost`.

# %%
SHOPDB = '''
import time


class ConnectionLost(Exception):
    """The server has closed this connection."""


class Connection:
    def __init__(self):
        print("shopdb: a new connection")
        self.used = time.time()

    def customer(self, number):
        """Look a customer up."""
        if time.time() - self.used > 8 * 60:
            raise ConnectionLost("closed by the server after 8 silent minutes")
        time.sleep(0.2)
        self.used = time.time()
        return {"customer": number, "points": number * 7 % 1000}


def connect():
    return Connection()
'''
shopdb = lambda_client.publish_layer_version(
    LayerName="shopdb", Content={"ZipFile": package({"python/shopdb.py": SHOPDB})}
)["LayerVersionArn"]

# %% [markdown]
# ## 10.6 · One connection for each environment
#
# *Story.* The function `customer-points` opens a connection for each call. On Saturday the database had no connection left,
# and the shop stood still.
#
# *Task.* Change the code.
#
# - 200 calls on 5 environments open 5 connections at most.
# - A call whose connection was closed by the server still gets its answer. After that, the next calls use the new
#   connection.

# %% stub exercise="connection"
POINTS = '''
import shopdb


def handler(event, context):
    connection = shopdb.connect()
    return connection.customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])
call("customer-points", {"customer": 12})

# %% solution
POINTS = '''
import shopdb

connection = None


def handler(event, context):
    global connection
    if connection is None:
        connection = shopdb.connect()
    try:
        return connection.customer(event["customer"])
    except shopdb.ConnectionLost:
        connection = shopdb.connect()
        return connection.customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])

# %% right because="connected at init, and kept in a class of its own"
POINTS = '''
import shopdb


class Database:
    def __init__(self):
        self.connection = shopdb.connect()

    def customer(self, number):
        for attempt in (1, 2):
            try:
                return self.connection.customer(number)
            except shopdb.ConnectionLost:
                self.connection = shopdb.connect()


database = Database()


def handler(event, context):
    return database.customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb], Timeout=10)

# %% right because="a connection that was silent for five minutes is replaced before it can fail"
POINTS = '''
import time

import shopdb

kept = {}


def handler(event, context):
    if "connection" not in kept or time.time() - kept["at"] > 300:
        kept["connection"] = shopdb.connect()
    kept["at"] = time.time()
    return kept["connection"].customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])

# %% wrong because="Does each call open a connection?" finds="few,mended"
POINTS = '''
import shopdb


def handler(event, context):
    connection = shopdb.connect()
    return connection.customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])

# %% wrong because="A pool of 20 in each environment, and one call at a time to use it?" finds="few"
POINTS = '''
import random

import shopdb

pool = [shopdb.connect() for _ in range(20)]


def handler(event, context):
    try:
        return random.choice(pool).customer(event["customer"])
    except shopdb.ConnectionLost:
        pool[:] = [shopdb.connect()]
        return pool[0].customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])

# %% wrong because="What happens to a call when the server has closed the connection?" finds="stale"
POINTS = '''
import shopdb

connection = shopdb.connect()


def handler(event, context):
    return connection.customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])

# %% wrong because="Does the handler keep the new connection in a variable of its own?" finds="mended"
POINTS = '''
import shopdb

connection = shopdb.connect()


def handler(event, context):
    try:
        return connection.customer(event["customer"])
    except shopdb.ConnectionLost:
        fresh = shopdb.connect()
        return fresh.customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])

# %% wrong because="Do you answer with an old customer to save the query?" finds="answers"
POINTS = '''
import shopdb

kept = None


def handler(event, context):
    global kept
    if kept is None:
        kept = shopdb.connect().customer(event["customer"])
    return kept
'''
deploy("customer-points", {"app.py": POINTS}, Layers=[shopdb])

# %% wrong because="Did the function lose its layer?" finds="answers"
POINTS = '''
import shopdb

connection = shopdb.connect()


def handler(event, context):
    return connection.customer(event["customer"])
'''
deploy("customer-points", {"app.py": POINTS})

# %% wrong because="Does the function have another name?" finds="exists"
deploy("points", {"app.py": "def handler(event, context): return None"})

# %% check
lab.check("connection")

# %% [markdown]
# ## Two directions of permission
#
# The **execution role** says what the function may do: outwards. The **resource policy** says who may call it: inwards. It
# belongs to the function, and `add_permission` adds one statement to it. Services such as EventBridge and S3 need one.
#
# ![On the left, a rule and a bucket call the function: the resource policy of the function decides. On the right, the
# function reads a parameter and writes a log: its execution role decides.](permissions.svg)

# %% fact id="F30"

# %% [markdown]
# A rule of EventBridge sends events that match a pattern to its *targets*. S3 can call a function when a file arrives. The
# next cell makes a function, a rule and a bucket. Unless you ask for a namespace of your own, the name of a bucket must be
# unique among the buckets of all customers. So the account number stands in it.

# %%
events = boto3.client("events")
s3 = boto3.client("s3")
account = boto3.client("sts").get_caller_identity()["Account"]
region = lambda_client.meta.region_name

STOCK = '''
def handler(event, context):
    print("called by", event.get("source") or event["Records"][0]["eventSource"])
'''
deploy("stock-sync", {"app.py": STOCK})
stock_sync = lambda_client.get_function_configuration(FunctionName="stock-sync")["FunctionArn"]
pattern = json.dumps({"source": ["orchard.warehouse"]})
rule = events.put_rule(Name="new-stock", EventPattern=pattern)["RuleArn"]
events.put_targets(Rule="new-stock", Targets=[{"Id": "stock-sync", "Arn": stock_sync}])
uploads = f"orchard-uploads-{account}"
if uploads not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=uploads, CreateBucketConfiguration={"LocationConstraint": region})
print(rule, uploads, sep="\n")

# %% predict question="without_permission"

# %%
entry = {"Source": "orchard.warehouse", "DetailType": "New stock", "Detail": "{}"}
answer = events.put_events(Entries=[entry])
print("events that failed, says EventBridge:", answer["FailedEntryCount"])
lab.clock.advance(minutes=1)
lab.trace(4)

# %%
notify = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": stock_sync, "Events": ["s3:ObjectCreated:*"]}]}
with labkit.expected(ClientError):
    s3.put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration=notify)

# %% [markdown]
# EventBridge took the event and could not deliver it. Whoever sent it was not told. S3 asks at once, when you connect the
# bucket.
#
# ## 10.7 · Only your rule and your bucket
#
# *Story.* `stock-sync` changes what the shop believes to have. Nobody else may set it off.
#
# *Task.*
#
# - The rule `new-stock` may call `stock-sync`. Another rule may not.
# - The bucket in the variable `uploads` may call it, too. Then connect them, as the cell above tried. Another bucket may
#   not. A bucket of the same name in *another account* may not, either: names of buckets become free when they are deleted.
# - No other service may call it.
#
# `rule` is the ARN of the rule, `account` is your account number. The ARN of a bucket is `arn:aws:s3:::` and its name.
# A statement has an id of your choice. It can be used once, so the lines in the cell take old ones away first.

# %% stub exercise="who_may_call"
for statement in ("from-rule", "from-bucket"):
    try:
        lambda_client.remove_permission(FunctionName="stock-sync", StatementId=statement)
    except lambda_client.exceptions.ResourceNotFoundException:
        pass

# Two permissions, and then the bucket.

# %% solution
for statement in ("from-rule", "from-bucket"):  # survives: there are no old statements yet
    try:  # survives: it takes old statements away, and there are none yet
        lambda_client.remove_permission(FunctionName="stock-sync", StatementId=statement)  # survives: there is none yet
    except lambda_client.exceptions.ResourceNotFoundException:
        pass

lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-rule",  # survives: any id will do
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=rule,
)
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-bucket",  # survives: any id will do
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
    SourceArn=f"arn:aws:s3:::{uploads}",
    SourceAccount=account,
)
s3.put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration=notify)

# %% right because="SourceAccount in both, ids made by a machine, and a boto3 resource for the bucket"
import uuid

grants = {"events.amazonaws.com": rule, "s3.amazonaws.com": f"arn:aws:s3:::{uploads}"}
for principal, source in grants.items():
    lambda_client.add_permission(
        FunctionName=stock_sync,
        StatementId=f"call-{uuid.uuid4()}",
        Action="lambda:InvokeFunction",
        Principal=principal,
        SourceArn=source,
        SourceAccount=account,
    )
boto3.resource("s3").BucketNotification(uploads).put(NotificationConfiguration=notify)

# %% wrong because="May every rule call it?" finds="other_rule"
lambda_client.add_permission(
    FunctionName="stock-sync", StatementId="from-rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
)
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-bucket",
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
    SourceArn=f"arn:aws:s3:::{uploads}",
    SourceAccount=account,
)
s3.put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration=notify)

# %% wrong because="What tells your bucket from one with the same name in another account?" finds="other_account"
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-rule",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=rule,
)
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-bucket",
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
    SourceArn=f"arn:aws:s3:::{uploads}",
)
s3.put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration=notify)

# %% wrong because="Only the account, so any bucket of the account?" finds="other_bucket"
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-rule",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=rule,
)
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-bucket",
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
    SourceAccount=account,
)
s3.put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration=notify)

# %% wrong because="Did you write `*`, so that anybody may call?" finds="other_rule,other_bucket,other_account,stranger"
lambda_client.add_permission(
    FunctionName="stock-sync", StatementId="all", Action="lambda:InvokeFunction", Principal="*"
)
s3.put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration=notify)

# %% wrong because="Is there no statement in the resource policy, only a right of the execution role?" finds="rule,bucket"
may_invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": stock_sync}
iam.put_role_policy(
    RoleName="orchard-functions",
    PolicyName="invoke",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may_invoke]}),
)

# %% wrong because="May the bucket call, and does nobody tell it to?" finds="bucket"
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-rule",
    Action="lambda:InvokeFunction",
    Principal="events.amazonaws.com",
    SourceArn=rule,
)
lambda_client.add_permission(
    FunctionName="stock-sync",
    StatementId="from-bucket",
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
    SourceArn=f"arn:aws:s3:::{uploads}",
    SourceAccount=account,
)

# %% wrong because="Did you delete the function?" finds="exists"
lambda_client.delete_function(FunctionName="stock-sync")

# %% wrong because="Did you delete the rule?" finds="sources"
events.remove_targets(Rule="new-stock", Ids=["stock-sync"])
events.delete_rule(Name="new-stock")

# %% check
lab.check("who_may_call")

# %% [markdown]
# Send the event once more, and a file. Who calls, and what comes of it?

# %%
events.put_events(Entries=[entry])
s3.put_object(Bucket=uploads, Key="tea.csv", Body=b"tea,12")
lab.clock.advance(minutes=1)
lab.trace(6)

# %% [markdown]
# The next cell draws the account as it is now.

# %%
lab.draw()

# %% [markdown]
# ## How much fits into a call
#
# ![Which way for a payload? Going in: the caller needs no answer and the event has at most 1 MB: asynchronous. At most
# 6 MB: synchronous. More: put it into S3 and send a pointer. Coming back: at most 6 MB: return it. Up to 200 MB: stream it,
# with a runtime that can. More, or no streaming: put it into S3 and return a pointer.](payloads.svg)

# %% predict question="which_way_streams"

# %% fact id="F35"

# %% fact id="F36"

# %% [markdown]
# ## Worked example: a photo book
#
# The function `photo-book` gets a dict with `title`, `photos` (a long text) and `size`. It writes down in S3 what arrived,
# makes a book of `size` bytes, and returns what the function `reply` of a second file makes of it. In the place of the
# whole event it also takes a **pointer**: `{"pointer": key}`, the name of an object in the bucket that holds the event.
#
# `opened` does the same for an answer: it gets the text, wherever it is.

# %%
BOOK = '''
import hashlib
import json
import os

import boto3
from replies import reply

s3 = boto3.client("s3")
BUCKET = os.environ["BUCKET"]


def handler(event, context):
    if "pointer" in event:
        event = json.load(s3.get_object(Bucket=BUCKET, Key=event["pointer"])["Body"])
    digest = hashlib.sha256(event["photos"].encode()).hexdigest()
    s3.put_object(Bucket=BUCKET, Key=f"arrived/{event['title']}", Body=digest.encode())
    page = f"{event['title']} "
    return reply((page * (event["size"] // len(page) + 1))[: event["size"]], BUCKET)
'''
books = f"orchard-books-{account}"
if books not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=books, CreateBucketConfiguration={"LocationConstraint": region})
may_use = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{books}/*"}
iam.put_role_policy(
    RoleName="orchard-functions",
    PolicyName="photo-books",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may_use]}),
)


def deploy_book(replies):
    """Deploy `photo-book` with this text as its file `replies.py`."""
    deploy(
        "photo-book",
        {"app.py": BOOK, "replies.py": replies},
        Timeout=30,
        MemorySize=1024,
        Environment={"Variables": {"BUCKET": books}},
    )


def opened(answer):
    """The text of an answer: in the answer itself, or where its pointer points."""
    if "pointer" in answer:
        return s3.get_object(Bucket=books, Key=answer["pointer"])["Body"].read().decode()
    return answer["text"]


# %% [markdown]
# ## 10.8 · Choose the way
#
# *Story.* Some customers send one photo, some send a holiday. Some wait at the counter for their book, some come back
# tomorrow.
#
# *Task.* Write two functions.
#
# `send(request, need_reply)` runs in your notebook. `request` is a dict as above.
#
# - With `need_reply`, it waits and returns the text of the book.
# - Without it, an event of up to 1 MB goes *asynchronously*: the caller does not wait.
# - What fits goes directly. S3 is only for what does not: 1 MB is 1,048,576 bytes of JSON, 6 MB is 6,291,456.
#
# `reply(text, bucket)` runs in the function, in `replies.py`. It returns `{"text": text}` for a book that fits into an
# answer, and `{"pointer": key}` for one that does not. An answer may have 6 MB, too. (Python functions cannot stream
# without help, and streams are not simulated here.)

# %% stub exercise="payloads"
REPLIES = '''
import boto3


def reply(text, bucket):
    return {"text": text}
'''
deploy_book(REPLIES)


def send(request, need_reply):
    answer = lambda_client.invoke(FunctionName="photo-book", Payload=json.dumps(request))
    return opened(json.load(answer["Payload"]))


send({"title": "demo", "photos": "tree lamp cat", "size": 20}, need_reply=True)

# %% solution
REPLIES = '''
import uuid

import boto3

s3 = boto3.client("s3")


def reply(text, bucket):
    if len(text.encode()) < 6_000_000:
        return {"text": text}
    key = f"books/{uuid.uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    return {"pointer": key}
'''
deploy_book(REPLIES)


def send(request, need_reply):
    payload = json.dumps(request).encode()
    if len(payload) > 6_291_456:
        s3.put_object(Bucket=books, Key="requests/" + request["title"], Body=payload)
        payload = json.dumps({"pointer": "requests/" + request["title"]}).encode()
    if len(payload) <= 1_048_576 and not need_reply:
        lambda_client.invoke(FunctionName="photo-book", InvocationType="Event", Payload=payload)
        return None
    answer = lambda_client.invoke(FunctionName="photo-book", Payload=payload)
    return opened(json.load(answer["Payload"]))


# %% right because="without a reply it never waits: what is too large for an event goes through S3"
REPLIES = '''
import boto3


def reply(text, bucket):
    """What json.dumps makes of it has to fit."""
    import json

    answer = {"text": text}
    if len(json.dumps(answer)) > 6 * 1024 * 1024:
        answer = {"pointer": f"books/{hash(text)}"}
        boto3.resource("s3").Object(bucket, answer["pointer"]).put(Body=text.encode())
    return answer
'''
deploy_book(REPLIES)


def send(request, need_reply):
    kind, most = ("RequestResponse", 6 << 20) if need_reply else ("Event", 1 << 20)
    payload = json.dumps(request)
    if len(payload.encode()) > most:
        pointer = f"waiting/{request['title']}.json"
        boto3.resource("s3").Bucket(books).put_object(Key=pointer, Body=payload.encode())
        payload = json.dumps({"pointer": pointer})
    answer = lambda_client.invoke(FunctionName="photo-book", InvocationType=kind, Payload=payload)
    if need_reply:
        return opened(json.loads(answer["Payload"].read()))


# %% wrong because="Do you hold an asynchronous event to 256 KB, the limit until 2025?" finds="direct"
deploy_book(
    """
import uuid

import boto3


def reply(text, bucket):
    if len(text) < 6_000_000:
        return {"text": text}
    key = str(uuid.uuid4())
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    return {"pointer": key}
"""
)


def send(request, need_reply):
    kind, most = ("RequestResponse", 6_291_456) if need_reply else ("Event", 262_144)
    payload = json.dumps(request).encode()
    if len(payload) > most:
        s3.put_object(Bucket=books, Key=request["title"], Body=payload)
        payload = json.dumps({"pointer": request["title"]}).encode()
    answer = lambda_client.invoke(FunctionName="photo-book", InvocationType=kind, Payload=payload)
    return opened(json.load(answer["Payload"])) if need_reply else None


# %% wrong because="Does the caller wait, although nobody needs the answer?" finds="patient"
deploy_book(
    """
import uuid

import boto3


def reply(text, bucket):
    if len(text) < 6_000_000:
        return {"text": text}
    key = str(uuid.uuid4())
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    return {"pointer": key}
"""
)


def send(request, need_reply):
    payload = json.dumps(request).encode()
    if len(payload) > 6_291_456:
        s3.put_object(Bucket=books, Key=request["title"], Body=payload)
        payload = json.dumps({"pointer": request["title"]}).encode()
    answer = lambda_client.invoke(FunctionName="photo-book", Payload=payload)
    return opened(json.load(answer["Payload"]))


# %% wrong because="Is 1.2 MB too large for an asynchronous event?" finds="runs"
deploy_book(
    """
import uuid

import boto3


def reply(text, bucket):
    if len(text) < 6_000_000:
        return {"text": text}
    key = str(uuid.uuid4())
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    return {"pointer": key}
"""
)


def send(request, need_reply):
    kind = "RequestResponse" if need_reply else "Event"
    payload = json.dumps(request).encode()
    if len(payload) > 6_291_456:
        s3.put_object(Bucket=books, Key=request["title"], Body=payload)
        payload = json.dumps({"pointer": request["title"]}).encode()
    answer = lambda_client.invoke(FunctionName="photo-book", InvocationType=kind, Payload=payload)
    return opened(json.load(answer["Payload"])) if need_reply else None


# %% wrong because="Does the answer of a large book fit into a reply?" finds="replies"
deploy_book('def reply(text, bucket):\n    return {"text": text}\n')


def send(request, need_reply):
    kind, most = ("RequestResponse", 6_291_456) if need_reply else ("Event", 1_048_576)
    payload = json.dumps(request).encode()
    if len(payload) > most:
        s3.put_object(Bucket=books, Key=request["title"], Body=payload)
        payload = json.dumps({"pointer": request["title"]}).encode()
    answer = lambda_client.invoke(FunctionName="photo-book", InvocationType=kind, Payload=payload)
    answer = json.load(answer["Payload"]) if need_reply else {}
    return opened(answer) if "text" in answer else None


# %% wrong because="Does every book go through S3, also the small ones?" finds="answered"
deploy_book(
    """
import uuid

import boto3


def reply(text, bucket):
    key = str(uuid.uuid4())
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    return {"pointer": key}
"""
)


def send(request, need_reply):
    kind, most = ("RequestResponse", 6_291_456) if need_reply else ("Event", 1_048_576)
    payload = json.dumps(request).encode()
    if len(payload) > most:
        s3.put_object(Bucket=books, Key=request["title"], Body=payload)
        payload = json.dumps({"pointer": request["title"]}).encode()
    answer = lambda_client.invoke(FunctionName="photo-book", InvocationType=kind, Payload=payload)
    return opened(json.load(answer["Payload"])) if need_reply else None


# %% wrong because="Did you cut the request, so that it fits?" finds="arrive"
deploy_book(
    """
import uuid

import boto3


def reply(text, bucket):
    if len(text) < 6_000_000:
        return {"text": text}
    key = str(uuid.uuid4())
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    return {"pointer": key}
"""
)


def send(request, need_reply):
    kind, most = ("RequestResponse", 6_200_000) if need_reply else ("Event", 1_000_000)
    payload = json.dumps(request | {"photos": request["photos"][:most]}).encode()
    answer = lambda_client.invoke(FunctionName="photo-book", InvocationType=kind, Payload=payload)
    return opened(json.load(answer["Payload"])) if need_reply else None


# %% wrong because="Does the function have another name?" finds="exists"
deploy("photo-books", {"app.py": BOOK})


def send(request, need_reply):
    pass


# %% check
lab.check("payloads", send=send)

# %% [markdown]
# ## What would this cost?
#
# AWS bills requests, and the time a function runs. For an asynchronous event, the fact above gives the rule. How many
# requests does AWS count for one event? Compare it with the way through S3: one request, and one write and one read in S3.
# The prices are examples from the US, in dollars for a million. Put in those of your Region.

# %%
REQUEST, WRITE, READ = 0.20, 5.00, 0.40


def requests_billed(kilobytes):
    """Requests that AWS bills for one asynchronous event."""
    more = max(0, kilobytes - 256)
    return 1 + -(-more // 64)  # each begun 64 KB


for kilobytes in (100, 256, 320, 900, 1024):
    count = requests_billed(kilobytes)
    print(f"{kilobytes:>5} KB: {count:>2} x {REQUEST:.2f} = {count * REQUEST:.2f} dollars for a million events")
print(f"Through S3, any size: {REQUEST:.2f} + {WRITE:.2f} + {READ:.2f} = {REQUEST + WRITE + READ:.2f} dollars")

# %% [markdown]
# ## What differs on real AWS
#
# - A new role or a changed permission needs some seconds to be in force. Here it is at once. A script that makes a role and
#   a function has to try again.
# - A cold start takes from a fraction of a second to seconds. CPU grows with memory. Here neither is so.
# - Every Python runtime here is the Python of your machine. On AWS the runtime id decides, and packages with compiled parts
#   have to be built for Linux.
#
# In a real account, try `aws lambda get-account-settings`. It shows your limits, which may be lower in a new account.

# %% fact id="F43"

# %% [markdown]
# ## Summary
#
# - The handler setting is an address: file, dot, function. What the file imports lies beside it, or in `python/` of a layer.
# - Outside the handler: once for each environment. Inside: for each call. Keep one connection, and be ready to lose it.
# - Ask the context how much time is left. Stop early, and say where to go on.
# - Publish, then point. An alias splits, moves and rolls back with one call.
# - Role: what the function may do. Resource policy: who may call it, with `SourceArn` and, for S3, `SourceAccount`.
# - 1 MB asynchronous, 6 MB synchronous each way, a pointer to S3 for what is larger.
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
