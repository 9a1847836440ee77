from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running account, closed again after the test."""
    with Sandbox() as running:
        yield running
