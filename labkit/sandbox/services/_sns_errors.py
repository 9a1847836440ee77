"""The errors of Amazon SNS: its codes and its words.

Codes and HTTP statuses are those of botocore's service model (`sns/2010-03-31/service-2.json`). The words are those
the service answers with, as far as public records of its answers show them.
"""

from __future__ import annotations

from moto.sns.exceptions import SNSException

_KEY_CODES = {
    "KmsAccessDenied": "KMSAccessDenied",
    "KmsDisabled": "KMSDisabled",
    "KmsInvalidState": "KMSInvalidState",
    "KmsNotFound": "KMSNotFound",
}


def refusal(code: str, message: str) -> SNSException:
    """An error with one of the codes of the service model."""
    return SNSException(code, message)


def invalid(what: str, reason: str = "") -> SNSException:
    """`InvalidParameter`, in the form that names the parameter and, where there is one, the reason."""
    because = f" Reason: {reason}" if reason else ""
    return refusal("InvalidParameter", f"Invalid parameter: {what}{because}")


def attribute_value(message: str) -> SNSException:
    """A message attribute that is not acceptable."""
    return refusal("ParameterValueInvalid", message)


def no_topic() -> SNSException:
    """The topic was deleted, or never made."""
    return refusal("NotFound", "Topic does not exist")


def no_subscription() -> SNSException:
    """The subscription was deleted, or never made."""
    return refusal("NotFound", "Subscription does not exist")


def key_refused(code: str, message: str) -> SNSException:
    """The key of an encrypted topic cannot be used. `code` is the one `authorization.keys` gives."""
    return refusal(_KEY_CODES.get(code, code), message)


def check_arn(arn: str | None, name: str) -> list[str]:
    """The six parts of an ARN. Raises `InvalidParameter` when there are fewer."""
    parts = (arn or "").split(":", 5)
    if len(parts) < 6:
        raise invalid(name, f"An ARN must have at least 6 elements, not {len(parts)}")
    return parts
