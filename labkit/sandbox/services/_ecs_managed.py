"""Which EC2 instance types fit: the sizes moto knows from AWS, and how instance requirements choose among them.

Sources: sizes from AWS's own list of instance types in moto; botocore's model (InstanceRequirementsRequest: vCpuCount,
memoryMiB, allowed and excluded types with `*`, generations, bare metal, burstable; the two last are excluded unless
asked for); https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instances-instance-types.html.
The smallest type that fits is taken; AWS takes the cheapest.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

CPU_PER_VCPU: Final = 1024
USABLE: Final = 0.95
"""The share of an instance's memory that its agent registers. Ours: AWS only says that it is less than all."""
_DEFAULT_FAMILIES: Final = ("m", "c", "r")
"""Without requirements, Managed Instances use general-purpose, compute- and memory-optimised types."""
_MANUFACTURERS: Final = {"intel": "Intel", "amd": "AMD", "amazon-web-services": "AWS"}


class Size(NamedTuple):
    """An instance type in ECS's units."""

    name: str
    cpu: int
    memory: int
    interfaces: int


def size_of(instance_type: str) -> Size:
    """The size of an instance type; of t2.micro for one nobody knows."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    found = INSTANCE_TYPES.get(instance_type) or INSTANCE_TYPES["t2.micro"]
    return Size(
        instance_type,
        int(found["VCpuInfo"]["DefaultVCpus"]) * CPU_PER_VCPU,
        int(found["MemoryInfo"]["SizeInMiB"] * USABLE),
        int(found.get("NetworkInfo", {}).get("MaximumNetworkInterfaces", 2)),
    )


def pick(requirements: Mapping[str, Any] | None, cpu: int, memory: int) -> Size | None:
    """The smallest instance type that meets the requirements and holds a task of this size, or None."""
    fitting = [
        size
        for name in _matching(requirements or {})
        if (size := size_of(name)).cpu >= cpu and size.memory >= memory
    ]
    return min(fitting, key=lambda size: (size.cpu, size.memory, *_taste(size.name), size.name), default=None)


def _taste(name: str) -> tuple[bool, int]:
    """Of two that are as large, a current generation and a common family go first."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    family, last = name[:1], len(_DEFAULT_FAMILIES)
    old = not INSTANCE_TYPES[name].get("CurrentGeneration")
    return old, _DEFAULT_FAMILIES.index(family) if family in _DEFAULT_FAMILIES else last


def _matching(wanted: Mapping[str, Any]) -> Iterator[str]:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    for name, found in INSTANCE_TYPES.items():
        if _fits(name, found, wanted):
            yield name


def _fits(name: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    vcpus, memory = found["VCpuInfo"]["DefaultVCpus"], found["MemoryInfo"]["SizeInMiB"]
    architectures = found.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    generations = wanted.get("instanceGenerations") or ["current", "previous"]
    allowed, excluded = wanted.get("allowedInstanceTypes"), wanted.get("excludedInstanceTypes") or []
    makers = [_MANUFACTURERS.get(one, one) for one in wanted.get("cpuManufacturers") or []]
    return (
        "x86_64" in architectures
        and _within(vcpus, wanted.get("vCpuCount"))
        and _within(memory, wanted.get("memoryMiB"))
        and _within(memory / 1024 / vcpus, wanted.get("memoryGiBPerVCpu"))
        and ("current" if found.get("CurrentGeneration") else "previous") in generations
        and _asked(bool(found.get("BareMetal")), wanted.get("bareMetal"))
        and _asked(bool(found.get("BurstablePerformanceSupported")), wanted.get("burstablePerformance"))
        and _asked(bool(found.get("InstanceStorageSupported")), wanted.get("localStorage") or "included")
        and (bool(wanted.get("acceleratorCount")) or not _accelerated(found))
        and (not makers or found.get("ProcessorInfo", {}).get("Manufacturer") in makers)
        and (bool(wanted) or name[:1] in _DEFAULT_FAMILIES)
        and (not allowed or any(fnmatch.fnmatch(name, pattern) for pattern in allowed))
        and not any(fnmatch.fnmatch(name, pattern) for pattern in excluded)
    )


def _accelerated(found: Mapping[str, Any]) -> bool:
    return any(found.get(key) for key in ("GpuInfo", "FpgaInfo", "InferenceAcceleratorInfo", "NeuronInfo"))


def _within(value: float, bounds: Mapping[str, Any] | None) -> bool:
    if not bounds:
        return True
    return bool(bounds.get("min", 0) <= value <= bounds.get("max", value))


def _asked(has: bool, wanted: str | None) -> bool:
    """`included`, `required` or `excluded` (the default)."""
    return {"included": True, "required": has}.get(wanted or "excluded", not has)
