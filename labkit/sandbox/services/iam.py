"""AWS IAM in the lab's account.

Simulated here: users, groups, roles, policies and access keys, by moto. What a user or a session may do is decided at
every call, by `labkit.sandbox.enforcement`: identity policies, resource and key policies, session policies,
permissions boundaries of roles and users; a Deny first, both sides across accounts; iam:PassRole where a role is handed
to a service. The policy simulator (SimulatePrincipalPolicy, SimulateCustomPolicy, and GetContextKeys for both) answers
from the same evaluator. AWS managed policies can be attached, read and listed. Trust policies are checked against
the grammar when they are stored. Sources: the pages named in `labkit/sandbox/authorization/`, botocore's model
(iam/2010-05-08/service-2.json), and the Service Authorization Reference.

Differs on AWS: MissingContextValues lists the keys of the statements about the action; AWS does not say which it
lists. EvalResourceName shows the form of a service's main resource; AWS knows it for every action. AWS managed
policies are those of moto's list. Identity policies are checked by moto's rules when they are stored. The words of
InvalidInput are partly ours. Changes take effect at once here, and after some seconds there. The learner's own keys
may do everything in account 123456789012; keys that nobody gave out count as hers. Resources of services no lab
teaches are taken from the first ARN in a call. aws:SourceIp is 127.0.0.1.

Not simulated: requests without a signature are not judged. ResourceHandlingOption, service and resource control
policies of an organization, IAM Access Analyzer, last accessed information, MFA, principals in resource policies
that were deleted and made anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.sandbox import identity
from labkit.sandbox.hooks import hook

_PARAMETERS: Final = (
    "PolicySourceArn", "PolicyInputList", "PermissionsBoundaryPolicyInputList", "PolicyExclusionList",
    "OrderedOrganizationPolicyInputList", "ActionNames", "ResourceArns", "ResourcePolicy", "ResourceOwner",
    "CallerArn", "ContextEntries", "MaxItems", "Marker",
)  # fmt: skip


@hook("moto.iam.models:get_account_id_from")
def get_account_id_from(original: Any, access_key: str) -> str:
    """The account of an access key. A key of twelve digits is that account's root user."""
    return identity.account_of(access_key)


# -- AWS managed policies -------------------------------------------------------------------------------


def _bring_in(backend: Any, arn: str) -> None:
    """Give the account an AWS managed policy when it is first named. The whole list would slow down every copy."""
    from labkit.sandbox.authorization import managed

    if not str(arn).startswith(managed.PREFIX) or arn in backend.managed_policies:
        return
    data = managed.catalogue().get(arn)
    if data is not None:
        backend.managed_policies[arn] = _made(backend, data)


def _made(backend: Any, data: Any) -> Any:
    from moto.iam.models import AWSManagedPolicy
    from moto.moto_api._internal import mock_random

    dice = mock_random.getstate()
    mock_random.seed(f"{data['Path']}{data['Name']}")  # the same id in every account, as on AWS
    try:
        return AWSManagedPolicy.from_data(
            str(data["Name"]), backend.account_id, backend.region_name, dict(data)
        )
    finally:
        mock_random.setstate(dice)


@hook("moto.iam.models:IAMBackend.attach_role_policy")
def attach_role_policy(original: Any, self: Any, policy_arn: str, role_name: str) -> None:
    """AttachRolePolicy; a second time changes nothing."""
    _bring_in(self, policy_arn)
    if policy_arn not in self.get_role(role_name).managed_policies:
        original(self, policy_arn, role_name)


@hook("moto.iam.models:IAMBackend.attach_user_policy")
def attach_user_policy(original: Any, self: Any, policy_arn: str, user_name: str) -> None:
    """AttachUserPolicy; a second time changes nothing."""
    _bring_in(self, policy_arn)
    if policy_arn not in self.get_user(user_name).managed_policies:
        original(self, policy_arn, user_name)


@hook("moto.iam.models:IAMBackend.attach_group_policy")
def attach_group_policy(original: Any, self: Any, policy_arn: str, group_name: str) -> None:
    """AttachGroupPolicy."""
    _bring_in(self, policy_arn)
    original(self, policy_arn, group_name)


