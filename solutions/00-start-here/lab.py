# ---
# jupyter:
#   labkit:
#     number: "00"
#     title: Start here
#     week: 0
#     minutes: 35
#     services: [sts, sqs]
#     covers: []
#     verified: 2026-11-23
#     objectives:
#       - Run cells, read the report of a check, and ask for hints.
#       - Move the lab's clock instead of waiting.
#       - Predict what something would cost, and ask the cost meter.
#       - Say what is simulated here, break it, and undo it.
# ---

# %% [markdown]
# # Start here
#
# You need no AWS account, and you cannot cause a bill. Plan 35 minutes. There is a save point after 00.3.
#
# **How to run a cell.** Click into it, then press Shift and Enter together. Run the cells from top to bottom.

# %% setup
import boto3

sqs = boto3.client("sqs")

# %% [markdown]
# ## What answers when you call AWS
#
# ![Your notebook calls boto3, the AWS library for Python. Boto3 would call AWS, but the lab on your own machine answers:
# a clock you may move, the account 123456789012 with queues and tables that behave, and a record of every call, which
# the checks read. The way to real AWS is closed.](lab-map.svg)
#
# The code you write is real: it would work on AWS just as it works here. Only the answers are **simulated**, that means
# imitated by a program on your machine.

# %% [markdown]
# ## Predict
#
# Put a letter into the cell, for example `answer="a"`, and run it. Predictions are never graded.

# %% predict question="the_bill"

# %% [markdown]
# ## What is simulated
#
# A **queue** keeps messages until somebody works on them. **SQS** is the queue service of AWS. **STS** knows who is
# calling. The lab imitates both. The next cell says how well: what works here, what differs on AWS, and what is
# missing.
#
# If you use something that is missing, you get a clear sentence, never a silent success.

# %%
lab.fidelity()

# %% [markdown]
# ## Worked example: a queue and a message
#
# Run the cells and read what they show.

# %%
practice = sqs.create_queue(QueueName="practice")["QueueUrl"]
sqs.send_message(QueueUrl=practice, MessageBody="one lamp for Kofi")

answer = sqs.receive_message(QueueUrl=practice)
print(answer["Messages"][0]["Body"])

# %%
lab.trace(5)

# %% [markdown]
# This is the **trace**: the lab's record of every call. When something surprises you, look there first.
#
# The **console** shows the account itself: what exists, in which state it is, and what time it is there. Its buttons move
# the clock.

# %%
lab.console()

# %% [markdown]
# ## 00.1 · Ask the lab who you are
#
# *Story.* On your first day at the shop Orchard Market you get a computer. Which AWS account does it belong to?
#
# *Task.* Ask the service STS. Fill the two blanks. The last cell checks your answer.
#
# Stuck? Make a new cell and run `lab.hint()`. The first hint is free.

# %% stub exercise="who_am_i"
identity = {}  # blank 1: call get_caller_identity() of boto3.client("sts") here
account = identity.get("blank 2: which key of the answer holds the account number?")

# %% solution
identity = boto3.client("sts").get_caller_identity()
account = identity["Account"]

# %% right because="the number is cut out of the ARN"
account = boto3.client("sts").get_caller_identity()["Arn"].split(":")[4]

# %% right because="a session of its own"
account = boto3.session.Session().client("sts").get_caller_identity().get("Account")

# %% wrong because="Did you copy the number from somewhere?" finds="asked"
account = "123456789012"

# %% wrong because="Is that the user id?" finds="account"
account = boto3.client("sts").get_caller_identity()["UserId"]

# %% wrong because="Is that the whole ARN?" finds="account"
account = boto3.client("sts").get_caller_identity()["Arn"]

# %% check
lab.check("who_am_i", account=account)

# %% [markdown]
# ## 00.2 · Make a queue that can be found
#
# *Story.* Orchard Market has many queues. A **tag** is a label on a resource: a name and a value. People search by tags,
# and the bill is sorted by them.
#
# *Task.* Create a queue. Its name is up to you. Give it two tags: `project` with the value `orchard`, and `owner` with
# your name.

