# ---
# jupyter:
#   labkit:
#     number: "10"
#     title: Lambda fundamentals
#     week: 8
#     minutes: 85
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
# Here your functions really run. Plan 85 minutes. There is a save point after 10.4.

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
deploy("print-labels", {"app.py": LABELS, "printer.py": PRINTER}, Timeout=10)

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
# and you move it when you are ready.
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
call("hello", {"name": "Elif"}, Qualifier="live")["function"]

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
lambda_client.update_function_configuration(FunctionName="receipt", Layers=[arns[1]])
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
with labkit.expected(ClientError):
    variables = {"STAGE": "dev", "PRICES": json.dumps(LONG)}
    lambda_client.update_function_configuration(
        FunctionName="delivery-fee-dev", Environment={"Variables": variables}
    )

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


# %% wrong because="May the role of the function read the parameter?" finds="answers,fresh"
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


# %% wrong because="Do both stages look in the same place?" finds="answers,fresh"
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
