"""Around a delivery: who takes what SNS itself receives, what a dead-letter queue gets, what the delivery log says.

Sources: https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html (feedback attributes, success sample rate),
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html, and the records quoted in
https://repost.aws/knowledge-center/sns-sqs-subscriptions-notifications (fields of the log, `Unrecoverable`).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.delivery import Letter
from labkit.sandbox.parcels import Failure, Parcel, Refused
from labkit.sandbox.services import _sns_confirmations as confirmations
from labkit.sandbox.services import _sns_inbox as inbox
from labkit.sandbox.services import _sns_mobile as mobile
from labkit.sandbox.services import _sns_publish as publishing
from labkit.sandbox.services import _sns_subscriptions as subscriptions
from labkit.sandbox.services._sns_errors import check_arn

_PREFIXES: Final = {
    "http": "HTTP", "https": "HTTP", "sqs": "SQS", "lambda": "Lambda", "firehose": "Firehose",
    "application": "Application",
}  # fmt: skip
_STATUS: Final = {"AccessDenied": 403, "KmsAccessDenied": 400, "OptedOut": 400}


# -- receiving ----------------------------------------------------------------------------------------


def actions(parcel: Parcel) -> tuple[str, ...]:
    """What a service must be allowed to do; SNS itself pushes to devices."""
    return () if ":endpoint/" in parcel.target else ("sns:Publish",)


def find(parcel: Parcel) -> Any:
    """The topic or endpoint a parcel is for. Raises `Refused` when it is not there."""
    backend = subscriptions.backend_of(parcel.target)
    found = None
    if backend is not None:
        found = backend.topics.get(parcel.target) or backend.platform_endpoints.get(parcel.target)
    if found is None:
        what = "Endpoint" if ":endpoint/" in parcel.target else "Topic"
        raise Refused("NotFound", f"{what} does not exist")
    return found


def accept(parcel: Parcel) -> str:
    """A service publishes to a topic, or SNS pushes to a device; returns the message's id.

    Options for a topic: `Subject`, `MessageGroupId`, `MessageDeduplicationId`, `MessageAttributes` and
    `MessageStructure`, as Publish takes them, and `attribute:NAME` for a text attribute.
    """
    from moto.sns.exceptions import SNSException

    backend = subscriptions.backend_of(parcel.target)
    if ":endpoint/" in parcel.target:
        return mobile.take_push(backend, parcel)
    given: dict[str, Any] = {"Message": parcel.body}
    for name in ("Subject", "MessageGroupId", "MessageDeduplicationId", "MessageStructure"):
        if parcel.option(name) is not None:
            given[name] = parcel.option(name)
    attributes = json.loads(parcel.option("MessageAttributes", "{}"))
    for name, value in parcel.options:
        if name.startswith("attribute:"):
            attributes[name.removeprefix("attribute:")] = {"DataType": "String", "StringValue": str(value)}
    given["MessageAttributes"] = attributes
    try:
        return publishing.publish(find(parcel), given).id
    except SNSException as error:
        raise Refused(error.code, str(error.message)) from None


def accept_mail(parcel: Parcel) -> str:
    """An e-mail arrives in the inbox."""
    return inbox.put_parcel(_backend(parcel), parcel, parcel.target.removeprefix("mailto:"))


def accept_sms(parcel: Parcel) -> str:
    """A text message arrives on a phone."""
    return mobile.take_sms(_backend(parcel), parcel)


def _backend(parcel: Parcel) -> Any:
    """moto's SNS of the parcel's source. A message outlives its topic, not its account."""
    _, _, _, region, account, _ = check_arn(parcel.source, "source")
    return current().backend("sns", account, region)


# -- sending ------------------------------------------------------------------------------------------


def letter(parcel: Parcel, failure: Failure) -> Letter:
    """What the dead-letter queue gets: what a queue would have got."""
    kept = ("MessageGroupId", "MessageDeduplicationId", "MessageAttributes")
    options = tuple((name, value) for name, value in parcel.options if name in kept)
    return Letter(str(parcel.told("letter") or parcel.body), options=options)


def ended(parcel: Parcel, failure: Failure | None) -> None:
    """A parcel arrived or was given up: the next of its group may go, and the delivery log gets its line."""
    if parcel.told("confirmation"):
        confirmations.ended(parcel, failure)
        return
    if parcel.told("lane") is not None:
        publishing.next_in_line(parcel)
    role, rate = _wanted(parcel, failure)
    if role and (failure is not None or _sampled(parcel, rate)):
        _log(parcel, failure, role)


def _wanted(parcel: Parcel, failure: Failure | None) -> tuple[str, str]:
    """The role that writes the log of this outcome, and how many percent of successes it logs."""
    protocol = str(parcel.told("protocol", ""))
    what = "Failure" if failure is not None else "Success"
    backend = subscriptions.backend_of(parcel.source)
    if backend is None:
        return "", ""
    topic = backend.topics.get(parcel.source)
    if protocol == "sms":
        kept = backend.sms_attributes
        return kept.get("DeliveryStatusIAMRole", ""), kept.get("DeliveryStatusSuccessSamplingRate", "100")
    if topic is not None and protocol in _PREFIXES:
        kept = vars(topic).get("settings", {})
        prefix = _PREFIXES[protocol]
        return kept.get(f"{prefix}{what}FeedbackRoleArn", ""), kept.get(
            f"{prefix}SuccessFeedbackSampleRate", "100"
        )
    application = backend.applications.get(parcel.source)
    if application is not None:
        kept = application.attributes
        return kept.get(f"{what}FeedbackRoleArn", ""), kept.get("SuccessFeedbackSampleRate", "100")
    return "", ""


def _sampled(parcel: Parcel, rate: str) -> bool:
    return current().faults.dice("sns.log", parcel.id, parcel.via).random() * 100 < float(rate)


def _log(parcel: Parcel, failure: Failure | None, role: str) -> None:
    """One line in CloudWatch Logs, written in the role's name. A role that may not writes nothing."""
    _, _, _, region, account, name = parcel.source.split(":", 5)
    group = f"sns/{region}/{account}/{name}" + ("/Failure" if failure is not None else "")
    refused = _may_not_log(parcel, role, f"arn:aws:logs:{region}:{account}:log-group:{group}:*")
    if refused:
        current().trace.record(
            "refused",
            "sns",
            "DeliveryNotLogged",
            resource=parcel.source,
            error="AccessDenied",
            message=refused,
        )
        return
    logs = current().backend("logs", account, region)
    now = current().clock.time()
    if group not in logs.groups:
        logs.create_log_group(group, {})
    mark = hashlib.md5(group.encode(), usedforsecurity=False).hexdigest()
    stream = f"{datetime.fromtimestamp(now, UTC):%Y/%m/%d}/{mark}"
    if stream not in logs.groups[group].streams:
        logs.create_log_stream(group, stream)
    line = json.dumps(_entry(parcel, failure, now), separators=(",", ":"))
    logs.groups[group].streams[stream].put_log_events([{"timestamp": int(now * 1_000), "message": line}])


