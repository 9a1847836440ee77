"""Child Python processes of a lab stay on this machine too.

Python runs this file at start because the lab puts its folder on PYTHONPATH for its children.
It stands alone: the child may be another Python without labkit.
"""

import os
import sys
from typing import Any

_ONLY_PORT = os.environ.get("LABKIT_ONLY_PORT", "")


def _stays_here(host: Any) -> bool:
    if host is None or host == "":
        return True
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode("ascii", "replace")
    name = str(host).strip("[]").partition("%")[0].rstrip(".").lower()
    return (
        name == "localhost"
        or name.endswith(".localhost")
        or name in ("::1", "::", "0.0.0.0")
        or name.startswith("127.")
    )


def _fence(event: str, args: Any) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(args[1], tuple):
        host = args[1][0]
        if _ONLY_PORT and str(args[1][1]) != _ONLY_PORT:
            raise ConnectionRefusedError(
                "The lab stopped a connection: this program may use the lab's account only."
            )
    else:
        return
    if not _stays_here(host):
        raise ConnectionRefusedError(f"The lab stopped a connection to {host}. Nothing was sent.")


if hasattr(sys, "addaudithook"):
    sys.addaudithook(_fence)
