"""`lab.images`: programs that can be pushed, and a learner's own."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.errors import NotFound, UsageError
from labkit.notebook.images import Images
from labkit.sandbox import Sandbox
from labkit.sandbox.fleet import images as programs
from labkit.sandbox.fleet.programs import load


@pytest.fixture
def images(sandbox: Sandbox) -> Images:
    boto3.client("ecr").create_repository(repositoryName="user")
    return Images(sandbox)


URI = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/user"
OWN = '"""Says hello."""\nPORT = 9000\n\n\ndef handle(request, box):\n    return {"statusCode": 200, "body": "hello"}\n'


def test_every_program_of_the_lab_loads_and_says_what_it_is() -> None:
    for name in programs.names():
        text = programs.source(name)
        load(text)
        assert len(programs.about(text)) > 20, name
        assert programs.program_in([one.content for one in programs.build(text).layers]) == text
    assert all(name in programs.names() for name in programs.MODELS)
    assert all("model" in programs.about(programs.source(name)) for name in programs.MODELS)


def test_a_push_goes_through_the_account_as_the_learner(images: Images, sandbox: Sandbox) -> None:
    digest = images.push("user", URI, tag="1.0")
    found = boto3.client("ecr").describe_images(repositoryName="user")["imageDetails"]
    assert [(one["imageDigest"], one["imageTags"]) for one in found] == [(digest, ["1.0"])]
    calls = [one for one in sandbox.trace.where(service="ecr", kind="call") if one.action == "PutImage"]
    assert calls[0].caller == "learner"


def test_pushing_again_is_no_error_and_another_version_is_another_image(images: Images) -> None:
    digest = images.push("user", URI, "1.0")
    assert images.push("user", "user", "1.0") == digest
    assert images.push("user", f"{URI}:1.0") == digest
    assert images.push("user", URI, "2.0", version="2.0") != digest
    assert images.push("user", URI, None, LATENCY=0.5) not in ("", digest)


def test_a_program_of_ones_own(images: Images) -> None:
    shown = images.write("hello", OWN)
    assert repr(shown) == OWN.rstrip()
    assert "hello" in images.names()
    assert "Says hello." in repr(images)
    assert images.push("hello", URI, "1") == images.push(OWN, URI, "2")


@pytest.mark.parametrize(
    ("source", "cure"),
    [
        ("def handle(:\n", "line 1"),
        ("PORT = 'eighty'\n", "PORT is a number"),
        ("MEMORY = -1\n", "MEMORY is a number"),
        ("handle = 5\n", "handle is a function"),
        ("raise ValueError('no tea')\n", "no tea"),
        ("", "A program is a text"),
        (5, "A program is a text"),
    ],
)
def test_what_is_no_program_is_told_at_once(images: Images, source: object, cure: str) -> None:
    with pytest.raises(UsageError, match=cure):
        images.write("mine", source)  # type: ignore[arg-type]


def test_wrong_names_and_places_name_the_cure(images: Images) -> None:
    with pytest.raises(NotFound, match="order"):
        images.push("ordr", URI)
    with pytest.raises(NotFound, match="web"):
        images.show("wep")
    with pytest.raises(UsageError, match="repositoryUri"):
        images.push("user", "https://example.com/user")
    with pytest.raises(UsageError, match="Name an image"):
        images.push(5, URI)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="text, a number"):
        images.push("user", URI, version=object())
    with pytest.raises(UsageError, match="Say it once"):
        images.push("user", f"{URI}:1.0", "2.0")
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        images.push("user", "nobody")


def test_the_list_and_a_program_have_both_forms(images: Images) -> None:
    for card in (images, images.show("web")):
        forms = card._repr_mimebundle_()
        assert set(forms) == {"text/html", "text/plain"}
        assert "Orchard Market" in forms["text/plain"]
        assert "Orchard Market" in forms["text/html"]
