"""One call from outside: in by the account's one door, and out again.

As for a call of boto3 in the notebook: the account's lock is held, what fell due is played before and after, the trace
gets one "call" event, and what this account cannot do comes back as one clear sentence.
"""

from __future__ import annotations

import functools
import json
from contextlib import nullcontext
from dataclasses import replace
from http.client import HTTPMessage
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from labkit.errors import LabkitError
from labkit.sandbox import dispatch, enforcement, identity

from . import cbor, credentials, errors
from .errors import Refused
from .fronts import front_for
from .messages import Reply, Request
from .routing import FRONTS, Route, operation_of, route
from .urls import localise, place

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

    from .names import Names

NOWHERE: Final = "000000000000"
"""The account of access keys that name none, unless another is chosen."""
_LONG: Final = 256 * 1024
"""Bytes of a reply that is not read again for the trace."""
_JSON: Final = ("application/x-amz-json", "application/json")


class Calls:
    """Answers requests for one account. `others` is the account of access keys that name none."""

    def __init__(self, sandbox: Sandbox, names: Names, port: int, others: str = NOWHERE) -> None:
        self._sandbox = sandbox
        self._names = names
        self._others = others
        self.domain = names.public(port)

    def answer(self, request: Request) -> Reply:
        """The reply to a request. Never raises: whatever goes wrong is an error in the protocol's form."""
        sandbox = self._sandbox
        with sandbox.lock:
            if not sandbox.running:
                return errors.reply(503, "ServiceUnavailable", "The lab's account is closed.", _form(request))
            sandbox.notice_thread()
            try:
                sandbox.clock.catch_up()
                return self._answer(request)
            except Refused as refused:
                return errors.reply(refused.status, refused.code, str(refused), _form(request))
            except Exception as error:
                return errors.reply(*_failed("the account", error), _form(request))

    def answer_inside(self, request: Any) -> tuple[int, dict[str, str], bytes]:
        """A request of a boto3 client of this process, which holds the lock and writes the trace itself."""
        at = urlsplit(request.url)
        headers = HTTPMessage()
        for name, value in request.headers.items():
            headers[name] = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        headers["Host"] = at.netloc
        target = f"{at.path or '/'}?{at.query}" if at.query else at.path or "/"
        made = Request(request.method, target, headers, _whole(request.body))
        try:
            where = route(made, self._names)
            call = _Call(self._sandbox, made, where, operation_of(where.service, made), self._others)
            reply = call.asked(self.domain)
        except Refused as refused:
            reply = errors.reply(refused.status, refused.code, str(refused), _form(made))
        return reply.status, reply.headers, reply.body

    def _answer(self, request: Request) -> Reply:
        found_place = place(request.path)
        if found_place is not None:
            name, path = found_place
            query = request.target.partition("?")
            request = replace(request, target=f"{path}{query[1]}{query[2]}")
        else:
            name = self._names.read(request.host)
        if name.service in FRONTS and name.rest and "/@connections/" not in request.path:
            return front_for(name.service)(self._sandbox, name.rest, name.region, request)
        if cbor.speaks_cbor(request):
            return self._answer_cbor(cbor.addressed(request))
        where = route(request, self._names)
        found = operation_of(where.service, request)
        return _Call(self._sandbox, request, where, found, self._others).made(self.domain)

    def _answer_cbor(self, addressed: Request) -> Reply:
        where = route(addressed, self._names)
        request = cbor.as_json(addressed, where.service)
        found = operation_of(where.service, request)
        reply = _Call(self._sandbox, request, where, found, self._others).made(self.domain)
        return cbor.from_json(reply, request, where.service)


