"""Reads and writes notebooks as plain dictionaries, without nbformat, whose import takes longer than most labs.

Only version 4 of the format is read. What is written has the bytes nbformat would write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from labkit.errors import LabkitError


class NoNotebook(LabkitError):
    """A file that is not a notebook of version 4."""


def read(path: Path) -> dict[str, Any]:
    """A notebook. Texts come as one string each. Raises `NoNotebook`, and says what is wrong with the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NoNotebook(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise NoNotebook(f"{path.name} is no notebook: it is not JSON ({error}). Build it again.") from error
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise NoNotebook(f"{path.name} is no notebook of version 4: it has no list of cells. Build it again.")
    if document.get("nbformat") != 4:
        raise NoNotebook(f"{path.name} has notebook format {document.get('nbformat')!r}. Only 4 is run here.")
    document.setdefault("metadata", {})
    for place, cell in enumerate(document["cells"]):
        if not isinstance(cell, dict) or "source" not in cell or "cell_type" not in cell:
            raise NoNotebook(f"{path.name}: cell {place + 1} has no type or no source. Build it again.")
        _join(cell)
    return document


def kernel_name(document: dict[str, Any]) -> str:
    """The kernel a notebook asks for; empty when it names none."""
    spec = document.get("metadata", {}).get("kernelspec")
    return str(spec.get("name") or "") if isinstance(spec, dict) else ""


def cleared(document: dict[str, Any]) -> None:
    """Take away what an earlier run showed."""
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def written(document: dict[str, Any]) -> str:
    """A notebook as text: sorted keys, texts line by line, as nbformat writes it."""
    plain = dict(document)
    plain["cells"] = [_split(cell) for cell in document["cells"]]
    return json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": ")) + "\n"


def write(document: dict[str, Any], path: Path) -> None:
    """Write a notebook; a file of that name is replaced at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(written(document), encoding="utf-8", errors="replace")
    beside.replace(path)


def language_info() -> dict[str, Any]:
    """What ipykernel says about its language."""
    return {
        "codemirror_mode": {"name": "ipython", "version": sys.version_info[0]},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": sys.version.split()[0],
    }


def _join(cell: dict[str, Any]) -> None:
    cell.setdefault("metadata", {})
    if isinstance(cell["source"], list):
        cell["source"] = "".join(cell["source"])
    if cell["cell_type"] == "code":
        cell.setdefault("outputs", [])
        cell.setdefault("execution_count", None)


def _split(cell: dict[str, Any]) -> dict[str, Any]:
    cell = {**cell, "source": _lines(cell["source"])}
    if cell["cell_type"] == "code":
        cell["outputs"] = [_split_output(output) for output in cell["outputs"]]
    return cell


def _split_output(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "stream":
        return {**output, "text": _lines(output["text"])}
    if "data" in output:
        return {**output, "data": {kind: _data(kind, value) for kind, value in output["data"].items()}}
    return output


def _data(kind: str, value: Any) -> Any:
    lines = kind.startswith("text/") or kind in ("application/javascript", "image/svg+xml")
    return _lines(value) if lines else value


def _lines(value: Any) -> Any:
    return value.splitlines(True) if isinstance(value, str) else value
