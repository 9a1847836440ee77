# ---
# jupyter:
#   labkit:
#     number: "01"
#     title: "ECS core: from task definition to a service that heals"
#     week: 7
#     minutes: 120
#     services: [ecs, ecr, iam, logs, s3, ec2, cloudwatch]
#     covers: [L8-L11, L28-L49]
#     verified: 2026-11-23
#     objectives:
#       - Write a task definition that survives production.
#       - Run a job once, and a service that keeps its count and heals.
#       - Release a new version, and no customer notices.
#       - Tell the two roles of a task apart, and read why a task stopped.
# ---

# %% [markdown]
# # ECS core: from task definition to a service that heals
#
# **The story.** Orchard Market leaves its one large program for five small services. The first is `user`: it greets
# customers by name. It has to run in three copies, day and night, and somebody has to notice when one dies. That somebody is
# **Amazon ECS**, the Elastic Container Service. Plan two hours. There are save points after 01.2 and 01.4.

# %% setup
import json
from datetime import timedelta

import boto3

ecs = boto3.client("ecs")
ecr = boto3.client("ecr")
ec2 = boto3.client("ec2")
iam = boto3.client("iam")
logs = boto3.client("logs")
s3 = boto3.client("s3")

# %% [markdown]
# ## Four words
#
# - A **container** is a program with all that it needs, started from an **image**: a package that never changes.
# - A **task definition** says which containers run together, and how. Each change makes a new **revision**: `user:1`,
#   `user:2`. A revision never changes.
# - A **task** is what runs: one copy of a task definition.
# - A **service** keeps a number of tasks running. It replaces those that die.
# - A **cluster** is where tasks and services live.
#
# ![A cluster holds a service and tasks. The service refers to revision 1 of a task definition and keeps three tasks of it.
# Each task is a copy of that revision. Beside the service runs a task that nobody keeps: a job. The task definition has two
# revisions, and names the image in the registry.](four-words.svg)

# %% fact id="F1"

# %% [markdown]
# ## Predict
#
# Think first. Then put a letter into the cell, for example `answer="a"`, and run it.

# %% predict question="who_counts"

# %% [markdown]
# ## Worked example: a first task
#
# A task needs a place and a network. The place is a cluster. The next cell makes one. Each task gets a network card of its own,
# in a *subnet*. The tasks below use the subnets that every new account has. `assignPublicIp` gives a task a public
# address, so that it can reach the registry where its image lies. (Lab 03 does without.)

# %%
ecs.create_cluster(clusterName="playground")
found = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
network = {
    "awsvpcConfiguration": {"subnets": [one["SubnetId"] for one in found], "assignPublicIp": "ENABLED"},
}

# %% [markdown]
# The task definition has one container, with a public image of the web server nginx. `FARGATE` means: AWS finds a machine for
# each task, and you never see it. `cpu` is in units of 1/1024 of a processor, `memory` in MiB.

# %%
ecs.register_task_definition(
    family="hello",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    containerDefinitions=[{"name": "web", "image": "public.ecr.aws/nginx/nginx:1.29"}],
)
started = ecs.run_task(
    cluster="playground", taskDefinition="hello", launchType="FARGATE", networkConfiguration=network
)
hello = started["tasks"][0]["taskArn"]
print(hello)

# %% fact id="F2"

# %% [markdown]
# `run_task` answers at once. The task needs time: a network card, a machine, the image. The next cell looks every five
# seconds of lab time.


# %%
def tell(cluster, task):
    """Say in one line how a task is, and why it stopped."""
    now = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
    words = [now["lastStatus"], now["healthStatus"]]
    words += [now[key] for key in ("stopCode", "stoppedReason") if key in now]
    for container in now["containers"]:
        words += (
            [f"{container['name']}: exit code {container['exitCode']}"] if "exitCode" in container else []
        )
        words += [container["reason"]] if "reason" in container else []
    print(lab.clock.now().strftime("%H:%M:%S"), " - ".join(words))


for look in range(10):
    tell("playground", hello)
    lab.clock.advance(seconds=5)

# %% [markdown]
# Somebody stops it. ECS sends the program a signal, SIGTERM: "please end". What is left is a note of how it ended. ECS shows a
# stopped task for about an hour.

# %%
ecs.stop_task(cluster="playground", task=hello, reason="the example is over")
for look in range(5):
    lab.clock.advance(seconds=3)
    tell("playground", hello)

# %% [markdown]
# ## What a cluster measures
#
# A cluster has few settings of its own. One of them is **Container Insights**: how much ECS measures. It can be `disabled`,
# `enabled` (the cluster and its services) or `enhanced` (each task and each container, too). What it measures costs money, as
# all metrics of CloudWatch that are not free.
#
# ## 01.1 · A cluster that measures each task
#
# *Story.* In the playground one task ate all the memory. Nobody could say which.
#
# *Task.* The shop gets its own cluster, `orchard-dev`. Change the cell so that ECS measures CPU and memory of **each task** in it.

# %% stub exercise="insights"
ecs.create_cluster(clusterName="orchard-dev")
changed = ecs.update_cluster_settings(
    cluster="orchard-dev", settings=[{"name": "containerInsights", "value": "disabled"}]
)

# %% solution
ecs.create_cluster(clusterName="orchard-dev")
changed = ecs.update_cluster_settings(
    cluster="orchard-dev", settings=[{"name": "containerInsights", "value": "enhanced"}]
)

# %% right because="all in one call"
ecs.create_cluster(clusterName="orchard-dev", settings=[{"name": "containerInsights", "value": "enhanced"}])

# %% wrong because="Is `enabled` enough for each task?" finds="tasks"
ecs.create_cluster(clusterName="orchard-dev")
ecs.update_cluster_settings(
    cluster="orchard-dev", settings=[{"name": "containerInsights", "value": "enabled"}]
)

