import re

import numpy as np
import pytest
from conftest import ROOT

from dimjax.data.scale import measure, measure_scale
from dimjax.data.sequences import as_sequence, open_sequence
from dimjax.errors import InputError


def noise(sigma, shape=(20, 64, 80), seed=1):
    return np.random.default_rng(seed).normal(0, sigma, shape)


PLAIN = (1000 + noise(10) + np.linspace(0, 300, 80)).round().astype(np.uint16)


def scale_of(frames):
    return measure_scale(as_sequence(frames))


def letterboxed(rows):
    return np.pad(PLAIN, [(0, 0), (rows, rows), (0, 0)])


def round_field():
    y, x = np.mgrid[:64, :80]
    return np.where((x - 40) ** 2 + (y - 32) ** 2 < 36**2, PLAIN, 17).astype(np.uint16)


def with_frames(value, *numbers):
    frames = PLAIN.copy()
    frames[list(numbers)] = value
    return frames


def nearly_repeated():
    """Each frame three times, with a few changed pixels as after compression."""
    rng = np.random.default_rng(2)
    frames = np.repeat(PLAIN, 3, axis=0).astype(int)
    changed = rng.random(frames.shape) < 0.04
    return (frames + changed * rng.integers(-1, 2, frames.shape)).astype(np.uint16)


CHANGED = {
    "letterbox, 20 %": letterboxed(8),
    "letterbox, 50 %": letterboxed(32),
    "letterbox, 80 %": letterboxed(128),
    "round field": round_field(),
    "dead columns": np.where(np.arange(80) % 5 == 0, 7, PLAIN).astype(np.uint16),
    "twice": np.repeat(PLAIN, 2, axis=0),
    "three times": np.repeat(PLAIN, 3, axis=0),
    "9 Hz in 30 frames per second": np.repeat(PLAIN, [3, 3, 4, 3] * 5, axis=0),
    "one in five twice": PLAIN[np.arange(25) * 4 // 5],
    "three times, compressed": nearly_repeated(),
    "drift": (PLAIN + 7 * np.arange(20)[:, None, None]).astype(np.uint16),
    "closed shutter": with_frames(1600, 9, 10),
    "black frame": with_frames(0, 10),
    "white frames": with_frames(65535, 0, 1, 2),
}


@pytest.mark.parametrize("frames", CHANGED.values(), ids=CHANGED)
def test_the_scale_is_that_of_the_pixels_and_frames_that_change(frames):
    level, sigma = scale_of(PLAIN)
    assert sigma == pytest.approx(10, rel=0.03) and level == pytest.approx(1150, abs=6)
    assert scale_of(frames).noise_sigma == pytest.approx(sigma, rel=0.05)
    drift = 7 * 9.5 if frames is CHANGED["drift"] else 0
    assert scale_of(frames).level == pytest.approx(level + drift, abs=10)


@pytest.mark.parametrize("sigma", [0.5, 1.5, 25])
@pytest.mark.parametrize(("step", "first"), [(1, 3), (16, 0), (20, 1), (64, 1), (257, 0)])
def test_grey_levels_in_steps_have_the_noise_that_they_had_before(sigma, step, first):
    frames = (120 + noise(sigma) + np.linspace(0, 30, 80)).round().astype(np.uint16)
    narrow, wide = (measure(as_sequence(v)) for v in (frames, (frames * step + first)))
    assert (narrow.step, wide.step) == (1, step)
    assert wide.scale.noise_sigma == pytest.approx(step * narrow.scale.noise_sigma)
    assert wide.scale.level == step * narrow.scale.level + first
    assert narrow.scale.noise_sigma == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.12)


def test_limited_range_stretched_to_16_bit_has_rounded_steps():
    frames = (120 + noise(1.5)).round()
    stretched = (frames * 281.7).round().astype(np.uint16)
    assert measure(as_sequence(stretched)).step == 281
    expected = 281.7 * scale_of(frames.astype(np.uint8)).noise_sigma
    assert scale_of(stretched).noise_sigma == pytest.approx(expected, rel=0.02)  # 281 or 282


def test_noise_of_coarse_grey_levels_is_interpolated(tmp_path):
    # Half of the differences are 0, a quarter each +16 and -16: the median lies between them.
    pair = np.full((2, 8, 8), 101, np.uint16)
    pair[0, :4, ::2] += 16
    pair[1, :4, 1::2] += 16
    np.save(tmp_path / "s.npy", pair)
    _, noise_sigma = measure_scale(open_sequence(tmp_path / "s.npy"))
    assert noise_sigma == pytest.approx(16 * 1.4826 * 0.5 / np.sqrt(2))  # |0| covers 0 to 8


