"""Wildcards: what a text, an action, a resource or an ARN in a policy matches.

`*` stands for any characters, also none, and `?` for exactly one. A pattern comes as pieces, because the value
of a policy variable is text to take as it is, even when it holds a star.

Sources, under https://docs.aws.amazon.com/IAM/latest/UserGuide/ :
reference_policies_elements_resource.html (a `*` that ends a segment of a resource may also match across
colons), reference_policies_elements_action.html (actions ignore case),
reference_policies_elements_condition_operators.html (ARN operators check the six parts one by one).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

Piece = tuple[str, bool]
"""A stretch of a pattern, and whether its stars and question marks are to be taken literally."""
Pieces = tuple[Piece, ...]

_HEAD = 5
"""How many parts of an ARN stand before the resource part: arn, partition, service, Region, account."""


def pattern(text: str) -> Pieces:
    """A text whose stars and question marks are wildcards."""
    return ((text, False),)


def matches(wanted: Pieces, text: str) -> bool:
    """Whether the whole text fits the pattern. Case counts."""
    return _compiled(wanted).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _compiled(wanted: Pieces) -> re.Pattern[str]:
    chunks = [""]
    for text, literal in wanted:
        for char in text:
            if literal or char not in "*?":
                chunks[-1] += re.escape(char)
            elif char == "?":
                chunks[-1] += "."
            else:
                chunks.append("")
    first, *rest = chunks
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    # Each star but the last takes the first fit and never tries again: no pattern can take exponential time.
    between = "".join(f"(?>.*?{chunk})" for chunk in middle if chunk)
    return re.compile(f"{first}{between}.*{last}", re.DOTALL)


def action_matches(wanted: str, action: str) -> bool:
    """Whether an Action of a policy covers an action such as `sqs:SendMessage`. Case does not count."""
    return wanted == "*" or matches(pattern(wanted.lower()), action.lower())


def resource_matches(wanted: Pieces, resource: str) -> bool:
    """Whether a Resource of a policy covers a resource, given by its ARN or as `*`. Case counts."""
    if wanted in ((("*", False),), ((resource, False),)):
        return True
    *head, tail = _split(wanted, _HEAD)
    return _segments_match(tuple(head), tail, resource)


def _segments_match(head: tuple[Pieces, ...], tail: Pieces, rest: str) -> bool:
    if not head:
        return matches(tail, rest)
    segment, *others = head
    for end in _colons(rest, 12 if _ends_in_star(segment) else 1):
        if matches(segment, rest[:end]) and _segments_match(tuple(others), tail, rest[end + 1 :]):
            return True
    return False


def _colons(text: str, most: int) -> Iterator[int]:
    # ARNs have few colons. The bound keeps a made-up one from costing more than it is worth.
    place = text.find(":")
    while place >= 0 and most > 0:
        yield place
        place, most = text.find(":", place + 1), most - 1


def _ends_in_star(segment: Pieces) -> bool:
    text, literal = segment[-1] if segment else ("", True)
    return not literal and text.endswith("*")


def arn_matches(wanted: Pieces, arn: str) -> bool:
    """Whether an ARN fits, part by part, as ArnEquals and ArnLike compare. Case counts.

    A pattern that is a star alone fits every ARN.
    """
    values = arn.split(":", _HEAD)
    if len(values) != _HEAD + 1:
        return False
    if wanted == (("*", False),):
        return True
    parts = _split(wanted, _HEAD)
    if len(parts) != len(values):
        return False
    return all(matches(part, value) for part, value in zip(parts, values, strict=True))


def _split(wanted: Pieces, most: int) -> list[Pieces]:
    """A pattern cut at its colons, at most `most` times."""
    parts: list[list[Piece]] = [[]]
    for text, literal in wanted:
        first, *others = text.split(":", most + 1 - len(parts))
        parts[-1].append((first, literal))
        parts.extend([(other, literal)] for other in others)
    return [_without_empty(part) for part in parts]


def _without_empty(part: Sequence[Piece]) -> Pieces:
    return tuple(piece for piece in part if piece[0])


def arn_parts(arn: str) -> tuple[str, str, str, str, str, str] | None:
    """arn, partition, service, Region, account and resource, or None when the text is no ARN."""
    parts = arn.split(":", _HEAD)
    if len(parts) != _HEAD + 1 or parts[0] != "arn":
        return None
    return parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]
