"""A pattern that AWS would not accept."""

from __future__ import annotations

from labkit.errors import LabkitError
from labkit.sandbox.patterns.dialects import Dialect, sns_label


class InvalidPattern(LabkitError):
    """The service refuses the pattern. `str()` is the text of its error, `code` the error's code.

    `reason` is AWS's reason in one line; `detail` is the reason as AWS prints it, often with the place
    (`line` and `column`, both from 1) in a second line. `subscribe_message` is what SNS says when the
    policy comes with Subscribe; `str()` is what it says to SetSubscriptionAttributes.

    Source of the texts: the open-source engine (github.com/aws/event-ruler, JsonRuleCompiler) and
    answers of the real services recorded in LocalStack's test suite (github.com/localstack/localstack,
    test_events_patterns.snapshot.json and test_sns_filter_policy.snapshot.json).
    """

    def __init__(
        self,
        dialect: Dialect,
        reason: str,
        *,
        place: str = "",
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        self.dialect = dialect.name
        self.code = dialect.code
        self.reason = reason
        self.detail = reason + place
        self.line = line
        self.column = column
        super().__init__(dialect.message(self.detail))

    @property
    def subscribe_message(self) -> str:
        """The same refusal as the answer to SNS Subscribe, which takes the policy among its attributes."""
        return f"Invalid parameter: Attributes Reason: {sns_label(self.detail)}{self.detail}"


class TooLong(InvalidPattern):
    """The pattern has more characters than the request may carry."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect, f"Member must have length less than or equal to {dialect.longest}")
        if dialect.is_sns:
            return
        field = "eventPattern" if dialect.name == "eventbridge" else "pattern"
        self.code = "ValidationException"
        self.detail = (
            f"1 validation error detected: Value at '{field}' failed to satisfy constraint: {self.reason}"
        )
        self.args = (self.detail,)