def _may_not_log(parcel: Parcel, role: str, group: str) -> str:
    """Why the role cannot write the log, or nothing."""
    from labkit.sandbox.authorization.account import Caller, may_assume, session_of

    decision = may_assume(
        Caller.service(publishing.PRINCIPAL), role, context={"aws:SourceArn": parcel.source}
    )
    if not decision.allowed:
        return decision.sentence
    session = session_of(role, "sns-delivery-status")
    if session is None:
        return f"There is no role {role}."
    account = parcel.source.split(":")[4]
    for action in ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"):
        decision = session.may(action, group, account=account)
        if not decision.allowed:
            return decision.sentence
    return ""


def _entry(parcel: Parcel, failure: Failure | None, now: float) -> dict[str, Any]:
    published = float(parcel.told("published", now))
    at = datetime.fromtimestamp(published, UTC)
    protocol = str(parcel.told("protocol", ""))
    notification = {
        "messageId": parcel.id,
        "timestamp": f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}",
    }
    delivery: dict[str, Any] = {"destination": parcel.told("endpoint", parcel.target)}
    if protocol == "sms":
        delivery |= {
            "priceInUSD": mobile.PRICE,
            "smsType": parcel.option("sms_type", "Promotional"),
            "providerResponse": failure.message if failure else "Message has been accepted by phone carrier",
        }
    else:
        notification["messageMD5Sum"] = _digest(parcel)
        notification["topicArn"] = parcel.source
        delivery |= {
            "deliveryId": _identity(parcel),
            "providerResponse": _response(parcel, failure, protocol),
            "attempts": parcel.attempt,
            "statusCode": _status(failure, protocol),
        }
    delivery["dwellTimeMs"] = int((now - published) * 1_000)
    return {"notification": notification, "delivery": delivery, "status": "FAILURE" if failure else "SUCCESS"}


def _digest(parcel: Parcel) -> str:
    """The MD5 sum of the message, without what SNS wrapped around it."""
    text = parcel.body
    try:
        found = json.loads(text)
        text = found.get("Message") or found["Records"][0]["Sns"]["Message"]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        pass
    return hashlib.md5(str(text).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _identity(parcel: Parcel) -> str:
    found = hashlib.md5(f"{parcel.id} {parcel.via}".encode(), usedforsecurity=False).hexdigest()
    return f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:]}"


def _response(parcel: Parcel, failure: Failure | None, protocol: str) -> str:
    request = _identity(parcel)
    if protocol == "sqs" and failure is not None:
        told = {"ErrorCode": failure.code, "ErrorMessage": failure.message, "sqsRequestId": "Unrecoverable"}
        return json.dumps(told, separators=(",", ":"))
    if failure is not None:
        return json.dumps({"ErrorCode": failure.code, "ErrorMessage": failure.message}, separators=(",", ":"))
    names = {"sqs": "sqsRequestId", "lambda": "lambdaRequestId", "firehose": "firehoseRequestId"}
    return json.dumps({names[protocol]: request}, separators=(",", ":")) if protocol in names else ""


def _status(failure: Failure | None, protocol: str) -> int:
    if failure is None:
        return 202 if protocol == "lambda" else 200
    if failure.code.isdigit():
        return int(failure.code)
    if failure.condition:
        return 500
    return _STATUS.get(
        failure.code, 404 if "NonExistent" in failure.code or "NotFound" in failure.code else 400
    )