# %% wrong because="Is everything measured by itself?" finds="tasks"
ecs.create_cluster(clusterName="orchard-dev")

# %% wrong because="Does your cluster have another name?" finds="exists"
ecs.create_cluster(clusterName="orchard", settings=[{"name": "containerInsights", "value": "enhanced"}])

# %% check
lab.check("insights")

# %% [markdown]
# ## Before your code starts
#
# Between `run_task` and the first line of your program, ECS pulls the image and opens the log. For both it needs rights. It
# gets them from the **execution role** of the task definition: a role that ECS itself works with.
#
# The shop has a registry of its own, Amazon ECR, with one *repository* for each program. An image in it has a **digest**: a
# fingerprint of its bytes. It can also have **tags**, such as `1.0`: names that somebody gave it. A tag can move to another
# image. A digest cannot.
#
# Here an image is a small Python program, and `lab.images.push` does what `docker build` and `docker push` do elsewhere.


# %%
def repository(name):
    """The address of a repository. Makes it when it is not there."""
    try:
        return ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]
    except ecr.exceptions.RepositoryAlreadyExistsException:
        return ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"]


user_image = repository("orchard/user")
lab.images.push("user", user_image, tag="1.0")

# %% [markdown]
# Now the execution role and the log group. The *trust policy* of the role says who may work with it: tasks of ECS. The policy of
# AWS that is attached lets it pull images and write logs.

# %%
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def role(name):
    """The ARN of a role that tasks may work with. Makes it when it is not there."""
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    return iam.get_role(RoleName=name)["Role"]["Arn"]


def log_group(name):
    """Makes the log group when it is not there."""
    try:
        logs.create_log_group(logGroupName=name)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass


agent = role("orchard-agent")
iam.attach_role_policy(
    RoleName="orchard-agent",
    PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
)
log_group("/orchard/user")
region = ecs.meta.region_name
print(agent, user_image, region, sep="\n")

# %% [markdown]
# A **health check** is a command that ECS runs inside the container, again and again. While it ends with 0, the container is
# `HEALTHY`. When it fails several times in a row, the container is `UNHEALTHY`. Without a health check, ECS knows only
# whether the program runs, not whether it works.

# %% fact id="F4"

# %% [markdown]
# ## 01.2 · A task definition for production
#
# *Story.* The task definition of the syllabus starts. That is all that it does: nobody sees what it prints, nobody notices when it
# hangs, and what it runs can change overnight. `user` deserves better.
#
# *Task.* Change the cell. The family is `user`, its program listens on port 8080.
#
# - It runs version 1.0 of `orchard/user`. When somebody pushes another image as `1.0`, new tasks still run what they run today.
# - What the program prints is in the log group `/orchard/user`.
# - ECS knows within two minutes when the program does not answer on `http://localhost:8080/health` any more. `curl -f` fails when
#   the answer is an error.

# %% stub exercise="production"
definition = {
    "family": "user",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {
            "name": "web-container",
            "image": "nginx:latest",
            "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
        }
    ],
}
registered = ecs.register_task_definition(**definition)

# %% solution
wanted = [{"imageTag": "1.0"}]
digest = ecr.describe_images(repositoryName="orchard/user", imageIds=wanted)["imageDetails"][0]["imageDigest"]  # survives: the repository has one image
definition = {  # survives: names, sizes and times may be others, and every end of a health check but 0 says the same
    "family": "user",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "executionRoleArn": agent,
    "containerDefinitions": [
        {
            "name": "user",
            "image": f"{user_image}@{digest}",
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/orchard/user",
                    "awslogs-region": region,
                    "awslogs-stream-prefix": "user",
                },
            },
            "healthCheck": {
                "command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"],
                "interval": 10,
                "retries": 2,
            },
        }
    ],
}
registered = ecs.register_task_definition(**definition)

# %% right because="a tag that cannot move, and a health check with the usual times"
ecr.put_image_tag_mutability(repositoryName="orchard/user", imageTagMutability="IMMUTABLE")
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="512",
    memory="1024",
    executionRoleArn=agent,
    containerDefinitions=[
        {
            "name": "app",
            "image": f"{user_image}:1.0",
            "essential": True,
            "portMappings": [{"containerPort": 8080}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/orchard/user",
                    "awslogs-region": boto3.Session().region_name,
                    "awslogs-stream-prefix": "app",
                    "mode": "non-blocking",
                },
            },
            "healthCheck": {
                "command": ["CMD", "curl", "-f", "http://localhost:8080/health"],
                "startPeriod": 30,
            },
        }
    ],
)

# %% wrong because="A tag that somebody can move?" finds="pinned"
definition = {
    "family": "user",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "executionRoleArn": agent,
    "containerDefinitions": [
        {
            "name": "user",
            "image": f"{user_image}:1.0",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/orchard/user",
                    "awslogs-region": region,
                    "awslogs-stream-prefix": "user",
                },
            },
            "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]},
        }
    ],
}
ecs.register_task_definition(**definition)

# %% wrong because="Who pulls the image, and with which rights?" finds="runs"
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    containerDefinitions=[
        {
            "name": "user",
            "image": f"{user_image}:1.0",
            "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]},
        }
    ],
)

# %% wrong because="Did you pin the image, and forget to look whether it works?" finds="healthy,notices"
wanted = [{"imageTag": "1.0"}]
digest = ecr.describe_images(repositoryName="orchard/user", imageIds=wanted)["imageDetails"][0]["imageDigest"]
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    executionRoleArn=agent,
    containerDefinitions=[
        {
            "name": "user",
            "image": f"{user_image}@{digest}",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/orchard/user",
                    "awslogs-region": region,
                    "awslogs-stream-prefix": "user",
                },
            },
        }
    ],
)

