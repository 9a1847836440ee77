"""Shared by all tests: nothing here reads or writes what belongs to the person who runs them."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
JUPYTER = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


# Accounts are made and thrown away by the thousand: looking for garbage that often took a fifth of the time.
gc.set_threshold(100_000, 20, 100)

# A shell lets its background jobs ignore Ctrl-C, and so would every program that they start. Tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernels and servers that tests start find no settings, kernels or extensions of the person's own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in JUPYTER:
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        patch.setenv("LABKIT_CACHE", str(tmp_path_factory.mktemp("models")))
        yield


@pytest.fixture(scope="session", autouse=True)
def models_read_once() -> None:
    """Thousands of tests open an account each: the service models stay in memory."""
    from labkit.sandbox import models

    models.remember()


@pytest.fixture(scope="session", autouse=True)
def one_warm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Functions of all accounts are forked from one warm process: a quarter of a second for each account.

    The tests of the runtime itself (`tests/sandbox/runtime`) start their own, as a lab does.
    """
    from labkit.sandbox.runtime import pool
    from labkit.sandbox.runtime.processes import Template

    class Kept(Template):
        def stop(self) -> None:
            """The next account uses it. Each account ends its own environments before it asks for this."""

    kept: dict[tuple[int, bool], Kept] = {}

    def template(folder: Path, *, kernel_walls: bool) -> Kept:
        key = os.getpid(), kernel_walls
        if key not in kept or kept[key].program.poll() is not None:
            kept[key] = Kept(tmp_path_factory.mktemp("functions"), kernel_walls=kernel_walls)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "Template", template)
        yield
    for one in kept.values():
        Template.stop(one)


@pytest.fixture
def root() -> Path:
    """The clone under test."""
    return ROOT


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the real progress file and from the AWS settings of the machine."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "labkit-home"))
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running account, closed again after the test."""
    from labkit.sandbox import Sandbox

    with Sandbox() as running:
        yield running
