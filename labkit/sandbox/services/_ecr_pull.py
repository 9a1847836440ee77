"""Pulls: what a container agent does with an image's name, and what it says when that fails.

Others reach it by `labkit.sandbox.pulls.pull`.

For Amazon ECR the agent asks, in the role's rights: GetAuthorizationToken, BatchGetImage, GetDownloadUrlForLayer
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html). Images in other accounts need the role's
policies and the repository's. Docker Hub and public.ecr.aws need no role.

The words: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html ("ref pull has been
retried 1 time(s): failed to copy: httpReaderSeeker: failed open: unexpected status code", the words of Docker Hub's
limit), https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html, and answers of
ECS as people quote them: "pull image manifest has been retried 1 time(s): failed to resolve ref REF: REF: not found",
"... pulling from host HOST failed with status code [manifests latest]: 403 Forbidden", "... pull access denied,
repository does not exist or may require authorization: server message: insufficient_scope: authorization failed".
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from labkit.sandbox import current, stores
from labkit.sandbox.fleet import images as programs
from labkit.sandbox.pulls import CannotPull, Pulled

_ECR: Final = re.compile(r"(\d{12})\.dkr[.-]ecr\.([a-z0-9-]+)\.(?:amazonaws\.com|on\.aws)")
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*")
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_HUB: Final = "docker.io"
_PUBLIC: Final = "public.ecr.aws"
_ARCHITECTURES: Final = {"X86_64": "amd64", "ARM64": "arm64"}
_LIMIT: Final = (
    "429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase "
    "the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"
)
_TIMES: Final = 5
"""How often an agent tries what may pass by itself, as the quoted answers show."""


class Reference(NamedTuple):
    """An image's name, taken apart. `tag` is `latest` when neither tag nor digest is said."""

    host: str
    repository: str
    tag: str
    digest: str

    @classmethod
    def of(cls, image: str) -> Reference | None:
        """The parts of a name, or None when it cannot be one."""
        name, at, digest = image.partition("@")
        host, slash, rest = name.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, rest = _HUB, name
        repository, colon, tag = rest.partition(":")
        if host == _HUB and "/" not in repository:
            repository = f"library/{repository}"
        good = (
            _REPOSITORY.fullmatch(repository)
            and (not colon or _TAG.fullmatch(tag))
            and (not at or _DIGEST.fullmatch(digest))
        )
        return cls(host, repository, tag or ("" if digest else "latest"), digest) if good else None

    @property
    def named(self) -> str:
        """The manifest that is asked for: a tag or a digest. A digest wins."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.repository}{tag}{'@' + self.digest if self.digest else ''}"


def pull(
    image: str, role_arn: str | None, account: str, region: str, *, session: str, architecture: str
) -> Pulled:
    """Pull an image in the rights of a role, see `labkit.sandbox.pulls`. Raises `CannotPull`."""
    reference = Reference.of(image)
    if reference is None:
        raise CannotPull(f'failed to parse image reference "{image}": invalid reference format')
    private = _ECR.fullmatch(reference.host)
    if private is not None:
        return _Private(reference, role_arn or "", session, architecture).pull(private[1], private[2])
    return _pull_public(reference)


# -- public registries ---------------------------------------------------------------------------------


def _pull_public(reference: Reference) -> Pulled:
    if reference.host not in (_HUB, _PUBLIC):
        url = f"https://{reference.host}/v2/{reference.repository}/manifests/{reference.named}"
        raise _unresolved(
            reference,
            f'failed to do request: Head "{url}": this lab simulates Amazon ECR, {_PUBLIC} and Docker Hub only',
            _TIMES,
        )
    path = f"{reference.repository}/manifests/{reference.named}"
    target = reference.repository
    faults = current().faults
    if reference.host == _HUB and faults.strikes(
        "ecr.dockerhub_limit", str(reference), current().clock.time(), target=target
    ):
        raise CannotPull(
            f"pull image manifest has been retried {_TIMES} time(s): failed to copy: httpReadSeeker: failed open: "
            f"unexpected status code https://registry-1.docker.io/v2/{path}: {_LIMIT}"
        )
    known = programs.public(f"{reference.host}/{reference.repository}")
    if known is None and reference.host == _HUB:
        raise _unresolved(
            reference,
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed",
        )
    tags = programs.PUBLIC.get(f"{reference.host}/{reference.repository}", ("", ()))[1]
    if known is None or (reference.digest and reference.digest != known[0].digest):
        raise _unresolved(reference, f"{reference}: not found")
    if not reference.digest and reference.tag not in tags:
        raise _unresolved(reference, f"{reference}: not found")
    _note(f"{reference.host}/{reference.repository}", "Pull", "", known[0].digest)
    return Pulled(known[0].digest, known[1], programs.size_of(known[1]))


def _unresolved(reference: Reference, why: str, times: int = 1) -> CannotPull:
    return CannotPull(
        f"pull image manifest has been retried {times} time(s): failed to resolve ref {reference}: {why}"
    )


def _note(resource: str, action: str, who: str, digest: str, error: str = "", message: str = "") -> None:
    current().trace.record(
        "call" if who else "state", "ecr", action, resource=resource, caller=who or "aws",
        result=None if error else {"imageDigest": digest}, error=error, message=message,
    )  # fmt: skip


# -- Amazon ECR ----------------------------------------------------------------------------------------


class _Private:
    """One pull from a private registry, step by step, in the role's rights."""

    def __init__(self, reference: Reference, role_arn: str, session: str, architecture: str) -> None:
        from labkit.sandbox.authorization.account import session_of

        self._reference = reference
        self._architecture = _ARCHITECTURES.get(architecture, architecture)
        self._caller = session_of(role_arn, session) if role_arn else None
        if self._caller is None:
            role = f"the role '{role_arn}' does not exist" if role_arn else "the task has no execution role"
            raise _not_logged_in(f"no credentials: {role}")
        self._who = f"assumed-role/{role_arn.rpartition('/')[2]}/{session}"

    def pull(self, owner: str, region: str) -> Pulled:
        """Log in, resolve, download."""
        from labkit.sandbox.services import _ecr_images as images
        from labkit.sandbox.services import _ecr_layers as layers

        if refused := self._refused("GetAuthorizationToken", "*", ""):
            raise _not_logged_in(
                "operation error ECR: GetAuthorizationToken, https response error StatusCode: 400, RequestID: "
                f"00000000-0000-4000-8000-000000000000, api error AccessDeniedException: {refused}"
            )
        reference = self._reference
        arn = f"arn:aws:ecr:{region}:{owner}:repository/{reference.repository}"
        if self._refused("BatchGetImage", arn, owner):
            raise _unresolved(
                reference,
                f"pulling from host {reference.host} failed with status code [manifests {reference.named}]: "
                "403 Forbidden",
            )
        parts = stores.Arn.of(arn)
        repository = stores.repository(parts) if parts else None
        wanted = {"imageDigest": reference.digest} if reference.digest else {"imageTag": reference.tag}
        image = images.find(repository, wanted)[0] if repository is not None else None
        if image is None:
            raise _unresolved(reference, f"{reference}: not found")
        chosen = self._for_platform(repository, image)
        manifest = json.loads(chosen.image_manifest)
        digests = [one["digest"] for one in manifest["layers"]]
        if self._refused("GetDownloadUrlForLayer", arn, owner):
            first = (digests or [manifest["config"]["digest"]])[0]
            raise CannotPull(
                "ref pull has been retried 1 time(s): failed to copy: httpReadSeeker: failed open: unexpected status "
                f"code https://{reference.host}/v2/{reference.repository}/blobs/{first}: 403 Forbidden"
            )
        source = programs.program_in([layers.kept(repository).get(one, b"") for one in digests])
        image.labkit_pulled = int(current().clock.time())
        return Pulled(image.get_image_digest(), source, programs.size_of(source))

    def _for_platform(self, repository: Any, image: Any) -> Any:
        """The image itself; of an index, the one for this machine."""
        from labkit.sandbox.services import _ecr_images as images

        if image.image_manifest_media_type not in images.LISTS:
            return image
        for one in json.loads(image.image_manifest)["manifests"]:
            platform = one.get("platform") or {}
            if platform.get("os") == "linux" and platform.get("architecture") == self._architecture:
                found = images.by_digest(repository, one["digest"])
                if found is not None and found.image_manifest_media_type not in images.LISTS:
                    return found
        raise CannotPull(
            "pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching "
            f"platform 'linux/{self._architecture}'"
        )

    def _refused(self, action: str, resource: str, owner: str) -> str:
        """AWS's message when the role may not; the call is in the trace."""
        from labkit.sandbox.authorization.resources import policy_of
        from labkit.sandbox.enforcement.errors import worded

        assert self._caller is not None
        policy = policy_of(resource) if owner else None
        decision = self._caller.may(
            f"ecr:{action}", resource, account=owner, policies=[policy] if policy else []
        )
        error = "" if decision.allowed else "AccessDeniedException"
        message = worded("ecr", decision.aws_message)
        _note(
            resource.rpartition("/")[2],
            action,
            self._who,
            self._reference.digest,
            error,
            decision.aws_message,
        )
        return message


def _not_logged_in(why: str) -> CannotPull:
    return CannotPull(
        "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry "
        f"auth: service call has been retried 1 time(s): {why}",
        "ResourceInitializationError",
    )
