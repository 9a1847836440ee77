from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.jupyterlab import CHROMIUM_OPTIONS, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium. Skips with a reason where there is none.

    No longer than these tests: Playwright keeps an event loop running in this thread, and next to a running
    loop papermill's own engine waits for ever now and then.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome here; install one, or name it in LABKIT_CHROMIUM")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield running
        running.close()
