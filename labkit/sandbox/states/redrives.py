"""A redrive: an execution that did not succeed goes on with what failed.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html (what each type of state does, the
retry counters and time limits that begin anew; a Parallel or Map that failed by its size is done again as a whole).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.sandbox.states import distributed
from labkit.sandbox.states.runs import Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine


def redrive(machine: Machine) -> None:
    """Make the execution run again, and put every track that failed or was stopped back to work."""
    run = machine.run
    run.status, run.error, run.cause, run.ended, run.output = "RUNNING", None, None, None, None
    run.redrives, run.redriven, run.life = run.redrives + 1, machine.host.now(), run.life + 1
    root = run.tracks[0]
    before, root.event = root.event, len(run.history)
    machine.record(root, "ExecutionRedriven", "executionRedrivenEventDetails", {"redriveCount": run.redrives})
    root.event = before
    machine.time_limit()
    around = {track.parent for track in run.tracks.values()}
    for track in list(run.tracks.values()):
        track.epoch += 1
        track.retries, track.retried = {}, 0
        if track.id in around:
            track.waiting = "children"
        elif track.map_run:
            distributed.redrive(machine, track)
        else:
            _again(machine, track)


def _again(machine: Machine, track: Track) -> None:
    if machine.state(track)["Type"] == "Fail":
        track.entered_event = 0  # only a Fail state is entered again; the others begin their work again
    track.waiting, track.task = "", {}
    machine.run.ready.append(track.id)
