"""One bundle per figure: an image that reads anywhere, and the same in words."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from labkit.drawing.picture import MEDIA_TYPE, Picture
from labkit.errors import UsageError

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10">'
    '<title>old</title><style>#a { fill: red }</style><defs><linearGradient id="a"/><path id="p"/></defs>'
    '<rect fill="url(#a)"/><use xlink:href="#p"/><use href="#p"/><text>#a url(#zz)</text></svg>'
)


def picture(title: str = "Orders", **more: str) -> Picture:
    return Picture(DRAWING, title, "One queue. Look at `x`.", "orders (SQS queue)", **more)  # type: ignore[arg-type]


def test_it_has_html_text_and_data() -> None:
    bundle = picture(kind="architecture")._repr_mimebundle_()
    assert list(bundle) == ["text/html", "text/plain", MEDIA_TYPE]
    assert bundle[MEDIA_TYPE] == {
        "version": 1, "kind": "architecture", "title": "Orders", "description": "One queue. Look at `x`.",
        "text": "orders (SQS queue)",
    }  # fmt: skip
    assert list(picture()._repr_mimebundle_(exclude=["text/html", MEDIA_TYPE])) == ["text/plain"]


def test_the_image_is_all_inside_and_has_words() -> None:
    shown = picture().html()
    found = re.search(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)" style="([^"]+)"', shown)
    assert found
    assert base64.b64decode(found[1]).decode() == picture().svg
    assert found[2] == "Orders. One queue. Look at `x`."
    assert "max-width:100%" in found[3]
    assert "border-radius:8px" in found[3]
    assert "orders (SQS queue)" in shown
    assert "<svg" not in shown


def test_its_words_are_complete() -> None:
    assert picture(note="Say why.").text() == (
        "FIGURE  Orders\n  One queue. Look at `x`.\n\norders (SQS queue)\n  Note: Say why."
    )


def test_the_drawing_is_an_image_with_title_and_description() -> None:
    root = ET.fromstring(picture().svg)
    ids = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert root.get("role") == "img"
    assert [ids[name] for name in (root.get("aria-labelledby") or "").split()] == [
        "Orders", "One queue. Look at `x`."
    ]  # fmt: skip
    assert "old" not in picture().svg


def test_ids_of_two_figures_never_collide() -> None:
    one, two = (ET.fromstring(picture(title).svg) for title in ("One", "Two"))
    ids = [{element.get("id") for element in root.iter()} - {None} for root in (one, two)]
    assert len(ids[0]) == 4
    assert not ids[0] & ids[1]


def test_references_follow_their_ids() -> None:
    root = ET.fromstring(picture().svg)
    ids = {element.get("id") for element in root.iter()}
    used = re.findall(r"(?:url\(|href=\"|\{?)#(lk-[\w-]+)", picture().svg)
    assert len(used) == 4
    assert set(used) <= ids
    assert "url(#zz)" in picture().svg
    assert ">#a url" in picture().svg  # text is not a reference


def test_titles_may_hold_anything() -> None:
    bad = picture('<img src=x onerror=alert(1)> "quoted" \x00')
    ET.fromstring(bad.svg)
    assert "<img src=x" not in bad.html()
    assert bad.html().count('alt="') == 1


@pytest.mark.parametrize(("name", "start"), [("a.svg", "<svg"), ("a.txt", "FIGURE"), ("A.HTML", "<div")])
def test_it_is_saved_by_its_ending(tmp_path: Path, name: str, start: str) -> None:
    path = picture().save(tmp_path / name)
    assert path.read_text(encoding="utf-8").startswith(start)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg, \.txt, \.html"):
        picture().save(tmp_path / "figure.png")
