"""Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`.

A variable that has no value makes what it stands in match nothing. Policies of version 2008-10-17, also those
that name no version, know no variables: there the text is what it is.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from labkit.sandbox.authorization.context import Context
from labkit.sandbox.authorization.patterns import Pieces

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_DEFAULT = re.compile(r"(?P<name>[^,']*?)\s*,\s*'(?P<default>[^']*)'\s*", re.DOTALL)
_SPECIAL = ("*", "?", "$")
"""`${*}`, `${?}` and `${$}` stand for the characters themselves."""


def resolve(template: str, context: Context, enabled: bool = True) -> Pieces | None:
    """The template as pieces of a pattern, or None when one of its variables has no value."""
    if not enabled or "${" not in template:
        return ((template, False),)
    pieces: list[tuple[str, bool]] = []
    place = 0
    for found in _VARIABLE.finditer(template):
        value = _value(found.group(1), context)
        if value is None:
            return None
        pieces += [(template[place : found.start()], False), (value, True)]
        place = found.end()
    pieces.append((template[place:], False))
    return tuple(piece for piece in pieces if piece[0])


def resolve_resource(template: str, context: Context, enabled: bool = True) -> Pieces | None:
    """Like `resolve`, for a Resource: AWS reads variables only behind the fifth colon of an ARN."""
    parts = template.split(":", 5)
    if len(parts) < 6:
        return ((template, False),)
    tail = resolve(parts[5], context, enabled)
    return None if tail is None else ((":".join(parts[:5]) + ":", False), *tail)


def names_in(template: str) -> Iterator[str]:
    """The condition keys that a template reads and gives no default for."""
    for found in _VARIABLE.finditer(template):
        if found.group(1) not in _SPECIAL and not _DEFAULT.fullmatch(found.group(1)):
            yield found.group(1).strip()


def _value(inside: str, context: Context) -> str | None:
    if inside in _SPECIAL:
        return inside
    with_default = _DEFAULT.fullmatch(inside)
    if with_default is None:
        return context.variable(inside.strip())
    value = context.variable(with_default["name"].strip())
    return with_default["default"] if value is None else value
