"""What a notebook shows when it is played in a forked process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from labkit.engine.host import Host
from tests.engine.kit import code, printed


def test_cells_share_a_kernel_and_are_counted(play):
    done = play("x = 41", "", "x + 1")
    assert done.stop is None
    assert [cell["execution_count"] for cell in done.document["cells"]] == [1, None, 2]
    (output,) = done.document["cells"][2]["outputs"]
    assert output == {
        "output_type": "execute_result",
        "data": {"text/plain": "42"},
        "metadata": {},
        "execution_count": 2,
    }
    assert done.document["metadata"]["language_info"]["name"] == "python"


def test_an_error_ends_the_notebook_and_one_that_is_expected_does_not(play):
    done = play(code("1 / 0", "raises-exception"), "print('on')", "nowhere", "print('never')")
    assert (done.stop.kind, done.stop.cell) == ("error", 2)
    assert done.stop.what == "NameError: name 'nowhere' is not defined"
    assert printed(done, 1) == "on\n"
    assert done.document["cells"][3]["execution_count"] is None


def test_what_is_printed_comes_in_pieces_as_ipykernel_sends_them(play):
    done = play("import time\nprint('a'); time.sleep(0.25); print('b'); print('c', flush=True); print('d')")
    assert [output["text"] for output in done.document["cells"][0]["outputs"]] == ["a\n", "b\nc\n", "d\n"]


def test_text_from_c_shells_and_forked_processes_stands_in_its_place(play):
    done = play(
        "import os, ctypes\nprint(1)\nos.system('echo 2')\nprint(3)\n"
        "ctypes.CDLL(None).puts(b'4') and ctypes.CDLL(None).fflush(None)\n"
        "if (pid := os.fork()) == 0:\n    print(5)\n    os._exit(0)\nos.waitpid(pid, 0)\nprint(6)"
    )
    assert printed(done) == "1\n2\n3\n4\n5\n6\n"


def test_a_forked_process_that_runs_on_past_its_cell_plays_no_further_cell(play):
    done = play("import os\npid = os.fork()", "print('once', flush=True)", "import time; time.sleep(0.1)")
    assert done.stop is None
    assert printed(done, 1) == "once\n"


def test_a_lesson_can_wait_for_tasks_and_tasks_go_on_between_cells(play):
    done = play(
        "import asyncio\nasync def later():\n    await asyncio.sleep(0.05)\n    return 'done'\n"
        "task = asyncio.create_task(later())",
        "await task",
    )
    assert printed(done) == "'done'"


def test_an_output_widget_keeps_what_is_shown_inside_it(play):
    done = play(
        "import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    print('in')\nprint('past')",
        "len(out.outputs)",
    )
    assert printed(done, 0) == "past\n"
    assert printed(done, 1) == "1"
    state = done.document["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert [one["state"]["outputs"][0]["text"] for one in state.values() if "outputs" in one["state"]] == [
        "in\n"
    ]


def test_exit_ends_the_kernel_after_its_cell(play):
    done = play("exit()", "import time\ntime.sleep(0.5)", "'never'")
    assert done.stop is not None
    assert done.stop.kind == "dead"
    assert done.document["cells"][2]["execution_count"] is None


def test_exit_functions_run_at_the_end(play, tmp_path):
    mark = tmp_path / "mark"
    play(f"import atexit, pathlib\natexit.register(pathlib.Path({str(mark)!r}).touch)")
    assert mark.exists()


def test_two_workers_play_at_the_same_time(host: Host, prepare, tmp_path):
    """Each of two notebooks waits for a sign of the other."""
    wait = (
        "import pathlib, time\nhere = pathlib.Path({root!r})\n(here / 'sign{own}').touch()\n"
        "end = time.monotonic() + 20\n"
        "while not (here / 'sign{other}').exists() and time.monotonic() < end:\n    time.sleep(0.01)\n"
        "(here / 'sign{other}').exists()"
    )
    plays = [prepare(wait.format(root=str(tmp_path), own=own, other=1 - own)) for own in (0, 1)]
    assert [printed(done) for done in host.play(plays, workers=2)] == ["True", "True"]


def test_the_next_notebook_is_asked_for_only_when_a_worker_is_free(host: Host, prepare):
    asked = []

    def plays():
        for number in range(3):
            asked.append(number)
            yield prepare("1")

    games = host.play(plays(), workers=1)
    next(games)
    assert len(asked) <= 2
    assert len(list(games)) == 2


def test_who_stops_early_leaves_no_process_and_keeps_what_was_shown(host: Host, prepare):
    quick, slow = prepare("1"), prepare("print('shown')\nimport time\ntime.sleep(60)")
    games = host.play([slow, quick], workers=2)
    assert next(games) is quick
    deadline = time.monotonic() + 20
    while slow.running_cell is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    begun = time.monotonic()
    games.close()
    assert time.monotonic() - begun < 10
    assert slow.stop is not None
    assert slow.stop.kind == "interrupted"
    assert printed(slow) == "shown\n"
    assert children_of(host.pid) == []


def children_of(pid: int | None) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def test_nothing_is_left_after_close():
    with Host() as host:
        host.start()
        pid, home = host.pid, host._home
    assert home is not None
    assert not home.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
