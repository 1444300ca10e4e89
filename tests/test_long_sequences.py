"""Linking of long, crowded sequences: the same as in parts, in little memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from dimjax.tracks import APPEARANCE, CategoryModel, LinkingConfig
from dimjax.tracks.arrays import density_around, to_arrays
from dimjax.tracks.categories import categorise
from dimjax.tracks.named_numbers import NUMBERS

FRAMES, PER_FRAME = 600, 100
MODEL = CategoryModel({name: [0.5, 1.0, 0.1] for name in NUMBERS}, 0.2, 0.5)
JUDGING = LinkingConfig(categories=(MODEL, MODEL))


@pytest.fixture(scope="module")
def table():
    """Detections of noise; those at one place in a row of four frames are a track."""
    rng, count = np.random.default_rng(0), FRAMES * PER_FRAME
    values = {name: rng.uniform(0.5, 2, count) for name in ("w", "h", *APPEARANCE)}
    return pd.DataFrame(values).assign(
        frame=np.repeat(np.arange(FRAMES), PER_FRAME),
        x=rng.uniform(0, 128, count),
        y=rng.uniform(0, 96, count),
        score=rng.uniform(0.1, 0.9, count),
        category=rng.choice(["target", "interference"], count),
    )


@pytest.fixture(scope="module")
def track(table):
    """A track of every tenth detection of a frame, over four frames; -1 for the others."""
    number = np.tile(np.arange(PER_FRAME), FRAMES)
    of_four = table.frame.to_numpy() // 4 * (PER_FRAME // 10) + number // 10
    return np.where(number % 10 == 0, of_four, -1)


def peak_mb(call, *arguments):
    tracemalloc.start()
    try:
        call(*arguments)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("causal", [False, True])
def test_the_density_counts_all_neighbours_of_a_long_sequence(table, track, causal):
    table, track = table[:6000], track[:6000]  # searched in two parts
    arrays = to_arrays(table, np.ones(6000, bool), None)
    position = np.column_stack([arrays.xy, 6.0 * arrays.frame])
    counted = np.zeros(6000)
    for k, at in enumerate(position):
        near = ((position - at) ** 2).sum(axis=1) <= 900
        near &= ((track != track[k]) | (track[k] < 0)) & (arrays.score >= arrays.score[k])
        near &= (arrays.frame <= arrays.frame[k]) | (not causal)
        counted[k] = np.count_nonzero(near) - (track[k] < 0)  # it does not count itself
    volume = 4 / 3 * np.pi * 30**2 * 5 / (1 + causal)
    expected = np.maximum(arrays.density, counted / volume)
    np.testing.assert_array_equal(density_around(arrays, track, causal), expected)


def test_categories_of_a_long_sequence_are_those_of_its_tracks(table, track):
    judged = categorise(table, table[["x", "y"]].to_numpy(), track, JUDGING)
    for one in (0, 1400):
        some = np.flatnonzero(track == one)
        alone = categorise(
            table.iloc[some], table[["x", "y"]].to_numpy()[some], track[some] * 0, JUDGING
        )
        np.testing.assert_allclose(judged.probability[some], alone.probability, rtol=1e-9)
        assert judged.reason[some].tolist() == alone.reason.tolist()


def test_the_memory_of_linking_hardly_grows_with_the_sequence(table, track):
    arrays, xy = to_arrays(table, np.ones(len(table), bool), None), table[["x", "y"]].to_numpy()
    assert peak_mb(density_around, arrays, track) < 80  # 250 if all pairs were held
    assert peak_mb(categorise, table, xy, track, JUDGING) < 100  # 127 if all were judged at once
