"""What people would have received: e-mails, text messages, push messages, and requests to confirm.

The entries are kept with moto's SNS (`services/_sns_inbox.py`), so they are copied and reset with the account. This
module only reads them, and does what a person can do: confirm, answer with STOP, remove an app.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from labkit.errors import UsageError
from labkit.sandbox import Sandbox, stores

KINDS: Final = {
    "email": "E-mail", "email-json": "E-mail (JSON)", "sms": "SMS", "push": "Push", "http": "Web", "https": "Web",
    "sqs": "Queue", "lambda": "Function", "firehose": "Stream",
}  # fmt: skip
"""Kind of an entry -> what people call it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was received. `time` is virtual, in seconds since 1970; `token` is there when it asks."""

    kind: str
    to: str
    sender: str
    subject: str
    body: str
    time: float
    topic: str
    subscription: str
    token: str
    message_id: str
    account: str
    region: str

    @property
    def asks(self) -> bool:
        """Whether it asks to confirm a subscription."""
        return bool(self.token)


def entries(sandbox: Sandbox) -> list[Entry]:
    """Everything that was received in all accounts and Regions, newest first."""
    with sandbox.lock:
        sandbox.clock.catch_up()
        found = [Entry(**kept) for backend in _backends() for kept in vars(backend).get("inbox", ())]
    # `reverse` keeps things of one moment in their order; the later of them is the newer one.
    found.reverse()
    found.sort(key=lambda entry: entry.time, reverse=True)
    return found


def _backends() -> Iterator[Any]:
    registry = stores.registry_of("sns")
    for regions in list(registry.values()) if registry is not None else ():
        yield from list(dict.values(regions))


def confirm(sandbox: Sandbox, entry: Entry) -> str:
    """Visit the link of a request to confirm. Returns the subscription's ARN.

    Raises `UsageError` when the entry asks for nothing or its token is no longer valid.
    """
    from moto.sns.exceptions import SNSException

    from labkit.sandbox.services import _sns_subscriptions as subscriptions

    if not entry.asks:
        raise UsageError(
            "This message asks for nothing. Messages that can be confirmed say so in lab.inbox()."
        )
    with sandbox.lock:
        sandbox.clock.catch_up()
        try:
            found = subscriptions.confirm(entry.topic, entry.token, entry.region, signed=False)
        except SNSException:
            raise UsageError(
                "This link is no longer valid: links are good for two days, and a newer request makes them void. "
                "Call sns.subscribe(...) again; it sends a new request."
            ) from None
        sandbox.clock.catch_up()
    return str(found.arn)


def answer(sandbox: Sandbox, entry: Entry, text: str) -> bool:
    """Answer a text message from its phone. Returns whether the number is opted out now.

    Raises `UsageError` when the entry is no text message.
    """
    from labkit.sandbox.services import _sns_mobile as mobile

    if entry.kind != "sms":
        raise UsageError('Only a text message can be answered, such as lab.inbox()[0].reply("STOP").')
    with sandbox.lock:
        backend = sandbox.backend("sns", entry.account, entry.region)
        if str(text).strip().upper() in mobile.STOP_WORDS and entry.to not in backend.opt_out_numbers:
            backend.opt_out_numbers.append(entry.to)
            sandbox.trace.record("state", "sns", "PhoneNumberOptedOut", resource=entry.to)
        return entry.to in backend.opt_out_numbers


def begin_month(sandbox: Sandbox) -> None:
    """What was spent on text messages before no longer counts, as on the first of a month."""
    with sandbox.lock:
        for backend in _backends():
            vars(backend).pop("sms_spent", None)


def uninstall(sandbox: Sandbox, entry: Entry) -> None:
    """Remove the app from the device: its token is dead from now on.

    Raises `UsageError` when the entry is no push message, or its endpoint was deleted.
    """
    if entry.kind != "push":
        raise UsageError("Only a push message comes from an app that can be uninstalled.")
    with sandbox.lock:
        backend = sandbox.backend("sns", entry.account, entry.region)
        endpoint = backend.platform_endpoints.get(entry.to)
        if endpoint is None:
            raise UsageError("The endpoint of this device was deleted.")
        vars(endpoint)["uninstalled"] = True
        sandbox.trace.record("state", "sns", "AppUninstalled", resource=entry.to)
