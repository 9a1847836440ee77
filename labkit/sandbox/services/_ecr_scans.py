"""Basic scanning, in small: the packages a program says its base image has, beside a short list of real CVEs.

On AWS a scan reads the operating system's packages from the layers. The images of this lab hold a program only, so a
program may say what lies below it: `PACKAGES = {"openssl": "3.0.6"}`. An image without that ends as one built `FROM
scratch` does on AWS: FAILED, UnsupportedImageError. Nothing is invented: each entry of `KNOWN` is a published CVE with
the severity and the upstream versions of its record; the versions are compared as they stand.

Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-basic.html (once in 24 hours for each
image, push included), https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html (ECR Image Scan);
the
description of a failed scan as public repositories quote it; the CVEs: https://nvd.nist.gov/vuln/detail/CVE-2014-0160,
.../CVE-2022-3602, .../CVE-2024-3094
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from labkit.sandbox import current, stores
from labkit.sandbox.announce import announce
from labkit.sandbox.fleet import images as programs
from labkit.sandbox.services import _ecr_images as images
from labkit.sandbox.services import _ecr_layers as layers
from labkit.sandbox.services._ecr_errors import refused, where

TAKES: Final = 5.0
"""Seconds of a scan. The figure is ours."""
_DAY: Final = 86_400
_FAILED: Final = "UnsupportedImageError: The operating system and/or package manager are not supported."

KNOWN: Final = (
    ("CVE-2014-0160", "HIGH", "openssl", ("1.0.1", *(f"1.0.1{letter}" for letter in "abcdef"))),
    ("CVE-2022-3602", "HIGH", "openssl", tuple(f"3.0.{number}" for number in range(7))),
    ("CVE-2024-3094", "CRITICAL", "xz-utils", ("5.6.0", "5.6.1")),
)
"""CVE, severity (NVD), package, upstream versions that have it."""


def on_push(backend: Any, repository: Any, image: Any) -> None:
    """Scan what was pushed, where the repository or the registry wants that."""
    wanted = (repository.image_scanning_configuration or {}).get("scanOnPush")
    if wanted or repository.scanning_config.get("scanFrequency") == "SCAN_ON_PUSH":
        _begin(backend, repository, image)


def start(backend: Any, repository: Any, wanted: dict[str, str]) -> dict[str, Any]:
    """StartImageScan: once in 24 hours for each image."""
    image = images.need(repository, wanted)
    scan = vars(image).get("labkit_scan")
    if scan is not None and current().clock.time() < scan["begun"] + _DAY:
        raise refused(
            "LimitExceededException", "The scan quota per image has been exceeded. Wait and try again."
        )
    _begin(backend, repository, image)
    return {**_about(repository, image, wanted), "imageScanStatus": {"status": "IN_PROGRESS"}}


def _begin(backend: Any, repository: Any, image: Any) -> None:
    now = current().clock.time()
    image.labkit_scan = {
        "status": "IN_PROGRESS",
        "description": "",
        "begun": now,
        "counts": {},
        "findings": [],
    }
    current().clock.schedule(now + TAKES, finish, repository.arn, image.get_image_digest(), now)


def finish(arn: str, digest: str, begun: float) -> None:
    """A scan ends."""
    parts = stores.Arn.of(arn)
    repository = stores.repository(parts) if parts else None
    image = images.by_digest(repository, digest) if repository is not None else None
    scan = vars(image).get("labkit_scan") if image is not None else None
    if scan is None or scan["begun"] != begun:
        return
    packages = programs.constants(program_of(repository, image)).get("PACKAGES")
    now = current().clock.time()
    if isinstance(packages, dict) and packages:
        findings = [_finding(one, packages) for one in KNOWN if str(packages.get(one[2])) in one[3]]
        counts = dict(Counter(one["severity"] for one in findings))
        done = "The scan was completed successfully."
        scan |= {"status": "COMPLETE", "description": done, "findings": findings, "counts": counts}
        scan |= {"completed": now, "source": now}
    else:
        scan |= {"status": "FAILED", "description": _FAILED}
    _tell(repository, image, scan)


def program_of(repository: Any, image: Any) -> str:
    """The program in an image; nothing when there is none."""
    manifest = json.loads(image.image_manifest)
    kept = layers.kept(repository)
    return programs.program_in([kept.get(one["digest"], b"") for one in manifest.get("layers", ())])


def _finding(known: tuple[str, str, str, tuple[str, ...]], packages: dict[str, Any]) -> dict[str, Any]:
    name, severity, package, _ = known
    return {
        "name": name,
        "uri": f"https://nvd.nist.gov/vuln/detail/{name}",
        "severity": severity,
        "attributes": [
            {"key": "package_version", "value": str(packages[package])},
            {"key": "package_name", "value": package},
        ],
    }


def _tell(repository: Any, image: Any, scan: dict[str, Any]) -> None:
    detail = {
        "scan-status": scan["status"], "repository-name": repository.name, "finding-severity-counts": scan["counts"],
        "image-digest": image.get_image_digest(), "image-tags": list(image.image_tags),
    }  # fmt: skip
    current().trace.record("state", "ecr", "ImageScanned", resource=repository.arn, params=detail)
    announce(
        "aws.ecr", "ECR Image Scan", detail, [repository.arn],
        account=repository.registry_id, region=repository.region_name,
    )  # fmt: skip
    current().changed()


def findings(repository: Any, wanted: dict[str, str]) -> dict[str, Any]:
    """DescribeImageScanFindings."""
    image = images.need(repository, wanted)
    scan = vars(image).get("labkit_scan")
    if scan is None:
        digest, tag = wanted.get("imageDigest") or "null", wanted.get("imageTag") or "null"
        raise refused(
            "ScanNotFoundException",
            f"Image scan does not exist for the image with '{{imageDigest:'{digest}', imageTag:'{tag}'}}' "
            + where(repository.name, repository.registry_id),
        )
    status = {"status": scan["status"], "description": scan["description"]}
    answer = {**_about(repository, image, wanted), "imageScanStatus": status}
    if scan["status"] == "COMPLETE":
        answer["imageScanFindings"] = {
            "imageScanCompletedAt": scan["completed"],
            "vulnerabilitySourceUpdatedAt": scan["source"],
            "findings": scan["findings"],
            "findingSeverityCounts": scan["counts"],
        }
    return answer


def _about(repository: Any, image: Any, wanted: dict[str, str]) -> dict[str, Any]:
    id_ = {"imageDigest": image.get_image_digest()}
    if wanted.get("imageTag"):
        id_["imageTag"] = wanted["imageTag"]
    return {"registryId": repository.registry_id, "repositoryName": repository.name, "imageId": id_}