# %% wrong because="Does your health check ask anybody?" finds="notices"
wanted = [{"imageTag": "1.0"}]
digest = ecr.describe_images(repositoryName="orchard/user", imageIds=wanted)["imageDetails"][0]["imageDigest"]
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    executionRoleArn=agent,
    containerDefinitions=[
        {
            "name": "user",
            "image": f"{user_image}@{digest}",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/orchard/user",
                    "awslogs-region": region,
                    "awslogs-stream-prefix": "user",
                },
            },
            "healthCheck": {"command": ["CMD-SHELL", "exit 0"]},
        }
    ],
)

# %% wrong because="Does it ask on port 80, as nginx listens?" finds="healthy,notices"
wanted = [{"imageTag": "1.0"}]
digest = ecr.describe_images(repositoryName="orchard/user", imageIds=wanted)["imageDetails"][0]["imageDigest"]
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    executionRoleArn=agent,
    containerDefinitions=[
        {
            "name": "user",
            "image": f"{user_image}@{digest}",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/orchard/user",
                    "awslogs-region": region,
                    "awslogs-stream-prefix": "user",
                },
            },
            "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]},
        }
    ],
)

# %% wrong because="Who sees what it prints?" finds="logs"
wanted = [{"imageTag": "1.0"}]
digest = ecr.describe_images(repositoryName="orchard/user", imageIds=wanted)["imageDetails"][0]["imageDigest"]
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    executionRoleArn=agent,
    containerDefinitions=[
        {
            "name": "user",
            "image": f"{user_image}@{digest}",
            "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]},
        }
    ],
)

# %% wrong because="Does it write to a log group that is not there?" finds="runs"
wanted = [{"imageTag": "1.0"}]
digest = ecr.describe_images(repositoryName="orchard/user", imageIds=wanted)["imageDetails"][0]["imageDigest"]
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    executionRoleArn=agent,
    containerDefinitions=[
        {
            "name": "user",
            "image": f"{user_image}@{digest}",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "orchard/user",
                    "awslogs-region": region,
                    "awslogs-stream-prefix": "user",
                },
            },
            "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]},
        }
    ],
)

# %% wrong because="Is everything right, and the image is still nginx?" finds="program,healthy,logs,notices"
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    executionRoleArn=agent,
    containerDefinitions=[
        {
            "name": "user",
            "image": "nginx:latest",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/orchard/user",
                    "awslogs-region": region,
                    "awslogs-stream-prefix": "user",
                },
            },
            "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]},
        }
    ],
)

# %% wrong because="Has nobody registered it?" finds="exists"
for arn in ecs.list_task_definitions(familyPrefix="user")["taskDefinitionArns"]:
    ecs.deregister_task_definition(taskDefinition=arn)

# %% check
lab.check("production")

# %% [markdown]
# ## Save point
#
# Your progress is saved already. The next cell also keeps a copy of the account in this session. Take a break.

# %%
lab.snapshot("after 01.2")

# %% [markdown]
# ## The same ground for all
#
# The next cell registers our form of `user`, so that everybody goes on from the same place. `define` makes a task definition for a
# program of the shop: pinned, with a log and, if the program serves requests, a health check. (`**more` takes further settings
# of the container.)


# %%
def pinned(name, tag):
    """The address of an image of the shop by its digest. A tag that moves does not change it."""
    wanted = [{"imageTag": tag}]
    found = ecr.describe_images(repositoryName=f"orchard/{name}", imageIds=wanted)["imageDetails"][0]
    return f"{repository(f'orchard/{name}')}@{found['imageDigest']}"


def define(name, image, port=8080, task_role="", execution_role=agent, memory="512", **more):
    """Register a task definition with one container. Returns the ARN of the new revision."""
    log_group(f"/orchard/{name}")
    container = {
        "name": name,
        "image": image,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": f"/orchard/{name}",
                "awslogs-region": region,
                "awslogs-stream-prefix": name,
            },
        },
    }
    if port:
        container["portMappings"] = [{"containerPort": port}]
        container["healthCheck"] = {
            "command": ["CMD-SHELL", f"curl -f http://localhost:{port}/health || exit 1"],
            "interval": 10,
            "retries": 2,
        }
    made = ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory=memory,
        executionRoleArn=execution_role,
        containerDefinitions=[container | more],
        **({"taskRoleArn": task_role} if task_role else {}),
    )
    return made["taskDefinition"]["taskDefinitionArn"]


user_1 = define("user", pinned("user", "1.0"))
print(user_1)

# %% [markdown]
# ## Jobs
#
# Not everything runs day and night. A **job** does its work and ends. Its program ends with an **exit code**: 0 means that all went
# well. When an *essential* container ends, the whole task stops. Every container is essential unless you say
# otherwise.
#
# The shop's database has a *schema*: the form of its tables. The program `migrate` brings it to a new form. The environment
# variable `TO` tells it which.

# %%
migrate_image = repository("orchard/migrate")
lab.images.push("migrate", migrate_image, tag="1.0")
define("migrate", pinned("migrate", "1.0"), port=None, environment=[{"name": "TO", "value": "8"}])

# %% [markdown]
# ## 01.3 · Run the migration once
#
# *Story.* The last migration ran as a service. It ended, ECS started it again, it ended, and so on all night.
#
# *Task.* Write `migrate(to)`. It runs the task definition `migrate` in `orchard-dev` once, and brings the database to the schema
# `to`, a number. It returns the ARN of the task. The task definition stays as it is: for one run, you can *override* its
# environment. The container's name is `migrate`.


# %% stub exercise="migrate_once"
def migrate(to):
    """Bring the database to schema `to`, once. Returns the ARN of the task."""


