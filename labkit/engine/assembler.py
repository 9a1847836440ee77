"""Puts a kernel's messages together to the outputs of cells, by the rules of nbclient 0.11.

Works on plain dictionaries: nbclient itself needs nbformat, whose import costs more than most notebooks.
The rules are nbclient's, also where they look odd: every stream message is an output of its own, a display
that is updated changes wherever it stands, and an Output widget swallows what is shown inside it.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

WIDGETS: Final = "application/vnd.jupyter.widget-state+json"
_DISPLAYS: Final = frozenset({"execute_result", "display_data", "update_display_data"})
_FIELDS: Final = {
    "execute_result": ("metadata", "data", "execution_count"),
    "stream": ("name", "text"),
    "display_data": ("metadata", "data"),
    "error": ("ename", "evalue", "traceback"),
}

Message = dict[str, Any]
Output = dict[str, Any]


def output_of(message: Message, kind: str) -> Output | None:
    """The output a message stands for; None for a message that is no output."""
    fields = _FIELDS.get(kind)
    if fields is None:
        return None
    return {"output_type": kind, **{name: message["content"][name] for name in fields}}


class Assembler:
    """The outputs of one notebook. `tell(parent, content)` sends a comm message to the kernel."""

    def __init__(
        self,
        cells: list[dict[str, Any]],
        tell: Callable[[Message, dict[str, Any]], None],
        make: Callable[[Output], Output] = dict,
    ) -> None:
        self._cells = cells
        self._tell = tell
        self._make = make
        self._clear_next = False
        self._displays: dict[str, dict[int, list[int]]] = {}
        self._widgets: dict[str, dict[str, Any]] = {}
        self._buffers: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
        self._captures: dict[str, list[_OutputWidget]] = defaultdict(list)
        self._output_widgets: dict[str, _OutputWidget] = {}

    def begin(self, index: int) -> None:
        """A cell begins: what it showed before is gone."""
        self._cells[index]["outputs"] = []
        self._cells[index]["metadata"]["execution"] = {}
        self._clear_next = False

    def take(self, message: Message, index: int) -> Output | None:
        """Work one message of the running cell in. Returns the output that was added, if one was."""
        kind, content, cell = message["header"]["msg_type"], message["content"], self._cells[index]
        display = (content.get("transient") or {}).get("display_id")
        if display and kind in _DISPLAYS:
            self._update(display, message, kind)
        if "execution_count" in content:
            cell["execution_count"] = content["execution_count"]
        self._note_time(message, kind, cell)
        if kind == "clear_output":
            self._clear(cell["outputs"], message, index)
        elif kind.startswith("comm"):
            self._comm(message, kind)
        elif kind not in ("status", "execute_input", "update_display_data"):
            return self._add(cell["outputs"], message, kind, display, index)
        return None

    def stream(self, name: str, text: str, index: int) -> None:
        """Add text that no message brought, because the kernel was gone."""
        self._cells[index]["outputs"].append(
            self._make({"output_type": "stream", "name": name, "text": text})
        )

    def widget_state(self) -> dict[str, Any] | None:
        """The state of all widgets, as it stands in the notebook's metadata; None without widgets."""
        if not self._widgets:
            return None
        state = {}
        for key, values in self._widgets.items():
            if "_model_name" not in values:
                continue
            state[key] = {
                "model_name": values.get("_model_name"),
                "model_module": values.get("_model_module"),
                "model_module_version": values.get("_model_module_version"),
                "state": values,
            }
            if self._buffers.get(key):
                state[key]["buffers"] = list(self._buffers[key].values())
        return {WIDGETS: {"state": state, "version_major": 2, "version_minor": 0}}

    @staticmethod
    def _note_time(message: Message, kind: str, cell: dict[str, Any]) -> None:
        times = cell["metadata"].setdefault("execution", {})
        if kind == "status" and message["content"]["execution_state"] in ("idle", "busy"):
            times[f"iopub.status.{message['content']['execution_state']}"] = time_of(message)
        elif kind == "execute_input":
            times["iopub.execute_input"] = time_of(message)

    def _update(self, display: str, message: Message, kind: str) -> None:
        if display not in self._displays:
            return
        out = output_of(message, "display_data" if kind == "update_display_data" else kind)
        assert out is not None
        for cell, places in self._displays[display].items():
            for place in places:
                self._cells[cell]["outputs"][place].update(data=out["data"], metadata=out["metadata"])

    def _add(
        self, outputs: list[Output], message: Message, kind: str, display: str | None, index: int
    ) -> Output | None:
        if captures := self._captures[message["parent_header"].get("msg_id")]:
            captures[-1].output(output_of(message, kind), message)
            return None
        out = output_of(message, kind)
        if out is None:
            return None
        if self._clear_next:
            self._empty(outputs, index)
            self._clear_next = False
        if display:
            self._displays.setdefault(display, {}).setdefault(index, []).append(len(outputs))
        out = self._make(out)
        outputs.append(out)
        return out

    def _clear(self, outputs: list[Output], message: Message, index: int) -> None:
        if captures := self._captures[message["parent_header"].get("msg_id")]:
            captures[-1].clear(message)
        elif message["content"].get("wait"):
            self._clear_next = True
        else:
            self._empty(outputs, index)

    def _empty(self, outputs: list[Output], index: int) -> None:
        outputs[:] = []
        for places in self._displays.values():
            if index in places:
                places[index] = []

    # -- widgets ---------------------------------------------------------------------------------

    def _comm(self, message: Message, kind: str) -> None:
        content = message["content"]
        data, comm = content["data"], content["comm_id"]
        if "state" in data:
            self._widgets.setdefault(comm, {}).update(data["state"])
            paths = data.get("buffer_paths") or []
            for path, buffer in zip(paths, message["buffers"], strict=False):
                text = base64.b64encode(buffer).decode()
                self._buffers[comm][tuple(path)] = {"data": text, "encoding": "base64", "path": path}
        if kind == "comm_open" and content.get("target_name") == "jupyter.widget":
            state = data["state"]
            if (state["_model_module"], state["_model_name"]) == ("@jupyter-widgets/output", "OutputModel"):
                self._output_widgets[comm] = _OutputWidget(comm, state["outputs"], self)
        elif kind == "comm_msg" and comm in self._output_widgets and "state" in data:
            self._output_widgets[comm].set_state(data["state"])

    def capture(self, request: str, widget: _OutputWidget) -> None:
        """From now on this widget takes what the request shows."""
        self._captures[request].append(widget)

    def release(self, request: str) -> None:
        """The newest widget takes no more."""
        self._captures[request].pop()

    def sync(self, widget: _OutputWidget, parent: Message) -> None:
        """Tell the kernel what a widget shows, and keep it for the notebook's metadata."""
        state = {"outputs": widget.outputs}
        data = {"method": "update", "state": state, "buffer_paths": []}
        self._tell(parent, {"data": data, "comm_id": widget.comm})
        self._widgets[widget.comm]["outputs"] = widget.outputs


