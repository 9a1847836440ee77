"""What a consumer says about a batch.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html ("Success and failure
conditions"),
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html (the same reply of pipes).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a batch ended. `failed` are identifiers of records, or None when the whole batch failed.

    `throttled` says that the consumer was never reached and it is worth trying again. `note` is for people.
    """

    failed: frozenset[str] | None = frozenset()
    throttled: bool = False
    error: str = ""
    message: str = ""
    note: str = ""
    request_id: str = ""
    version: str = "$LATEST"
    state: str = ""

    @property
    def good(self) -> bool:
        """Whether the whole batch succeeded."""
        return self.failed is not None and not self.failed


DONE: Final = Outcome()


def failures(reply: bytes | str, known: Collection[str]) -> frozenset[str] | None:
    """The identifiers a reply reports in `batchItemFailures`, or None when it fails the whole batch.

    Nothing, null, an object without the list, and an empty or null list: all went well. An identifier that is
    empty, null, under another name or not in the batch fails everything, and so does a reply that is no JSON object.
    """
    try:
        said = json.loads(reply or b"null")
    except ValueError:
        return None
    if said is None:
        return frozenset()
    if not isinstance(said, dict):
        return None
    listed = said.get("batchItemFailures")
    if listed is None:
        return frozenset()
    if not isinstance(listed, list):
        return None
    found = [one.get("itemIdentifier") if isinstance(one, dict) else None for one in listed]
    names = frozenset(one for one in found if isinstance(one, str) and one in known)
    return names if len(names) == len(set(map(str, found))) else None
