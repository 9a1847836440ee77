"""Where a child process begins, as the warm template or, where the system cannot fork, as one worker."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import socket
import sys
import time
from typing import Any

_cached: dict[str, Any] = {}
"""botocore's data files, read once and shared by all workers that are forked later."""


def main(arguments: dict[str, Any]) -> None:
    """Become what `arguments` say. Does not return."""
    status = 1
    try:
        _load()
        from . import kernel, line, logs, serve, template

        logs.take_over()
        _hide(arguments["standard"])

        def work(connection: socket.socket) -> None:
            speaking = line.Line(connection)
            try:
                serve.Worker(speaking, speaking.exchange(b""), arguments).run()
            except line.Gone:
                os._exit(0)

        if arguments["role"] == "template":
            if arguments["kernel_walls"]:
                kernel.leave_network()
            gc.collect()
            gc.freeze()  # what is shared with workers stays shared: no collection touches it
            control = _own(arguments["control"])
            template.Template(control, lambda number: work(_own(number)), warm).run()
            shutil.rmtree(arguments["folder"], ignore_errors=True)  # a notebook that was killed could not
        elif arguments.get("share"):
            work(_shared(arguments["share"]))
        else:
            work(_own(arguments["line"]))
        status = 0
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        if status:
            sys.excepthook(*sys.exc_info())
        os._exit(status)


def _own(number: int) -> socket.socket:
    connection = socket.socket(fileno=number)
    connection.set_inheritable(False)
    return connection


def _shared(size: int) -> socket.socket:
    module: Any = socket  # only Windows has `fromshare`
    connection: socket.socket = module.fromshare(sys.stdin.buffer.read(size))
    return connection


def _load() -> None:
    """Import what functions have on AWS without packing it, and what a worker itself needs."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
    import boto3
    from botocore import loaders

    from labkit.sandbox.models import ModelCache

    from . import account, clock

    ModelCache().start()
    read = loaders.JSONFileLoader.load_file

    def load_file(self: Any, file_path: str) -> Any:
        if file_path not in _cached:
            found = read(self, file_path)
            if found is None:
                return None
            _cached[file_path] = found
        return _cached[file_path]

    loaders.JSONFileLoader.load_file = load_file
    account.install()
    clock.start()
    boto3.setup_default_session()


def _hide(standard: list[str]) -> None:
    """Leave what a function finds on AWS. Done once, it costs no cold start.

    labkit itself goes from Python's table of modules; `time_machine` has to stay, as its part in C imports
    it at each reading.
    """
    os.environ.clear()
    os.environ["TZ"] = ":UTC"
    if hasattr(time, "tzset"):
        time.tzset()
    sys.argv[:] = ["bootstrap"]
    sys.dont_write_bytecode = True
    sys.path[:] = standard
    sys.path_importer_cache.clear()
    for name in list(sys.modules):
        if name.partition(".")[0] == "labkit":
            del sys.modules[name]


def warm(service: str) -> None:
    """Load what a client of this service needs, so that workers forked later have it."""
    import boto3

    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    boto3.client(service, region_name="eu-west-1", **keys).close()
    gc.collect()
    gc.freeze()
