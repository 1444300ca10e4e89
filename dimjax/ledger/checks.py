"""Strict checks of single values, which return them in Python's own types.

    as_int("request", "item", np.int64(3))          # 3
    as_choice("request", "verb", "move", VERBS)     # "move"
    as_float("request", "x", "3")                   # InputError: request: x must be a finite number

Each takes the subject of an error and the name of the value.
"""

import contextlib
import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from dimjax.errors import InputError

_MAX_INT = 2**53  # floats, and JavaScript, are exact up to here
_REMEDY = "Correct it."


def as_int(subject: str, name: str, value: Any) -> int:
    """Return an integer from 0 to 2^53."""
    is_int = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_int or not 0 <= value <= _MAX_INT:
        rule = f"{name} must be a non-negative integer"
        raise InputError(subject, rule, repr(value), _REMEDY)
    return int(value)


def as_float(subject: str, name: str, value: Any) -> float:
    """Return a finite number."""
    converted = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # an integer may be larger than any float
            converted = float(value)
    if not math.isfinite(converted):
        raise InputError(subject, f"{name} must be a finite number", repr(value), _REMEDY)
    return converted


def as_probability(subject: str, name: str, value: Any) -> float:
    """Return a number in 0..1."""
    probability = as_float(subject, name, value)
    if not 0 <= probability <= 1:
        raise InputError(subject, f"{name} must lie in 0..1", probability, _REMEDY)
    return probability


def as_text(subject: str, name: str, value: Any) -> str:
    """Return a line of printable text."""
    if not isinstance(value, str) or not value.isprintable():
        rule = f"{name} must be a line of printable text"
        raise InputError(subject, rule, repr(value), _REMEDY)
    return str(value)


def as_name(subject: str, name: str, value: Any) -> str:
    """Return a line of printable text that is not blank."""
    if not as_text(subject, name, value).strip():
        raise InputError(subject, f"{name} must not be empty", repr(value), "Give one.")
    return str(value)


def as_choice(subject: str, name: str, value: Any, choices: Sequence[str]) -> str:
    """Return one of the choices."""
    if not isinstance(value, str) or value not in choices:
        rule = f"{name} must be one of {', '.join(choices)}"
        raise InputError(subject, rule, repr(value), _REMEDY)
    return str(value)
