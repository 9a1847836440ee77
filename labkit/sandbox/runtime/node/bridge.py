"""Runs in a worker as the handler of a Node function: starts Node, and hands events and replies through two pipes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_SETTINGS = json.loads((_HERE / "labkit_node.json").read_text("utf-8"))


def _real(folder: str) -> str:
    """Where a folder of the function really lies: Python in a worker calls it by its name on AWS, programs do not."""
    number = os.open(folder, os.O_RDONLY)
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    finally:
        os.close(number)


class _Node:
    def __init__(self) -> None:
        theirs_in, to_node = os.pipe()
        from_node, theirs_out = os.pipe()
        variables = os.environ | {
            "_HANDLER": _SETTINGS["handler"],
            "LABKIT_PIPES": f"{theirs_in},{theirs_out}",
            "LABKIT_TASK": _real("/var/task"),
            "TMPDIR": _real("/tmp"),
        }
        heap = max(16, int(_SETTINGS["memory"] * 0.8))
        self.program = subprocess.Popen(
            [_SETTINGS["node"], f"--max-old-space-size={heap}", str(_HERE / "labkit_node.js")],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, env=variables,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._to = os.fdopen(to_node, "w", encoding="utf-8")
        self._from = os.fdopen(from_node, encoding="utf-8")
        self._hear()

    def call(self, question: dict[str, Any]) -> Any:
        """One event, and what came of it."""
        try:
            self._to.write(json.dumps(question) + "\n")
            self._to.flush()
        except BrokenPipeError:
            pass
        return self._hear()

    def _hear(self) -> Any:
        line = self._from.readline()
        if not line:
            code = self.program.wait()
            os._exit(137 if code < 0 else code)  # Node has ended, and the environment with it
        return json.loads(line)


_node = _Node()


def handler(event: Any, context: Any) -> Any:
    """Hand the event to Node. The reply says whether it failed; the account takes that apart."""
    return _node.call(
        {
            "event": event,
            "remaining": context.get_remaining_time_in_millis(),
            "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            "context": {
                "awsRequestId": context.aws_request_id,
                "functionName": context.function_name,
                "functionVersion": context.function_version,
                "invokedFunctionArn": context.invoked_function_arn,
                "memoryLimitInMB": context.memory_limit_in_mb,
                "logGroupName": context.log_group_name,
                "logStreamName": context.log_stream_name,
            },
        }
    )
