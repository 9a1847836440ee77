"""Functions in Node.js: a Node process beside the worker, inside the worker's own walls.

The worker runs `bridge.py` as its handler; that starts Node once, hands it each event, and hands back what it says.
Node keeps its modules between calls, as on AWS. It has the function's folders and no network.

Differs on AWS: this machine's Node runs whatever the runtime setting says. There is no AWS SDK for JavaScript and no
way to the account. `setTimeout` waits for real. The memory limit holds for JavaScript's heap, and Max Memory Used is
that of the worker alone.
"""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Final

HANDLER: Final = "labkit_node.handler"
"""The handler a worker runs for a Node function."""


@functools.lru_cache(maxsize=1)
def program() -> str | None:
    """The path of this machine's Node, where a worker may start it; None where there is none."""
    found = shutil.which("node")
    if found is None or sys.platform != "linux":
        return None
    real = os.path.realpath(found)
    allowed = ("/usr/", "/bin/", sys.prefix, sys.base_prefix)
    return real if real.startswith(allowed) else None


@functools.lru_cache(maxsize=64)
def layer(handler: str, memory_mb: int) -> bytes:
    """A layer with the bridge, for a function with this handler."""
    buffer, here = io.BytesIO(), Path(__file__).parent
    settings = {"handler": handler, "node": program(), "memory": memory_mb}
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in (
            ("labkit_node.py", (here / "bridge.py").read_text("utf-8")),
            ("labkit_node.js", (here / "bootstrap.js").read_text("utf-8")),
            ("labkit_node.json", json.dumps(settings)),
        ):
            archive.writestr(zipfile.ZipInfo(f"python/{name}"), text)
    return buffer.getvalue()
