"""Labels stand at their own line, clear of tiles, titles and each other."""

from __future__ import annotations

from itertools import combinations

import pytest

from labkit.drawing.architecture import _best_layout
from labkit.drawing.diagram import Diagram
from labkit.drawing.dot import MOST_PLACED
from labkit.drawing.layout import Box
from labkit.drawing.placing import _tiles, placed


def meets(one: Box, other: Box) -> bool:
    return (
        min(one.right, other.right) - max(one.x, other.x) > 0.5
        and min(one.bottom, other.bottom) - max(one.y, other.y) > 0.5
    )


def fan(width: int) -> Diagram:
    d = Diagram("Fan")
    you = d.person("You")
    with d.account(), d.region():
        topic = d.sns("order-events")
        you.to(topic, "3 Publish")
        for number in range(width):
            d.connect(topic, d.sqs(f"queue-{number}"), "if amount >= 100", counted=f"{number} delivered")
    return d


@pytest.mark.parametrize("width", [1, 3, 8])
def test_labels_of_a_fan_out_keep_clear(width: int) -> None:
    diagram = fan(width)
    layout = _best_layout(diagram)
    boxes = list(placed(diagram, layout).values())
    assert len(boxes) == width + 1
    assert not [pair for pair in combinations(boxes, 2) if meets(*pair)]
    assert not [box for box in boxes if any(meets(box, tile) for tile in _tiles(diagram, layout))]
    assert not [box for box in boxes if any(meets(box, title) for title in layout.headers.values())]


def test_places_are_the_same_each_time() -> None:
    one, two = (placed(diagram, _best_layout(diagram)) for diagram in (fan(4), fan(4)))
    assert one == two


def test_very_full_figures_keep_the_places_of_the_renderer() -> None:
    diagram = fan(MOST_PLACED + 1)
    layout = _best_layout(diagram)
    assert placed(diagram, layout) == layout.labels
