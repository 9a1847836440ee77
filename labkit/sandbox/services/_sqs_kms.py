"""Whether an encrypted queue can use its key, and whether the caller may: asked at each send and receive.

Producers need kms:GenerateDataKey and kms:Decrypt, consumers kms:Decrypt:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
The codes are in the error list of SendMessage and ReceiveMessage in botocore's service model.
"""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import enforcement
from labkit.sandbox.services._sqs_errors import refusal

_SEND: Final = ("kms:GenerateDataKey", "kms:Decrypt")
_RECEIVE: Final = ("kms:Decrypt",)


def check_key(queue: Any) -> None:
    """Refuse when the queue's key does not exist, cannot work, or is not the caller's to use."""
    if not queue.kms_master_key_id:
        return
    from labkit.sandbox.authorization import keys

    caller, actions = _asking(queue)
    found = keys.key_refusal(
        caller, queue.kms_master_key_id, queue.account_id, queue.region, actions, via="sqs"
    )
    if found is not None:
        call = enforcement.call_now()
        if call is not None:
            call.note = found.note
        raise refusal(found.code, found.message)


def _asking(queue: Any) -> tuple[Any, tuple[str, ...]]:
    """Who wants what. What services of moto send among themselves counts as the account's own."""
    from labkit.sandbox.authorization import account

    call = enforcement.call_now()
    if (
        call is None
        or call.service != "sqs"
        or not str(call.params.get("QueueUrl", "")).endswith(f"/{queue.name}")
    ):
        return account.administrator("learner", queue.account_id), _SEND
    return account.caller_or_learner(call.access_key), _SEND if call.operation.startswith(
        "Send"
    ) else _RECEIVE
