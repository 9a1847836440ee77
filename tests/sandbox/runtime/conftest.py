"""One account and one pool per test module, and a short way to run functions."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.runtime import Environment, FunctionSpec, Invocation, Pool, Result, processes


class Functions:
    """Functions on one pool. What is started ends with the test."""

    REQUEST = "8f7b2c1e-0000-4000-8000-3d5a9c6b1f20"

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.started: list[Environment] = []

    @staticmethod
    def package(code: str = "", files: dict[str, str] | None = None) -> bytes:
        """A zip with `app.py` and more files."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, text in ({"app.py": code} | (files or {})).items():
                archive.writestr(name, textwrap.dedent(text))
        return data.getvalue()

    def start(self, code: str | bytes = "", files: dict[str, str] | None = None, **spec: Any) -> Environment:
        """A cold start, of this `app.py` or of this zip."""
        zipped = code if isinstance(code, bytes) else self.package(code, files)
        spec = {"name": "orders", "handler": "app.handler", "code": zipped, **spec}
        self.started.append(self.pool.start(FunctionSpec(**spec)))
        return self.started[-1]

    def call(self, environment: Environment, event: object = None, **more: Any) -> Result:
        """One call with this event."""
        payload = json.dumps(event).encode()
        return environment.invoke(Invocation(payload, **{"request_id": self.REQUEST, **more}))

    def run(self, code: str, event: object = None, **spec: Any) -> Result:
        """A cold start and one call."""
        return self.call(self.start(code, **spec), event)

    @staticmethod
    def value(result: Result) -> Any:
        """What the handler returned. A function that failed fails the test."""
        assert result.error is None, (result.error, result.logs)
        return json.loads(result.payload)


@pytest.fixture(scope="module", autouse=True)
def own_warm_processes(one_warm_process: None) -> Iterator[None]:
    """Each pool has a warm process of its own here, as in a lab."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labkit.sandbox.runtime.pool.Template", processes.Template)
        yield


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def new_pool(sandbox: Sandbox) -> Iterator[Callable[..., Pool]]:
    """Makes pools; the same arguments give the same pool."""
    pools: dict[str, Pool] = {}

    def make(**options: Any) -> Pool:
        return pools.setdefault(str(sorted(options.items())), Pool(sandbox, **options))

    yield make
    for pool in pools.values():
        pool.stop()


@pytest.fixture
def pool(new_pool: Callable[..., Pool]) -> Pool:
    return new_pool()


@pytest.fixture
def functions_on() -> Iterator[Callable[[Pool], Functions]]:
    """Functions on a certain pool."""
    made: list[Functions] = []

    def on(pool: Pool) -> Functions:
        made.append(Functions(pool))
        return made[-1]

    yield on
    for running in made:
        for environment in running.started:
            environment.stop()


@pytest.fixture
def functions(pool: Pool, functions_on: Callable[[Pool], Functions]) -> Functions:
    return functions_on(pool)