# %% stub exercise="find_by_tag"
# Your code here.

# %% solution
sqs.create_queue(QueueName="parcels", tags={"project": "orchard", "owner": "Amara"})  # survives: any names will do

# %% right because="the tags come later"
later = sqs.create_queue(QueueName="letters")["QueueUrl"]
sqs.tag_queue(QueueUrl=later, Tags={"project": "orchard"})
sqs.tag_queue(QueueUrl=later, Tags={"owner": "Bao", "floor": "2"})

# %% right because="a boto3 resource"
boto3.resource("sqs").create_queue(QueueName="gifts", tags={"owner": "Ines", "project": "orchard"})

# %% wrong because="Capital letters?" finds="project"
sqs.create_queue(QueueName="parcels", tags={"Project": "Orchard", "owner": "Amara"})

# %% wrong because="Whom do people ask when something is wrong with the queue?" finds="owner"
sqs.create_queue(QueueName="parcels", tags={"project": "orchard"})

# %% wrong because="Is that still the placeholder?" finds="owner"
sqs.create_queue(QueueName="parcels", tags={"project": "orchard", "owner": "<you>"})

# %% check
lab.check("find_by_tag")

# %% [markdown]
# ## How to read a report
#
# ![A report has a line for each criterion. Each line begins with PASS, FAIL or NOT REACHED. A failed line says what was
# wanted, what was seen, why it matters, and what to do next.](report.svg)
#
# A **check** plays the world around your account: customers, other workers, the passing of time. Then it says what
# happened. It never changes your account, and you may run it as often as you like.

# %% [markdown]
# ## 00.3 · Make a check fail, read it, repair
#
# *Story.* Before you trust an alarm, you test it.
#
# *Task.* Work with the queue `practice` from above. Its **visibility timeout** says how many seconds SQS hides a message
# from others after one worker has received it.
#
# 1. Set `VisibilityTimeout` to `"0"`. From now on nothing is hidden.
# 2. Run the check. It fails. Read every line of the report.
# 3. Repair the queue and check again.

# %% stub exercise="read_a_report"
# Your code here. Its URL is in the variable practice. Run this cell and the check more than once.

# %% solution
sqs.set_queue_attributes(QueueUrl=practice, Attributes={"VisibilityTimeout": "0"})  # survives: less than ten seconds is too short
print(lab.check("read_a_report"))  # this report is about a queue that is wrong on purpose
sqs.set_queue_attributes(QueueUrl=practice, Attributes={"VisibilityTimeout": "30"})  # survives: ten seconds are enough

# %% right because="another value, and the queue is made anew"
sqs.set_queue_attributes(QueueUrl=practice, Attributes={"VisibilityTimeout": "2"})
first_try = lab.check("read_a_report")
sqs.delete_queue(QueueUrl=practice)
lab.clock.advance(minutes=2)
practice = sqs.create_queue(QueueName="practice", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]

# %% wrong because="Did you repair it before you saw it fail?" finds="learned"
sqs.set_queue_attributes(QueueUrl=practice, Attributes={"VisibilityTimeout": "30"})

# %% wrong because="Is the timeout still too short?" finds="hidden"
sqs.set_queue_attributes(QueueUrl=practice, Attributes={"VisibilityTimeout": "0"})
first_try = lab.check("read_a_report")
sqs.set_queue_attributes(QueueUrl=practice, Attributes={"VisibilityTimeout": "5"})

# %% wrong because="Did you delete the queue?" finds="exists"
sqs.delete_queue(QueueUrl=practice)

# %% check
lab.check("read_a_report")

# %% [markdown]
# ## Save point
#
# You are half-way. Your progress is saved by itself, in a small file beside the notebooks. You can close everything and come back
# tomorrow. The account itself lives only as long as this session. `lab.jump_to("receive_twice")` brings you to the next
# exercise.

