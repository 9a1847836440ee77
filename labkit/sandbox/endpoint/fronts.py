"""Places behind which a learner's own code answers: APIs (`execute-api`) and function URLs (`lambda-url`).

The service that plays such a place out registers with `front`:

    @front("lambda-url")
    def function_url(sandbox, name, region, request) -> Reply: ...

`name` is the id in the host name (`a1b2c3.lambda-url.eu-west-1.localhost`). It is called with the account's lock held,
after due work was played, and writes its own events into the trace. Wait with `sandbox.lock.wait` or
`sandbox.wait_until`, which free the lock, when an answer takes long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .errors import UNSUPPORTED, Refused
from .messages import Reply, Request

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Front = Callable[["Sandbox", str, str, Request], Reply]
_fronts: Final[dict[str, Front]] = {}


def front(label: str) -> Callable[[Front], Front]:
    """Have requests to host names with this label answered by the decorated function."""

    def register(answer: Front) -> Front:
        _fronts[label] = answer
        return answer

    return register


def front_for(label: str) -> Front:
    """Who answers behind this label. Raises `Refused` when nobody does."""
    found = _fronts.get(label)
    if found is None:
        text = f"Calls to {label} addresses are not simulated here; they exist on AWS."
        raise Refused(UNSUPPORTED, "NotSimulated", text)
    return found
