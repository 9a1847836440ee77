"""Amazon EventBridge Pipes in the lab's account.

Simulated here:
- Sources: SQS queues, DynamoDB streams, Kinesis streams, read with the pipe's role; batches, windows, starting
  positions, retries, record age, AUTOMATIC_BISECT and dead-letter queues of streams.
- Filters in the pipes' dialect, enrichment by a Lambda function (an empty answer calls no target), input templates for
  enrichment and target with reserved variables and paths into JSON in `body` and `data`, dynamic path parameters.
- Targets: SQS, SNS, Lambda (synchronous or not), event buses, API destinations, Kinesis, Firehose, CloudWatch Logs
  and Step Functions, as far as this account delivers to them. What the target did not take stays in the source and
  comes again.
- Partial failures: of single records, and as `batchItemFailures` in a function's reply.
- CREATING, RUNNING, STOPPED and the other states; StartPipe and StopPipe; a stream is read on from where it was.

Differs on AWS:
- Changes of state take seconds to minutes on AWS; here they are done when the call has been answered.
- AWS can switch a pipe off after many refusals in a row. Here it goes on, with longer and longer waits.
- A function that sleeps as enrichment or target is waited for at once: nothing else of the pipe runs meanwhile.
- Words of validation errors are ours where the service model has none.

Not simulated:
- Other sources (Amazon MQ, Kafka), enrichment by API Gateway, API destinations or Step Functions.
- Batch, ECS, Redshift, SageMaker and Timestream as targets; logs of pipes (the configuration is kept).

Sources:
- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html with the pages eb-pipes-sqs, eb-pipes-dynamodb,
  eb-pipes-kinesis, eb-pipes-event-filtering, pipes-enrichment, eb-pipes-input-transformation, eb-pipes-event-target,
  eb-pipes-batching-concurrency and eb-pipes-error-troubleshooting.
- Source and detail type of events on a bus ("Pipe NAME", "Event from aws:sqs"): the AWS CDK's integration tests.
"""

from __future__ import annotations

from typing import Any

from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _pipes_resources as resources


@hook("moto.pipes.models:Pipe.advance", kind="new")
def advance(self: Any) -> None:
    """Looking at a pipe does not change its state; the clock does."""


@hook("moto.pipes.models:Pipe.status", kind="value")
def status(original: Any) -> str:
    """A plain attribute, in place of moto's, which moves on by itself."""
    return "CREATING"


@hook("moto.pipes.models:EventBridgePipesBackend.create_pipe")
def create_pipe(original: Any, self: Any, **given: Any) -> Any:
    """CreatePipe."""
    return resources.create(original, self, given)


@hook("moto.pipes.models:EventBridgePipesBackend.update_pipe")
def update_pipe(original: Any, self: Any, **given: Any) -> Any:
    """UpdatePipe."""
    return resources.update(self, given)


@hook("moto.pipes.models:EventBridgePipesBackend.describe_pipe")
def describe_pipe(original: Any, self: Any, name: str) -> Any:
    """DescribePipe."""
    return resources.found(self, name)


@hook("moto.pipes.models:EventBridgePipesBackend.delete_pipe")
def delete_pipe(original: Any, self: Any, name: str) -> Any:
    """DeletePipe."""
    return resources.delete(self, name)


@hook("moto.pipes.models:EventBridgePipesBackend.start_pipe")
def start_pipe(original: Any, self: Any, name: str) -> Any:
    """StartPipe."""
    return resources.turn(self, name, "RUNNING")


@hook("moto.pipes.models:EventBridgePipesBackend.stop_pipe")
def stop_pipe(original: Any, self: Any, name: str) -> Any:
    """StopPipe."""
    return resources.turn(self, name, "STOPPED")


resources.register()
