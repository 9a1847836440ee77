"""One execution environment: a worker process, its folder, and what is said to it.

Source of the life cycle: AWS Lambda developer guide, "Understanding the Lambda execution environment
lifecycle".
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labkit.errors import LabkitError

from .channel import Channel, Ended
from .conversation import Conversation, Over, Steps, at_once
from .pace import Pace
from .specs import MOST_REPLY, FunctionError, FunctionSpec, Invocation, Reason, Result
from .wire import Frame, Kind, Noise, pack

if TYPE_CHECKING:
    from .pool import Pool

INIT_TIMEOUT: Final = 10.0
"""How long a function may take to get ready, in seconds. Source: the execution environment lifecycle."""
_END: Final = 5.0


class Busy(LabkitError):
    """An environment was asked to serve a second call before the first one ended."""


class Environment:
    """Where one function runs, one call at a time. Made by `Pool.start`.

    A function that cannot get ready (its module does not import, say) makes an environment that has ended
    already: its first `invoke` returns the error, as the first call does on AWS.
    `init_ms` is how long it took to get ready, in milliseconds on the account's clock, and `init_logs` what
    was printed meanwhile. `calls` counts the calls so far.
    """

    def __init__(self, pool: Pool, spec: FunctionSpec, channel: Channel, folder: Path) -> None:
        self.spec = spec
        self.init_ms = 0.0
        self.init_logs = ""
        self.calls = 0
        self._pool = pool
        self._channel = channel
        self._folder = folder
        self._talk = Conversation(pool.sandbox, spec, channel, pool.patience, pool.used_service)
        self._alive = True
        self._failure: FunctionError | Over | None = None
        self._log = ""
        self._memory = 0
        self._frozen = False
        self._lock = threading.Lock()
        self._user: int | None = None

    @property
    def alive(self) -> bool:
        """Whether it can serve another call."""
        return self._alive

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._channel.process.pid

    def starting(self, setup: dict[str, Any]) -> Steps[None]:
        """Have the worker set itself up and load the function. Called once, by the pool."""
        self._take_turn()
        try:
            pace = Pace(self._pool.sandbox.clock)
            question = pack(Kind.SETUP, setup, first=pace.offset)
            ready = yield from self._ask(question, Kind.READY, pace, pace.began + INIT_TIMEOUT)
            self.init_ms = (pace.now() - pace.began) * 1000
            if isinstance(ready, Over):
                self._failure = ready
            elif error := ready.head.get("error"):
                self._failure = _raised(error)
                self._end()
            self.init_logs = self._take_log()
        finally:
            self._end_turn()

    def invoke(self, call: Invocation) -> Result:
        """Run the handler once, to its end; when it sleeps, the account's clock jumps.

        Whatever the function does, a `Result` comes back. Raises `Busy` while another call is in
        progress, and `LabkitError` when the environment has ended before.
        """
        return at_once(self._pool.sandbox, self.steps(call))

    def steps(self, call: Invocation) -> Steps[Result]:
        """The same in pieces: each yields the moment until which the function sleeps."""
        self._take_turn()
        try:
            if self._failure is not None and not self.calls:
                return (yield from self._failed_init(call, self._failure))
            if not self._alive:
                raise LabkitError(f"This environment of {self.spec.name} has ended. Start another one.")
            return (yield from self._invoke(call))
        finally:
            self._end_turn()

    def stop(self) -> None:
        """End the worker with everything it started, and remove its folder. Harmless when it is over.

        A call that is in progress fails: its function was killed.
        """
        self._pool.forget(self)
        if self._user == threading.get_ident():
            self._channel.process.kill()  # from inside its own call, which will find it gone
            return
        if self._user is not None:
            self._channel.process.kill()
        with self._lock:
            self._end()

    def __enter__(self) -> Environment:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take_turn(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise Busy(
                f"This environment of {self.spec.name} serves a call already. "
                "An environment serves one call at a time; start another one."
            )
        self._user = threading.get_ident()

    def _end_turn(self) -> None:
        self._user = None
        self._lock.release()

    # -- calls -----------------------------------------------------------------------------------

    def _invoke(self, call: Invocation) -> Steps[Result]:
        pace = Pace(self._pool.sandbox.clock)
        deadline = pace.began + self.spec.timeout_s if call.deadline is None else call.deadline
        done = yield from self._ask(self._question(call, pace, deadline), Kind.DONE, pace, deadline)
        if isinstance(done, Over):
            error = done.error(self.spec, call.request_id, deadline - pace.began)
            return self._result(error.payload(), error, pace.now() - pace.began, done.reason)
        failed = _raised(json.loads(done.body)) if done.head.get("failed") else None
        if len(done.body) <= MOST_REPLY:
            return self._result(done.body, failed, done.first, "")
        self._end()
        text = f"Response payload size exceeded maximum allowed payload size ({MOST_REPLY} bytes)."
        note = f"The reply had {len(done.body):,} bytes. Put large data into S3 and return where it is."
        large = FunctionError("Function.ResponseSizeTooLarge", text, None, call.request_id, note)
        return self._result(large.payload(), large, done.first, "size")

    def _question(self, call: Invocation, pace: Pace, deadline: float) -> bytes:
        head: dict[str, Any] = {"request_id": call.request_id}
        if call.client_context or call.identity or call.invoked_arn or call.trace_id or call.tenant_id:
            head |= {
                "arn": call.invoked_arn or self.spec.own_arn,
                "client_context": call.client_context,
                "identity": call.identity,
                "trace_id": call.trace_id,
                "tenant_id": call.tenant_id,
            }
        return pack(Kind.INVOKE, head, call.payload, pace.offset, deadline)

    def _failed_init(self, call: Invocation, failure: FunctionError | Over) -> Steps[Result]:
        if isinstance(failure, FunctionError):
            raised = replace(failure, request_id=call.request_id)
            return self._result(raised.payload(), raised, 0.0, "init")
        error = failure.error(self.spec, call.request_id, self.spec.timeout_s)
        if failure.reason != "timeout":
            return self._result(error.payload(), error, 0.0, failure.reason)
        # AWS tries once more, inside the call and its time-out. It would end the same way.
        pace = Pace(self._pool.sandbox.clock)
        yield from pace.until(pace.began + self.spec.timeout_s)
        return self._result(error.payload(), error, self.spec.timeout_s, "timeout")

    def _result(self, payload: bytes, error: FunctionError | None, seconds: float, reason: Reason) -> Result:
        self.calls += 1
        memory = -(-self._memory // (1 << 20))
        return Result(
            payload=payload,
            error=error,
            logs=self._take_log(),
            duration_ms=max(0.0, seconds) * 1000,
            init_ms=self.init_ms if self.calls == 1 else None,
            max_memory_mb=self.spec.memory_mb if reason == "memory" else min(memory, self.spec.memory_mb),
            reason=reason,
            alive=self._alive,
        )

    def _ask(self, question: bytes, wanted: Kind, pace: Pace, deadline: float) -> Steps[Frame | Over]:
        """One question and its answer. A worker that does not answer has ended when this returns."""
        try:
            if self._frozen:
                self._channel.process.signal("SIGCONT")
                self._frozen = False
            frame = yield from self._talk.steps(question, wanted, pace, deadline)
        except Over as over:
            self._end()
            return over
        except BaseException:
            self._end()  # an interrupt, or a fault of ours: leave nothing behind
            raise
        self._memory = max(self._memory, int(frame.second))
        if "busy" in frame.head:
            # Threads and programs that the function left running stand still until the next call, as on AWS.
            self._channel.process.signal("SIGSTOP")
            self._frozen = True
        return frame

    # -- the end ---------------------------------------------------------------------------------

    def _end(self) -> None:
        if not self._alive:
            return
        self._alive = False
        process = self._channel.process
        process.kill()
        end = time.monotonic() + _END
        while process.ended() is None and time.monotonic() < end:
            with contextlib.suppress(Ended, Noise):
                self._channel.wait(0.01)
        self._log = self._channel.take_log()
        self._channel.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _take_log(self) -> str:
        if self._alive:
            return self._channel.take_log()
        log, self._log = self._log, ""
        return log


def _raised(said: dict[str, Any]) -> FunctionError:
    """The error that the worker described."""
    return FunctionError(
        said["errorType"], said["errorMessage"], tuple(said["stackTrace"]), said["requestId"]
    )
