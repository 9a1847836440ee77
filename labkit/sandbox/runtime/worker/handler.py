"""Finding a handler, calling it, and saying what went wrong in AWS's words.

Source: AWS's own Python runtime (awslambdaric 4.2) for the types and texts of errors.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import traceback
from collections.abc import Callable
from decimal import Decimal
from types import TracebackType
from typing import Any, Final

from . import folders

LONGEST_MESSAGE: Final = 256 * 1024
"""An error's message is cut after this many characters: a whole reply may have 6 MB, an error line less."""


class Fault(Exception):
    """The runtime's own error, with AWS's type and text."""

    def __init__(self, kind: str, message: str, stack: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.stack = stack or []


def find(handler: str) -> Callable[[Any, Any], Any]:
    """The function that `handler` (such as `app.handler`) names. Raises `Fault`, or what its module raises."""
    try:
        module_name, name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}") from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        text = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", text) from None
    except SyntaxError as error:
        where = folders.shown(f'  File "{error.filename}" Line {error.lineno}\n    {error.text}')
        text = f"Syntax error in module '{module_name}': {folders.shown(str(error))}"
        raise Fault("Runtime.UserCodeSyntaxError", text, [where]) from None
    try:
        found: Callable[[Any, Any], Any] = getattr(module, name)
    except AttributeError:
        text = f"Handler '{name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", text) from None
    return found


def read_event(payload: bytes) -> Any:
    """The event as Python values. Raises `Fault`."""
    try:
        return json.loads(payload) if payload != b"{}" else {}
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def write_reply(value: Any) -> bytes:
    """What the handler returned, as JSON. Bytes pass as they are. Raises `Fault`."""
    if isinstance(value, bytes):
        return value
    try:
        return _encode(value).encode()
    except MemoryError:
        raise
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def describe(error: BaseException, request_id: str) -> dict[str, Any]:
    """An error as the object AWS sends to who called."""
    if isinstance(error, Fault):
        kind, stack = error.kind, error.stack
    else:
        kind, stack = type(error).__name__, _stack(error.__traceback__)
    return {
        "errorMessage": _text(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": stack,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        if value.is_nan():
            return math.nan
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encode: Final = json.JSONEncoder(ensure_ascii=False, default=_plain).encode


def _text(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST_MESSAGE]
    except Exception:
        return ""


def _stack(trace: TracebackType | None) -> list[str]:
    """The frames of the function and of Python, outermost first. Of a very deep stack, both ends."""
    frames = [frame for frame in traceback.extract_tb(trace) if not frame.filename.startswith(_OURS)]
    lines = [folders.shown(line) for line in traceback.format_list(frames)]
    return lines if len(lines) <= 200 else [*lines[:100], "  ...\n", *lines[-100:]]


_OURS: Final = __file__.removesuffix("handler.py")
