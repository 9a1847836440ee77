"""`labkit serve`: a simulated account of its own, over HTTP, for the AWS CLI, Terraform and other SDKs."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from labkit.errors import UsageError

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox
    from labkit.sandbox.endpoint import Endpoint

USUAL: Final = 4566
"""The port that is tried first: many tools for local AWS endpoints know it."""
_NEXT: Final = 20
"""How many ports after the usual one are tried when it is taken."""
SECRET: Final = "lab"


def main(argv: list[str]) -> int:
    """Serve until Ctrl-C. Returns 0. Raises `LabkitError` when the port is taken or the lab unknown."""
    options = _parser().parse_args(argv)
    if not re.fullmatch(r"\d{12}", options.account):
        raise UsageError(f"--account takes twelve digits, such as 111122223333. It is {options.account!r}.")
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in _signals()}
    try:
        _serve(options, stopped)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _signals() -> tuple[signal.Signals, ...]:
    more = [getattr(signal, name) for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    return (signal.SIGINT, *more)


def _serve(options: argparse.Namespace, stopped: threading.Event) -> None:
    from labkit.sandbox import Sandbox

    with Sandbox(options.seed) as sandbox:
        if options.lab:
            _prepare(sandbox, options.lab)
        endpoint = _open(sandbox, options)
        sandbox.tools["endpoint"] = endpoint
        _say(endpoint, options)
        while not stopped.wait(0.5):  # short, so that Ctrl-C is heard on Windows too
            pass
    if not options.json:
        print("Stopped. The account and everything in it is gone.")


def _open(sandbox: Sandbox, options: argparse.Namespace) -> Endpoint:
    from labkit.sandbox.endpoint import Endpoint, PortTaken

    ports = [options.port] if options.port is not None else [*range(USUAL, USUAL + _NEXT), 0]
    for port in ports:
        try:
            return Endpoint(
                sandbox, port, host=options.host, suffix=options.host_suffix, others=options.account,
                ticking=True, complain=lambda text: print(f"labkit: {text}", file=sys.stderr),
            ).start()  # fmt: skip
        except PortTaken:
            if port == ports[-1]:
                raise
    raise AssertionError("the last port has been tried")


def _prepare(sandbox: Sandbox, name: str) -> None:
    """Put the account in the state in which a lab, or an exercise of it, begins."""
    from labkit.course import catalogue
    from labkit.course.progress import Progress
    from labkit.lab import Lab

    built = catalogue.find(name.partition(".")[0])
    exercise = built.exercise(name).name if "." in name else built.exercises[0].name
    Lab(built, sandbox, Progress()).jump_to(exercise, into={})


def _say(endpoint: Endpoint, options: argparse.Namespace) -> None:
    facts = facts_of(endpoint, options.account)
    if options.json:
        print(json.dumps(facts), flush=True)
        return
    print(welcome(endpoint, options.account), flush=True)


def facts_of(endpoint: Endpoint, others: str) -> dict[str, Any]:
    """What a program needs to know, as `--json` prints it: one line."""
    sandbox = endpoint.sandbox
    return {
        "version": 1, "url": endpoint.url, "host": endpoint.host, "port": endpoint.port,
        "account": sandbox.account, "other_account": others, "region": sandbox.region,
        "environment": variables(endpoint),
    }  # fmt: skip


def variables(endpoint: Endpoint) -> dict[str, str]:
    """The environment in which the AWS CLI and the SDKs use the account."""
    sandbox = endpoint.sandbox
    return {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": sandbox.account,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": sandbox.region,
        "AWS_REGION": sandbox.region,
    }


def welcome(endpoint: Endpoint, others: str) -> str:
    """What is printed at the start: lines to paste for each shell, and how to end."""
    sandbox, pairs = endpoint.sandbox, variables(endpoint)
    names = f", and below *.{endpoint.names.suffix}:{endpoint.port}" if endpoint.names.suffix else ""
    lines = [
        f"Your simulated AWS account answers at {endpoint.url}{names}",
        f"Account {sandbox.account}, Region {sandbox.region}. Nothing leaves this machine; nothing is kept.",
        "",
        "Linux, macOS (bash, zsh):",
        *(f"  export {name}={value}" for name, value in pairs.items()),
        "Windows (PowerShell):",
        *(f'  $env:{name} = "{value}"' for name, value in pairs.items()),
        "fish:",
        *(f"  set -gx {name} {value}" for name, value in pairs.items()),
        "Python:",
        f'  boto3.client("sqs", endpoint_url="{endpoint.url}", region_name="{sandbox.region}",',
        f'               aws_access_key_id="{sandbox.account}", aws_secret_access_key="{SECRET}")',
        "",
        f"An access key of twelve digits is the root user of that account; others belong to {others}.",
        "AWS CLI version 1 forgets AWS_ENDPOINT_URL for some services, such as sqs:",
        f"  aws --endpoint-url {endpoint.url} sqs list-queues",
        f"The clock: curl -X POST -H 'X-Labkit: 1' -d '{{\"minutes\": 5}}' {endpoint.url}/_labkit/clock/advance",
    ]
    if endpoint.names.open_to_all:
        lines += [
            "",
            "WARNING: other machines can reach this account, and use it as they like.",
            f"It listens on {endpoint.host}. Without --host, only programs on this machine can.",
        ]
    return "\n".join([*lines, "", "Ctrl-C ends it."])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="labkit serve",
        description="Offer a simulated AWS account over HTTP, on this machine only, until Ctrl-C.",
    )
    parser.add_argument("--port", type=_port, help=f"the port; left out: {USUAL}, or the next free one")
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen; beyond loopback, others can use it"
    )
    parser.add_argument(
        "--host-suffix", default="", metavar="NAME", help="a domain of its own, like aws.localhost"
    )
    parser.add_argument("--account", default="000000000000", help="the account of keys that name none")
    parser.add_argument("--lab", default="", help="begin as this lab (16) or exercise (16.5) begins")
    parser.add_argument("--seed", type=int, default=0, help="decides all random choices of the services")
    parser.add_argument("--json", action="store_true", help="print one line for programs")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text}")
    return int(text)
