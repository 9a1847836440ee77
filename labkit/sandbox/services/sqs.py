"""Amazon SQS in the lab's account, standard and FIFO queues.

Simulated here:
- The life of a message on the clock: delay, visibility timeout, retention, long polls, receive counts.
- Dead-letter queues, who may use them, and move tasks. A moved message keeps its age on a standard queue
  and starts a new one on a FIFO queue.
- FIFO: order inside a message group, also after a timeout; deduplication for 5 minutes in both modes and both
  scopes; ReceiveRequestAttemptId; only the first 120,000 messages are looked at.
- Fair queues: a tenant with 30 or more messages in flight, and over 10 % of all in flight, waits behind the
  others.
- Limits: 1 MiB for a message and for a batch, counted in bytes with attributes; 120,000 in flight; the range of
  every attribute; one purge in 60 seconds; a deleted name is free again after 60 seconds.
- Throughput of FIFO queues in a story of traffic (`lab.play`): 300 calls a second per action, or high throughput with
  300 per message group; more are refused with RequestThrottled. Cells that loop in real time are never throttled.
- Encryption with your own key: no sending or receiving while the key is missing, disabled or about to be deleted.
- Queue policies, IAM permissions and key policies, at every call and at every delivery, also across accounts.
- Faults you can switch on: `sqs.duplicate` (with `within`, in seconds, 20), `sqs.disorder`,
  `sqs.batch_entry_fails`.

Differs on AWS:
- A short poll on AWS asks only some servers and may miss messages. Here it finds all.
- Counters are approximate on AWS, exact here.
- A standard queue here keeps the order and gives no duplicates until you switch a fault on.
- Changed attributes, purges and deletions take up to 60 seconds on AWS (the retention period 15 minutes). Here they
  hold at once.
- Deleting with an old receipt handle succeeds and deletes nothing here. AWS says it might not delete.
- AWS also looks at the share of processing time to find a noisy tenant.
- A move task without a rate moves 500 messages a second here.
- When RedriveAllowPolicy refuses a source queue, the words of the error are ours.

Not simulated:
- Calls to KMS and its data key cache; CloudWatch metrics.

Sources:
- https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/ with the pages quotas-queues.html and
  quotas-fifo.html (in flight, poll, name), quotas-messages.html (sizes), setting-up-dead-letter-queue-retention.html
  (age in a dead-letter queue), sqs-delay-queues.html (a new delay reaches waiting messages on FIFO queues only),
  sqs-configure-dead-letter-queue-redrive.html (a moved message is a new one),
  avoid-backlog-with-the-same-message-group-id.html (120,000), sqs-fair-queues-detailed.html (10 %, 30 in flight).
- Ranges, defaults and errors: botocore's model, sqs/2012-11-05/service-2.json.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlparse

from moto.core.responses import ActionResult, BaseResponse, PaginatedResult
from moto.moto_api._internal import mock_random
from moto.sqs import models
from moto.sqs.exceptions import SQSException

from labkit.sandbox import current, delivery
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _sqs_api as api
from labkit.sandbox.services import _sqs_attributes as attributes
from labkit.sandbox.services import _sqs_deliveries as deliveries
from labkit.sandbox.services import _sqs_engine as engine
from labkit.sandbox.services import _sqs_errors as errors
from labkit.sandbox.services import _sqs_moves as moves
from labkit.sandbox.services._sqs_store import Store
from labkit.sandbox.services._sqs_validation import check_body

_REMEMBERED = 60.0  # seconds for which the name of a deleted queue is taken

# -- a queue ------------------------------------------------------------------------------------------


@hook("moto.sqs.models:Queue.__init__")
def new_queue(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
    """A queue keeps its messages in our store, in place of moto's list."""
    original(self, *args, **kwargs)
    self._messages = engine.make_store(self)


