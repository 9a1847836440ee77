"""A Lambda function as the outside world sees it, for checks.

Operations and settings: the AWS Lambda API model in botocore (`lambda/2015-03-31/service-2.json`).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from labkit.judging.world import World
    from labkit.sandbox.runtime import Result

_LONGEST: Final = 3_600
"""Seconds of virtual time `together` lets pass at most."""
_ENDED: Final[dict[str, Any]] = {}
"""What came of the calls that run side by side, by request id."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call of a function and what came of it.

    `answer` is what the function returned. `error` is the type of its error, or the code with which Lambda refused
    the call; empty when all went well. `seconds` are virtual. `log` is what the function wrote.
    """

    answer: Any = None
    error: str = ""
    message: str = ""
    version: str = ""
    seconds: float = 0.0
    log: str = ""
    cold: bool = False

    @property
    def ok(self) -> bool:
        """Whether the function answered."""
        return not self.error

    @property
    def trouble(self) -> str:
        """The error in one line."""
        return f"{self.error}: {self.message}" if self.message else self.error


class FunctionView:
    """One Lambda function. It is looked up by name each time, so it stays right inside rehearsals.

    Calls go to Lambda itself and not through its API: a call costs a millisecond, and checks make thousands.
    """

    def __init__(self, world: World, name: str, region: str) -> None:
        self._world = world
        self.name = name
        self.region = region

    @classmethod
    def find(cls, world: World, name: str, region: str) -> FunctionView | None:
        """The function of this name, or None."""
        client = world.client("lambda", region)
        try:
            client.get_function_configuration(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            return None
        return cls(world, name, region)

    @property
    def _client(self) -> Any:
        return self._world.client("lambda", self.region)

    # -- settings --------------------------------------------------------------------------------

    @property
    def settings(self) -> dict[str, Any]:
        """What GetFunctionConfiguration says of the newest code."""
        return dict(self._client.get_function_configuration(FunctionName=self.name))

    @property
    def arn(self) -> str:
        """The function's ARN, without version."""
        return str(self.settings["FunctionArn"])

    @property
    def files(self) -> dict[str, bytes]:
        """The files of its newest package, by name. Two packages of the same files differ in their dates."""
        code = self._world.sandbox.backend("lambda", region=self.region).get_function(self.name).code_bytes
        with zipfile.ZipFile(io.BytesIO(code)) as package:
            return {name: package.read(name) for name in package.namelist() if not name.endswith("/")}

    def alias(self, name: str) -> dict[str, Any] | None:
        """What GetAlias says, or None."""
        try:
            return dict(self._client.get_alias(FunctionName=self.name, Name=name))
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def change(self, **settings: Any) -> None:
        """Change settings of the newest code, as a colleague would. Undone with the rehearsal."""
        self._client.update_function_configuration(FunctionName=self.name, **settings)

    # -- calling ---------------------------------------------------------------------------------

    def call(self, event: object = None, qualifier: str = "") -> Run:
        """Call it once and wait. `qualifier` is a version or an alias."""
        return next(self.calls([event], qualifier))

    def calls(self, events: Iterable[object], qualifier: str = "") -> Iterator[Run]:
        """Call it with each event, one after the other."""
        from labkit.sandbox.services import _lambda_calls as calls

        for event in events:
            with self._chosen(qualifier) as (function, via, request_id, refused):
                if refused is not None:
                    yield refused
                    continue
                payload = json.dumps(event if event is not None else {}).encode()
                try:
                    calls.check(payload, "RequestResponse")
                    result = calls.run(function, via, payload, request_id)
                except Exception as error:
                    yield _refusal(error)
                else:
                    yield _run(result, calls.version_of(function))

    def routed(self, count: int, qualifier: str) -> Counter[str]:
        """Which versions answer so many calls, without running them. Each call has a request id of its own."""
        found: Counter[str] = Counter()
        from labkit.sandbox.services._lambda_calls import version_of

        for _ in range(count):
            with self._chosen(qualifier) as (function, _via, _request_id, refused):
                found[refused.error if refused is not None else version_of(function)] += 1
        return found

    def together(self, events: Iterable[object], qualifier: str = "") -> list[Run]:
        """Call it with all events at once, each in an environment of its own as long as the others are busy."""
        from labkit.sandbox.services import _lambda_calls as calls

        found: list[Run | None] = []
        waiting: dict[str, tuple[int, str]] = {}
        for place, event in enumerate(events):
            found.append(None)
            with self._chosen(qualifier) as (function, via, request_id, refused):
                if refused is not None:
                    found[place] = refused
                    continue
                payload = json.dumps(event if event is not None else {}).encode()
                try:
                    calls.begin(function, via, payload, request_id, ended, request_id)
                except Exception as error:
                    found[place] = _refusal(error)
                else:
                    waiting[request_id] = place, calls.version_of(function)
        clock = self._world.clock
        until = clock.time() + _LONGEST
        while waiting.keys() - _ENDED.keys() and clock.time() < until:
            clock.advance(seconds=0.1)
        for request_id, (place, version) in waiting.items():
            result = _ENDED.pop(request_id, None)
            found[place] = _run(result, version) if result is not None else Run(error="Lost")
        return [one for one in found if one is not None]

    @contextmanager
    def _chosen(self, qualifier: str) -> Iterator[tuple[Any, str, str, Run | None]]:
        """The version that answers, the qualifier, a request id; or why there is none."""
        from moto.awslambda.exceptions import LambdaClientError
        from moto.moto_api._internal import mock_random

        from labkit.sandbox.services import _lambda_calls as calls

        request_id = str(mock_random.uuid4())
        backend = self._world.sandbox.backend("lambda", region=self.region)
        try:
            function, via = calls.choose(backend, self.name, qualifier or None, request_id)
        except LambdaClientError as error:
            yield None, "", request_id, Run(error="ResourceNotFoundException", message=str(error))
        else:
            yield function, via, request_id, None

    def __repr__(self) -> str:
        return f"<function {self.name}>"


def ended(result: Result | None, request_id: str) -> None:
    """A call that ran beside others has ended."""
    _ENDED[request_id] = result


def _run(result: Result, version: str) -> Run:
    error = result.error
    return Run(
        answer=None if error else json.loads(result.payload or b"null"),
        error=error.type if error else "",
        message=error.message if error else "",
        version=version,
        seconds=result.duration_ms / 1000,
        log=result.logs,
        cold=result.init_ms is not None,
    )


def _refusal(error: Exception) -> Run:
    """Lambda did not let the call in. What is no refusal is our own mistake and goes on."""
    from labkit.errors import LabkitError
    from labkit.sandbox.services._lambda_calls import Refusal, Throttled

    if isinstance(error, (Refusal, Throttled)):
        return Run(error=error.code, message=str(error))
    if isinstance(error, LabkitError):
        return Run(error=type(error).__name__, message=str(error))
    raise error
