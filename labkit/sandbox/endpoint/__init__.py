"""The account as an endpoint: AWS's own protocols over HTTP, on this machine only.

    endpoint = Endpoint(sandbox, port=4566).start()
    endpoint.url        # http://127.0.0.1:4566, for AWS_ENDPOINT_URL
    endpoint.close()

The AWS CLI, Terraform, other SDKs and other processes reach the same account that boto3 in the notebook reaches, by the
same door: its lock, its clock, its trace, its behaviour.

Simulated here:
- All protocols of services moto simulates: JSON, query, EC2 query, REST-JSON, REST-XML;
  and Smithy RPC v2 CBOR, which moto itself does not know.
- Amazon S3 by path and by host name, chunked and signed-chunk uploads, presigned URLs.
- Several accounts and Regions at once. An access key of twelve digits is the root user of that account; the lab's own
  keys and keys from IAM and STS belong to whom they were given; all others to one account that can be chosen.
- Queue URLs, function URLs and addresses of APIs lead to the endpoint.

Differs on AWS:
- Signatures are not checked, and there is no TLS.
- A page of a browser may call from this machine only; CORS rules of buckets are not asked.
- An operation that is not simulated gets status 501 and the code NotSimulated, which SDKs do not try again.

Not simulated:
- The older CBOR form of Java's SDKs for Kinesis, HTTP/2, and event streams that a caller sends.

Other parts of labkit may register what answers behind a host name of its own (`fronts.front`), and turn an address of
AWS into one of the endpoint (`endpoint.public_url(url)`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fronts import front
from .messages import Reply, Request
from .server import Endpoint, PortTaken

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

__all__ = ["Endpoint", "PortTaken", "Reply", "Request", "front", "of"]


def of(sandbox: Sandbox) -> Endpoint:
    """The endpoint of an open account: started on a free port when it is first asked for, closed with the account."""
    kept: Any = sandbox.tools.get("endpoint")
    if kept is None:
        kept = sandbox.tools["endpoint"] = Endpoint(sandbox).start()
    endpoint: Endpoint = kept
    return endpoint
