"""For lessons that fail on purpose: `with labkit.expected(ClientError):`."""

from __future__ import annotations

from types import TracebackType

from labkit.errors import LabkitError, UsageError


class NothingRaised(LabkitError):
    """The cell was expected to fail and did not."""


class expected:
    """The error that a cell is expected to raise, shown in one line instead of a traceback.

    `code` may name the AWS error code ("QueueDoesNotExist"; with or without its namespace). The error that
    came is kept in `.error`. Raises `NothingRaised` when no error came; another error passes through with a
    note.
    """

    def __init__(self, *errors: type[BaseException], code: str | None = None) -> None:
        if not errors or not all(isinstance(one, type) and issubclass(one, BaseException) for one in errors):
            raise UsageError(
                "Say which error the cell raises: `with labkit.expected(ClientError):`, "
                "after `from botocore.exceptions import ClientError`."
            )
        self._errors = errors
        self._code = code
        self.error: BaseException | None = None

    def __enter__(self) -> expected:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            raise NothingRaised(
                f"This cell was expected to raise {self._wanted()}, but it ran without an error. "
                "Has something above it changed? Run the cells above again, in order."
            )
        if isinstance(error, self._errors) and self._code in (None, *_codes(error)):
            from labkit.judging.blame import describe

            self.error = error
            print(f"As expected: {describe(error)}")
            return True
        if isinstance(error, Exception):
            error.add_note(f"This cell was expected to raise {self._wanted()}. Another error came.")
        return False

    def _wanted(self) -> str:
        names = " or ".join(one.__name__ for one in self._errors)
        return f"{names} with the code {self._code}" if self._code else names


def _codes(error: BaseException) -> tuple[str, ...]:
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    return (code, code.rpartition(".")[2]) if code else ()
