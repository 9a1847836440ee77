"""Container images: the programs in `data/images`, and how a program becomes an image of the OCI form.

An image is one layer (a tar archive with the file `app.py`), a configuration and a manifest. All bytes are real, so
every digest is what sha256 makes of them, and the same program gives the same digests on every machine. The archive
is not compressed: compressed bytes differ from one zlib to the next.

Forms: https://github.com/opencontainers/image-spec (manifest.md, config.md, layer.md).
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from labkit.errors import LabkitError, NotFound, UsageError

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"
FILE: Final = "app.py"
SIZE: Final = 60
"""MB of an image whose program names no SIZE. The figure is ours."""

PUBLIC: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "docker.io/library/nginx": ("nginx", ("latest", "stable", "1.29")),
    "docker.io/library/httpd": ("httpd", ("latest", "2.4")),
    "docker.io/library/redis": ("redis", ("latest", "8")),
    "public.ecr.aws/nginx/nginx": ("nginx", ("latest", "stable", "1.29")),
    "public.ecr.aws/docker/library/nginx": ("nginx", ("latest", "stable", "1.29")),
    "public.ecr.aws/docker/library/httpd": ("httpd", ("latest", "2.4")),
    "public.ecr.aws/docker/library/redis": ("redis", ("latest", "8")),
}
"""Repositories of the two public registries of this lab -> the program behind each, and its tags."""

MODELS: Final = frozenset(name for name, _ in PUBLIC.values())
"""Programs that stand for public images."""


class Blob(NamedTuple):
    """Bytes of an image, and what kind they are."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """`sha256:` and what sha256 makes of the bytes."""
        return digest_of(self.content)

    def described(self) -> dict[str, Any]:
        """How a manifest refers to these bytes."""
        return {"mediaType": self.media_type, "size": len(self.content), "digest": self.digest}


class Image(NamedTuple):
    """An image, ready to be pushed."""

    config: Blob
    layers: tuple[Blob, ...]
    manifest: Blob

    @property
    def digest(self) -> str:
        """The image's digest is its manifest's."""
        return self.manifest.digest


def digest_of(content: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


# -- programs ------------------------------------------------------------------------------------------


def names() -> list[str]:
    """The programs of `data/images`, in order."""
    return sorted(path.stem for path in _folder().glob("*.py"))


@functools.lru_cache(maxsize=64)
def source(name: str) -> str:
    """The text of a program. Raises `NotFound` with the nearest names."""
    if name not in names():
        raise NotFound("image", name, names())
    return (_folder() / f"{name}.py").read_text(encoding="utf-8")


def about(text: str) -> str:
    """What a program says about itself: the first line of its docstring."""
    try:
        told = ast.get_docstring(ast.parse(text)) or ""
    except SyntaxError:
        return ""
    return told.strip().partition("\n")[0]


def _folder() -> Path:
    package = Path(__file__).resolve().parent.parent.parent
    chosen = os.environ.get("LABKIT_WORKBOOK")
    for root in (*([Path(chosen)] if chosen else []), package.parent, package / "_workbook"):
        if (root / "data" / "images").is_dir():
            return root / "data" / "images"
    raise LabkitError("The folder data/images is missing. Clone the repository again, or reinstall labkit.")


def changed(text: str, changes: Mapping[str, Any]) -> str:
    """A program with other numbers: `changed(text, {"version": "2.0"})` gives it `VERSION = "2.0"`.

    Values are plain: texts, numbers, booleans, None, and mappings or lists of them. Raises `UsageError` for others,
    and for text that is no Python.
    """
    for name, value in changes.items():
        text = _with_constant(text, name.upper(), value)
    return text


def _with_constant(text: str, name: str, value: Any) -> str:
    if not _plain(value):
        raise UsageError(
            f"{name} is a text, a number, True, False, None, or a mapping of them. It is {value!r}."
        )
    if not name.isidentifier():
        raise UsageError(f"{name!r} is no name of a constant. Take one such as VERSION.")
    tree = _parsed(text)
    lines = text.splitlines()
    line = f"{name} = {value!r}"
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == [name]:
            lines[node.lineno - 1 : node.end_lineno] = [line]
            return "\n".join(lines) + "\n"
    after = tree.body[0].end_lineno or 0 if ast.get_docstring(tree, clean=False) is not None else 0
    lines[after:after] = ["", line] if after else [line]
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_plain(one) for pair in value.items() for one in pair)
    if isinstance(value, (list, tuple)):
        return all(_plain(one) for one in value)
    return value is None or isinstance(value, (str, int, float, bool))


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UsageError(
            f"The program is no Python: line {error.lineno}: {error.msg}. Correct it and push again."
        ) from None


@functools.lru_cache(maxsize=256)
def constants(text: str) -> dict[str, Any]:
    """The plain constants of a program, without running it. Text that is no Python has none."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return {}
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def size_of(text: str) -> int:
    """Bytes that a pull of this image moves: its SIZE in MB, which stands for the base image nobody stores here."""
    size = constants(text).get("SIZE", SIZE)
    good = isinstance(size, (int, float)) and not isinstance(size, bool) and 0 <= size < 100_000
    return int((size if good else SIZE) * 1_000_000)


# -- images --------------------------------------------------------------------------------------------


def build(text: str) -> Image:
    """The image of a program, as `docker build` makes one."""
    layer = Blob(LAYER_TYPE, _archive(text))
    named = constants(text)
    inside: dict[str, Any] = {"Cmd": ["python", f"/{FILE}"]}
    if isinstance(named.get("PORT"), int):
        inside["ExposedPorts"] = {f"{named['PORT']}/tcp": {}}
    if isinstance(named.get("VERSION"), str):
        inside["Labels"] = {"org.opencontainers.image.version": named["VERSION"]}
    settings = {
        "architecture": "amd64", "os": "linux", "config": inside,
        "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
    }  # fmt: skip
    config = Blob(CONFIG_TYPE, _json(settings))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.described(),
        "layers": [layer.described()],
    }
    return Image(config, (layer,), Blob(MANIFEST_TYPE, _json(manifest)))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _archive(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(FILE)
        content = text.encode()
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def program_in(layers: list[bytes]) -> str:
    """The program in an image's layers; a later layer lies over the earlier ones. Nothing when none holds one.

    A layer may be an archive, compressed or not, with `app.py` in it, or the bare text of a program.
    """
    for layer in reversed(layers):
        found = _read(layer)
        if found:
            return found
    return ""


def _read(layer: bytes) -> str:
    try:
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            for entry in archive:
                if entry.isfile() and entry.name.rpartition("/")[2] == FILE and entry.size <= len(layer) * 50:
                    content = archive.extractfile(entry)
                    return content.read().decode("utf-8", "replace") if content is not None else ""
            return ""
    except (tarfile.TarError, OSError, EOFError):
        pass
    try:
        return layer.decode("utf-8")
    except UnicodeDecodeError:
        return ""


@functools.lru_cache(maxsize=32)
def public(repository: str) -> tuple[Image, str] | None:
    """The image and program behind a public repository, such as `docker.io/library/nginx`; None when we know none."""
    known = PUBLIC.get(repository)
    if known is None:
        return None
    text = source(known[0])
    return build(text), text
