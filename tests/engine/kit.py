"""Short ways to write a notebook and to read what it showed."""

from __future__ import annotations

from typing import Any

from labkit.engine.play import Play

SPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def code(source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)} if tags else {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def notebook(*cells: str | dict[str, Any]) -> dict[str, Any]:
    made = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    made = [cell | {"id": f"cell-{place}"} for place, cell in enumerate(made)]
    return {
        "cells": made,
        "metadata": {"kernelspec": SPEC},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def printed(play: Play, cell: int = -1) -> str:
    """All that a cell printed or showed as plain text."""
    return "".join(
        output["text"] if output["output_type"] == "stream" else output.get("data", {}).get("text/plain", "")
        for output in play.document["cells"][cell]["outputs"]
    )
