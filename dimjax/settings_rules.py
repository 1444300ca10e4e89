"""Rules for the values of settings, and the function that checks them.

    RULES = {"frames": at_least(4), "noise_px": ABOVE_ZERO, "exposure": SHARE}
    check_fields("sky setting `{}`", settings._asdict(), RULES)

A rule that depends on another setting is made once that setting is known:

    rules = RULES | {"confirm_frames": between(settings.confirm_hits, 62)}
"""

from collections.abc import Callable, Mapping
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


ABOVE_ZERO = Rule(lambda value: value > 0, "above 0")
SHARE = between(0, 1)


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
        if not rule.holds(value):
            value = repr(value) if isinstance(value, str) else value
            raise InputError(subject.format(name), f"must be {rule.text}", value, remedy)