# %% solution
def migrate(to):
    answer = ecs.run_task(
        cluster="orchard-dev",
        taskDefinition="migrate",
        launchType="FARGATE",
        networkConfiguration=network,
        overrides={
            "containerOverrides": [{"name": "migrate", "environment": [{"name": "TO", "value": str(to)}]}]
        },
    )
    return answer["tasks"][0]["taskArn"]


# %% right because="a capacity provider, a count, and a note of who started it"
ecs.put_cluster_capacity_providers(
    cluster="orchard-dev", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
)


def migrate(to):
    change = {"name": "TO", "value": f"{to}"}
    [task] = ecs.run_task(
        cluster="orchard-dev",
        taskDefinition=ecs.describe_task_definition(taskDefinition="migrate")["taskDefinition"][
            "taskDefinitionArn"
        ],
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        networkConfiguration=network,
        count=1,
        startedBy=f"migration-{to}",
        overrides={"containerOverrides": [{"name": "migrate", "environment": [change]}]},
    )["tasks"]
    return task["taskArn"]


# %% wrong because="A service for a job that ends?" finds="one,answer,once"
def migrate(to):
    definition = ecs.describe_task_definition(taskDefinition="migrate")["taskDefinition"]
    container = definition["containerDefinitions"][0]
    made = define("migrate", container["image"], port=None, environment=[{"name": "TO", "value": str(to)}])
    return ecs.create_service(
        cluster="orchard-dev",
        serviceName=f"migrate-{to}",
        taskDefinition=made,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
    )["service"]["serviceArn"]


# %% wrong because="Two, to be safe?" finds="one"
def migrate(to):
    answer = ecs.run_task(
        cluster="orchard-dev",
        taskDefinition="migrate",
        launchType="FARGATE",
        count=2,
        networkConfiguration=network,
        overrides={
            "containerOverrides": [{"name": "migrate", "environment": [{"name": "TO", "value": str(to)}]}]
        },
    )
    return answer["tasks"][0]["taskArn"]


# %% wrong because="Which schema, when nobody says it?" finds="schema"
def migrate(to):
    answer = ecs.run_task(
        cluster="orchard-dev", taskDefinition="migrate", launchType="FARGATE", networkConfiguration=network
    )
    return answer["tasks"][0]["taskArn"]


# %% wrong because="Is it stopped before it is done?" finds="schema,done"
def migrate(to):
    answer = ecs.run_task(
        cluster="orchard-dev",
        taskDefinition="migrate",
        launchType="FARGATE",
        networkConfiguration=network,
        overrides={
            "containerOverrides": [{"name": "migrate", "environment": [{"name": "TO", "value": str(to)}]}]
        },
    )
    task = answer["tasks"][0]["taskArn"]
    ecs.stop_task(cluster="orchard-dev", task=task)
    return task


# %% wrong because="Does it look only, and change nothing?" finds="schema"
def migrate(to):
    answer = ecs.run_task(
        cluster="orchard-dev",
        taskDefinition="migrate",
        launchType="FARGATE",
        networkConfiguration=network,
        overrides={
            "containerOverrides": [
                {
                    "name": "migrate",
                    "command": ["check"],
                    "environment": [{"name": "TO", "value": str(to)}],
                }
            ]
        },
    )
    return answer["tasks"][0]["taskArn"]


# %% wrong because="How does the caller find the task?" finds="answer"
def migrate(to):
    ecs.run_task(
        cluster="orchard-dev",
        taskDefinition="migrate",
        launchType="FARGATE",
        networkConfiguration=network,
        overrides={
            "containerOverrides": [{"name": "migrate", "environment": [{"name": "TO", "value": str(to)}]}]
        },
    )


# %% wrong because="Is the number a text, as the API wants it?" finds="runs"
def migrate(to):
    answer = ecs.run_task(
        cluster="orchard-dev",
        taskDefinition="migrate",
        launchType="FARGATE",
        networkConfiguration=network,
        overrides={"containerOverrides": [{"name": "migrate", "environment": [{"name": "TO", "value": to}]}]},
    )
    return answer["tasks"][0]["taskArn"]


# %% wrong because="Did you delete the cluster?" finds="exists"
ecs.delete_cluster(cluster="orchard-dev")


def migrate(to):
    return ""


# %% wrong because="Did you deregister the task definition?" finds="defined"
for arn in ecs.list_task_definitions(familyPrefix="migrate")["taskDefinitionArns"]:
    ecs.deregister_task_definition(taskDefinition=arn)


def migrate(to):
    return ""


# %% check
lab.check("migrate_once", migrate=migrate)

# %% [markdown]
# ## A number that somebody keeps
#
# A service has a **desired count**. ECS compares it with what runs, again and again, and starts or stops tasks until both are equal.
# While the image is pulled, tasks are *pending*. Then they are *running*. A running task whose container is `UNHEALTHY` does not
# count as well: ECS starts another one in its place.
#
# ## 01.4 · Three copies of `user`
#
# *Story.* On Sunday a task of `user` died. Nobody noticed until Monday.
#
# *Task.* Keep three copies of `user` running in `orchard-dev`, named `user`. Use `user_1`, the task definition from above. When
# a task dies, another is healthy in its place within a minute, and nobody has to get up. When one hangs, it may take two minutes:
# first its health check has to fail.

# %% stub exercise="service"
ecs.list_services(cluster="orchard-dev")["serviceArns"]

# %% solution
made = ecs.create_service(
    cluster="orchard-dev",
    serviceName="user",  # survives: the check counts tasks, whatever the service is called
    taskDefinition=user_1,
    desiredCount=3,
    launchType="FARGATE",
    networkConfiguration=network,
)

