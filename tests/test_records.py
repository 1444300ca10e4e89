"""The JSON files of a round, as a person may have changed them."""

import json

import pytest

from dimjax.errors import InputError
from dimjax.runs import records
from dimjax.runs.workdir import Paths

REVIEW = {"items": 4, "decided": 3, "worth_it": 2, "labels_changed": 1}


@pytest.mark.parametrize(
    ("read", "name", "text", "rule"),
    [
        (records.read_evaluation, "evaluation", "{,}", "it must contain an object of JSON"),
        (records.read_evaluation, "evaluation", "\ufeff{}", "it must contain an object of JSON"),
        (records.read_evaluation, "evaluation", "[]", "it must contain an object of JSON"),
        (records.read_evaluation, "evaluation", "{}", "frames must be an object; found nothing"),
        (records.read_evaluation, "evaluation", '{"frames": NaN}', "frames must be an object; fo"),
        (records.read_review, "reviewed", '{"items": [4]}', r"items must be a whole .* \[4\]"),
        (records.read_review, "reviewed", '{"items": 4}', "decided must be a whole number; found"),
        (records.read_seconds_per_frame, "speed", "null", "it must contain an object of JSON"),
        (records.read_seconds_per_frame, "speed", "{}", "seconds_per_frame must be None, or a f"),
    ],
)
def test_a_damaged_record_is_named(tmp_path, read, name, text, rule):
    file = getattr(Paths(tmp_path), name)
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"{file}: {rule}"):
        read(Paths(tmp_path))


def test_records_may_hold_more_than_is_read(tmp_path):
    paths = Paths(tmp_path)
    paths.round.mkdir(parents=True)
    paths.reviewed.write_text(json.dumps(REVIEW | {"note": "x"}))
    assert records.read_review(paths) == REVIEW | {"note": "x"}
    paths.speed.write_text('{"note": 1, "seconds_per_frame": 0.5}')
    assert records.read_seconds_per_frame(paths) == 0.5
