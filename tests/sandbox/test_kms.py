"""Keys work only in the right state, for the right people, and go when their waiting period is over."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.enforced import HERE, REGION, allow, make_role, outcome, policy, refusal, session, user

ROOT = {"AWS": f"arn:aws:iam::{HERE}:root"}


@pytest.fixture
def kms(sandbox: Sandbox) -> Any:
    return boto3.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["Arn"])


def queue(key: str) -> str:
    made = boto3.client("sqs").create_queue(QueueName="orders", Attributes={"KmsMasterKeyId": key})
    return str(made["QueueUrl"])


# -- state ----------------------------------------------------------------------------------------------


def test_a_disabled_key_does_no_work(kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    said = ("DisabledException", f"{key} is disabled.")
    assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x") == said
    assert refusal(kms.decrypt, CiphertextBlob=blob) == said
    assert refusal(kms.generate_data_key, KeyId=key, KeySpec="AES_256") == said
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_signing_keys_have_a_state_too(kms: Any) -> None:
    arn = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["Arn"]
    given = {"KeyId": arn, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**given)["Signature"]
    kms.disable_key(KeyId=arn)
    assert outcome(kms.sign, **given) == "DisabledException"
    assert outcome(kms.verify, **given, Signature=signature) == "DisabledException"


def test_a_key_is_deleted_when_its_waiting_period_is_over(sandbox: Sandbox, kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (key, "PendingDeletion", 7)
    said = ("KMSInvalidStateException", f"{key} is pending deletion.")
    assert refusal(kms.decrypt, CiphertextBlob=blob) == said
    assert refusal(kms.enable_key, KeyId=key) == said
    sandbox.clock.advance(days=6, hours=23)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    sandbox.clock.advance(hours=2)
    assert outcome(kms.describe_key, KeyId=key) == "NotFoundException"
    assert [event.resource for event in sandbox.trace.where(service="kms", action="KeyDeleted")] == [key]


def test_a_key_that_was_kept_stays(sandbox: Sandbox, kms: Any, key: str) -> None:
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    sandbox.clock.advance(days=3)
    assert kms.cancel_key_deletion(KeyId=key)["KeyId"] == key
    assert refusal(kms.cancel_key_deletion, KeyId=key)[1] == f"{key} is not pending deletion."
    kms.schedule_key_deletion(KeyId=key)
    sandbox.clock.advance(days=10)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    sandbox.clock.advance(days=21)
    assert outcome(kms.describe_key, KeyId=key) == "NotFoundException"


@pytest.mark.parametrize("days", [6, 31])
def test_the_waiting_period_has_bounds(kms: Any, key: str, days: int) -> None:
    assert outcome(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=days) == "ValidationException"


def test_a_rehearsal_of_a_deletion_deletes_nothing(sandbox: Sandbox, kms: Any, key: str) -> None:
    with sandbox.rehearsal():
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        sandbox.clock.advance(days=8)
    sandbox.clock.advance(days=8)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


# -- who may --------------------------------------------------------------------------------------------


def test_the_default_policy_leaves_it_to_iam(kms: Any, key: str) -> None:
    role = make_role("worker", allow("kms:Decrypt", key))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    client = boto3.client("kms", **session(role))
    assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    code, text = refusal(client.encrypt, KeyId=key, Plaintext=b"x")
    assert code == "AccessDeniedException"
    assert f"kms:Encrypt on resource: {key} because no identity-based policy allows" in text


def test_a_key_policy_without_the_account_stops_iam_policies_and_administrators(kms: Any) -> None:
    role = make_role("keeper")
    only = policy(
        {"Sid": "Keeper", "Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:*", "Resource": "*"}
    )
    key = kms.create_key(Policy=only, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
    assert "no resource-based policy allows" in refusal(kms.encrypt, KeyId=key, Plaintext=b"x")[1]
    rich = boto3.client("kms", **user("rich", allow("*")))
    assert outcome(rich.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    assert outcome(boto3.client("kms", **session(role)).encrypt, KeyId=key, Plaintext=b"x") == "ok"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("nonsense", "Syntax errors in policy."),
        (policy(allow("kms:*")), "Missing required field Principal"),
        (
            policy(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{HERE}:role/nobody"})),
            "one or more invalid principals",
        ),
        (
            policy(allow("kms:Decrypt", Principal=ROOT)),
            "will not allow you to update the key policy in the future",
        ),
    ],
)
def test_a_bad_key_policy_is_refused(kms: Any, key: str, document: str, said: str) -> None:
    given = {"KeyId": key, "PolicyName": "default", "Policy": document}
    code, text = refusal(kms.put_key_policy, **given)
    assert code == "MalformedPolicyDocumentException"
    assert said in text
    assert refusal(kms.create_key, Policy=document)[0] == code


def test_a_grant_lets_in_within_its_constraints(kms: Any, key: str) -> None:
    role = make_role("worker")
    client = boto3.client("kms", **session(role))
    given = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": {"team": "blue"}}
    assert outcome(client.encrypt, **given) == "AccessDeniedException"
    grant = kms.create_grant(
        KeyId=key, GranteePrincipal=role, Operations=["Encrypt"],
        Constraints={"EncryptionContextSubset": {"team": "blue"}},
    )["GrantId"]  # fmt: skip
    assert outcome(client.encrypt, **given) == "ok"
    assert (
        outcome(client.encrypt, **{**given, "EncryptionContext": {"team": "red"}}) == "AccessDeniedException"
    )
    assert outcome(client.generate_data_key, KeyId=key, KeySpec="AES_256") == "AccessDeniedException"
    kms.revoke_grant(KeyId=key, GrantId=grant)
    assert outcome(client.encrypt, **given) == "AccessDeniedException"


def test_moving_to_another_key_needs_both_keys(kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    role = make_role("worker", allow("kms:ReEncryptFrom", key))
    client = boto3.client("kms", **session(role))
    given = {"CiphertextBlob": blob, "DestinationKeyId": other}
    assert "kms:ReEncryptTo on resource: " + other in refusal(client.re_encrypt, **given)[1]
    more = policy(allow("kms:ReEncrypt*"))
    boto3.client("iam").put_role_policy(RoleName="worker", PolicyName="More", PolicyDocument=more)
    assert outcome(client.re_encrypt, **given) == "ok"


# -- AWS managed keys -----------------------------------------------------------------------------------


def test_nobody_changes_an_aws_managed_key_or_uses_it_without_its_service(kms: Any) -> None:
    key = kms.describe_key(KeyId="alias/aws/sqs")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    given = json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
    condition = given["Statement"][0]["Condition"]["StringEquals"]
    assert condition == {"kms:CallerAccount": HERE, "kms:ViaService": f"sqs.{REGION}.amazonaws.com"}
    assert outcome(kms.encrypt, KeyId="alias/aws/sqs", Plaintext=b"x") == "AccessDeniedException"
    assert outcome(kms.schedule_key_deletion, KeyId=key["KeyId"]) == "AccessDeniedException"
    assert outcome(kms.disable_key, KeyId=key["KeyId"]) == "AccessDeniedException"


# -- encrypted queues -----------------------------------------------------------------------------------


def test_a_consumer_of_an_encrypted_queue_needs_decrypt(sandbox: Sandbox, key: str) -> None:
    url = queue(key)
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    role = make_role("worker", allow("sqs:*"))
    sqs = boto3.client("sqs", **session(role))
    code, text = refusal(sqs.receive_message, QueueUrl=url)
    assert code == "KMS.AccessDeniedException"
    assert f"kms:Decrypt on resource: {key} because no identity-based policy allows" in text
    assert "may not do kms:Decrypt" in sandbox.trace.where(error=code)[0].note
    through = {"StringEquals": {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"}}
    document = policy(allow("kms:Decrypt", key, Condition=through))
    boto3.client("iam").put_role_policy(RoleName="worker", PolicyName="Key", PolicyDocument=document)
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "x"
    assert "kms:GenerateDataKey" in refusal(sqs.send_message, QueueUrl=url, MessageBody="y")[1]


def test_everybody_who_may_use_a_queue_may_use_the_managed_key_behind_it(sandbox: Sandbox) -> None:
    url = queue("alias/aws/sqs")
    sqs = boto3.client("sqs", **session(make_role("worker", allow("sqs:*"))))
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "ok"


def test_the_state_of_the_key_stops_the_administrator_as_well(kms: Any, key: str) -> None:
    url = queue(key)
    kms.disable_key(KeyId=key)
    assert outcome(boto3.client("sqs").send_message, QueueUrl=url, MessageBody="x") == "KMS.DisabledException"
