"""Condition keys of a call: tags in the request and on the resource, the way it came, the session behind it.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox import stores
from labkit.sandbox.stores import Arn

if TYPE_CHECKING:
    from labkit.sandbox.authorization import Policy
    from labkit.sandbox.authorization.account import Caller
    from labkit.sandbox.enforcement import Call
    from labkit.sandbox.enforcement.needs import Need

_HERE: Final = "127.0.0.1"
"""aws:SourceIp of calls from this machine."""


def context_of(call: Call, caller: Caller, need: Need, policy: Policy | None) -> dict[str, Any]:
    """All condition keys of one action of a call, besides those that follow from who calls and when."""
    context: dict[str, Any] = {
        "aws:SecureTransport": not call.url.startswith("http:"),
        "aws:SourceIp": _HERE,
        "aws:RequestedRegion": call.region or None,
        "aws:UserAgent": _text(call.headers.get("User-Agent")),
    }
    if caller.principal.kind == "session":
        context["aws:MultiFactorAuthPresent"] = False
    tags = requested_tags(call.params)
    keys = [*tags, *_removed_tags(call)]
    if keys:
        context["aws:TagKeys"] = keys
        context |= {f"aws:RequestTag/{name}": value for name, value in tags.items()}
    if need.action.startswith("kms:"):
        context["kms:CallerAccount"] = caller.principal.account or None
    if _mentions(caller, policy, "ResourceTag"):
        context |= resource_keys(need.resource)
    return {**context, **need.context}


def _text(value: Any) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _mentions(caller: Caller, policy: Policy | None, word: str) -> bool:
    every = (*caller.identity, *caller.session, caller.boundary, policy)
    return any(one is not None and word in one.text for one in every)


# -- tags -----------------------------------------------------------------------------------------------


def requested_tags(params: Mapping[str, Any]) -> dict[str, str]:
    """The tags a request gives, in whichever form the service takes them."""
    for name in ("Tags", "tags", "TagList"):
        if params.get(name):
            return tags_in(params[name])
    return {}


def _removed_tags(call: Call) -> list[str]:
    for name in ("TagKeys", "tagKeys"):
        value = call.params.get(name)
        if isinstance(value, (list, tuple)):
            return [str(one) for one in value]
    return []


def tags_in(given: Any) -> dict[str, str]:
    """Tags as a mapping: from one, or from a list of keys and values under any of their names."""
    if isinstance(given, Mapping):
        if isinstance(given.get("TagSet"), (list, tuple)):
            return tags_in(given["TagSet"])
        return {str(name): str(value) for name, value in given.items()}
    found: dict[str, str] = {}
    for one in given if isinstance(given, (list, tuple)) else ():
        if isinstance(one, Mapping):
            folded = {str(name).casefold(): value for name, value in one.items()}
            name = folded.get("key", folded.get("tagkey"))
            if name is not None:
                found[str(name)] = str(folded.get("value", folded.get("tagvalue", "")))
    return found


def resource_keys(resource: str) -> dict[str, str]:
    """aws:ResourceTag/... of a resource, and the service's own name for the same."""
    arn = Arn.of(resource)
    finder = _TAGS.get(arn.service) if arn else None
    tags = tags_in(finder(arn)) if finder and arn else {}
    own = arn.service if arn and arn.service in ("iam", "secretsmanager", "ecr") else ""
    prefixes: Iterable[str] = filter(None, ("aws", own))
    return {f"{prefix}:ResourceTag/{name}": value for prefix in prefixes for name, value in tags.items()}


def _tagger(service: str, form: Callable[[Arn], str]) -> Callable[[Arn], Any]:
    def find(arn: Arn) -> Any:
        backend = stores.backend_of(service, arn.account, arn.region)
        tagger = getattr(backend, "tagger", None)
        return tagger.get_tag_dict_for_resource(form(arn)) if tagger is not None else {}

    return find


def _whole(arn: Arn) -> str:
    return arn.whole


def _key_id(arn: Arn) -> str:
    key = stores.key(arn.whole, "", "")
    return str(key.id) if key is not None else ""


def _bucket_tags(arn: Arn) -> Any:
    bucket = stores.bucket(arn.name.partition("/")[0])
    backend = stores.backend_of("s3", bucket.account_id, "aws") if bucket is not None else None
    return backend.tagger.get_tag_dict_for_resource(bucket.arn) if backend is not None else {}


def _topic_tags(arn: Arn) -> Any:
    backend = stores.backend_of("sns", arn.account, arn.region)
    tagged = getattr(backend, "tagger", None)
    if tagged is not None:
        return tagged.get_tag_dict_for_resource(arn.whole)
    return getattr(stores.topic(arn), "_tags", {})


def _attribute(find: Callable[[Arn], Any], name: str) -> Callable[[Arn], Any]:
    return lambda arn: getattr(find(arn), name, None)


_TAGS: Final[dict[str, Callable[[Arn], Any]]] = {
    "sqs": _attribute(stores.queue, "tags"),
    "sns": _topic_tags,
    "lambda": _attribute(stores.function, "tags"),
    "events": _tagger("events", _whole),
    "dynamodb": _attribute(stores.table, "tags"),
    "secretsmanager": lambda arn: getattr(stores.secret(arn.whole, "", ""), "tags", None),
    "kms": _tagger("kms", _key_id),
    "s3": _bucket_tags,
    "logs": _tagger("logs", lambda arn: arn.whole.partition(":log-stream:")[0]),
    "states": _tagger("states", _whole),
    "ecr": _tagger("ecr", _whole),
    "iam": lambda arn: getattr(stores.role(arn), "tags", None),
}
