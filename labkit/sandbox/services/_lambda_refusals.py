"""Functions that cannot run on this machine, each with the cure."""

from __future__ import annotations

from typing import Any

from labkit.sandbox.dispatch import NotSimulated


def cannot_run(function: Any) -> NotSimulated:
    """The error for a function whose code does not run here."""
    runtime = function.run_time or ""
    if function.package_type == "Image":
        what = "its code is a container image, and no container runtime is used in a lab"
    else:
        what = f"its runtime is {runtime}, and only Python functions run here"
    text = (
        f"Invoke of {function.function_name} is not simulated here: {what}. It works on AWS. "
        "Create the function with a Python runtime and a zip file to run it in the lab."
    )
    return NotSimulated({"Error": {"Code": "NotSimulated", "Message": text}}, "Invoke")
