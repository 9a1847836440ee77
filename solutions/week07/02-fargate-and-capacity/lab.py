# ---
# jupyter:
#   labkit:
#     number: "02"
#     title: "Fargate and capacity: size it, place it, pay for it"
#     week: 7
#     minutes: 120
#     services: [ecs, ecr, iam, ec2]
#     covers: [L9, L13-L24, L51-L57]
#     verified: 2026-11-23
#     objectives:
#       - Choose a task size that Fargate sells, that holds, and that is cheap.
#       - Tell an orchestrator from capacity, and read what Fargate refuses.
#       - Mix on demand and Spot, and survive the minute when Spot goes.
#       - Pack tasks on few instances, or spread them over zones.
#       - Run what is too large for Fargate, without machines of your own.
#       - Say which way of paying is the cheapest, and from when on.
# ---

# %% [markdown]
# # Fargate and capacity: size it, place it, pay for it
#
# **The story.** Orchard Market's services run on Amazon ECS. Now somebody has to say where: on how much CPU, on whose machines,
# and for how much money. Plan about 120 minutes. There is a save point after 02.2.

# %% setup
import json

import boto3
from botocore.exceptions import ClientError

ecs = boto3.client("ecs")
ecr = boto3.client("ecr")
ec2 = boto3.client("ec2")
iam = boto3.client("iam")

# %% [markdown]
# ## Two questions, not one
#
# "ECS, EKS or Fargate?" mixes two questions. The first: who decides which container runs, and starts another one when it dies? That is
# an **orchestrator**: Amazon ECS, or Kubernetes in Amazon EKS. The second: on which machines? That is the **capacity**. Fargate is
# capacity. It has no scheduler: something must ask it for a task.
#
# ![A table. Rows are the orchestrators, ECS and EKS. Columns are kinds of capacity: EC2 instances that you manage, instances that AWS
# manages, Fargate, Spot, and machines outside AWS. Each cell names what it is called there. Fargate is a column of
# both rows.](matrix.svg)

# %% fact id="F6"

# %% fact id="F2"

# %% [markdown]
# ## A place to work
#
# The next cells make a cluster with the two providers of Fargate, a network, and a role with which ECS pulls images. (Lab 01 explains
# each of them.)

# %%
ecs.create_cluster(clusterName="orchard", capacityProviders=["FARGATE", "FARGATE_SPOT"])
subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
network = {
    "awsvpcConfiguration": {"subnets": [one["SubnetId"] for one in subnets], "assignPublicIp": "ENABLED"},
}


