"""Actions and resources of DynamoDB, Kinesis, S3, KMS, Secrets Manager, Systems Manager and CloudWatch Logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from labkit.sandbox import stores
from labkit.sandbox.enforcement.needs import Asked, Finder, Need

# -- DynamoDB -------------------------------------------------------------------------------------------

_TRANSACTIONS: Final = {
    "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}  # fmt: skip
_PARTIQL = re.compile(
    r"\s*(select|insert|update|delete)\b.*?(?:from|into|update)?\s+\"?([\w.-]+)\"?", re.I | re.S
)
_HASH_CONDITION = re.compile(r"^\s*\(?\s*(#?\w+)\s*=\s*(:\w+)")


def _dynamodb(asked: Asked) -> list[Need]:
    operation = asked.operation
    if operation.startswith("Transact"):
        return _transaction(asked)
    if operation.startswith("Batch") and "Statement" not in operation:
        tables = asked.block("RequestItems")
        return [
            Need(f"dynamodb:{operation}", _table(asked, str(name)), _batch_keys(asked, name))
            for name in tables
        ]
    if "Statement" in operation or operation == "ExecuteTransaction":
        return _partiql(asked)
    if operation in ("ListTables", "DescribeLimits", "DescribeEndpoints", "ListBackups", "ListGlobalTables"):
        return [
            Need(f"dynamodb:{operation}", asked.arn("dynamodb", "table/*") if "Tables" in operation else "*")
        ]
    table = _table(asked, asked.text("TableName", "ResourceArn", "TableArn"))
    index = asked.text("IndexName")
    resource = f"{table}/index/{index}" if index else asked.text("BackupArn", "ExportArn") or table
    return [Need(f"dynamodb:{operation}", resource, _leading(asked, table))]


def _table(asked: Asked, name: str) -> str:
    return asked.arn("dynamodb", name if name.startswith("arn:") else f"table/{name}")


def _transaction(asked: Asked) -> list[Need]:
    needed: dict[tuple[str, str], Need] = {}
    for item in asked.blocks("TransactItems"):
        for sort, block in item.items():
            if sort in _TRANSACTIONS and isinstance(block, Mapping):
                table = _table(asked, str(block.get("TableName", "")))
                action = f"dynamodb:{_TRANSACTIONS[sort]}"
                keys = _hash_values(table, [block.get("Key") or block.get("Item")])
                old = needed.get((action, table))
                before = list(old.context["dynamodb:LeadingKeys"] or []) if old else []
                about = {"dynamodb:LeadingKeys": [*before, *keys] or None}
                needed[action, table] = Need(action, table, about)
    return list(needed.values())


def _partiql(asked: Asked) -> list[Need]:
    statements = [asked.text("Statement")] if asked.text("Statement") else []
    for block in (*asked.blocks("Statements"), *asked.blocks("TransactStatements")):
        statements.append(str(block.get("Statement", "")))
    needed = []
    for statement in statements:
        found = _PARTIQL.match(statement)
        verb = found[1].capitalize() if found else "Select"
        needed.append(Need(f"dynamodb:PartiQL{verb}", _table(asked, _table_in(statement))))
    return needed


def _table_in(statement: str) -> str:
    found = re.search(r"\b(?:from|into|update)\s+\"?([\w.-]+)\"?", statement, re.I)
    return found[1] if found else "*"


def _batch_keys(asked: Asked, name: Any) -> dict[str, Any]:
    request = asked.block("RequestItems").get(name)
    if isinstance(request, Mapping):
        given = list(request.get("Keys") or [])
    else:
        writes = [one for one in request or [] if isinstance(one, Mapping)]
        given = [
            (one.get("PutRequest") or {}).get("Item") or (one.get("DeleteRequest") or {}).get("Key")
            for one in writes
        ]
    return {"dynamodb:LeadingKeys": _hash_values(_table(asked, str(name)), given) or None}


def _leading(asked: Asked, table: str) -> dict[str, Any]:
    """dynamodb:LeadingKeys: the partition keys a request touches, as far as it names them."""
    values = _hash_values(table, [asked.params.get("Key") or asked.params.get("Item")])
    if asked.operation == "Query":
        values = _queried(asked)
    about: dict[str, Any] = {"dynamodb:LeadingKeys": values or None}
    if select := asked.text("Select"):
        about["dynamodb:Select"] = select
    return about


def _hash_values(table: str, items: list[Any]) -> list[str]:
    arn = stores.Arn.of(table)
    kept = stores.table(arn) if arn else None
    name = getattr(kept, "hash_key_attr", None)
    values = [item.get(name) for item in items if isinstance(item, Mapping)] if name else []
    return [text for value in values if (text := _plain(value)) is not None]


def _plain(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return next((str(one) for one in value.values()), None)
    return None if value is None else str(value)


def _queried(asked: Asked) -> list[str]:
    found = _HASH_CONDITION.match(asked.text("KeyConditionExpression"))
    value = _plain(asked.block("ExpressionAttributeValues").get(found[2])) if found else None
    return [value] if value is not None else []


def _streams(asked: Asked) -> list[Need]:
    arn = asked.text("StreamArn") or asked.text("ShardIterator").partition("|")[0]
    return [Need(f"dynamodb:{asked.operation}", arn if arn.startswith("arn:") else "*")]


def _kinesis(asked: Asked) -> list[Need]:
    action = f"kinesis:{asked.operation}"
    if asked.operation in ("ListStreams", "DescribeLimits"):
        return [Need(action)]
    name = asked.text("StreamARN", "ResourceARN", "ConsumerARN")
    return [Need(action, name or (asked.arn("kinesis", f"stream/{asked.text('StreamName')}")))]


# -- S3 -------------------------------------------------------------------------------------------------

_S3_ACTIONS: Final = {
    "ListBuckets": "ListAllMyBuckets", "ListObjects": "ListBucket", "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket", "ListObjectVersions": "ListBucketVersions", "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject", "UploadPartCopy": "PutObject", "DeleteObjects": "DeleteObject",
    "ListMultipartUploads": "ListBucketMultipartUploads", "ListParts": "ListMultipartUploadParts",
    "SelectObjectContent": "GetObject", "GetBucketCors": "GetBucketCORS", "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS", "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration", "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration", "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration", "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock", "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock", "GetObjectLockConfiguration":
    "GetBucketObjectLockConfiguration", "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}  # fmt: skip


def _s3(asked: Asked) -> list[Need]:
    action = f"s3:{_S3_ACTIONS.get(asked.operation, asked.operation)}"
    bucket = asked.text("Bucket").rpartition(":::")[2]
    if not bucket:
        return [Need(action)]
    here = f"arn:aws:s3:::{bucket}"
    about = {
        "s3:prefix": asked.params.get("Prefix", "") if action == "s3:ListBucket" else None,
        "s3:delimiter": asked.params.get("Delimiter"),
        "s3:max-keys": asked.params.get("MaxKeys"),
        "s3:VersionId": asked.params.get("VersionId"),
        "s3:x-amz-acl": asked.params.get("ACL"),
        "s3:x-amz-server-side-encryption": asked.params.get("ServerSideEncryption"),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": asked.params.get("SSEKMSKeyId"),
    }
    if asked.operation == "DeleteObjects":
        keys = [
            str(one.get("Key"))
            for one in asked.block("Delete").get("Objects") or []
            if isinstance(one, Mapping)
        ]
        return [Need(action, f"{here}/{key}", about) for key in keys]
    if asked.params.get("VersionId") and action in ("s3:GetObject", "s3:DeleteObject"):
        action += "Version"
    key = asked.text("Key")
    return [*_copied(asked), Need(action, f"{here}/{key}" if key else here, about)]


def _copied(asked: Asked) -> list[Need]:
    source = asked.params.get("CopySource")
    if isinstance(source, Mapping):
        source = f"{source.get('Bucket')}/{source.get('Key')}"
    if not isinstance(source, str) or not source:
        return []
    return [Need("s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/').partition('?')[0]}")]


# -- KMS ------------------------------------------------------------------------------------------------

_NO_KEY: Final = (
    "CreateKey", "ListKeys", "ListAliases", "GenerateRandom", "CreateCustomKeyStore", "DescribeCustomKeyStores",
    "ListRetirableGrants",
)  # fmt: skip


def _kms(asked: Asked) -> list[Need]:
    action = f"kms:{asked.operation}"
    if asked.operation in _NO_KEY:
        return [Need(action)]
    if asked.operation == "ReEncrypt":
        source = _key(asked, asked.text("SourceKeyId"))
        return [
            Need("kms:ReEncryptFrom", source, _encryption(asked, "SourceEncryptionContext")),
            Need("kms:ReEncryptTo", _key(asked, asked.text("DestinationKeyId")),
                 _encryption(asked, "DestinationEncryptionContext")),
        ]  # fmt: skip
    if alias := asked.text("AliasName"):
        target = asked.text("TargetKeyId") or alias
        return [Need(action, asked.arn("kms", alias)), Need(action, _key(asked, target))]
    return [Need(action, _key(asked, asked.text("KeyId")), _encryption(asked, "EncryptionContext"))]


def _encryption(asked: Asked, param: str) -> dict[str, Any]:
    given = asked.block(param)
    about: dict[str, Any] = {f"kms:EncryptionContext:{name}": value for name, value in given.items()}
    return {**about, "kms:EncryptionContextKeys": list(given) or None}


def _key(asked: Asked, wanted: str) -> str:
    """The ARN of the key: permissions are about keys, not about their aliases."""
    if not wanted:
        blob = asked.params.get("CiphertextBlob")
        wanted = blob[:36].decode("ascii", "replace") if isinstance(blob, bytes) else ""
    found = stores.key(wanted, asked.account, asked.region) if wanted else None
    if found is not None:
        return str(found.arn)
    whole = wanted if wanted.startswith(("alias/", "key/")) else f"key/{wanted}"
    return asked.arn("kms", wanted if wanted.startswith("arn:") else whole)


# -- secrets, parameters, logs --------------------------------------------------------------------------


def _secrets(asked: Asked) -> list[Need]:
    action = f"secretsmanager:{asked.operation}"
    wanted = asked.text("SecretId", "Name")
    about = {
        "secretsmanager:VersionStage": asked.params.get("VersionStage"),
        "secretsmanager:SecretId": wanted or None,
    }
    if asked.operation == "BatchGetSecretValue":
        names = [one for one in asked.several("SecretIdList") if isinstance(one, str)]
        each = [Need("secretsmanager:GetSecretValue", _secret(asked, name)) for name in names]
        return [Need(action), *each]
    return [Need(action, _secret(asked, wanted) if wanted else "*", about)]


def _secret(asked: Asked, wanted: str) -> str:
    found = stores.secret(wanted, asked.account, asked.region)
    return str(found.arn) if found is not None else asked.arn("secretsmanager", f"secret:{wanted}")


def _ssm(asked: Asked) -> list[Need]:
    action = f"ssm:{asked.operation}"
    if "Parameter" not in asked.operation or asked.operation == "DescribeParameters":
        return [Need(action)]
    names = asked.several("Names") or [asked.text("Name", "Path")]
    return [Need(action, _parameter(asked, str(name))) for name in names]


def _parameter(asked: Asked, name: str) -> str:
    bare = name if name.startswith("arn:") else re.sub(r":[^:/]*$", "", name)
    return asked.arn("ssm", bare if bare.startswith("arn:") else f"parameter/{bare.lstrip('/')}")


def _logs(asked: Asked) -> list[Need]:
    action = f"logs:{asked.operation}"
    if arn := asked.text("resourceArn"):
        return [Need(action, arn)]
    group = asked.text("logGroupName", "logGroupIdentifier", "logGroupNamePrefix")
    if group.startswith("arn:"):
        return [Need(action, group if group.endswith(":*") else f"{group}:log-stream:")]
    if not group and not asked.operation.startswith("DescribeLogGroups"):
        return [Need(action)]
    return [Need(action, asked.arn("logs", f"log-group:{group}:log-stream:{asked.text('logStreamName')}"))]


FINDERS: Final[dict[str, Finder]] = {
    "dynamodb": _dynamodb, "dynamodbstreams": _streams, "kinesis": _kinesis, "s3": _s3, "kms": _kms,
    "secretsmanager": _secrets, "ssm": _ssm, "logs": _logs,
}  # fmt: skip
