"""How long one event takes to match, next to moto's own matchers.

    python tests/benchmarks/bench_patterns.py            # best of many rounds
    python tests/benchmarks/bench_patterns.py --quick    # fewer, for a smoke test

Times are microseconds per call in one process, the two sides in turns, the best round of each. The limit
holds for the rule with three fields; the rest is shown for comparison. A dash: moto answers something else.
"""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from moto.events.models import EventPattern
from moto.sns.utils import FilterPolicyMatcher

from labkit.sandbox.patterns import Pattern

AT_MOST = 20.0
"""Microseconds for one event and a rule with three fields."""

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "Order Placed",
    "source": "com.orchard.shop",
    "account": "123456789012",
    "time": "2026-11-23T10:00:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {
        "state": "paid",
        "customer": "c-9",
        "order": {"total": 310.5, "lines": [{"fruit": "plum", "kilos": 3}, {"fruit": "pear", "kilos": 40}]},
    },
}
SHOP = {"source": ["com.orchard.shop"], "detail-type": ["Order Placed"]}
RULES: dict[str, dict[str, Any]] = {
    "three fields, match": {**SHOP, "detail": {"state": ["paid", "shipped"]}},
    "three fields, no match": {**SHOP, "detail": {"state": ["cancelled"]}},
    "prefix, numeric, anything-but": {
        "source": [{"prefix": "com.orchard"}],
        "detail": {"order": {"total": [{"numeric": [">", 100]}]}, "state": [{"anything-but": "lost"}]},
    },
    "objects in an array": {
        "detail": {"order": {"lines": {"fruit": ["pear"], "kilos": [{"numeric": [">", 10]}]}}}
    },
    "$or of two branches": {"$or": [{"source": ["x"]}, {"detail": {"state": ["paid"]}}]},
}
POLICY = {"fruit": ["plum", "pear"], "kilos": [{"numeric": [">", 10]}], "farm": [{"prefix": "north"}]}
ATTRIBUTES = {
    "fruit": {"DataType": "String", "StringValue": "pear"},
    "kilos": {"DataType": "Number", "StringValue": "40"},
    "farm": {"DataType": "String", "StringValue": "north-2"},
}
PUBLISHED = {  # the same, as moto keeps them
    name: {
        "Type": one["DataType"],
        "Value": float(one["StringValue"]) if name == "kilos" else one["StringValue"],
    }
    for name, one in ATTRIBUTES.items()
}

Side = Callable[[], Any]


def pairs() -> dict[str, tuple[Side, Side]]:
    """What is measured: name -> ours, moto's."""
    made: dict[str, tuple[Side, Side]] = {}
    for name, rule in RULES.items():
        ours, theirs = Pattern.parse(rule), EventPattern.load(json.dumps(rule))
        made[name] = (_call(ours.matches, EVENT), _call(theirs.matches_event, EVENT))
    policy = Pattern.parse(POLICY, "sns-attributes")
    matcher = FilterPolicyMatcher(POLICY, "MessageAttributes")
    made["SNS policy, three keys"] = (
        _call(policy.matches, ATTRIBUTES),
        _call(matcher.matches, PUBLISHED, ""),
    )
    return made


def _call(function: Callable[..., Any], *given: Any) -> Side:
    return lambda: function(*given)


def compare(rounds: int, calls: int) -> bool:
    """Print the table. Returns whether the limit is kept."""
    kept = True
    print(f"{'microseconds per event, best round':38}{'labkit':>10}{'moto':>10}")
    for name, (ours, theirs) in pairs().items():
        mine, other = _best(ours, theirs, rounds, calls)
        verdict = ""
        if name.startswith("three fields"):
            kept = kept and mine <= AT_MOST
            verdict = f"   limit {AT_MOST:.0f}: {'kept' if mine <= AT_MOST else 'BROKEN'}"
        print(f"{name:38}{mine:10.1f}{f'{other:.1f}' if other else '-':>10}{verdict}")
    return kept


def _best(ours: Side, theirs: Side, rounds: int, calls: int) -> tuple[float, float | None]:
    """The best of several rounds, in turns. None for moto where its answer differs or it fails."""
    try:
        agrees = bool(theirs()) == bool(ours())
    except Exception:  # an operator or a shape that it does not know
        agrees = False
    mine, other = float("inf"), float("inf")
    for _ in range(rounds):
        mine = min(mine, timeit.timeit(ours, number=calls) / calls)
        if agrees:
            other = min(other, timeit.timeit(theirs, number=calls) / calls)
    return 1e6 * mine, 1e6 * other if agrees else None


def main() -> int:
    """Measure and print. The exit status says whether the limit holds."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    return 0 if compare(*((3, 1_000) if given.quick else (15, 10_000))) else 1


if __name__ == "__main__":
    sys.exit(main())
