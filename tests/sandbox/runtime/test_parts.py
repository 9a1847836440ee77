"""The small parts: frames, packages, paths."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.runtime import FunctionError, PackageError, Pool
from labkit.sandbox.runtime.package import Packages
from labkit.sandbox.runtime.wire import HEADER, Frame, Frames, Kind, Noise, pack


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_frames_come_together_from_pieces_of_any_size(size: int) -> None:
    sent = [
        Frame(Kind.INVOKE, 1.5, -2.0, {"id": "x", "list": [1, None]}, b"body" * 5_000),
        Frame(Kind.DONE, 0.0, 0.0, {}, b""),
        Frame(Kind.CALL, 0.0, 1e300, {"ü": "ß"}, bytes(range(256))),
    ]
    data = b"".join(pack(frame.kind, frame.head, frame.body, frame.first, frame.second) for frame in sent)
    frames, found = Frames(), []
    for start in range(0, len(data), size):
        frames.feed(data[start : start + size])
        while (frame := frames.take()) is not None:
            found.append(frame)
    assert found == sent


@pytest.mark.parametrize(
    "noise",
    [
        b"\xff" * 40,
        HEADER.pack(Kind.CALL, 1 << 31, 5, 0, 0),
        HEADER.pack(Kind.CALL, 3, 0, 0, 0) + b"{x}",
        HEADER.pack(Kind.CALL, 2, 0, 0, 0) + b"[]",
        HEADER.pack(Kind.CALL, 2, 0, 0, 0) + b"\xff\xff",
    ],
)
def test_noise_is_no_frame(noise: bytes) -> None:
    frames = Frames()
    frames.feed(noise)
    with pytest.raises(Noise):
        frames.take()


def zipped(files: dict[str, bytes], mode: int = 0) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return data.getvalue()


def test_a_package_is_unpacked_once(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    first = packages.get("key", [zipped({"a/b.txt": b"1", "c.txt": b"2"}), zipped({"c.txt": b"3"})])
    assert (first / "a" / "b.txt").read_bytes() == b"1"
    assert (first / "c.txt").read_bytes() == b"3"
    assert packages.get("key", []) == first


def test_a_package_stays_in_its_folder(tmp_path: Path) -> None:
    evil = {
        "../up.txt": b"x",
        "/root.txt": b"x",
        "a/../../up.txt": b"x",
        "fine.txt": b"x",
        "back\\slash.txt": b"x",
    }
    place = Packages(tmp_path / "inside").get("key", [zipped(evil)])
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert found == ["inside/key/back/slash.txt", "inside/key/fine.txt"]
    assert place == tmp_path / "inside" / "key"


def test_programs_in_a_package_stay_programs(tmp_path: Path) -> None:
    place = Packages(tmp_path).get("key", [zipped({"run.sh": b"#!/bin/sh"}, mode=0o700)])
    assert (place / "run.sh").stat().st_mode & 0o777 == 0o755


def test_a_package_that_is_too_large_or_broken_leaves_nothing(tmp_path: Path) -> None:
    bomb = zipped({f"{number}": bytes(100_000_000) for number in range(3)})
    packages = Packages(tmp_path)
    with pytest.raises(PackageError, match=r"262,144,000 bytes"):
        packages.get("key", [bomb])
    with pytest.raises(PackageError, match="no zip file"):
        packages.get("key", [bomb[:1000]])
    assert list(tmp_path.iterdir()) == []


def test_errors_as_json() -> None:
    plain = FunctionError("Runtime.ExitError", "it ended")
    assert plain.payload() == b'{"errorType": "Runtime.ExitError", "errorMessage": "it ended"}'
    raised = FunctionError("KeyError", "'ä'", ("line",), "id")
    assert raised.payload().decode() == (
        '{"errorMessage": "\'ä\'", "errorType": "KeyError", "requestId": "id", "stackTrace": ["line"]}'
    )


def test_a_pool_that_is_not_used_starts_nothing() -> None:
    with Sandbox() as sandbox, Pool(sandbox) as pool:
        assert pool.environments == ()
        assert pool._template is None
        assert pool._folder is None
