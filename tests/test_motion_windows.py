"""Settings and windows of the motion evidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig, window_of
from dimjax.motion.settings import check
from dimjax.motion.windows import inner_window


@given(
    st.integers(3, 9), st.integers(1, 3), st.sampled_from(["first", "middle", "last"]), st.data()
)
def test_windows_lie_inside_the_sequence_and_contain_their_reference(
    frames, stride, reference, data
):
    settings = EvidenceConfig(frames=frames, stride=stride, reference=reference)
    length = data.draw(st.integers(frames * stride, 40))
    t = data.draw(st.integers(0, length - 1))
    window = window_of(t, length, settings)
    assert len(window.frames) == frames
    assert window.frames[0] >= 0 and window.frames[-1] < length
    assert set(np.diff(window.frames)) == {stride}
    assert window.frames[window.index] == t and window.times[window.index] == 0


def test_the_position_of_the_reference_frame_differs_at_the_ends_only():
    eight = EvidenceConfig()
    assert [window_of(t, 10, eight).index for t in range(10)] == [0, 1, 2, 3, 4, 4, 4, 5, 6, 7]
    assert window_of(5, 10, eight).times.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
    first = eight._replace(frames=3, stride=2, reference="first")
    assert window_of(4, 10, first).frames == (4, 6, 8)
    assert window_of(7, 10, first).frames == (5, 7, 9)


def test_a_sequence_that_is_too_short_is_an_error():
    with pytest.raises(InputError, match="evidence of 8 frames, stride 1, needs 8 frames or more"):
        window_of(0, 7, EvidenceConfig(), "sequence a")


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"frames": 2}, "`frames`: must be between 3 and 32; found 2"),
        ({"stride": 0}, "`stride`: must be between 1 and 1000"),
        ({"reference": "centre"}, "`reference`: must be one of first, middle, last"),
        ({"speed_px": float("inf")}, "`speed_px`: must be between 0.001 and 1000"),
        ({"clip_sigmas": 1e9}, "`clip_sigmas`: must be between 0.1 and 1000"),
        ({"speed_px": 1000.0}, "`path_step_px`: must be 40.0 or more; found 2.0"),
        ({"min_speed_px": 7.0}, "`min_speed_px`: must be at least 0 and below speed_px"),
        ({"slow_min_speed_px": 0.9}, "`slow_min_speed_px`: must be at least 0 and below slow_"),
        ({"speed_px": 0.4}, "a path from 0.3 to 0.4 px a frame; found none in 8 frames"),
        ({"frames": 4, "slow_stride": 1}, "from 0.1 to 0.8 px a frame; found none in 4 frames"),
    ],
)
def test_settings_out_of_range_are_errors(changed, text):
    with pytest.raises(InputError, match=text):
        check(EvidenceConfig()._replace(**changed))


def test_a_window_has_the_frames_of_both_bands():
    settings = EvidenceConfig(frames=4, slow_stride=3)
    window = window_of(6, 14, settings)
    assert window.times.tolist() == [-6, -3, -2, -1, 0, 1, 3] and window.index == 4
    assert window.times_of(0).tolist() == [-2, -1, 0, 1]
    assert window.times_of(1).tolist() == [-6, -3, 0, 3]
    # At the end of the sequence each band keeps its number of frames.
    end = window_of(13, 14, settings)
    assert end.times_of(0).tolist() == [-3, -2, -1, 0]
    assert end.times_of(1).tolist() == [-9, -6, -3, 0]
    assert inner_window(settings).times.tolist() == window.times.tolist()
    with pytest.raises(InputError, match="evidence of 4 frames, stride 3, needs 12"):
        window_of(0, 11, settings)
