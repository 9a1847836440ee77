"""One notebook being played: which cell runs, what it may use, and what stopped it."""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from labkit.engine.assembler import Assembler, time_of
from labkit.engine.wire import Packet

MB: Final = 1 << 20
_DELIMITER: Final = b"<IDS|MSG>"

Kind = Literal["error", "timeout", "dead", "limit", "interrupted", "lost"]
"""`dead`: the notebook's own process ended; `lost`: the prepared process did, and took it along."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one notebook may use; None for no limit. Times in seconds, sizes in bytes."""

    cell: float | None = None
    notebook: float | None = None
    memory: int | None = None
    """Address space beyond what the prepared process has, for each process; and what all have together."""
    output: int | None = None
    """What all cells together may show and print."""
    processes: int | None = None
    """How many processes a notebook may have at once."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a notebook did not come to its end. `cell` is the place of the cell that ran, from 0."""

    kind: Kind
    what: str
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Which errors do not stop a notebook. The names are nbclient's."""

    allow_errors: bool = False
    force_raise_errors: bool = False
    allow_error_names: tuple[str, ...] = ()

    def allows(self, cell: dict[str, Any], reply: dict[str, Any]) -> bool:
        """Whether the notebook goes on after this reply."""
        if self.force_raise_errors:
            return False
        tagged = "raises-exception" in cell["metadata"].get("tags", [])
        return self.allow_errors or tagged or reply.get("ename") in self.allow_error_names


def _nothing(*_: Any) -> None:
    pass


@dataclass(slots=True)
class Hooks:
    """Whom to tell what happens. Cells are named by their place from 0."""

    cell_start: Callable[[int], None] = _nothing
    cell_end: Callable[[int], None] = _nothing
    output: Callable[[dict[str, Any]], None] = _nothing