# %% right because="a capacity provider, and the count set afterwards"
ecs.put_cluster_capacity_providers(
    cluster="orchard-dev", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
)
ecs.create_service(
    cluster="orchard-dev",
    serviceName="user",
    taskDefinition=user_1,
    desiredCount=0,
    capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    networkConfiguration=network,
)
ecs.update_service(cluster="orchard-dev", service="user", desiredCount=3)

# %% wrong because="Did you start three tasks, and leave nobody to keep the count?" finds="kept,hung"
for copy in range(3):
    ecs.run_task(
        cluster="orchard-dev", taskDefinition=user_1, launchType="FARGATE", networkConfiguration=network
    )

# %% wrong because="How many copies?" finds="three"
ecs.create_service(
    cluster="orchard-dev",
    serviceName="user",
    taskDefinition=user_1,
    desiredCount=2,
    launchType="FARGATE",
    networkConfiguration=network,
)

# %% wrong because="How does ECS notice that a task hangs?" finds="three,kept,hung"
plain = ecs.describe_task_definition(taskDefinition=user_1)["taskDefinition"]
container = plain["containerDefinitions"][0]
container.pop("healthCheck", None)
ecs.register_task_definition(
    family="user",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    executionRoleArn=agent,
    containerDefinitions=[container],
)
ecs.create_service(
    cluster="orchard-dev",
    serviceName="user",
    taskDefinition="user",
    desiredCount=3,
    launchType="FARGATE",
    networkConfiguration=network,
)

# %% wrong because="Is it in the playground?" finds="three,kept,hung"
ecs.create_service(
    cluster="playground",
    serviceName="user",
    taskDefinition=user_1,
    desiredCount=3,
    launchType="FARGATE",
    networkConfiguration=network,
)

# %% wrong because="Did you delete the cluster?" finds="exists"
ecs.delete_cluster(cluster="orchard-dev")

# %% check
lab.check("service")

# %% [markdown]
# ## Break it: one task less
#
# Stop one task of `user` and look at the bars. Each bar is a task, its pattern says in which state it was. Without a service nobody
# comes in its place.

# %%
lab.clock.advance(minutes=1)
for task in ecs.list_tasks(cluster="orchard-dev", family="user")["taskArns"][:1]:
    ecs.stop_task(cluster="orchard-dev", task=task, reason="to see what happens")
lab.clock.advance(minutes=1)
lab.timeline(kind="tasks", since=timedelta(minutes=3))

# %% [markdown]
# ## Save point
#
# You are more than half-way.

# %%
lab.snapshot("after 01.4")

# %% [markdown]
# ## Revisions and releases
#
# A revision never changes. To release a new version means: register a new revision, and tell the service to use it. ECS then
# replaces the old tasks by new ones, step by step. This is a **deployment**. Two numbers say how, both in percent of the desired
# count:
#
# - `minimumHealthyPercent`: so many tasks must be healthy all the time. The default is 100.
# - `maximumPercent`: so many tasks may be there, old and new together. The default is 200.
#
# With 100 and 200, three new tasks come up first. When they are healthy, the three old ones go.

# %% predict question="moved_tag"

# %% [markdown]
# `describe_task_definition` gives you a revision. It holds some fields that ECS has added. The helper below leaves them out, so that
# you can change the rest and register it again.

# %%
ADDED = [
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
]


def copy_of(definition):
    """A task definition, in the form in which `register_task_definition` wants it."""
    found = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return {key: value for key, value in found.items() if key not in ADDED}


lab.images.push("user", user_image, tag="2.0", version="2.0")
print(sorted(copy_of("user")))

# %% [markdown]
# ## Break it: a release in a hurry
#
# The service `hasty` was made with `minimumHealthyPercent=0` and `maximumPercent=100`: no task has to be healthy, and there may be no
# more than three. Customers send 20 requests a second while version 2.0 is released. (Here they go to the tasks in turn. On AWS
# a load balancer does that, see lab 03.)

# %%
from labkit.workload import steady

if not ecs.describe_services(cluster="orchard-dev", services=["hasty"])["services"]:
    ecs.create_service(
        cluster="orchard-dev",
        serviceName="hasty",
        taskDefinition=user_1,
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration=network,
        deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100},
    )
ecs.update_service(cluster="orchard-dev", service="hasty", taskDefinition=user_1, desiredCount=3)
lab.clock.advance(minutes=2)
user_2 = define("user", pinned("user", "2.0"))
customers = lab.traffic(steady(20, seconds=120), ("orchard-dev", "hasty"), path="/users/Noor")
ecs.update_service(cluster="orchard-dev", service="hasty", taskDefinition=user_2)
lab.play(customers)
customers.records

# %%
ecs.update_service(cluster="orchard-dev", service="hasty", desiredCount=0)
lab.clock.advance(minutes=2)
lab.timeline("hasty", kind="tasks")

# %% [markdown]
# ## 01.5 · Release without an outage
#
# *Story.* `hasty` is not the only service that was made like this. Nobody wants to see that again.
#
# *Task.* Write `release(service, image)`. It brings a service of `orchard-dev` to the image.
#
# - Customers send 20 requests a second all the time. None of them fails, however the service was made.
# - Roles, log and health check stay as they are: only the image is another one.
# - The old revision stays usable, so that one call of `update_service` brings it back.


# %% stub exercise="release"
def release(service, image):
    """Bring the service to this image. No customer notices."""
    ecs.update_service(cluster="orchard-dev", service=service, forceNewDeployment=True)


# %% solution
def release(service, image):
    found = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]
    draft = copy_of(found["taskDefinition"])
    draft["containerDefinitions"][0]["image"] = image
    made = ecs.register_task_definition(**draft)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(
        cluster="orchard-dev",
        service=service,
        taskDefinition=made,
        deploymentConfiguration={
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
        },  # survives: any room above 100 percent will do
    )


