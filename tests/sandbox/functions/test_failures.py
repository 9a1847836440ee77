"""Functions that go wrong in every way: AWS's answer, AWS's log line, and nothing else is harmed."""

# ruff: noqa: E501 (a row of a table, or of JavaScript, is one line)

from __future__ import annotations

import re
from typing import Any

import pytest

from labkit.sandbox import Sandbox

REQUEST = r"RequestId: [0-9a-f-]{36}"


@pytest.mark.parametrize(
    ("source", "settings", "kind", "message"),
    [
        ("def other(event, context): pass", {}, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("x = 1", {"Handler": "nothere.handler"}, "Runtime.ImportModuleError", "Unable to import module 'nothere': No module named 'nothere'"),
        ("import orchard_common", {}, "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'orchard_common'"),
        ("def handler(event, context)\n    pass", {}, "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("x = 1", {"Handler": "app"}, "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ("def handler(event, context):\n    while True: pass", {"Timeout": 1}, "Sandbox.Timedout", f"{REQUEST} Error: Task timed out after 1.00 seconds"),
        ("def handler(event, context):\n    x = bytearray(1 << 30)\n    return len(x)", {}, "Runtime.OutOfMemory", f"{REQUEST} Error: Runtime exited with error: signal: killed"),
        ("import os\ndef handler(event, context):\n    os._exit(3)", {}, "Runtime.ExitError", f"{REQUEST} Error: Runtime exited with error: exit status 3"),
        ("import sys\ndef handler(event, context):\n    sys.exit(0)", {}, "Runtime.ExitError", f"{REQUEST} Error: Runtime exited without providing a reason"),
        ("def handler(event, context):\n    return 'x' * 7_000_000", {"MemorySize": 512}, "Function.ResponseSizeTooLarge", r"exceeded maximum allowed payload size \(6291556 bytes\)"),
        ("def handler(event, context):\n    return {1, 2}", {}, "Runtime.MarshalError", "Unable to marshal response"),
        ("def handler(event, context):\n    open('/var/task/x', 'w')", {}, "OSError", "Read-only file system"),
    ],
)  # fmt: skip
def test_a_bad_function_gets_awss_error_and_harms_nobody(
    functions: Any, sandbox: Sandbox, source: str, settings: dict[str, Any], kind: str, message: str
) -> None:
    functions.make(name="good")
    functions.call({"word": "tea"}, "good")
    functions.make(source, **settings)
    error, answer = functions.call()
    assert answer["FunctionError"] == "Unhandled"
    assert answer["StatusCode"] == 200
    assert error["errorType"] == kind
    assert re.search(message, error["errorMessage"]), error
    last = functions.lines()[-1]
    assert last.startswith("REPORT RequestId: ")
    if kind == "Sandbox.Timedout":
        assert last.endswith("\tStatus: timeout")
        assert any("Task timed out after 1.00 seconds" in line for line in functions.lines())
    assert functions.runs()[-1].error == kind
    before = functions.runs()[0].params["ColdStart"]
    functions.call({"word": "milk"}, "good")
    assert (before, functions.runs()[-1].params["ColdStart"]) == (True, False)


def test_an_exception_has_a_stack_and_a_request_id(functions: Any) -> None:
    functions.make(functions.FAILS)
    error, _ = functions.call()
    assert error.keys() == {"errorMessage", "errorType", "requestId", "stackTrace"}
    assert "raise ValueError('no tea')" in error["stackTrace"][0]
    assert any(line.startswith("[ERROR] ValueError: no tea") for line in functions.lines())


def test_a_hundred_megabytes_of_output_are_cut(functions: Any) -> None:
    functions.make(
        "def handler(event, context):\n    for _ in range(1000): print('x' * 100_000)\n", Timeout=60
    )
    assert functions.call()[0] is None
    assert any("more bytes of output were dropped" in line for line in functions.lines())
    assert sum(map(len, functions.lines())) < 3_000_000


def test_children_are_ended_with_their_environment(functions: Any) -> None:
    functions.make(
        "import os, time\n"
        "def handler(event, context):\n"
        "    if os.fork() == 0:\n"
        "        while True: pass\n"
        "    return 'forked'\n"
    )
    assert functions.call()[0] == "forked"
    assert functions.call()[0] == "forked"


def test_a_container_image_is_refused_with_a_reason(functions: Any) -> None:
    functions.api.create_function(
        FunctionName="f", PackageType="Image", Role="arn:aws:iam::123456789012:role/orders",
        Code={"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/orders:1"},
    )  # fmt: skip
    for kind in ("RequestResponse", "Event"):
        code, message = functions.refused(functions.call, InvocationType=kind)
        assert code == "NotSimulated"
        assert "container image" in message


def test_a_package_that_breaks_later_is_told_as_aws_does(functions: Any, sandbox: Sandbox) -> None:
    functions.make()
    sandbox.backend("lambda").get_function("f").code_bytes = b"broken"
    assert functions.refused(functions.call)[0] == "InvalidZipFileException"


def test_client_context_reaches_the_function(functions: Any) -> None:
    import base64
    import json

    functions.make("def handler(event, context):\n    return context.client_context.custom\n")
    given = base64.b64encode(json.dumps({"custom": {"shop": "7"}}).encode()).decode()
    assert functions.call(ClientContext=given)[0] == {"shop": "7"}
    assert functions.refused(functions.call, ClientContext="%%%")[0] == "InvalidRequestContentException"


def test_the_old_asynchronous_call_still_works(functions: Any, sandbox: Sandbox) -> None:
    functions.make()
    assert functions.api.invoke_async(FunctionName="f", InvokeArgs=b"{}")["Status"] == 202
    sandbox.clock.advance(1)
    assert len(functions.runs()) == 1
    big = b'"' + b"x" * 262_144 + b'"'
    assert functions.refused(functions.api.invoke_async, FunctionName="f", InvokeArgs=big)[0] == (
        "RequestTooLargeException"
    )
