"""How a state fails: AWS's error names, and which of them a Retry or Catch matches.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html. `States.ALL` does not catch
`States.DataLimitExceeded` and `States.Runtime`; `States.Runtime` is never tried again and always ends the execution;
`States.TaskFailed` matches any error but `States.Timeout`. A silent worker is reported as `States.Timeout`, which Retry
and Catch know as `States.HeartbeatTimeout` too: so the same page, and the histories of AWS that LocalStack's tests keep
(https://github.com/localstack/localstack, tests/aws/services/stepfunctions/v2/timeouts).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ALL: Final = "States.ALL"
RUNTIME: Final = "States.Runtime"
"""Also what AWS reports for a Choice without a match, a failed intrinsic function and a path that leads nowhere."""
TASK_FAILED: Final = "States.TaskFailed"
TIMEOUT: Final = "States.Timeout"
HEARTBEAT: Final = "States.HeartbeatTimeout"
TOO_LARGE: Final = "States.DataLimitExceeded"
RESULT_PATH: Final = "States.ResultPathMatchFailure"
QUERY: Final = "States.QueryEvaluationError"
PERMISSIONS: Final = "States.Permissions"
THRESHOLD: Final = "States.ExceedToleratedFailureThreshold"
READER: Final = "States.ItemReaderFailed"
WRITER: Final = "States.ResultWriterFailed"
SOCKET: Final = "States.Http.Socket"
HTTP_STATUS: Final = "States.Http.StatusCode."
"""Followed by the number: what an HTTP task fails with."""

KNOWN: Final = frozenset(
    {
        ALL, RUNTIME, TASK_FAILED, TIMEOUT, HEARTBEAT, TOO_LARGE, RESULT_PATH, QUERY, PERMISSIONS, THRESHOLD, READER,
        WRITER, SOCKET, "States.BranchFailed", "States.IntrinsicFailure", "States.NoChoiceMatched",
        "States.ParameterPathFailure",
    }
)  # fmt: skip
"""Names that begin with `States.` are reserved; these may stand in ErrorEquals. AWS reports not all of them."""
_TERMINAL: Final = (RUNTIME, TOO_LARGE)


class StateFailed(Exception):
    """A state fails with an error name and a cause. `location` names the field, for failed expressions.

    `error` and `cause` may be None: a Fail state needs neither. `also` is a second name that Retry and Catch know.
    """

    def __init__(
        self, error: str | None, cause: str | None = "", *, location: str = "", also: str = ""
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location
        self.also = also

    @property
    def output(self) -> dict[str, str]:
        """What a Catch hands on."""
        return {"Error": self.error or "", "Cause": self.cause or ""}

    @property
    def details(self) -> dict[str, str]:
        """Error and cause as events of the history have them: what there is not is left out."""
        given = {"error": self.error, "cause": self.cause}
        return {name: value for name, value in given.items() if value is not None}


class NotSimulatedHere(StateFailed):
    """Something that AWS does and this lab does not. The cause says so."""

    def __init__(self, what: str) -> None:
        super().__init__("NotSimulated", f"{what} is not simulated here; it exists on AWS.")


def matches(names: Sequence[str], failure: StateFailed) -> bool:
    """Whether `ErrorEquals` matches a failure."""
    error = failure.error
    if error == RUNTIME:
        return False
    if error in names or (failure.also and failure.also in names):
        return True
    if error in _TERMINAL:
        return False
    return ALL in names or (TASK_FAILED in names and error != TIMEOUT)
