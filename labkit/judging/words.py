"""Words that checks need: counts in a sentence, a few things of many, and names and goods of a shop's orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NAMES: Final = (
    "Amara", "Bao", "Chloé", "Dilnoza", "Elif", "Farid", "Goran", "Hina", "Ines", "Jamal", "Kofi", "Lena",
)  # fmt: skip
"""Customers. One name has a letter beyond ASCII: a program that spoils it shows here."""
GOODS: Final = ("tea", "lamp", "boots", "quilt", "kettle", "globe", "basket", "candle", "radio", "map")
"""What they buy."""


def number(count: int, thing: str, plural: str = "") -> str:
    """A count with its word: "1 order", "3 orders", "2 boxes" with the plural "boxes"."""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"


def shown(things: Sequence[object], most: int = 3) -> str:
    """The first few things of a list: "a, b, c and 4 more"; "nothing" of an empty one."""
    text = ", ".join(str(one) for one in things[:most])
    return f"{text} and {len(things) - most} more" if len(things) > most else text or "nothing"
