"""The signature on notifications and confirmations, and the certificate it is checked with.

One key serves the whole process: making one takes longer than delivering fifty messages. It is no secret and no part
of the account's state. A certificate of AWS is signed by Amazon's own authority; this one by itself.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html (which fields are signed, in
which order; version 1 is SHA1, version 2 is SHA256).
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def text_to_sign(fields: Mapping[str, str]) -> str:
    """The fields that are signed, each name and value on a line of its own."""
    names = _NOTIFICATION if fields["Type"] == "Notification" else _CONFIRMATION
    return "".join(f"{name}\n{fields[name]}\n" for name in names if fields.get(name) is not None)


def sign(fields: Mapping[str, str], version: str) -> str:
    """The signature in base64. `version` is the topic's SignatureVersion, "1" or "2"."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    text = text_to_sign(fields).encode("utf-8", "surrogatepass")
    return base64.b64encode(_key().sign(text, padding.PKCS1v15(), algorithm)).decode()


@functools.cache
def _key() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def certificate() -> bytes:
    """The certificate in PEM form. It is valid wherever the lab's clock may stand."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2049, 12, 31))
        .sign(_key(), hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


@functools.cache
def certificate_name() -> str:
    """The last part of the certificate's URL."""
    return f"SimpleNotificationService-{hashlib.md5(certificate(), usedforsecurity=False).hexdigest()}.pem"


def certificate_url(region: str) -> str:
    """Where the certificate can be fetched."""
    return f"https://sns.{region}.amazonaws.com/{certificate_name()}"
