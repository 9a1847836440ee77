"""Host names of the endpoint: which ones are answered, and what the name of a host says.

A web page in the learner's browser can make the browser send requests to this machine. Two walls stop it:

* **DNS rebinding.** A page from `evil.example` lets its own name point at 127.0.0.1 and then talks to "its own"
  server. The browser still sends `Host: evil.example`. So only loopback names (`localhost`, `*.localhost`,
  127.x.x.x, ::1) and the name given with `--host-suffix` are answered. An address of numbers cannot be rebound;
  it is answered too when the endpoint was told to listen beyond loopback.
* **Requests across sites.** Browsers say where a request comes from (`Origin`, `Sec-Fetch-Site`). A page that does
  not live on this machine is refused, whatever it sends.

Names carry what AWS's names carry: `sqs.eu-west-1.localhost`, `my-bucket.s3.eu-west-1.localhost`,
`a1b2c3.execute-api.eu-west-1.localhost`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from email.message import Message
from typing import Final
from urllib.parse import urlsplit

from labkit.sandbox.guard import is_loopback

REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
SUFFIX: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class HostName:
    """What a name says: the labels before the domain, without the Region, and the Region; each may be empty."""

    labels: str = ""
    region: str = ""

    @property
    def service(self) -> str:
        """The last label: a service, where the name is one of a service."""
        return self.labels.rpartition(".")[2]

    @property
    def rest(self) -> str:
        """What stands before the service: an API's id, an account."""
        return self.labels.rpartition(".")[0]

    @property
    def bucket(self) -> str:
        """The bucket in a name of Amazon S3: `photos.s3.eu-west-1`, `photos.s3`, or `photos` alone."""
        if self.service == "s3":
            return self.rest
        return "" if self.region else self.labels


class Names:
    """The host names one endpoint answers to. `suffix` is its own domain; `open_to_all`: it listens beyond loopback."""

    def __init__(self, suffix: str = "", *, open_to_all: bool = False) -> None:
        self.suffix = suffix.strip(".").lower()
        self._domains = tuple(filter(None, (self.suffix, "localhost")))
        self.open_to_all = open_to_all

    def answered(self, host: str) -> bool:
        """Whether a request with this Host header (with or without a port) may be answered."""
        name = _without_port(host)
        if not name:
            return True  # HTTP/1.0 programs send none; browsers always do
        if self.suffix and (name == self.suffix or name.endswith(f".{self.suffix}")):
            return True
        if is_loopback(name):
            return True
        return self.open_to_all and _is_address(name)

    def may_come_from(self, method: str, host: str, headers: Message[str, str], *, reading: bool) -> bool:
        """Whether the page that sent this may do so; programs that are no browsers send no such headers.

        `reading`: the request only fetches an object, so a link on any page may lead to it.
        """
        origin = headers.get("Origin")
        if origin is not None:
            try:
                there = urlsplit(origin).netloc
            except ValueError:
                return False
            return bool(there) and (self.answered(there) or there.lower() == host.lower())
        if headers.get("Sec-Fetch-Site", "none").lower() != "cross-site":
            return True
        return reading and method in ("GET", "HEAD") and headers.get("Sec-Fetch-Mode") == "navigate"

    def read(self, host: str) -> HostName:
        """What the labels before `localhost`, or before the suffix, say."""
        name = _without_port(host)
        for domain in self._domains:
            if name.endswith(f".{domain}"):
                return read_labels(name.removesuffix(f".{domain}"))
        return HostName()

    def public(self, port: int) -> str:
        """The endpoint's own domain with the port; empty when it has none."""
        return f"{self.suffix}:{port}" if self.suffix else ""


def read_labels(labels: str) -> HostName:
    """What labels such as `photos.s3.eu-west-1` say."""
    before, _, last = labels.rpartition(".")
    return HostName(before, last) if REGION.fullmatch(last) else HostName(labels)


def _without_port(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[")
    return host.rpartition(":")[0] if re.search(r":\d*$", host) and host.count(":") == 1 else host.rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
