"""Nothing of one notebook is seen by another, and none has more than it may have."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from labkit.engine.play import MB
from tests.engine.kit import printed

LEAVES = """
import asyncio, os, random, signal, sys, tempfile, threading, builtins, warnings, uuid
os.environ["LEFT"] = "1"; os.chdir("/"); os.umask(0o077)
sys.modules["left"] = sys; sys.path.append("left"); builtins.left = 1; sys.setrecursionlimit(500)
random.seed(1); signal.signal(signal.SIGUSR1, lambda *_: None); signal.alarm(100)
threading.Thread(target=threading.Event().wait, daemon=True).start()
import json; json.left = 1; warnings.simplefilter("error")
import boto3, labkit.sandbox
sandbox = labkit.sandbox.Sandbox().start()
boto3.client("sqs", region_name="eu-west-1").create_queue(QueueName="left")
open(os.path.join(tempfile.gettempdir(), "left"), "w").close()
"""
LOOKS = """
import asyncio, os, random, signal, sys, tempfile, threading, builtins, json, boto3, labkit.sandbox
seen = [
    os.environ.get("LEFT"), os.getcwd() == "/", oct(os.umask(0o022)), "left" in sys.modules, "left" in sys.path,
    hasattr(builtins, "left"), sys.getrecursionlimit() == 500, signal.getsignal(signal.SIGUSR1).name,
    signal.alarm(0), threading.active_count(), hasattr(json, "left"), labkit.sandbox.running(),
    os.path.exists(os.path.join(tempfile.gettempdir(), "left")), dir().count("sandbox"),
]
with labkit.sandbox.Sandbox():
    seen.append(boto3.client("sqs", region_name="eu-west-1").list_queues().get("QueueUrls"))
print(seen)
"""


def test_nothing_of_one_notebook_is_seen_by_the_next(play):
    assert play(LEAVES).stop is None
    umask = os.umask(0o022)
    os.umask(umask)
    clean = [
        None,
        False,
        oct(umask),
        False,
        False,
        False,
        False,
        "SIG_DFL",
        0,
        1,
        False,
        None,
        False,
        0,
        None,
    ]
    assert printed(play(LOOKS)) == f"{clean}\n"


def test_what_is_drawn_by_lot_differs(play):
    draw = (
        "import random, uuid, secrets, tempfile, os, numpy\n"
        "from moto.moto_api._internal import mock_random\n"
        "print(random.random(), numpy.random.random(), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(4))\n"
        "print(mock_random.random(), os.path.basename(tempfile.mkdtemp()))\n"
        "print(get_ipython().kernel.session.session, get_ipython().kernel.ident)"
    )
    one, two = (printed(play(draw)).split() for _ in range(2))
    assert len(one) == 9
    assert not set(one) & set(two)


def test_an_endless_loop_is_stopped_and_keeps_what_it_showed(play):
    done = play("print('first')", "print('shown')\nwhile True: pass", cell=0.6)
    assert (done.stop.kind, done.stop.what, done.stop.cell) == ("timeout", "A cell ran for 0.6 s.", 1)
    assert printed(done, 0) == "first\n"
    assert printed(done, 1) == "shown\n"
    error = done.document["cells"][1]["outputs"][-1]
    assert (error["ename"], "line 2" in "".join(error["traceback"])) == ("KeyboardInterrupt", True), (
        "where it was"
    )


def test_what_does_not_answer_an_interrupt_is_killed(play):
    done = play(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf')\ntime.sleep(60)",
        cell=0.3,
    )
    assert done.stop.kind == "timeout"
    assert printed(done) == "deaf\n"


def test_a_notebook_of_many_short_cells_has_a_limit_too(play):
    done = play(*["import time; time.sleep(0.2)"] * 20, notebook=0.7)
    assert (done.stop.kind, done.stop.what) == ("timeout", "The notebook ran for 0.7 s.")


def test_too_much_memory_is_an_error_of_the_cell(play):
    done = play("print('small')\nbig = bytearray(400 << 20)", memory=200 * MB)
    assert (done.stop.kind, done.stop.cell) == ("error", 0)
    assert done.stop.what.startswith("MemoryError")
    assert printed(done).startswith("small\n")


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("import ctypes; ctypes.string_at(0)", "signal 11"),
    ],
)
def test_a_kernel_that_dies_is_told_with_what_it_had_shown(play, source, how):
    done = play("print('kept')", f"print('last words')\n{source}")
    assert (done.stop.kind, done.stop.what) == ("dead", f"The kernel died ({how}).")
    assert printed(done, 0) == "kept\n"
    assert printed(done, 1) == "last words\n"


def test_too_much_output_stops_a_notebook(play):
    done = play("while True:\n    print('x' * 100_000)", output=5 * MB)
    assert (done.stop.kind, done.stop.what) == ("limit", "It showed more than 5 MB.")
    done = play("import os\nos.system('yes')", output=5 * MB)
    assert (done.stop.kind, done.stop.what) == ("limit", "It showed more than 5 MB.")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to count processes")
def test_too_many_processes_stop_a_notebook_and_none_is_left(play):
    done = play(
        "import os, time\nfor _ in range(12):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)",
        processes=8,
    )
    assert done.stop.kind == "limit"
    assert done.stop.what.endswith("8 are allowed.")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find daemons")
def test_a_daemon_ends_with_its_notebook(play):
    done = play(
        "import subprocess, sys\n"
        "daemon = 'import os, time\\nif os.fork(): os._exit(0)\\nos.setsid()\\n'\n"
        "daemon += 'print(os.getpid(), flush=True)\\ntime.sleep(60)'\n"
        "process = subprocess.Popen([sys.executable, '-c', daemon], stdout=subprocess.PIPE, text=True)\n"
        "print(process.stdout.readline())"
    )
    pid = int(printed(done))
    end = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_a_notebook_may_delete_its_own_folder(play):
    done = play("import os, shutil\nshutil.rmtree(os.getcwd())", "print('still here')")
    assert done.stop is None
    assert printed(done) == "still here\n"


def test_one_bad_notebook_harms_no_other(host, prepare):
    bad = prepare("import os, signal\nos.kill(os.getppid(), 0)\nos.killpg(0, signal.SIGKILL)")
    good = [prepare("import time; time.sleep(0.2)", "print('good')") for _ in range(2)]
    done = list(host.play([good[0], bad, good[1]], workers=2))
    assert len(done) == 3
    assert bad.stop is not None
    assert [printed(one) for one in good] == ["good\n"] * 2


def test_a_prepared_process_that_was_killed_is_started_anew(prepare):
    from labkit.engine.host import Host

    with Host() as host:
        one, two = (
            prepare("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time; time.sleep(30)"),
            prepare("2"),
        )
        assert list(host.play([one, two], workers=1)) == [one, two]
    assert one.stop is not None
    assert "prepared process" in one.stop.what
    assert printed(two) == "2"
