"""JupyterLab in a real browser, for the tests: a server of its own, a page, and the few things a learner does.

What makes it steady: the server gets folders of its own for everything it would read from the person who
runs the tests; no cell is run before the kernel says it is idle (an earlier "run" is dropped without a
word); and every wait is for something the learner would see.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_FOLDERS = (
    "HOME", "USERPROFILE", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "LABKIT_HOME",
)  # fmt: skip
PATIENCE = 120_000
"""Milliseconds to wait for anything before the test gives up: a loaded machine is slow, not broken."""


def chromium() -> str | None:
    """A Chromium or Chrome on this machine, or None."""
    named = os.environ.get("LABKIT_CHROMIUM")
    candidates = [named] if named else ["chromium", "chromium-browser", "google-chrome", "chrome"]
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


@contextmanager
def server(folder: Path, theme: str = "JupyterLab Light") -> Iterator[str]:
    """JupyterLab on a copy of the labs in `folder`. Gives its address with the token."""
    for part in ("labs",):
        shutil.copytree(ROOT / part, folder / part)
    settings = folder / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab"
    for extension, values in {
        "apputils-extension/themes.jupyterlab-settings": {"theme": theme},
        "apputils-extension/notification.jupyterlab-settings": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
        # With the default, cells outside the window are not in the page and cannot be found.
        "notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    }.items():
        (settings / extension).parent.mkdir(parents=True, exist_ok=True)
        (settings / extension).write_text(json.dumps(values), encoding="utf-8")
    environment = os.environ | {name: str(folder / name) for name in _FOLDERS}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1",
        "--ServerApp.port_retries=50", "--IdentityProvider.token=test",
        "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    with (folder / "server.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            yield _address(process, folder / "server.log")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/lab", log.read_text(encoding="utf-8"))
        if found and _answers(int(found[1])):
            return f"http://127.0.0.1:{found[1]}"
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token=test", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


class Notebook:
    """One notebook on the page, with a kernel that is ready."""

    def __init__(self, page: Any, address: str, path: str) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/lab/tree/{path}?token=test")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        self._idle()

    def _idle(self) -> None:
        status = self.page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle"))
        status.wait_for()

    def place(self, text: str, role: str = "code") -> int:
        """The place of the first cell of this kind whose source holds `text`."""
        return int(
            self.page.evaluate(
                """([text, role]) => {
                    const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
                    for (let i = 0; i < cells.length; i++) {
                        const model = cells.get(i);
                        if (model.type === role && model.sharedModel.getSource().includes(text)) return i;
                    }
                    return -1;
                }""",
                [text, role],
            )
        )

    def run(self, place: int, source: str | None = None) -> Any:
        """Run one cell, with another source when one is given, and wait until it is done. Gives the cell."""
        self.page.evaluate(
            """async ([place, source]) => {
                const app = window.jupyterapp;
                const notebook = app.shell.currentWidget.content;
                notebook.activeCellIndex = place;
                if (source !== null) notebook.model.cells.get(place).sharedModel.setSource(source);
                await app.commands.execute('notebook:run-cell');
            }""",
            [place, source],
        )
        cell = self.page.locator(".jp-Notebook .jp-Cell").nth(place)
        cell.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).first.wait_for()
        return cell

    def show(self, place: int) -> None:
        """Scroll a cell into the window."""
        self.page.locator(".jp-Notebook .jp-Cell").nth(place).scroll_into_view_if_needed()
