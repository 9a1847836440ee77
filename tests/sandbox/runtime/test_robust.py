"""Whatever a function does, nothing is left behind and everybody else goes on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.runtime import Pool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
ROOT = Path(__file__).resolve().parents[3]
ECHO = "def handler(event, context): return event"


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def stands_still(pid: int, within: float = 1.0) -> bool:
    end = time.monotonic() + within
    while (state := Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) != "T":
        if time.monotonic() > end:
            break
    return state == "T"


def gone(pid: int, within: float = 3.0) -> bool:
    end = time.monotonic() + within
    while alive(pid) and time.monotonic() < end:
        pass
    return not alive(pid)


def ends() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def family(pid: int) -> set[str]:
    """The children of a process; one that nobody reaped counts as "zombie"."""
    return {
        stat.parent.name if fields[0] != "Z" else "zombie"
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (fields := _fields(stat)) and fields[1] == str(pid)
    }


def _fields(stat: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()
    return []


@pytest.mark.parametrize("mode", ["fork", "spawn"])
def test_nothing_leaks(sandbox: Sandbox, functions_on: Any, mode: str) -> None:
    def one_of_each(pool: Pool) -> None:
        for code in (ECHO, "import nothing", "import os\ndef handler(event, context): os._exit(1)"):
            running = functions_on(pool)
            running.run(code)
            running.started[0].stop()

    with Pool(sandbox, mode=mode) as pool:
        one_of_each(pool)
        before, children = ends(), family(os.getpid())
        one_of_each(pool)
        one_of_each(pool)
        assert ends() == before
        assert family(os.getpid()) == children
        assert pool.environments == ()
        assert list(pool._folder.glob("env-*")) == []
        if pool._template is not None:
            assert family(pool._template.program.pid) == set()


def test_a_stopped_pool_leaves_nothing_and_can_start_again(sandbox: Sandbox, functions_on: Any) -> None:
    before, children = ends(), family(os.getpid())
    pool = Pool(sandbox)
    functions = functions_on(pool)
    for _ in range(2):
        environment = functions.start(ECHO)
        assert functions.value(functions.call(environment, 7)) == 7
        folder, pid, template = pool._folder, environment.pid, pool._template.program.pid
        pool.stop()
        assert not folder.exists()
        assert not alive(pid)
        assert not alive(template)
        assert ends() == before
        assert family(os.getpid()) == children
    pool.stop()


def test_somebody_kills_the_worker(functions: Any) -> None:
    idle = functions.start(ECHO)
    os.kill(idle.pid, signal.SIGKILL)
    result = functions.call(idle)
    assert result.error.message.endswith("Runtime exited with error: signal: killed")
    busy = functions.start("import threading\ndef handler(event, context): threading.Event().wait()")
    timer = threading.Timer(0.2, lambda: os.kill(busy.pid, signal.SIGKILL))
    timer.start()
    result = functions.call(busy)
    timer.join()
    assert (result.error.type, result.reason) == ("Runtime.ExitError", "exit")


def test_a_function_that_closes_everything(functions: Any) -> None:
    code = "import os\ndef handler(event, context):\n    print('before')\n    os.closerange(0, 4096)\n    return 1"
    environment = functions.start(code)
    result = functions.call(environment)
    assert result.error.type == "Runtime.ExitError"
    assert result.logs == "before\n"
    assert gone(environment.pid)


def test_a_function_that_closes_its_output(functions: Any) -> None:
    code = """
    import os, sys
    def handler(event, context):
        sys.stdout.close()
        os.close(1)
        os.close(2)
        return 1
    """
    environment = functions.start(code)
    assert functions.value(functions.call(environment)) == 1


def test_noise_on_the_line(functions: Any) -> None:
    code = """
    import os
    def handler(event, context):
        for number in range(3, 200):
            try:
                os.write(number, b"\\xff" * 100)
            except OSError:
                pass
        return 1
    """
    result = functions.run(code)
    assert result.error is None or result.error.type == "Runtime.ExitError"


def test_a_forked_child_that_returns_like_its_parent(functions: Any) -> None:
    code = """
    import os
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return [calls, child != 0]
    """
    environment = functions.start(code)
    for number in (1, 2, 3):
        assert functions.value(functions.call(environment)) == [number, True]


@pytest.mark.parametrize(
    "leave",
    [
        "subprocess.Popen(['sleep', '60']).pid",
        "subprocess.Popen(['sleep', '60'], start_new_session=True).pid",
        "int(subprocess.getoutput('setsid sleep 60 >/dev/null 2>&1 & echo $!'))",
        "daemon()",
    ],
)
def test_programs_that_outlive_the_call_end_with_the_environment(functions: Any, leave: str) -> None:
    code = f"""
    import os, subprocess, time
    def daemon():
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(write, str(os.getpid()).encode())
                os.execvp("sleep", ["sleep", "60"])
            os._exit(0)
        os.wait()
        return int(os.read(read, 20))
    def handler(event, context):
        return {leave}
    """
    environment = functions.start(code)
    pid = functions.value(functions.call(environment))
    assert alive(pid)
    environment.stop()
    assert gone(pid)


def test_what_is_left_running_stands_still_until_the_next_call(functions: Any) -> None:
    code = """
    import itertools, threading, time
    count = itertools.count()
    last = 0
    def work():
        global last
        while True:
            last = next(count)
    threading.Thread(target=work, daemon=True).start()
    def handler(event, context):
        before = last
        end = time.perf_counter() + 0.1
        while time.perf_counter() < end: pass
        return [before, last]
    """
    environment = functions.start(code)
    assert stands_still(environment.pid)
    first = functions.value(functions.call(environment))
    assert first[1] > first[0]
    assert stands_still(environment.pid)
    assert functions.value(functions.call(environment))[1] > first[1]


def test_a_thread_that_calls_aws_between_calls_waits_for_the_next(functions: Any, sandbox: Sandbox) -> None:
    sandbox.client("sqs").create_queue(QueueName="orders")
    code = """
    import boto3, threading
    sqs = boto3.client("sqs")
    done = []
    def work():
        for _ in range(200):
            done.append(sqs.get_queue_url(QueueName="orders"))
    def handler(event, context):
        if not event:
            threading.Thread(target=work).start()
        else:
            while len(done) < 200: pass
        return len(done)
    """
    environment = functions.start(code, timeout_s=60)
    functions.value(functions.call(environment))
    assert functions.value(functions.call(environment, True)) == 200


def test_an_interrupt_ends_the_environment_and_leaves_nothing(functions: Any) -> None:
    environment = functions.start("import threading\ndef handler(event, context): threading.Event().wait()")
    pid, folder = environment.pid, environment._folder
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        functions.call(environment)
    timer.join()
    assert gone(pid)
    assert not environment.alive
    assert not folder.exists()


def test_an_interrupt_while_it_starts(functions: Any) -> None:
    before = functions.pool.environments
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        functions.start("import threading\nthreading.Event().wait()")
    timer.join()
    assert functions.pool.environments == before


def test_the_warm_process_is_killed(new_pool: Callable[..., Pool], functions_on: Any) -> None:
    pool = new_pool(patience=9.0)
    functions = functions_on(pool)
    environment = functions.start(ECHO)
    os.kill(pool._template.program.pid, signal.SIGKILL)
    assert gone(environment.pid)
    assert functions.call(environment).error.type == "Runtime.ExitError"
    assert functions.value(functions.call(functions.start(ECHO), 5)) == 5


def test_somebody_stops_an_environment_during_a_call(functions: Any, sandbox: Sandbox) -> None:
    environment = functions.start("import threading\ndef handler(event, context): threading.Event().wait()")
    timer = threading.Timer(0.2, environment.stop)
    timer.start()
    result = functions.call(environment)
    timer.join()
    assert (result.error.type, result.alive) == ("Runtime.ExitError", False)


def test_a_call_that_stops_its_own_environment(
    functions: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a function deletes itself."""
    from moto.sqs.responses import SQSResponse

    code = "import boto3\ndef handler(event, context): boto3.client('sqs').create_queue(QueueName='orders')"
    environment = functions.start(code)
    original = SQSResponse.create_queue

    def create_queue(self: Any) -> Any:
        environment.stop()
        return original(self)

    monkeypatch.setattr(SQSResponse, "create_queue", create_queue)
    result = functions.call(environment)
    assert (result.error.type, result.alive) == ("Runtime.ExitError", False)