@hook("moto.sqs.models:Queue._set_attributes")
def set_attributes(original: Any, self: Any, given: dict[str, Any], now: float | None = None) -> None:
    """Put checked attributes into moto's fields. What is not given stays as it is."""
    for name, value in given.items():
        if name in attributes.RANGES:
            value = int(value)
        elif name in ("ContentBasedDeduplication", "FifoQueue", "SqsManagedSseEnabled"):
            value = str(value).lower() == "true"
        elif name == "RedrivePolicy":
            self.dead_letter_queue = engine.find_queue(value["deadLetterTargetArn"]) if value else None
        setattr(self, attributes.FIELDS[name], value)
    self.last_modified_timestamp = now or current().clock.time()
    if isinstance(self._messages, Store):
        if "DelaySeconds" in given and self.fifo_queue:
            engine.delay_again(self)
        engine.opened(self)
        engine.rearm(self)


@hook("moto.sqs.models:Queue.attributes", kind="property")
def queue_attributes(original: Any, self: Any) -> dict[str, Any]:
    """All attributes, with counters that are kept, not counted."""
    return attributes.shown(self, engine.opened(self)[0].count)


@hook("moto.sqs.models:Queue.approximate_number_of_messages", kind="property")
def available(original: Any, self: Any) -> int:
    """Messages that can be received now."""
    return engine.opened(self)[0].count["available"]


@hook("moto.sqs.models:Queue.approximate_number_of_messages_delayed", kind="property")
def delayed(original: Any, self: Any) -> int:
    """Messages whose delay has not ended."""
    return engine.opened(self)[0].count["delayed"]


@hook("moto.sqs.models:Queue.approximate_number_of_messages_not_visible", kind="property")
def in_flight(original: Any, self: Any) -> int:
    """Messages that were received and are hidden."""
    return engine.opened(self)[0].count["in flight"]


@hook("moto.sqs.models:Queue.messages", kind="property")
def visible_messages(original: Any, self: Any) -> list[Any]:
    """moto's messages that can be received now."""
    return engine.opened(self)[0].visible()


@hook("moto.sqs.models:Queue.add_message")
def add_message(original: Any, self: Any, message: Any) -> None:
    """A delivery from anywhere arrives here."""
    engine.accept(self, message)


@hook("moto.sqs.models:Queue.delete_message")
def delete_from_queue(original: Any, self: Any, receipt_handle: str) -> None:
    """Delete by receipt handle."""
    engine.delete(self, receipt_handle)


# -- the queues of an account and Region ----------------------------------------------------------------


@hook("moto.sqs.models:SQSBackend.create_queue")
def create_queue(
    original: Any, self: Any, name: str, tags: dict[str, str] | None = None, **given: Any
) -> Any:
    """Make a queue, or find the one with the same name and attributes."""
    for not_ours in ("region", "QueueName"):  # CloudFormation gives these too
        given.pop(not_ours, None)
    if given.get("FifoQueue") is False:
        del given["FifoQueue"]
    fifo = attributes.wants_fifo(given)
    attributes.check_name(name, fifo)
    arn = f"arn:{self.partition}:sqs:{self.region_name}:{self.account_id}:{name}"
    values = attributes.checked(given, arn, engine.find_queue, fifo=fifo)
    queue = self.queues.get(name)
    if queue is None:
        _check_name_is_free(self, name)
        queue = models.Queue(name, region=self.region_name, account_id=self.account_id, **values)
        self.queues[name] = queue
        queue.tags = dict(tags or {})
    elif (differs := attributes.first_difference(values, queue)) is not None:
        raise models.QueueAlreadyExists(
            f"A queue already exists with the same name and a different value for attribute {differs}"
        )
    return queue


def _check_name_is_free(backend: Any, name: str) -> None:
    gone_since = vars(backend).get("recently_deleted", {}).get(name)
    if gone_since is not None and current().clock.time() - gone_since < _REMEMBERED:
        raise errors.refusal(
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another "
            "with the same name.",
        )


@hook("moto.sqs.models:SQSBackend.delete_queue")
def delete_queue(original: Any, self: Any, queue_name: str) -> None:
    """Delete a queue with its messages and its due work. Its name is taken for another 60 seconds."""
    queue, sandbox = self.get_queue(queue_name), current()
    sandbox.clock.cancel(queue._messages.due)
    original(self, queue_name)
    vars(self).setdefault("recently_deleted", {})[queue_name] = sandbox.clock.time()
    sandbox.changed()


