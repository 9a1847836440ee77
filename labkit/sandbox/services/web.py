"""Web endpoints as targets of topics, API destinations and HTTP tasks.

Simulated here:
- A request really goes to a web server on this machine: 127.0.0.1, ::1, localhost and names under it.
- 2xx is taken; 429, 5xx, no connection and no answer in time are tried again; other answers are final.
- API destinations: 401, 407 and 409 are tried again too, and Retry-After makes the wait longer.
- User and password in a URL become basic authentication.

Differs on AWS:
- Only this machine can be reached. AWS reaches only public endpoints, so none of these.
- A server that is silent for 2 real seconds has timed out. AWS waits 15 s (SNS) or 5 s (API destinations).
- A redirect is not followed, and is final.

Not simulated:
- HTTP/2, client certificates, private endpoints through VPC Lattice.

Sources:
- https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html (5xx and 429 are retried, all other
  errors are permanent)
- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html (status codes that are tried again,
  Retry-After, 5 seconds)
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

from labkit.sandbox import current, loopback
from labkit.sandbox.delivery import Receiver, receives
from labkit.sandbox.parcels import Parcel, Refused, Unavailable

_HEADER: Final = "header:"
_DEFAULT_TIMEOUT: Final = 15.0


def find(parcel: Parcel) -> None:
    """Raises `Refused` for a URL that does not lead to this machine."""
    try:
        loopback.addresses(parcel.target)
    except loopback.Elsewhere as error:
        raise Refused("NotSimulated", str(error)) from None


def accept(parcel: Parcel) -> str:
    """Send the body; returns the status, such as `HTTP 200`.

    Options: `method` (POST), `header:NAME`, `timeout` in seconds (15), `retried` (status codes beside 429 and 5xx
    after which the sender tries again), `retry_after` (True: the header of that name makes the wait longer).
    """
    headers = {
        name.removeprefix(_HEADER): str(value) for name, value in parcel.options if name.startswith(_HEADER)
    }
    method, timeout = str(parcel.option("method", "POST")), float(parcel.option("timeout", _DEFAULT_TIMEOUT))
    try:
        answer = loopback.exchange(
            current(), method, parcel.target, headers, parcel.body.encode("utf-8"), timeout
        )
    except loopback.Elsewhere as error:
        raise Refused("InvalidRequest", str(error)) from None
    except loopback.NoAnswer as error:
        raise Unavailable(error.code, str(error)) from None
    return _judge(parcel, answer)


def _judge(parcel: Parcel, answer: loopback.Response) -> str:
    status = answer.status
    if 200 <= status < 300:
        return f"HTTP {status}"
    said = answer.reason or f"HTTP {status}"
    if status != 429 and status < 500 and status not in parcel.option("retried", ()):
        raise Refused(str(status), said)
    after = _seconds(answer.header("Retry-After")) if parcel.option("retry_after") else 0.0
    if after < 0:
        # "If Retry-After is negative, EventBridge stops retrying delivery for that event."
        raise Refused(str(status), said, "Its Retry-After is negative: no further attempt.")
    raise Unavailable(str(status), said, f"Retry-After: {after:g} s." if after else "", after=after)


def _seconds(header: str) -> float:
    """The value of a Retry-After header, which is a number of seconds or a date; 0 when it is neither."""
    try:
        return float(int(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - current().clock.time())
    except (ValueError, TypeError):
        return 0.0


receives("http", Receiver((), accept, find))
receives("https", Receiver((), accept, find))
