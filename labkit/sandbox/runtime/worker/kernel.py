"""Walls that the Linux kernel puts up, where it lets an ordinary process ask for them.

Each function here returns whether the wall stands. Where it does not (an older kernel, a container that
forbids it, another system), the walls of `fence` in Python stand alone.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import sys
from collections.abc import Iterable
from typing import Any, Final

_LINUX: Final = sys.platform == "linux"
_SUBREAPER, _DEATH_SIGNAL, _NO_NEW_PRIVILEGES = 36, 1, 38  # prctl(2)
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # unshare(2)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # landlock(7); the same on every architecture
_READ = 1 << 2 | 1 << 3  # READ_FILE, READ_DIR
_WRITE_FILE: Final = 1 << 1
_CHANGES: Final = (
    (1, _WRITE_FILE | sum(1 << bit for bit in range(4, 13))),  # remove and make things of any type
    (2, 1 << 13),  # move between folders
    (3, 1 << 14),  # truncate
)
"""By Landlock ABI version: the rights to change something."""
_FILE_RIGHTS: Final = 1 << 1 | 1 << 2 | 1 << 3
"""Of root's rights, those over files: Python itself may lie in a folder that only root can read."""
_NET: Final = 1 << 0 | 1 << 1  # bind and connect TCP, ABI 4
_SCOPED: Final = 1 << 0 | 1 << 1  # abstract sockets and signals stay inside, ABI 6


_libc: Final[Any] = ctypes.CDLL(None, use_errno=True) if _LINUX else None


def adopt_orphans() -> bool:
    """Processes whose parent ended become children of this one, so that it can end and reap them."""
    return _LINUX and _libc.prctl(_SUBREAPER, 1, 0, 0, 0) == 0


def die_with_parent() -> bool:
    """The kernel kills this process when the thread that forked it is gone."""
    return _LINUX and _libc.prctl(_DEATH_SIGNAL, 9, 0, 0, 0) == 0


def leave_network() -> bool:
    """Have no network at all, not even loopback: for this process and all it will start.

    Needs the right to make namespaces: many containers refuse it, and Ubuntu since 23.10 does.
    """
    if not _LINUX:
        return False
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        return bool(_libc.unshare(_NEW_NETWORK) == 0)
    # In a trial child first: a process that got a user namespace but no identity in it is crippled.
    trial = os.fork()
    if trial == 0:
        os._exit(0 if _new_identity(user, group) else 1)
    _, status = os.waitpid(trial, 0)
    return status == 0 and _new_identity(user, group)


def _new_identity(user: int, group: int) -> bool:
    if _libc.unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    try:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    except OSError:
        return False
    return keep_rights(0)  # a user namespace comes with rights over itself: a function needs none


def keep_rights(wanted: int) -> bool:
    """Give up every right of root's but these (bits of capabilities(7)), for good."""
    version = (ctypes.c_uint32 * 2)(0x20080522, 0)
    rights = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for the upper 32 bits
    if not _LINUX or _libc.capget(version, rights) != 0:
        return False
    kept = rights[1] & wanted
    rights[:] = [kept, kept, 0, 0, 0, 0]
    return bool(_libc.capset(version, rights) == 0)


def landlock_version() -> int:
    """The version of Landlock this kernel offers, or 0."""
    if not _LINUX:
        return 0
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, 1)))


def lock_files(writable: Iterable[str], readable: Iterable[str]) -> bool:
    """Let this process, and every program it starts, change only `writable` and read only these two.

    On newer kernels TCP connections and signals to others are refused as well.
    """
    version = landlock_version()
    if not version:
        return False
    change = sum(bits for since, bits in _CHANGES if version >= since)
    attributes = struct.pack("=QQQ", change | _READ, _NET, _SCOPED)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _libc.syscall(_CREATE_RULESET, attributes[:size], size, 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(rules, path, _READ)
        for path in writable:
            _allow(rules, path, change | _READ)
        if os.geteuid() == 0:
            keep_rights(_FILE_RIGHTS)
        if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return False
        return bool(_libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a folder this machine does not have
    try:
        if not os.path.isdir(path):
            rights &= _WRITE_FILE | 1 << 2
        _libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def mapped() -> tuple[int, int]:
    """This process's address space and its private writable part, in bytes; zeros where nobody says."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = file.read().split()
    except OSError:
        return 0, 0
    return int(pages[0]) * mmap.PAGESIZE, int(pages[5]) * mmap.PAGESIZE


def peak() -> int:
    """The most memory this program had at once, in bytes; 0 where the system does not say."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def forget_peak() -> None:
    """Let the peak of this process's memory count from now."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass
