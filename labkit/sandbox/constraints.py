"""The constraints of a service's own model: lengths, patterns, ranges, enumerations.

boto3 checks types and required parameters only. AWS checks the rest, and names all that is broken in one message,
in words that are the same for all services with this framework. Those words were recorded for EventBridge by
LocalStack's validated tests (test_events.snapshot.json).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_KINDS: Final[dict[str, Any]] = {
    "structure": Mapping, "list": list, "map": Mapping, "string": str, "integer": int, "long": int,
    "boolean": bool,
}  # fmt: skip


class Broken(Exception):
    """Parameters that break the model. The text is AWS's message."""


class WrongType(Exception):
    """A value of a JSON type that boto3 would not have sent. The words are ours."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"The value at '{path or 'the request'}' is not a {kind}.")


def check(service: str, operation: str, params: Mapping[str, Any], *, raw: bool = False) -> None:
    """Compare the parameters of an operation with the model. An operation that the model lacks is let be.

    `raw` parameters come as JSON from anywhere, not through boto3: their types and what is required are checked too.
    Raises `Broken`, and `WrongType` for raw parameters.
    """
    model = _model(service)
    asked = model["operations"].get(operation, {}).get("input")
    if asked is None:
        return
    found = list(_Walk(model["shapes"], raw).broken(asked["shape"], params, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise Broken(f"{len(found)} validation {errors} detected: {'; '.join(found)}")


@functools.lru_cache(maxsize=8)
def _model(service: str) -> dict[str, Any]:
    from botocore.loaders import create_loader

    model: dict[str, Any] = create_loader().load_service_model(service, "service-2")
    return model


class _Walk:
    """Goes through parameters and their model side by side."""

    def __init__(self, shapes: Mapping[str, Any], raw: bool) -> None:
        self._shapes = shapes
        self._raw = raw

    def broken(self, name: str, value: Any, path: str) -> Iterator[str]:
        """Every constraint that a value breaks, in AWS's words."""
        shape = self._shapes[name]
        kind = shape["type"]
        if not isinstance(value, _KINDS.get(kind, object)):
            if self._raw:
                raise WrongType(path, kind)
            return
        if kind == "structure":
            yield from self._members(shape, value, path)
        elif kind == "list":
            yield from _size(shape, value, path)
            for number, item in enumerate(value, 1):
                yield from self.broken(shape["member"]["shape"], item, f"{path}.{number}.member")
        elif kind == "map":
            yield from _size(shape, value, path)
            for key in value:
                yield from self.broken(shape["key"]["shape"], key, path)
        elif kind == "string":
            yield from _size(shape, value, path)
            yield from _form(shape, value, path)
        elif kind in ("integer", "long"):
            yield from _range(shape, value, path)

    def _members(self, shape: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[str]:
        for member, inner in shape["members"].items():
            if value.get(member) is not None:
                yield from self.broken(inner["shape"], value[member], _join(path, member))
            elif self._raw and member in shape.get("required", ()):
                yield f"Value null at '{_join(path, member)}' failed to satisfy constraint: Member must not be null"


def _join(path: str, member: str) -> str:
    member = member[0].lower() + member[1:]
    return f"{path}.{member}" if path else member


def _size(shape: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    if len(value) > shape.get("max", len(value)):
        yield _said(value, path, f"Member must have length less than or equal to {shape['max']}")
    if len(value) < shape.get("min", len(value)):
        yield _said(value, path, f"Member must have length greater than or equal to {shape['min']}")


def _form(shape: Mapping[str, Any], value: str, path: str) -> Iterator[str]:
    if "pattern" in shape and not _fits(shape["pattern"], value):
        yield _said(value, path, f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape and value not in shape["enum"]:
        yield _said(value, path, f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")


def _range(shape: Mapping[str, Any], value: float, path: str) -> Iterator[str]:
    if value > shape.get("max", value):
        yield _said(value, path, f"Member must have value less than or equal to {shape['max']}")
    if value < shape.get("min", value):
        yield _said(value, path, f"Member must have value greater than or equal to {shape['min']}")


@functools.lru_cache(maxsize=128)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        # Python reads the hyphen after a range as Java does, but only with a backslash for sure.
        return re.compile(pattern.replace("a-zA-Z-_", r"a-zA-Z\-_").replace("A-Z0-9-_", r"A-Z0-9\-_"))
    except re.error:
        return None


def _fits(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


def _said(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
