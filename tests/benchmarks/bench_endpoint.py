"""What HTTP costs: one SQS SendMessage in the notebook's process, over the endpoint, and over moto's own server.

    python tests/benchmarks/bench_endpoint.py [--rounds 7] [--server FOLDER]

moto's server needs flask and flask-cors: installed, or in the folder given with `--server`; left out otherwise. All
take turns in one run; a ratio is the median of each round's own ratio. Clients over HTTP run in processes of their own,
as programs outside do. Start-up is that of a whole `labkit serve`, from nothing to the first reply.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
CALLS = 100
CLIENT = f"""
import sys, time, boto3
keys = dict(aws_access_key_id="123456789012", aws_secret_access_key="none")
sqs = boto3.client("sqs", region_name="eu-west-1", endpoint_url=sys.argv[1], **keys)
url = sqs.create_queue(QueueName="orders")["QueueUrl"]
print("ready", flush=True)
for _ in sys.stdin:
    began = time.perf_counter()
    for _ in range({CALLS}):
        sqs.send_message(QueueUrl=url, MessageBody="hello")
    print((time.perf_counter() - began) * 1000 / {CALLS}, flush=True)
"""
MOTO = """
import logging, time
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
time.sleep(3600)
"""


@contextmanager
def program(arguments: list[str], folder: str = "") -> Iterator[Any]:
    """A Python program with its pipes, ended afterwards."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, variables.get("PYTHONPATH"))))
    pipes: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
    }
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=variables, text=True, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def client(url: str) -> Iterator[Callable[[], float]]:
    """A program outside. Gives milliseconds per call."""
    with program(["-c", CLIENT, url]) as running:
        assert running.stdout.readline() == "ready\n"

        def measure() -> float:
            running.stdin.write("go\n")
            running.stdin.flush()
            return float(running.stdout.readline())

        yield measure


def inside() -> Callable[[], float]:
    """The same call in this process, on an account of its own."""
    import boto3

    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]

    def measure() -> float:
        began = time.perf_counter()
        for _ in range(CALLS):
            sqs.send_message(QueueUrl=url, MessageBody="hello")
        return (time.perf_counter() - began) * 1000 / CALLS

    return measure


def start_up() -> float:
    """Milliseconds from nothing to the first reply of `labkit serve`."""
    began = time.perf_counter()
    with program(["-m", "labkit.cli", "serve", "--port", "0", "--json"]) as running:
        url = json.loads(running.stdout.readline())["url"]
        urllib.request.urlopen(f"{url}/_labkit/health").read()
        return (time.perf_counter() - began) * 1000


def moto_start_up(folder: str) -> float:
    """The same for moto's server."""
    began = time.perf_counter()
    with program(["-c", MOTO], folder) as running:
        urllib.request.urlopen(f"http://127.0.0.1:{int(running.stdout.readline())}/moto-api/").read()
        return (time.perf_counter() - began) * 1000


def report(title: str, rounds: list[dict[str, float]], base: str) -> None:
    """Medians, and the median of each round's own ratio to the base."""
    print(f"\n{title}")
    for name in rounds[0]:
        values = [row[name] for row in rounds]
        ratio = statistics.median(row[name] / row[base] for row in rounds)
        low, high = min(values), max(values)
        print(f"  {name:32}{statistics.median(values):9.2f} ms  ({low:.2f} to {high:.2f})  x {ratio:.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--server", default="", help="folder with flask and flask-cors")
    arguments = parser.parse_args()
    compare = bool(arguments.server or importlib.util.find_spec("flask_cors"))
    starts: dict[str, Callable[[], float]] = {"labkit serve": start_up}
    if compare:
        starts["moto's server"] = lambda: moto_start_up(arguments.server)
    start_up()
    rows = [{name: measure() for name, measure in starts.items()} for _ in range(arguments.rounds)]
    report(f"start-up, {arguments.rounds} rounds", rows, "labkit serve")

    from labkit.sandbox import Sandbox

    with ExitStack() as stack:
        stack.enter_context(Sandbox())
        serve = stack.enter_context(program(["-m", "labkit.cli", "serve", "--port", "0", "--json"]))
        url = json.loads(serve.stdout.readline())["url"]
        measures = {
            "in the notebook's process": inside(),
            "over the endpoint": stack.enter_context(client(url)),
        }
        if compare:
            moto = stack.enter_context(program(["-c", MOTO], arguments.server))
            address = f"http://127.0.0.1:{int(moto.stdout.readline())}"
            measures["over moto's server"] = stack.enter_context(client(address))
        for measure in measures.values():
            measure()
        rows = [{name: measure() for name, measure in measures.items()} for _ in range(arguments.rounds)]
    report(f"sqs.send_message, {arguments.rounds} rounds of {CALLS}", rows, "in the notebook's process")


if __name__ == "__main__":
    main()
