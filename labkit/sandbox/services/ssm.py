"""AWS Systems Manager in the lab's account: type and size of a parameter. The rest of Parameter Store is moto's.

Simulated here:
- A new parameter needs one of the three types, also with Overwrite.
- A standard parameter holds up to 4,096 characters, an advanced one up to 8,192. Intelligent-Tiering makes a parameter
  advanced when it has to be. An advanced parameter stays advanced.

Differs on AWS:
- AWS counts 4 KB and 8 KB; its error names characters. Here characters are counted.

Not simulated:
- Parameter policies, throughput limits, the number of parameters in an account, charges of advanced parameters.
- Other parts of Systems Manager (Run Command, Session Manager, Patch Manager...).

Sources:
- https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
- botocore's model, ssm/2014-11-06/service-2.json, PutParameterRequest.Tier
"""

from __future__ import annotations

from typing import Any, Final

from moto.ssm.exceptions import ValidationException

from labkit.sandbox.hooks import hook

_STANDARD, _ADVANCED, _INTELLIGENT = "Standard", "Advanced", "Intelligent-Tiering"
MOST: Final = {_STANDARD: 4_096, _ADVANCED: 8_192}
"""Characters of a value, by tier."""
_TYPES: Final = ("SecureString", "StringList", "String")
_PAGE: Final = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)


@hook("moto.ssm.models:SimpleSystemManagerBackend.put_parameter")
def put_parameter(
    original: Any, self: Any, name: str, description: str, value: str, *args: Any, **kwargs: Any
) -> Any:
    """PutParameter: the tier decides how long the value may be."""
    asked, before = kwargs.get("tier"), self._parameters.get(name)
    _check_type(args[0] if args else kwargs.get("parameter_type"), new=not before)
    tier = asked or (before[-1].tier if before else None) or self.default_parameter_tier or _STANDARD
    if tier not in (*MOST, _INTELLIGENT):
        raise ValidationException(
            f"1 validation error detected: Value '{tier}' at 'tier' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{_STANDARD}, {_ADVANCED}, {_INTELLIGENT}]"
        )
    length = len(value or "")
    if tier == _INTELLIGENT:
        tier = _STANDARD if length <= MOST[_STANDARD] else _ADVANCED
    if before and before[-1].tier == _ADVANCED:
        if asked == _STANDARD:
            raise ValidationException(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
                "advanced-parameter tier to the standard-parameter tier."
            )
        tier = _ADVANCED
    if length > MOST[tier]:
        more = (
            f" To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. "
            f"For more information, see {_PAGE}"
        )
        raise ValidationException(
            f"{tier} tier parameters support a maximum parameter value of {MOST[tier]} characters."
            + (more if tier == _STANDARD else "")
        )
    return original(self, name, description, value, *args, **(kwargs | {"tier": tier}))


def _check_type(given: Any, *, new: bool) -> None:
    if not given and new:
        raise ValidationException("A parameter type is required when you create a parameter.")
    if given and given not in _TYPES:
        raise ValidationException(
            f"1 validation error detected: Value '{given}' at 'type' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(_TYPES)}]"
        )
