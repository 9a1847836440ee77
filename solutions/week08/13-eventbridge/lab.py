# ---
# jupyter:
#   labkit:
#     number: "13"
#     title: "EventBridge"
#     week: 8
#     minutes: 85
#     services: [sqs]
#     covers: []
#     verified: 2026-11-23
#     objectives:
#       - "REPLACE: what a learner can do afterwards, one sentence each."
# ---

# %% [markdown]
# # EventBridge
# REPLACE: what the learner meets here and why it matters at work, in two sentences.

# %% setup
import boto3

sqs = boto3.client("sqs")

# %% [markdown]
# ## 13.1 · Keep a message for two minutes
# REPLACE: the story of the exercise, and the task in one sentence.
#
# Make a queue named `parcels`. Who receives a message from it keeps the message for 120 seconds.

# %% stub exercise="keep"
# Make the queue here.

# %% solution
sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "120"})

# %% right because="the timeout is set later"
url = sqs.create_queue(QueueName="parcels")["QueueUrl"]
sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "120"})

# %% wrong because="Minutes for seconds?" finds="hidden"
sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "2"})

# %% wrong because="The longest timeout, to be safe?" finds="back"
sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "43200"})
