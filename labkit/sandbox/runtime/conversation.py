"""Waiting for a worker, and serving it meanwhile.

While the worker runs, this process answers its AWS calls, lets the time pass that it sleeps, keeps what it
prints, and notices when its time is over or its processes get out of hand. The account's lock is free all
the while and held only to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from labkit.sandbox.threads import unlocked

from . import answers, meter
from .channel import Channel, Ended
from .pace import Pace
from .specs import FunctionError, FunctionSpec, Reason
from .wire import Frame, Kind, Noise, pack

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

MOST_PROCESSES: Final = 64
"""More processes than this at one look, and the environment is ended: a fork bomb of programs, not of Python."""
_SUSPICIOUS: Final = 32
_LOOK: Final = 0.01
_CLOSE_LOOK: Final = 0.002
_STARVED: Final = 4
"""On a machine that is busy elsewhere, a function gets up to so many times its real time to use its share."""
_SIGNALS: Final = {
    1: "hangup", 2: "interrupt", 3: "quit", 4: "illegal instruction", 5: "trace/breakpoint trap", 6: "aborted",
    7: "bus error", 8: "floating point exception", 9: "killed", 11: "segmentation fault", 13: "broken pipe",
    14: "alarm clock", 15: "terminated",
}  # fmt: skip


class Over(Exception):
    """The worker will not answer any more: why, and its exit status (negative: the signal)."""

    def __init__(self, reason: Reason, code: int = -9) -> None:
        super().__init__(reason, code)
        self.reason: Reason = reason
        self.code = code

    def error(self, spec: FunctionSpec, request_id: str, allowed: float) -> FunctionError:
        """What AWS tells who called; `allowed` is the time the function had, in seconds.

        Source: AWS Lambda developer guide, "Troubleshoot invocation issues", and re:Post, "Lambda runtime
        error", for the types and texts.
        """
        kind, how, note = "Runtime.ExitError", f"Runtime exited with error: exit status {self.code}", ""
        if self.reason == "timeout":
            kind, how = "Sandbox.Timedout", f"Task timed out after {allowed:.2f} seconds"
        elif self.code == 0:
            how = "Runtime exited without providing a reason"
        elif self.code < 0:
            how = f"Runtime exited with error: signal: {_SIGNALS.get(-self.code, -self.code)}"
        if self.reason == "memory":
            kind = "Runtime.OutOfMemory"
            note = f"The function needed more than its {spec.memory_mb} MB of memory."
        elif self.reason == "processes":
            note = f"The function had more than {MOST_PROCESSES} processes at once, so the lab ended it."
        return FunctionError(kind, f"RequestId: {request_id} Error: {how}", None, request_id, note)


T = TypeVar("T")
Steps = Generator[float, None, T]
"""Work in pieces: yields the moment (seconds since 1970, the account's clock) until which it waits."""


def at_once(sandbox: Sandbox, steps: Steps[T]) -> T:
    """Drive work to its end here and now: the account's clock jumps over every wait."""
    try:
        while True:
            until = next(steps)
            with sandbox.lock:
                behind = until - sandbox.clock.time()
                if behind > 0:
                    sandbox.clock.advance(behind)
    except StopIteration as end:
        result: T = end.value
        return result


class Conversation:
    """One question to a worker, until its answer comes or will not come."""

    def __init__(
        self,
        sandbox: Sandbox,
        spec: FunctionSpec,
        channel: Channel,
        patience: float,
        used_service: Callable[[Any], None],
    ) -> None:
        self._sandbox = sandbox
        self._spec = spec
        self._channel = channel
        self._patience = patience
        self._used_service = used_service
        self._looks = 0
        self._processor = 0.0
        self._often = _LOOK
        self._others = meter.everything()

    def steps(self, question: bytes, wanted: Kind, pace: Pace, deadline: float) -> Steps[Frame]:
        """Send, and serve the worker until the wanted frame comes. Raises `Over`.

        Yields moments until which the worker sleeps; whoever drives this goes on when they have come.
        """
        self._looks = 0
        self._channel.send(question)
        while True:
            try:
                with unlocked(self._sandbox.lock):
                    frame = self._listen(wanted, pace, deadline)
            except Over as over:
                if over.reason == "timeout":
                    # The worker would go on; what it does after its time is nobody's business.
                    self._channel.process.kill()
                    yield from pace.until(deadline)
                raise
            if frame.kind == wanted:
                return frame
            yield from pace.until(frame.first)
            self._channel.send(pack(Kind.TIME, first=pace.offset))

    def _listen(self, wanted: Kind, pace: Pace, deadline: float) -> Frame:
        """Serve the worker until it has the wanted answer, or sleeps."""
        while True:
            frame = self._next(pace, deadline)
            if frame is None:
                self._look(pace, deadline)
            elif frame.kind == wanted or (frame.kind == Kind.SLEEP and frame.first < deadline):
                return frame
            else:
                self._oblige(frame, pace, deadline)

    def _next(self, pace: Pace, deadline: float) -> Frame | None:
        wait = self._often
        if self._looks:  # the first look comes soon enough, and most calls are over before it
            wait = max(0.001, min(deadline - pace.now(), self._patience - pace.worked, wait))
        try:
            return self._channel.wait(wait)
        except Ended as ended:
            raise Over("exit", ended.code) from None
        except Noise:
            raise Over("exit") from None

    def _oblige(self, frame: Frame, pace: Pace, deadline: float) -> None:
        """Do what the worker asks for."""
        if frame.kind == Kind.CALL:
            self._used_service(frame.head.get("service"))
            reply = answers.answer(self._sandbox, self._spec, frame, pace)
            if pace.now() >= deadline:
                raise Over("timeout")
            self._channel.send(reply)
        elif frame.kind == Kind.SLEEP:
            raise Over("timeout")
        else:
            raise Over("memory" if frame.kind == Kind.FULL else "exit")

    def _look(self, pace: Pace, deadline: float) -> None:
        """Nothing was said for a while. Is it time to end the worker?"""
        self._looks += 1
        pid = self._channel.process.pid
        if self._looks == 1:
            self._processor = (meter.used_processor(pid) or (0.0, False))[0]
        if meter.everything() > self._others + _SUSPICIOUS:
            self._count_processes(pid)
        allowed = min(deadline - pace.now() + pace.worked, self._patience)
        if pace.worked < allowed:
            return
        used, waits = meter.used_processor(pid) or (0.0, False)
        starved = waits and used - self._processor < 0.8 * allowed
        if not starved or pace.worked > _STARVED * allowed:
            raise Over("timeout")

    def _count_processes(self, pid: int) -> None:
        # The machine has many more processes than before. Whether they are the function's takes a look at
        # each, and a fork bomb leaves no time for that: the group stands still meanwhile.
        self._channel.process.signal("SIGSTOP")
        size = meter.group_size(pid)
        if size > MOST_PROCESSES:
            raise Over("processes")
        if size > _SUSPICIOUS / 2:
            self._often = _CLOSE_LOOK
            meter.give_way(pid)  # or this process would not get the next look
        self._others = meter.everything() - size
        self._channel.process.signal("SIGCONT")
