"""Requests in, answers out: what each operation reads from its request and how it answers.

Source: the API reference, as in botocore's service model (`sqs/2012-11-05/service-2.json`).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlparse

from moto.core.responses import ActionResult, EmptyResult
from moto.sqs.exceptions import SQSException
from moto.sqs.models import QueueDoesNotExist, _filter_message_attributes

from labkit.sandbox import current
from labkit.sandbox.services import _sqs_engine as engine
from labkit.sandbox.services import _sqs_errors as errors
from labkit.sandbox.services import _sqs_rates as rates
from labkit.sandbox.services import _sqs_validation as rules
from labkit.sandbox.services._sqs_attributes import KNOWN
from labkit.sandbox.services._sqs_kms import check_key

Request = Any  # moto's SQSResponse
Queue = Any
Message = Any

_MESSAGE_ATTRIBUTES: Final[dict[str, Callable[[Message], Any]]] = {
    "SenderId": lambda message: message.sender_id,
    "SentTimestamp": lambda message: message.sent_timestamp,
    "ApproximateReceiveCount": lambda message: message.approximate_receive_count,
    "ApproximateFirstReceiveTimestamp": lambda message: message.approximate_first_receive_timestamp,
    "SequenceNumber": lambda message: message.sequence_number,
    "MessageDeduplicationId": lambda message: message.deduplication_id,
    "MessageGroupId": lambda message: message.group_id,
    "AWSTraceHeader": lambda message: message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"),
    "DeadLetterQueueSourceArn": lambda message: message.dead_letter_queue_source_arn,
}
"""System attributes ReceiveMessage can return, and where each comes from."""
_HIDDEN_RANGE: Final = f"Must be between 0 and {rules.LONGEST_HIDDEN}."


# -- which queue ------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def read_url(url: str) -> tuple[str | None, str | None, str]:
    """Account, Region and name that a queue URL says. A bare name says neither account nor Region."""
    if "://" not in url:
        return None, None, url
    parsed = urlparse(url)
    *before, name = parsed.path.rstrip("/").split("/")
    account = before[-1] if before and before[-1].isdigit() else None
    host = (parsed.hostname or "").split(".")
    regions = [part for part in host if part.count("-") >= 2]
    return account, regions[0] if regions else None, name


def backend_of(original: Any, request: Request) -> Any:
    """moto's backend for the account that the queue's URL names."""
    url = getattr(request, "params", {}).get("QueueUrl")
    if not isinstance(url, str):
        return original(request)
    account, region, _ = read_url(url)
    if region is not None and region != request.region:
        raise errors.refusal("InvalidAddress", f"The address {url} is not valid for this endpoint.")
    if account is None or account == request.current_account:
        return original(request)
    backend = engine.find_backend(account, request.region)
    if backend is None:
        raise QueueDoesNotExist
    return backend


def queue_of(request: Request) -> Queue:
    """The queue the request is about. Raises QueueDoesNotExist."""
    return request.sqs_backend.get_queue(request._get_queue_name())


def get_queue_url(request: Request) -> ActionResult:
    """GetQueueUrl, also for a queue of another account."""
    name, owner = request.params.get("QueueName"), request.params.get("QueueOwnerAWSAccountId")
    backend = request.sqs_backend if not owner else engine.find_backend(owner, request.region)
    if backend is None:
        raise QueueDoesNotExist
    return ActionResult({"QueueUrl": backend.get_queue_url(name).url(urlparse(request.uri))})


# -- sending ----------------------------------------------------------------------------------------


def send_message(request: Request) -> ActionResult:
    """SendMessage."""
    queue, given = queue_of(request), request.params
    rates.check(queue, "SendMessage", [given.get("MessageGroupId")])
    _check_message(queue, given, "MessageBody")
    return ActionResult(_sent(queue, given))


def send_message_batch(request: Request) -> ActionResult:
    """SendMessageBatch. On a standard queue a bad entry fails alone, on a FIFO queue with all others."""
    queue = queue_of(request)
    entries = rules.check_entries(request.params.get("Entries", []), "SendMessageBatchRequestEntry")
    rules.check_batch_size(sum(_size(entry) for entry in entries))
    rates.check(queue, "SendMessage", [entry.get("MessageGroupId") for entry in entries])
    failed: list[dict[str, Any]] = []
    good: list[dict[str, Any]] = []
    for place, entry in enumerate(entries, start=1):
        try:
            _check_message(queue, entry, f"SendMessageBatchRequestEntry.{place}.MessageBody")
        except SQSException as error:
            if queue.fifo_queue:
                # A missing group has a code of its own in SendMessage, but not in a batch.
                group = "MessageGroupId" in error.message
                raise (errors.invalid(error.message) if group else error) from None
            failed.append(_failed(entry["Id"], error.code, error.message))
        else:
            good.append(entry)
    done: list[dict[str, Any]] = []
    for entry in good:
        if _strikes(queue, entry):
            message = "The request could not be processed because of an internal error. Send the entry again."
            failed.append(_failed(entry["Id"], "InternalError", message, sender=False))
        else:
            done.append({"Id": entry["Id"], **_sent(queue, entry)})
    return ActionResult({"Successful": done, "Failed": failed})


def _size(entry: Mapping[str, Any]) -> int:
    return rules.size_of(entry.get("MessageBody") or "", entry.get("MessageAttributes") or {})


def _check_message(queue: Queue, given: Mapping[str, Any], body_name: str) -> None:
    body, attributes = given.get("MessageBody"), given.get("MessageAttributes") or {}
    rules.check_body(body, body_name)
    rules.check_attributes(attributes)
    rules.check_system_attributes(given.get("MessageSystemAttributes") or {})
    delay, group = given.get("DelaySeconds"), given.get("MessageGroupId")
    check_for_queue(queue, str(body), attributes, delay, group, given.get("MessageDeduplicationId"))


def check_for_queue(
    queue: Queue,
    body: str,
    attributes: Mapping[str, Any],
    delay: int | None,
    group: str | None,
    deduplication_id: str | None,
) -> None:
    """What depends on the queue: its kind, its largest message, its key."""
    rules.check_order(queue.fifo_queue, queue.content_based_deduplication, group, deduplication_id)
    rules.check_delay(queue.fifo_queue, delay)
    rules.check_size(rules.size_of(body, attributes), queue.maximum_message_size)
    check_key(queue)


def _sent(queue: Queue, given: Mapping[str, Any]) -> dict[str, Any]:
    system = given.get("MessageSystemAttributes") or {}
    message = engine.send(
        queue,
        given["MessageBody"],
        given.get("MessageAttributes"),
        given.get("DelaySeconds"),
        given.get("MessageGroupId"),
        given.get("MessageDeduplicationId"),
        system,
    )
    answer = {"MessageId": message.id, "MD5OfMessageBody": message.body_md5}
    if message.message_attributes:
        answer["MD5OfMessageAttributes"] = message.attribute_md5
    if system:
        shell = copy.copy(message)
        shell.message_attributes = system
        answer["MD5OfMessageSystemAttributes"] = shell.attribute_md5
    if queue.fifo_queue:
        answer["SequenceNumber"] = message.sequence_number
    return answer


def _strikes(queue: Queue, entry: Mapping[str, Any]) -> bool:
    """The fault `sqs.batch_entry_fails`: whether this entry comes back. Sent again, it goes through."""
    sandbox = current()
    refused = queue._messages.refused
    if not sandbox.faults.share("sqs.batch_entry_fails"):
        return False
    content = repr((entry["MessageBody"], entry.get("MessageGroupId"), entry.get("MessageDeduplicationId")))
    key = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    if refused.get(key):
        refused[key] -= 1
        return False
    if not sandbox.faults.strikes("sqs.batch_entry_fails", queue.queue_arn, key, queue._messages.arrivals):
        return False
    refused[key] = refused.get(key, 0) + 1
    return True


# -- receiving --------------------------------------------------------------------------------------


def receive_message(request: Request) -> ActionResult:
    """ReceiveMessage, with long polling on the sandbox's clock."""
    queue, given = queue_of(request), request.params
    names = {*given.get("AttributeNames", ()), *given.get("MessageSystemAttributeNames", ())}
    for name in names - _MESSAGE_ATTRIBUTES.keys() - KNOWN - {"All"}:
        raise errors.unknown_attribute(name)
    most = _number(given, "MaxNumberOfMessages", 1, 1, 10, "Must be between 1 and 10, if provided.")
    wait = _number(
        given, "WaitTimeSeconds", queue.receive_message_wait_time_seconds, 0, rules.LONGEST_POLL,
        "Must be >= 0 and <= 20, if provided.",
    )  # fmt: skip
    visibility = _number(
        given, "VisibilityTimeout", queue.visibility_timeout, 0, rules.LONGEST_HIDDEN,
        "Must be >= 0 and <= 43200, if provided.",
    )  # fmt: skip
    attempt = given.get("ReceiveRequestAttemptId")
    if attempt is not None and not queue.fifo_queue:
        raise errors.wrong_queue_type(attempt, "ReceiveRequestAttemptId")
    rules.check_token(attempt, "ReceiveRequestAttemptId")
    check_key(queue)
    rates.check(queue, "ReceiveMessage")
    messages = engine.receive(queue, most, wait, visibility, attempt)
    wanted = [name for name in _MESSAGE_ATTRIBUTES if name in names or "All" in names]
    shown = [_shown(message, wanted, given.get("MessageAttributeNames", [])) for message in messages]
    return ActionResult({"Messages": shown} if shown else {})


