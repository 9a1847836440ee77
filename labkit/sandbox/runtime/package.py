"""A function's files: its zip and its layers, unpacked once and shared by all its environments."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from labkit.errors import LabkitError

MOST_UNPACKED: Final = 262_144_000
"""The largest unpacked size of a function with its layers, in bytes (250 MB).
Source: AWS Lambda developer guide, "Lambda quotas"."""


class PackageError(LabkitError):
    """A deployment package that cannot be unpacked. The message says why."""


class Packages:
    """The unpacked packages of one pool, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def get(self, key: str, zips: Iterable[bytes]) -> Path:
        """The folder with these zips unpacked in order; a later one overwrites what an earlier one brought.

        Raises `PackageError`.
        """
        with self._lock:
            place = self._folder / key
            if not place.exists():
                self._folder.mkdir(exist_ok=True)
                unfinished = Path(tempfile.mkdtemp(dir=self._folder))
                try:
                    room = MOST_UNPACKED
                    for data in zips:
                        room -= _unpack(data, unfinished, room)
                    unfinished.chmod(0o755)
                    unfinished.rename(place)
                except BaseException:
                    shutil.rmtree(unfinished, ignore_errors=True)
                    raise
            return place


def _unpack(data: bytes, place: Path, room: int) -> int:
    """Unpack one zip. Returns its size unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > room:
                raise PackageError(
                    f"The code and its layers unpack to more than {MOST_UNPACKED:,} bytes, AWS's limit. "
                    "Leave out what the function does not need."
                )
            for member in archive.infolist():
                _write(archive, member, place)
            return size
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise PackageError(f"The deployment package is no zip file that can be read: {error}.") from error


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path) -> None:
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if any(part in ("..", "/") or os.path.isabs(part) for part in parts) or not parts:
        return  # it would land outside the function's folder
    target = place.joinpath(*parts)
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("wb") as file:
        while piece := source.read(1 << 20):
            file.write(piece)
    executable = (member.external_attr >> 16) & stat.S_IXUSR
    target.chmod(0o755 if executable else 0o644)
