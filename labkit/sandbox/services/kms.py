"""AWS KMS in the lab's account.

Simulated here:
- Keys that are disabled or wait to be deleted refuse cryptographic work, with AWS's errors.
- A key is deleted when its waiting period of 7 to 30 days is over on the lab's clock; until then it can be kept.
- Key policies, grants and IAM policies decide who may use a key; a key policy that leaves out the account stops even
  administrators. Grants count at once, with their encryption context constraints.
- A key policy is checked when it is stored: its grammar, whether its users and roles exist, and whether it lets the
  caller change it later.
- AWS managed keys (`alias/aws/sqs` and the like) have their fixed policy: the account through that service, nobody
  else.
- Encryption with AES-GCM, encryption contexts, data keys, signatures and MACs, by moto.

Differs on AWS:
- The words of a key policy's Sid in AWS managed keys. A grant can take some minutes to be known everywhere there.
- Decryption with a key that does not exist says so in another way.

Not simulated:
- Imported key material, custom key stores, key rotation's effect on old data, grant tokens, GranteePrincipal checks.

Sources:
- https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
- https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
- https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html (the lockout check)
- https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _kms_state as state

# -- cryptographic work ---------------------------------------------------------------------------------


def _key(backend: Any, key_id: str) -> Any:
    """moto's key, or None: then moto itself says what is wrong."""
    return dict.get(backend.keys, backend.any_id_to_key_id(key_id) or "")


def _usable(backend: Any, key_id: str) -> None:
    key = _key(backend, key_id)
    if key is not None:
        state.check_usable(key)


