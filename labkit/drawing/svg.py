"""Makes any SVG document one that reads well: a title, a description, and ids that collide with no other figure."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from typing import Final

from labkit.judging.card import clean

SVG: Final = "http://www.w3.org/2000/svg"
XLINK: Final = "http://www.w3.org/1999/xlink"
_REFERENCE: Final = re.compile(r"url\(['\"]?#([^)'\"]+)['\"]?\)")


def tag(name: str) -> str:
    """The name of an SVG element as ElementTree writes it."""
    return f"{{{SVG}}}{name}"


def serialized(root: ET.Element) -> str:
    """The document as text, with no prefixes before the names and no XML head."""
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def accessible(document: str, title: str, description: str) -> str:
    """The SVG with role `img`, `<title>`, `<desc>`, and all ids (and what refers to them) made its own."""
    root = ET.fromstring(document)
    prefix = "lk-" + hashlib.sha256((document + title + description).encode()).hexdigest()[:8]
    own_ids(root, prefix)
    for old in [child for child in root if child.tag in (tag("title"), tag("desc"))]:
        root.remove(old)
    for place, (name, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(tag(name), {"id": f"{prefix}-{name}"})
        element.text = clean(text)
        root.insert(place, element)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    return serialized(root)


def own_ids(root: ET.Element, prefix: str) -> None:
    """Put a prefix before every id, and before every reference to one."""
    known = {element.get("id") for element in root.iter() if element.get("id")}
    if not known:
        return

    def renamed(match: re.Match[str]) -> str:
        return f"url(#{prefix}-{match[1]})" if match[1] in known else match[0]

    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif value.startswith("#") and value[1:] in known and name.rpartition("}")[2] == "href":
                element.set(name, f"#{prefix}-{value[1:]}")
            elif "url(" in value:
                element.set(name, _REFERENCE.sub(renamed, value))
        if element.tag == tag("style") and element.text:
            for known_id in known:
                element.text = re.sub(
                    rf"#{re.escape(str(known_id))}\b", f"#{prefix}-{known_id}", element.text
                )
