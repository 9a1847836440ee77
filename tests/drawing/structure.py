"""What a picture is made of, so that references are compared by structure and not by pixel."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from labkit.drawing.picture import MEDIA_TYPE, Picture

SVG = "{http://www.w3.org/2000/svg}"


def root(picture: Picture) -> ET.Element:
    return ET.fromstring(picture.svg)


def texts(picture: Picture) -> list[str]:
    """Every line of text in the drawing."""
    return [element.text or "" for element in root(picture).iter(f"{SVG}text")]


def parts(picture: Picture, kind: str) -> list[ET.Element]:
    """The drawn parts of a kind: "node", "edge", "group", "label"."""
    return [element for element in root(picture).iter() if element.get("class") == kind]


def left(node: ET.Element) -> float:
    """The left edge of a node's tile."""
    tile = node.find(f"{SVG}svg")
    assert tile is not None
    return float(tile.get("x", "nan"))


def size(picture: Picture) -> tuple[float, float]:
    """Width and height in points."""
    _, _, width, height = map(float, (root(picture).get("viewBox") or "").split())
    return width, height


def structure(picture: Picture) -> dict[str, Any]:
    """Title, words, nodes, groups and connections; and how many of each were drawn, with which texts."""
    told = picture.data()[MEDIA_TYPE]
    groups = {one["id"]: one for one in told["groups"]}

    def path(group: str | None) -> list[str]:
        one = groups.get(group or "")
        return [*path(one["parent"]), f"{one['kind']} {one['name']}"] if one else []

    nodes = {one["id"]: one for one in told["nodes"]}
    return {
        "title": told["title"],
        "notice": told["description"],
        "nodes": [
            [*path(n["group"]), *(n[one] for one in ("service", "name", "detail", "role", "trouble", "mark"))]
            for n in told["nodes"]
        ],
        "groups": [path(one["id"]) for one in told["groups"]],
        "edges": [
            [
                *(nodes[e[end]]["name"] for end in ("from", "to")),
                *(e[one] for one in ("label", "counted", "trouble", "style", "step", "mark")),
            ]
            for e in told["edges"]
        ],
        "drawn": {kind: len(parts(picture, kind)) for kind in ("node", "edge", "group", "label")},
        "texts": sorted(texts(picture)),
    }


def without_ids(value: Any) -> Any:
    """The same with the random parts of resource ids replaced, so that two runs can be compared."""
    if isinstance(value, str):
        return re.sub(r"\b(i|nat|igw|vpc)-[0-9a-f…]+\b", r"\1-...", value)
    if isinstance(value, list):
        return [without_ids(one) for one in value]
    return {key: without_ids(one) for key, one in value.items()} if isinstance(value, dict) else value
