"""What tests of containers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.sandbox import Sandbox


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Iterator[Sandbox]:
    """An account whose clock moves only when the test moves it: the same story on every machine, however slow."""
    with sandbox.clock.paused():
        yield sandbox


@pytest.fixture
def story(sandbox: Sandbox) -> Sandbox:
    """The same by another name."""
    return sandbox