def _number(given: Mapping[str, Any], name: str, default: Any, low: int, high: int, reason: str) -> int:
    value = given.get(name)
    if value is None:
        return int(default)
    rules.check_range(int(value), low, high, name, reason)
    return int(value)


def _shown(message: Message, wanted: list[str], attribute_names: list[str]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.body_md5,
        "Body": message.body,
    }
    _filter_message_attributes(message, attribute_names)
    if message.message_attributes:
        answer["MessageAttributes"] = message.message_attributes
        answer["MD5OfMessageAttributes"] = message.attribute_md5
    found = {name: _MESSAGE_ATTRIBUTES[name](message) for name in wanted}
    attributes = {name: str(value) for name, value in found.items() if value not in (None, "")}
    if attributes:
        answer["Attributes"] = attributes
    return answer


# -- what a consumer does with a message --------------------------------------------------------------


def delete_message(request: Request) -> ActionResult:
    """DeleteMessage."""
    queue = queue_of(request)
    rates.check(queue, "DeleteMessage")
    engine.delete(queue, _handle(request.params))
    return EmptyResult()


def change_message_visibility(request: Request) -> ActionResult:
    """ChangeMessageVisibility."""
    queue, seconds = queue_of(request), request.params.get("VisibilityTimeout")
    handle = _handle(request.params)
    if seconds is None:
        raise errors.missing("VisibilityTimeout")
    rules.check_range(int(seconds), 0, rules.LONGEST_HIDDEN, "VisibilityTimeout", _HIDDEN_RANGE)
    rates.check(queue, "ChangeMessageVisibility")
    engine.change_visibility(queue, handle, int(seconds))
    return EmptyResult()


