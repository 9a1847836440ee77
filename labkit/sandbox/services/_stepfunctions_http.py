"""HTTP tasks in the account: permissions, the connection, the exchange with a web server on this machine.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html (four permissions, condition keys,
names of connection errors), concepts-error-handling.html (`States.Http.Socket` after 60 seconds) and state-task.html (a
longer TimeoutSeconds changes nothing). The error when a permission for the secret is missing:
https://vimson.co/posts/aws-step-function-http-invoke-task-access-denied-error
"""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.sandbox import connections, current, loopback
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services import _stepfunctions_roles as roles
from labkit.sandbox.states import http
from labkit.sandbox.states.errors import HTTP_STATUS, PERMISSIONS, RUNTIME, SOCKET, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.runs import Run, Track

LONGEST: Final = 60.0
"""Seconds an HTTP task may take (developer guide, quotas related to HTTP Task)."""
_CONNECTION: Final = "Events.ConnectionResource."
_SECRET_ACTIONS: Final = ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret")


def begin(run: Run, track: Track, arguments: Any) -> None:
    """Send the request as due work: the account's lock is free meanwhile, so no step may be under way."""
    clock = current().clock
    clock.schedule(clock.time(), exchange, run.arn, track.id, track.epoch, text_of(arguments))


def exchange(arn: str, track: int, epoch: int, text: str) -> None:
    """Due work: the request of a task, and its answer."""
    run = engine.run_at(arn)
    if run is None or not run.running or not _awaited(run, track, epoch):
        return
    output, failure = None, None
    try:
        output = _exchange(run, json.loads(text))
    except loopback.NoAnswer as error:
        failure = StateFailed(SOCKET, str(error))
        if error.code == "Timeout":
            clock = current().clock
            clock.schedule(clock.time() + LONGEST, silent, arn, track, epoch)
            return
    except StateFailed as error:
        failure = error
    _reply(arn, track, epoch, output, failure)


def silent(arn: str, track: int, epoch: int) -> None:
    """Due work: a web server has not answered for 60 seconds. A shorter TimeoutSeconds was over before."""
    _reply(arn, track, epoch, None, StateFailed(SOCKET, "The endpoint did not answer in time."))


def _awaited(run: Run, track: int, epoch: int) -> bool:
    return any(one.id == track and one.epoch == epoch for one in run.tracks.values())


def _reply(arn: str, track: int, epoch: int, output: Any, failure: StateFailed | None) -> None:
    # The execution is found anew: it may have been stopped, or its account reset, during the exchange.
    run = engine.run_at(arn)
    if run is not None and run.running:
        Machine(run, engine.HOST).reply(track, epoch, output, failure)


def _exchange(run: Run, arguments: Any) -> dict[str, Any]:
    method, url, arn = http.target(arguments)
    http.headers_of(arguments)
    try:
        loopback.addresses(url)
    except loopback.Elsewhere as error:
        raise StateFailed("NotSimulated", f"http:invoke reaches only this machine here. {error}") from None
    connection = _connection(run, method, url, arn)
    authorization = connections.authorization(connection)
    if not authorization:
        reason = vars(connection).get("labkit_reason", "")
        raise StateFailed(f"{_CONNECTION}InvalidConnectionState", reason)
    extra = connections.extra(connection)
    kinds = ("HeaderParameters", "QueryStringParameters", "BodyParameters")
    headers, query, body = (connections.pairs(extra, kind) for kind in kinds)
    added = http.Added(headers, query, body, authorization)
    try:
        sent = http.request(arguments, added, run.arn.split(":")[3])
        answer = loopback.exchange(current(), sent.method, sent.url, sent.headers, sent.body, LONGEST)
    except (loopback.Elsewhere, UnicodeError) as error:  # a header with a line break, half a character
        raise StateFailed(RUNTIME, f"The request could not be made: {error}") from None
    if answer.status in (401, 407):
        connection.labkit_token = ""  # the next attempt asks for a new one
    output = http.output(answer.status, answer.reason, answer.headers, answer.body)
    if answer.status >= 400:
        said = output["ResponseBody"]
        cause = said if isinstance(said, str) else text_of(said)
        raise StateFailed(f"{HTTP_STATUS}{answer.status}", cause or answer.reason)
    return output


def _connection(run: Run, method: str, url: str, arn: str) -> Any:
    """moto's connection, if the role may use it for this request. Raises `StateFailed`."""
    context = {"states:HTTPMethod": method, "states:HTTPEndpoint": url}
    if not roles.may(run, "states:InvokeHTTPEndpoint", engine.machine_of_run(run), context).allowed:
        raise StateFailed(PERMISSIONS, _denied(run, "states:InvokeHTTPEndpoint"))
    _allow(run, "events:RetrieveConnectionCredentials", arn)
    connection = connections.at(arn)
    if connection is None:
        raise StateFailed(f"{_CONNECTION}ResourceNotFound", f"There is no connection {arn}.")
    for action in _SECRET_ACTIONS:
        _allow(run, action, connection.secret_arn)
    if connection.state == "AUTHORIZING":
        raise StateFailed(f"{_CONNECTION}AuthInProgress", f"The connection {arn} is being authorized.")
    return connection


def _allow(run: Run, action: str, resource: str) -> None:
    if not roles.may(run, action, resource).allowed:
        raise StateFailed(f"{_CONNECTION}AccessDenied", _denied(run, action))


def _denied(run: Run, action: str) -> str:
    return f"The role {run.role} is not authorized to perform {action}."
