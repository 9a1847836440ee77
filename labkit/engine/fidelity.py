"""Compares two executed notebooks: what one engine showed with what another did.

Compared: every output with its kind, name, data, metadata and place; execution counts; the tags and the papermill
status of cells; which times a cell carries; the state of widgets; the language's description. Not compared, because
two runs of one engine differ in them: addresses, random ids, times and durations, process numbers, names of temporary
files, ports, figures that carry such an id, signatures. Where a notebook draws lots, both run with one seed (`FIXED`);
and what two runs of one engine show differently, because it depends on how fast the machine is now, is not `steady`.

Between this engine and papermill's own these differences remain, each with its reason:

- **Pieces of one stream.** Neighbouring outputs of one stream are compared as one. papermill makes an output of every
  message, ipykernel sends a message 0.2 s after the first print, and its thread is sometimes earlier or
  later: two runs of papermill differ. Here a print, flush or display sends what is due, which is the same each time;
  what a C library or a shell command writes slowly, without any print, comes as one piece.
- **Text past Python.** What C libraries and shell commands write stands here where it was written; a thread brings it
  in a stock kernel, sometimes in the middle of a line that Python prints meanwhile.
- **Threads.** ipykernel has six threads of its own, a kernel here has none: `threading.enumerate()` shows it.
- **Modules.** More modules are loaded than in a fresh kernel, so `import a` may also give `a.b`. The nightly run
  with papermill's own engine (`labkit run --engine papermill`) finds notebooks that lean on this.
- **Order of sets.** All notebooks of one prepared process have one hash seed (a fresh kernel has a random one), so sets
  of strings come in the same order in all of them.
- **Bytes that are not UTF-8**, cut into pieces of 1000 bytes by ipykernel, may show as two signs instead of one there.
- **Last words.** What a cell prints right before its process dies is kept here; ipykernel may not have sent it.
- **Debugger and connection.** There is none: `%connect_info` and `%qtconsole` have nothing to connect to.
- **Text past the notebook.** What papermill's kernel would write to papermill's own terminal (`sys.stdout.fileno()`,
  the logger of the kernel) is dropped.
- **Invalid output.** papermill stops with a validation error when a mime bundle breaks the notebook format. `labkit
  run` keeps the output as it is; the engine under papermill lets papermill judge it when it saves.
- **Time that really passes.** The account's clock goes on with the machine's, so with either engine no two runs agree
  on: the places of marks along a timeline (labs 10, 13, 16, 17); the milliseconds a function has left, and where a log
  line with its numbers is cut (10); how much waited at the worst moment of a rush (16); which of two messages of one
  second stands first in the inbox, and the name of a new certificate (18). `steady` finds these places by a second run.
- **Memory.** The forked process starts with about 250 MB mapped, most of it shared.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

_SAME: Final = (
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b[0-9a-f]{32,}\b"), "HEX"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "TIME"),
    (re.compile(r"(ipykernel|labkit-run|labkit-engine|tmp|pytest)[-_]?[\w-]*/[\w./-]*"), "FILE"),
    (re.compile(r"/[\w/.-]*?(?=\bFILE)"), ""),
    (re.compile(r"(CPU times|Wall time): .*?(?=\\n)"), "TIMES"),
    (re.compile(r"\[\d\d:\d\d.*?it/s\]"), "RATE"),
    (re.compile(r"\b\d+(\.\d+)? ?(n|µ|μ|u|m)?s\b"), "DURATION"),
    (re.compile(r'(?<="seconds": )[\d.]+|(?<="seed": )\d+|(?<=seed )\d+'), "DRAWN"),
    (re.compile(r"\b1[6-9]\d{8}(\d{3}|\.\d+)?\b"), "EPOCH"),
    (re.compile(r"\blk-[0-9a-f]{8}\b"), "FIGURE"),
    (re.compile(r"\b127\.0\.0\.1:\d+"), "PORT"),
    (re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{80,}={0,2}"), "SIGNED"),
)

_FIGURE: Final = re.compile(r"(?<=data:image/svg\+xml;base64,)[A-Za-z0-9+/=]+")
FIXED: Final = """\
import random, secrets
random.seed(7)
secrets._sysrand = random.Random(7)
secrets.choice, secrets.randbits = secrets._sysrand.choice, secrets._sysrand.getrandbits
import moto.moto_api._internal
moto.moto_api._internal.mock_random.seed(7)"""
"""A first cell after which a notebook draws the same lots in every run."""


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What two executed copies of one notebook differ in, as sentences; empty when they agree."""
    return list(_differences(ours, theirs))


