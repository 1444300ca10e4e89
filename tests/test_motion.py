"""The motion evidence against a slow reference, and on cases worked out by hand."""

from functools import partial

import jax
import numpy as np
import pytest

from dimjax.data.scale import Scale
from dimjax.data.sequences import as_sequence
from dimjax.motion import EvidenceConfig, evidence_of, window_evidence, window_of
from dimjax.motion.background import still_residuals
from dimjax.motion.bank import extremes, path_groups, path_shifts, quantize
from dimjax.motion.filtering import (
    filter_frame,
    gaussian_taps,
    local_contrast,
    local_rms,
    residuals,
)

FIVE = EvidenceConfig(frames=5, reference="first", speed_px=2.0, path_step_px=2.0)


def slow_extremes(steps, shifts):
    """Compute the largest and smallest sum over paths pixel by pixel, 0 outside the frame."""
    frames, height, width = steps.shape
    largest, smallest = np.zeros((2, height, width), int)
    for y in range(height):
        for x in range(width):
            for path in shifts:
                total = 0
                for k in range(frames):
                    column, row = x + path[k, 0], y + path[k, 1]
                    if 0 <= column < width and 0 <= row < height:
                        total += int(steps[k, row, column])
                largest[y, x] = max(largest[y, x], total)
                smallest[y, x] = min(smallest[y, x], total)
    return largest, smallest


def bank(steps, shifts, **options):
    reach = int(np.abs(shifts).max())
    return map(np.asarray, extremes(steps, path_groups(shifts, reach), reach, **options))


