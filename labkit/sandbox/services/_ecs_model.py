"""Values that ECS's own model does not allow: enumerations, ranges and lengths, refused in AWS's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ecs.exceptions import InvalidParameterException

from labkit.sandbox import constraints


def check(operation: str, params: Mapping[str, Any]) -> None:
    """Compare a request with the model. Raises InvalidParameterException."""
    try:
        constraints.check("ecs", operation, params)
    except constraints.Broken as broken:
        raise InvalidParameterException(str(broken)) from None


def size(params: Mapping[str, Any], usual: int = 100) -> int:
    """`maxResults` of a list: 1 to 100."""
    wanted = params.get("maxResults")
    if wanted is not None and not 1 <= int(wanted) <= 100:
        raise InvalidParameterException("maxResults should be between 1 and 100")
    return usual if wanted is None else int(wanted)
