"""What opening a lab loads is loaded without a look for garbage, and the learner's garbage is still found."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
rounds = sum(one["collections"] for one in gc.get_stats())
import labkit
labkit.open("16")
print(sum(one["collections"] for one in gc.get_stats()) - rounds, gc.isenabled(), gc.get_freeze_count() > 50_000)
class Node:
    pass
node = Node()
node.me, seen = node, weakref.ref(node)
del node
gc.collect()
print(seen())
frozen = gc.get_freeze_count()
labkit.open("01")
print(gc.get_freeze_count() <= frozen)
"""


def test_opening_looks_for_no_garbage_and_leaves_the_learners_to_be_found() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    first, node, again = done.stdout.splitlines()[:3]
    looked, collects, frozen = first.split()
    assert int(looked) <= 5, done.stdout  # nearly four hundred without
    assert (collects, frozen, node, again) == ("True", "True", "None", "True")
