"""`lab.states(...)`: what is drawn, that nothing overlaps, the words, and what it says to wrong requests."""

from __future__ import annotations

import json
import os
import random
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from labkit.drawing import render, style, text
from labkit.drawing.layout import Box, figures_in
from labkit.drawing.picture import MEDIA_TYPE, Picture
from labkit.drawing.states.figure import picture
from labkit.drawing.states.graph import Graph
from labkit.drawing.states.layout import planned
from labkit.drawing.states.looks import LOOKS
from labkit.sandbox import Sandbox
from tests.drawing.flows import BOUGHT, ORDER, Flows, catch, definition, send, step, structure
from tests.drawing.structure import SVG, parts, root, size, texts
from tests.drawing.test_look import contrast

REFERENCES = Path(__file__).with_name("references")
Rect = tuple[float, float, float, float]


@pytest.fixture
def flows(sandbox: Sandbox) -> Flows:
    return Flows(sandbox)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Picture]:
    """An order: its definition, and executions with every outcome."""
    with Sandbox() as sandbox:
        flows = Flows(sandbox)
        flows.queues("refunds", "mails")
        machine = flows.machine("order", ORDER)
        found = {"definition": flows.draw("order")}
        found["caught"] = flows.draw(flows.run(machine, BOUGHT, name="caught"))
        late = flows.run(machine, BOUGHT, name="late", seconds=3)
        found["retrying"] = flows.draw(late)
        flows.queues("bank", "invoices")
        sandbox.clock.advance(minutes=10)
        found["waiting"] = flows.draw(late)
        sandbox.clock.advance(hours=1)
        found["done"] = flows.draw(late)
        sold_out = BOUGHT | {"items": ["tea", "ghost", "pot"]}
        found["sold_out"] = flows.draw(flows.run(machine, sold_out, name="sold-out"))
        found["bare"] = flows.draw("order", "sold-out", data=False)
        found["unknown"] = flows.draw(flows.run(machine, BOUGHT | {"method": "gold"}, name="gold"))
    return found


SHOWN = ("definition", "caught", "retrying", "waiting", "done", "sold_out", "bare", "unknown")


# -- what is drawn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["definition", "caught", "sold_out", "done"])
def test_a_representative_set_keeps_its_structure(drawn: dict[str, Picture], name: str) -> None:
    found = structure(drawn[name])
    reference = REFERENCES / f"states_{name}.json"
    if os.environ.get("LABKIT_UPDATE"):
        reference.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(reference.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SHOWN)
def test_every_state_and_every_way_is_drawn(drawn: dict[str, Picture], name: str) -> None:
    shown = drawn[name]
    data = shown.data()[MEDIA_TYPE]
    joins = sum(one["type"] == "join" for one in data["states"])
    assert len(parts(shown, "node")) == len(data["states"]) - joins
    assert len(parts(shown, "join")) == joins == len(parts(shown, "frame")) == 2
    assert len(parts(shown, "edge")) == len(data["edges"])
    assert size(shown)[0] <= style.COMFORTABLE


def boxes(shown: Picture) -> list[Rect]:
    """The cards, as left, top, right, bottom."""
    found = []
    for node in parts(shown, "node"):
        rect = node.find(f"{SVG}rect")
        assert rect is not None
        found.append(corners(rect))
    return found


def corners(rect: ET.Element) -> Rect:
    x, y, wide, high = (float(rect.get(name, "nan")) for name in ("x", "y", "width", "height"))
    return x, y, x + wide, y + high


def lines(part: ET.Element) -> list[Rect]:
    """The lines of text in a part, as large as they are drawn."""
    found = []
    for one in part.iter(f"{SVG}text"):
        x, y, high = (float(one.get(name, "nan")) for name in ("x", "y", "font-size"))
        wide = text.width(one.text or "", high, bool(one.get("font-weight")))
        left = x - wide / 2 if one.get("text-anchor") == "middle" else x
        found.append((left, y - high * 0.75, left + wide, y + high * 0.2))
    return found