class _Call:
    """One API call on its way through."""

    def __init__(self, sandbox: Sandbox, request: Request, where: Route, found: Any, others: str) -> None:
        self.sandbox = sandbox
        self.request = request
        self.where = where
        self.model: Any
        self.told: dict[str, Any]
        self.moto_request: Any
        self.model, self.told, self.moto_request = found or (None, {}, None)
        self.protocol = _protocol(where.service, request)
        self.operation = str(self.model.name) if self.model is not None else _asked(request)
        key = where.signature.access_key if where.signature else ""
        self.key = key
        self.account = credentials.account_of(key, others) if key else others
        self.caller = credentials.caller_name(key, self.account) if key else "anonymous"

    def made(self, domain: str) -> Reply:
        """Do it, and write it down."""
        sandbox, trace = self.sandbox, self.sandbox.trace
        sequence, at = trace.reserve(), sandbox.clock.time()
        params = self._params()
        shown = dispatch.shorten(params, self.model.input_shape) if params else {}
        record = functools.partial(
            trace.record, "call", self.where.service, self.operation,
            caller=self.caller, params=shown, sequence=sequence, time=at,
        )  # fmt: skip
        resource = dispatch.resource_of(params)
        asked = self._for_permission(params)
        with trace.caused_by(sequence, self.caller), enforcement.entered(asked) if asked else nullcontext():
            try:
                credentials.require_harmless(sandbox, self.key, self.where.service)
                self._require_sense()
                answer = self._ask()
            except Refused as refused:
                answer = errors.reply(refused.status, refused.code, str(refused), self.protocol)
            sandbox.clock.catch_up()
        if answer.status >= 400:
            code, message = errors.read(answer)
            record(resource=resource, error=code, message=message, note=asked.note if asked else "")
        else:
            result = self._result(answer)
            record(resource=resource or dispatch.resource_of(result), result=dispatch._summary(result))
        answer.body = localise(self.where.service, self.operation, answer.body, self.request.host, domain)
        return answer

    def asked(self, domain: str) -> Reply:
        """The same without a record: who asks keeps it."""
        try:
            self._require_sense()
            answer = self._ask()
        except Refused as refused:
            answer = errors.reply(refused.status, refused.code, str(refused), self.protocol)
        answer.body = localise(self.where.service, self.operation, answer.body, self.request.host, domain)
        return answer

    def _params(self) -> dict[str, Any]:
        """The parameters, as botocore's model names them."""
        if self.model is None or self.model.input_shape is None:
            return {}
        from moto.core.parse import PROTOCOL_PARSERS
        from moto.core.request import determine_request_protocol

        given = self.moto_request
        try:
            protocol = determine_request_protocol(self.model.service_model, given.content_type)
            parsed = PROTOCOL_PARSERS[protocol](self.model).parse(
                {
                    "method": given.method, "values": given.values, "headers": given.headers, "body": given.data,
                    "url_path": given.path, "url_params": self.told,
                }
            )  # fmt: skip
        except Exception:  # a broken body: the service says so
            return {}
        return parsed if isinstance(parsed, dict) else {}

    def _for_permission(self, params: dict[str, Any]) -> enforcement.Call | None:
        """The call as those see it who decide whether it may be made; None for a call nobody signed."""
        if not self.key or self.model is None:
            return None
        account = self.account or identity.account_of(self.key)
        known = identity.is_lab_key(self.key) or self.account is None
        key = self.key if known else account
        return enforcement.Call(self.where.service, self.operation, params, key, self.where.region, account)

    def _result(self, answer: Reply) -> dict[str, Any]:
        """What the caller will read in the reply, for the trace."""
        from botocore.parsers import create_parser

        shape = self.model.output_shape if self.model is not None else None
        if shape is None or self.model.has_streaming_output or len(answer.body) > _LONG:
            return {}
        given = {"headers": answer.headers, "body": answer.body, "status_code": answer.status}
        try:
            parsed = create_parser("rest-xml" if self.protocol == "s3" else self.protocol).parse(given, shape)
        except Exception:  # the caller will say what is wrong with it
            return {}
        return dict(parsed)

    def _require_sense(self) -> None:
        """Raise `Refused`, with AWS's code, for what no service could read."""
        request = self.request
        if self.protocol in ("json", "rest-json") and request.body and self._is_json():
            try:
                json.loads(request.body)
            except ValueError:
                raise Refused(400, "SerializationException", "The request body is not valid JSON.") from None
        if self.model is not None:
            return
        if self.protocol in ("query", "ec2") and "Action" not in request.form:
            text = "The request is missing an action or a required parameter."
            raise Refused(400, "MissingAction", text)
        if self.where.service == "s3" and request.method in (
            "GET",
            "PUT",
            "HEAD",
            "POST",
            "DELETE",
            "OPTIONS",
        ):
            return  # forms of browsers, and what botocore's model leaves out: moto knows them
        self._refuse_operation()

    def _is_json(self) -> bool:
        return self.request.headers.get("Content-Type", "").startswith(_JSON)

    def _refuse_operation(self) -> None:
        from botocore.exceptions import UnknownServiceError

        try:
            _service_model(self.where.service)
        except UnknownServiceError:
            text = f"The credential scope names the service {self.where.service!r}, which is none of AWS's."
            raise Refused(403, "SignatureDoesNotMatch", text) from None
        if self.protocol in ("query", "ec2"):
            raise Refused(400, "InvalidAction", f"Could not find operation {self.operation}.")
        if self.protocol == "rest-xml":
            raise Refused(404, "InvalidAction", f"{self.request.method} {self.request.path} is no operation.")
        raise Refused(404 if self.protocol == "rest-json" else 400, "UnknownOperationException", "")

    def _ask(self) -> Reply:
        """What moto says. Raises `Refused` for what is not simulated."""
        from moto.core.models import botocore_stubber

        token = dispatch._inside.set(True)
        name = f"{self.where.service} {self.operation}"
        try:
            found = botocore_stubber.process_request(self._as_aws_gets_it())
        except (NotImplementedError, dispatch.MissingPackage):
            found = None
        except Exception as error:
            invalid = self._invalid()
            if invalid:
                raise Refused(400, *invalid) from error
            raise Refused(*_failed(name, error)) from error
        finally:
            dispatch._inside.reset(token)
        if found is None or _is_missing(found, self.where.service):
            text = f"{name} is not simulated here; it exists on AWS. lab.fidelity() lists what is simulated."
            raise Refused(errors.UNSUPPORTED, "NotSimulated", text)
        return Reply.of(found)

    def _invalid(self) -> tuple[str, str] | None:
        """What is wrong with the parameters by botocore's model: SDKs check it before they send, others do not."""
        from botocore.validate import ParamValidator

        if self.model is None or self.model.input_shape is None:
            return None
        report = ParamValidator().validate(self._params(), self.model.input_shape)
        if not report.has_errors():
            return None
        query = self.protocol in ("query", "ec2")
        return "ValidationError" if query else "ValidationException", report.generate_report()

    def _as_aws_gets_it(self) -> Any:
        """The request under AWS's own address, its caller in the form moto and the services understand."""
        from botocore.awsrequest import AWSPreparedRequest
        from botocore.compat import HTTPHeaders

        headers = HTTPHeaders()
        for name, value in self.request.headers.items():
            if name.lower() not in ("x-moto-account-id", "host", "expect", "connection"):
                headers[name] = value
        headers["Host"] = self.where.host
        if self.account is not None:
            headers["x-moto-account-id"] = self.account
            sent = headers.get("Authorization")
            if sent and not identity.is_lab_key(self.key):
                root = identity.root_key(self.account)
                del headers["Authorization"]
                headers["Authorization"] = sent.replace(f"={self.key}/", f"={root}/", 1)
        url = f"https://{self.where.host}{self.request.target}"
        return AWSPreparedRequest(self.request.method, url, headers, self.request.body, stream_output=False)


