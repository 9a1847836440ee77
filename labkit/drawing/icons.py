"""Services and other things a figure can show: each has a word, a name, a category and a pictogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from labkit.drawing.glyphs import GLYPHS

CATEGORIES: Final = {
    "compute": "#ED7100",
    "storage": "#7AA116",
    "database": "#C925D1",
    "network": "#8C4FFF",
    "integration": "#E7157B",
    "management": "#E7157B",
    "security": "#DD344C",
    "learning": "#01A88D",
    "other": "#5A6B86",
}
"""Category -> the colour of its tiles. White lines on each have a contrast of at least 3 : 1."""


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of thing. `word` is what one writes (`diagram.sqs(...)`), `title` what the text twin calls it."""

    word: str
    title: str
    category: str
    glyph: str

    @property
    def colour(self) -> str:
        """The colour of its tile."""
        return CATEGORIES[self.category]

    @property
    def markup(self) -> str:
        """The SVG markup of its pictogram."""
        return GLYPHS[self.glyph]


_TABLE: Final = """
function         | Lambda function                 | compute     | lambda
ecs              | ECS service                     | compute     | tasks
task             | ECS task                        | compute     | container
eks              | EKS cluster                     | compute     | helm
pod              | Kubernetes pod                  | compute     | pod
fargate          | Fargate                         | compute     | container-cloud
ecr              | ECR repository                  | compute     | layers
ec2              | EC2 instance                    | compute     | microchip
autoscaling      | Auto Scaling group              | compute     | scale
sqs              | SQS queue                       | integration | queue
sns              | SNS topic                       | integration | broadcast
eventbridge      | EventBridge bus                 | integration | router
rule             | EventBridge rule                | integration | funnel
archive          | EventBridge archive             | integration | box
scheduler        | EventBridge Scheduler schedule  | integration | clock
pipes            | EventBridge pipe                | integration | pipe
stepfunctions    | Step Functions state machine    | integration | states
ses              | SES                             | integration | envelope
apigateway       | API Gateway                     | network     | code
alb              | Application Load Balancer       | network     | balancer
nlb              | Network Load Balancer           | network     | balancer
nat              | NAT gateway                     | network     | exit
internet_gateway | internet gateway                | network     | gateway
vpc_endpoint     | VPC endpoint                    | network     | endpoint
cloudfront       | CloudFront distribution         | network     | globe
route53          | Route 53                        | network     | signpost
cloudmap         | Cloud Map                       | network     | mesh
kinesis          | Kinesis data stream             | network     | waves
firehose         | Firehose stream                 | network     | waves-tray
dynamodb         | DynamoDB table                  | database    | table
rds              | RDS database                    | database    | cylinder
elasticache      | ElastiCache cluster             | database    | cache
s3               | S3 bucket                       | storage     | bucket
efs              | EFS file system                 | storage     | folder
waf              | WAF web ACL                     | security    | wall
shield           | Shield                          | security    | shield
guardduty        | GuardDuty                       | security    | shield-eye
secretsmanager   | Secrets Manager secret          | security    | padlock
kms              | KMS key                         | security    | key
iam              | IAM role                        | security    | badge
cognito          | Cognito user pool               | security    | users
acm              | ACM certificate                 | security    | certificate
sts              | STS                             | security    | ticket
ssm              | Systems Manager parameter       | management  | sliders
cloudwatch       | CloudWatch                      | management  | gauge
alarm            | CloudWatch alarm                | management  | bell
logs             | CloudWatch Logs log group       | management  | log
xray             | X-Ray                           | management  | scan
cloudtrail       | CloudTrail                      | management  | footprints
cloudformation   | CloudFormation stack            | management  | stack
codedeploy       | CodeDeploy                      | management  | deploy
person           | person                          | other       | person
users            | people                          | other       | users
server           | server                          | other       | server
browser          | browser                         | other       | browser
phone            | mobile app                      | other       | phone
internet         | internet                        | other       | cloud
email            | e-mail address                  | other       | envelope
sms              | phone number                    | other       | phone
webhook          | web address                     | other       | globe
generic          | resource                        | other       | cube
"""

SERVICES: Final = {
    row[0]: Service(*row)
    for row in ([cell.strip() for cell in line.split("|")] for line in _TABLE.strip().splitlines())
}
"""The word of a service -> the service."""

ALIASES: Final = {
    "awslambda": "function",
    "lambda_": "function",
    "lambda": "function",
    "queue": "sqs",
    "topic": "sns",
    "bus": "eventbridge",
    "events": "eventbridge",
    "api": "apigateway",
    "apigatewayv2": "apigateway",
    "bucket": "s3",
    "database": "rds",
    "role": "iam",
    "secret": "secretsmanager",
    "secrets_manager": "secretsmanager",
    "step_functions": "stepfunctions",
    "state_machine": "stepfunctions",
    "schedule": "scheduler",
    "load_balancer": "alb",
    "nat_gateway": "nat",
    "parameter": "ssm",
    "systems_manager": "ssm",
    "log_group": "logs",
    "stream": "kinesis",
    "table": "dynamodb",
    "service": "ecs",
    "x_ray": "xray",
    "wafv2": "waf",
    "endpoint": "vpc_endpoint",
    "customer": "person",
    "user": "person",
}
"""Other words people try first -> the word."""