@hook("moto.sqs.models:SQSBackend.list_queues")
def list_queues(original: Any, self: Any, queue_name_prefix: str | None) -> list[Any]:
    """The queues whose name begins so. moto reads the prefix as a pattern."""
    return [queue for name, queue in self.queues.items() if name.startswith(queue_name_prefix or "")]


@hook("moto.sqs.models:SQSBackend.get_queue_attributes")
def get_queue_attributes(
    original: Any, self: Any, queue_name: str, attribute_names: list[str]
) -> dict[str, Any]:
    """The attributes that were asked for, as far as the queue has them."""
    queue = self.get_queue(queue_name)
    for name in attribute_names:
        if name != "All" and name not in attributes.KNOWN:
            raise errors.unknown_attribute(name)
    found: dict[str, Any] = queue.attributes
    if "All" in attribute_names:
        return found
    return {name: found[name] for name in attribute_names if name in found}


@hook("moto.sqs.models:SQSBackend.set_queue_attributes")
def set_queue_attributes(original: Any, self: Any, queue_name: str, given: dict[str, Any]) -> Any:
    """Change attributes, all or none."""
    queue = self.get_queue(queue_name)
    queue._set_attributes(attributes.checked(given, queue.queue_arn, engine.find_queue, queue))
    return queue


@hook("moto.sqs.models:SQSBackend.send_message")
def send_message(
    original: Any,
    self: Any,
    queue_name: str,
    message_body: str,
    message_attributes: dict[str, Any] | None = None,
    delay_seconds: int | None = None,
    deduplication_id: str | None = None,
    group_id: str | None = None,
    system_attributes: dict[str, Any] | None = None,
    validate_group_id: bool = True,
) -> Any:
    """How other services of moto send."""
    queue, delay = self.get_queue(queue_name), None if delay_seconds is None else int(delay_seconds)
    check_body(message_body)
    given = message_attributes or {}
    api.check_for_queue(queue, message_body, given, delay, group_id, deduplication_id)
    return engine.send(queue, message_body, given, delay, group_id, deduplication_id, system_attributes)


