"""experiments/added_noise.py: the noise, and the figures of a tiny run."""

import added_noise
import numpy as np

import dimjax
from dimjax.data.sequences import as_sequence


def test_the_noise_has_its_sigma_and_repeats_with_its_seed():
    frames = np.full((4, 100, 100), 200, np.uint8)
    frames[3] = 255
    noisy = added_noise.with_noise(as_sequence(frames), 3.0, seed=7)
    values = noisy.frame(1).astype(float)
    assert abs(values.mean() - 200) < 0.1 and abs(values.std() - 3.0) < 0.1
    np.testing.assert_array_equal(noisy.frame(1), noisy.frame(1))
    assert (noisy.frame(1) != noisy.frame(2)).mean() > 0.8
    assert (noisy.frame(3) == 255).mean() > 0.5  # clipped


def test_every_nth_frame_is_measured(tiny_run):
    run = dimjax.load(tiny_run)
    row = added_noise.measure(run, run.context.folder, ["test-0000"], 3, 1.0, seed=0)
    truth = run.context.folder.labels
    counted = truth[(truth.sequence == "test-0000") & (truth.frame % 3 == 0)]
    assert row["frames"] == 3 and row["truths"] <= len(counted)
    assert 0 <= row["f1"] <= row["best_f1"] <= 1
