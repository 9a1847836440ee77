"""Systems Manager: parameters. Values are never shown."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("GetParameter", "GetParameters", "GetParametersByPath", "PutParameter")


def show(scene: Scene, backend: Any) -> None:
    """Parameters that the learner made, by their newest version. moto's own list of AWS's is left alone."""
    parameters = backend._parameters
    for name in list(dict.keys(parameters)):
        versions = dict.get(parameters, name)
        if versions and not name.startswith("/aws/"):
            newest = versions[-1]
            detail = f"{newest.parameter_type}, version {newest.version}"
            place = f"arn:aws:ssm:{scene.region}:{scene.account}:parameter/{name.lstrip('/')}"
            scene.resource(place, "ssm", name, detail, aliases=(name,))
