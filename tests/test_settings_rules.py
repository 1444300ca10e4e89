"""Rules for the values of settings."""

import pytest

from dimjax.errors import InputError
from dimjax.settings_rules import ABOVE_ZERO, SHARE, at_least, between, check_fields


@pytest.mark.parametrize(
    ("rule", "valid", "invalid"),
    [
        (at_least(4), [4, 5.5], [3.999, -4]),
        (between(2, 62), [2, 62], [1, 63]),
        (ABOVE_ZERO, [1e-9], [0, -1.0]),
        (SHARE, [0, 0.5, 1], [-0.1, 1.1]),
    ],
)
def test_limits_of_rules(rule, valid, invalid):
    assert all(map(rule.holds, valid)) and not any(map(rule.holds, [*invalid, float("nan")]))


def test_the_first_broken_rule_is_reported():
    rules = {"a": at_least(1), "b": SHARE, "c": ABOVE_ZERO}
    check_fields("key `{}`", {"a": 1, "b": 0.5, "c": 2, "d": -1}, rules)
    text = "key `b`: must be between 0 and 1; found 7. Lower it."
    with pytest.raises(InputError) as caught:
        check_fields("key `{}`", {"c": 0, "b": 7, "a": 1}, rules, "Lower it.")
    assert str(caught.value) == text


@pytest.mark.parametrize("value", ["many", None, [1]])
def test_a_value_of_another_type_breaks_a_rule(value):
    with pytest.raises(InputError, match="key a: must be above 0; found "):
        check_fields("key {}", {"a": value}, {"a": ABOVE_ZERO})
