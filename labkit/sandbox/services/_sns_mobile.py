"""Phones: text messages with opt-outs and limits, platform applications and their endpoints.

Sources: https://docs.aws.amazon.com/sns/latest/dg/sms_stats_cloudwatch.html (provider responses, the price 0.00645 of
its example), https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html (attributes AWS.SNS.SMS.*),
SetSMSAttributes and CreatePlatformEndpoint in botocore's service model,
https://docs.aws.amazon.com/sns/latest/dg/application-event-notifications.html (events of an application).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current, delivery
from labkit.sandbox.parcels import Parcel, Refused
from labkit.sandbox.services import _sns_endpoints as endpoints
from labkit.sandbox.services import _sns_inbox as inbox
from labkit.sandbox.services import _sns_messages as messages
from labkit.sandbox.services import _sns_retries as retries
from labkit.sandbox.services._sns_errors import invalid, refusal

PLATFORMS: Final = (
    "ADM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "MACOS", "MACOS_SANDBOX", "BAIDU", "GCM", "MPNS",
    "WNS",
)  # fmt: skip
PRICE: Final = 0.00645
"""US dollars for one part of a text message: the figure of the example in AWS's documentation, for every country."""
LIMIT: Final = "1"
"""US dollars a month, unless MonthlySpendLimit says less."""
_LONGEST: Final = 1_600
_PART: Final = 140
SETTINGS: Final = (
    "MonthlySpendLimit", "DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate", "DefaultSenderID",
    "DefaultSMSType", "UsageReportS3Bucket",
)  # fmt: skip
_SENDER: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,11}")
_TYPES: Final = ("Promotional", "Transactional")
STOP_WORDS: Final = ("STOP", "END", "QUIT", "CANCEL", "UNSUBSCRIBE", "ARRET", "REMOVE", "OPT-OUT")


# -- text messages -----------------------------------------------------------------------------------


def publish_sms(backend: Any, number: str, given: Mapping[str, Any]) -> str:
    """Publish with PhoneNumber. Returns the message's id; whether the phone takes it comes later."""
    if not endpoints.is_number(number):
        raise invalid("PhoneNumber", f"{number} is not valid to publish to")
    structured = messages.check_message(given.get("Message"), given.get("MessageStructure"))
    attributes = messages.check_attributes(given.get("MessageAttributes"))
    message = str(given["Message"])
    if structured:
        parts = json.loads(message)
        message = parts["sms"] if isinstance(parts.get("sms"), str) else parts["default"]
    if len(message) > _LONGEST:
        raise invalid("Message too long")
    message_id = str(mock_random.uuid4())
    rows = tuple((name, kind, value) for name, (kind, value) in attributes.items())
    source = f"arn:aws:sns:{backend.region_name}:{backend.account_id}:DirectPublishToPhoneNumber"
    about = (("protocol", "sms"), ("published", current().clock.time()), ("endpoint", number))
    delivery.send(
        Parcel(
            "sns", source, f"tel:{number}", message, id=message_id, options=sms_options(backend, rows),
            about=about, retry=retries.CUSTOMER,
        )
    )  # fmt: skip
    return message_id


def sms_options(backend: Any, attributes: Iterable[tuple[str, str, str]]) -> tuple[tuple[str, Any], ...]:
    """Sender, kind and highest price of a text message: from its attributes, else from the account's."""
    given = {name: value for name, _, value in attributes}
    kept = backend.sms_attributes
    sender = given.get("AWS.SNS.SMS.SenderID") or kept.get("DefaultSenderID") or "NOTICE"
    kind = given.get("AWS.SNS.SMS.SMSType") or kept.get("DefaultSMSType") or "Promotional"
    options: list[tuple[str, Any]] = [("kind", "sms"), ("from", sender), ("sms_type", kind)]
    if "AWS.SNS.SMS.MaxPrice" in given:
        options.append(("max_price", given["AWS.SNS.SMS.MaxPrice"]))
    return tuple(options)


