from __future__ import annotations

from collections.abc import Iterator

import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.snskit import Post


@pytest.fixture(scope="module")
def account() -> Iterator[Post]:
    """One account for a file of tests."""
    with Sandbox() as running:
        yield Post(running)


@pytest.fixture
def post(account: Post) -> Post:
    """That account, empty."""
    account.sandbox.reset()
    return account
