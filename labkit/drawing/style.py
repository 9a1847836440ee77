"""How figures look: sizes in points, colours, kinds of groups and of connections.

Every text colour has a contrast of at least 4.5 : 1 on its ground, every line 3 : 1 (WCAG 2.2 AA; a test
measures it). No meaning rests on colour alone: kinds of lines differ by pattern, groups by pictogram and title.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FONTS: Final = "'Segoe UI','Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif"
PAPER: Final = "#ffffff"
INK: Final = "#232F3E"
SOFT: Final = "#5A6B86"
LINE: Final = "#5A6B86"
ALERT: Final = "#A33B00"
FAILED: Final = "#B8233B"
"""What went wrong, and where it goes then."""
OFF: Final = "#76859C"
"""What is switched off. Lines only: as a text it is too pale, there `SOFT` stands for it."""

TILE: Final = 46.0
NAME: Final = 11.0
DETAIL: Final = 9.0
TITLE: Final = 10.5
LABEL: Final = 9.0
LEADING: Final = 1.22
NAME_WIDTH: Final = 118.0
LABEL_WIDTH: Final = 96.0
STEP: Final = 6.8
"""Radius of the circle around a step's number."""
SIGN: Final = 13.0
"""Room that the sign before a refusal takes."""

MOST_RANKS: Final = 6
COMFORTABLE: Final = 830.0
"""Points. Wider figures are folded where that helps: a notebook's column is about 900 pixels."""
WIDEST: Final = 1000.0
PIXELS_PER_POINT: Final = 4 / 3


@dataclass(frozen=True, slots=True)
class GroupStyle:
    """How a kind of group looks: its edge, the colour of its title, its ground, its pictogram, its word."""

    edge: str
    ink: str
    title: str
    glyph: str
    fill: str = "none"
    dashed: bool = False


GROUPS: Final = {
    "account": GroupStyle("#CD2264", "#B01A57", "AWS account", "badge"),
    "region": GroupStyle("#00A4A6", "#007C85", "Region", "flag", dashed=True),
    "vpc": GroupStyle("#8C4FFF", "#6B2FE0", "VPC", "cloud"),
    "zone": GroupStyle("#147EBA", "#0F5E93", "Availability Zone", "pin", dashed=True),
    "public_subnet": GroupStyle("#7AA116", "#4A6A00", "Public subnet", "lock-open", fill="#F2F6E8"),
    "private_subnet": GroupStyle("#00A4A6", "#006A72", "Private subnet", "lock", fill="#E6F6F7"),
    "cluster": GroupStyle("#DE6900", "#A84A00", "Cluster", "helm"),
    "security_group": GroupStyle("#DD344C", "#B8233B", "Security group", "shield", dashed=True),
    "group": GroupStyle("#5A6B86", "#48566C", "", "cube", fill="#F7F9FB"),
}
"""Kind of group -> its style."""


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How a kind of connection looks, and what it stands for in the legend and the text twin."""

    dashes: str
    meaning: str
    colour: str = LINE


LINES: Final = {
    "request": LineStyle("", "request"),
    "data": LineStyle("5 3.2", "data"),
    "optional": LineStyle("1.4 3.4", "optional"),
    "failure": LineStyle("8 3", "when it fails", FAILED),
}
"""Kind of connection -> its style."""
SWITCHED_OFF: Final = LineStyle("2.2 2.6", "switched off", OFF)
LINE_ALIASES: Final = {
    "metrics": "optional", "solid": "request", "dashed": "data", "dotted": "optional", "dead letters": "failure",
}  # fmt: skip

MARKS: Final = {
    "missing": "missing", "extra": "extra", "different": "differs", "absent": "absent", "off": "off",
    "refused": "refused", "failing": "failing",
}  # fmt: skip
"""What can be said about a part of a figure -> the word that is drawn at it."""


def mark_colour(mark: str) -> str:
    """Orange-red for what is not as it should be, red for what fails, grey for what is there besides or is off."""
    return SOFT if mark in ("extra", "off") else FAILED if mark in ("refused", "failing") else ALERT
