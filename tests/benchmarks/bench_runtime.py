"""What a function costs: cold start, warm call, an AWS call from inside, side by side with AWS's own runtime.

    python tests/benchmarks/bench_runtime.py [--rounds 7] [--ric FOLDER] [--rie FILE] [--server FOLDER]

Peers, each left out when it is not there (none is a dependency of labkit):

- `awslambdaric`, AWS's Python runtime client, behind the smallest Runtime API server that can be written:
  installed, or in the folder given with `--ric` (`pip install --target FOLDER awslambdaric`);
- the AWS Lambda Runtime Interface Emulator with that client: the program given with `--rie` (the wheel of
  `aws-sam-cli` carries one);
- moto's own HTTP server: flask and flask-cors installed, or in the folder given with `--server`.

All take turns in one run, so that a busy moment of the machine hits all; a ratio is the median of each
round's own ratio. Processor time is that of both processes, ours and the function's.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
CODE = "def handler(event, context):\n    return event\n"
EVENT = b'{"order": 7, "items": ["apple", "pear"]}'
WARM_CALLS, AWS_CALLS = 300, 100
# One item over and over: a table keeps its size, and labkit changes nothing in moto's DynamoDB.
ITEM = {"id": {"S": "7"}, "fruit": {"S": "apple"}, "amount": {"N": "12"}}
TABLE = {
    "TableName": "orders",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}
CALLING = f"""
import boto3
table = boto3.client("dynamodb")
def handler(event, context):
    for _ in range({AWS_CALLS}):
        table.put_item(TableName="orders", Item={ITEM})
"""
HTTP_CLIENT = f"""
import sys, time, boto3
keys = dict(aws_access_key_id="none", aws_secret_access_key="none")
table = boto3.client("dynamodb", region_name="eu-west-1", endpoint_url=sys.argv[1], **keys)
table.create_table(**{TABLE})
print("ready", flush=True)
for _ in sys.stdin:
    for _ in range({AWS_CALLS}):
        table.put_item(TableName="orders", Item={ITEM})
    print("done", flush=True)
"""
HTTP_SERVER = """
import logging, time
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
time.sleep(3600)
"""
GOALS = {"cold": 1 / 3, "warm": 1 / 5, "AWS call": 0.75}


@dataclass
class Peer:
    """One way to run a function: `cold()` starts one and gets its first reply; it returns `call` and `end`."""

    name: str
    cold: Callable[[], tuple[Callable[[], object], Callable[[], object], int]]


# -- ours --------------------------------------------------------------------------------------------


def package(code: str) -> bytes:
    """A function's zip."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", code)
    return data.getvalue()


def labkit(pool: Any) -> Peer:
    """A worker of ours, with time limit, memory limit, fence and log."""
    from labkit.sandbox.runtime import FunctionSpec, Invocation

    code = package(CODE)

    def cold() -> tuple[Callable[[], object], Callable[[], object], int]:
        environment = pool.start(FunctionSpec("bench", "app.handler", code))
        call = Invocation(EVENT)
        assert environment.invoke(call).error is None
        return lambda: environment.invoke(call), environment.stop, environment.pid

    return Peer("labkit", cold)


# -- AWS's own ---------------------------------------------------------------------------------------


