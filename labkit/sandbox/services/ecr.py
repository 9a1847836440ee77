"""Amazon ECR in the lab's account.

Simulated here:
- Images with true digests: sha256 of the manifest's bytes. Layers are uploaded in parts and hold real bytes; their
  digests, sizes of parts, and the layers and images a manifest refers to are checked, with AWS's errors.
- Tags: MUTABLE (a tag moves, the image it leaves stays untagged), IMMUTABLE, and both with exclusion filters.
- BatchGetImage, BatchDeleteImage, BatchCheckLayerAvailability with AWS's failure codes; DescribeImages and ListImages
  with filters and pages; image indexes keep the images they refer to.
- Who may: IAM, repository policies, other accounts (`registryId`). Tasks pull with their role's rights: asked are
  ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer, refusals are worded as ECS words them.
- Lifecycle policies on the lab's clock, with AWS's rules of evaluation, and their preview.
- Basic scanning, on push and by StartImageScan, once in 24 hours; events ECR Image Action and ECR Image Scan.
- Replication to other Regions of the account, of what is pushed after it was configured.

Differs on AWS:
- An image of this lab is a small Python program in one layer that is not compressed. What it weighs in the registry is
  a few kilobytes; a pull takes the time of its SIZE, the weight that its real image would have. Any
  other image can be pushed, and its container does nothing.
- GetDownloadUrlForLayer gives a `data:` URL with the layer in it, for nothing leaves this machine; on AWS it is an URL
  of Amazon S3 that holds for some time.
- Lifecycle policies are applied 12 hours after a policy or a push, then daily where ages count; AWS says "within 24
  hours". A preview is complete at once. Scans take 5 seconds, replication 30. These figures are ours.
- A scan reads the packages that a program names in PACKAGES and knows four published CVEs, no more.
  A new version of a vulnerability database never comes.
- The authorization token is a text nobody reads: there is no registry for `docker login` on this machine.
- lastRecordedPullTime tells of tasks' pulls only. BatchGetImage does not look at acceptedMediaTypes.
- Two public registries, Docker Hub and public.ecr.aws, hold models of nginx, httpd and redis, no more. The fault
  `ecr.dockerhub_limit` makes Docker Hub answer toomanyrequests.
- Words of problems that no quoted answer of AWS shows are ours, beside AWS's code.

Not simulated:
- Pull through cache, repository creation templates, replication to other accounts, enhanced and continuous scanning,
  managed signing and referrers, storage class archive, keys of KMS (named, never asked), quotas, Docker's HTTP API.

Sources:
- https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html; botocore's model, ecr/2015-09-21
- https://docs.aws.amazon.com/AmazonECR/latest/userguide/ with the pages image-tag-mutability.html,
  LifecyclePolicies.html,
  image-scanning-basic.html, ecr-eventbridge.html, repository-policies.html, ECR_on_ECS.html, replication.html
- More sources stand in the parts.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from moto.core.responses import ActionResult

from labkit.sandbox import current, stores
from labkit.sandbox.fleet.images import digest_of
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecr_images as images
from labkit.sandbox.services import _ecr_layers as layers
from labkit.sandbox.services import _ecr_lifecycle as lifecycle
from labkit.sandbox.services import _ecr_replication as replication
from labkit.sandbox.services import _ecr_scans as scans
from labkit.sandbox.services._ecr_errors import invalid, no_repository

_API: Final = "moto.ecr.responses:ECRResponse"
_MODELS: Final = "moto.ecr.models"
_PAGE: Final = 100
"""Results a page holds by itself (API reference, maxResults)."""
_PUT: Final = ("imageManifest", "imageManifestMediaType", "imageTag", "imageDigest")
_TOKEN_SECONDS: Final = 12 * 3_600
"""How long an authorization token holds (API reference, GetAuthorizationToken)."""


@hook(f"{_API}.ecr_backend", kind="property")
def ecr_backend(original: Any, self: Any) -> Any:
    """The registry a call is about: the caller's own, or the one in `registryId`."""
    registry = self._get_param("registryId")
    if not registry or registry == self.current_account:
        return original(self)
    found = stores.backend_of("ecr", registry, self.region)
    if found is None:
        names = self._get_param("repositoryNames") or [self._get_param("repositoryName") or ""]
        raise no_repository(names[0], registry)
    return found


def _repository(self: Any) -> Any:
    backend, name = self.ecr_backend, self._get_param("repositoryName")
    found = backend.repositories.get(name)
    if found is None:
        raise no_repository(name, backend.account_id)
    return found


