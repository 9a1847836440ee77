"""A prepared process that stays: who may use it, what ends it, and that nothing depends on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.engine import launch, resident
from labkit.engine.host import Host
from labkit.errors import LabkitError
from labkit.workbook import notebooks, running
from tests.engine.kit import notebook, printed

PROGRAM = (
    "import sys; from pathlib import Path; from labkit.workbook import notebooks\n"
    "done = notebooks.run([Path(sys.argv[1])], Path(sys.argv[2]), resident=True)\n"
    "print(notebooks._host.pid, [fault.what for one in done for fault in one.faults], flush=True)\n"
)


@pytest.fixture(scope="module")
def shared_place() -> Iterator[Path]:
    """A place for sockets that no other module and no person uses. Its name is short: sockets need that."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        resident.leave()
    shutil.rmtree(folder)


@pytest.fixture
def own_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of one test."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    resident.leave()
    shutil.rmtree(folder)


@pytest.fixture
def staying(shared_place: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A process that stays; the test leaves it as it is."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared_place))
    return resident.stay()[0]


@pytest.fixture
def own(own_place: Path) -> int:
    """A process that stays for one test, which may end it."""
    pid, was_there = resident.stay()
    assert not was_there
    return pid


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def saved(path: Path, *cells: str) -> Path:
    path.write_text(json.dumps(notebook(*cells)))
    return path


def command(path: Path, tmp_path: Path, root: Path) -> subprocess.Popen[str]:
    """`labkit run` of one notebook."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(tmp_path / "kept")],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_shows_what_a_process_of_ones_own_shows(staying, host, prepare):
    cells = (
        "import boto3, labkit.sandbox\nsandbox = labkit.sandbox.Sandbox().start()",
        "print(boto3.client('sqs', region_name='eu-west-1').list_queues().get('QueueUrls'))\n1 / 0",
    )
    with Host(resident=True) as guest:
        (theirs,) = guest.play([prepare(*cells)])
        assert guest.pid is None, "no process of its own was started"
    (ours,) = host.play([prepare(*cells)])
    assert (theirs.stop, printed(theirs)) == (ours.stop, printed(ours))
    assert not is_gone(staying), "it outlives who used it"


def test_without_one_a_command_has_a_process_of_its_own(own_place, prepare):
    with Host(resident=True) as host:
        (done,) = host.play([prepare("6 * 7")])
        assert host.pid is not None
    assert printed(done) == "42"


@pytest.mark.slow
def test_a_stale_one_plays_nothing_and_is_replaced(own, prepare, monkeypatch):
    monkeypatch.setattr(resident, "stamp", lambda: "another state of the sources")
    with Host(resident=True) as host:
        (done,) = host.play([prepare("import os\nos.getppid()")])
        assert host.pid is None
    assert int(printed(done)) == resident.stay()[0] != own
    assert eventually(lambda: is_gone(own))


def test_a_changed_file_another_file_and_a_new_package_are_another_stamp(tmp_path, monkeypatch):
    places = [tmp_path / "labkit" / "one.py", tmp_path / "site-packages" / "new-1.dist-info" / "METADATA"]
    monkeypatch.setattr(resident, "root", lambda: tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site-packages")])
    seen = {resident.stamp()}
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_text("1")
        seen.add(resident.stamp())
    os.utime(places[0], ns=(1, 1))
    seen.add(resident.stamp())
    (tmp_path / "labkit" / "__pycache__").mkdir()
    assert resident.stamp() in seen
    assert len(seen) == 4


def test_another_environment_or_another_umask_is_another_address(own_place, monkeypatch):
    seen = {resident.address()}
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-2")
    seen.add(resident.address())
    monkeypatch.setenv("SHLVL", "7")
    seen.add(resident.address())
    mask = os.umask(0o027)
    try:
        seen.add(resident.address())
    finally:
        os.umask(mask)
    assert len(seen) == 3


def test_when_it_was_killed_commands_do_without(own, prepare):
    os.kill(own, signal.SIGKILL)
    assert eventually(lambda: is_gone(own))
    with Host(resident=True) as host:
        (done,) = host.play([prepare("6 * 7")])
    assert printed(done) == "42"
    assert not list(resident.address().parent.glob("*.sock")), "its socket is cleared away"


@pytest.mark.slow
def test_when_it_dies_under_a_notebook_that_one_is_played_again(own, tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "_host", None)
    once = tmp_path / "once"
    cell = f"import os, signal, time\nif not os.path.exists({str(once)!r}):\n    open({str(once)!r}, 'w').close()\n"
    cell += "    os.kill(os.getppid(), signal.SIGKILL)\n    time.sleep(60)"
    path = saved(tmp_path / "unlucky.ipynb", cell, "6 * 7")
    (verdict,) = notebooks.run([path], tmp_path / "kept", resident=True)
    assert verdict.faults == ()
    assert is_gone(own)
    notebooks._host.close()


def test_one_that_hangs_is_not_waited_for(staying, prepare, monkeypatch):
    monkeypatch.setattr(resident, "_PATIENCE", 0.3)
    os.kill(staying, signal.SIGSTOP)
    try:
        assert resident.join() is None
    finally:
        os.kill(staying, signal.SIGCONT)


def test_two_commands_use_it_at_once(staying, tmp_path, root):
    meet = "import os, time\nopen({!r}, 'w').close()\nwhile not os.path.exists({!r}): time.sleep(0.01)"
    signs = [str(tmp_path / name) for name in ("left", "right")]
    paths = [
        saved(tmp_path / f"{place}.ipynb", meet.format(*order))
        for place, order in enumerate((signs, signs[::-1]))
    ]
    commands = [command(path, tmp_path, root) for path in paths]
    assert [one.communicate(timeout=60)[0] for one in commands] == ["None []\n"] * 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_notebooks_of_a_command_end_with_it(staying, tmp_path, root, how):
    sign = tmp_path / "sign"
    cell = f"import os, time\nopen({str(sign)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    one = command(saved(tmp_path / "slow.ipynb", cell), tmp_path, root)
    assert eventually(lambda: sign.exists() and bool(sign.read_text()))
    one.send_signal(how)
    one.communicate(timeout=60)
    assert eventually(lambda: is_gone(int(sign.read_text())))
    assert not is_gone(staying)


def test_a_command_that_does_not_listen_stops_no_other(staying, prepare):
    path = resident.address()
    ours, theirs = launch.line()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with ours, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.connect(str(path))
        hello = json.dumps({"ask": "join", "stamp": resident.stamp()}).encode()
        socket.send_fds(door, [hello], [theirs.fileno()])
        assert json.loads(door.recv(1 << 12))["said"] == "welcome"
        theirs.close()
        for serial in range(20):
            child, end = socket.socketpair()
            settings = {"cwd": "/", "environ": {}, "memory": None, "parent": os.getpid()}
            with child, end, tempfile.TemporaryFile() as file:
                order = json.dumps({"fork": serial, "settings": settings}).encode()
                socket.send_fds(ours, [order], [end.fileno(), file.fileno(), file.fileno()])
        with Host(resident=True) as host:
            (done,) = host.play([prepare("6 * 7")])
            assert host.pid is None
    assert printed(done) == "42"


@pytest.mark.parametrize("words", [b"", b"{", b"[]", b'{"ask": 1}'])
def test_what_it_does_not_understand_does_it_no_harm(staying, words):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.connect(str(resident.address()))
        door.sendall(words)
        door.shutdown(socket.SHUT_WR)
        assert json.loads(door.recv(1 << 12))["said"] == "what?"
    assert resident.stay() == (staying, True)


@pytest.mark.slow
def test_it_ends_itself_when_nobody_needs_it(own_place):
    pid, _ = resident.stay(idle=0.5)
    assert eventually(lambda: is_gone(pid))
    assert not list(resident.address().parent.glob("*.sock"))


@pytest.mark.slow
def test_only_a_folder_that_nobody_else_can_enter_is_used(own, own_place):
    (own_place / "labkit").chmod(0o755)
    assert resident.join() is None
    with pytest.raises(LabkitError, match="a folder that only you can enter"):
        resident.stay()
    (own_place / "labkit").chmod(0o700)
    assert resident.leave() == 1


def test_the_folder_may_not_be_a_link(own_place, tmp_path):
    (own_place / "labkit").symlink_to(tmp_path, target_is_directory=True)
    assert resident.address() is None


def test_the_words_of_the_command_line(own_place, capsys):
    assert running.main(["--stay"]) == 0
    assert "A prepared process is there (process " in capsys.readouterr().out
    assert running.main(["--stay"]) == 0
    assert "A prepared process was there already" in capsys.readouterr().out
    assert running.main(["--leave"]) == 0
    assert capsys.readouterr().out == "1 prepared process sent away.\n"
    assert running.main(["--leave"]) == 0
    assert capsys.readouterr().out == "No prepared process was there.\n"
    with pytest.raises(LabkitError, match="stand alone"):
        running.main(["--stay", "16"])


def test_where_the_system_cannot_fork_it_says_so(monkeypatch):
    monkeypatch.setattr(running, "can_fork", lambda: False)
    with pytest.raises(LabkitError, match="This system cannot fork, so no prepared process can stay"):
        running.main(["--stay"])
    monkeypatch.setattr(resident, "can_fork", lambda: False)
    assert resident.join() is None
