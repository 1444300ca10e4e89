"""Labels that are right in a part of their frames only are named, whatever the first frame is."""

import numpy as np
import pandas as pd
import pytest

from dimjax.data.label_evidence import COLUMNS, PLACES
from dimjax.data.label_readings import better_readings, late_labels
from dimjax.data.layouts import DIMJAX

LENGTH = 40


def evidence(name="a1", strength=8.0, late=0.0, speed=3.0):
    """A label in each of 40 frames of an object that moves to the right; spots of 0.02 px noise."""
    noise = np.random.default_rng(len(name)).normal(0, 0.02, (2, LENGTH))
    table = pd.DataFrame({"sequence": name, "frame": np.arange(LENGTH)}, columns=COLUMNS)
    table[["x", "y", "w", "h"]] = 50.0, 40.0, 3.0, 3.0
    table[["vx", "vy", "ux", "uy"]] = speed, 0.0, -speed, 0.0
    table["dx"], table["dy"] = noise[0] + speed * np.broadcast_to(late, LENGTH), noise[1]
    table["strength"], table["objects"] = strength, 1
    table[[*PLACES, "before", "after"]] = 1.6
    return table


def after(frame, value, before):
    return np.where(np.arange(LENGTH) < frame, before, value)


def problems_of(*tables):
    return [str(problem) for problem in better_readings(pd.concat(tables), DIMJAX)]


@pytest.mark.parametrize(("late", "found"), [
    (after(16, -1.0, 0.0), "labels 0.0 frames early in the first third of the frames, and 1.0 in"),
    (after(16, 1.0, 0.0), "labels 0.0 frames late in the first third of the frames, and 1.0 in"),
    (after(24, 0.0, 1.0), "labels 1.0 frames late in the first third of the frames, and 0.0 in"),
])  # fmt: skip
def test_a_frame_that_is_lost_or_repeated_is_no_wrong_first_frame(late, found):
    (problem,) = problems_of(evidence(late=late))
    assert found in problem
    assert "Number the labels as the frames of the files" in problem
    assert "first_frame" not in problem and "Add 1" not in problem


def test_a_lag_that_is_wrong_throughout_may_be_one_of_positions():
    (problem,) = problems_of(evidence(late=np.linspace(1.2, -1.2, LENGTH)))
    assert "in the first third" in problem and "or the positions, unless" in problem


def test_labels_that_are_late_in_all_frames_have_a_wrong_first_frame():
    (problem,) = problems_of(evidence(late=1.0).query("frame > 0"))
    assert "Set data.layout.first_frame=1." in problem


def test_a_run_of_labels_on_nothing_behind_bright_ones_is_named():
    (problem,) = problems_of(evidence(strength=after(10, 1.5, 8.0)))
    assert "found 10 of 40 labels of a1 on bright objects, but spots of 1.5 sigmas" in problem
    assert "of frames 10 to 19, and of 1.6 at other places, alike in 1 of 1 sequences." in problem


@pytest.mark.parametrize("strength", [
    after(20, 3.0, 8.0), after(20, 1.5, 5.0), after(39, 8.0, 2.0),
    after(30, 1.5, after(4, 2.5, 8.0)),
])  # fmt: skip
def test_objects_that_fade_slowly_or_are_mostly_dim_are_no_problem(strength):
    assert not problems_of(evidence(strength=strength))


def test_one_sequence_of_several_with_such_a_run_is_a_note():
    tables = [evidence(name) for name in ("a1", "a2")] + [evidence("a3", after(20, 1.5, 8.0))]
    assert not problems_of(*tables)
    (note,) = late_labels(pd.concat(tables), DIMJAX)
    assert note.startswith("20 of 40 labels of a3 on bright objects, but spots of 1.5 sigmas at ")


def test_two_sequences_with_few_bright_labels_are_a_problem():
    tables = [evidence(name, after(4, 1.5, 8.0)) for name in ("a1", "a2")]
    (problem,) = problems_of(*tables)
    assert "found 4 of 40 labels of a1 on bright objects" in problem
    assert "alike in 2 of 2 sequences. Correct the numbers of the frames" in problem


def test_some_of_several_objects_at_a_time_may_be_dim():
    table = evidence(strength=after(10, 1.5, 8.0)).assign(objects=3)
    assert not problems_of(table) and not late_labels(table, DIMJAX)


def test_few_labels_or_none_at_other_places_are_no_doubt():
    table = evidence(strength=after(10, 1.5, 8.0))
    assert not problems_of(table.query("frame < 19"))
    assert not problems_of(table.assign(**dict.fromkeys(PLACES, np.nan)))
