"""Reads the fidelity card of a service from the docstring of its module, without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

HEADINGS: Final = ("Simulated here", "Differs on AWS", "Not simulated", "Sources")
Card = tuple[tuple[str, tuple[str, ...]], ...]
"""Heading and points, for each paragraph of a card."""

_HEADED: Final = re.compile(rf"^({'|'.join(HEADINGS)}):", re.MULTILINE)


def fidelity_of(services: Iterable[str]) -> tuple[tuple[str, Card], ...]:
    """For each service: its name and the paragraphs of its card. A service without a module is moto's as it is."""
    return tuple((_title(name), _paragraphs(name)) for name in services)


def _paragraphs(service: str) -> Card:
    import labkit.sandbox

    module = "lambda_" if service == "lambda" else service.replace("-", "_")
    file = Path(labkit.sandbox.__file__).parent / "services" / f"{module}.py"
    if not file.is_file():
        return (("Simulated here", ("What moto does, without additions of ours.",)),)
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    parts = _HEADED.split(text)[1:]
    return tuple((heading, _points(body)) for heading, body in zip(parts[::2], parts[1::2], strict=True))


def _points(body: str) -> tuple[str, ...]:
    """The points of one paragraph: each begins with a dash at the start of a line."""
    return tuple(" ".join(one.split()) for one in re.split(r"^- ", body, flags=re.MULTILINE) if one.strip())


def _title(service: str) -> str:
    names = {"sqs": "Amazon SQS", "sns": "Amazon SNS", "dynamodb": "Amazon DynamoDB", "sts": "AWS STS"}
    return names.get(service, service)
