"""AWS IAM in the lab's account.

Simulated here: users, groups, roles, policies and access keys, by moto. The policy simulator
(SimulatePrincipalPolicy, SimulateCustomPolicy, and GetContextKeys for both) answers from the evaluator that decides
deliveries and calls: identity, resource and service control policies, permissions boundaries, all condition operators,
policy variables; a Deny first, both sides across accounts. Sources: the pages named in
`labkit/sandbox/authorization/`, and botocore's model, iam/2010-05-08/service-2.json.

Differs on AWS: MissingContextValues lists the keys of the statements about the action; AWS does not say which it
lists. EvalResourceName shows the form of a service's main resource; AWS knows it for every action. AWS managed
policies are those of moto's list. A policy is checked against the grammar when it is used, by moto's rules when it is
stored. The words of InvalidInput are partly ours. Changes take effect at once here, and after some seconds there.

Not simulated: ResourceHandlingOption, resource control policies, the organization's policies in
SimulatePrincipalPolicy, permissions boundaries of users (moto keeps those of roles only), IAM Access Analyzer, last
accessed information. Permissions to call the simulator itself are not asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.sandbox.hooks import hook

_PARAMETERS: Final = (
    "PolicySourceArn", "PolicyInputList", "PermissionsBoundaryPolicyInputList", "PolicyExclusionList",
    "OrderedOrganizationPolicyInputList", "ActionNames", "ResourceArns", "ResourcePolicy", "ResourceOwner",
    "CallerArn", "ContextEntries", "MaxItems", "Marker",
)  # fmt: skip


@hook("moto.iam.responses:IamResponse.simulate_principal_policy", kind="new")
def simulate_principal_policy(self: Any) -> Any:
    """What the policies of a user, group or role allow."""
    from labkit.sandbox.authorization import simulate

    return _answered(self, simulate.simulate_principal_policy)


@hook("moto.iam.responses:IamResponse.simulate_custom_policy", kind="new")
def simulate_custom_policy(self: Any) -> Any:
    """What policies in the call itself allow."""
    from labkit.sandbox.authorization import simulate

    return _answered(self, simulate.simulate_custom_policy)


@hook("moto.iam.responses:IamResponse.get_context_keys_for_principal_policy", kind="new")
def get_context_keys_for_principal_policy(self: Any) -> Any:
    """The condition keys that the policies of a user, group or role use."""
    from labkit.sandbox.authorization import simulate

    return _answered(self, simulate.context_keys_for_principal_policy)


@hook("moto.iam.responses:IamResponse.get_context_keys_for_custom_policy", kind="new")
def get_context_keys_for_custom_policy(self: Any) -> Any:
    """The condition keys that policies in the call itself use."""
    from labkit.sandbox.authorization import simulate

    return _answered(self, simulate.context_keys_for_custom_policy)


def _answered(response: Any, operation: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    from moto.core.responses import ActionResult
    from moto.iam.exceptions import InvalidInput, NoSuchEntity

    from labkit.sandbox.authorization.simulate import SimulationRefused

    given = {name: response._get_param(name) for name in _PARAMETERS}
    try:
        return ActionResult(operation({name: value for name, value in given.items() if value is not None}))
    except SimulationRefused as refused:
        error = NoSuchEntity if refused.code == "NoSuchEntity" else InvalidInput
        raise error(str(refused)) from None
