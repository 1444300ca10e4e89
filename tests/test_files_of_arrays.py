"""Files of several arrays, of which one is the stack of frames."""

import numpy as np
import pytest
from scipy.io import savemat

from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError

FRAMES = np.random.default_rng(0).integers(0, 99, (9, 20, 24)).astype(np.uint8)
OTHERS = {"background": FRAMES.mean(0), "camera": np.eye(3), "times": np.arange(9.0), "fps": 25}
BOXES = np.ones((9, 4))


def save(folder, suffix, arrays):
    file = folder / f"clip.{suffix}"
    if suffix == "npz":
        np.savez(file, **arrays)
    elif suffix == "mat":
        savemat(file, arrays | {"f": np.moveaxis(arrays["f"], 0, -1)})
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(file, "w") as opened:
            for name, array in arrays.items():
                opened[name] = array
    return file


@pytest.mark.parametrize("suffix", ["npz", "mat", "h5"])
def test_images_and_numbers_beside_the_frames_are_left_out(tmp_path, suffix):
    found = open_sequence(save(tmp_path, suffix, {"f": FRAMES, **OTHERS}))
    assert found.shape == FRAMES.shape and (found.frame(8) == FRAMES[8]).all()


@pytest.mark.parametrize("suffix", ["npz", "mat", "h5"])
def test_labels_and_masks_beside_the_frames_are_not_lost(tmp_path, suffix):
    with pytest.raises(InputError, match=r"one array of frames; found f, g\. Save the frames"):
        open_sequence(save(tmp_path, suffix, {"f": FRAMES, "g": BOXES})).frame(0)
    masks = FRAMES > 97
    with pytest.raises(InputError, match=rf"and their masks as clip_mask\.{suffix}\.$"):
        open_sequence(save(tmp_path, suffix, {"f": FRAMES, "m": masks})).frame(0)


def test_a_number_beside_a_frame_is_none(tmp_path):
    for t in range(4):
        savemat(tmp_path / f"{t}.mat", {"image": FRAMES[t], "fps": 25})
    assert (open_sequence(tmp_path).frame(3) == FRAMES[3]).all()