# %% right because="two calls for the service, one task at a time"
def release(service, image):
    found = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]
    ecs.update_service(
        cluster="orchard-dev",
        service=service,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 150},
    )
    old = copy_of(found["taskDefinition"])
    containers = [one | {"image": image} for one in old["containerDefinitions"]]
    made = ecs.register_task_definition(**(old | {"containerDefinitions": containers}))["taskDefinition"]
    ecs.update_service(
        cluster="orchard-dev", service=service, taskDefinition=f"{made['family']}:{made['revision']}"
    )


# %% wrong because="Did you leave the two numbers as your colleague set them?" finds="outage"
def release(service, image):
    found = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]
    definition = copy_of(found["taskDefinition"])
    definition["containerDefinitions"][0]["image"] = image
    made = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="orchard-dev", service=service, taskDefinition=made)


# %% wrong because="Does a running task change when a new revision is registered?" finds="released"
def release(service, image):
    found = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]
    definition = copy_of(found["taskDefinition"])
    definition["containerDefinitions"][0]["image"] = image
    ecs.register_task_definition(**definition)


# %% wrong because="Do you stop the old tasks yourself?" finds="outage"
def release(service, image):
    found = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]
    definition = copy_of(found["taskDefinition"])
    definition["containerDefinitions"][0]["image"] = image
    made = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(
        cluster="orchard-dev",
        service=service,
        taskDefinition=made,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 200},
    )
    for task in ecs.list_tasks(cluster="orchard-dev", serviceName=service)["taskArns"]:
        ecs.stop_task(cluster="orchard-dev", task=task)


# %% wrong because="A new task definition from scratch: what has become of log and health check?" finds="same"
def release(service, image):
    family = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]["taskDefinition"]
    made = ecs.register_task_definition(
        family=family.rpartition("/")[2].partition(":")[0],
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=agent,
        containerDefinitions=[{"name": "user", "image": image, "portMappings": [{"containerPort": 8080}]}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(
        cluster="orchard-dev",
        service=service,
        taskDefinition=made,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 200},
    )


# %% wrong because="Did you tidy the old revision away?" finds="back"
def release(service, image):
    found = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]
    definition = copy_of(found["taskDefinition"])
    definition["containerDefinitions"][0]["image"] = image
    made = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(
        cluster="orchard-dev",
        service=service,
        taskDefinition=made,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 200},
    )
    ecs.deregister_task_definition(taskDefinition=found["taskDefinition"])


# %% wrong because="Does the same name for two revisions confuse `register_task_definition`?" finds="runs"
def release(service, image):
    found = ecs.describe_services(cluster="orchard-dev", services=[service])["services"][0]
    definition = ecs.describe_task_definition(taskDefinition=found["taskDefinition"])["taskDefinition"]
    definition["containerDefinitions"][0]["image"] = image
    ecs.register_task_definition(**definition)


# %% wrong because="Is the repository gone?" finds="ground"
ecr.delete_repository(repositoryName="orchard/user", force=True)


def release(service, image):
    pass


# %% check
lab.check("release", release=release)

# %% [markdown]
# Your service `user` can have version 2.0 now. In the figure, look when the old bars end and when the new ones begin to run.

# %%
for one in ecs.describe_services(cluster="orchard-dev", services=["user"])["services"]:
    release(one["serviceName"], pinned("user", "2.0"))
lab.clock.advance(minutes=4)
lab.timeline(kind="tasks", since=timedelta(minutes=5))

# %% [markdown]
# ## Two roles
#
# A task definition names two roles, and they are easily mixed up.
#
# - The **execution role** is for ECS itself, before and around your program: pull the image, open the log.
# - The **task role** is for your program. When it calls S3, it calls as this role.
#
# ![The execution role, executionRoleArn: the agent of ECS uses it to pull the image from ECR and to write to CloudWatch Logs. The
# task role, taskRoleArn: your program in the container uses it to read from S3. Neither can do what the other does.](two-roles.svg)

# %% [markdown]
# The shop has a second form of `user`, `welcome`: it greets with a template from S3. The next cell sets it up as a colleague left
# it, with two roles.

# %%
account = boto3.client("sts").get_caller_identity()["Account"]
templates = f"orchard-templates-{account}"
if templates not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=templates, CreateBucketConfiguration={"LocationConstraint": region})
s3.put_object(Bucket=templates, Key="user.html", Body=b"Welcome to the orchard, NAME")


def allow(role_name, policy, action, resource):
    """Give a role one more right, or replace the policy of this name."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role_name, PolicyName=policy, PolicyDocument=document)


PULL = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
WRITE_LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
welcome_agent, welcome_code = role("welcome-agent"), role("welcome-code")
allow("welcome-agent", "pull", PULL, "*")
allow("welcome-agent", "templates", "s3:GetObject", f"arn:aws:s3:::{templates}/*")
allow("welcome-code", "logs", WRITE_LOGS, "*")
lab.images.push("user", repository("orchard/welcome"), tag="1.0")
welcome = define(
    "welcome",
    pinned("welcome", "1.0"),
    execution_role=welcome_agent,
    task_role=welcome_code,
    environment=[{"name": "TEMPLATE_BUCKET", "value": templates}],
)

# %% [markdown]
# `try_out` runs one task of a definition, lets a minute and a half pass, and says how it is.


# %%
def try_out(definition, seconds=90):
    """Run one task for a while. Returns its ARN."""
    answer = ecs.run_task(
        cluster="orchard-dev", taskDefinition=definition, launchType="FARGATE", networkConfiguration=network
    )
    task = answer["tasks"][0]["taskArn"]
    lab.clock.advance(seconds=seconds)
    tell("orchard-dev", task)
    return task


trial = try_out("welcome")

# %% [markdown]
# ## 01.6 · Two roles, two jobs
#
# *Story.* `welcome` does not start. And your colleague says: "When it starts, it will not greet anybody either. I have mixed
# something up."
#
# *Task.* Repair the rights of the two roles. You need not change the program or the task definition.
#
# - ECS can start the task, and what it prints is in the log.
# - The program can read its template. For example, a customer asks for `/users/Amara` and reads "Welcome to the orchard, Amara".
# - Neither role can do the other's job. And the program can read its templates, but no other bucket.
#
# `iam.delete_role_policy(RoleName=..., PolicyName=...)` takes a right away again.

# %% stub exercise="two_roles"
for name in ("welcome-agent", "welcome-code"):
    print(name, iam.list_role_policies(RoleName=name)["PolicyNames"])

# %% solution
iam.delete_role_policy(RoleName="welcome-agent", PolicyName="templates")
allow("welcome-agent", "logs", WRITE_LOGS, "*")  # survives: a policy may have any name
iam.delete_role_policy(RoleName="welcome-code", PolicyName="logs")
allow("welcome-code", "templates", "s3:GetObject", f"arn:aws:s3:::{templates}/*")  # survives: a policy may have any name

# %% right because="the policy of AWS for the agent, and new roles in a new revision"
agent_2, code_2 = role("greeter-agent"), role("greeter-code")
iam.attach_role_policy(
    RoleName="greeter-agent",
    PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
)
allow(
    "greeter-code",
    "read",
    ["s3:GetObject", "s3:ListBucket"],
    [f"arn:aws:s3:::{templates}", f"arn:aws:s3:::{templates}/*"],
)
registered = ecs.register_task_definition(
    **(copy_of("welcome") | {"executionRoleArn": agent_2, "taskRoleArn": code_2})
)

# %% wrong because="Did you give everything to the execution role?" finds="reads,apart"
allow("welcome-agent", "logs", WRITE_LOGS, "*")

# %% wrong because="Have both roles all rights now, to be safe?" finds="apart"
allow("welcome-agent", "logs", WRITE_LOGS, "*")
allow("welcome-code", "templates", "s3:GetObject", f"arn:aws:s3:::{templates}/*")

# %% wrong because="May the program read every bucket of the shop?" finds="only"
allow("welcome-agent", "logs", WRITE_LOGS, "*")
iam.delete_role_policy(RoleName="welcome-agent", PolicyName="templates")
allow("welcome-code", "templates", "s3:GetObject", "*")
iam.delete_role_policy(RoleName="welcome-code", PolicyName="logs")

# %% wrong because="One role for both?" finds="apart"
allow("welcome-agent", "logs", WRITE_LOGS, "*")
ecs.register_task_definition(**(copy_of("welcome") | {"taskRoleArn": welcome_agent}))

# %% wrong because="Did you move the template, and forget the log?" finds="starts"
iam.delete_role_policy(RoleName="welcome-agent", PolicyName="templates")
allow("welcome-code", "templates", "s3:GetObject", f"arn:aws:s3:::{templates}/*")
iam.delete_role_policy(RoleName="welcome-code", PolicyName="logs")

# %% wrong because="Is the log switched off, so that nobody misses the right?" finds="logs"
iam.delete_role_policy(RoleName="welcome-agent", PolicyName="templates")
allow("welcome-code", "templates", "s3:GetObject", f"arn:aws:s3:::{templates}/*")
iam.delete_role_policy(RoleName="welcome-code", PolicyName="logs")
quiet = copy_of("welcome")
quiet["containerDefinitions"][0].pop("logConfiguration", None)
ecs.register_task_definition(**quiet)

# %% wrong because="Does the program greet without its template now?" finds="reads"
allow("welcome-agent", "logs", WRITE_LOGS, "*")
iam.delete_role_policy(RoleName="welcome-agent", PolicyName="templates")
iam.delete_role_policy(RoleName="welcome-code", PolicyName="logs")
changed = copy_of("welcome")
changed["containerDefinitions"][0]["environment"] = []
ecs.register_task_definition(**changed)

# %% wrong because="Did you deregister the task definition?" finds="exists"
ecs.deregister_task_definition(taskDefinition=welcome)

# %% check
lab.check("two_roles")

# %% [markdown]
# ## Why a task stopped
#
# A stopped task says why: `stoppedReason` for the task, and `reason` and `exitCode` for each container. Read all three before you
# change anything. Some exit codes of Linux:
#
# | exit code | meaning |
# | --- | --- |
# | 0 | it ended by itself, and all was well |
# | 1 | the program failed: read its log |
# | 137 | it was killed (128 + 9, SIGKILL) |
# | 143 | it was asked to end (128 + 15, SIGTERM), and did |

# %% predict question="who_killed_it"

# %% [markdown]
# When ECS stops a task, it sends SIGTERM and waits. A program uses this time to finish what it has begun. After the `stopTimeout` of
# the container, ECS kills it.

# %% fact id="F137"

# %% [markdown]
# Four programs of the shop do not run as they should. The next cell makes their task definitions.

# %%
lab.images.push(
    "web", repository("orchard/search"), tag="1.0", memory=400, memory_per_request=2.5, cpu_per_request=0.01
)
lab.images.push("web", repository("orchard/courier"), tag="1.0", stops_in=45.0)
lab.images.push("crash", repository("orchard/points"), tag="1.0")
lab.images.push("web", repository("orchard/labels"), tag="2.0")
define("search", pinned("search", "1.0"))
define("courier", pinned("courier", "1.0"))
define("points", pinned("points", "1.0"))
wrong = define("labels", f"{repository('orchard/labels')}:2.1")

# %% [markdown]
# ## 01.7 · Four that stop
#
# *Story.* You are on call. Four notes lie on your desk:
#
# - `search` ends as soon as many people search at once.
# - `courier` ends well in the tests. When ECS stops it in earnest, parcels get lost. It needs up to 45 seconds to hand them over.
# - `points` ends at once. Its database has the address `postgres://points.internal/orchard`.
# - `labels` never starts. Version 2.0 is the newest.
#
# *Task.* Find out why each one stops. Then register a revision of each task definition that mends it. Change no image.
#
# - `search` stays healthy when 50 people search in the same moment.
# - `courier` hands over its parcels before it ends: it is not killed.
# - `points` and `labels` become healthy.
#
# `try_out` and `copy_of` help. The cell below begins with one of them, and reads its log.

# %% stub exercise="stopped"
task = try_out("points")
for line in logs.filter_log_events(logGroupName="/orchard/points")["events"][-4:]:
    print(line["message"])

# %% solution
search = copy_of("search")
search["memory"] = "1024"  # survives: more will do, too
ecs.register_task_definition(**search)

courier = copy_of("courier")
courier["containerDefinitions"][0]["stopTimeout"] = 60  # survives: 45 seconds or more will do
ecs.register_task_definition(**courier)

points = copy_of("points")
database = {"name": "DATABASE_URL", "value": "postgres://points.internal/orchard"}  # survives: the program tries no connection
points["containerDefinitions"][0]["environment"] = [database]
ecs.register_task_definition(**points)

labels = copy_of("labels")
labels["containerDefinitions"][0]["image"] = pinned("labels", "2.0")
registered = ecs.register_task_definition(**labels)

# %% right because="made anew with the helper, and as long to stop as Fargate allows"
define("search", pinned("search", "1.0"), memory="2048")
define("courier", pinned("courier", "1.0"), stopTimeout=120)
define(
    "points",
    pinned("points", "1.0"),
    environment=[{"name": "DATABASE_URL", "value": "postgres://points.internal/orchard"}],
)
define("labels", f"{repository('orchard/labels')}:2.0")

# %% wrong because="137 again: is it the memory this time?" finds="courier"
define("search", pinned("search", "1.0"), memory="2048")
define("courier", pinned("courier", "1.0"), memory="2048")
define(
    "points",
    pinned("points", "1.0"),
    environment=[{"name": "DATABASE_URL", "value": "postgres://points.internal/orchard"}],
)
define("labels", pinned("labels", "2.0"))

# %% wrong because="More time to stop for a program that runs out of memory?" finds="search"
define("search", pinned("search", "1.0"), stopTimeout=120)
define("courier", pinned("courier", "1.0"), stopTimeout=120)
define(
    "points",
    pinned("points", "1.0"),
    environment=[{"name": "DATABASE_URL", "value": "postgres://points.internal/orchard"}],
)
define("labels", pinned("labels", "2.0"))

# %% wrong because="What did the log of `points` say?" finds="points"
define("search", pinned("search", "1.0"), memory="1024")
define("courier", pinned("courier", "1.0"), stopTimeout=60)
define("points", pinned("points", "1.0"), memory="1024")
define("labels", pinned("labels", "2.0"))

# %% wrong because="Does ECS try an image again that is not there?" finds="labels"
define("search", pinned("search", "1.0"), memory="1024")
define("courier", pinned("courier", "1.0"), stopTimeout=60)
define(
    "points",
    pinned("points", "1.0"),
    environment=[{"name": "DATABASE_URL", "value": "postgres://points.internal/orchard"}],
)
define("labels", f"{repository('orchard/labels')}:latest")

# %% wrong because="Is another program in its place?" finds="program"
define("search", pinned("search", "1.0"), memory="1024")
define("courier", pinned("courier", "1.0"), stopTimeout=60)
define("points", pinned("labels", "2.0"))
define("labels", pinned("labels", "2.0"))

# %% wrong because="Did you deregister one of them, and register nothing in its place?" finds="exist"
ecs.deregister_task_definition(taskDefinition=wrong)

# %% check
lab.check("stopped")

# %% [markdown]
# ## What would this cost?
#
# On Fargate you pay for the CPU and the memory of each task, from the moment its image is pulled until it stops: by the second, and
# for a minute at least. So three small tasks, day and night, for a month:

# %%
hours = 730  # of a month
cpu = lab.price("fargate", "vcpu_hours", 3 * 0.25 * hours).cost
memory = lab.price("fargate", "gb_hours", 3 * 0.5 * hours).cost
print(f"{cpu:.2f} for CPU + {memory:.2f} for memory = {cpu + memory:.2f} US dollars")

# %% [markdown]
# `lab.price(...)` on its own says where a price comes from and who has verified it. `lab.bill()` says what this session would have
# cost so far, on the clock of the lab.

# %% [markdown]
# ## What differs on real AWS
#
# - How long a task needs to start is our figure. On Fargate it depends on the size of the image, and on the day.
# - An image here is a small Python program with numbers for its memory and CPU. Real programs are less even.
# - Here a task reaches the registry without a public address, too. On AWS it needs a way there: such an address, a NAT gateway
#   or endpoints. And a new role or a changed policy holds at once here. On AWS it takes some seconds.
#
# In a real account, try `aws ecs describe-tasks --cluster CLUSTER --tasks TASK --query "tasks[0].[stoppedReason,containers[].reason]"`.
#
# ## Summary
#
# - Task definition: the recipe, in revisions that never change. Task: one copy. Service: the one who counts.
# - A task definition for production pins its image, says who pulls it, keeps its log, and asks whether the program works.
# - A job is a task that ends. A service is for what must not end.
# - Release: a new revision, and room for old and new side by side.
# - Execution role: before and around your code. Task role: your code.
# - Read `stoppedReason`, `reason` and `exitCode` before you change anything. 137 has more than one cause.
#
# See how far you have come. The last cell empties the account, so that the next lab starts clean. Your progress stays.

# %%
lab.progress()

# %%
lab.reset()
