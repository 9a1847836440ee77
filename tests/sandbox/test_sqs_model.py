"""The stores against a small slow model, step by step, with random work.

The model keeps a plain list and looks at all of it for every question. The time is made up by the test.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from labkit.sandbox.services._sqs_fifo import FifoStore
from labkit.sandbox.services._sqs_standard import StandardStore
from labkit.sandbox.services._sqs_store import Entry, Receipt, Store


@dataclass
class Item:
    number: int
    group: str
    sent: float
    until: float  # hidden until then
    flying: bool = False
    receives: int = 0
    rank: float = 0


@dataclass
class Model:
    """What a queue should do, in the fewest words."""

    fifo: bool
    retention: float = 500.0
    items: list[Item] = field(default_factory=list)
    numbers: int = 0

    def settle(self, now: float) -> None:
        moments = {item.until for item in self.items} | {item.sent + self.retention for item in self.items}
        for moment in sorted(one for one in moments if one <= now):
            self.items = [item for item in self.items if item.sent + self.retention > moment]
            for item in sorted(self.items, key=lambda item: item.number):
                if item.flying and item.until <= moment:
                    self.land(item)

    def land(self, item: Item) -> None:
        item.flying = False
        if item.receives >= 3 and not self.fifo:
            self.numbers += 1
            item.rank = self.numbers

    def send(self, group: str, now: float, delay: float) -> None:
        self.numbers += 1
        self.items.append(Item(self.numbers, group, now, now + delay, rank=self.numbers))

    def state(self, item: Item, now: float) -> str:
        return "in flight" if item.flying else "delayed" if item.until > now else "available"

    def counts(self, now: float) -> dict[str, int]:
        states = [self.state(item, now) for item in self.items]
        return {name: states.count(name) for name in ("available", "in flight", "delayed")}

    def receive(self, most: int, visibility: float, now: float) -> list[int]:
        taken = (self.fifo_order(now) if self.fifo else self.standard_order(now))[:most]
        for item in taken:
            item.receives += 1
            item.until = now + visibility
            item.flying = visibility > 0
            if not visibility:
                self.land(item)
        return [item.number for item in taken]

    def standard_order(self, now: float) -> list[Item]:
        ready = [item for item in self.items if self.state(item, now) == "available"]
        return sorted(ready, key=lambda item: item.rank)

    def fifo_order(self, now: float) -> list[Item]:
        order: list[Item] = []
        for group in dict.fromkeys(item.group for item in sorted(self.items, key=lambda item: item.number)):
            members = sorted((i for i in self.items if i.group == group), key=lambda item: item.number)
            if any(item.flying for item in members):
                continue
            for item in members:
                if self.state(item, now) != "available":
                    break
                order.append(item)
        # groups stand in the order of their first message that can be given
        return order

    def find(self, number: int) -> Item | None:
        return next((item for item in self.items if item.number == number), None)

    def deadline(self, now: float) -> float | None:
        ends = [item.sent + self.retention for item in self.items]
        ends += [
            item.until for item in self.items if item.until > now and self.state(item, now) != "available"
        ]
        return min(ends, default=None)


class Pair:
    """A store and its model, asked the same things."""

    def __init__(self, fifo: bool, seed: int) -> None:
        self.dice = random.Random(seed)
        self.store: Store = FifoStore(b"secret") if fifo else StandardStore(b"secret")
        self.model = Model(fifo)
        self.now = 1_000.0
        self.handles: list[str] = []

    def step(self) -> None:
        act = self.dice.choices(
            [self.send, self.receive, self.delete, self.hide, self.pass_time, self.new_retention, self.purge],
            [30, 30, 15, 12, 20, 1, 0.3],
        )[0]
        act()
        self.compare()

    def send(self) -> None:
        group, delay = self.dice.choice("abc"), self.dice.choice([0, 0, 0, 5, 40])
        self.store.add(SimpleNamespace(group_id=group), self.now, visible_at=self.now + delay)
        self.model.send(group, self.now, delay)

    def receive(self) -> None:
        most, visibility = self.dice.randint(1, 5), self.dice.choice([0, 3, 10, 30, 200])
        expected = {item.number: item.rank for item in self.model.items}
        assert self.store.ready() == bool(
            self.model.fifo_order(self.now) if self.model.fifo else self.available()
        )
        taken: list[Entry] = []
        with closing(self.store.candidates(self.now)) as line:
            for entry in line:
                taken.append(entry)
                if len(taken) == most:
                    break
        for entry in taken:
            self.store.fly(entry, self.now + visibility, self.now)
            self.handles.append(self.store.handle(entry))
        assert [entry.number for entry in taken] == self.model.receive(most, visibility, self.now), expected

    def available(self) -> list[Item]:
        return self.model.standard_order(self.now)

    def delete(self) -> None:
        found = self.held()
        if found is not None:
            entry, item = found
            self.store.remove(entry)
            self.model.items.remove(item)

    def hide(self) -> None:
        found, seconds = self.held(), self.dice.choice([0, 4, 60])
        if found is None:
            return
        entry, item = found
        if self.model.fifo and not item.flying:
            return
        self.store.hide(entry, self.now + seconds, self.now)
        was = item.flying
        item.until, item.flying = self.now + seconds, seconds > 0
        if was and not seconds:
            self.model.land(item)

    def held(self) -> tuple[Entry, Item] | None:
        """A random handle's entry, if the handle is the latest of a message that is still there."""
        if not self.handles:
            return None
        receipt = self.store.read_handle(self.dice.choice(self.handles[-30:]))
        assert isinstance(receipt, Receipt)
        entry, item = self.store.entries.get(receipt.number), self.model.find(receipt.number)
        assert (entry is None) == (item is None)
        if entry is None or item is None or entry.receives != receipt.receives:
            return None
        assert item.receives == entry.receives
        return entry, item

    def pass_time(self) -> None:
        self.now += self.dice.choice([1, 3, 5, 10, 60, 300])

    def new_retention(self) -> None:
        self.model.retention = self.dice.choice([100.0, 500.0, 2000.0])

    def purge(self) -> None:
        self.store.clear()
        self.model.items.clear()

    def compare(self) -> None:
        self.store.settle(self.now, self.model.retention)
        self.model.settle(self.now)
        # places at the back of a standard line are numbered by both sides in the same way
        assert {name: self.store.count[name] for name in ("available", "in flight", "delayed")} == (  # type: ignore[index]
            self.model.counts(self.now)
        )
        assert set(self.store.entries) == {item.number for item in self.model.items}
        assert self.store.next_deadline(self.model.retention) == self.model.deadline(self.now)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_a_store_does_what_the_model_does(kind: str, seed: int) -> None:
    pair = Pair(kind == "fifo", seed)
    if isinstance(pair.store, StandardStore):
        pair.store._is_noisy = lambda *_: False  # type: ignore[method-assign]  # the model knows no tenants
    for _ in range(400):
        pair.step()


def test_the_heaps_do_not_grow_with_the_traffic() -> None:
    store: Any = FifoStore(b"secret")
    for turn in range(5_000):
        store.add(SimpleNamespace(group_id="g"), float(turn))
        with closing(store.candidates(float(turn))) as line:
            entry = next(line)
        store.fly(entry, turn + 30.0, float(turn))
        store.remove(entry)
    assert len(store._ages) + len(store._timers) + len(store._open) < 500
    assert not store._groups
    assert len(store) == 0
