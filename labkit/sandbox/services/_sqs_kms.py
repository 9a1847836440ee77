"""Whether an encrypted queue can use its key: asked at each send and receive.

Source: the error list of SendMessage and ReceiveMessage in botocore's service model, and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
"""

from __future__ import annotations

from typing import Any

from labkit.sandbox.services._sqs_errors import refusal

_OWN_KEY = "alias/aws/sqs"  # the AWS managed key: AWS makes it at first use


def check_key(queue: Any) -> None:
    """Refuse when the queue's customer key does not exist, is disabled, or waits to be deleted."""
    wanted = queue.kms_master_key_id
    if not wanted or wanted == _OWN_KEY or wanted.endswith(f":{_OWN_KEY}"):
        return
    key = _find(wanted, queue.account_id, queue.region)
    if key is None:
        kind = "Alias" if "alias/" in wanted else "Key"
        raise refusal("KmsNotFound", f"{kind} '{_arn(wanted, queue)}' does not exist")
    if key.key_state == "PendingDeletion":
        raise refusal("KmsInvalidState", f"{key.arn} is pending deletion.")
    if not key.enabled:
        raise refusal("KmsDisabled", f"{key.arn} is disabled.")


def _find(wanted: str, account: str, region: str) -> Any:
    from moto.backends import get_backend

    if wanted.startswith("arn:") and wanted.count(":") >= 5:
        _, _, _, region, account, wanted = wanted.split(":", 5)
    regions = dict.get(get_backend("kms"), account)
    backend = dict.get(regions, region) if regions is not None else None
    if backend is None:
        return None
    if wanted.startswith("alias/"):
        return next((key for key in backend.keys.values() if wanted in key.aliases), None)
    return dict(backend.keys).get(wanted.removeprefix("key/"))


def _arn(wanted: str, queue: Any) -> str:
    if wanted.startswith("arn:"):
        return wanted
    name = wanted if wanted.startswith("alias/") else f"key/{wanted}"
    return f"{queue.queue_arn.rsplit(':', 4)[0]}:kms:{queue.region}:{queue.account_id}:{name}"
