"""Event patterns: which events a rule, a subscription, an event source mapping or a pipe takes.

    from labkit.sandbox.patterns import Pattern, InvalidPattern

    pattern = Pattern.parse('{"detail": {"state": ["running"]}}', dialect="eventbridge")
    pattern.matches(event)      # True or False
    pattern.explain(event)      # sentences that say which field did not match, and why

Simulated here: the complete documented language of the five dialects (`dialects.py` is the table):
exact values, null and "", prefix, suffix, equals-ignore-case, wildcard, anything-but in all forms,
numeric, cidr, exists, $or; arrays and arrays of objects; dots in names; the limits; refusals in the
words of the service, with line and column.

Differs on AWS: how many wildcards are too many is not documented, `wildcards.py` says what is assumed.
Lambda and SNS may take more operators than they document; here they do not. Text behind the closing
brace is refused, where AWS may not read that far; so is a pattern nested deeper than 100 levels.

Not simulated: that a changed SNS policy takes up to 15 minutes to be in force.
"""

from labkit.sandbox.patterns.dialects import DIALECTS, Dialect
from labkit.sandbox.patterns.errors import InvalidPattern
from labkit.sandbox.patterns.pattern import Pattern

__all__ = ["DIALECTS", "Dialect", "InvalidPattern", "Pattern"]
