"""What a chain of calls has run through: how often each function was called in it.

AWS carries this in the X-Ray trace header (`X-Amzn-Trace-Id`, in SQS the attribute `AWSTraceHeader`), so that Lambda
notices when a function feeds itself. The SDK in a function hands on the header it was called with; here the account
remembers it while it answers such a call, and deliveries and messages that come of the call keep it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html. The form of the part `Lineage` is not
documented; here it reads `1:FUNCTION:COUNT`, several with `|` between them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

HEADER: Final = "X-Amzn-Trace-Id"
ATTRIBUTE: Final = "AWSTraceHeader"
_LINEAGE: Final = re.compile(r"Lineage=1:([^;]*)")
_COUNT: Final = re.compile(r"([0-9a-f]{8}):(\d+)")

_carried: ContextVar[str] = ContextVar("labkit_trace_header", default="")


def carried() -> str:
    """The trace header of what happens now; empty outside any function's doing."""
    return _carried.get()


@contextmanager
def carrying(header: str) -> Iterator[None]:
    """What happens inside comes of a call with this trace header."""
    before = _carried.set(header)
    try:
        yield
    finally:
        _carried.reset(before)


def count(header: str, function_arn: str) -> int:
    """How often the chain ran this function before."""
    return _counts(header).get(_mark(function_arn), 0)


def grown(header: str, function_arn: str, request_id: str) -> str:
    """The trace header with which the function runs: the chain's, and one more run of this function."""
    counts = _counts(header)
    mark = _mark(function_arn)
    counts[mark] = counts.get(mark, 0) + 1
    root = re.search(r"Root=[^;]+", header)
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    start = root[0] if root else f"Root=1-{digest[:8]}-{digest[8:32]}"
    lineage = "|".join(f"{name}:{times}" for name, times in counts.items())
    return f"{start};Parent={digest[32:48]};Sampled=0;Lineage=1:{lineage}"


def strongest(headers: Iterable[str], function_arn: str) -> str:
    """Of several trace headers, the one whose chain ran this function most often."""
    return max(headers, key=lambda header: (count(header, function_arn), len(header)), default="")


def _counts(header: str) -> dict[str, int]:
    found = _LINEAGE.search(header or "")
    return {name: int(times) for name, times in _COUNT.findall(found[1])} if found else {}


def _mark(function_arn: str) -> str:
    return hashlib.sha256(function_arn.encode()).hexdigest()[:8]