def steady(found: Iterable[str], *pairs: tuple[dict[str, Any], dict[str, Any]]) -> list[str]:
    """Of these differences, those at places where each engine agrees with itself. A pair is two runs of one engine."""
    unsteady = {_place(one) for pair in pairs for one in _differences(*pair)}
    return [one for one in found if _place(one) not in unsteady]


def _place(difference: str) -> str:
    return difference.partition(": ours")[0]


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[str]:
    if len(ours["cells"]) != len(theirs["cells"]):
        yield f"Ours has {len(ours['cells'])} cells, theirs {len(theirs['cells'])}."
        return
    for place, (mine, other) in enumerate(zip(ours["cells"], theirs["cells"], strict=True), 1):
        if mine["cell_type"] == "code":
            for what, left, right in _cell(mine, other):
                yield f"cell {place}, {what}: ours {left}, theirs {right}"
    left, right = (one["metadata"].get("language_info") for one in (ours, theirs))
    if left != right:
        yield f"metadata language_info: ours {left}, theirs {right}"
    mine, other = (_widgets(one["metadata"].get("widgets")) for one in (ours, theirs))
    if len(mine) != len(other):
        yield f"metadata widgets: ours {len(mine)}, theirs {len(other)}"
    for one, two in zip(mine, other, strict=False):
        if one != two:
            yield "metadata widgets: ours {}, theirs {}".format(*_around(one, two))


def _cell(mine: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    if mine["execution_count"] != other["execution_count"]:
        yield "execution count", mine["execution_count"], other["execution_count"]
    for name in ("execution", "tags"):
        left, right = (sorted(one["metadata"].get(name, ())) for one in (mine, other))
        if left != right:
            yield f"metadata {name}", left, right
    marks = [one["metadata"].get("papermill") for one in (mine, other)]
    if all(marks):
        said = [{name: one.get(name) for name in ("status", "exception")} for one in marks if one]
        if said[0] != said[1]:
            yield "papermill", said[0], said[1]
    shown = [pieces_joined(one["outputs"]) for one in (mine, other)]
    kinds = [[one["output_type"] for one in outputs] for outputs in shown]
    if kinds[0] != kinds[1]:
        yield "outputs", kinds[0], kinds[1]
        return
    for place, (one, two) in enumerate(zip(*shown, strict=True), 1):
        first, second = normal(one), normal(two)
        if first != second:
            yield f"output {place} ({one['output_type']})", *_around(first, second)


def pieces_joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs with neighbouring pieces of one stream made one."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] = _text(last["text"]) + _text(output["text"])
        else:
            joined.append(dict(output))
    return joined


def normal(value: Any) -> str:
    """A value as text, without what differs from run to run."""
    text = json.dumps(_texts(value), sort_keys=True, ensure_ascii=False)
    text = _FIGURE.sub(lambda found: base64.b64decode(found[0]).decode("utf-8", "replace"), text)
    for pattern, name in _SAME:
        text = pattern.sub(name, text)
    return text


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            return "".join(value)
        return [_texts(item) for item in value]
    return value


def _widgets(value: Any) -> list[str]:
    """The states of all widgets; an id in them stands as the kind of widget it means."""
    if not value:
        return []
    ((_, bundle),) = value.items()
    kinds = {key: one["model_name"] for key, one in bundle["state"].items()}
    pattern = re.compile("|".join(kinds) or "$^")
    texts = (json.dumps(_texts(one), sort_keys=True, ensure_ascii=False) for one in bundle["state"].values())
    return sorted(normal(pattern.sub(lambda found: f"<{kinds[found[0]]}>", text)) for text in texts)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value)


def _around(left: str, right: str) -> tuple[str, str]:
    same = next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), 0)
    same = same or min(len(left), len(right))
    start = max(0, same - 60)
    return repr(left[start : same + 120]), repr(right[start : same + 120])
