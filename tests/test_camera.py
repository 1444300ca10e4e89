"""Motion of the camera: measured from frames, and taken out of clips."""

import numpy as np
from scipy import ndimage

from dimjax.data.camera import camera_shifts
from dimjax.data.sequences import as_sequence


def test_camera_shifts_of_clouds_behind_a_fixed_pattern():
    rng = np.random.default_rng(0)
    clouds = 4000 * ndimage.gaussian_filter(rng.normal(size=(300, 340)), 4.0)
    truth = np.cumsum(np.vstack([np.zeros(2), rng.uniform(-1.5, 1.5, (5, 2))]), axis=0)
    pattern, ramp = rng.normal(0, 4, (200, 240)), np.linspace(0, 900, 240)
    frames = []
    for x, y in truth:
        scene = ndimage.shift(clouds, (y, x), order=3, mode="nearest")[50:250, 50:290]
        frames.append(scene + pattern + ramp + rng.normal(0, 5, pattern.shape) + 2000)
    sequence = as_sequence(np.rint(frames).astype(np.uint16))
    shifts = camera_shifts(sequence, progress=list)
    assert shifts.shape == (6, 2) and shifts[0].tolist() == [0, 0]
    np.testing.assert_allclose(shifts, truth, atol=0.15)


def test_camera_shifts_of_a_clear_sky_are_zero():
    noise = np.random.default_rng(0).normal(1000, 10, (3, 64, 80))
    assert (camera_shifts(as_sequence(noise.astype(np.uint16))) == 0).all()
    assert camera_shifts(as_sequence(np.zeros((1, 8, 9), np.uint8))).tolist() == [[0, 0]]