@hook("moto.iam.models:IAMBackend.get_policy")
def get_policy(original: Any, self: Any, policy_arn: str) -> Any:
    """GetPolicy, GetPolicyVersion and ListPolicyVersions; looking at a policy of AWS does not bring it in."""
    from labkit.sandbox.authorization import managed

    if str(policy_arn).startswith(managed.PREFIX) and policy_arn not in self.managed_policies:
        data = managed.catalogue().get(policy_arn)
        if data is not None:
            return _made(self, data)
    return original(self, policy_arn)


@hook("moto.iam.models:IAMBackend.list_policies")
def list_policies(
    original: Any, self: Any, marker: Any, max_items: int, only_attached: bool, path_prefix: str, scope: str
) -> Any:
    """ListPolicies, those of AWS among them."""
    if only_attached or scope == "Local":
        return original(self, marker, max_items, only_attached, path_prefix, scope)
    from labkit.sandbox.authorization import managed

    own = [one for one in self.managed_policies.values() if not one.arn.startswith(managed.PREFIX)]
    theirs = [
        self.managed_policies.get(arn) or _made(self, data) for arn, data in managed.catalogue().items()
    ]
    return self._filter_attached_policies(
        theirs + ([] if scope == "AWS" else own), marker, max_items, path_prefix
    )


# -- policies and boundaries ----------------------------------------------------------------------------


@hook("moto.iam.responses:IamResponse.create_role")
def create_role(original: Any, self: Any) -> Any:
    """CreateRole: a trust policy that is not well formed is refused. moto stores anything."""
    _check_trust(self._get_param("AssumeRolePolicyDocument"))
    return original(self)


@hook("moto.iam.responses:IamResponse.update_assume_role_policy")
def update_assume_role_policy(original: Any, self: Any) -> Any:
    """UpdateAssumeRolePolicy."""
    _check_trust(self._get_param("PolicyDocument"))
    return original(self)


def _check_trust(text: str) -> None:
    from moto.iam.exceptions import MalformedPolicyDocument

    from labkit.sandbox.authorization.resources import PolicyRefused, check_policy

    try:
        check_policy("iam", text)
    except PolicyRefused as refused:
        raise MalformedPolicyDocument(str(refused)) from None


@hook("moto.iam.responses:IamResponse.create_user")
def create_user(original: Any, self: Any) -> Any:
    """CreateUser, with a permissions boundary if one is named."""
    boundary = self._get_param("PermissionsBoundary")
    if boundary:
        _check_boundary(self.backend, boundary)
    answer = original(self)
    if boundary:
        _bound(answer.result["User"], boundary)
    return answer


@hook("moto.iam.responses:IamResponse.put_user_permissions_boundary", kind="new")
def put_user_permissions_boundary(self: Any) -> Any:
    """PutUserPermissionsBoundary."""
    from moto.core.responses import EmptyResult

    user, boundary = (
        self.backend.get_user(self._get_param("UserName")),
        self._get_param("PermissionsBoundary"),
    )
    _check_boundary(self.backend, boundary)
    _bound(user, boundary)
    return EmptyResult()


@hook("moto.iam.responses:IamResponse.delete_user_permissions_boundary", kind="new")
def delete_user_permissions_boundary(self: Any) -> Any:
    """DeleteUserPermissionsBoundary."""
    from moto.core.responses import EmptyResult
    from moto.iam.exceptions import NoSuchEntity

    user = self.backend.get_user(self._get_param("UserName"))
    if vars(user).pop("permissions_boundary_arn", None) is None:
        raise NoSuchEntity(f"The user with name {user.name} has no permissions boundary.")
    del user.permissions_boundary
    return EmptyResult()


def _check_boundary(backend: Any, arn: str) -> None:
    from moto.iam.exceptions import NoSuchEntity

    from labkit.sandbox.authorization import managed

    if arn not in backend.managed_policies and arn not in managed.catalogue():
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")


def _bound(user: Any, arn: str) -> None:
    user.permissions_boundary_arn = arn
    user.permissions_boundary = {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": arn,
    }


# -- the policy simulator -------------------------------------------------------------------------------


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