def overlap(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def check_room(shown: Picture) -> None:
    cards = boxes(shown)
    assert not [pair for pair in combinations(cards, 2) if overlap(*pair)]
    for node, card in zip(parts(shown, "node"), cards, strict=True):
        inside = lines(node)
        assert all(
            card[0] <= one[0] and one[2] <= card[2] and card[1] <= one[1] and one[3] <= card[3]
            for one in inside
        )
        assert not [pair for pair in combinations(inside, 2) if overlap(*pair)]
    labels = [lines(label) for label in parts(shown, "label")]
    assert not [1 for label in labels for line in label for card in cards if overlap(line, card)]
    assert not [1 for a, b in combinations(labels, 2) for x in a for y in b if overlap(x, y)]
    x, y, wide, high = map(float, (root(shown).get("viewBox") or "").split())
    paper = (x, y, x + wide, y + high)
    for line in [*cards, *(line for label in labels for line in label)]:
        assert paper[0] <= line[0]
        assert line[2] <= paper[2]
        assert paper[1] <= line[1]
        assert line[3] <= paper[3]


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_overlaps_and_every_text_has_room(drawn: dict[str, Picture], name: str) -> None:
    check_room(drawn[name])


def anything(seed: int) -> dict[str, Any]:
    """About thirty states of all types, tied together by chance."""
    dice = random.Random(seed)
    names = [f"{dice.choice(('Pack', 'Check the stock of', 'Send'))} {number}" for number in range(24)]
    made: dict[str, Any] = {}
    for place, name in enumerate(names):
        later = names[place + 1 :] or [names[-1]]
        kind = dice.choice(("Pass", "Task", "Choice", "Wait", "Parallel", "Map"))
        following = {"Next": later[0]} if place + 1 < len(names) else {"End": True}
        inner = {"StartAt": f"{name} in", "States": {f"{name} in": step(End=True)}}
        made[name] = {
            "Pass": step(**following),
            "Task": send("bank", Catch=[catch(dice.choice(later[-3:]), "Late")] if place < 20 else [], **following),
            "Wait": {"Type": "Wait", "Seconds": 9, **following},
            "Choice": {"Type": "Choice", "Default": later[0], "Choices": [
                {"Variable": "$.total", "NumericGreaterThan": 5, "Next": dice.choice(names)}]},
            "Parallel": {"Type": "Parallel", "Branches": [inner], **following},
            "Map": {"Type": "Map", "ItemProcessor": inner, **following},
        }[kind]  # fmt: skip
    return definition(made)


@pytest.mark.parametrize("seed", range(12))
def test_thirty_states_by_chance_have_room_too(seed: int) -> None:
    graph = Graph(anything(seed))
    shown = picture(graph, None, f"seed {seed}")
    check_room(shown)
    assert size(shown)[0] <= style.WIDEST, f"seed {seed}"
    layout = planned(graph, None, data=True).layout
    for number, arrow in enumerate(graph.arrows):
        others = [
            box for box in graph.boxes if box not in (arrow.source, arrow.target) and box.kind != "join"
        ]
        points = points_along(layout.curves[number].path)
        crossed = [
            box.name for box in others if any(inside(layout.tiles[box.id], *point) for point in points)
        ]
        assert not crossed, f"seed {seed}: {arrow.source.name} -> {arrow.target.name} runs through {crossed}"


def points_along(path: str) -> list[tuple[float, float]]:
    """Points along the cubic curves of a path."""
    told = figures_in(path)
    corner = list(zip(told[0::2], told[1::2], strict=True))
    found = []
    for start in range(0, len(corner) - 3, 3):
        a, b, c, d = corner[start : start + 4]
        for part in range(21):
            t, u = part / 20, 1 - part / 20
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            x = sum(weight * point[0] for weight, point in zip(weights, (a, b, c, d), strict=True))
            y = sum(weight * point[1] for weight, point in zip(weights, (a, b, c, d), strict=True))
            found.append((x, y))
    return found


def inside(tile: Box, x: float, y: float) -> bool:
    return tile.x + 2 < x < tile.right - 2 and tile.y + 2 < y < tile.bottom - 2


def test_what_follows_a_frame_stands_below_it(drawn: dict[str, Picture]) -> None:
    shown = drawn["definition"]
    [bottom] = [max(corners(one)[3] for one in parts(shown, "frame"))]
    cards = dict(zip((lines_of(node)[0] for node in parts(shown, "node")), boxes(shown), strict=True))
    assert cards["Cool down"][1] > bottom
    assert (
        cards["Check order"][1] < cards["How is it paid?"][1] < cards["Prepare"][1] < cards["Print label"][1]
    )


def lines_of(node: ET.Element) -> list[str]:
    return [one.text or "" for one in node.iter(f"{SVG}text")]


def test_outcomes_have_signs_and_words_beside_their_colours(drawn: dict[str, Picture]) -> None:
    found = texts(drawn["caught"])
    assert "failed, and caught" in found
    assert "not visited" in found
    assert any(one.startswith("4 attempts,") for one in found)
    signs = {look.sign for name, look in LOOKS.items() if name not in ("", "plain", "far")}
    assert len(signs) == 6
    assert "" not in signs


def test_ways_differ_by_more_than_colour(drawn: dict[str, Picture]) -> None:
    widths = {
        (path.get("stroke-width"), bool(path.get("stroke-dasharray")))
        for edge in parts(drawn["caught"], "edge") for path in edge.findall(f"{SVG}path")
    }  # fmt: skip
    assert {("2.4", False), ("2.4", True), ("1", True)} <= widths


@pytest.mark.parametrize("look", LOOKS.values(), ids=[look.word for look in LOOKS.values()])
def test_words_can_be_read_and_edges_seen_on_every_card(look: Any) -> None:
    assert contrast(look.ink, look.fill) >= 4.5
    assert contrast(style.INK, look.fill) >= 4.5
    assert contrast("#48566C", look.fill) >= 4.5
    assert contrast(look.edge, style.PAPER) >= 3.0


def test_arrows_say_what_is_new_unless_one_asks_not_to(drawn: dict[str, Picture]) -> None:
    with_data, bare = texts(drawn["sold_out"]), texts(drawn["bare"])
    assert "+ check {ok}" in with_data
    assert "+ check {ok}" not in bare
    assert 'method = "card"' in bare
    assert any("taken with items [3], total 42" in line for line in drawn["bare"].text().splitlines())


def test_tooltips_stand_in_the_drawing(drawn: dict[str, Picture]) -> None:
    titles = [one.text or "" for part in parts(drawn["done"], "edge") for one in part.findall(f"{SVG}title")]
    assert any("items [3], total 42" in one for one in titles)
    cards = [one.text or "" for part in parts(drawn["done"], "node") for one in part.findall(f"{SVG}title")]
    assert any(
        one.startswith("Charge card (Task); SQS SendMessage: bank; 3 retries; done, ") for one in cards
    )


# -- the words -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHOWN)
def test_the_words_say_all_that_the_drawing_says(drawn: dict[str, Picture], name: str) -> None:
    shown = drawn[name]
    words = " ".join(shown.text().split())
    for one in shown.data()[MEDIA_TYPE]["states"]:
        assert one["name"] in words
        assert one["detail"] in words
        assert " ".join(one.get("told", "").split()) in words
    for one in shown.data()[MEDIA_TYPE]["edges"]:
        assert one["label"] in words


def test_without_a_renderer_the_words_stand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(render.VARIABLE, "off")
    shown = picture(Graph(definition({"Pack": step(End=True)})), None, "A definition")
    assert (shown.svg, shown.twin.splitlines()[0]) == ("", "  Start -> Pack")
    assert "switched off" in shown.note


def test_learners_text_is_escaped(flows: Flows) -> None:
    evil = '<script>alert("x")</script> & \u65e5\u672c'
    bad = {
        evil: step(Result={"<b>": "</text><i>"}, Next="Stop"),
        "Stop": {"Type": "Fail", "Error": "<u>", "Cause": "</svg>"},
    }
    shown = flows.draw(flows.run(flows.machine("bad", bad), {"<a>": "]]>"}))
    assert "<script>" not in shown.html()
    assert "<script>" not in shown.svg
    assert any(one.startswith("<script>") for one in texts(shown))
    assert "failed: <u>" in texts(shown)
    check_room(shown)
