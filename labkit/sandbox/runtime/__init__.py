"""Where functions run: warm worker processes with limits, logs, and the account's own time.

    pool = Pool(sandbox)
    environment = pool.start(FunctionSpec("orders", "app.handler", code))     # a cold start
    result = environment.invoke(Invocation(b'{"id": 7}', request_id="..."))   # as often as you like
    pool.stop()

Each environment is a process, forked from one prepared process where the system can. Its boto3 reaches this
account and nothing else; `time.sleep` passes the account's time; a busy loop, a memory bomb or `os._exit`
ends that one environment. What holds it is said in `worker.fence` and `worker.kernel`, with the limits.

Differs on AWS: the function runs on this machine's Python, whatever its runtime setting says; the boto3 of the
lab is used even when the package brings its own; the memory used counts what the function adds to a bare
Python; CPU does not grow with memory; a call takes at most `PATIENCE` real seconds.
"""

from __future__ import annotations

from .channel import LOG_KEPT
from .environment import INIT_TIMEOUT, Busy, Environment
from .package import PackageError
from .pool import PATIENCE, Pool
from .processes import RuntimeBroken
from .specs import MOST_REPLY, FunctionError, FunctionSpec, Invocation, Result

__all__ = [
    "INIT_TIMEOUT", "LOG_KEPT", "MOST_REPLY", "PATIENCE", "Busy", "Environment", "FunctionError", "FunctionSpec",
    "Invocation", "PackageError", "Pool", "Result", "RuntimeBroken",
]  # fmt: skip