# %% [markdown]
# ## The clock
#
# Many things on AWS happen *later*: a message comes back, a retry is made, a password expires. Here you do not wait. The lab has a
# clock of its own. You move it, and everything that falls due on the way happens at once, in the right order.

# %%
print(lab.clock)
lab.clock.advance(minutes=5)

# %% [markdown]
# ## 00.4 · Receive a message twice without waiting
#
# *Story.* A message that was received and not deleted comes back after 30 seconds. You want to see it with your own eyes, now.
#
# *Task.* `look_twice` gets the URL of a queue with one message. Receive the message, let the time pass on the lab's clock, and
# receive it again. Delete nothing.

# %% stub exercise="receive_twice"
def look_twice(queue_url):
    sqs.receive_message(QueueUrl=queue_url)


# %% solution
def look_twice(queue_url):
    sqs.receive_message(QueueUrl=queue_url)
    lab.clock.advance(seconds=31)  # survives: more than 30 seconds will do
    sqs.receive_message(QueueUrl=queue_url)


# %% right because="half a day later, with a resource"
def look_twice(queue_url):
    queue = boto3.resource("sqs").Queue(queue_url)
    first = queue.receive_messages(MaxNumberOfMessages=10)
    lab.clock.advance(hours=12)
    return first, queue.receive_messages(MaxNumberOfMessages=10)


# %% right because="the receives themselves wait until the message is back"
def look_twice(queue_url):
    found = 0
    while found < 2:
        answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=20)
        found += len(answer.get("Messages", []))


# %% wrong because="Did you sleep?" finds="quick"
import time


def look_twice(queue_url):
    sqs.receive_message(QueueUrl=queue_url)
    time.sleep(31)
    sqs.receive_message(QueueUrl=queue_url)


# %% wrong because="Was the step on the clock too short?" finds="twice,later"
def look_twice(queue_url):
    sqs.receive_message(QueueUrl=queue_url)
    lab.clock.advance(seconds=3)
    sqs.receive_message(QueueUrl=queue_url)


# %% wrong because="Did you make the timeout short, instead of moving the clock?" finds="later"
def look_twice(queue_url):
    sqs.receive_message(QueueUrl=queue_url, VisibilityTimeout=0)
    sqs.receive_message(QueueUrl=queue_url)


# %% wrong because="Did you delete the message after the first look?" finds="twice,later"
def look_twice(queue_url):
    message = sqs.receive_message(QueueUrl=queue_url)["Messages"][0]
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    lab.clock.advance(seconds=31)
    sqs.receive_message(QueueUrl=queue_url)


# %% check
lab.check("receive_twice", look_twice=look_twice)

# %% [markdown]
# ## The cost meter
#
# Nothing here costs anything. On AWS it would, and a meter tells you how much: it counts the calls in the trace, and how long
# things exist, and looks up their prices. A **free tier** is an amount per month that AWS does not charge for.

# %%
lab.bill()

# %% [markdown]
# Read the lines below the table, too. They say of which day the prices are, what is not priced, and which prices are
# **unverified**: nobody of us has read them in AWS's own text yet.
#
# ## 00.5 · Predict a bill, then ask the meter
#
# *Story.* Orchard Market grows. Next month its queues will get 50 million requests. Your boss asks what that costs.
#
# *Task.* In the lab's Region, one million requests of a standard queue costs 0.40 US dollars, and the first million of
# a month is free. (This price, too, is unverified.)
#
# 1. Predict the bill of the month, in US dollars. Put the number into `monthly_bill`.
# 2. Then ask the meter: `lab.price(service, unit, how_many)`. The service is `"sqs"`, the unit is `"requests"`.

# %% stub exercise="predict_a_bill"
monthly_bill = None  # US dollars
# Then ask lab.price.

# %% solution
monthly_bill = (50 - 1) * 0.40  # survives: within 20 % is near enough
lab.price("sqs", "requests", 50_000_000)

# %% right because="the free million is forgotten, which changes little"
monthly_bill = 20
print(lab.price("sqs", "requests", 50_000_000))