@dataclass(slots=True)
class Play:
    """One notebook and how far it has come. `document` is changed in place, cell by cell.

    `environ` and `cwd` are those of the notebook's process.
    """

    document: dict[str, Any]
    cwd: str
    environ: dict[str, str]
    limits: Limits = field(default_factory=Limits)
    rules: Rules = field(default_factory=Rules)
    hooks: Hooks = field(default_factory=Hooks)
    make: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Makes an output of a notebook from a plain dictionary."""
    stop: Stop | None = None
    finished: bool = False
    """Every cell was looked at, or an error ended the notebook where it should."""
    begun: float = 0.0
    index: int = -1
    reply: dict[str, Any] | None = None
    _send: Callable[[list[Any]], None] = _nothing
    _assembler: Assembler = field(init=False)
    _request: str = ""
    _cell_begun: float | None = None
    _session: str = ""
    _read: dict[str, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})

    def begin(self, send: Callable[[list[Any]], None]) -> None:
        """The kernel is there: play the first cell."""
        self._send = send
        self._session = str(uuid.uuid4())
        self._assembler = Assembler(self.document["cells"], self._tell_comm, self.make)
        self.begun = time.monotonic()
        self._advance()

    @property
    def running_cell(self) -> int | None:
        """The cell that runs now."""
        return self.index if self._cell_begun is not None else None

    def deadline(self) -> tuple[float, str] | None:
        """When this notebook must be stopped, on the monotonic clock, and the sentence that says so."""
        due = []
        if self.limits.cell and self._cell_begun is not None:
            due.append((self._cell_begun + self.limits.cell, f"A cell ran for {self.limits.cell:g} s."))
        if self.limits.notebook and not self.finished:
            due.append(
                (self.begun + self.limits.notebook, f"The notebook ran for {self.limits.notebook:g} s.")
            )
        return min(due, default=None)

    # -- what comes from the kernel ----------------------------------------------------------------

    def take(self, packet: Packet) -> None:
        """Work one message in, and go on to the next cell when this one is done."""
        channel, message = packet[0], _message(packet[1:])
        metadata = message["metadata"]
        if message["header"]["msg_type"] == "stream" and "upto" in metadata:
            self._read[message["content"]["name"]] = metadata["upto"]
        if self.running_cell is None or message["parent_header"].get("msg_id") != self._request:
            return  # of an earlier request, or of a widget: nbclient drops these too
        cell = self.document["cells"][self.index]
        if channel == b"shell":
            self.reply = message["content"]
            if self.stop is not None:
                return  # it answers an interrupt: nobody waits for its reply any more
            cell["metadata"]["execution"]["shell.execute_reply"] = time_of(message)
            return
        shown = self._assembler.take(message, self.index)
        if shown is not None:
            self.hooks.output(shown)
        if message["header"]["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            self._cell_done(cell)

    def _cell_done(self, cell: dict[str, Any]) -> None:
        self._cell_begun = None
        reply = self.reply or {}
        if self.stop is not None:  # it was interrupted, and has shown where it was
            self.hooks.cell_end(self.index)
            return
        if reply.get("status") == "error" and not self.rules.allows(cell, reply):
            what = f"{reply.get('ename')}: {reply.get('evalue')}"
            self.stop = Stop("error", what, self.index)
        self.hooks.cell_end(self.index)
        if self.stop is not None:
            self._finish()
        else:
            self._advance()

    def _advance(self) -> None:
        cells = self.document["cells"]
        while (place := self.index + 1) < len(cells):
            self.index = place
            cell = cells[place]
            self.hooks.cell_start(place)
            source = text_of(cell["source"])
            skipped = "skip-execution" in cell["metadata"].get("tags", [])
            if cell["cell_type"] == "code" and source.strip() and not skipped:
                self._execute(source)
                return
            self.hooks.cell_end(place)
        self._finish()

    def _execute(self, source: str) -> None:
        self._assembler.begin(self.index)
        self.reply = None
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": False}
        self._request = self._post("execute_request", content, {})
        self._cell_begun = time.monotonic()

    def _finish(self) -> None:
        self.finished = True
        self._note_language()
        if widgets := self._assembler.widget_state():
            self.document["metadata"]["widgets"] = widgets
        self._send([b"{}"])

    def _note_language(self) -> None:
        from labkit.engine.documents import language_info

        self.document["metadata"]["language_info"] = language_info()

    def _tell_comm(self, parent: dict[str, Any], content: dict[str, Any]) -> None:
        self._post("comm_msg", copy.deepcopy(content), parent)

    def _post(self, kind: str, content: dict[str, Any], parent: dict[str, Any]) -> str:
        request = f"{self._session}_{uuid.uuid4().hex[:12]}"
        header = {
            "msg_id": request,
            "msg_type": kind,
            "username": "labkit",
            "session": self._session,
            "date": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "version": "5.4",
        }
        message = {"header": header, "parent_header": parent, "metadata": {}, "content": content}
        self._send([json.dumps(message | {"msg_id": request, "msg_type": kind, "buffers": []}).encode()])
        return request

    # -- when it does not come to its end ----------------------------------------------------------

    def halt(self, kind: Kind, what: str) -> None:
        """It is stopped from outside. The first reason counts."""
        if self.stop is None and not self.finished:
            self.stop = Stop(kind, what, self.running_cell)

    def bury(self, status: int | None, left: dict[str, bytes]) -> None:
        """The process has ended. `left` is all that was ever written to the two streams."""
        if self.finished:
            return
        cell = self.running_cell
        if cell is not None:
            for name, data in left.items():
                if text := data[self._read[name] :].decode("utf-8", "replace"):
                    self._assembler.stream(name, text, cell)
        if self.stop is None:
            self.stop = Stop("dead", f"The kernel died ({_how(status)}).", cell)
        if cell is not None:
            self._cell_begun = None
            self.hooks.cell_end(cell)


def text_of(value: str | list[str]) -> str:
    """A text of a notebook, which may stand there line by line."""
    return value if isinstance(value, str) else "".join(value)


def _message(frames: Packet) -> dict[str, Any]:
    """A message of Jupyter's protocol, from its frames behind the channel's name."""
    start = frames.index(_DELIMITER) + 2  # the delimiter, and a signature that nobody needs here
    header, parent, metadata, content = (
        json.loads(one.decode("utf-8", "replace")) for one in frames[start : start + 4]
    )
    return {
        "header": header,
        "parent_header": parent,
        "metadata": metadata,
        "content": content,
        "buffers": frames[start + 4 :],
    }


def _how(status: int | None) -> str:
    if status is None:
        return "nobody saw how"
    return f"signal {-status}" if status < 0 else f"exit status {status}"
