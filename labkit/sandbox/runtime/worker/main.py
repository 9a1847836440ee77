"""Where a child process begins, as the warm template or, where the system cannot fork, as one worker."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
from typing import Any

from . import folders

_cached: dict[str, Any] = {}
"""botocore's data files, read once and shared by all workers that are forked later."""


def main(arguments: dict[str, Any]) -> None:
    """Become what `arguments` say. Does not return."""
    folders.install()  # before the imports below keep references to `open` and `os.open`
    status = 1
    try:
        _load()
        if arguments["role"] == "template":
            _be_template(arguments)
        else:
            _serve(_given_socket(arguments), arguments)
        status = 0
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(status)


def _serve(connection: socket.socket, arguments: dict[str, Any]) -> None:
    """Be a worker on this line, to its end."""
    from .line import Gone, Line
    from .serve import Worker

    line = Line(connection)
    try:
        Worker(line, line.receive(), arguments).run()
    except Gone:
        os._exit(0)


def _be_template(arguments: dict[str, Any]) -> None:
    from . import kernel
    from .template import Template

    if arguments["kernel_walls"]:
        kernel.leave_network()
    control = socket.socket(fileno=arguments["control"])
    control.set_inheritable(False)
    gc.collect()
    gc.freeze()  # what is shared with workers stays shared: no collection touches it
    Template(control, lambda line: _serve(socket.socket(fileno=line), arguments), warm).run()


def _given_socket(arguments: dict[str, Any]) -> socket.socket:
    if arguments.get("share"):
        return socket.fromshare(sys.stdin.buffer.read(arguments["share"]))
    connection = socket.socket(fileno=arguments["line"])
    connection.set_inheritable(False)
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

    from . import account, clock, handler, kernel, logs, serve, template  # noqa: F401

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


def warm(service: str) -> None:
    """Load what a client of this service needs, so that workers forked later have it."""
    import boto3

    boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
    ).close()
