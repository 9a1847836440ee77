"""The real AWS CLI against the lab's account: `lab.cli("aws sqs list-queues")`, and cells that begin with `%%aws`.

It cannot get out. The program is started without a shell, in an environment made from nothing: no profiles, no
configuration, no real credentials, a proxy that refuses everything, and the address of the lab's account. That address
is also given as the last option of every command, because version 1 of the CLI ignores AWS_ENDPOINT_URL for some
services. A CLI that runs on Python is behind a fence that lets it connect to the account's port only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labkit.errors import LabkitError, UsageError

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox
    from labkit.sandbox.endpoint import Endpoint

LONGEST: Final = 60.0
"""Seconds, real, after which a command is ended, unless another time is given."""
HOW_TO_GET_IT: Final = (
    "The AWS CLI is not installed on this machine. Install version 2 from "
    "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html, start the notebook anew, and run "
    "this cell again. Until then, boto3 does the same: each command is an operation with the same name."
)
_REFUSED: Final = {
    "--endpoint-url": "The lab gives the address itself.",
    "--profile": "Profiles of this machine are not used in a lab.",
}
_COMMANDS: Final = {
    "configure": "There is nothing to configure: keys, Region and address are the lab's.",
    "sso": "Signing in leads to real AWS.",
    "login": "Signing in leads to real AWS.",
    "logout": "Signing in leads to real AWS.",
}
_WITH_VALUE: Final = frozenset(
    {
        "--region", "--output", "--query", "--color", "--ca-bundle", "--cli-read-timeout", "--cli-connect-timeout",
        "--cli-binary-format", "--cli-error-format",
    }
)  # fmt: skip
"""Options that may stand before the command and take a value: `aws help` lists them."""
_KEPT: Final = (
    "PATH",
    "PATHEXT",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "COMSPEC",
    "WINDIR",
    "TMPDIR",
    "TEMP",
    "TMP",
    "LANG",
    "LC_ALL",
)
_CLOSED: Final = "http://127.0.0.1:9"
_OPERATORS: Final = re.compile(r"(?:^|\s)(\|\|?|&&?|;|\d?>>?|<<?)(?=\s|$)|(\$\(|`|\$\{?\w)")


@dataclass(frozen=True, slots=True)
class CliResult:
    """What a command of the AWS CLI printed. `status` is its exit status: 0 when all went well."""

    command: str
    stdout: str
    stderr: str
    status: int

    @property
    def json(self) -> Any:
        """What it printed, as Python data; None when it printed nothing. Raises `UsageError` for other text."""
        if not self.stdout.strip():
            return None
        try:
            return json.loads(self.stdout)
        except ValueError:
            raise UsageError("This is no JSON. Run the command with `--output json`.") from None

    def __repr__(self) -> str:
        parts = [self.stdout.rstrip(), self.stderr.strip()]
        if self.status:
            parts.append(f"(exit status {self.status})")
        return "\n".join(part for part in parts if part) or "(no output)"


def run(sandbox: Sandbox, command: str | Sequence[str], seconds: float = LONGEST) -> CliResult:
    """Run one command. As a list, each item is one argument, as it is. Raises `LabkitError` when there is no CLI."""
    from labkit.sandbox import endpoint

    words = checked(words_of(command))
    program = find()
    if program is None:
        raise LabkitError(HOW_TO_GET_IT)
    here = endpoint.of(sandbox)
    line = [*program, *words, "--endpoint-url", here.url]
    with tempfile.TemporaryDirectory(prefix="labkit-aws-") as home:
        visitors = sandbox.visitors
        visitors.rest()  # this thread waits for the program and cannot act meanwhile
        try:
            with sandbox.guard.permitting_aws_cli():
                done = _execute(line, environment(here, Path(home)), seconds)
        finally:
            visitors.work()
    return CliResult(shlex.join(["aws", *words]), *done)


def run_cell(sandbox: Sandbox, text: str, show: Any = print) -> CliResult | None:
    """Run the commands of a cell, one after the other, until one fails. All but the last are shown."""
    commands = list(commands_of(text))
    if not commands:
        raise UsageError("Write one command per line, such as: aws sqs list-queues")
    prepared = [checked(words_of(command)) for command in commands]
    for number, words in enumerate(prepared, 1):
        result = run(sandbox, words)
        if number == len(prepared):
            return result
        show(result)
        if result.status:
            left = len(prepared) - number
            show(
                f"Stopped here: the other {left} did not run."
                if left > 1
                else "Stopped here: the last did not run."
            )
            return None
    return None


def run_magic(sandbox: Sandbox, line: str, cell: str | None) -> CliResult | None:
    """What `%aws COMMAND` and a cell `%%aws` do."""
    return run_cell(sandbox, "\n".join(filter(None, (line, cell))))


# -- reading commands --------------------------------------------------------------------------------


def commands_of(text: str) -> Iterator[str]:
    """The commands of a cell: one per line; a backslash at the end continues it; `#` begins a comment."""
    joined = re.sub(r"\\[ \t]*\r?\n", " ", text)
    for line in joined.splitlines():
        command = _without_comment(line).strip()
        if command:
            yield command


def words_of(command: str | Sequence[str]) -> list[str]:
    """The arguments after `aws`. Quotes group; nothing else has a meaning, for there is no shell."""
    if not isinstance(command, str):
        words = [str(word) for word in command]
        return words[1:] if words[:1] == ["aws"] else words
    found = _OPERATORS.search(_quotes_blanked(command))
    if found:
        raise UsageError(
            f"There is no shell here, so {(found[1] or found[2]).strip()} has no meaning. Put it into single quotes, "
            "or work with the result in Python: lab.cli(...).json."
        )
    reader = shlex.shlex(command, posix=True, punctuation_chars=False)
    reader.whitespace_split = True
    reader.commenters = ""
    if os.name == "nt":
        reader.escape = ""  # backslashes are what paths are made of
    try:
        words = list(reader)
    except ValueError:
        raise UsageError("A quote is opened and not closed in this command.") from None
    return words[1:] if words[:1] == ["aws"] else words


def checked(words: list[str]) -> list[str]:
    """The words, when they stay in the lab. Raises `UsageError` otherwise."""
    for word in words:
        name = word.partition("=")[0]
        for option, why in _REFUSED.items():
            # The CLI's own parser takes beginnings of options too: --endpoint-u, --prof.
            if len(name) > 4 and option.startswith(name):
                raise UsageError(f"Leave out {name}. {why}")
    command = _command_of(words)
    if command in _COMMANDS:
        raise UsageError(f"`aws {command}` does not run in a lab. {_COMMANDS[command]}")
    if not words:
        raise UsageError("Write a command, such as: aws sqs list-queues")
    return words


def _command_of(words: list[str]) -> str:
    """The first word that is neither an option nor the value of one."""
    before = ""
    for word in words:
        if not word.startswith("-") and before not in _WITH_VALUE:
            return word
        before = word
    return ""


def _without_comment(line: str) -> str:
    found = re.search(r"(?:^|\s)#", _quotes_blanked(line))
    return line[: found.start()] if found else line


def _quotes_blanked(text: str) -> str:
    """The text with everything in quotes made harmless, at the same places."""
    return re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", lambda found: "_" * len(found[0]), text)


# -- the program -------------------------------------------------------------------------------------


def find() -> list[str] | None:
    """How the AWS CLI is started here, or None."""
    found = shutil.which("aws")
    if found and Path(found).suffix.lower() in (".cmd", ".bat"):
        # A batch file would hand the words to a shell: start what it starts instead.
        script, python = Path(found).with_suffix(""), Path(found).with_name("python.exe")
        found = None
        if script.is_file() and python.is_file():
            return [str(python), str(script)]
    if found:
        return [found]
    if importlib.util.find_spec("awscli") is not None:
        return [sys.executable, "-m", "awscli"]
    return None


def environment(endpoint: Endpoint, home: Path) -> dict[str, str]:
    """Everything the program knows: the lab's account, and nothing of this machine's settings."""
    from labkit.sandbox import identity
    from labkit.sandbox.endpoint.server import OWN_PROGRAM
    from labkit.sandbox.guard import FENCE

    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    lab = {name: value for name, value in identity.environment().items() if "IGNORE" not in name}
    closed = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _CLOSED)
    return {
        **kept, **lab, **closed,
        "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1",
        "HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), "XDG_CONFIG_HOME": str(home),
        "AWS_ENDPOINT_URL": endpoint.url, "AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off", "AWS_MAX_ATTEMPTS": "2",
        "AWS_EXECUTION_ENV": OWN_PROGRAM, "PYTHONPATH": str(FENCE), "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8",
        "LABKIT_ONLY_PORT": str(endpoint.port),
    }  # fmt: skip


def _execute(line: list[str], variables: dict[str, str], seconds: float) -> tuple[str, str, int]:
    own_group: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    with subprocess.Popen(
        line, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, encoding="utf-8", errors="replace", **own_group,
    ) as program:  # fmt: skip
        try:
            out, err = program.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(program)
            out, err = program.communicate()
            return out, f"{err}Ended after {seconds:g} seconds: the command did not finish.\n", 124
        except BaseException:
            _end(program)
            raise
    return out, err, program.returncode


def _end(program: subprocess.Popen[str]) -> None:
    """End it, and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(program.pid, 9)
        else:
            program.kill()
