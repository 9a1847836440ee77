"""Event source mappings: AWS Lambda reads queues and streams.

Simulated here:
- SQS, standard and FIFO: batches up to 10,000 messages and 6 MB, batching windows, maximum concurrency, five batches
  side by side at first and up to 300 more per minute, one batch per message group on FIFO queues.
- What succeeded is deleted; what failed comes back after the queue's visibility timeout and goes to its dead-letter
  queue after `maxReceiveCount`. A throttled batch is tried again until then; that counts as a receive, too.
- `ReportBatchItemFailures` with all its rules. On a FIFO queue the function has to stop at the first failure itself.
- Filters in Lambda's own dialect. What no filter wants is deleted from a queue and passed over in a stream.
- DynamoDB streams and Kinesis: each shard in order, starting positions, retries, `BisectBatchOnFunctionError`,
  checkpoints, maximum age, parallelization, and on-failure destinations (SQS, SNS) with the real record.
- The checks at creation and update: visibility timeout against function time-out, permissions of the execution role
  (also kms:Decrypt), Region, batch size and window, duplicates. Reading asks the role again each time.
- The states Creating, Enabled, Disabled, Updating and Deleting; a batch under way is finished before deletion.

Differs on AWS:
- A change of state takes seconds to a minute on AWS; here it is done when the call has been answered.
- At most 100 batches of a mapping really run side by side here, 1,250 on AWS.
- With little traffic AWS may wait up to 20 seconds before it hands a batch over. Here a window has its exact length.
- AWS takes fewer batches at once after errors; here only throttling makes it wait. The waits between tries
  (1 second, doubled, at most 15 minutes; 5 minutes for streams) are ours: AWS gives no figures.
- While the function does not exist, nothing is read. AWS does not say what it does.
- Limits on filters are those of a new account (5).

Not simulated:
- Tumbling windows (the setting is kept), enhanced fan-out, provisioned pollers, S3 as destination, metrics.
- Kafka, Amazon MQ and DocumentDB as sources.

Sources:
- https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html with services-sqs-configure.html,
  services-sqs-scaling.html, services-sqs-errorhandling.html; with-ddb.html and with-kinesis.html with their
  pages on errors and parameters; invocation-eventfiltering.html; invocation-eventsourcemapping.html.
- Botocore's model, lambda/2015-03-31/service-2.json. Forms of answers and events: see `_lambda_sources_rules.py`,
  `pollers/records.py`.
"""

from __future__ import annotations

import json
from typing import Any

from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_sources_mappings as mappings

Answer = tuple[int, dict[str, Any], str]


@hook("moto.awslambda.models:EventSourceMapping.__init__")
def new_mapping(original: Any, self: Any, spec: dict[str, Any]) -> None:
    """A mapping keeps all of its settings and where it is in its source."""
    original(self, spec)
    mappings.prepare(self, spec)


@hook("moto.awslambda.models:EventSourceMapping.get_configuration")
def get_configuration(original: Any, self: Any) -> dict[str, Any]:
    """The mapping as AWS shows it."""
    return mappings.shown(self)


@hook("moto.awslambda.models:LambdaBackend.create_event_source_mapping")
def create(original: Any, self: Any, spec: dict[str, Any]) -> Any:
    """CreateEventSourceMapping."""
    return mappings.create(self, spec)


@hook("moto.awslambda.models:LambdaBackend.update_event_source_mapping")
def update(original: Any, self: Any, uuid: str, spec: dict[str, Any]) -> Any:
    """UpdateEventSourceMapping."""
    return mappings.update(self, uuid, spec)


@hook("moto.awslambda.models:LambdaBackend.delete_event_source_mapping")
def delete(original: Any, self: Any, uuid: str) -> Any:
    """DeleteEventSourceMapping."""
    return mappings.delete(self, uuid)


@hook("moto.awslambda.models:LambdaBackend.list_event_source_mappings")
def listed(original: Any, self: Any, event_source_arn: str, function_name: str) -> list[Any]:
    """ListEventSourceMappings, by function name or ARN."""
    return mappings.listed(self, event_source_arn, function_name)


@hook("moto.awslambda.responses:LambdaResponse.create_event_source_mapping")
def answer_create(original: Any, self: Any) -> Answer:
    """CreateEventSourceMapping answers 202."""
    mapping = self.backend.create_event_source_mapping(self.json_body)
    return 202, {"status": 202}, json.dumps(mapping.get_configuration())


@hook("moto.awslambda.responses:LambdaResponse.get_event_source_mapping")
def answer_get(original: Any, self: Any) -> Answer:
    """GetEventSourceMapping."""
    mapping = mappings.found(self.backend, self.path.split("/")[-1])
    return 200, {}, json.dumps(mapping.get_configuration())


@hook("moto.awslambda.responses:LambdaResponse.update_event_source_mapping")
def answer_update(original: Any, self: Any) -> Answer:
    """UpdateEventSourceMapping answers 202."""
    mapping = self.backend.update_event_source_mapping(self.path.split("/")[-1], self.json_body)
    return 202, {"status": 202}, json.dumps(mapping.get_configuration())


@hook("moto.awslambda.responses:LambdaResponse.delete_event_source_mapping")
def answer_delete(original: Any, self: Any) -> Answer:
    """DeleteEventSourceMapping answers 202 with the state Deleting."""
    mapping = self.backend.delete_event_source_mapping(self.path.split("/")[-1])
    return 202, {"status": 202}, json.dumps(mapping.get_configuration())


mappings.register()
