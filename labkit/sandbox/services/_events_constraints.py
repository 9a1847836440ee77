"""The constraints of EventBridge's own model: lengths, patterns, ranges, enumerations.

boto3 does not check them; AWS does, and names all that are broken in one message. The words are those AWS
uses (recorded by LocalStack's validated tests, test_events.snapshot.json).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moto.core.exceptions import JsonRESTError

_KINDS: Final[dict[str, Any]] = {
    "structure": Mapping, "list": list, "map": Mapping, "string": str, "integer": int, "long": int,
    "boolean": bool,
}  # fmt: skip


def wrong_type(path: str, kind: str) -> JsonRESTError:
    """The error for a value of the wrong JSON type, which boto3 would not have sent. The words are ours."""
    return JsonRESTError("SerializationException", f"The value at '{path or 'the request'}' is not a {kind}.")


@functools.lru_cache(maxsize=1)
def _model() -> dict[str, Any]:
    from botocore.loaders import create_loader

    model: dict[str, Any] = create_loader().load_service_model("events", "service-2")
    return model


def check(operation: str, params: Mapping[str, Any]) -> None:
    """Refuse parameters that break the model of an operation, such as `PutRule`."""
    model = _model()
    found = model["operations"].get(operation)
    if found is None or "input" not in found:
        return
    broken = list(_broken(model["shapes"], found["input"]["shape"], params, ""))
    if broken:
        errors = "error" if len(broken) == 1 else "errors"
        raise JsonRESTError(
            "ValidationException", f"{len(broken)} validation {errors} detected: {'; '.join(broken)}"
        )


def _broken(shapes: Mapping[str, Any], name: str, value: Any, path: str) -> Iterator[str]:
    shape = shapes[name]
    if not isinstance(value, _KINDS.get(shape["type"], object)):
        raise wrong_type(path, shape["type"])
    if shape["type"] == "structure":
        for member, inner in shape["members"].items():
            if value.get(member) is None and member in shape.get("required", ()):
                yield f"Value null at '{_join(path, member)}' failed to satisfy constraint: Member must not be null"
            elif value.get(member) is not None:
                yield from _broken(shapes, inner["shape"], value[member], _join(path, member))
    elif shape["type"] == "list":
        yield from _sizes(shape, len(value), value, path)
        for number, item in enumerate(value, 1):
            yield from _broken(shapes, shape["member"]["shape"], item, f"{path}.{number}.member")
    elif shape["type"] == "map":
        yield from _sizes(shape, len(value), value, path)
        for key in value:
            yield from _broken(shapes, shape["key"]["shape"], key, path)
    elif shape["type"] == "string":
        yield from _sizes(shape, len(value), value, path)
        yield from _forms(shape, value, path)
    elif shape["type"] in ("integer", "long"):
        yield from _range(shape, value, path)


def _join(path: str, member: str) -> str:
    member = member[0].lower() + member[1:]
    return f"{path}.{member}" if path else member


def _sizes(shape: Mapping[str, Any], size: int, value: Any, path: str) -> Iterator[str]:
    if size > shape.get("max", size):
        yield _said(value, path, f"Member must have length less than or equal to {shape['max']}")
    if size < shape.get("min", size):
        yield _said(value, path, f"Member must have length greater than or equal to {shape['min']}")


def _forms(shape: Mapping[str, Any], value: str, path: str) -> Iterator[str]:
    if "pattern" in shape and not _fits(shape["pattern"], value):
        yield _said(value, path, f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape and value not in shape["enum"]:
        yield _said(value, path, f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")


@functools.lru_cache(maxsize=128)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:  # a form that only Java has
        return None


def _fits(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


def _range(shape: Mapping[str, Any], value: int, path: str) -> Iterator[str]:
    if value > shape.get("max", value):
        yield _said(value, path, f"Member must have value less than or equal to {shape['max']}")
    if value < shape.get("min", value):
        yield _said(value, path, f"Member must have value greater than or equal to {shape['min']}")


def _said(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
