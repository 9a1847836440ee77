"""A function stays in its folders and reaches nothing but its account: with the kernel's help, and without."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit.sandbox.runtime import Pool
from labkit.sandbox.runtime.worker import kernel

TRY = """
import ctypes, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, urllib.request
def attempt(source, event):
    try:
        return repr(eval(source, globals(), {"event": event}))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
def handler(event, context):
    return [attempt(source, event) for source in event["try"]]
"""


@pytest.fixture(params=[True, False], ids=["kernel", "python alone"])
def fenced(request: pytest.FixtureRequest, new_pool: Callable[..., Pool], functions_on: Any) -> Any:
    return functions_on(new_pool(kernel_walls=request.param))


@pytest.fixture
def attempt(fenced: Any) -> Callable[..., list[str]]:
    def run(*sources: str, **event: object) -> list[str]:
        found: list[str] = fenced.value(fenced.run(TRY, {"try": sources, **event}))
        return found

    return run


@pytest.fixture
def secret() -> Iterator[Path]:
    """A file of the learner's. Not under /tmp: a function would not even see it there."""
    here = Path(__file__).resolve().parent
    if here.is_relative_to("/tmp"):
        pytest.skip("the clone itself is under the folder that functions have their own of")
    with tempfile.TemporaryDirectory(dir=here, prefix=".learner-") as folder:
        file = Path(folder) / "secret.txt"
        file.write_text("the learner's own")
        yield file


def test_it_changes_nothing_outside_tmp(attempt: Any, secret: Path) -> None:
    said = attempt(
        "open(event['file'], 'w')",
        "open(event['file'], 'a')",
        "open('/var/task/app.py', 'w')",
        "open('notes.txt', 'x')",
        "os.open(event['file'], os.O_RDWR)",
        "os.remove(event['file'])",
        "os.rename(event['file'], '/tmp/mine')",
        "os.replace('/var/task/app.py', '/tmp/mine')",
        "os.mkdir(event['folder'] + '/new')",
        "os.rmdir(event['folder'])",
        "os.symlink('/tmp', event['folder'] + '/link')",
        "os.link(event['file'], '/tmp/link')",
        "os.truncate(event['file'], 0)",
        "os.chmod(event['file'], 0)",
        "os.utime(event['file'])",
        "shutil.copy('/var/task/app.py', event['folder'])",
        "pathlib.Path(event['file']).unlink()",
        "tempfile.NamedTemporaryFile(dir=event['folder'])",
        "__import__('sqlite3').connect(event['folder'] + '/new.db')",
        file=str(secret),
        folder=str(secret.parent),
    )
    assert [text for text in said if "Read-only file system" not in text] == []
    assert secret.read_text() == "the learner's own"
    assert list(secret.parent.iterdir()) == [secret]


def test_the_message_is_that_of_aws(attempt: Any) -> None:
    (said,) = attempt("open('/var/task/notes.txt', 'w')")
    assert said == "OSError: [Errno 30] Read-only file system: '/var/task/notes.txt'"


def test_it_reads_nothing_of_the_learners(attempt: Any, secret: Path) -> None:
    said = attempt(
        "open(event['file']).read()",
        "os.listdir(event['folder'])",
        "list(os.scandir(event['folder']))",
        "os.symlink(event['file'], '/tmp/link') or open('/tmp/link').read()",
        "os.symlink(event['folder'], '/tmp/folder') or open('/tmp/folder/secret.txt').read()",
        "open('/tmp/../..' + event['file']).read()",
        "open('/proc/self/cwd/../../../../../../..' + event['file']).read()",
        file=str(secret),
        folder=str(secret.parent),
    )
    assert [text for text in said if "FileNotFoundError" not in text and "PermissionError" not in text] == []
    assert "No such file in the function's environment" in said[0]


def test_the_machines_tmp_is_out_of_sight(attempt: Any, tmp_path: Path) -> None:
    if not tmp_path.is_relative_to("/tmp"):
        pytest.skip("the tests' own folder is elsewhere")
    (tmp_path / "x").touch()
    said = attempt(
        "open(event['file'])", "os.path.exists(event['file'])", "os.listdir('/tmp')", file=f"{tmp_path}/x"
    )
    assert "No such file" in said[0]
    assert said[1:] == ["False", "[]"]


def test_what_it_may_read(attempt: Any) -> None:
    said = attempt(
        "open(os.__file__).read()[:3]", "len(open('/etc/hosts').read()) > 0", "open('/dev/null', 'w').write('x')",
        "open('/tmp/x', 'w').write('x')", "open('app.py').read()[:7]", "len(os.listdir('/var/task'))",
    )  # fmt: skip
    assert said == ["'r\"\"'", "True", "1", "1", "'\\nimport'", "1"]


def test_a_link_in_tmp_opens_no_door(attempt: Any, secret: Path) -> None:
    said = attempt(
        "os.symlink(event['folder'], '/tmp/door')",
        "open('/tmp/door/secret.txt', 'w')",
        "os.remove('/tmp/door/secret.txt')",
        "os.mkdir('/tmp/door/new')",
        folder=str(secret.parent),
    )
    assert all("Read-only file system" in text for text in said[1:])
    assert secret.read_text() == "the learner's own"


