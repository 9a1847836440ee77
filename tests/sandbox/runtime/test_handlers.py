"""What a handler returns, and what goes wrong before and in it, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labkit.sandbox.runtime import Invocation, PackageError


@pytest.mark.parametrize(
    ("returned", "json_text"),
    [
        ("None", "null"),
        ("{'a': [1, 2.5, True], 'name': 'Zoë'}", '{"a": [1, 2.5, true], "name": "Zoë"}'),
        ("Decimal('3')", "3"),
        ("Decimal('3.25')", "3.25"),
        ("b'already JSON'", "already JSON"),
    ],
)
def test_the_reply_is_json(functions: Any, returned: str, json_text: str) -> None:
    result = functions.run(f"from decimal import Decimal\ndef handler(event, context): return {returned}")
    assert result.payload.decode() == json_text
    assert (result.error, result.function_error, result.reason, result.alive) == (None, "", "", True)


def test_the_event_arrives_as_it_was_sent(functions: Any) -> None:
    event = {"id": 7, "fruit": "Äpfel", "deep": [{"x": None}], "big": 2**60}
    assert functions.value(functions.run("def handler(event, context): return event", event)) == event


def test_an_exception_comes_back_with_its_stack(functions: Any) -> None:
    result = functions.run(
        """
        class OutOfApples(Exception):
            pass

        def pick():
            raise OutOfApples("none left")

        def handler(event, context):
            pick()
        """
    )
    said = json.loads(result.payload)
    assert (result.function_error, result.alive, result.reason) == ("Unhandled", True, "")
    assert list(said) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (said["errorType"], said["errorMessage"]) == ("OutOfApples", "none left")
    assert said["requestId"] == functions.REQUEST
    first, second = said["stackTrace"]
    assert first.startswith('  File "/var/task/app.py", line 9, in handler\n    pick()\n')
    assert 'line 6, in pick\n    raise OutOfApples("none left")\n' in second
    assert result.logs.startswith("[ERROR] OutOfApples: none left\rTraceback (most recent call last):\r")
    assert "\N{NO-BREAK SPACE}" in result.logs
    assert (result.error.type, result.error.message) == ("OutOfApples", "none left")


def test_the_environment_lives_on_after_an_exception(functions: Any) -> None:
    environment = functions.start(
        "calls = []\ndef handler(event, context):\n    calls.append(event)\n    return len(calls) // (event or 0)"
    )
    assert functions.call(environment, 0).error.type == "ZeroDivisionError"
    assert functions.value(functions.call(environment, 1)) == 2


@pytest.mark.parametrize(
    ("code", "handler", "kind", "message"),
    [
        ("import orchard", "app.handler", "Runtime.ImportModuleError",
         "Unable to import module 'app': No module named 'orchard'"),
        ("", "main.handler", "Runtime.ImportModuleError",
         "Unable to import module 'main': No module named 'main'"),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def handler(event, context)\n    return 1", "app.handler", "Runtime.UserCodeSyntaxError",
         "Syntax error in module 'app': expected ':' (app.py, line 1)"),
        ("", "handler", "Runtime.MalformedHandlerName",
         "Bad handler 'handler': not enough values to unpack (expected 2, got 1)"),
        ("", "sys.exit", "Runtime.BuiltInModuleConflict",
         "Cannot use built-in module sys as a handler module"),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_start(
    functions: Any, code: str, handler: str, kind: str, message: str
) -> None:
    environment = functions.start(code, handler=handler)
    assert not environment.alive
    assert kind in environment.init_logs
    result = functions.call(environment)
    assert (result.error.type, result.error.message) == (kind, message)
    assert json.loads(result.payload)["requestId"] == functions.REQUEST
    assert (result.reason, result.alive, result.function_error) == ("init", False, "Unhandled")


def test_a_syntax_error_names_its_line(functions: Any) -> None:
    result = functions.run("def handler(event, context)\n    return 1")
    (entry,) = json.loads(result.payload)["stackTrace"]
    assert entry == '  File "/var/task/app.py" Line 1\n    def handler(event, context)\n'


def test_a_handler_in_a_folder(functions: Any) -> None:
    files = {"src/__init__.py": "", "src/api.py": "def run(event, context): return 'from a folder'"}
    for handler in ("src/api.run", "src.api.run"):
        assert functions.value(functions.run("", files=files, handler=handler)) == "from a folder"


@pytest.mark.parametrize(
    "value", ["{1, 2}", "object()", "{'when': __import__('datetime').date.today()}", "'\\udc80'"]
)
def test_a_reply_that_is_no_json(functions: Any, value: str) -> None:
    result = functions.run(f"def handler(event, context): return {value}")
    assert result.error.type == "Runtime.MarshalError"
    assert result.error.message.startswith("Unable to marshal response: ")
    assert result.alive


def test_a_reply_that_contains_itself(functions: Any) -> None:
    result = functions.run("def handler(event, context):\n    a = []\n    a.append(a)\n    return a")
    assert result.error.type == "Runtime.MarshalError"


def test_an_event_that_is_no_json(functions: Any) -> None:
    environment = functions.start("def handler(event, context): return event")
    result = environment.invoke(Invocation(b"{bad"))
    assert result.error.type == "Runtime.UnmarshalError"
    assert result.error.message.startswith("Unable to unmarshal input: ")


def test_a_recursion_without_end(functions: Any) -> None:
    environment = functions.start("def handler(event, context):\n    return event or handler(event, context)")
    result = functions.call(environment)
    assert result.error.type == "RecursionError"
    assert len(result.payload) < 50_000
    assert functions.value(functions.call(environment, 1)) == 1


def test_a_huge_message_is_cut_and_a_broken_exception_is_no_harm(functions: Any) -> None:
    result = functions.run("def handler(event, context): raise ValueError('x' * 50_000_000)", memory_mb=512)
    assert result.error.type == "ValueError"
    assert len(result.payload) < 400_000
    code = """
    class Odd(Exception):
        def __str__(self): raise RuntimeError("not even this works")
    def handler(event, context): raise Odd()
    """
    result = functions.run(code)
    assert (result.error.type, result.error.message) == ("Odd", "")


def test_a_package_that_is_no_zip(functions: Any) -> None:
    with pytest.raises(PackageError, match="no zip file"):
        functions.start(b"this is not a zip")


def test_what_the_machine_has_installed_is_not_there(functions: Any) -> None:
    code = """
    def has(name):
        try:
            __import__(name)
            return True
        except ModuleNotFoundError:
            return False
    def handler(event, context): return [name for name in event if has(name)]
    """
    names = [
        "moto",
        "pytest",
        "labkit",
        "IPython",
        "boto3",
        "botocore",
        "dateutil",
        "urllib3",
        "jmespath",
        "json",
    ]
    assert functions.value(functions.run(code, names)) == names[4:]
