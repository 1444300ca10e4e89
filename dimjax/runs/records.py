"""The records of a run that a report reads: JSON files, which a person may have changed.

read_evaluation(paths)["frames"]
read_review(paths)["decided"]
read_seconds_per_frame(paths)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dimjax.atomic_files import read_record
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths
from dimjax.settings_rules import INTEGER, NUMBER, Rule, optional

_OBJECT = Rule(lambda value: isinstance(value, dict), "an object")
_LIST = Rule(lambda value: isinstance(value, list), "a list")
_COUNTS = ("items", "decided", "worth_it", "labels_changed")


def read_evaluation(paths: Paths) -> dict[str, Any]:
    """Read the figures of a round, see dimjax.evaluation.figures.

    Raises:
      InputError: The file is damaged.
    """
    return _read(paths.evaluation, {"frames": _OBJECT, "sequences": _LIST})


def read_review(paths: Paths) -> dict[str, Any]:
    """Read the counts of the decisions of a round.

    Raises:
      InputError: The file is damaged.
    """
    return _read(paths.reviewed, dict.fromkeys(_COUNTS, INTEGER))


def read_seconds_per_frame(paths: Paths) -> float | None:
    """Read the time in which a frame is read and searched; None if it was not measured.

    Raises:
      InputError: The file is damaged.
    """
    name = "seconds_per_frame"
    return _read(paths.speed, {name: optional(NUMBER)})[name]


def _read(path: Path, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Read an object whose values follow the rules of their names."""
    remedy = "Restore the file."
    record = read_record(path)
    if not isinstance(record, dict):
        raise InputError(path, "it must contain an object of JSON", "something else", remedy)
    for name, rule in rules.items():
        if name not in record or not rule.holds(record[name]):
            raise InputError(
                path, f"{name} must be {rule.text}", record.get(name, "nothing"), remedy
            )
    return record