def delete_message_batch(request: Request) -> ActionResult:
    """DeleteMessageBatch: each entry succeeds or fails alone."""
    queue = queue_of(request)
    name = "DeleteMessageBatchRequestEntry"
    rates.check(queue, "DeleteMessage")
    return _each(request, name, lambda entry: engine.delete(queue, _handle(entry)))


def change_message_visibility_batch(request: Request) -> ActionResult:
    """ChangeMessageVisibilityBatch: each entry succeeds or fails alone."""
    queue = queue_of(request)
    rates.check(queue, "ChangeMessageVisibility")

    def change(entry: Mapping[str, Any]) -> None:
        handle, seconds = _handle(entry), entry.get("VisibilityTimeout")
        if seconds is None:
            raise errors.missing("ChangeMessageVisibilityBatchRequestEntry.VisibilityTimeout")
        reason = f"VisibilityTimeout must be an integer between 0 and {rules.LONGEST_HIDDEN}."
        rules.check_range(int(seconds), 0, rules.LONGEST_HIDDEN, "VisibilityTimeout", reason)
        engine.change_visibility(queue, handle, int(seconds))

    return _each(request, "ChangeMessageVisibilityBatchRequestEntry", change)


def _each(request: Request, entry_name: str, act: Callable[[Mapping[str, Any]], None]) -> ActionResult:
    done, failed = [], []
    for entry in rules.check_entries(request.params.get("Entries", []), entry_name):
        try:
            act(entry)
        except SQSException as error:
            failed.append(_failed(entry["Id"], error.code, error.message))
        else:
            done.append({"Id": entry["Id"]})
    return ActionResult({"Successful": done, "Failed": failed})


def _handle(given: Mapping[str, Any]) -> str:
    handle = str(given.get("ReceiptHandle") or "").strip()
    if not handle:
        raise errors.missing("ReceiptHandle")
    return handle


def _failed(entry_id: str, code: str, message: str, sender: bool = True) -> dict[str, Any]:
    return {"Id": entry_id, "SenderFault": sender, "Code": errors.shown_code(code), "Message": message}


def check_page(request: Request) -> None:
    """MaxResults of the operations that list queues."""
    most = request.params.get("MaxResults")
    if most is not None and not 1 <= most <= 1000:
        raise errors.invalid(
            "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer "
            "between 1 and 1000."
        )
