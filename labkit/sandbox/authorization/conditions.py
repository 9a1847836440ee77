"""The Condition element of a statement.

Several operators, and several keys of one operator, must all hold. Of several values of a key one must match; of a
negated operator, none. A key that the request lacks: a plain operator fails, a negated one holds, `...IfExists`
holds, ForAllValues holds, ForAnyValue fails, Null says whether it is so.

Sources, under https://docs.aws.amazon.com/IAM/latest/UserGuide/ :
reference_policies_condition-logic-multiple-context-keys-or-values.html (AND, OR, NOR),
reference_policies_condition-single-vs-multi-valued-context-keys.html (set operators, missing keys),
reference_policies_elements_condition_operators.html (IfExists, Null).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from labkit.errors import nearest
from labkit.sandbox.authorization.context import Context, Value
from labkit.sandbox.authorization.operators import OPERATORS, Operator
from labkit.sandbox.authorization.variables import names_in, resolve

Quantifier = Literal["", "ForAllValues", "ForAnyValue"]
_IF_EXISTS: Final = "IfExists"
_SHOWN: Final = 120
"""How many characters of a value a sentence shows."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator with one key and its values, as a policy writes them."""

    written: str
    operator: Operator
    quantifier: Quantifier
    if_exists: bool
    key: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, written: str, key: str, values: tuple[str, ...]) -> Condition:
        """Take an operator such as `ForAnyValue:StringLikeIfExists` apart. Raises `ValueError` with a hint."""
        quantifier, _, rest = written.rpartition(":")
        if quantifier not in ("", "ForAllValues", "ForAnyValue"):
            raise ValueError(f'"{quantifier}" is no set operator: write ForAllValues or ForAnyValue.')
        bare = rest.removesuffix(_IF_EXISTS)
        operator = OPERATORS.get(bare)
        if operator is None or (operator.name == "Null" and bare != rest):
            near = nearest(bare, OPERATORS, most=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f'No condition operator is named "{rest}".{hint}')
        return cls(written, operator, quantifier, bare != rest, key, values)  # type: ignore[arg-type]  # checked

    def holds(self, context: Context, variables: bool = True) -> bool:
        """Whether the request fits. `variables` is false for policies of version 2008-10-17."""
        value = context.get(self.key)
        if self.operator.name == "Null":
            return self._null(value)
        if value is None or (value.empty and self._is_null_set(value)):
            return self._without_value()
        if not self.quantifier and len(value.texts) != 1:
            return False  # AWS wants a set operator here and says nothing about what happens without
        wanted = [resolve(text, context, variables and self.operator.variables) for text in self.values]
        if self.operator.negated and None in wanted:
            return False  # a variable without a value makes the statement one that does not apply
        results = (
            any(one is not None and self.operator.compare(one, seen) for one in wanted)
            is not self.operator.negated
            for seen in value.texts
        )
        return all(results) if self.quantifier == "ForAllValues" else any(results)

    def _is_null_set(self, value: Value) -> bool:
        """An empty list is like no key at all. An empty text is so for set operators only."""
        return not value.texts or bool(self.quantifier)

    def _without_value(self) -> bool:
        if self.if_exists or self.quantifier == "ForAllValues":
            return True
        return self.operator.negated and self.quantifier == ""

    def _null(self, value: Value | None) -> bool:
        absent = "true" if value is None or not value.texts else "false"
        return any(said.lower() == absent for said in self.values)

    def needed_keys(self, variables: bool = True) -> Iterator[str]:
        """The condition keys that are needed to judge it."""
        yield self.key
        if variables and self.operator.variables:
            for value in self.values:
                yield from names_in(value)

    def explained(self, context: Context) -> str:
        """What it asks for and what the request has, as the end of a sentence."""
        wants = " or ".join(map(_shown, self.values)) or "nothing"
        value = context.get(self.key)
        has = "no such key" if value is None else (", ".join(map(_shown, value.texts)) or "an empty list")
        return f"its condition {self.written} on {self.key} names {wants}, and the request has {has}"


def _shown(text: str) -> str:
    return f'"{text[:_SHOWN]}..."' if len(text) > _SHOWN else f'"{text}"'
