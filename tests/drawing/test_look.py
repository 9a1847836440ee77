"""Colours that can be told apart, pictograms that stay in their tiles."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from labkit.drawing import style
from labkit.drawing.glyphs import GLYPHS
from labkit.drawing.icons import ALIASES, CATEGORIES, SERVICES

COURSE = [
    "function", "ecs", "eks", "fargate", "ecr", "ec2", "sqs", "sns", "eventbridge", "scheduler",
    "pipes", "stepfunctions", "apigateway", "dynamodb", "s3", "rds", "waf", "shield", "secretsmanager",
    "ssm", "kms", "iam", "cloudwatch", "logs", "xray", "cognito", "alb", "nat", "cloudfront", "kinesis",
    "firehose", "vpc_endpoint", "person", "server", "generic",
]  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("kind", style.GROUPS)
def test_titles_of_groups_can_be_read(kind: str) -> None:
    looks = style.GROUPS[kind]
    ground = style.PAPER if looks.fill == "none" else looks.fill
    assert contrast(looks.ink, ground) >= 4.5
    assert contrast(looks.edge, style.PAPER) >= 3.0


@pytest.mark.parametrize("colour", [style.INK, style.SOFT, style.ALERT])
def test_texts_can_be_read_on_every_ground(colour: str) -> None:
    grounds = [style.PAPER, *(looks.fill for looks in style.GROUPS.values() if looks.fill != "none")]
    assert all(contrast(colour, ground) >= 4.5 for ground in grounds)
    assert contrast(colour, "#ffffff") >= 4.5  # white words on a badge


@pytest.mark.parametrize("category", CATEGORIES)
def test_white_lines_can_be_seen_on_every_tile(category: str) -> None:
    assert contrast("#ffffff", CATEGORIES[category]) >= 2.95


def test_kinds_of_lines_differ_by_pattern_not_by_colour() -> None:
    assert len({looks.dashes for looks in style.LINES.values()}) == len(style.LINES)


def test_the_course_has_its_pictograms() -> None:
    assert set(COURSE) <= set(SERVICES)
    assert len({SERVICES[word].glyph for word in COURSE}) == len(COURSE)


def test_words_lead_somewhere() -> None:
    assert set(ALIASES.values()) <= set(SERVICES)
    assert not set(ALIASES) & set(SERVICES)
    assert {service.glyph for service in SERVICES.values()} | {
        looks.glyph for looks in style.GROUPS.values()
    } == set(GLYPHS), "a pictogram is missing, or nobody uses it"


@pytest.mark.parametrize("glyph", GLYPHS)
def test_a_pictogram_is_small_well_formed_and_stays_in_its_tile(glyph: str) -> None:
    root = ET.fromstring(f"<g>{GLYPHS[glyph]}</g>")
    assert len(GLYPHS[glyph]) < 900
    for element in root:
        assert element.tag in ("path", "circle", "rect", "ellipse")
        for start in re.findall(r"M(-?[\d.]+)[ ,]?(-?[\d.]+)", element.get("d", "")):
            assert all(8 <= float(number) <= 40 for number in start)
        for low, high in (("cx", "cx"), ("cy", "cy"), ("x", "x"), ("y", "y")):
            assert 8 <= float(element.get(low, "24")) <= 40, (low, high)