class RuntimeApi:
    """The smallest Runtime API: it hands one event to `awslambdaric` and takes one reply, on one thread."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._connection, _ = None, None
        self._waiting = False

    def invoke(self) -> bytes:
        """One event, one reply."""
        while not self._waiting:
            self._take()
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 1\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 3000}\r\nLambda-Runtime-Trace-Id: Root=1\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: arn:x\r\nContent-Length: {len(EVENT)}\r\n\r\n"
        )
        self._waiting = False
        self._connection.sendall(head.encode() + EVENT)
        reply = self._take()
        while reply is None:
            reply = self._take()
        return reply

    def _take(self) -> bytes | None:
        """One request; the body of a reply to an event, else None."""
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self._connection.recv(65536)
            if not piece:
                self._connection = None
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if b"/next" in head.split(b"\r\n")[0]:
            self._waiting = True
            return None
        if fields.get(b"expect"):
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while b"transfer-encoding" in fields and not body.endswith(b"0\r\n\r\n"):
            body += self._connection.recv(65536)
        while len(body) < int(fields.get(b"content-length", 0)):
            body += self._connection.recv(65536)
        self._connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        return body

    def close(self) -> None:
        """Close both sockets."""
        self._listener.close()
        if self._connection is not None:
            self._connection.close()


def variables(folders: list[str], **more: str) -> dict[str, str]:
    """The environment of a program that finds its packages in these folders."""
    path = os.pathsep.join(folder for folder in folders if folder)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **more}


def function_variables() -> dict[str, str]:
    """What both need to know about the function."""
    names = ("NAME", "VERSION")
    return {f"AWS_LAMBDA_FUNCTION_{name}": "1" for name in names} | {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}


def runtime_client(folder: Path, ric: str) -> Peer:
    """`awslambdaric` and the smallest server."""

    def cold() -> tuple[Callable[[], object], Callable[[], object], int]:
        api = RuntimeApi()
        environment = variables(
            [str(folder), ric], AWS_LAMBDA_RUNTIME_API=api.address, **function_variables()
        )
        program = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "app.handler"], env=environment, cwd=folder
        )
        api.invoke()

        def end() -> None:
            program.kill()
            program.wait()
            api.close()

        return api.invoke, end, program.pid

    return Peer("awslambdaric", cold)


def emulator(folder: Path, ric: str, rie: str) -> Peer:
    """`awslambdaric` behind AWS's emulator."""

    def cold() -> tuple[Callable[[], object], Callable[[], object], int]:
        with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
            port, inner = free.getsockname()[1], other.getsockname()[1]
        environment = variables([str(folder), ric], **function_variables())
        words = [rie, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        words += ["--runtime-api-address", f"127.0.0.1:{inner}"]
        words += [sys.executable, "-m", "awslambdaric", "app.handler"]
        program = subprocess.Popen(
            words, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        connection = http.client.HTTPConnection("127.0.0.1", port)

        def call() -> object:
            connection.request("POST", "/2015-03-31/functions/function/invocations", EVENT)
            return connection.getresponse().read()

        while True:
            try:
                call()
                break
            except OSError:
                connection.close()
                time.sleep(0.001)

        def end() -> None:
            connection.close()
            program.kill()
            program.wait()

        return call, end, program.pid

    return Peer("emulator (RIE)", cold)


# -- measuring ---------------------------------------------------------------------------------------


def processor(pid: int) -> float:
    """Processor seconds of this process and of `pid` so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_round(peer: Peer) -> dict[str, float]:
    """Cold and warm, in milliseconds."""
    began = time.perf_counter()
    call, end, pid = peer.cold()
    cold = time.perf_counter() - began
    for _ in range(20):
        call()
    times, cpu = [], processor(pid)
    for _ in range(WARM_CALLS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    cpu = (processor(pid) - cpu) / WARM_CALLS
    end()
    return {"cold": cold * 1000, "warm": statistics.median(times) * 1000, "warm, processor": cpu * 1000}


@contextmanager
def http_peer(server_folder: str) -> Iterator[Callable[[], float]]:
    """moto's HTTP server and a client in a process of its own. Gives milliseconds per call."""
    with ExitStack() as stack:
        server = stack.enter_context(_program(HTTP_SERVER, server_folder, []))
        port = int(server.stdout.readline())
        client = stack.enter_context(_program(HTTP_CLIENT, server_folder, [f"http://127.0.0.1:{port}"]))
        client.stdout.readline()

        def measure() -> float:
            began = time.perf_counter()
            client.stdin.write("go\n")
            client.stdin.flush()
            client.stdout.readline()
            return (time.perf_counter() - began) * 1000 / AWS_CALLS

        yield measure


@contextmanager
def _program(code: str, folder: str, arguments: list[str]) -> Iterator[Any]:
    environment = variables([folder], AWS_EC2_METADATA_DISABLED="true")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, text=True, **pipes
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def report(title: str, rounds: list[dict[str, float]], ours: str, goal: float | None = None) -> None:
    """A table: medians, and the median of each round's own ratio of ours to the peer."""
    print(f"\n{title}")
    for name in rounds[0]:
        values = [row[name] for row in rounds]
        line = f"  {name:30}{statistics.median(values):10.3f} ms   ({min(values):.3f} to {max(values):.3f})"
        if name != ours:
            ratio = statistics.median(row[ours] / row[name] for row in rounds)
            line += f"   ours is {ratio:.3f} of it" + (f"  goal <= {goal:.3f}" if goal else "")
        print(line)


def functions(arguments: argparse.Namespace, pool: Any, folder: Path) -> None:
    """Cold starts and warm calls."""
    (folder / "app.py").write_text(CODE)
    peers = [labkit(pool)]
    if arguments.ric or importlib.util.find_spec("awslambdaric"):
        peers.append(runtime_client(folder, arguments.ric))
        if arguments.rie:
            peers.append(emulator(folder, arguments.ric, arguments.rie))
    for peer in peers:
        one_round(peer)  # once before it counts
    rounds = [{peer.name: one_round(peer) for peer in peers} for _ in range(arguments.rounds)]
    for what in ("cold", "warm", "warm, processor"):
        rows = [{name: values[what] for name, values in one.items()} for one in rounds]
        report(f"{what}, {arguments.rounds} rounds", rows, "labkit", GOALS.get(what))


def calls(arguments: argparse.Namespace, sandbox: Any, pool: Any) -> None:
    """An AWS call from inside a function, and the same over HTTP."""
    from labkit.sandbox.runtime import FunctionSpec, Invocation

    if not arguments.server and not importlib.util.find_spec("flask_cors"):
        print("\nAWS call: left out, moto's server is not installed")
        return
    sandbox.client("dynamodb").create_table(**TABLE)
    event = Invocation()
    with (
        pool.start(FunctionSpec("calls", "app.handler", package(CALLING), timeout_s=60)) as environment,
        http_peer(arguments.server) as http_call,
    ):

        def ours() -> float:
            began = time.perf_counter()
            assert environment.invoke(event).error is None
            return (time.perf_counter() - began) * 1000 / AWS_CALLS

        both = {"labkit, from inside a function": ours, "HTTP to moto's server": http_call}
        rounds = [{name: measure() for name, measure in both.items()} for _ in range(arguments.rounds + 1)][
            1:
        ]
    report(
        f"AWS call (dynamodb.put_item), {len(rounds)} rounds of {AWS_CALLS}",
        rounds,
        next(iter(both)),
        GOALS["AWS call"],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--ric", default="", help="folder with awslambdaric")
    parser.add_argument("--rie", default="", help="the emulator's program")
    parser.add_argument("--server", default="", help="folder with flask and flask-cors")
    arguments = parser.parse_args()
    from labkit.sandbox import Sandbox
    from labkit.sandbox.runtime import Pool

    with Sandbox() as sandbox, Pool(sandbox) as pool, tempfile.TemporaryDirectory() as folder:
        functions(arguments, pool, Path(folder))
        calls(arguments, sandbox, pool)


if __name__ == "__main__":
    main()