# %% right because="the number is taken from the meter's answer"
answer = lab.price("sqs", "requests", 50e6, region="eu-west-1")
monthly_bill = answer.cost

# %% wrong because="Is 0.40 the price of one request?" finds="near"
monthly_bill = (50_000_000 - 1_000_000) * 0.40
lab.price("sqs", "requests", 50_000_000)

# %% wrong because="Did you write cents?" finds="near"
monthly_bill = 1960
lab.price("sqs", "requests", 50_000_000)

# %% wrong because="Did you pay for the free million only?" finds="near"
monthly_bill = 1 * 0.40
lab.price("sqs", "requests", 50_000_000)

# %% wrong because="Did you ask the meter at all?" finds="asked"
monthly_bill = 19.6

# %% wrong because="Did you ask about 50 thousand, not 50 million?" finds="asked"
monthly_bill = 19.6
lab.price("sqs", "requests", 50_000)

# %% check
lab.check("predict_a_bill", monthly_bill=monthly_bill)

# %% [markdown]
# ## 00.6 · Break everything, then undo it
#
# *Story.* People learn most from what they break. So the lab has an undo.
#
# *Task.* The next cell makes a queue `precious` with three messages. Keep a copy of the account, delete the queue, and bring the
# account back.

# %%
precious = sqs.create_queue(QueueName="precious")["QueueUrl"]
for guest in ["Amara", "Bao", "Elif"]:
    sqs.send_message(QueueUrl=precious, MessageBody=f"invitation for {guest}")

# %% stub exercise="undo"
# 1. Keep a copy of the account.
# 2. Delete the queue. Its URL is in the variable precious.
# 3. Bring the account back.

# %% solution
lab.snapshot("before")
sqs.delete_queue(QueueUrl=precious)
lab.restore("before")

# %% right because="everything goes, and one name for all copies"
name = "all is well"
lab.snapshot(name)
for url in sqs.list_queues()["QueueUrls"]:
    sqs.delete_queue(QueueUrl=url)
lab.restore(name)

# %% right because="the messages are thrown away, not the queue"
lab.snapshot("full")
boto3.resource("sqs").Queue(precious).purge()
lab.clock.advance(hours=1)
lab.restore("full")

# %% wrong because="Did you take the snapshot after you had broken the account?" finds="restored"
sqs.delete_queue(QueueUrl=precious)
lab.snapshot("before")
lab.restore("before")

# %% wrong because="Did you build the queue again by hand?" finds="restored"
sqs.delete_queue(QueueUrl=precious)
lab.clock.advance(minutes=2)
precious = sqs.create_queue(QueueName="precious")["QueueUrl"]
for guest in ["Amara", "Bao", "Elif"]:
    sqs.send_message(QueueUrl=precious, MessageBody=f"invitation for {guest}")

# %% wrong because="Did you break anything at all?" finds="broken"
lab.snapshot("before")
lab.restore("before")

# %% wrong because="A reset is not an undo: did it empty the account?" finds="broken,restored"
sqs.delete_queue(QueueUrl=precious)
lab.reset()

# %% check
lab.check("undo")

# %% [markdown]
# ## Break it
#
# This part is not graded. What if somebody uses the keys of a real account here? The key below is invented, but it looks
# real. Guess what happens, then run the cell.

# %%
from labkit.errors import LabkitError

invented = {"aws_access_key_id": "AKIA" + "Q7ORCHARDMARKET2", "aws_secret_access_key": "invented"}

with labkit.expected(LabkitError):
    boto3.client("sqs", **invented).list_queues()

# %% [markdown]
# ## Finish
#
# The next cell shows the whole course. The one after it lists the topics of the syllabus and the exercises that cover them:
# open a line to see its table. The last cell empties the account, so that the next lab starts clean. Your progress stays. If
# a variable is missing after a reset, run the notebook from the top.

# %%
lab.progress()

# %%
lab.coverage()

# %%
lab.reset()