def role(name, policy, service="ecs-tasks.amazonaws.com"):
    """The ARN of a role that an AWS service may work with. Makes it when it is not there."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    return iam.get_role(RoleName=name)["Role"]["Arn"]


agent = role("orchard-agent", "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")

# %% [markdown]
# ## Predict
#
# Think first. Then put a letter into the cell, for example `answer="a"`, and run it.

# %% predict question="memory_decides"

# %% [markdown]
# ## What Fargate sells
#
# On Fargate you say for each task how much CPU and memory it gets. CPU is in units: 1,024 are one **vCPU**, a thread of a
# processor. Memory is in MiB. You cannot take any two numbers: AWS sells fixed pairs.
#
# ![A grid. Columns are CPU units from 256 to 16384, rows are amounts of memory from 0.5 to 120 GB. Filled cells are pairs that can
# be had. They form a staircase: more CPU allows more memory, and demands more.](size-grid.svg)

# %% fact id="F5"

# %% [markdown]
# The same as a table in Python, and what a size costs in an hour. The prices come from the table of this workbook. Look at its note: it
# says which price somebody has read in AWS's own text, and which not.

# %%
from labkit.cost.compute import fargate_hour

SIZES = {
    256: [512, 1024, 2048],
    512: list(range(1024, 4096 + 1, 1024)),
    1024: list(range(2048, 8192 + 1, 1024)),
    2048: list(range(4096, 16384 + 1, 1024)),
    4096: list(range(8192, 30720 + 1, 1024)),
    8192: list(range(16384, 61440 + 1, 4096)),
    16384: list(range(32768, 122880 + 1, 8192)),
}


def price(size):
    """US dollars for one hour of a task with (CPU units, MiB)."""
    cpu, memory = size
    return fargate_hour(cpu / 1024, memory / 1024).cost


for size in [(256, 512), (256, 2048), (1024, 2048), (1024, 8192)]:
    print(size, f"{price(size):.4f} USD an hour, {price(size) * 730:.2f} USD a month")

# %%
lab.price("fargate", "vcpu_hours", 730)

# %% [markdown]
# ## 02.1 · The cheapest size that holds
#
# *Story.* A colleague gave one vCPU and 2 GB to everything. Then she measured five services for a week. This was their peak:

# %%
MEASURED = {
    "user": (0.12, 310),
    "order": (0.09, 1480),
    "payment": (0.22, 800),
    "catalogue": (0.19, 2900),
    "search": (4.1, 21500),
}

# %% [markdown]
# *Task.* Write `size(vcpus, memory)`. It gets what was measured at the peak: vCPUs and MiB. It returns the cheapest pair of CPU units and
# MiB that Fargate sells, so that
#
# - the memory is enough, and
# - the task uses **less than 80 %** of its CPU at the peak.

# %% stub exercise="cheapest_size"
def size(vcpus, memory):
    return 1024, 2048


for name, peak in MEASURED.items():
    print(name, peak, size(*peak), f"{price(size(*peak)) * 730:.2f} USD a month")

# %% solution
def size(vcpus, memory):
    holds = [
        (cpu, mib)
        for cpu, memories in SIZES.items()
        for mib in memories
        if cpu * 0.8 > vcpus * 1024 and mib >= memory
    ]
    return min(holds, key=price)  # survives: the smallest pair that holds is the cheapest, too

# %% right because="from the smallest CPU upwards, and texts as the API wants them"
def size(vcpus, memory):
    for cpu in sorted(SIZES):
        fits = [mib for mib in SIZES[cpu] if mib >= memory]
        if vcpus / (cpu / 1024) < 0.8 and fits:
            return str(cpu), str(min(fits))

# %% wrong because="Does the task have room to breathe?" finds="cpu"
def size(vcpus, memory):
    holds = [
        (cpu, mib)
        for cpu, memories in SIZES.items()
        for mib in memories
        if cpu > vcpus * 1024 and mib >= memory
    ]
    return min(holds, key=price)

# %% wrong because="Can you have any memory with any CPU?" finds="cost,sold"
def size(vcpus, memory):
    cpu = min(cpu for cpu in SIZES if cpu * 0.8 > vcpus * 1024)
    gigabytes = -(-memory // 1024)
    return cpu, gigabytes * 1024

# %% wrong because="The parameter allows it. Does Fargate?" finds="sold"
def size(vcpus, memory):
    return 196608, 393216

# %% wrong because="The smallest memory of the row, whatever was measured?" finds="memory"
def size(vcpus, memory):
    cpu = min(cpu for cpu in SIZES if cpu * 0.8 > vcpus * 1024)
    return cpu, min(SIZES[cpu])

# %% wrong because="A little more, to be safe?" finds="cost"
def size(vcpus, memory):
    return min(((cpu, mib) for cpu in SIZES for mib in SIZES[cpu] if cpu > 2048 * vcpus and mib > 2 * memory), key=price)

# %% wrong because="Is the memory in GB, or in MiB?" finds="runs"
def size(vcpus, memory):
    return min((cpu, mib) for cpu in SIZES for mib in SIZES[cpu] if cpu > 1280 * vcpus and mib >= memory * 1024)


# %% wrong because="Did you forget to return it?" finds="pair"
def size(vcpus, memory):
    min((cpu, mib) for cpu in SIZES for mib in SIZES[cpu] if mib >= memory)

# %% check
lab.check("cheapest_size", size=size)

# %% [markdown]
# A task of 1 vCPU and 2 GB costs four times as much as one with 0.25 vCPU and 0.5 GB. And look at `order`: memory took it one step
# further, and CPU had nothing to do with it.
#
# ## Break it: what Fargate says
#
# These four definitions have been in a drawer for a year. Run the cell. It fails four times, and that is its purpose.

# %%
NGINX = [{"name": "app", "image": "public.ecr.aws/nginx/nginx:1.29", "portMappings": [{"containerPort": 80}]}]
COMMON = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "containerDefinitions": NGINX}
BROKEN = {
    "prices": COMMON | {"family": "prices", "cpu": "256", "memory": "8192"},
    "labels": COMMON | {"family": "labels", "cpu": "1024", "memory": "1536"},
    "mailer": COMMON | {"family": "mailer", "cpu": "256", "memory": "512", "networkMode": "bridge"},
    "search": COMMON | {"family": "search", "cpu": "512"},
}
for definition in BROKEN.values():
    with labkit.expected(ClientError):
        ecs.register_task_definition(**definition)

# %% [markdown]
# ## 02.2 · Four definitions that Fargate refuses
#
# *Story.* `prices` keeps a price list of 8,192 MiB in memory. `labels` needs 1,536 MiB, `mailer` 512 MiB, and `search` 3,072 MiB.
#
# *Task.* Register all four, so that they start on Fargate. Change only what Fargate does not like, and keep the memory that each needs.

# %% stub exercise="repair"
prices = BROKEN["prices"]
labels = BROKEN["labels"]
mailer = BROKEN["mailer"]
search = BROKEN["search"]

for definition in [prices, labels, mailer, search]:
    try:
        ecs.register_task_definition(**definition)
    except ClientError as error:
        print(definition["family"], "-", error.response["Error"]["Message"])

# %% solution
prices = BROKEN["prices"] | {"cpu": "1024"}  # survives: two vCPUs are sold with 8 GB, too
labels = BROKEN["labels"] | {"cpu": "512", "memory": "2048"}  # survives: other pairs hold, too
mailer = BROKEN["mailer"] | {"networkMode": "awsvpc"}
search = BROKEN["search"] | {"memory": "3072"}

for definition in [prices, labels, mailer, search]:
    ecs.register_task_definition(**definition)

# %% right because="more CPU, and written out"
more = [("prices", "2", "8 GB"), ("labels", "1", "2 GB"), ("mailer", ".25", "0.5 GB"), ("search", "1", "4 GB")]
for family, vcpus, memory in more:
    ecs.register_task_definition(
        family=family,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu=f"{vcpus} vCPU",
        memory=memory,
        containerDefinitions=NGINX,
    )

# %% wrong because="Did you make the memory smaller, so that it fits?" finds="room"
for name, change in {
    "prices": {"memory": "2048"},
    "labels": {"memory": "2048"},
    "mailer": {"networkMode": "awsvpc"},
    "search": {"memory": "3072"},
}.items():
    ecs.register_task_definition(**BROKEN[name] | change)

# %% wrong because="Will an instance do, instead of Fargate?" finds="starts"
for name, change in {
    "prices": {"cpu": "1024"},
    "labels": {"memory": "2048"},
    "mailer": {"requiresCompatibilities": ["EC2"]},
    "search": {"memory": "3072"},
}.items():
    ecs.register_task_definition(**BROKEN[name] | change)

# %% wrong because="Is one of the four still refused?" finds="registered"
for name, change in {
    "prices": {"cpu": "1024"},
    "labels": {"memory": "2048"},
    "mailer": {"networkMode": "awsvpc"},
    "search": {"memory": "512"},
}.items():
    try:
        ecs.register_task_definition(**BROKEN[name] | change)
    except ClientError as error:
        print(name, error)

# %% wrong because="Is it still the same program?" finds="same"
httpd = [{"name": "app", "image": "public.ecr.aws/docker/library/httpd:2.4"}]
for name, change in {
    "prices": {"cpu": "1024"},
    "labels": {"memory": "2048"},
    "mailer": {"networkMode": "awsvpc", "containerDefinitions": httpd},
    "search": {"memory": "3072"},
}.items():
    ecs.register_task_definition(**BROKEN[name] | change)

# %% check
lab.check("repair")

# %% [markdown]
# **Save point.** You are half-way. Your account stays as it is until you come back. The next cell shows what is done.

# %%
lab.progress()

# %% [markdown]
# ## On demand, and Spot
#
# AWS has machines that nobody uses at the moment. On **Fargate Spot** you get them for less, up to 70 % less. The other side: when AWS needs
# them, it takes them back. Your task gets a notice of two minutes.
#
# `FARGATE` and `FARGATE_SPOT` are **capacity providers**. A **strategy** says how tasks are shared among providers. It has two
# kinds of numbers:
#
# - `base`: so many tasks go to this provider first. One provider of a strategy can have a base.
# - `weight`: the rest is shared in this proportion.
#
# Fargate Spot is for programs that may stop at any time. Nobody promises you a price: it moves with supply and demand.

# %% fact id="F3"

# %% [markdown]
# The next cell has a helper. It creates a service, and an older one of the same name goes first. So you can try as often as you like.

# %%
def anew(name, **settings):
    """Create a service in the cluster orchard. An older one of this name goes first."""
    found = ecs.describe_services(cluster="orchard", services=[name])["services"]
    if found and found[0]["status"] != "INACTIVE":
        ecs.delete_service(cluster="orchard", service=name, force=True)
        ecs.get_waiter("services_inactive").wait(cluster="orchard", services=[name])
    ecs.create_service(cluster="orchard", serviceName=name, networkConfiguration=network, **settings)


web = ecs.register_task_definition(**COMMON, family="web", cpu="256", memory="512")["taskDefinition"]

# %% predict question="whose_base"

# %% [markdown]
# ## 02.3 · Two that stay, and three quarters of the rest for less
#
# *Story.* The storefront has ten tasks on a normal day. Two must always be there. The others may come and go, and should cost less.
#
# *Task.* Change the cell. Of the tasks of `storefront`, two are on demand, whatever happens. Of all others, one in four is on demand
# and three are on Spot. It has to stay right when the number grows.

# %% stub exercise="mixed"
anew("storefront", taskDefinition="web", desiredCount=10, launchType="FARGATE")

# %% solution
anew(
    "storefront",
    taskDefinition="web",
    desiredCount=10,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ],
)

# %% right because="as the strategy of the cluster, and with other weights in the same proportion"
ecs.put_cluster_capacity_providers(
    cluster="orchard",
    capacityProviders=["FARGATE", "FARGATE_SPOT"],
    defaultCapacityProviderStrategy=[
        {"capacityProvider": "FARGATE_SPOT", "weight": 75},
        {"capacityProvider": "FARGATE", "weight": 25, "base": 2},
    ],
)
anew("storefront", taskDefinition="web", desiredCount=10)

# %% wrong because="Do a launch type and a strategy go together?" finds="exists"
with labkit.expected(ClientError):
    anew(
        "storefront",
        taskDefinition="web",
        desiredCount=10,
        launchType="FARGATE",
        capacityProviderStrategy=[
            {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 3},
        ],
    )

# %% wrong because="All on Spot, because the base is two?" finds="ratio,base"
anew(
    "storefront",
    taskDefinition="web",
    desiredCount=10,
    capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "base": 2, "weight": 1}],
)

# %% wrong because="Right for ten. And for eighteen?" finds="ratio"
anew(
    "storefront",
    taskDefinition="web",
    desiredCount=10,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 4, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 99},
    ],
)

# %% wrong because="Weights alone: which are the two that stay?" finds="ratio,base"
anew(
    "storefront",
    taskDefinition="web",
    desiredCount=10,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ],
)

# %% wrong because="How many tasks did you ask for?" finds="ten,ratio"
anew(
    "storefront",
    taskDefinition="web",
    desiredCount=8,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ],
)

# %% check
lab.check("mixed")

# %% [markdown]
# Where are they now? The next cell lets three minutes pass and draws the cluster: one row for each provider, one column for each
# **Availability Zone** (a group of data centres).

# %%
lab.clock.advance(minutes=3)
lab.placement("orchard")

# %% [markdown]
# ## Break it: the minute when Spot goes
#
# `receipts` prints receipts. Each takes 45 seconds. When the program gets **SIGTERM**, the signal "please end", it finishes what is on
# its desk, and needs up to a minute for that. The next cell pushes its image and registers its first task definition.

# %%
lab.images.write(
    "receipts",
    '''"""Prints receipts: each takes 45 seconds. After SIGTERM it finishes those on its desk, and ends after 60 seconds."""

PORT = 8080
STARTS_IN = 2.0
MEMORY = 80
CPU = 0.01
CPU_PER_REQUEST = 0.002
LATENCY = 45.0
STOPS_IN = 60.0


def handle(request, box):
    return {"statusCode": 200, "body": "receipt"}


def on_sigterm(box):
    box.log("receipts: SIGTERM, finishing what is on the desk")
''',
)

# %%
try:
    desk = ecr.create_repository(repositoryName="orchard/receipts")["repository"]["repositoryUri"]
except ecr.exceptions.RepositoryAlreadyExistsException:
    desk = ecr.describe_repositories(repositoryNames=["orchard/receipts"])["repositories"][0]["repositoryUri"]
lab.images.push("receipts", desk, tag="1.0")


def register(**more):
    """Register a revision of receipts. What you give goes into its container, such as stopTimeout."""
    ecs.register_task_definition(
        family="receipts",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=agent,
        containerDefinitions=[{"name": "app", "image": f"{desk}:1.0", **more}],
    )


register()
everything_on_spot = [{"capacityProvider": "FARGATE_SPOT", "base": 2, "weight": 1}]
anew("receipts", taskDefinition="receipts", desiredCount=6, capacityProviderStrategy=everything_on_spot)
lab.clock.advance(minutes=2)

# %% [markdown]
# Six tasks run. Now AWS takes all Spot tasks of `receipts` back, and has no others for two minutes.

# %%
before = ecs.list_tasks(cluster="orchard", serviceName="receipts")["taskArns"]
lab.faults.put("ecs.spot_unavailable", lasting=120)
lab.faults.put("ecs.spot_reclaim", target="receipts", lasting=1)
lab.clock.advance(seconds=90)
for task in ecs.describe_tasks(cluster="orchard", tasks=before)["tasks"]:
    print(task["stopCode"], "-", task["stoppedReason"], "- exit code", task["containers"][0].get("exitCode"))
print("Tasks now:", len(ecs.list_tasks(cluster="orchard", serviceName="receipts")["taskArns"]))

# %% [markdown]
# All six were killed: exit code 137 is SIGKILL. ECS tries to start six others, but it goes to Spot again, as the strategy says. The bars
# show it. For minutes nobody was there.

# %%
lab.clock.advance(minutes=3)
lab.timeline("receipts", kind="tasks")

# %% predict question="how_long"

# %% [markdown]
# ## 02.4 · The minute when Spot goes
#
# *Story.* On that day nobody got a receipt for minutes, and the receipts that had been begun were lost.
#
# *Task.* Change the cell. `receipts` still has six tasks, and at least half of them are on Spot. When AWS takes back all Spot tasks,
#
# - each of them ends by itself, and none is killed,
# - two tasks on demand stay,
# - every customer gets a receipt.

# %% stub exercise="reclaimed"
register(stopTimeout=30)
anew("receipts", taskDefinition="receipts", desiredCount=6, capacityProviderStrategy=everything_on_spot)

# %% solution
register(stopTimeout=90)
anew(
    "receipts",
    taskDefinition="receipts",
    desiredCount=6,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},  # survives: a base of 3 leaves three on Spot, too
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},  # survives: other weights leave three on Spot, too
    ],
)

# %% right because="only the base is on demand, and the longest time that Fargate allows"
register(stopTimeout=120)
anew(
    "receipts",
    taskDefinition="receipts",
    desiredCount=6,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 99},
    ],
)

# %% wrong because="All on Spot, because the base is two?" finds="base,probes"
register(stopTimeout=120)
anew("receipts", taskDefinition="receipts", desiredCount=6, capacityProviderStrategy=everything_on_spot)

# %% wrong because="How long does a program have, if you say nothing?" finds="drained,probes"
register()
anew(
    "receipts",
    taskDefinition="receipts",
    desiredCount=6,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ],
)

# %% wrong because="Long enough for a receipt, and for the end of the program?" finds="drained"
register(stopTimeout=50)
anew(
    "receipts",
    taskDefinition="receipts",
    desiredCount=6,
    capacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ],
)

# %% wrong because="Safe, and at the full price?" finds="spot"
register(stopTimeout=120)
anew("receipts", taskDefinition="receipts", desiredCount=6, launchType="FARGATE")

# %% wrong because="Is there a service at all?" finds="exists"
ecs.delete_service(cluster="orchard", service="receipts", force=True)

# %% check
lab.check("reclaimed")

# %% [markdown]
# ECS tells Amazon EventBridge of it, too: an event `ECS Task State Change` with the `stopCode` `SpotInterruption`.
#
# ## Instances of your own
#
# Fargate finds a place by itself. On EC2 instances you have a say. An instance that runs the **ECS agent** joins a cluster and becomes a
# **container instance**. The agent reads the name of the cluster in its settings, and the script that an instance runs at its start can
# write it there. You pay for the instance, full or empty.
#
# The next cell starts seven of them, of type `m5.large`, in three zones: 2 vCPU and 8 GB each, some of it for the system.

# %%
ecs.create_cluster(clusterName="machines")
JOIN = "#!/bin/bash\necho ECS_CLUSTER=machines >> /etc/ecs/ecs.config\n"
for subnet, count in zip(subnets, [3, 2, 2], strict=False):
    ec2.run_instances(
        ImageId="ami-12c6146b",
        InstanceType="m5.large",
        MinCount=count,
        MaxCount=count,
        SubnetId=subnet["SubnetId"],
        UserData=JOIN,
    )
lab.clock.advance(minutes=2)
nginx = [{"name": "app", "image": "public.ecr.aws/nginx/nginx:1.29", "cpu": 64, "memory": 1900}]
job = ecs.register_task_definition(family="job", containerDefinitions=nginx)["taskDefinition"]
lab.placement("machines")

# %% [markdown]
# `run_task` takes up to ten tasks in one call. A **placement strategy** says which instance is next: `random`, `binpack` (the fullest
# that still has room) or `spread` (the emptiest, counted by instance or by an attribute).


# %%
def twelve(strategy):
    """Stop what runs, start twelve tasks with this strategy, and draw where they are."""
    for task in ecs.list_tasks(cluster="machines")["taskArns"]:
        ecs.stop_task(cluster="machines", task=task)
    lab.clock.advance(minutes=2)
    for _ in range(2):
        ecs.run_task(
            cluster="machines", taskDefinition="job", count=6, launchType="EC2", placementStrategy=strategy
        )
    lab.clock.advance(minutes=1)
    return lab.placement("machines")


twelve([{"type": "random"}])

# %% [markdown]
# ## 02.5 · As few machines as you can, or as many zones
#
# *Story.* At night the shop wants to switch off machines. By day it wants to live on when a zone fails.
#
# *Task.* Write two strategies. With `tight`, twelve tasks stand on as few instances as can be; what they need most is memory. With `even`,
# twelve tasks are spread over the zones, so that at least eight remain when any zone fails. `twelve(tight)` shows what yours does.

# %% stub exercise="placed"
tight = [{"type": "random"}]
even = [{"type": "random"}]

# %% solution
tight = [{"type": "binpack", "field": "memory"}]
even = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]

# %% right because="first the zone, and in it the instance"
tight = [{"field": "MEMORY", "type": "binpack"}]
even = [
    {"type": "spread", "field": "attribute:ecs.availability-zone"},
    {"type": "spread", "field": "instanceId"},
]

# %% wrong because="Over instances, or over zones?" finds="even,survives"
tight = [{"type": "binpack", "field": "memory"}]
even = [{"type": "spread", "field": "instanceId"}]

# %% wrong because="The same for both?" finds="fewest"
tight = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]
even = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]

# %% wrong because="Packed by day, too?" finds="even,survives"
tight = [{"type": "binpack", "field": "memory"}]
even = [{"type": "binpack", "field": "memory"}]

# %% wrong because="Is that a field of `binpack`?" finds="takes"
tight = [{"type": "binpack", "field": "instanceId"}]
even = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]

# %% check
lab.check("placed", tight=tight, even=even)

# %%
twelve(even)

# %% [markdown]
# You can give several rules. ECS applies them in order: `spread` over zones, and in each zone `binpack`.
#
# ## Break it: a job that is too large
#
# Every night `forecast` computes how many books the shop will sell. It wants 32 vCPU and 96 GB for half an hour. The next cell
# pushes its image, and asks Fargate.

# %%
lab.images.write(
    "forecast",
    '''"""Computes for half an hour on 30 vCPUs, and ends with exit code 0. It serves nothing."""

PORT = None
STARTS_IN = 2.0
MEMORY = 80_000
CPU = 30.0
RUNS_FOR = 1800.0
EXIT_CODE = 0
STOPS_IN = 1.0
''',
)
try:
    jobs = ecr.create_repository(repositoryName="orchard/forecast")["repository"]["repositoryUri"]
except ecr.exceptions.RepositoryAlreadyExistsException:
    jobs = ecr.describe_repositories(repositoryNames=["orchard/forecast"])["repositories"][0]["repositoryUri"]
lab.images.push("forecast", jobs, tag="1.0")
FORECAST = {
    "family": "forecast",
    "networkMode": "awsvpc",
    "cpu": "32768",
    "memory": "98304",
    "executionRoleArn": agent,
    "containerDefinitions": [{"name": "app", "image": f"{jobs}:1.0"}],
}
with labkit.expected(ClientError):
    ecs.register_task_definition(**FORECAST, requiresCompatibilities=["FARGATE"])

# %% [markdown]
# The table of Fargate ends at 16 vCPU. Must somebody look after machines again, for one job at night? No: with **ECS Managed
# Instances**, AWS starts EC2 instances that fit your tasks, patches them, and gives them back when they are empty. You pay for the
# instances, and a fee for the care.
#
# They need a capacity provider of their own. It knows two roles: one with which ECS starts instances for you, and one for the instances
# themselves. AWS's policy for the first lets it hand over only roles whose name begins with `ecsInstanceRole`.

# %%
hand = role(
    "orchard-infrastructure",
    "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForManagedInstances",
    service="ecs.amazonaws.com",
)
role(
    "ecsInstanceRole-orchard",
    "arn:aws:iam::aws:policy/AmazonECSInstanceRolePolicyForManagedInstances",
    service="ec2.amazonaws.com",
)
try:
    profile = iam.create_instance_profile(InstanceProfileName="ecsInstanceRole-orchard")["InstanceProfile"]
    iam.add_role_to_instance_profile(
        InstanceProfileName="ecsInstanceRole-orchard", RoleName="ecsInstanceRole-orchard"
    )
    ecs.create_capacity_provider(
        name="orchard-managed",
        cluster="orchard",
        managedInstancesProvider={
            "infrastructureRoleArn": hand,
            "instanceLaunchTemplate": {
                "ec2InstanceProfileArn": profile["Arn"],
                "networkConfiguration": {"subnets": [one["SubnetId"] for one in subnets]},
                "instanceRequirements": {"vCpuCount": {"min": 2, "max": 64}, "memoryMiB": {"min": 4096}},
            },
        },
    )
except iam.exceptions.EntityAlreadyExistsException:
    pass
inside = {"awsvpcConfiguration": {"subnets": [one["SubnetId"] for one in subnets]}}
print(ecs.describe_clusters(clusters=["orchard"])["clusters"][0]["capacityProviders"])

# %% [markdown]
# ## 02.6 · A job of 32 vCPU
#
# *Story.* The forecast has to be there in the morning, and nobody wants to look after a machine for it.
#
# *Task.* Run `forecast` once in the cluster `orchard`, with its 32 vCPU and 96 GB. Only the provider `orchard-managed` can carry it. (The network
# is `inside`: a task on an instance gets no public address of its own.)

# %% stub exercise="large_job"
try:
    ecs.register_task_definition(**FORECAST)
    ecs.run_task(
        cluster="orchard", taskDefinition="forecast", launchType="FARGATE", networkConfiguration=inside
    )
except ClientError as error:
    print(error.response["Error"]["Message"])

# %% solution
ecs.register_task_definition(**FORECAST, requiresCompatibilities=["MANAGED_INSTANCES"])  # survives: it is only a check
started = ecs.run_task(
    cluster="orchard",
    taskDefinition="forecast",
    capacityProviderStrategy=[{"capacityProvider": "orchard-managed", "weight": 1}],  # survives: it is the only provider
    networkConfiguration=inside,
)

# %% right because="on the network of the instance, and by ARN"
definition = ecs.register_task_definition(**FORECAST | {"networkMode": "host"})["taskDefinition"]
ecs.run_task(
    cluster="orchard",
    taskDefinition=definition["taskDefinitionArn"],
    count=1,
    capacityProviderStrategy=[{"capacityProvider": "orchard-managed"}],
)

# %% wrong because="As large as Fargate can: is that 32 vCPU?" finds="size,managed"
ecs.register_task_definition(**FORECAST | {"cpu": "16384"}, requiresCompatibilities=["FARGATE"])
ecs.run_task(
    cluster="orchard",
    taskDefinition="forecast",
    capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    networkConfiguration=network,
)

# %% wrong because="Do a launch type and a strategy go together?" finds="exists"
ecs.register_task_definition(**FORECAST, requiresCompatibilities=["MANAGED_INSTANCES"])
with labkit.expected(ClientError):
    ecs.run_task(
        cluster="orchard",
        taskDefinition="forecast",
        launchType="MANAGED_INSTANCES",
        capacityProviderStrategy=[{"capacityProvider": "orchard-managed", "weight": 1}],
        networkConfiguration=inside,
    )

# %% wrong because="Who pulls the image?" finds="runs"
ecs.register_task_definition(**{name: FORECAST[name] for name in FORECAST if name != "executionRoleArn"})
ecs.run_task(
    cluster="orchard",
    taskDefinition="forecast",
    capacityProviderStrategy=[{"capacityProvider": "orchard-managed", "weight": 1}],
    networkConfiguration=inside,
)

# %% check
lab.check("large_job")

# %% [markdown]
# Where does it run? Three minutes later an instance is there that nobody has ordered.

# %%
lab.clock.advance(minutes=3)
for arn in ecs.list_container_instances(cluster="orchard")["containerInstanceArns"]:
    (found,) = ecs.describe_container_instances(cluster="orchard", containerInstances=[arn])["containerInstances"]
    kinds = {one["name"]: one.get("value") for one in found["attributes"]}
    print(found["capacityProviderName"], kinds["ecs.instance-type"], kinds["ecs.availability-zone"])

# %% [markdown]
# ## What would this cost?
#
# You pay for the CPU and the memory of each task, from the pull of its image until it stops. The next cell says what this session would
# have cost, on the clock of the lab. Look at its notes: prices that are marked *unverified* nobody has read in AWS's own text.

# %%
lab.bill()

# %% [markdown]
# ## Which way to pay
#
# The same CPU has three prices. **Fargate**: you pay for the seconds of each task, at least for a minute. **Fargate Spot**: the
# same, cheaper, and now and then work is lost and done again. **Instances with a Savings Plan**: you promise to spend a fixed sum in every
# hour of a year, and AWS gives you a lower price. Whether the instance is busy or idle, you pay.
#
# So it is the utilisation that decides: how much of its time the machine works.
#
# ![A chart. Across: the part of a month in which 2 vCPU and 8 GB are needed. Up: US dollars a month. The line of Fargate rises from
# 0 to 68.07. The line of an instance with a plan is flat at 43.73. They cross at 64 %.](break-even.svg)
#
# The figure and the next exercise take prices of the Region us-east-1 and of Arm processors. All of them are *unverified*: nobody has read
# them in AWS's own text.

# %% predict question="full_for_four"

# %% [markdown]
# The next cell has the two prices that you need. A plan has a term of one year: 730 hours in each of twelve months. On Fargate Spot, AWS names
# no price, so everybody has to guess a discount.

# %%
import math

from labkit.cost.compute import instance_hour


def hour(vcpus, memory_gb):
    """US dollars for one hour of a task on Fargate."""
    return fargate_hour(vcpus, memory_gb, arm=True, region="us-east-1").cost


PLAN = instance_hour("m7g.large", plan="1 year", region="us-east-1").cost
print(f"Fargate, 2 vCPU and 8 GB: {hour(2, 8):.5f} USD an hour. The plan, per instance: {PLAN:.5f} USD an hour.")

# %% [markdown]
# ## 02.7 · Which way is the cheapest?
#
# *Story.* The finance team asks for each workload: Fargate, Fargate Spot or instances? Last year somebody guessed. It was not cheap.
#
# Somebody measured the workloads. Each is a dict such as this one:

# %%
LABELS = {
    "vcpus": 0.5,  # of one task
    "memory_gb": 1,  # of one task
    "runs": 90_000,  # tasks that start in a month
    "seconds": 20,  # how long each of them runs
    "peak": 12,  # tasks at once, at the busiest moment
    "months": 9,  # how long the workload is needed
    "spot_discount": 0.3,  # your guess: Spot costs 30 % less
    "redo": 0.1,  # on Spot, 10 % of the billed time is spent once more
}

# %% [markdown]
# *Task.* Write `choose(profile)`. It returns the way that costs least in the whole life of the workload: `"fargate"`, `"spot"` or `"ec2"`.
#
# - **`"fargate"`** bills each run by the second, and at least for 60 seconds.
# - **`"spot"`** bills the same time, and the part `redo` of it once more, at a discount.
# - **`"ec2"`** is as many `m7g.large` as the busiest moment needs, with a plan of one year, for nothing else. On each there is room for tasks with
#   2 vCPU and 7.5 GB together.

# %% stub exercise="cheapest_way"
def choose(profile):
    return "fargate"


choose(LABELS)

# %% solution
def choose(profile):
    billed = max(60, profile["seconds"])  # survives: twice the minimum changes few answers
    hours = profile["runs"] * billed / 3600 * profile["months"]
    fargate = hours * hour(profile["vcpus"], profile["memory_gb"])
    fit = min(2 // profile["vcpus"], 7.5 // profile["memory_gb"])  # survives: the best is best by far, also on a slightly other machine
    costs = {
        "fargate": fargate,
        "spot": fargate * (1 + profile["redo"]) * (1 - profile["spot_discount"]),
        "ec2": math.ceil(profile["peak"] / fit) * PLAN * 730 * 12,
    }
    return min(costs, key=costs.get)

# %% right because="each month by itself, and one comparison after the other"
def choose(profile):
    task = hour(profile["vcpus"], profile["memory_gb"])
    month = task * profile["runs"] * max(60, profile["seconds"]) / 3600
    spot = month * (1 + profile["redo"]) * (1 - profile["spot_discount"])
    instances = 0
    room = 0
    while room < profile["peak"]:
        instances += 1
        cpu, memory, here = 2, 7.5, 0
        while cpu >= profile["vcpus"] and memory >= profile["memory_gb"]:
            cpu, memory, here = cpu - profile["vcpus"], memory - profile["memory_gb"], here + 1
        room += here
    plan = instances * PLAN * 8760
    if plan < min(month, spot) * profile["months"]:
        return "ec2"
    return "spot" if spot < month else "fargate"

# %% wrong because="Always the one with the lowest price?" finds="right,lock_in"
def choose(profile):
    return "ec2"

# %% wrong because="How long do you pay for a plan?" finds="right,lock_in"
def choose(profile):
    hours = profile["runs"] * max(60, profile["seconds"]) / 3600
    fargate = hours * hour(profile["vcpus"], profile["memory_gb"])
    fit = min(2 // profile["vcpus"], 7.5 // profile["memory_gb"])
    costs = {
        "fargate": fargate,
        "spot": fargate * (1 + profile["redo"]) * (1 - profile["spot_discount"]),
        "ec2": math.ceil(profile["peak"] / fit) * PLAN * 730,
    }
    return min(costs, key=costs.get)

# %% wrong because="What happens to work that Spot interrupts?" finds="right,lock_in"
def choose(profile):
    hours = profile["runs"] * max(60, profile["seconds"]) / 3600 * profile["months"]
    fargate = hours * hour(profile["vcpus"], profile["memory_gb"])
    fit = min(2 // profile["vcpus"], 7.5 // profile["memory_gb"])
    costs = {
        "spot": fargate * (1 - profile["spot_discount"]),
        "ec2": math.ceil(profile["peak"] / fit) * PLAN * 730 * 12,
    }
    return min(costs, key=costs.get)

# %% wrong because="Does an instance get more memory when it has less to compute?" finds="right"
def choose(profile):
    hours = profile["runs"] * max(60, profile["seconds"]) / 3600 * profile["months"]
    fargate = hours * hour(profile["vcpus"], profile["memory_gb"])
    costs = {
        "fargate": fargate,
        "spot": fargate * (1 + profile["redo"]) * (1 - profile["spot_discount"]),
        "ec2": math.ceil(profile["peak"] / (2 // profile["vcpus"])) * PLAN * 730 * 12,
    }
    return min(costs, key=costs.get)

# %% wrong because="The sum, or the name?" finds="name"
def choose(profile):
    return hour(profile["vcpus"], profile["memory_gb"])

# %% wrong because="Is that a key of the profile?" finds="runs"
def choose(profile):
    return "ec2" if profile["utilisation"] > 0.64 else "fargate"

# %% check
lab.check("cheapest_way", choose=choose)

# %% [markdown]
# ## What differs on real AWS
#
# - Here all Spot tasks go when the fault says so. On AWS nobody can say when, and how many, and when there is
#   Spot again.
# - Here any instance that runs that script joins. On AWS it needs the ECS agent, which is in the ECS-optimized images, and a role.
# - Here Managed Instances take the smallest type that fits, and nobody asks their two roles. AWS takes the cheapest, and
#   asks.
# - A Compute Savings Plan also pays for Fargate, with another discount, and what one workload leaves of it another can use. Here each
#   workload has a plan to itself. And there are plans of three years.
# - A program here needs what its few numbers say. Real ones are less even: measure them for a week.
#
# In a real account, try
# `aws ecs describe-services --cluster CLUSTER --services SERVICE --query "services[0].capacityProviderStrategy"`.
#
# ## Summary
#
# - ECS decides, Fargate is where it runs. They are answers to two questions.
# - Fargate sells fixed pairs. Memory decides more often than CPU, and a peak needs room.
# - In a strategy the base comes first, and binds one provider. The weights share the rest.
# - On instances, `binpack` saves machines and `spread` over zones saves the shop.
# - A plan is cheap for what runs all year. It is paid to its end.
# - What is too large for Fargate runs on Managed Instances: a capacity provider, and no launch type.
# - A notice of two minutes is SIGTERM. `stopTimeout` says how long you have: 30 seconds if you say nothing, at most 120.
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
