"""Capacity providers: which there are, which strategies are right, and how tasks are shared among providers.

Sources: botocore's model of ECS (CapacityProviderStrategyItem: base first, then weights; FARGATE and FARGATE_SPOT in
every account; at most 20 in a strategy); https://docs.aws.amazon.com/AmazonECS/latest/developerguide/capacity-launch-
type-comparison.html. Sentences about bases, weights, associated providers and names were recorded from the real API by
the rules of github.com/badmintoncryer/cdk-preflight (rules/ecs, September 2026); the one about a mix stands in
aws-cdk. Ours: an unknown provider, one named twice, too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from moto.ecs.exceptions import InvalidParameterException

FARGATE: Final = "FARGATE"
SPOT: Final = "FARGATE_SPOT"
RESERVED: Final = (FARGATE, SPOT)
_MOST: Final = 20

Strategy = Sequence[Mapping[str, Any]]


# -- what there is ---------------------------------------------------------------------------------------


def kind(backend: Any, name: str) -> str:
    """`FARGATE`, `EC2` (an Auto Scaling group), `MANAGED_INSTANCES`, or nothing for an unknown provider."""
    if short(name) in RESERVED:
        return FARGATE
    found = find(backend, name)
    if found is None:
        return ""
    return "MANAGED_INSTANCES" if vars(found).get("managed_instances_provider") else "EC2"


def find(backend: Any, name: str) -> Any:
    """A provider somebody made, by name or ARN, or None."""
    return backend.capacity_providers.get(short(name))


def short(name: str) -> str:
    """A provider's name, from its name or ARN."""
    return name.rpartition("/")[2]


def asked_strategy(cluster: Any, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The strategy in force: the caller's, or the cluster's when she gave neither one nor a launch type."""
    if asked.get("capacityProviderStrategy"):
        return list(asked["capacityProviderStrategy"])
    if asked.get("launchType"):
        return []
    return list(cluster.default_capacity_provider_strategy or [])


def launch_type(backend: Any, cluster: Any, asked: Mapping[str, Any]) -> str:
    """On what the tasks will run: FARGATE, EC2, EXTERNAL or MANAGED_INSTANCES."""
    strategy = asked_strategy(cluster, asked)
    if strategy:
        return kind(backend, strategy[0]["capacityProvider"]) or "EC2"
    return str(asked.get("launchType") or "EC2")


# -- what is right ---------------------------------------------------------------------------------------


def check(backend: Any, cluster: Any, strategy: Strategy) -> None:
    """Raise AWS's error for a strategy that cannot be used in a cluster."""
    associated = cluster.capacity_providers or []
    _check_names(backend, strategy, associated)
    if sum(1 for one in strategy if one.get("base")) > 1:
        raise InvalidParameterException(
            "There are multiple capacity providers in the specified capacity provider strategy with a base value "
            "greater than zero. Only one capacity provider can have a base value greater than zero. Specify a valid "
            "capacity provider strategy and try again."
        )
    if len(strategy) > 1 and not any(one.get("weight") for one in strategy):
        raise InvalidParameterException(
            "There are no capacity providers in the capacity provider strategy with a weight value greater than zero. "
            "Specify a weight value greater than zero for at least one capacity provider and try again."
        )


def check_default(backend: Any, associated: Sequence[str], strategy: Strategy) -> None:
    """Raise AWS's error for what CreateCluster and PutClusterCapacityProviders are given."""
    for name in associated:
        if not kind(backend, name):
            raise _unknown(name)
    _check_names(backend, strategy, associated)
    if sum(1 for one in strategy if one.get("base")) > 1:
        raise InvalidParameterException(
            "The specified capacity provider strategy contains multiple capacity providers with a base value defined. "
            "Only one capacity provider per strategy can have a base value defined."
        )


def _check_names(backend: Any, strategy: Strategy, associated: Sequence[str]) -> None:
    names = [short(one["capacityProvider"]) for one in strategy]
    if len(names) > _MOST:
        raise InvalidParameterException(
            f"A capacity provider strategy can contain a maximum of {_MOST} capacity providers."
        )
    if len(set(names)) < len(names):
        raise InvalidParameterException(
            "The specified capacity provider strategy contains a capacity provider more than once."
        )
    for name in names:
        if not kind(backend, name):
            raise _unknown(name)
    if any(name not in {short(one) for one in associated} for name in names):
        raise InvalidParameterException(
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with "
            "the cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and "
            "try again."
        )
    if len({kind(backend, name) for name in names}) > 1:
        raise InvalidParameterException(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and "
            "Fargate providers. Specify one or the other and try again."
        )


def _unknown(name: str) -> InvalidParameterException:
    return InvalidParameterException(f"The specified capacity provider '{short(name)}' was not found.")


# -- sharing out -----------------------------------------------------------------------------------------


def share(strategy: Strategy, count: int, running: Iterable[str | None] = ()) -> list[str]:
    """The providers of the next `count` tasks, when tasks run already on those in `running`.

    First the base is filled. After that each task goes where its provider is furthest behind its weight; the first in
    the strategy wins a tie.
    """
    have: Counter[str] = Counter(short(name) for name in running if name)
    chosen = []
    for _ in range(count):
        name = _next(strategy, have)
        have[name] += 1
        chosen.append(name)
    return chosen


def _next(strategy: Strategy, have: Mapping[str, int]) -> str:
    for one in strategy:
        if have.get(short(one["capacityProvider"]), 0) < (one.get("base") or 0):
            return short(one["capacityProvider"])
    if len(strategy) == 1:
        return short(strategy[0]["capacityProvider"])
    behind = _behind(strategy, have, 1)
    return max(behind, key=lambda name: behind[name])


def _behind(strategy: Strategy, have: Mapping[str, int], more: int) -> dict[str, float]:
    """How many tasks each provider with a weight has too few, when there are `more` beside those that run."""
    beyond = {
        short(one["capacityProvider"]): max(
            0, have.get(short(one["capacityProvider"]), 0) - (one.get("base") or 0)
        )
        for one in strategy
    }
    weights = {short(one["capacityProvider"]): one.get("weight") or 0 for one in strategy}
    total, weight = sum(beyond.values()) + more, sum(weights.values())
    return {name: total * own / weight - beyond[name] for name, own in weights.items() if own}


def shrink(strategy: Strategy, running: Iterable[str | None]) -> str:
    """The provider that gives up a task when one has to go: the one furthest beyond its weight, never the base."""
    have: Counter[str] = Counter(short(name) for name in running if name)
    bases = {short(one["capacityProvider"]): one.get("base") or 0 for one in strategy}
    spare = [name for name, count in have.items() if count > bases.get(name, 0)]
    if not spare:
        return max(have, key=lambda name: have[name]) if have else ""
    behind = _behind(strategy, have, -1)
    return min(sorted(spare), key=lambda name: behind.get(name, float("-inf")))
