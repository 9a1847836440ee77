"""The exact versions labkit is proved with.

labkit puts behaviour into named places inside moto and botocore. Another version may have moved them, so
these three are pinned exactly: here, in `pyproject.toml` and in `constraints.txt` (a test compares them).
"""

from __future__ import annotations

from labkit.errors import LabkitError

PINS: dict[str, str] = {"moto": "5.2.5", "boto3": "1.44.5", "botocore": "1.44.5"}

_fit: dict[str, str] = {}
"""The pins that this process has found to fit. What it has loaded stays as it is, whatever is installed later."""

REPAIR = "python -m pip install " + " ".join(f"{name}=={version}" for name, version in PINS.items())


class WrongVersion(LabkitError):
    """A pinned package is missing or has another version. The message holds the command that repairs it."""


def misfits() -> dict[str, str | None]:
    """Pinned packages that do not fit, by name: the version installed, or None when there is none."""
    found = {name: installed(name) for name in PINS}
    return {name: version for name, version in found.items() if version != PINS[name]}


def require_pins() -> None:
    """Raise `WrongVersion` unless every pinned package is installed in exactly the pinned version."""
    global _fit
    if _fit == PINS:
        return
    wrong = misfits()
    if not wrong:
        _fit = dict(PINS)
        return
    said = ", ".join(
        f"{name} {version or 'is missing'} ({PINS[name]} is needed)" for name, version in wrong.items()
    )
    raise WrongVersion(f"labkit cannot run with this environment: {said}. Repair it with: {REPAIR}")


def installed(name: str) -> str | None:
    """The installed version of a distribution, or None. Reads metadata only, imports nothing."""
    from importlib import metadata  # most commands never ask, and it is slow to load

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
