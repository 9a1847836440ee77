"""Lambda's requests and errors: names in paths, constraints of the model, and refusals in AWS's form.

The constraints (lengths, patterns, ranges, enumerations) are those of botocore's model, lambda/2015-03-31. boto3 does
not check most of them; AWS does, and names all that are broken in one message.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn
from urllib.parse import unquote

from moto.awslambda.exceptions import LambdaClientError

STANDARD: Final = {"timeout": 900, "memorySize": 10_240, "ephemeralStorage.size": 10_240}
"""What a function on Lambda's own fleet may have at most. The model's maxima are those of Managed Instances."""
REVISION: Final = (
    "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to "
    "retrieve the latest RevisionId for your resource."
)


def refuse(status: int, code: str, message: str) -> NoReturn:
    """Answer with this error."""
    error = LambdaClientError(code, message)
    error.code = status
    error.description = json.dumps({"__type": code, "message": message, "Message": message, "Type": "User"})
    raise error


def invalid(message: str) -> NoReturn:
    """Answer with InvalidParameterValueException."""
    refuse(400, "InvalidParameterValueException", message)


def not_found(message: str = "The resource you requested does not exist.") -> NoReturn:
    """Answer with ResourceNotFoundException."""
    refuse(404, "ResourceNotFoundException", message)


def conflict(message: str) -> NoReturn:
    """Answer with ResourceConflictException."""
    refuse(409, "ResourceConflictException", message)


def check_revision(given: Any, now: str, message: str = REVISION) -> None:
    """Refuse a change that was made on an older state than the present one."""
    if given and given != now:
        refuse(412, "PreconditionFailedException", message)


# -- what a request says -----------------------------------------------------------------------------


def name_in(response: Any) -> str:
    """The function a request names: its name, its ARN, or either with a qualifier."""
    found = re.search(r"/functions/([^/?]+)", response.path)
    return unquote(found[1]) if found else ""


def body_of(response: Any) -> dict[str, Any]:
    """The request's JSON object."""
    found = json.loads(response.body or "{}")
    return found if isinstance(found, dict) else {}


def query_of(response: Any, name: str) -> str | None:
    """A parameter of the query, or None."""
    found = response.querystring.get(name)
    return unquote(str(found[0])) if found else None


def split(name: str, qualifier: str | None = None) -> tuple[str, str]:
    """A function's bare name, and the qualifier from the name or beside it ("" for none)."""
    rest = name.rpartition("function:")[2] if "function:" in name else name.rpartition(":function:")[2]
    short, _, inside = rest.partition(":")
    if inside and qualifier and inside != qualifier:
        invalid("The derived qualifier from the function name does not match the specified qualifier.")
    return short, inside or qualifier or ""


def function_in(response: Any, *, qualified: bool = False) -> tuple[Any, str]:
    """The newest code of the function a request names, and the qualifier. Refuses what does not exist."""
    short, qualifier = split(name_in(response), query_of(response, "Qualifier"))
    group = response.backend._lambdas._functions.get(short)
    if not group or group["latest"] is None:
        raise response.backend._lambdas.construct_unknown_function_exception(short)
    if qualified and qualifier not in ("", "$LATEST"):
        response.backend.get_function(short, qualifier)
    return group["latest"], qualifier


def answer(status: int, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any], str]:
    """An answer as moto's responses give it."""
    return status, {"status": status}, json.dumps(body) if body is not None else ""


# -- constraints -------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def model() -> dict[str, Any]:
    """botocore's model of Lambda."""
    from botocore.loaders import create_loader

    found: dict[str, Any] = create_loader().load_service_model("lambda", "service-2")
    return found


def check(operation: str, params: Mapping[str, Any], but: frozenset[str] = frozenset()) -> None:
    """Refuse parameters that break the model of an operation. `but` names parameters checked elsewhere."""
    known = model()
    shapes = known["shapes"]
    shape = shapes[known["operations"][operation]["input"]["shape"]]
    broken: list[str] = []
    for member, inner in shape["members"].items():
        if member not in but and params.get(member) is not None:
            broken += _broken(shapes, inner["shape"], params[member], _small(member))
    if broken:
        errors = "error" if len(broken) == 1 else "errors"
        text = f"{len(broken)} validation {errors} detected: {'; '.join(broken)}"
        refuse(400, "ValidationException", text)


def _small(member: str) -> str:
    return member[:1].lower() + member[1:]


def _broken(shapes: Mapping[str, Any], name: str, value: Any, path: str) -> Iterator[str]:
    shape = shapes[name]
    if shape["type"] == "structure" and isinstance(value, Mapping):
        for member, inner in shape["members"].items():
            if value.get(member) is not None:
                yield from _broken(shapes, inner["shape"], value[member], f"{path}.{_small(member)}")
    elif shape["type"] == "list" and isinstance(value, list):
        yield from _sizes(shape, len(value), value, path)
        for number, item in enumerate(value, 1):
            yield from _broken(shapes, shape["member"]["shape"], item, f"{path}.{number}.member")
    elif shape["type"] == "map" and isinstance(value, Mapping):
        for key in value:
            yield from _keys(shapes[shape["key"]["shape"]], key, path)
    elif shape["type"] == "string" and isinstance(value, str):
        yield from _sizes(shape, len(value), value, path)
        yield from _forms(shape, value, path)
    elif shape["type"] in ("integer", "long", "double") and isinstance(value, (int, float)):
        yield from _range(shape, value, path)


def _fails(value: Any, path: str, what: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {what}"


def _keys(shape: Mapping[str, Any], key: str, path: str) -> Iterator[str]:
    pattern = shape.get("pattern")
    if pattern and not _matches(pattern, key):
        what = (
            f"Map keys must satisfy constraint: [Member must satisfy regular expression pattern: {pattern}]"
        )
        yield f"Value at '{path}' failed to satisfy constraint: {what}"


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:  # classes of Unicode characters, which Python does not know (tags)
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


def _sizes(shape: Mapping[str, Any], size: int, value: Any, path: str) -> Iterator[str]:
    if "max" in shape and size > shape["max"]:
        yield _fails(value, path, f"have length less than or equal to {shape['max']}")
    if size < shape.get("min", 0):
        yield _fails(value, path, f"have length greater than or equal to {shape['min']}")


def _forms(shape: Mapping[str, Any], value: str, path: str) -> Iterator[str]:
    if "enum" in shape and value not in shape["enum"]:
        yield _fails(value, path, f"satisfy enum value set: [{', '.join(shape['enum'])}]")
    if "pattern" in shape and not _matches(shape["pattern"], value):
        yield _fails(value, path, f"satisfy regular expression pattern: {shape['pattern']}")


def _range(shape: Mapping[str, Any], value: float, path: str) -> Iterator[str]:
    most = STANDARD.get(path, shape.get("max"))
    if most is not None and value > most:
        yield _fails(value, path, f"have value less than or equal to {most}")
    if "min" in shape and value < shape["min"]:
        yield _fails(value, path, f"have value greater than or equal to {shape['min']}")
