"""Load on the account: requests that arrive by themselves, and workers that empty queues, on the virtual clock.

    load = Traffic(sandbox, steady(50, seconds=60) + spike(50, 400, seconds=30), send)
    crew = Workers(sandbox, queue_url, count=4, seconds=0.5, handle=work)
    play(sandbox, load, crew)
    load.records.percentile(0.95), crew.handled.by("group")

Both are players of `play`, which lets them act in the order of their times while the clock stands still in
between. So a story depends on its seed and not on the machine.
"""

from __future__ import annotations

from labkit.workload.play import Player, play
from labkit.workload.profiles import Profile, ramp, spike, steady, wave
from labkit.workload.records import Record, Records
from labkit.workload.slo import SLO
from labkit.workload.traffic import Request, Traffic
from labkit.workload.workers import Handled, Workers

__all__ = [
    "SLO",
    "Handled",
    "Player",
    "Profile",
    "Record",
    "Records",
    "Request",
    "Traffic",
    "Workers",
    "play",
    "ramp",
    "spike",
    "steady",
    "wave",
]
