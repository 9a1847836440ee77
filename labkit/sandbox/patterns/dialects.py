"""What each service understands of the pattern language, and how it words a refusal.

    name             who uses it
    eventbridge      rules, archives, TestEventPattern
    pipes            Filter of an EventBridge pipe
    lambda           FilterCriteria of an event source mapping
    sns-attributes   FilterPolicy, FilterPolicyScope MessageAttributes
    sns-body         FilterPolicy, FilterPolicyScope MessageBody

Exact values, `exists`, `$or`, null and "" are understood by all of them. The rest is in `DIALECTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_USER_GUIDES: Final = "https://docs.aws.amazon.com/"

_COMMON: Final = frozenset({"exists", "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric"})
_NEGATABLE: Final = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One service's part of the language.

    `operators` are the names allowed in `{"name": ...}`; `negatable` those allowed inside
    `anything-but`; `folded_affixes` says whether `prefix` and `suffix` take `equals-ignore-case`;
    `longest` is the size limit, in characters (`bytes_limit`: in bytes of UTF-8); `code` is the AWS
    error code of a refusal; `source` is where AWS documents all this.
    """

    name: str
    operators: frozenset[str]
    negatable: frozenset[str]
    folded_affixes: bool
    longest: int
    code: str
    source: str

    @property
    def is_sns(self) -> bool:
        """Whether this is one of the two scopes of an SNS filter policy."""
        return self.name.startswith("sns-")

    def message(self, detail: str) -> str:
        """The text of the AWS error for a reason, which may carry its line and column."""
        match self.name:
            case "eventbridge" | "pipes":
                return f"Event pattern is not valid. Reason: {detail}"
            case "lambda":
                return "Invalid filter pattern definition."  # AWS says no more than this
            case _:
                return f"Invalid parameter: {sns_label(detail)}{detail}"


def sns_label(detail: str) -> str:
    """`FilterPolicy: `, which SNS puts before every reason but the one about the scope."""
    return "" if detail.startswith("Filter policy scope") else "FilterPolicy: "


_SNS: Final = Dialect(
    name="sns-attributes",
    operators=_COMMON | {"cidr"},
    # The list of operators has neither `wildcard` nor any other form of `anything-but`.
    negatable=frozenset({"prefix"}),
    folded_affixes=False,
    longest=256 * 1024,  # bytes: sns/latest/dg/subscription-filter-policy-constraints.html
    code="InvalidParameter",
    source=_USER_GUIDES + "sns/latest/dg/sns-subscription-filter-policies.html",
)

DIALECTS: Final[dict[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            name="eventbridge",
            operators=_COMMON | {"cidr", "wildcard"},
            negatable=_NEGATABLE,
            folded_affixes=True,
            longest=4096,  # botocore: events PutRule EventPattern, max
            code="InvalidEventPatternException",
            source=_USER_GUIDES + "eventbridge/latest/userguide/eb-create-pattern-operators.html",
        ),
        Dialect(
            name="pipes",
            operators=_COMMON | {"cidr"},
            negatable=frozenset(),  # the column "Pipe support" says No to each of these, and to wildcard
            folded_affixes=True,
            longest=4096,  # botocore: pipes Filter Pattern, max
            code="ValidationException",
            source=_USER_GUIDES + "eventbridge/latest/userguide/eb-create-pattern-operators.html",
        ),
        Dialect(
            name="lambda",
            operators=_COMMON,
            negatable=frozenset(),
            folded_affixes=False,
            longest=4096,  # botocore: lambda Filter Pattern, max
            code="InvalidParameterValueException",
            source=_USER_GUIDES + "lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax",
        ),
        _SNS,
        Dialect(
            name="sns-body",
            operators=_SNS.operators,
            negatable=_SNS.negatable,
            folded_affixes=_SNS.folded_affixes,
            longest=_SNS.longest,
            code=_SNS.code,
            source=_SNS.source,
        ),
    )
}
