"""Clips equal those of the sequence, and each frame is read once."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.data.sequences import Sequence, as_sequence
from dimjax.detection.clips import clips_of
from dimjax.errors import InputError


def _counted(length, shape=(6, 10)):
    """A sequence and the number of reads of each of its frames."""
    frames = np.random.default_rng(0).integers(0, 4000, (length, *shape)).astype(np.uint16)
    inner, reads = as_sequence(frames), Counter()

    def read(t):
        reads[t] += 1
        return inner.read(t)

    return Sequence("counted", inner.path, inner.shape, inner.dtype, read), reads


def _batches(numbers, size):
    return [numbers[i : i + size] for i in range(0, len(numbers), size)]


@pytest.mark.parametrize("length, stride, size", [(30, 1, 4), (30, 2, 4), (60, 9, 2), (9, 2, 16)])
def test_each_frame_is_read_once(length, stride, size):
    sequence, reads = _counted(length)
    batches = _batches(np.arange(length), size)
    batches_of_clips = list(clips_of(sequence, batches, stride, size))
    assert reads == Counter(range(length))
    for numbers, clips in zip(batches, batches_of_clips, strict=True):
        assert clips.shape == (size, 4, 6, 10) and clips.dtype == np.uint16
        expected = [sequence.clip(t, stride) for t in numbers]
        np.testing.assert_array_equal(clips[: len(numbers)], expected)


@given(
    st.lists(st.integers(0, 39), min_size=1, max_size=12),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 2, 7]),
)
def test_frames_may_come_in_any_order(numbers, size, stride):
    sequence, _ = _counted(40)
    batches = _batches(np.array(numbers), size)
    for chosen, clips in zip(batches, clips_of(sequence, batches, stride, size), strict=True):
        expected = [sequence.clip(t, stride) for t in chosen]
        expected += expected[-1:] * (size - len(chosen))
        np.testing.assert_array_equal(clips, expected)


def test_a_sequence_that_is_too_short_is_named():
    sequence, _ = _counted(7)
    with pytest.raises(InputError, match="sequence counted: clips of stride 2 need 9 frames"):
        next(clips_of(sequence, [[0]], stride=2, size=1))
