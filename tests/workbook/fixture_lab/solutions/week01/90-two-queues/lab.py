# ---
# jupyter:
#   labkit:
#     number: "90"
#     title: Two queues
#     week: 1
#     minutes: 10
#     services: [sqs]
#     covers: [L250, L267-L271]
#     verified: 2026-11-23
#     objectives:
#       - Hide a message for as long as you need.
#       - Work through a queue.
# ---

# %% [markdown]
# # Two queues
# A small lab, for the tests of labkit.
#
# ![A tube with a message in it](tube.svg)

# %% setup
import boto3

sqs = boto3.client("sqs")

# %% fact id="F1"

# %% predict question="hidden_for"

# %% [markdown]
# ## 90.1 · Hide a letter for two minutes
# Make a queue named `letters`. Who receives a message keeps it for 120 seconds.

# %% stub exercise="hide"
letters = ""

# %% solution
letters = sqs.create_queue(QueueName="letters", Attributes={"VisibilityTimeout": "120"})["QueueUrl"]

# %% right because="the timeout is set later"
letters = sqs.create_queue(QueueName="letters")["QueueUrl"]
sqs.set_queue_attributes(QueueUrl=letters, Attributes={"VisibilityTimeout": "120"})

# %% wrong because="minutes for seconds" finds="hidden"
letters = sqs.create_queue(QueueName="letters", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]

# %% wrong because="the longest timeout, to be safe" finds="back"
letters = sqs.create_queue(QueueName="letters", Attributes={"VisibilityTimeout": "43200"})["QueueUrl"]

# %% [markdown]
# A worked example: what is in the queue?

# %%
waiting = []

# %% [markdown]
# ## 90.2 · Work through the queue
# Write `work(url)`: it handles every message that waits and returns the bodies.

# %% stub exercise="worker"
def work(url):
    return []

# %% solution
def work(url):
    bodies = []
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)  # survives: any number of messages will do
        if not answer.get("Messages"):
            return bodies
        for message in answer["Messages"]:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

# %% right because="one message at a time"
def work(url):
    bodies = []
    while messages := sqs.receive_message(QueueUrl=url).get("Messages"):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
        bodies.append(messages[0]["Body"])
    return bodies

# %% wrong because="never deletes" finds="gone"
def work(url):
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in answer["Messages"]]

# %% wrong because="forgets what it read" finds="bodies"
def work(url):
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

# %% wrong because="breaks down" finds="runs"
def work(url):
    raise RuntimeError("broken down")

# %% check
lab.check("worker", work=work)