def take_sms(backend: Any, parcel: Parcel) -> str:
    """A phone takes a text message. Raises `Refused` with the carrier's words."""
    number = parcel.target.removeprefix("tel:")
    price = PRICE * -(-len(parcel.body.encode()) // _PART)
    if number in backend.opt_out_numbers:
        raise Refused("OptedOut", "Phone number is opted out")
    highest = parcel.option("max_price")
    if highest is not None and price > float(highest):
        raise Refused("MaxPrice", "This delivery would exceed max price")
    month = f"{datetime.fromtimestamp(current().clock.time(), UTC):%Y-%m}"
    spent: dict[str, float] = vars(backend).setdefault("sms_spent", {})
    if spent.get(month, 0.0) + price > float(backend.sms_attributes.get("MonthlySpendLimit", LIMIT)):
        raise Refused("SpendLimit", "No quota left for account")
    spent[month] = spent.get(month, 0.0) + price
    backend.sms_messages[parcel.id] = (number, parcel.body)
    return inbox.put_parcel(backend, parcel, number)


def set_sms_attributes(backend: Any, given: Mapping[str, str]) -> None:
    """SetSMSAttributes, checked."""
    for name, value in given.items():
        if name not in SETTINGS:
            raise invalid("attributes", f"{name} is not a valid attribute name")
        if not _acceptable(name, value):
            raise invalid("attributes", f"{value} is not a valid value for {name}")
    backend.sms_attributes.update(given)


def _acceptable(name: str, value: str) -> bool:
    if name == "MonthlySpendLimit":
        return value.isdigit() and int(value) <= int(LIMIT)
    if name == "DeliveryStatusSuccessSamplingRate":
        return value.isdigit() and int(value) <= 100
    if name == "DefaultSenderID":
        return _SENDER.fullmatch(value) is not None
    return name != "DefaultSMSType" or value in _TYPES


def check_phone(number: str | None) -> str:
    """A number of the opt-out operations."""
    if re.fullmatch(r"\+?\d+", number or "") is None:
        raise invalid("PhoneNumber", "input incorrectly formatted")
    return str(number)


# -- the SMS sandbox ---------------------------------------------------------------------------------


def numbers(backend: Any) -> dict[str, dict[str, str]]:
    """Destination numbers of the SMS sandbox: number -> status and one-time password."""
    kept: dict[str, dict[str, str]] = vars(backend).setdefault("sandbox_numbers", {})
    return kept


def add_number(backend: Any, number: str) -> None:
    """CreateSMSSandboxPhoneNumber: the password goes to the phone."""
    if not re.fullmatch(r"\+[0-9]{8,19}", number):
        raise invalid("PhoneNumber")
    if number in backend.opt_out_numbers:
        raise refusal("OptedOut", "The specified phone number opted out of receiving SMS messages.")
    password = f"{current().random.randrange(1_000_000):06d}"
    numbers(backend)[number] = {"Status": "Pending", "password": password}
    inbox.put(
        backend, kind="sms", to=number, sender="AWS", subject="", topic="", subscription="", token="",
        body=f"Your verification code for the SMS sandbox of Amazon SNS is {password}", message_id="",
        account=backend.account_id, region=backend.region_name,
    )  # fmt: skip


def verify_number(backend: Any, number: str, password: str) -> None:
    """VerifySMSSandboxPhoneNumber."""
    kept = _number(backend, number)
    if kept["password"] != password:
        error = refusal("VerificationException", "The one-time password is not valid.")
        error.Status = "INCORRECT_OTP"
        raise error
    kept["Status"] = "Verified"


def remove_number(backend: Any, number: str) -> None:
    """DeleteSMSSandboxPhoneNumber."""
    _number(backend, number)
    del numbers(backend)[number]


def _number(backend: Any, number: str) -> dict[str, str]:
    if number not in numbers(backend):
        raise refusal("ResourceNotFound", "The phone number is not in the SMS sandbox.")
    return numbers(backend)[number]


# -- devices -----------------------------------------------------------------------------------------


def check_application(name: str | None, platform: str | None, attributes: Mapping[str, Any]) -> None:
    """Name, platform and credential of a platform application. Any credential is good."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,256}", name or ""):
        raise invalid("Name", "must be made up of letters, numbers, underscores, hyphens and periods")
    if platform not in PLATFORMS:
        raise invalid("Platform", f"{platform} is not supported")
    if not attributes.get("PlatformCredential"):
        raise invalid("Attributes", "PlatformCredential attribute not found")


def publish_to_device(backend: Any, arn: str, given: Mapping[str, Any]) -> str:
    """Publish with the TargetArn of a platform endpoint."""
    endpoint = backend.platform_endpoints.get(arn)
    if endpoint is None:
        raise invalid("TargetArn", "No endpoint found for the target arn specified")
    structured = messages.check_message(given.get("Message"), given.get("MessageStructure"))
    attributes = messages.check_attributes(given.get("MessageAttributes"))
    message = str(given["Message"])
    if messages.size_of(message, attributes) > messages.DEFAULT_SIZE:
        raise invalid("Message too long")
    if not endpoint.enabled:
        raise refusal("EndpointDisabled", "Endpoint is disabled")
    if structured:
        parts = json.loads(message)
        own = parts.get(endpoint.application.platform)
        message = own if isinstance(own, str) else parts["default"]
    message_id = str(mock_random.uuid4())
    about = (("protocol", "application"), ("published", current().clock.time()), ("endpoint", arn))
    source = endpoint.application.arn
    delivery.send(
        Parcel(
            "sns", source, arn, message, id=message_id, options=(("kind", "push"),), about=about,
            retry=retries.CUSTOMER,
        )
    )  # fmt: skip
    return message_id


def take_push(backend: Any, parcel: Parcel) -> str:
    """A device takes a message. A device whose app is gone switches its endpoint off."""
    endpoint = backend.platform_endpoints.get(parcel.target)
    if endpoint is None:
        raise Refused("NotFound", "Endpoint does not exist")
    if not endpoint.enabled:
        raise Refused("EndpointDisabled", "Endpoint is disabled")
    if vars(endpoint).get("uninstalled"):
        endpoint.attributes["Enabled"] = False
        _tell_application(endpoint, parcel)
        raise Refused("InvalidPlatformToken", "Platform token associated with the endpoint is not valid")
    endpoint.messages[parcel.id] = parcel.body
    return inbox.put_parcel(backend, parcel, parcel.target)


def _tell_application(endpoint: Any, parcel: Parcel) -> None:
    topic = endpoint.application.attributes.get("EventDeliveryFailure")
    if not topic:
        return
    now = datetime.fromtimestamp(current().clock.time(), UTC)
    event = {
        "DeliveryAttempts": parcel.attempt, "EndpointArn": endpoint.arn, "EventType": "DeliveryFailure",
        "FailureMessage": "Platform token associated with the endpoint is not valid",
        "FailureType": "InvalidPlatformToken", "MessageId": parcel.id, "Resource": endpoint.application.arn,
        "Service": "SNS", "Time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
    }  # fmt: skip
    source = endpoint.application.arn
    delivery.send(Parcel("sns", source, topic, json.dumps(event), id=str(mock_random.uuid4())))