def test_many_at_once(functions: Any) -> None:
    environments = [functions.start(ECHO) for _ in range(20)]
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        for _ in range(20):
            results[number] = functions.value(functions.call(environments[number], number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: number for number in range(20)}


def test_cold_starts_from_many_threads(functions: Any) -> None:
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(functions.value(functions.run(ECHO, n))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(8))


@pytest.mark.parametrize("how", ["os._exit(0)", "os.kill(os.getpid(), 9)", "pass"])
def test_everything_ends_with_the_notebook(how: str) -> None:
    program = f"""
import io, json, os, sys, zipfile
sys.path.insert(0, {str(ROOT)!r})
from labkit.sandbox import Sandbox
from labkit.sandbox.runtime import FunctionSpec, Invocation, Pool
data = io.BytesIO()
with zipfile.ZipFile(data, "w") as archive:
    code = "import subprocess\\ndef handler(event, context): return subprocess.Popen(['sleep', '60']).pid"
    archive.writestr("app.py", code)
pool = Pool(Sandbox().start())
environment = pool.start(FunctionSpec("orders", "app.handler", data.getvalue()))
child = json.loads(environment.invoke(Invocation()).payload)
print(json.dumps([str(pool._folder), pool._template.program.pid, environment.pid, child]), flush=True)
{how}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    folder, *pids = json.loads(done.stdout)
    assert all(gone(pid) for pid in pids), done.stderr
    end = time.monotonic() + 3
    while Path(folder).exists() and time.monotonic() < end:
        pass
    assert not Path(folder).exists()
    assert "Traceback" not in done.stderr