def _page(self: Any, key: str, found: list[Any], **more: Any) -> ActionResult:
    token = self._get_param("nextToken")
    try:
        begin = int(base64.b64decode(token or b"").decode() or 0)
    except ValueError:
        raise invalid("nextToken", "Invalid token") from None
    size = int(self._get_param("maxResults") or _PAGE)
    answer: dict[str, Any] = {key: found[begin : begin + size], **more}
    if begin + size < len(found):
        answer["nextToken"] = base64.b64encode(str(begin + size).encode()).decode()
    return ActionResult(answer)


# -- repositories --------------------------------------------------------------------------------------


@hook(f"{_API}.describe_repositories")
def describe_repositories(original: Any, self: Any) -> Any:
    """DescribeRepositories, in pages."""
    names = self._get_param("repositoryNames")
    found = self.ecr_backend.describe_repositories(repository_names=names, registry_id=None)
    return _page(self, "repositories", found)


@hook(f"{_API}.get_authorization_token")
def get_authorization_token(original: Any, self: Any) -> Any:
    """GetAuthorizationToken: good for twelve hours."""
    now = current().clock.time()
    answer = []
    for registry in self._get_param("registryIds") or [self.current_account]:
        word = hashlib.sha256(
            f"{current().seed} {registry} {self.access_key} {int(now)}".encode()
        ).hexdigest()
        answer.append(
            {
                "authorizationToken": base64.b64encode(f"AWS:{word}".encode()).decode(),
                "expiresAt": now + _TOKEN_SECONDS,
                "proxyEndpoint": f"https://{registry}.dkr.ecr.{self.region}.amazonaws.com",
            }
        )
    return ActionResult({"authorizationData": answer})


# -- images --------------------------------------------------------------------------------------------


@hook(f"{_MODELS}:Image._create_digest")
def create_digest(original: Any, self: Any) -> None:
    """An image's digest is that of its manifest, whoever made it."""
    self._image_digest = digest_of(self.image_manifest.encode())


@hook(f"{_API}.put_image")
def put_image(original: Any, self: Any) -> Any:
    """PutImage."""
    repository = _repository(self)
    image = images.put(repository, {name: self._get_param(name) for name in _PUT})
    scans.on_push(self.ecr_backend, repository, image)
    lifecycle.plan(repository)
    tag = self._get_param("imageTag")
    replication.on_push(self.ecr_backend, repository, image, tag)
    wanted = {"imageTag": tag} if tag else {"imageDigest": image.get_image_digest()}
    return ActionResult({"image": images.get(repository, [wanted])["images"][0]})


@hook(f"{_API}.batch_get_image")
def batch_get_image(original: Any, self: Any) -> Any:
    """BatchGetImage."""
    return ActionResult(images.get(_repository(self), self._get_param("imageIds")))


@hook(f"{_API}.batch_delete_image")
def batch_delete_image(original: Any, self: Any) -> Any:
    """BatchDeleteImage."""
    return ActionResult(images.delete(_repository(self), self._get_param("imageIds")))


@hook(f"{_API}.describe_images")
def describe_images(original: Any, self: Any) -> Any:
    """DescribeImages."""
    repository, wanted = _repository(self), self._get_param("imageIds")
    if wanted:
        asked = [images.need(repository, one) for one in wanted]
        found = list({id(image): image for image in asked}.values())
    else:
        found = _tagged(self, repository)
    return _page(self, "imageDetails", [images.described(repository, image) for image in found])


@hook(f"{_API}.list_images")
def list_images(original: Any, self: Any) -> Any:
    """ListImages: one entry for each tag, and one for each image without any."""
    found = []
    for image in _tagged(self, _repository(self)):
        digest = {"imageDigest": image.get_image_digest()}
        found += [{**digest, "imageTag": tag} for tag in image.image_tags] or [digest]
    return _page(self, "imageIds", found)


def _tagged(self: Any, repository: Any) -> list[Any]:
    status = (self._get_param("filter") or {}).get("tagStatus", "ANY")
    return [
        one for one in repository.images if status == "ANY" or bool(one.image_tags) is (status == "TAGGED")
    ]


# -- layers --------------------------------------------------------------------------------------------


