"""Where a function's words go: one pipe for standard output, standard error, logging and child programs.

Text and JSON lines look as those of AWS's Python runtime.
Source: AWS Lambda developer guide, "Log and monitor Python Lambda functions".
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import time
import traceback
from typing import Any, Final

from .context import RequestId

_TEXT: Final = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
_WHEN: Final = "%Y-%m-%dT%H:%M:%S"
_KNOWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime"}
_INDENT: Final = "\N{NO-BREAK SPACE}"

request = RequestId()


def take_over() -> None:
    """Write at once, so that lines of Python and of child programs keep their order; log as AWS's runtime does."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(number, "w", closefd=False)
        stream = io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(_TEXT, _WHEN))
    handler.addFilter(request)
    logging.getLogger().handlers[:] = [handler]


def set_up(log_format: str, level: str) -> None:
    """Follow the function's settings for its log."""
    root = logging.getLogger()
    if log_format == "JSON":
        root.handlers[0].setFormatter(_Json())
    named = logging.getLevelName({"TRACE": "DEBUG"}.get(level, level)) if level else None
    if isinstance(named, int):
        root.setLevel(named)


def show_error(error: dict[str, Any], log_format: str) -> None:
    """The line about an error that nobody handled."""
    if log_format == "JSON":
        when = time.strftime(f"{_WHEN}Z", time.gmtime())
        text = json.dumps({"timestamp": when, "level": "ERROR", **error}, ensure_ascii=False)
    else:
        lines = [
            f"[ERROR] {error['errorType']}: {error['errorMessage']}",
            "Traceback (most recent call last):",
        ]
        for entry in error["stackTrace"]:
            for line in entry.splitlines():
                bare = line.lstrip(" ")
                lines.append(_INDENT * (len(line) - len(bare)) + bare)
        text = "\r".join(lines)
    say(text + "\n")


def say(text: str) -> None:
    """Write to the log, whatever the function did to `sys.stdout`."""
    flush()
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        pass  # the function closed it


def flush() -> None:
    """Send what is still held back."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": time.strftime(f"{_WHEN}Z", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.msg
            if isinstance(record.msg, dict) and not record.args
            else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            line |= {"stackTrace": traceback.format_tb(trace), "errorType": kind.__name__}
            line |= {
                "errorMessage": str(error),
                "location": f"{record.pathname}:{record.funcName}:{record.lineno}",
            }
        line["requestId"] = request.current
        line |= {name: value for name, value in vars(record).items() if name not in _KNOWN}
        return json.dumps(line, ensure_ascii=False, default=str)
