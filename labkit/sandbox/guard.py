"""Nothing leaves this machine.

Four walls, outermost last:

1. The environment: every `AWS_*` variable is set aside while a lab is open, and the lab's own credentials
   stand in their place. Profiles and shared credential files are not read.
2. botocore: a request moto does not answer stops before it is sent.
3. Python: an audit hook sees every name look-up and every connection, from any library, and lets only
   loopback pass. It cannot be removed, only switched off by the sandbox that switched it on.
4. Child processes: they inherit a proxy that refuses everything, no real credentials, and (for Python
   programs) this same fence. The AWS CLI, which would call AWS, is stopped by name; only
   `lab.cli` starts it, with the lab's account as its address.

Limit, said openly: a program that is not Python, ignores proxy settings and needs no AWS credentials
(such as `ping`) is not stopped by Python means.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import re
import shlex
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from labkit.errors import Stopped

FENCE: Final = Path(__file__).parent / "fence"
"""A folder with a `sitecustomize` that puts child Python processes behind the same wall."""

_CLOSED_PROXY: Final = "http://127.0.0.1:9"
_FOR_CHILDREN: Final = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _CLOSED_PROXY),
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), _CLOSED_PROXY),
    "NO_PROXY": "localhost,127.0.0.1,::1",
    "no_proxy": "localhost,127.0.0.1,::1",
}
_LOOK_UPS: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_CONNECTIONS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_PROGRAMS: Final = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"})
_AWS_PROGRAM: Final = re.compile(r"aws(\.exe|\.cmd)?", re.IGNORECASE)
_SHELLS: Final = re.compile(r"(sh|bash|zsh|dash|ksh|fish|cmd|powershell|pwsh)(\.exe)?", re.IGNORECASE)
_REAL_KEY: Final = re.compile(r"(AKIA|ASIA)[A-Z0-9]{16}")

WHAT_TO_DO: Final = (
    "Nothing was sent. In a lab, use boto3 without endpoint settings: it reaches the lab's account."
)

_permitted: ContextVar[bool] = ContextVar("labkit_permitted", default=False)
_active: list[Guard] = []
_installed = False


class Guard:
    """The wall around one sandbox. `stopped` lists what it held back, as sentences."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._lab_environment = environment
        self._set_aside: dict[str, str] = {}
        self._children_before: dict[str, str | None] = {}
        self._send: Callable[..., Any] | None = None
        self.process = os.getpid()
        self.stopped: list[str] = []
        self.notes: list[str] = []

    def start(self) -> None:
        """Put up the walls. What was in the environment is kept and put back by `stop`."""
        self.process = os.getpid()
        self._set_aside = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
        self.notes = self._credential_notes()
        os.environ.update(self._lab_environment)
        fence = os.pathsep.join(filter(None, (str(FENCE), os.environ.get("PYTHONPATH"))))
        for name, value in (_FOR_CHILDREN | {"PYTHONPATH": fence}).items():
            # Only what children inherit changes. `os.environ` stays as it is: libraries in this process
            # do not try the closed proxy, and the learner reads our sentence instead of theirs.
            os.putenv(name, value)
        self._wrap_botocore()
        _active.append(self)
        _install_audit_hook()

    def stop(self) -> None:
        """Take the walls down and give the environment back."""
        if self in _active:
            _active.remove(self)
        if self._send is not None:
            from botocore.httpsession import URLLib3Session

            URLLib3Session.send = self._send
            self._send = None
        for name in self._lab_environment:
            os.environ.pop(name, None)
        os.environ.update(self._set_aside)
        for name in (*_FOR_CHILDREN, "PYTHONPATH"):
            if name in os.environ:
                os.putenv(name, os.environ[name])
            else:
                os.unsetenv(name)

    def refuse(self, what: str, cure: str = WHAT_TO_DO) -> Stopped:
        """Note what was held back and give the error to raise."""
        self.stopped.append(what)
        return Stopped(f"The lab stopped {what}. {cure}")

    def refuse_credentials(self, access_key: str) -> Stopped:
        """The error for a call that carries the keys of a real account."""
        return self.refuse(
            "a call with the credentials of a real account "
            f"(access key {access_key[:4]}...{access_key[-4:]})",
            "Nothing was sent. Leave the keys out: boto3.client(...) alone uses the lab's account.",
        )

    @contextmanager
    def permitting_aws_cli(self) -> Iterator[None]:
        """Inside, this thread may start the AWS CLI: for who has made sure that it reaches the lab's account."""
        token = _permitted.set(True)
        try:
            yield
        finally:
            _permitted.reset(token)

    def _credential_notes(self) -> list[str]:
        notes = []
        if {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SESSION_TOKEN"} & self._set_aside.keys():
            notes.append("AWS credentials were found in the environment. The lab has set them aside.")
        if "AWS_ENDPOINT_URL" in self._set_aside:
            notes.append("AWS_ENDPOINT_URL was set. The lab does not use it.")
        return notes

    def _wrap_botocore(self) -> None:
        from botocore.httpsession import URLLib3Session

        original = self._send = URLLib3Session.send

        def send(session: Any, request: Any) -> Any:
            host = _host_of(request.url)
            if not is_loopback(host):
                raise self.refuse(f"a call to {host}")
            return original(session, request)

        URLLib3Session.send = send


def looks_real(access_key: str | None) -> bool:
    """Whether an access key has the form AWS gives to real ones."""
    return bool(access_key and _REAL_KEY.fullmatch(access_key))


def is_loopback(host: object) -> bool:
    """Whether a host name or address stays on this machine."""
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode("ascii", "replace")
    if host is None or host == "":
        return True
    name = str(host).strip("[]").partition("%")[0].rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost") or name == socket.gethostname().lower():
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or (mapped or address).is_unspecified


def calls_aws_cli(arguments: object) -> bool:
    """Whether a command line starts the AWS CLI, directly, through a shell, or as a Python module."""
    if isinstance(arguments, (bytes, str, os.PathLike)):
        return _shell_line_calls_aws(os.fsdecode(arguments))
    if not isinstance(arguments, Sequence) or not arguments:
        return False
    words = [os.fsdecode(word) for word in arguments if isinstance(word, (bytes, str, os.PathLike))]
    if not words:
        return False
    if _SHELLS.fullmatch(_program_name(words[0])):
        return any(_shell_line_calls_aws(word) for word in words[1:])
    return _is_aws(words)


def _shell_line_calls_aws(line: str) -> bool:
    for command in re.split(r"[;&|\n]|\$\(|`|\(|\)", line):
        try:
            words = shlex.split(command, posix=os.name == "posix")
        except ValueError:
            words = command.split()
        while words and (words[0] in _PREFIXES or re.fullmatch(r"\w+=.*", words[0])):
            words = words[1:]
        if words and _is_aws(words):
            return True
    return False


_PREFIXES: Final = frozenset({"sudo", "exec", "time", "env", "command", "nohup", "then", "do", "else", "!"})


def _is_aws(words: Sequence[str]) -> bool:
    if _AWS_PROGRAM.fullmatch(_program_name(words[0])):
        return True
    return ("-m", "awscli") in itertools.pairwise(words)


def _program_name(word: str) -> str:
    return re.split(r"[/\\]", word.strip("\"'"))[-1]


def _host_of(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or url


def _install_audit_hook() -> None:
    global _installed
    if not _installed:
        sys.addaudithook(_audit)
        _installed = True


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _active or event[:2] not in ("so", "su", "os"):
        return
    if event in _LOOK_UPS:
        if not is_loopback(args[0]):
            raise _active[-1].refuse(f"a connection to {args[0]}")
    elif event in _CONNECTIONS:
        address = args[1]
        if isinstance(address, tuple) and address and not is_loopback(address[0]):
            raise _active[-1].refuse(f"a connection to {address[0]}")
    elif event in _PROGRAMS:
        command = args[1] if event in ("subprocess.Popen", "os.exec", "os.posix_spawn") else args[-1]
        if event == "os.system":
            command = args[0]
        if calls_aws_cli(command) and not _permitted.get():
            refusal = _active[-1].refuse("the AWS CLI, which would call real AWS", _CLI_CURE)
            if os.getpid() != _active[-1].process:
                # A forked child on its way to the program: an error here would leave a second copy of
                # the kernel running, so the child says its sentence and ends.
                os.write(2, f"{refusal}\n".encode())
                os._exit(126)
            raise refusal


_CLI_CURE: Final = (
    'Nothing was sent. lab.cli("aws sqs list-queues") runs it against the lab\'s account; so does a cell that '
    "begins with %%aws."
)
