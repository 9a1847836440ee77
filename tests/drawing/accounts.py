"""Accounts to draw: a small shop, one resource of every service, and a very full one."""

from __future__ import annotations

import inspect
import io
import json
import zipfile
from typing import Any

import boto3

from labkit.sandbox import Sandbox

ACCOUNT, REGION = "123456789012", "eu-west-1"
SERVICES = ("lambda", "scheduler", "pipes", "states", "ecs-tasks", "firehose", "eks", "events")


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def trust(principal: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def queue(
    name: str, dead_letters: str = "", receives: int = 3, region: str = REGION, **attributes: str
) -> str:
    if dead_letters:
        policy = {"deadLetterTargetArn": arn("sqs", dead_letters), "maxReceiveCount": str(receives)}
        attributes["RedrivePolicy"] = json.dumps(policy)
    return str(
        boto3.client("sqs", region_name=region).create_queue(QueueName=name, Attributes=attributes)[
            "QueueUrl"
        ]
    )


def table(name: str, **more: Any) -> None:
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


def function(name: str, role: str) -> str:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    made = boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
    )
    return str(made["FunctionArn"])


def role(name: str, principal: dict[str, str] | None = None) -> str:
    document = trust(principal or {"Service": [f"{one}.amazonaws.com" for one in SERVICES]})
    made = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    boto3.client("iam").put_role_policy(
        RoleName=name,
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    return str(made["Role"]["Arn"])


def shop() -> None:
    """A queue with a dead-letter queue, a topic, a rule, a function, a table, a bucket; some of it used."""
    sqs, sns, events = boto3.client("sqs"), boto3.client("sns"), boto3.client("events")
    pack_role = role("pack-role")
    queue("orders-dlq")
    orders = queue("orders", "orders-dlq")
    topic = sns.create_topic(Name="order-events")["TopicArn"]
    function("pack", pack_role)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "orders"))
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.com")
    boto3.client("lambda").create_event_source_mapping(
        EventSourceArn=arn("sqs", "orders"), FunctionName="pack", BatchSize=10
    )
    table("sales", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    boto3.client("dynamodb").put_item(TableName="sales", Item={"id": {"S": "1"}})
    events.create_event_bus(Name="shop")
    pattern = json.dumps({"detail-type": ["OrderPlaced"]})
    events.put_rule(Name="placed", EventBusName="shop", EventPattern=pattern)
    events.put_events(
        Entries=[{"EventBusName": "shop", "Source": "shop", "DetailType": "OrderPlaced", "Detail": "{}"}]
    )
    targets = [{"Id": "1", "Arn": topic}, {"Id": "2", "Arn": arn("lambda", "function:gone")}]
    events.put_targets(Rule="placed", EventBusName="shop", Targets=targets)
    for number in range(5):
        sqs.send_message(QueueUrl=orders, MessageBody=str(number))
    sqs.receive_message(QueueUrl=orders)
    queue("far", region="us-east-1")


def everything(sandbox: Sandbox) -> None:
    """At least one resource of every service that figures know, and a link from or to most of them."""
    app = role("app")
    role("auditor", {"AWS": app})
    services = {"Service": ["s3.amazonaws.com", "events.amazonaws.com", "sns.amazonaws.com"]}
    allowed = {
        "Effect": "Allow",
        "Principal": services,
        "Action": "sqs:SendMessage",
        "Resource": arn("sqs", "jobs"),
    }
    jobs = queue("jobs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    work = function("work", app)
    boto3.client("lambda").put_function_event_invoke_config(
        FunctionName="work", DestinationConfig={"OnFailure": {"Destination": arn("sqs", "jobs")}}
    )
    key = _secrets()
    _streams(app)
    _workflow(app, work, jobs)
    _network(app)
    _api(sandbox, work)
    boto3.client("rds").create_db_instance(
        DBInstanceIdentifier="shop-db", Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20,
        MasterUsername="shop", MasterUserPassword="not-a-secret",
    )  # fmt: skip
    boto3.client("ecr").create_repository(repositoryName="shop/web")
    boto3.client("logs").create_log_group(logGroupName="/shop/audit")
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="too-old", MetricName="ApproximateAgeOfOldestMessage", Namespace="AWS/SQS",
        Dimensions=[{"Name": "QueueName", "Value": "jobs"}], ComparisonOperator="GreaterThanThreshold",
        Threshold=60, EvaluationPeriods=1, Period=60, Statistic="Maximum", AlarmActions=[topic],
    )  # fmt: skip
    table("sales")
    boto3.client("events").put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    boto3.client("events").put_targets(
        Rule="hourly",
        Targets=[{"Id": "1", "Arn": arn("sqs", "jobs"), "DeadLetterConfig": {"Arn": arn("sqs", "lost")}}],
    )
    boto3.client("kms").encrypt(KeyId=key, Plaintext=b"x")


def _secrets() -> str:
    kms, secrets, ssm = boto3.client("kms"), boto3.client("secretsmanager"), boto3.client("ssm")
    key = str(kms.create_key()["KeyMetadata"]["KeyId"])
    kms.create_alias(AliasName="alias/shop", TargetKeyId=key)
    secrets.create_secret(Name="db/password", SecretString="not-a-secret", KmsKeyId=key)
    secrets.get_secret_value(SecretId="db/password")
    ssm.put_parameter(Name="/shop/flag", Value="on", Type="String")
    ssm.get_parameter(Name="/shop/flag")
    return key


def _streams(app: str) -> None:
    s3, kinesis = boto3.client("s3"), boto3.client("kinesis")
    s3.create_bucket(Bucket="receipts", CreateBucketConfiguration={"LocationConstraint": REGION})
    notify = {"QueueConfigurations": [{"QueueArn": arn("sqs", "jobs"), "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="receipts", NotificationConfiguration=notify)
    s3.put_object(Bucket="receipts", Key="a", Body=b"1")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    kinesis.put_record(StreamName="clicks", Data=b"x", PartitionKey="a")
    boto3.client("firehose").create_delivery_stream(
        DeliveryStreamName="lake",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={
            "KinesisStreamARN": arn("kinesis", "stream/clicks"),
            "RoleARN": app,
        },
        ExtendedS3DestinationConfiguration={"RoleARN": app, "BucketARN": "arn:aws:s3:::receipts"},
    )


def _workflow(app: str, work: str, jobs: str) -> None:
    boto3.client("scheduler").create_schedule(
        Name="nightly", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": work, "RoleArn": app},
    )  # fmt: skip
    boto3.client("pipes").create_pipe(Name="pipe", Source=arn("sqs", "jobs"), Target=work, RoleArn=app)
    send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": jobs}}
    each = {"StartAt": "w", "States": {"w": {"Type": "Task", "Resource": work, "End": True}}}
    states = {"all": {"Type": "Map", "ItemProcessor": each, "Next": "tell"}, "tell": {**send, "End": True}}
    boto3.client("stepfunctions").create_state_machine(
        name="fulfil", roleArn=app, definition=json.dumps({"StartAt": "all", "States": states})
    )


def _network(app: str) -> None:
    ec2, elb, ecs, eks = (boto3.client(name) for name in ("ec2", "elbv2", "ecs", "eks"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    inner, outer = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
        for n, zone in ((1, "a"), (2, "b"))
    )
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=routes, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=routes, SubnetId=outer)
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "bastion"}]}]
    machine = ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=inner, TagSpecifications=tags
    )["Instances"][0]["InstanceId"]
    ec2.create_nat_gateway(SubnetId=outer, AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"])
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[routes])
    balancer = elb.create_load_balancer(Name="web", Subnets=[inner, outer])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    tasks, machines = (
        elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0][
            "TargetGroupArn"
        ]
        for name in ("tasks", "machines")
    )
    elb.register_targets(TargetGroupArn=machines, Targets=[{"Id": machine}])
    for port, group in ((80, tasks), (81, machines)):
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=forward)
    containers = [{"name": "web", "image": "web", "memory": 128, "portMappings": [{"containerPort": 80}]}]
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(family="web", taskRoleArn=app, containerDefinitions=containers)
    behind = [{"targetGroupArn": tasks, "containerName": "web", "containerPort": 80}]
    ecs.create_service(
        cluster="shop", serviceName="web", taskDefinition="web", desiredCount=2, loadBalancers=behind
    )
    eks.create_cluster(name="orchard", roleArn=app, resourcesVpcConfig={"subnetIds": [inner]})
    eks.create_nodegroup(clusterName="orchard", nodegroupName="workers", subnets=[inner], nodeRole=app)
    waf = boto3.client("wafv2")
    seen = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "fence"}
    fence = waf.create_web_acl(
        Name="fence", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=seen
    )["Summary"]["ARN"]
    waf.associate_web_acl(WebACLArn=fence, ResourceArn=balancer)


def _api(sandbox: Sandbox, work: str) -> None:
    """Made in the backend: moto's own API for it wants a package that labs do not need."""
    import moto.apigatewayv2.models  # noqa: F401 - so that the backend exists

    backend = sandbox.backend("apigatewayv2")

    def call(method: str, **given: Any) -> Any:
        function = getattr(backend, method)
        return function(**{**dict.fromkeys(inspect.signature(function).parameters), **given})

    api = call("create_api", name="shop-api", protocol_type="HTTP").api_id
    integration = call(
        "create_integration", api_id=api, integration_uri=work, integration_type="AWS_PROXY"
    ).id
    call("create_route", api_id=api, route_key="POST /orders", target=f"integrations/{integration}")


def crowd(queues: int, tables: int) -> None:
    """So many queues, each with a dead-letter queue, every second one behind a topic; and so many tables."""
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="all")["TopicArn"]
    for number in range(queues):
        queue(f"q{number}-dlq")
        queue(f"q{number}", f"q{number}-dlq")
        if number % 2:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", f"q{number}"))
    for number in range(tables):
        table(f"table-{number}")
