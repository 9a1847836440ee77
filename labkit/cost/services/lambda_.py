"""Lambda: requests, and GB-seconds by memory and architecture.

- Duration is rounded up to the next millisecond, and the initialisation of a cold start is billed with it:
  https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
- An asynchronous call above 256 KB costs one more request for each further 64 KB:
  https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import CHUNK, last_part

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage
    from labkit.sandbox.trace import Event

FREE_OF_EXTRA: Final = 256 * 1024
_DEFAULT: Final = (128, "x86_64")
"""Memory and architecture of a function whose maker named none."""

LEAVES_OUT: Final = (
    "lambda: provisioned concurrency, /tmp above 512 MB, SnapStart, streamed answers, data transfer, and the CPU "
    "that AWS gives with memory (here a function takes the time it takes on your machine).",
)


def usage(period: Period) -> Iterator[Usage]:
    """One request and its GB-seconds for each run; extra requests for large asynchronous payloads."""
    settings = _Settings(period)
    for event in period.story:
        settings.see(event)
        if event.kind != "invocation" or event.service != "lambda" or event.sequence not in settings.wanted:
            continue
        memory, architecture = settings.of(event.resource)
        arm = "_arm" if architecture == "arm64" else ""
        milliseconds = math.ceil(
            float(event.params.get("DurationMs") or 0) + float(event.params.get("InitMs") or 0)
        )
        arn = _bare(event.resource)
        yield period.at(event, f"requests{arm}", 1 + _extra(event), arn)
        yield period.at(event, f"gb_seconds{arm}", memory / 1024 * milliseconds / 1000, arn)


def _extra(event: Event) -> int:
    size = int(event.params.get("PayloadBytes") or 0)
    if event.params.get("InvocationType") != "Event" or int(event.params.get("Attempt") or 1) > 1:
        return 0
    return max(0, math.ceil((size - FREE_OF_EXTRA) / CHUNK))


def _bare(arn: str) -> str:
    return ":".join(arn.split(":")[:7])


class _Settings:
    """Memory and architecture of each function, as the calls in the story set them; else as the account has them."""

    def __init__(self, period: Period) -> None:
        self.wanted = {event.sequence for event in period.events}
        self._known: dict[str, tuple[int, str]] = {}
        self._period = period

    def see(self, event: Event) -> None:
        """Learn from a call that makes or changes a function."""
        made = event.action == "CreateFunction"
        if event.kind != "call" or event.error or event.service != "lambda":
            return
        if not made and event.action not in ("UpdateFunctionConfiguration", "UpdateFunctionCode"):
            return
        name = _name(event.resource)
        memory, architecture = _DEFAULT if made else self._known.get(name) or self._now(name)
        given = event.params.get("Architectures")
        self._known[name] = (
            int(event.params.get("MemorySize") or memory),
            str(given[0]) if isinstance(given, (list, tuple)) and given else architecture,
        )

    def of(self, arn: str) -> tuple[int, str]:
        """Memory in MB, and the architecture."""
        name = _name(arn)
        return self._known.get(name) or self._now(name)

    def _now(self, name: str) -> tuple[int, str]:
        for _region, store in self._period.stores("awslambda", "lambda_backends"):
            found: Any = next((one for one in store.list_functions() if one.function_name == name), None)
            if found is not None:
                return int(found.memory_size), str((found.architectures or ["x86_64"])[0])
        return _DEFAULT


def _name(resource: str) -> str:
    parts = resource.split(":")
    return parts[6] if len(parts) > 6 else last_part(parts[0] if len(parts) < 3 else resource)
