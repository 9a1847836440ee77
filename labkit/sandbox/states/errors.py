"""How a state fails: AWS's error names, and which of them a Retry or Catch matches.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html (error names; `States.ALL`
does not catch `States.DataLimitExceeded` and `States.Runtime`; `States.TaskFailed` does not match `States.Timeout`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ALL: Final = "States.ALL"
RUNTIME: Final = "States.Runtime"
TASK_FAILED: Final = "States.TaskFailed"
TIMEOUT: Final = "States.Timeout"
HEARTBEAT: Final = "States.HeartbeatTimeout"
TOO_LARGE: Final = "States.DataLimitExceeded"
NO_CHOICE: Final = "States.NoChoiceMatched"
BRANCH_FAILED: Final = "States.BranchFailed"
INTRINSIC: Final = "States.IntrinsicFailure"
RESULT_PATH: Final = "States.ResultPathMatchFailure"
QUERY: Final = "States.QueryEvaluationError"
PERMISSIONS: Final = "States.Permissions"
THRESHOLD: Final = "States.ExceedToleratedFailureThreshold"
READER: Final = "States.ItemReaderFailed"

KNOWN: Final = frozenset(
    {
        ALL, RUNTIME, TASK_FAILED, TIMEOUT, HEARTBEAT, TOO_LARGE, NO_CHOICE, BRANCH_FAILED, INTRINSIC, RESULT_PATH,
        QUERY, PERMISSIONS, THRESHOLD, READER, "States.ResultWriterFailed", "States.ParameterPathFailure",
        "States.Http.Socket",
    }
)  # fmt: skip
"""Names that begin with `States.` are reserved; these exist."""
_TERMINAL: Final = (RUNTIME, TOO_LARGE)
_TIMEOUTS: Final = (TIMEOUT, HEARTBEAT)


class StateFailed(Exception):
    """A state fails with an error name and a cause. `location` names the field, for failed expressions.

    `error` and `cause` may be None: a Fail state needs neither.
    """

    def __init__(self, error: str | None, cause: str | None = "", *, location: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location

    @property
    def output(self) -> dict[str, str]:
        """What a Catch hands on."""
        return {"Error": self.error or "", "Cause": self.cause or ""}


class NotSimulatedHere(StateFailed):
    """Something that AWS does and this lab does not. The cause says so."""

    def __init__(self, what: str) -> None:
        super().__init__("NotSimulated", f"{what} is not simulated here; it exists on AWS.")


def matches(names: Sequence[str], error: str | None) -> bool:
    """Whether `ErrorEquals` matches an error."""
    if error == RUNTIME:
        return False
    if error in names:
        return True
    if error == HEARTBEAT and TIMEOUT in names:
        return True
    if error in _TERMINAL:
        return False
    return ALL in names or (TASK_FAILED in names and error not in _TIMEOUTS)