def test_relative_to_an_open_folder(attempt: Any, secret: Path) -> None:
    said = attempt(
        "os.mkdir('/tmp/a') or os.mkdir('b', dir_fd=os.open('/tmp/a', os.O_RDONLY))",
        "os.close(os.open('c', os.O_CREAT | os.O_WRONLY, dir_fd=os.open('/tmp/a', os.O_RDONLY)))",
        "shutil.rmtree('/tmp/a')",
        "os.listdir('/tmp')",
        "os.mkdir('b', dir_fd=os.open('/', os.O_RDONLY))",
    )
    assert said[:4] == ["None", "None", "None", "[]"]
    assert "Read-only file system" in said[4] or "Permission denied" in said[4]


def test_no_network(attempt: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        said = attempt(
            "socket.create_connection(('127.0.0.1', event['port']), 1)",
            "socket.create_connection(('example.com', 80), 1)",
            "socket.getaddrinfo('example.com', 80)",
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', event['port']))",
            "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
            "socket.socket(socket.AF_UNIX).connect('\\0bus')",
            "socket.create_server(('127.0.0.1', 0))",
            "urllib.request.urlopen('http://127.0.0.1:' + str(event['port']), timeout=1)",
            port=port,
        )
    assert [text for text in said if "no network" not in text and "Read-only" not in text] == []


def test_it_signals_nobody_else(attempt: Any) -> None:
    said = attempt(
        "os.kill(event['pid'], 0)", "os.kill(-1, 0)", "os.kill(1, 0)", "os.killpg(event['group'], 0)",
        "os.kill(os.getppid(), 0)", "os.kill(os.getpid(), 0)", "os.killpg(os.getpgrp(), 0)",
        "subprocess.Popen(['sleep', '30']).kill()",
        pid=os.getpid(), group=os.getpgrp(),
    )  # fmt: skip
    assert all("PermissionError: [Errno 1]" in text for text in said[:5])
    assert said[5:] == ["None"] * 3


def test_it_looks_into_no_other_process(attempt: Any) -> None:
    said = attempt(
        "open('/proc/%d/environ' % event['pid']).read()", "open('/proc/1/cmdline').read()",
        "len(open('/proc/self/status').read()) > 0", "len(open('/proc/meminfo').read()) > 0",
        pid=os.getpid(),
    )  # fmt: skip
    assert all("No such file" in text or "Permission" in text for text in said[:2])
    assert said[2:] == ["True", "True"]


def test_limits_cannot_be_raised(attempt: Any) -> None:
    said = attempt(
        "__import__('resource').setrlimit(9, (-1, -1))",
        "__import__('resource').prlimit(event['pid'], 7, (5, 5))",
        "__import__('resource').setrlimit(7, (200, 200))",
        pid=os.getpid(),
    )
    assert "not allowed to raise maximum limit" in said[0]
    assert "PermissionError" in said[1]
    assert said[2] == "None"


def test_python_programs_have_no_network_either(attempt: Any) -> None:
    program = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    (said,) = attempt("subprocess.run([sys.executable, '-c', event['program']], capture_output=True, text=True).stderr",
                      program=program)  # fmt: skip
    assert (
        "The lab stopped a connection" in said or "unreachable" in said.lower() or "Permission denied" in said
    )


@pytest.mark.skipif(not kernel.landlock_version(), reason="this kernel has no Landlock")
def test_with_the_kernels_help_programs_and_c_code_are_held_too(functions: Any, secret: Path) -> None:
    event = {
        "try": [
            "subprocess.run(['sh', '-c', 'echo x > ' + event['file']], capture_output=True, text=True).stderr",
            "subprocess.run(['rm', event['file']], capture_output=True, text=True).returncode",
            "subprocess.run(['cat', event['file']], capture_output=True, text=True).stdout",
            "subprocess.run(['cat', '/proc/%d/environ' % event['pid']], capture_output=True).stdout",
            "ctypes.CDLL(None).open(event['file'].encode(), 1)",
            "ctypes.CDLL(None).open(event['file'].encode(), 0)",
            "ctypes.CDLL(None).unlink(event['file'].encode())",
            "subprocess.run('echo $((1+1)) > $TMPDIR/sum; cat $TMPDIR/sum', shell=True, capture_output=True).stdout",
        ],
        "file": str(secret),
        "pid": os.getpid(),
    }
    said = functions.value(functions.run(TRY, event))
    assert "Permission denied" in said[0]
    assert said[1:] == ["1", "''", "b''", "-1", "-1", "-1", "b'2\\n'"]
    assert secret.read_text() == "the learner's own"


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_with_the_kernels_help_no_program_has_a_network(functions: Any) -> None:
    code = "import os\ndef handler(event, context): return sorted(open('/proc/net/dev').read().split())"
    words = functions.value(functions.run(code))
    if any(word.startswith(("eth", "ens", "wl")) for word in words):
        pytest.skip("this machine lets no ordinary process leave the network")
    assert json.dumps(words).count(":") <= 1
