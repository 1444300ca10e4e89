"""Rules for the values of settings, and the function that checks them.

    RULES = {"frames": at_least(4), "noise_px": ABOVE_ZERO, "exposure": SHARE}
    check_fields("sky setting `{}`", settings._asdict(), RULES)

A rule that depends on another setting is made once that setting is known:

    rules = RULES | {"confirm_frames": between(settings.confirm_hits, 62)}
"""

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

from dimjax.errors import InputError


class Rule(NamedTuple):
    """A condition on a value, and its wording."""

    holds: Callable[[Any], bool]
    text: str  # completes "must be"


def at_least(limit: float) -> Rule:
    """Accept values of `limit` or more."""
    return Rule(lambda value: value >= limit, f"{limit} or more")


def between(low: float, high: float) -> Rule:
    """Accept values from `low` to `high`, both included."""
    return Rule(lambda value: low <= value <= high, f"between {low} and {high}")


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_finite, value))


ABOVE_ZERO = Rule(lambda value: value > 0, "above 0")
SHARE = between(0, 1)
INTEGER = Rule(
    lambda value: isinstance(value, Integral) and not isinstance(value, bool), "a whole number"
)
NUMBER = Rule(_is_finite, "a finite number")
NUMBER_PAIR = Rule(_is_pair, "two finite numbers (low, high)")
TEXT = Rule(lambda value: isinstance(value, str), "a text")
SWITCH = Rule(lambda value: isinstance(value, bool), "True or False")


def same_type(default: Any) -> Rule:
    """Accept values of the type of a default; a float may be any finite number."""
    rules = {bool: SWITCH, int: INTEGER, float: NUMBER, tuple: NUMBER_PAIR, str: TEXT}
    return rules[type(default)]


def optional(rule: Rule) -> Rule:
    """Accept None beside the values that a rule accepts."""
    return Rule(lambda value: value is None or rule.holds(value), f"None, or {rule.text}")


def check_fields(
    subject: str,
    values: Mapping[str, Any],
    rules: Mapping[str, Rule],
    remedy: str = "Correct the setting.",
) -> None:
    """Check values against the rules of their names.

    Args:
      subject: Format of the subject of an error; {} stands for the name of a value.
      values: Name -> value; a value without a rule is not checked.
      rules: Name -> rule, in the order in which they are checked.
      remedy: Last sentence of an error.

    Raises:
      InputError: A value breaks its rule; the first one is reported.
    """
    for name, rule in rules.items():
        value = values[name]
        if not _holds(rule, value):
            value = repr(value) if isinstance(value, str) else value
            raise InputError(subject.format(name), f"must be {rule.text}", value, remedy)


def _holds(rule: Rule, value: Any) -> bool:
    try:
        return rule.holds(value)
    except TypeError:  # a text or None in place of a number, from Python
        return False