def _is_missing(found: Any, service: str) -> bool:
    """Whether this is how moto says that it has no such operation. Amazon S3 answers HEAD with an empty 404."""
    status, _, body = found
    return status == 404 and (body == "Not yet implemented" or (body == "" and service != "s3"))


def _whole(body: Any) -> bytes:
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _service_model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


def _asked(request: Request) -> str:
    """What a request that is no known operation calls itself."""
    target = request.headers.get("X-Amz-Target") or ""
    return target.rpartition(".")[2] or request.form.get("Action", [""])[0] or request.method


def _protocol(service: str, request: Request) -> str:
    """The protocol in which the caller expects an error."""
    if service == "s3":
        return "s3"
    kind = request.headers.get("Content-Type", "")
    if kind.startswith("application/x-amz-json"):
        return "json"
    try:
        named = [str(one) for one in _service_model(service).metadata.get("protocols") or ()]
        first = str(_service_model(service).metadata["protocol"])
    except Exception:  # no service of this name
        return _form(request)
    if kind.startswith("application/x-www-form-urlencoded"):
        return "ec2" if "ec2" in (*named, first) else "query"
    return first


def _form(request: Request) -> str:
    """The protocol, as far as the request alone says it."""
    kind = request.headers.get("Content-Type", "")
    if request.headers.get("smithy-protocol"):
        return cbor.PROTOCOL
    if kind.startswith(("application/x-amz-json", "application/x-amz-cbor")):
        return "json"
    if kind.startswith("application/json"):
        return "rest-json"
    return "query" if kind.startswith("application/x-www-form-urlencoded") else "s3"


def _failed(what: str, error: Exception) -> tuple[int, str, str]:
    if isinstance(error, LabkitError):
        return errors.UNSUPPORTED, "Stopped", str(error)
    text = (
        f"The simulation of {what} failed ({type(error).__name__}: {error}). "
        "This is our fault, not yours. Please report it with the call you made."
    )
    return errors.UNSUPPORTED, "SimulationFailed", text