def test_noise_is_at_least_that_of_quantisation():
    frames = np.full((4, 20, 20), 7, np.uint8)
    frames[1::2, ::4, ::4] = 8  # one pixel in 16 flickers
    result = measure(as_sequence(frames))
    assert result.scale == (7, pytest.approx(12**-0.5))
    frames[1::2] = 7
    frames[1::2, 0, 0] = 8
    result = measure(as_sequence(frames))  # a moving object is not noise
    assert result.noiseless and result.scale.noise_sigma == pytest.approx(12**-0.5)


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.3])
def test_pixels_that_are_equal_by_chance_hardly_matter(sigma):
    phase = np.random.default_rng(5).uniform(0, 1, (64, 80))
    frames = (100 + phase + noise(sigma, (3, 64, 80))).round().astype(np.uint8)
    frames[0, ::7, ::5] += 1
    result = measure(as_sequence(frames))
    assert result.scale.noise_sigma == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.2)


@pytest.mark.parametrize(
    ("low", "high", "share"), [(0, 4000, 0), (1000, 4000, 0.52), (0, 995, 0.71), (985, 4000, 0)]
)
def test_levels_that_are_clipped_stand_out(low, high, share):
    """Noise that is clipped at its middle is half as large; clipped pixels flicker, not in runs."""
    noise = 1000 + np.random.default_rng(0).normal(0, 10, (12, 64, 80)).round()
    measured = measure(as_sequence(noise.clip(low, high).astype(np.uint16)))
    assert measured.clipped_share == pytest.approx(share, abs=0.02)
    assert (measured.scale.noise_sigma < 7) == (share > 0.5)
    few = np.random.default_rng(0).normal(0.2, 0.4, (12, 64, 80)).round().clip(0)  # not clipped
    assert not measure(as_sequence(few.astype(np.uint8))).clipped_share


def test_frames_in_memory_have_the_scale_of_their_sequence():
    frames = np.random.default_rng(0).normal(100, 5, (12, 64, 80)).astype(np.uint8)
    assert measure_scale(frames) == measure_scale(as_sequence(frames))
    with pytest.raises(InputError, match=r"must be an array \[T, H, W\].*; found the path 'a.mp4'"):
        measure_scale("a.mp4")
    with pytest.raises(InputError, match=r"must be an array \[T, H, W\].* Give frames of one size"):
        measure_scale([frames[0], frames[1, :9]])


def test_frozen_sequences_are_errors():
    for frames, found in ((PLAIN[:1], r"found 5 equal ones\."), (PLAIN[:1] * 0, "of grey level 0")):
        with pytest.raises(InputError, match=f"frames: its frames must differ; .*{found}"):
            scale_of(np.repeat(frames, 5, axis=0))
    with pytest.raises(InputError, match="frames: its pixels must differ; found all 7"):
        scale_of(np.full((1, 20, 20), 7, np.uint8))


@pytest.mark.parametrize("step", [1, 257])
def test_the_noise_of_a_still_image_is_that_of_its_second_differences(step):
    rows, columns = np.mgrid[:120, :160]
    scene = 60 + 0.3 * columns + 20 * np.sin(rows / 25)
    frame = (scene + noise(4.0, scene.shape)).round().astype(np.uint16) * step
    result = measure(as_sequence(frame[None]))
    assert result.scale.level == np.median(frame) and result.step == step
    assert result.scale.noise_sigma == pytest.approx(4 * step, rel=0.06)
    barred = np.pad(frame, [(60, 60), (0, 0)])  # black bars have no noise
    result = measure(as_sequence(barred[None]))
    assert result.still_share == pytest.approx(0.5, abs=0.02)
    assert result.scale.noise_sigma == pytest.approx(4 * step, rel=0.06)


def test_each_frame_of_an_ordinary_sequence_is_read_once():
    read = []
    sequence = as_sequence(PLAIN[:6])
    counted = type(sequence)(*[getattr(sequence, name) for name in ("name", "path", "shape")],
                             sequence.dtype, lambda t: read.append(t) or PLAIN[t])  # fmt: skip
    assert measure_scale(counted) == measure_scale(sequence)
    assert len(read) == 10  # two of each of 5 pairs


def function_of_the_docs():
    """The function measure_scale of docs/scale.md."""
    text = (ROOT / "docs" / "scale.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    body = code.partition("def measure_scale")[2]
    assert len(body.strip().splitlines()) <= 20
    names = {}
    exec(code, names)  # noqa: S102, the documentation is part of the package
    return names["measure_scale"]


@pytest.mark.parametrize("frames", CHANGED.values(), ids=CHANGED)
def test_the_function_in_the_documentation_gives_the_same_numbers(frames):
    expected = scale_of(frames)
    assert function_of_the_docs()(frames) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("step", [1, 20, 257])
def test_the_function_in_the_documentation_measures_steps(step):
    frames = (120 + noise(0.2)).round().astype(np.uint16) * step
    assert function_of_the_docs()(frames) == pytest.approx(tuple(scale_of(frames)))
