"""AWS calls that come from inside a function, answered by the account's own moto.

A call passes the same door as a call from the notebook: under the account's lock, after due work was played,
with one record in the trace. It carries the name and operation that botocore gave it in the worker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders

from labkit.errors import Stopped
from labkit.sandbox import dispatch, enforcement, lineage

from .specs import FunctionSpec
from .wire import Frame, Kind, pack

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

    from .pace import Pace


def answer(sandbox: Sandbox, spec: FunctionSpec, call: Frame, pace: Pace) -> bytes:
    """The answer to one AWS call, as a frame. `pace` learns how much time it took on the account's clock."""
    head = call.head
    service, operation = head.get("service", "http"), head.get("operation", head["method"])
    with sandbox.lock:
        sandbox.notice_thread()
        with pace.aside():
            sandbox.clock.catch_up()
        trace = sandbox.trace
        sequence, at, caller = trace.reserve(), sandbox.clock.time(), spec.caller or spec.name
        params = head.get("params", {})
        request = _request(head, call.body)
        header = str(request.headers.get(lineage.HEADER) or "")
        with (
            trace.caused_by(sequence, caller),
            pace.measured(),
            lineage.carrying(header),
            enforcement.noting() as asked,
        ):
            refused, status, headers, body = _ask(request, service, operation)
        with pace.aside():
            sandbox.clock.catch_up()
        if refused is None and status >= 400:
            code, message = _error(headers, body)
        else:
            code, message = (refused["Code"], refused["Message"]) if refused else ("", "")
        trace.record(
            "call", service, operation,
            resource=dispatch.resource_of(params) or ("" if params else head["url"].partition("?")[0]),
            caller=caller, params=params, error=code, message=message, note=asked.note,
            sequence=sequence, time=at,
        )  # fmt: skip
    reply = {"status": status, "headers": headers, "refused": refused, "operation": operation}
    return pack(Kind.ANSWER, reply, body, pace.offset)


def _request(head: dict[str, Any], body: bytes) -> Any:
    headers = HTTPHeaders()
    for name, value in head["headers"]:
        headers[name] = value
    return AWSPreparedRequest(head["method"], head["url"], headers, body, stream_output=False)


def _ask(
    request: Any, service: str, operation: str
) -> tuple[dict[str, str] | None, int, dict[str, str], bytes]:
    """What moto says: an error to raise as it is, or status, headers and body."""
    from moto.core.models import botocore_stubber

    token = dispatch._inside.set(True)
    try:
        found = botocore_stubber.process_request(request)
    except (NotImplementedError, dispatch.MissingPackage):
        found = None
    except Stopped as error:
        return {"Code": "Stopped", "Message": str(error)}, 0, {}, b""
    except Exception as error:
        text = (
            f"The simulation of {service} {operation} failed ({type(error).__name__}: {error}). "
            "This is our fault, not yours. Please report it with the call you made."
        )
        return {"Code": "SimulationFailed", "Message": text}, 0, {}, b""
    finally:
        dispatch._inside.reset(token)
    if found is None or (found[0] == 404 and found[2] == "Not yet implemented"):
        text = (
            f"{service} {operation} is not simulated here; it exists on AWS. "
            "lab.fidelity() lists what is simulated."
        )
        return {"Code": "NotSimulated", "Message": text}, 0, {}, b""
    status, headers, body = found
    return None, int(status), {str(k): str(v) for k, v in headers.items()}, _bytes(body)


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if body else b""


def _error(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """AWS's error code and message in a reply, as far as it says: JSON, XML, or a header."""
    text = body.decode("utf-8", "replace")
    lower = {name.lower(): value for name, value in headers.items()}
    code = lower.get("x-amzn-query-error") or lower.get("x-amzn-errortype") or ""
    message = ""
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        code = code or str(found.get("__type") or found.get("code") or "")
        message = str(found.get("message") or found.get("Message") or "")
    elif text:
        in_code, in_message = (
            re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("Code", "Message")
        )
        code = code or (in_code[1] if in_code else "")
        message = in_message[1] if in_message else ""
    return re.split(r"[:;]", code.rpartition("#")[2])[0], message