@hook("moto.sqs.models:SQSBackend.receive_message")
def receive_message(
    original: Any,
    self: Any,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[Any]:
    """How other services of moto receive."""
    messages = engine.receive(self.get_queue(queue_name), count, wait_seconds_timeout, visibility_timeout)
    for message in messages:
        models._filter_message_attributes(message, message_attribute_names or [])
    return messages


@hook("moto.sqs.models:SQSBackend.change_message_visibility")
def change_message_visibility(
    original: Any, self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int
) -> None:
    """How other services of moto hide or show a message again."""
    engine.change_visibility(self.get_queue(queue_name), receipt_handle, int(visibility_timeout))


@hook("moto.sqs.models:SQSBackend.purge_queue")
def purge_queue(original: Any, self: Any, queue_name: str) -> None:
    """Delete all messages."""
    engine.purge(self.get_queue(queue_name))


@hook("moto.sqs.models:SQSBackend.list_dead_letter_source_queues")
def list_sources(original: Any, self: Any, queue_name: str) -> list[Any]:
    """The queues whose dead-letter queue this is."""
    return engine.sources_of(self.get_queue(queue_name))


# -- requests -------------------------------------------------------------------------------------------


@hook("moto.sqs.responses:SQSResponse.sqs_backend", kind="property")
def sqs_backend(original: Any, self: Any) -> Any:
    """The queues of the account that the request's queue URL names."""
    return api.backend_of(original, self)


@hook("moto.sqs.responses:SQSResponse._determine_resource")
def determine_resource(original: Any, self: Any) -> str:
    """moto asks for the resource before it is ready to answer with an error."""
    try:
        return str(original(self))
    except SQSException:
        return "*"


@hook("moto.sqs.responses:SQSResponse.serialized", kind="new")
def serialized(self: Any, action_result: Any) -> Any:
    """The answer, with the error codes that boto3 shows on AWS."""
    return errors.with_query_code(BaseResponse.serialized(self, action_result))


@hook("moto.sqs.responses:SQSResponse._enrich_response", kind="new")
def enrich_response(self: Any, headers: dict[str, Any], body: Any) -> tuple[dict[str, Any], Any]:
    """A request id as SQS gives it, a UUID. moto draws its own letter by letter, in XML answers too."""
    if isinstance(body, str) and body.startswith("<"):
        enriched: tuple[dict[str, Any], Any] = BaseResponse._enrich_response(headers, body)
        return enriched
    if "status" in headers:
        headers["status"] = str(headers["status"])
    headers["x-amzn-requestid"] = str(mock_random.uuid4())
    return headers, body


@hook("moto.sqs.responses:SQSResponse.get_queue_url")
def get_queue_url(original: Any, self: Any) -> ActionResult:
    """GetQueueUrl."""
    return api.get_queue_url(self)


@hook("moto.sqs.responses:SQSResponse.list_queues")
def list_queue_urls(original: Any, self: Any) -> Any:
    """ListQueues."""
    api.check_page(self)
    return original(self)


@hook("moto.sqs.responses:SQSResponse.list_dead_letter_source_queues")
def list_source_urls(original: Any, self: Any) -> ActionResult:
    """ListDeadLetterSourceQueues, in pages when MaxResults is given."""
    api.check_page(self)
    here = urlparse(self.uri)
    found = {"queueUrls": [queue.url(here) for queue in engine.sources_of(api.queue_of(self))]}
    return PaginatedResult(found) if self.params.get("MaxResults") else ActionResult(found)


@hook("moto.sqs.responses:SQSResponse.send_message")
def answer_send(original: Any, self: Any) -> ActionResult:
    """SendMessage."""
    return api.send_message(self)


@hook("moto.sqs.responses:SQSResponse.send_message_batch")
def answer_send_batch(original: Any, self: Any) -> ActionResult:
    """SendMessageBatch."""
    return api.send_message_batch(self)


@hook("moto.sqs.responses:SQSResponse.receive_message")
def answer_receive(original: Any, self: Any) -> ActionResult:
    """ReceiveMessage."""
    return api.receive_message(self)


@hook("moto.sqs.responses:SQSResponse.delete_message")
def answer_delete(original: Any, self: Any) -> ActionResult:
    """DeleteMessage."""
    return api.delete_message(self)


@hook("moto.sqs.responses:SQSResponse.delete_message_batch")
def answer_delete_batch(original: Any, self: Any) -> ActionResult:
    """DeleteMessageBatch."""
    return api.delete_message_batch(self)


@hook("moto.sqs.responses:SQSResponse.change_message_visibility")
def answer_visibility(original: Any, self: Any) -> ActionResult:
    """ChangeMessageVisibility."""
    return api.change_message_visibility(self)


@hook("moto.sqs.responses:SQSResponse.change_message_visibility_batch")
def answer_visibility_batch(original: Any, self: Any) -> ActionResult:
    """ChangeMessageVisibilityBatch."""
    return api.change_message_visibility_batch(self)


@hook("moto.sqs.responses:SQSResponse.start_message_move_task", kind="new")
def start_message_move_task(self: Any) -> ActionResult:
    """StartMessageMoveTask."""
    given = self.params
    rate = given.get("MaxNumberOfMessagesPerSecond")
    return ActionResult({"TaskHandle": moves.start(given["SourceArn"], given.get("DestinationArn"), rate)})


@hook("moto.sqs.responses:SQSResponse.list_message_move_tasks", kind="new")
def list_message_move_tasks(self: Any) -> ActionResult:
    """ListMessageMoveTasks."""
    return ActionResult({"Results": moves.listed(self.params["SourceArn"], self.params.get("MaxResults"))})


@hook("moto.sqs.responses:SQSResponse.cancel_message_move_task", kind="new")
def cancel_message_move_task(self: Any) -> ActionResult:
    """CancelMessageMoveTask."""
    return ActionResult({"ApproximateNumberOfMessagesMoved": moves.cancel(self.params["TaskHandle"])})


delivery.receives("arn:sqs", delivery.Receiver(("sqs:SendMessage",), deliveries.accept, find=deliveries.find))