class _OutputWidget:
    """Does what the page's Output widget does: it takes outputs, and tells the kernel what it shows."""

    def __init__(self, comm: str, outputs: list[Output], assembler: Assembler) -> None:
        self.comm = comm
        self.outputs = outputs
        self._assembler = assembler
        self._clear_next = False
        self._request = ""

    def set_state(self, state: dict[str, Any]) -> None:
        if "msg_id" not in state:
            return
        if state["msg_id"]:
            self._assembler.capture(state["msg_id"], self)
        else:
            self._assembler.release(self._request)
        self._request = state["msg_id"]

    def clear(self, message: Message) -> None:
        if message["content"].get("wait"):
            self._clear_next = True
        else:
            self.outputs = []
            self._assembler.sync(self, message["parent_header"])

    def output(self, out: Output | None, message: Message) -> None:
        if self._clear_next:
            self.outputs, self._clear_next = [], False
        if out is None:
            return
        last = self.outputs[-1] if self.outputs else {}
        same = last.get("output_type") == out["output_type"] == "stream" and last["name"] == out["name"]
        if same:
            last["text"] += out["text"]
        else:
            self.outputs.append(out)
        self._assembler.sync(self, message["parent_header"])


def time_of(message: Message) -> str:
    """When a message was sent, as nbclient writes it: `2026-11-23T12:00:00.000000Z`."""
    date = str(message["header"]["date"])
    return date.replace("+00:00", "Z")
