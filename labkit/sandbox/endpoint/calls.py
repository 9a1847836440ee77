"""One call from outside: in by the account's one door, and out again.

As for a call of boto3 in the notebook: the account's lock is held, what fell due is played before and after, the trace
gets one "call" event, and what this account cannot do comes back as one clear sentence.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from labkit.errors import LabkitError
from labkit.sandbox import dispatch, identity

from . import credentials, errors
from .errors import Refused
from .fronts import front_for
from .messages import Reply, Request
from .routing import FRONTS, Route, operation_of, route
from .urls import localise

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

    from .names import Names

NOWHERE: Final = "000000000000"
"""The account of access keys that name none, unless another is chosen."""
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

    def _answer(self, request: Request) -> Reply:
        name = self._names.read(request.host)
        if name.service in FRONTS and name.rest and not request.path.startswith("/@connections"):
            return front_for(name.service)(self._sandbox, name.rest, name.region, request)
        where = route(request, self._names)
        found = operation_of(where.service, request)
        return _Call(self._sandbox, request, where, found, self._others).made(self.domain)


class _Call:
    """One API call on its way through."""

    def __init__(self, sandbox: Sandbox, request: Request, where: Route, found: Any, others: str) -> None:
        self.sandbox = sandbox
        self.request = request
        self.where = where
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
        record = functools.partial(
            trace.record, "call", self.where.service, self.operation,
            caller=self.caller, params=params, sequence=sequence, time=at,
        )  # fmt: skip
        resource = dispatch._resource_of(params)
        with trace.caused_by(sequence, self.caller):
            try:
                credentials.require_harmless(sandbox, self.key, self.where.service)
                self._require_sense()
                answer = self._ask()
            except Refused as refused:
                answer = errors.reply(refused.status, refused.code, str(refused), self.protocol)
            sandbox.clock.catch_up()
        if answer.status >= 400:
            code, message = errors.read(answer)
            record(resource=resource, error=code, message=message)
        else:
            record(resource=resource or self.request.path, result={})
        answer.body = localise(self.where.service, self.operation, answer.body, self.request.host or domain, domain)
        return answer

    def _params(self) -> dict[str, Any]:
        """The parameters for the trace: as the model names them, secrets hidden."""
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
        shown = dispatch.shorten(parsed, self.model.input_shape)
        return shown if isinstance(shown, dict) else {}

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
        if self.where.service == "s3" and request.method in ("GET", "PUT", "HEAD", "POST", "DELETE", "OPTIONS"):
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
        if found is None or (found[0] == 404 and found[2] in ("Not yet implemented", "")) and not self._may_be_empty():
            text = f"{name} is not simulated here; it exists on AWS. lab.fidelity() lists what is simulated."
            raise Refused(errors.UNSUPPORTED, "NotSimulated", text)
        return Reply.of(found)

    def _may_be_empty(self) -> bool:
        return self.where.service == "s3"  # a HEAD of something that is not there

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
    if kind.startswith("application/x-amz-json"):
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