@hook(f"{_API}.upload_layer_part")
def upload_layer_part(original: Any, self: Any) -> Any:
    """UploadLayerPart."""
    blob = self._get_param("layerPartBlob") or b""
    content = base64.b64decode(blob) if isinstance(blob, str) else bytes(blob)
    upload, first, last = (self._get_param(one) for one in ("uploadId", "partFirstByte", "partLastByte"))
    return ActionResult(layers.upload_part(_repository(self), upload, first, last, content))


@hook(f"{_API}.complete_layer_upload")
def complete_layer_upload(original: Any, self: Any) -> Any:
    """CompleteLayerUpload."""
    upload, digests = self._get_param("uploadId"), self._get_param("layerDigests")
    return ActionResult(layers.complete(_repository(self), upload, digests))


@hook(f"{_API}.get_download_url_for_layer")
def get_download_url_for_layer(original: Any, self: Any) -> Any:
    """GetDownloadUrlForLayer."""
    digest = self._get_param("layerDigest")
    return ActionResult(
        {"downloadUrl": layers.download_url(_repository(self), digest), "layerDigest": digest}
    )


# -- scans ---------------------------------------------------------------------------------------------


@hook(f"{_API}.start_image_scan")
def start_image_scan(original: Any, self: Any) -> Any:
    """StartImageScan."""
    return ActionResult(scans.start(self.ecr_backend, _repository(self), self._get_param("imageId")))


@hook(f"{_API}.describe_image_scan_findings")
def describe_image_scan_findings(original: Any, self: Any) -> Any:
    """DescribeImageScanFindings."""
    return ActionResult(scans.findings(_repository(self), self._get_param("imageId")))


@hook(f"{_MODELS}:ECRBackend.put_registry_scanning_configuration")
def put_registry_scanning_configuration(
    original: Any, self: Any, scan_type: str, rules: list[dict[str, Any]]
) -> None:
    """PutRegistryScanningConfiguration: basic scanning only."""
    if scan_type == "ENHANCED" or any(rule["scanFrequency"] == "CONTINUOUS_SCAN" for rule in rules or ()):
        raise invalid("scanType", "This lab simulates basic scanning only, with the frequency SCAN_ON_PUSH")
    original(self, scan_type or "BASIC", rules or [])


# -- lifecycle policies --------------------------------------------------------------------------------


@hook(f"{_MODELS}:ECRBackend.put_lifecycle_policy")
def put_lifecycle_policy(
    original: Any, self: Any, registry_id: str, repository_name: str, lifecycle_policy_text: str
) -> Any:
    """PutLifecyclePolicy."""
    before = self._get_repository(repository_name, registry_id).lifecycle_policy
    answer = original(self, registry_id, repository_name, lifecycle_policy_text)
    repository = self.repositories[repository_name]
    try:
        lifecycle.check(lifecycle_policy_text)
    except BaseException:
        repository.lifecycle_policy = before
        raise
    lifecycle.plan(repository)
    return answer


@hook(f"{_MODELS}:ECRBackend.get_lifecycle_policy")
def get_lifecycle_policy(original: Any, self: Any, registry_id: str, repository_name: str) -> Any:
    """GetLifecyclePolicy: when it was applied last, not now."""
    answer = original(self, registry_id, repository_name)
    evaluated = vars(self.repositories[repository_name]).get("labkit_evaluated")
    answer.pop("lastEvaluatedAt", None)
    return {**answer, "lastEvaluatedAt": evaluated} if evaluated else answer


@hook(f"{_API}.start_lifecycle_policy_preview", kind="new")
def start_lifecycle_policy_preview(self: Any) -> Any:
    """StartLifecyclePolicyPreview."""
    from moto.ecr.policy_validation import EcrLifecyclePolicyValidator

    repository, text = _repository(self), self._get_param("lifecyclePolicyText")
    if text:
        EcrLifecyclePolicyValidator(text).validate()
        lifecycle.check(text)
    return ActionResult(lifecycle.start_preview(repository, text))


@hook(f"{_API}.get_lifecycle_policy_preview", kind="new")
def get_lifecycle_policy_preview(self: Any) -> Any:
    """GetLifecyclePolicyPreview."""
    return ActionResult(lifecycle.preview(_repository(self)))


# -- replication ---------------------------------------------------------------------------------------


@hook(f"{_MODELS}:ECRBackend.put_replication_configuration")
def put_replication_configuration(original: Any, self: Any, replication_config: dict[str, Any]) -> Any:
    """PutReplicationConfiguration: other Regions of this account."""
    replication.check(self, replication_config)
    return original(self, replication_config)
