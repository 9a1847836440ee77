"""EventBridge's constraints: what breaks its model is refused in its own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError

from labkit.sandbox import constraints


def wrong_type(path: str, kind: str) -> JsonRESTError:
    """The error for a value of the wrong JSON type."""
    return JsonRESTError("SerializationException", str(constraints.WrongType(path, kind)))


def check(operation: str, params: Mapping[str, Any]) -> None:
    """Refuse parameters that break the model of an operation, such as `PutRule`."""
    try:
        constraints.check("events", operation, params, raw=True)
    except constraints.WrongType as error:
        raise JsonRESTError("SerializationException", str(error)) from None
    except constraints.Broken as error:
        raise JsonRESTError("ValidationException", str(error)) from None
