"""The constraints of a service's own model: lengths, patterns, ranges, enumerations.

boto3 checks types and required parameters only. AWS checks the rest, and names all that is broken in one message,
in words that are the same for all services with this framework.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any


class Broken(Exception):
    """Parameters that break the model. The text is AWS's message."""


def check(service: str, operation: str, params: Mapping[str, Any]) -> None:
    """Compare the parameters of an operation, as boto3 takes them, with the model. Raises `Broken`."""
    model = _model(service)
    shapes = model["shapes"]
    name = model["operations"][operation]["input"]["shape"]
    found = list(_broken(shapes, name, params, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise Broken(f"{len(found)} validation {errors} detected: {'; '.join(found)}")


@functools.lru_cache(maxsize=8)
def _model(service: str) -> dict[str, Any]:
    from botocore.loaders import create_loader

    model: dict[str, Any] = create_loader().load_service_model(service, "service-2")
    return model


def _broken(shapes: Mapping[str, Any], name: str, value: Any, path: str) -> Iterator[str]:
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure" and isinstance(value, Mapping):
        for member, inner in shape["members"].items():
            if value.get(member) is not None:
                yield from _broken(shapes, inner["shape"], value[member], _join(path, member))
    elif kind == "list" and isinstance(value, list):
        yield from _size(shape, value, path)
        for number, item in enumerate(value, 1):
            yield from _broken(shapes, shape["member"]["shape"], item, f"{path}.{number}.member")
    elif kind == "map" and isinstance(value, Mapping):
        yield from _size(shape, value, path)
    elif kind == "string" and isinstance(value, str):
        yield from _size(shape, value, path)
        yield from _form(shape, value, path)
    elif kind in ("integer", "long") and isinstance(value, (int, float)):
        yield from _range(shape, value, path)


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