@hook("moto.kms.models:KmsBackend.encrypt")
def encrypt(original: Any, self: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """Encrypt and GenerateDataKey."""
    _usable(self, key_id)
    return original(self, key_id, *args, **kwargs)


@hook("moto.kms.models:KmsBackend.decrypt")
def decrypt(original: Any, self: Any, ciphertext_blob: bytes, *args: Any, **kwargs: Any) -> Any:
    """Decrypt: the key's id stands at the beginning of moto's ciphertext."""
    key = dict.get(self.keys, ciphertext_blob[:36].decode("ascii", "replace"))
    if key is not None:
        state.check_usable(key)
    return original(self, ciphertext_blob, *args, **kwargs)


@hook("moto.kms.models:KmsBackend.sign")
def sign(original: Any, self: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """Sign."""
    _usable(self, key_id)
    return original(self, key_id, *args, **kwargs)


@hook("moto.kms.models:KmsBackend.verify")
def verify(original: Any, self: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """Verify."""
    _usable(self, key_id)
    return original(self, key_id, *args, **kwargs)


@hook("moto.kms.models:KmsBackend.generate_mac")
def generate_mac(original: Any, self: Any, message: bytes, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """GenerateMac."""
    _usable(self, key_id)
    return original(self, message, key_id, *args, **kwargs)


@hook("moto.kms.models:KmsBackend.verify_mac")
def verify_mac(original: Any, self: Any, message: bytes, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """VerifyMac."""
    _usable(self, key_id)
    return original(self, message, key_id, *args, **kwargs)


@hook("moto.kms.models:KmsBackend.create_grant")
def create_grant(original: Any, self: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """CreateGrant."""
    _usable(self, key_id)
    return original(self, key_id, *args, **kwargs)


# -- life -----------------------------------------------------------------------------------------------


@hook("moto.kms.models:KmsBackend.create_alias")
def create_alias(original: Any, self: Any, target_key_id: str, alias_name: str) -> Any:
    """An alias cannot point to a key that waits to be deleted."""
    key = _key(self, target_key_id)
    if key is not None:
        state.check_not_leaving(key)
    return original(self, target_key_id, alias_name)


@hook("moto.kms.models:KmsBackend.enable_key")
def enable_key(original: Any, self: Any, key_id: str) -> None:
    """EnableKey."""
    key = _key(self, key_id)
    state.check_not_leaving(key)
    original(self, key.id)


@hook("moto.kms.models:KmsBackend.disable_key")
def disable_key(original: Any, self: Any, key_id: str) -> None:
    """DisableKey."""
    key = _key(self, key_id)
    state.check_not_leaving(key)
    original(self, key.id)


@hook("moto.kms.models:KmsBackend.schedule_key_deletion")
def schedule_key_deletion(original: Any, self: Any, key_id: str, pending_window_in_days: int) -> Any:
    """ScheduleKeyDeletion: the key is useless at once, and gone after the waiting period."""
    key = _key(self, key_id)
    state.check_not_leaving(key)
    state.check_window(pending_window_in_days)
    original(self, key.id, pending_window_in_days)
    clock = current().clock
    due = clock.time() + pending_window_in_days * 86_400
    key._labkit_deletion = due
    clock.schedule(due, state.delete_when_due, key.account_id, key.region, key.id, due)
    return due


@hook("moto.kms.models:KmsBackend.cancel_key_deletion")
def cancel_key_deletion(original: Any, self: Any, key_id: str) -> None:
    """CancelKeyDeletion: the key stays, disabled."""
    key = _key(self, key_id)
    state.check_leaving(key)
    original(self, key.id)


@hook("moto.kms.responses:KmsResponse.schedule_key_deletion")
def answer_deletion(original: Any, self: Any) -> str:
    """The answer names the key's ARN, its state and the waiting period."""
    days = self._get_param("PendingWindowInDays") or 30
    said = json.loads(original(self))
    key = self.kms_backend.describe_key(said["KeyId"])
    return json.dumps({**said, "KeyId": key.arn, "KeyState": key.key_state, "PendingWindowInDays": days})


@hook("moto.kms.responses:KmsResponse.cancel_key_deletion")
def answer_cancel(original: Any, self: Any) -> str:
    """The answer names the key's ARN."""
    return json.dumps({"KeyId": self.kms_backend.describe_key(json.loads(original(self))["KeyId"]).arn})


# -- AWS managed keys -----------------------------------------------------------------------------------


@hook("moto.kms.models:RESERVED_ALIASES", kind="value")
def reserved_aliases(original: list[str]) -> list[str]:
    """The services that have a key of AWS. moto knows only some of them."""
    more = ("sqs", "sns", "kinesis", "secretsmanager", "logs", "dynamodb", "lambda", "events")
    return list(dict.fromkeys([*original, *(f"alias/aws/{name}" for name in more)]))


@hook("moto.kms.models:KmsBackend._generate_default_keys")
def generate_default_keys(original: Any, self: Any, alias_name: str) -> Any:
    """AWS makes its own key for a service at first use, with a policy that nobody can change."""
    from labkit.sandbox.authorization import keys

    key_id = original(self, alias_name)
    if key_id is not None:
        service = keys.managed_service(alias_name)
        key = self.keys[key_id]
        key.key_manager = "AWS"
        key.description = f"Default key that protects my {service} data when no other key is defined"
        key.policy = json.dumps(keys.managed_document(service, self.account_id, self.region_name))
    return key_id


# -- key policies ---------------------------------------------------------------------------------------


@hook("moto.kms.responses:KmsResponse.put_key_policy")
def put_key_policy(original: Any, self: Any) -> str:
    """PutKeyPolicy."""
    _check_policy(self, self._get_param("Policy"))
    return str(original(self))


@hook("moto.kms.responses:KmsResponse.create_key")
def create_key(original: Any, self: Any) -> str:
    """CreateKey."""
    if self._get_param("Policy") is not None:
        _check_policy(self, self._get_param("Policy"))
    return str(original(self))


def _check_policy(response: Any, text: str) -> None:
    from labkit.sandbox.authorization import account, keys, resources

    try:
        policy = resources.check_policy("kms", text)
    except resources.PolicyRefused as refused:
        raise JsonRESTError(refused.code, str(refused)) from None
    if any(keys.is_missing(name) for name in keys.principals_in(policy)):
        raise _malformed("Policy contains a statement with one or more invalid principals.")
    if response._get_param("BypassPolicyLockoutSafetyCheck"):
        return
    caller = account.caller_or_learner(response.access_key)
    if not caller.may("kms:PutKeyPolicy", account=response.current_account, policies=[policy]).allowed:
        raise _malformed("The new key policy will not allow you to update the key policy in the future.")


def _malformed(message: str) -> JsonRESTError:
    return JsonRESTError("MalformedPolicyDocumentException", message)