@pytest.mark.parametrize("times", [(0, 1, 2, 3), (-2, -1, 0, 1), (-6, -4, -2, 0)])
@pytest.mark.parametrize("tile_rows", [0, 4])
def test_the_bank_equals_the_slow_sums(times, tile_rows):
    settings = EvidenceConfig(frames=4, speed_px=2.7, path_step_px=1.3)
    shifts = path_shifts(np.array(times), settings)
    shifts = shifts[: len(shifts) // 3]  # all paths together are symmetric
    steps = np.random.default_rng(1).integers(-31, 32, (4, 11, 14)).astype(np.int8)
    largest, smallest = bank(steps, shifts, tile_rows=tile_rows)
    slow = slow_extremes(steps, shifts)
    np.testing.assert_array_equal(largest, slow[0])
    np.testing.assert_array_equal(smallest, slow[1])


def moving_point(start, velocity, value, shape=(5, 12, 20)):
    """Zeros [K, H, W] except for a point that moves in a straight line and may leave the frame."""
    steps = np.zeros(shape, np.int8)
    for k in range(shape[0]):
        column, row = (p + int(np.rint(k * v)) for p, v in zip(start, velocity, strict=True))
        if 0 <= column < shape[2] and 0 <= row < shape[1]:
            steps[k, row, column] = value
    return steps


@pytest.mark.parametrize("velocity", [(2, 0), (-1.5, 1), (0.5, -0.5)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_sum_of_a_moving_point_peaks_at_its_position_in_the_reference_frame(velocity, sign):
    maps = bank(moving_point((9, 5), velocity, 10 * sign), path_shifts(np.arange(5), FIVE))
    bright, dark = maps if sign > 0 else (-m for m in reversed(list(maps)))
    assert bright[5, 9] == bright.max() == 50
    assert np.count_nonzero(bright == 50) == 1
    assert dark.max() == dark.min() == 0


def test_a_point_that_leaves_the_frame_is_summed_while_it_is_inside():
    largest, _ = bank(moving_point((16, 5), (2, 0), 10), path_shifts(np.arange(5), FIVE))
    assert largest[5, 16] == largest.max() == 20  # columns 16 and 18; 20 is outside


def test_paths_are_rounded_to_the_nearest_pixel_in_both_directions():
    settings = EvidenceConfig(frames=4, speed_px=0.75, path_step_px=2.25)  # velocities of 0.75
    shifts = path_shifts(np.arange(4), settings)
    assert [[0, 0], [1, 0], [2, 0], [2, 0]] in shifts.tolist()  # 0, 0.75, 1.5, 2.25
    assert [[0, 0], [0, -1], [0, -2], [0, -2]] in shifts.tolist()
    assert len(shifts) == 4  # right, left, down, up; diagonal ones are too fast


def test_the_speed_of_paths_is_limited():
    shifts = path_shifts(np.arange(8) - 4, EvidenceConfig())
    speed = np.hypot(*(shifts[:, 0] / -4).T)
    assert len(shifts) == 496
    assert speed.max() <= 6.3 and speed.min() >= 0.3


def test_the_filter_keeps_the_sigma_of_noise_and_ignores_the_level():
    noise = 100 + 5 * np.random.default_rng(0).standard_normal((400, 300))
    filtered = np.asarray(filter_frame(noise, 100.0, 5.0, 1.0))
    assert filtered[8:-8, 8:-8].std() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(filter_frame(np.full((9, 13), 100), 100.0, 5.0, 1.0), 0, atol=1e-5)


def test_the_filter_is_centred_and_collects_a_point():
    frame = np.full((12, 20), 50.0)
    frame[4, 15] += 30
    filtered = np.asarray(filter_frame(frame, 50.0, 3.0, 1.0))
    taps = gaussian_taps(1.0)
    assert np.unravel_index(filtered.argmax(), filtered.shape) == (4, 15)
    assert filtered[4, 15] == pytest.approx(10 * taps[4] ** 2, rel=1e-5)
    assert filtered[0, 19] == pytest.approx(10 * taps[0] ** 2, rel=1e-4)


def slow_displacements(limited, gradients):
    """Fit x, y and constant [3, R, C] of one frame by least squares, box by box."""
    height, width = limited.shape
    fits = np.zeros((3, -(-height // 8), -(-width // 8)))
    for row in range(fits.shape[1]):
        for column in range(fits.shape[2]):
            part = np.s_[
                max(0, 8 * row - 8) : 8 * row + 16, max(0, 8 * column - 8) : 8 * column + 16
            ]
            values, x, y = (v[part][::2].ravel() for v in (limited, *gradients))
            centred = np.stack([x - x.mean(), y - y.mean()])
            normal = centred @ centred.T / len(values) + 0.1 * np.eye(2)
            a, b = np.linalg.solve(normal, centred @ values / len(values))
            fits[:, row, column] = a, b, values.mean() - a * x.mean() - b * y.mean()
    return fits


def interpolated(blocks, shape):
    """Interpolate blocks of 8 px linearly between their centres, constant beyond them."""
    for axis, size in enumerate(shape):
        centres = 8 * np.arange(blocks.shape[axis]) + 4
        blocks = np.apply_along_axis(
            partial(np.interp, np.arange(size) + 0.5, centres), axis, blocks
        )
    return blocks


def slow_still_residuals(filtered):
    aligned = filtered
    for _ in range(2):
        still = np.sort(aligned, axis=0)[1:-1].mean(axis=0)
        padded = np.pad(still, 1, mode="edge")
        gradients = (
            (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2,
            (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2,
        )
        residual = aligned - still
        for one in residual:
            fits = slow_displacements(np.clip(one, -6, 6), gradients)
            x, y, constant = (interpolated(fit, one.shape) for fit in fits)
            one -= x * gradients[0] + y * gradients[1] + constant
        aligned = still + residual
    return residual


def test_still_residuals_equal_the_slow_ones():
    filtered = np.random.default_rng(2).normal(0, 1, (6, 43, 38))
    filtered += 9 * np.sin(np.arange(38) / 3 + 0.1 * np.arange(6)[:, None, None])
    slow = slow_still_residuals(filtered)
    np.testing.assert_allclose(jax.jit(still_residuals)(filtered), slow, rtol=1e-3, atol=1e-4)


def clouds(shift):
    """A sharp edge 60 sigmas high, blurred by the optics, at column 24.3 + shift [48, 64]."""
    return 30 * np.tanh((np.arange(64) - 24.3 - shift) / 1.5) * np.ones((48, 1))


def test_the_motion_of_clouds_is_subtracted():
    shifts = np.random.default_rng(3).normal(0, 0.1, 8)
    filtered = np.stack([clouds(shift) for shift in shifts])
    assert np.abs(filtered - filtered.mean(axis=0)).max() > 4
    assert np.abs(jax.jit(still_residuals)(filtered)).max() < 0.6


def slow_local_rms(values):
    """Compute the RMS over a box of 25 px around the block of 5 px of each pixel."""
    rms = np.zeros_like(values)
    for y in range(values.shape[1]):
        for x in range(values.shape[2]):
            top, left = 5 * (y // 5 - 2), 5 * (x // 5 - 2)
            part = values[:, max(0, top) : top + 25, max(0, left) : left + 25]
            rms[:, y, x] = np.sqrt((np.clip(part, -6, 6) ** 2).mean(axis=(1, 2)))
    return rms


def test_the_local_rms_equals_the_slow_one():
    values = np.random.default_rng(2).normal(0, 2, (3, 43, 38))
    values[2, :20, :20] *= 4
    np.testing.assert_allclose(local_rms(values, 25), slow_local_rms(values), rtol=1e-4)


def test_a_bright_point_leaves_no_dark_trail():
    filtered = np.zeros((8, 30, 40))
    filtered[3, 15, 15] = 100
    values = np.asarray(jax.jit(residuals, static_argnums=1)(filtered, 25))
    assert values.min() > -0.1 and values[3, 15, 15] > 10


def test_residuals_of_noise_have_unit_variance():
    filtered = np.random.default_rng(5).normal(0, 1, (8, 120, 160))
    assert np.asarray(jax.jit(residuals, static_argnums=1)(filtered, 25)).std() == pytest.approx(
        1, abs=0.04
    )


def test_the_sum_of_quantized_residuals_fits_into_its_integers():
    for frames, dtype, largest in ((8, np.int8, 15), (5, np.int8, 25), (16, np.int16, 2047)):
        steps = np.asarray(quantize(np.full((frames, 1, 1), 99.0), 4.5))
        assert steps.dtype == dtype and steps.max() == largest
        assert frames * largest <= np.iinfo(dtype).max


def sky(length=11, height=48, width=72, seed=0):
    """Noise of sigma 4 and a moving target of SNR 4 that starts at column 20, row 30."""
    frames = np.random.default_rng(seed).normal(1000, 4, (length, height, width))
    rows, columns = np.mgrid[:height, :width]
    for t in range(length):
        squared = (columns - 20 - 2.5 * t) ** 2 + (rows - 30 + 1.5 * t) ** 2
        frames[t] += 16 * np.exp(-squared / 2)
    return np.rint(frames).astype(np.uint16)


def test_evidence_of_a_sequence_peaks_at_the_target_in_all_its_frames():
    settings = EvidenceConfig(frames=6, speed_px=3.5)
    for t, evidence in enumerate(evidence_of(as_sequence(sky()), Scale(1000, 4), settings)):
        bright = np.asarray(evidence[..., 0])
        row, column = np.unravel_index(bright.argmax(), bright.shape)
        assert abs(row - (30 - 1.5 * t)) <= 1 and abs(column - (20 + 2.5 * t)) <= 1
        assert bright[row, column] > 8 and np.asarray(evidence[..., 1]).max() < 6
    assert t == 10


def test_a_second_band_shows_targets_that_hardly_move():
    frames = np.random.default_rng(0).normal(1000, 4, (24, 40, 48))
    rows, columns = np.mgrid[:40, :48]
    for t in range(24):
        frames[t] += 24 * np.exp(-((columns - 18 - 0.3 * t) ** 2 + (rows - 20) ** 2) / 2)
    sequence = as_sequence(np.rint(frames).astype(np.uint16))
    settings = EvidenceConfig(speed_px=2.0, slow_stride=3)
    (both,) = evidence_of(sequence, Scale(1000, 4), settings, [12])
    (main,) = evidence_of(sequence, Scale(1000, 4), settings._replace(slow_stride=0), [12])
    assert both.shape == (40, 48, 6) and main.shape == (40, 48, 4)
    np.testing.assert_array_equal(both[..., :4], main)
    slow = np.asarray(both[..., 4])
    row, column = np.unravel_index(slow.argmax(), slow.shape)
    assert abs(row - 20) <= 1 and abs(column - 21.6) <= 1
    assert slow.max() > 10 > 8 > np.asarray(main[18:23, 18:26, 0]).max()


def test_the_local_contrast_is_that_of_the_pixels_around():
    frame = np.full((9, 12), 1000, np.uint16)
    frame[4, 5], frame[0, 11] = 1050, 1025
    contrast = np.asarray(local_contrast(frame, 900.0, 5.0))
    assert contrast[4, 5] == pytest.approx(10 * 24 / 25) and contrast[2, 3] == pytest.approx(-0.4)
    # Outside, the border is repeated: in the corner pixel's box it counts nine times.
    assert contrast[0, 11] == pytest.approx(5 * 16 / 25)
    assert contrast[8, 0] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("slow_stride", [0, 3])
@pytest.mark.parametrize("reference", ["first", "middle", "last"])
def test_a_sequence_and_a_batch_of_windows_give_the_same_maps(reference, slow_stride):
    settings = EvidenceConfig(
        frames=3, stride=2, speed_px=2.0, reference=reference, slow_stride=slow_stride
    )
    frames = sky(9, 33, 41)
    maps = list(evidence_of(as_sequence(frames), Scale(1000, 4), settings))
    for t, evidence in enumerate(maps):
        window = window_of(t, 9, settings)
        scale = np.array([1000.0]), np.array([4.0])
        batch = window_evidence(frames[None, window.frames], *scale, window, settings)
        np.testing.assert_allclose(evidence, batch[0], rtol=1e-4, atol=1e-4)


def test_each_frame_is_read_once():
    sequence, read = as_sequence(sky(12)), []
    counted = sequence.__class__(
        **{**vars(sequence), "read": lambda t: read.append(t) or sequence.read(t)}
    )
    for _ in evidence_of(counted, Scale(1000, 4), FIVE):
        pass
    assert sorted(read) == list(range(12))
