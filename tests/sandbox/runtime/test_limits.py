"""Time, memory, processes and size: what a function may not exceed, and how it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from labkit.sandbox.runtime import MOST_REPLY, Pool

PATIENCE = 0.4


@pytest.fixture
def hurried(new_pool: Callable[..., Pool], functions_on: Callable[[Pool], Any]) -> Any:
    """Functions on a pool that waits for busy ones no longer than it must."""
    return functions_on(new_pool(patience=PATIENCE))


def ended(result: Any, how: str) -> None:
    assert result.error.message.split(" Error: ")[1] == how
    assert json.loads(result.payload) == {
        "errorType": result.error.type,
        "errorMessage": result.error.message,
    }
    assert (result.alive, result.function_error) == (False, "Unhandled")


def test_a_busy_loop_is_ended(hurried: Any) -> None:
    environment = hurried.start(
        "def handler(event, context):\n    print('begin')\n    while True: pass", timeout_s=900
    )
    began = time.perf_counter()
    result = hurried.call(environment)
    assert time.perf_counter() - began < 4 * PATIENCE + 0.5
    ended(result, "Task timed out after 900.00 seconds")
    assert (result.reason, result.logs) == ("timeout", "begin\n")
    assert 900_000 <= result.duration_ms < 901_000


def test_waiting_for_ever_is_ended(functions: Any) -> None:
    result = functions.run(
        "import threading\ndef handler(event, context): threading.Event().wait()", timeout_s=0.2
    )
    ended(result, "Task timed out after 0.20 seconds")


def test_a_busy_loop_while_loading_is_ended(hurried: Any) -> None:
    environment = hurried.start("print('loading')\nwhile True: pass")
    assert (environment.alive, environment.init_logs) == (False, "loading\n")
    assert hurried.call(environment).error.type == "Sandbox.Timedout"


def test_signals_do_not_save_a_function(hurried: Any) -> None:
    code = """
    import signal
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    def handler(event, context):
        while True: pass
    """
    ended(hurried.run(code), "Task timed out after 3.00 seconds")


def test_a_memory_bomb(functions: Any) -> None:
    code = """
    def handler(event, context):
        print("filling")
        held = []
        while True:
            held.append(bytearray(1_000_000))
    """
    result = functions.run(code)
    ended(result, "Runtime exited with error: signal: killed")
    assert (result.error.type, result.reason, result.max_memory_mb) == ("Runtime.OutOfMemory", "memory", 128)
    assert "128 MB" in result.error.note
    assert result.logs == "filling\n"


def test_a_memory_bomb_while_loading(functions: Any) -> None:
    result = functions.run(
        "held = [bytearray(1_000_000) for _ in range(1000)]\ndef handler(event, context): pass"
    )
    assert (result.error.type, result.reason) == ("Runtime.OutOfMemory", "memory")


@pytest.mark.parametrize(
    ("memory_mb", "size_mb", "fits"), [(128, 90, True), (128, 140, False), (256, 140, True)]
)
def test_memory_is_what_was_asked_for(functions: Any, memory_mb: int, size_mb: int, fits: bool) -> None:
    result = functions.run(
        "def handler(event, context):\n    held = bytearray(event << 20)\n    return len(held) >> 20",
        size_mb, memory_mb=memory_mb,
    )  # fmt: skip
    if fits:
        assert functions.value(result) == size_mb
        assert size_mb < result.max_memory_mb <= memory_mb
    else:
        assert result.error.type == "Runtime.OutOfMemory"


def test_shared_memory_counts_too(functions: Any) -> None:
    result = functions.run("import mmap\ndef handler(event, context): mmap.mmap(-1, 2 << 30)")
    assert result.error is not None


def test_threads_fit_into_little_memory(functions: Any) -> None:
    code = """
    from concurrent.futures import ThreadPoolExecutor
    import threading
    def handler(event, context):
        gate = threading.Barrier(30)
        with ThreadPoolExecutor(30) as pool:
            return sum(pool.map(lambda _: gate.wait() >= 0, range(30)))
    """
    assert functions.value(functions.run(code)) == 30


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit()", "Runtime exited without providing a reason"),
        ("sys.exit(7)", "Runtime exited with error: exit status 7"),
        ("sys.exit('no apples')", "Runtime exited with error: exit status 1"),
        ("exit(2)", "Runtime exited with error: exit status 2"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 15)", "Runtime exited with error: signal: terminated"),
        ("ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
        ("raise_(KeyboardInterrupt())", "Runtime exited with error: exit status 130"),
        ("raise_(BaseException('odd'))", "Runtime exited with error: exit status 1"),
        ("os.execv('/bin/true', ['true'])", "Runtime exited with error: signal: killed"),
    ],
)
def test_how_a_process_can_end(functions: Any, how: str, said: str) -> None:
    code = f"""
    import ctypes, os, sys
    def raise_(error): raise error
    def handler(event, context):
        print("last words", end="")
        {how}
    """
    environment = functions.start(code)
    result = functions.call(environment)
    if "execv" in how:
        assert result.error.type == "Runtime.ExitError"
        return
    ended(result, said)
    assert (result.error.type, result.reason) == ("Runtime.ExitError", "exit")
    assert result.logs.startswith("last words")
    assert ("no apples" in result.logs) == ("no apples" in how)
    assert ("Traceback" in result.logs) == ("raise_" in how)


def test_leaving_while_loading(functions: Any) -> None:
    result = functions.run("import sys\nsys.exit(4)")
    ended(result, "Runtime exited with error: exit status 4")
    assert result.error.message.startswith(f"RequestId: {functions.REQUEST} ")


def test_a_reply_that_is_too_large(functions: Any) -> None:
    environment = functions.start("def handler(event, context): return 'x' * event", memory_mb=256)
    fits = functions.call(environment, MOST_REPLY - 2)
    assert len(functions.value(fits)) == MOST_REPLY - 2
    result = functions.call(environment, 7_000_000)
    assert result.error.type == "Function.ResponseSizeTooLarge"
    assert (
        result.error.message
        == f"Response payload size exceeded maximum allowed payload size ({MOST_REPLY} bytes)."
    )
    assert (result.reason, result.alive) == ("size", False)
    assert "7,000,002 bytes" in result.error.note


def test_a_fork_bomb_of_python(hurried: Any) -> None:
    code = """
    import os
    def handler(event, context):
        while True:
            os.fork()
    """
    result = hurried.run(code, timeout_s=900)
    assert result.error is not None
    assert result.error.type in ("BlockingIOError", "Sandbox.Timedout", "Runtime.ExitError")


def test_programs_without_end(functions: Any) -> None:
    code = (
        "import os\ndef handler(event, context): os.system('for i in $(seq 400); do sleep 30 & done; wait')"
    )
    result = functions.run(code, timeout_s=900)
    assert (result.error.type, result.reason, result.alive) == ("Runtime.ExitError", "processes", False)
    assert "more than 64 processes" in result.error.note


def test_starting_programs_again_and_again_is_no_bomb(functions: Any) -> None:
    code = """
    import os
    def handler(event, context):
        for _ in range(150):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        return "fine"
    """
    assert functions.value(functions.run(code)) == "fine"


def test_the_disk_is_limited(functions: Any) -> None:
    one = (
        "def handler(event, context):\n    with open('/tmp/big', 'wb') as file: file.write(bytes(20_000_000))"
    )
    assert functions.run(one, ephemeral_mb=10).error.type == "OSError"
    assert functions.run(one, ephemeral_mb=30).error is None
    many = """
    def handler(event, context):
        for number in range(60):
            with open(f"/tmp/{number}", "wb") as file: file.write(bytes(1_000_000))
    """
    result = functions.run(many, ephemeral_mb=10)
    assert result.error.message == "[Errno 28] No space left on device: '/tmp'"
