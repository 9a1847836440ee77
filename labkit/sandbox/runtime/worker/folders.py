"""A function sees `/tmp`, `/var/task` and `/opt`; the files are in folders of its own environment.

Python's own functions for files (`open`, `os`, and with them `pathlib`, `shutil`, `tempfile`, `zipfile`, ...)
are wrapped once, before anything else is imported, and translate a path on its way in. Until a worker
says where its folders are, paths pass as they are.

Limit, said openly: programs that a function starts, and libraries that open files in C (except `sqlite3`),
do not pass here. They find the same folder under `$TMPDIR`.
"""

from __future__ import annotations

import builtins
import functools
import importlib.machinery
import io
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

TMP, TASK, OPT = "/tmp", "/var/task", "/opt"
_FIRST: Final = (TMP, TASK, OPT)
_ONE: Final = (
    "access", "chdir", "chmod", "chown", "lchown", "listdir", "listxattr", "lstat", "mkdir", "mkfifo", "mknod",
    "readlink", "remove", "rmdir", "scandir", "stat", "statvfs", "truncate", "unlink", "utime",
)  # fmt: skip
"""Functions of `os` whose first argument is a path."""
_TWO: Final = ("rename", "replace", "link", "symlink")
"""Functions of `os` whose first two arguments are paths."""

_real: dict[str, str] = {}
_as_they_are: tuple[str, ...] = ()


def place(tmp: str, task: str, opt: str, machine: Iterable[str]) -> None:
    """From now on, `/tmp`, `/var/task` and `/opt` are these folders.

    What lies in `machine` (Python itself, say, which may be installed under /opt) keeps its place.
    """
    global _as_they_are
    _real.update({TMP: tmp, TASK: task, OPT: opt})
    _as_they_are = tuple(path.rstrip(os.sep) + os.sep for path in (tmp, task, opt, *machine))


def translate(path: Any) -> Any:
    """Where a path really leads. Numbers of open files, and everything else, come back unchanged."""
    if not _real or isinstance(path, int):
        return path
    try:
        text = os.fspath(path)
    except TypeError:
        return path
    if isinstance(text, bytes):
        found = translate(os.fsdecode(text))
        return os.fsencode(found) if found != os.fsdecode(text) else path
    if not text.startswith(_FIRST) or (text + os.sep).startswith(_as_they_are):
        return path
    for name, real in _real.items():
        if text == name or text.startswith(name + "/"):
            return real + text[len(name) :]
    return path


def shown(text: str) -> str:
    """A text, such as a traceback, with the names a function knows its folders by."""
    for name, real in _real.items():
        text = text.replace(real, name)
    return text


def install() -> None:
    """Wrap Python's functions for files. Call it before other modules keep references to them."""
    builtins.open = io.open = _wrapped(open, 1)
    for names, count in ((_ONE, 1), (_TWO, 2)):
        for name in names:
            original = getattr(os, name, None)
            if original is not None:
                setattr(os, name, _replace_in_sets(original, _wrapped(original, count)))
    os.open = _replace_in_sets(os.open, _opener(os.open))
    os.getcwd = _shows_names(os.getcwd)
    sys.path_hooks.insert(0, _finder)
    try:
        import sqlite3
    except ImportError:
        return
    sqlite3.connect = sqlite3.dbapi2.connect = _wrapped(sqlite3.connect, 1)


def folder_of(number: int) -> str | None:
    """The path of an open folder, or None where the system does not say."""
    try:
        return _READLINK(f"/proc/self/fd/{number}")
    except OSError:
        return None


def working_folder() -> str:
    """The folder that relative paths start from, by its real name."""
    return _GETCWD()


_GETCWD: Final = os.getcwd
_READLINK: Final = os.readlink


def _wrapped(original: Callable[..., Any], count: int) -> Callable[..., Any]:
    if count == 1:

        @functools.wraps(original)
        def one(*args: Any, **kwargs: Any) -> Any:
            if _real and args:
                return original(translate(args[0]), *args[1:], **kwargs)
            return original(*args, **_translated(kwargs))

        return one

    @functools.wraps(original)
    def two(*args: Any, **kwargs: Any) -> Any:
        return original(*map(translate, args[:2]), *args[2:], **_translated(kwargs))

    return two


def _translated(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: translate(value) if name in ("path", "file", "src", "dst", "database") else value
        for name, value in kwargs.items()
    }


def _opener(original: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(original)
    def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None and _real:
            # Python does not tell an audit hook about `dir_fd`; a whole path says it all.
            folder = folder_of(dir_fd)
            if folder is not None:
                return original(os.path.join(folder, os.fsdecode(path)), flags, mode)
        return original(translate(path), flags, mode, dir_fd=dir_fd)

    return opened


def _shows_names(original: Callable[[], str]) -> Callable[[], str]:
    @functools.wraps(original)
    def getcwd() -> str:
        return shown(original())

    return getcwd


def _replace_in_sets(original: Any, replacement: Any) -> Any:
    # `shutil` asks these sets what a function can do.
    for name in ("supports_dir_fd", "supports_fd", "supports_follow_symlinks", "supports_effective_ids"):
        functions: set[Any] = getattr(os, name, set())
        if original in functions:
            functions.add(replacement)
    return replacement


def _finder(entry: str) -> Any:
    """`sys.path.append("/tmp/packages")` works: Python's own finder looks at the translated folder."""
    real = translate(entry)
    if real == entry:
        raise ImportError(f"not ours: {entry}")
    loaders = (
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    )
    return importlib.machinery.FileFinder.path_hook(*loaders)(real)
