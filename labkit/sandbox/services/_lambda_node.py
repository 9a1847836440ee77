"""Functions that are not in Python: Node.js where the machine has it, a clear refusal for all others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from labkit.sandbox.dispatch import NotSimulated
from labkit.sandbox.runtime import FunctionError, FunctionSpec, Result


def check(function: Any) -> None:
    """Refuse a function that cannot run on this machine, with the cure."""
    runtime = str(function.run_time or "")
    cure = "Create the function with a Python runtime and a zip file to run it in the lab."
    if function.package_type == "Image":
        what = "its code is a container image, and no container runtime is used in a lab"
    elif runtime.startswith("nodejs"):
        from labkit.sandbox.runtime import node

        if node.program() is not None:
            return
        what = f"its runtime is {runtime}, and this machine has no Node.js that a lab may start"
        cure = "Install Node.js for the whole machine (Linux), or use a Python runtime."
    else:
        what = f"its runtime is {runtime}, and only Python and Node.js functions run here"
    text = f"Invoke of {function.function_name} is not simulated here: {what}. It works on AWS. {cure}"
    raise NotSimulated({"Error": {"Code": "NotSimulated", "Message": text}}, "Invoke")


def bridged(spec: FunctionSpec) -> FunctionSpec:
    """The spec of a worker that runs the function in Node."""
    from labkit.sandbox.runtime import node

    bridge = node.layer(spec.handler, spec.memory_mb)
    return replace(spec, handler=node.HANDLER, layers=(*spec.layers, bridge))


def finished(result: Result, request_id: str) -> Result:
    """The result in Node's own form: errors have a `trace`."""
    if result.error is not None:
        return result
    said = json.loads(result.payload)
    if "error" not in said:
        return result._replace(payload=json.dumps(said.get("value"), ensure_ascii=False).encode())
    told = said["error"]
    error = FunctionError(told["errorType"], told["errorMessage"], tuple(told["trace"]), request_id)
    return result._replace(payload=json.dumps(told, ensure_ascii=False).encode(), error=error)
