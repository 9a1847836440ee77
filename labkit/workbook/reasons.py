"""Reasons beside the code: why a bent solution may pass.

A machine bends each solution (a statement dropped, a constant changed, a keyword argument dropped). Where the bent
one is still right, the author says so in a comment at the end of that line:

    sqs.send_message(QueueUrl=orders, MessageBody="order 1")   # survives: any text will do

The comment is for reviewers: `labkit build` leaves it out of what learners see.
"""

from __future__ import annotations

import io
import re
import tokenize

_REASON = re.compile(r"#\s*survives:\s*(.*)$")


def reasons(source: str) -> dict[int, str]:
    """The reason given on each line (counted from 1) that has one."""
    return {line: match[1].strip() for line, _, match in _comments(source)}


def without_reasons(source: str) -> str:
    """The source as learners see it."""
    lines = source.splitlines()
    for line, column, _ in _comments(source):
        lines[line - 1] = lines[line - 1][:column].rstrip()
    return "\n".join(lines)


def _comments(source: str) -> list[tuple[int, int, re.Match[str]]]:
    if "survives:" not in source:
        return []
    tokens = tokenize.generate_tokens(io.StringIO(source + "\n").readline)
    found = []
    for token in tokens:
        if token.type == tokenize.COMMENT and (match := _REASON.search(token.string)):
            found.append((token.start[0], token.start[1] + match.start(), match))
    return found
