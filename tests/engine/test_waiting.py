"""Whatever stops, hangs or dies: the engine never waits for it for ever."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from labkit.engine import host as module
from labkit.engine.host import Host
from tests.engine.kit import printed


def test_a_notebook_that_stops_itself_is_ended(play):
    done = play("import os, signal\nprint('shown')\nos.kill(os.getpid(), signal.SIGSTOP)", cell=0.3)
    assert (done.stop.kind, done.stop.cell) == ("timeout", 0)
    assert printed(done) == "shown\n"


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before it begins", "while it runs"])
def test_a_prepared_process_that_is_stopped_is_given_up(prepare, monkeypatch, when):
    monkeypatch.setattr(module, "_SILENCE", 0.5)
    stop = "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(60)"
    with Host() as host:
        host.start()
        first = host.pid
        bad = prepare(stop if when == "while it runs" else "1", cell=0.3)
        if when == "before it begins":
            os.kill(first, signal.SIGSTOP)
        assert list(host.play([bad])) == [bad]
        assert bad.stop.kind in ("lost", "timeout")
        (good,) = host.play([prepare("6 * 7")])
        assert host.pid != first
    assert printed(good) == "42"


@pytest.mark.parametrize("last", [True, False], ids=["the last one", "one of many"])
def test_a_prepared_process_that_dies_before_it_has_forked_is_missed(prepare, last):
    with Host() as host:
        host.start()
        os.kill(host.pid, signal.SIGSTOP)  # so that the order to fork is on its way when it dies
        end = threading.Timer(0.5, os.kill, (host.pid, signal.SIGKILL))
        end.start()
        plays = [prepare("6 * 7") for _ in range(1 if last else 3)]
        assert list(host.play(plays, workers=1)) == plays
        end.join()
    assert plays[0].stop.kind == "lost"
    assert [printed(one) for one in plays[1:]] == ["42"] * (len(plays) - 1)


@pytest.mark.slow
def test_a_prepared_process_that_died_unnoticed_is_missed(prepare):
    with Host() as host:
        host.start()
        os.kill(host.pid, signal.SIGKILL)
        os.waitid(os.P_PID, host.pid, os.WEXITED | os.WNOWAIT)
        plays = [prepare("6 * 7") for _ in range(2)]
        assert list(host.play(plays)) == plays
    assert plays[0].stop.kind == "lost"
    assert printed(plays[1]) == "42"


@pytest.mark.slow
def test_who_stops_early_waits_for_no_process_that_hangs(prepare, monkeypatch):
    monkeypatch.setattr(module, "_GOODBYE", 0.3)
    with Host() as host:
        host.start()
        first = host.pid
        going = host.play([prepare("print('shown', flush=True)", "import time; time.sleep(60)", cell=60)])
        threading.Timer(0.5, os.kill, (first, signal.SIGSTOP)).start()
        watch = threading.Timer(1.0, signal.raise_signal, (signal.SIGINT,))
        watch.start()
        with pytest.raises(KeyboardInterrupt):
            next(going)
        (good,) = host.play([prepare("6 * 7")])
        assert host.pid != first
    assert printed(good) == "42"


def test_the_last_words_of_a_dead_notebook_are_whole_however_long(play):
    done = play("from IPython.display import display\ndisplay('x' * 900_000)\nimport os\nos._exit(3)")
    assert done.stop.kind == "dead"
    assert len(printed(done)) == 900_002
