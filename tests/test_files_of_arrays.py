"""Files of several arrays, of which one is the stack of frames."""

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from dimjax.commands.sources import open_source
from dimjax.data.folders import open_folder
from dimjax.data.formats.masks import set_pixels
from dimjax.data.layouts import Layout
from dimjax.data.recognition import recognise
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


def save_npy(folder, name, array):
    np.save(folder / f"{name}.npy", array)


def save_mat(folder, name, array):
    savemat(folder / f"{name}.mat", {"image": array})


def moving(seed=0):
    """Frames of a bright target that moves by one pixel a frame, and their masks."""
    frames = np.random.default_rng(seed).normal(900, 3, (12, 40, 48)).astype(np.uint16)
    masks = np.zeros(frames.shape, bool)
    for t in range(len(frames)):
        masks[t, 20:23, 10 + t : 13 + t] = True
    return frames + 90 * masks.astype(np.uint16), masks


@pytest.mark.parametrize("shape", [(40, 48), (40, 48, 1), (1, 40, 48)])
def test_a_folder_of_npy_files_of_one_frame_each_is_a_sequence(tmp_path, shape):
    frames, _ = moving()
    for t, frame in enumerate(frames):
        save_npy(tmp_path, f"{t:03d}", frame.reshape(shape))
    found = open_sequence(tmp_path)
    assert found.shape == frames.shape and (found.frame(5) == frames[5]).all()
    (tmp_path / "004.npy").unlink()
    with pytest.raises(InputError, match=r"4 follows 3; found 003.npy, then 005.npy"):
        open_source(tmp_path, Layout())


@pytest.mark.parametrize("save", [save_npy, save_mat])
def test_one_folder_of_frames_in_arrays_is_recognised(tmp_path, save):
    for t, frame in enumerate(moving()[0]):
        save(tmp_path, f"frame{t}", frame)
    found = recognise(tmp_path)
    assert found.layout.sequences.startswith("frame{frame}.")
    (name,) = (folder := open_folder(tmp_path, found.layout)).names
    assert folder.sequence(name).shape == (12, 40, 48)


@pytest.mark.parametrize("save", [save_npy, save_mat])
@pytest.mark.parametrize(
    ("frames_at", "masks_at"),
    [
        ("images/{name}/{t:03d}", "masks/{name}/{t:03d}"),
        ("{name}/{t:03d}", "{name}/{t:03d}_mask"),
        ("images/{name}_{t:03d}", "masks/{name}_{t:03d}"),
    ],
)
def test_masks_in_arrays_are_labels(tmp_path, save, frames_at, masks_at):
    for seed, name in enumerate(("one", "two", "six")):
        frames, masks = moving(seed)
        for t, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
            for at, array in ((frames_at, frame), (masks_at, mask)):
                file = tmp_path / at.format(name=name, t=t)
                file.parent.mkdir(parents=True, exist_ok=True)
                save(file.parent, file.name, array)
    folder = open_folder(tmp_path, recognise(tmp_path).layout)
    labels = folder.labels
    assert sorted(folder.names) == ["one", "six", "two"] and len(labels) == 36
    first = labels[(labels.sequence == "six") & (labels.frame == 3)].iloc[0]
    assert (first.x, first.y, first.w, first.h) == (14.5, 21.5, 3, 3)


def test_a_mask_of_several_axes_is_refused(tmp_path):
    save_npy(tmp_path, "0", np.zeros((3, 20, 24), np.uint8))
    with pytest.raises(InputError, match=r"a mask must have the shape \[H, W\]; found \(3, 20, 24"):
        set_pixels(tmp_path / "0.npy")


def test_numbered_npy_stacks_stay_sequences(tmp_path):
    for k in range(5):
        save_npy(tmp_path, f"clip{k}", moving(k)[0])
    found = recognise(tmp_path)
    assert found.layout.sequences == "{sequence}.npy"
    assert len(open_source(tmp_path, Layout()).names) == 5


def test_numbered_recordings_of_matlab_stay_sequences(tmp_path):
    for k in range(5):
        save_mat(tmp_path, f"rec{k}", np.moveaxis(moving(k)[0], 0, -1))
    found = recognise(tmp_path)
    assert found.layout.sequences == "{sequence}.mat" and not found.stills
    assert open_folder(tmp_path, found.layout).sequence("rec3").shape == (12, 40, 48)
    with pytest.raises(InputError, match=r"shape \[H, W\]; found \(40, 48, 12\)\. Save one frame"):
        open_sequence(tmp_path).frame(0)


@pytest.mark.parametrize("save", [save_npy, save_mat])
@pytest.mark.parametrize("damaged", [0, 4, 11])
def test_a_damaged_array_is_the_only_problem_of_its_folder(tmp_path, save, damaged):
    for t, frame in enumerate(moving()[0]):
        save(tmp_path, f"{t:03d}", frame)
    (file,) = tmp_path.glob(f"{damaged:03d}.*")
    file.write_bytes(file.read_bytes()[:40])
    layout = recognise(tmp_path).layout
    assert layout.sequences == f"{{frame}}{file.suffix}"
    (name,) = (folder := open_folder(tmp_path, layout)).names
    with pytest.raises(InputError, match=f"{damaged:03d}.*must be readable"):
        folder.sequence(name).frame(damaged)


@pytest.mark.parametrize("other", [np.arange(12.0), np.ones((12, 4)), np.eye(3)])
def test_numbers_beside_frames_in_arrays_are_left_out(tmp_path, other):
    frames, _ = moving()
    for name in "ab":
        (tmp_path / name).mkdir()
        for t, frame in enumerate(frames):
            save_npy(tmp_path / name, f"{t:03d}", frame)
        save_npy(tmp_path / name, "other", other)
    found = recognise(tmp_path)
    assert found.layout.sequences == "{sequence}"
    assert "not read: 2 arrays of numbers such as a/other.npy" in found.evidence
    assert open_folder(tmp_path, found.layout).sequence("b").shape == frames.shape


@pytest.mark.parametrize("save", [save_npy, save_mat])
@pytest.mark.parametrize("at", ["labels/{name}/{t:03d}", "{name}/box_{t:03d}"])
def test_an_array_of_boxes_for_each_frame_is_a_problem(tmp_path, save, at):
    for name in ("one", "two"):
        for t, frame in enumerate(moving()[0]):
            for place, array in ((f"{name}/f_{t:03d}", frame), (at, np.ones((t % 3, 4)))):
                file = tmp_path / place.format(name=name, t=t)
                file.parent.mkdir(parents=True, exist_ok=True)
                save(file.parent, file.name, array)
    found = recognise(tmp_path)
    assert open_folder(tmp_path, found.layout).sequence("two").shape == (12, 40, 48)
    (doubt,) = found.doubts
    assert "arrays of numbers, such as " in str(doubt) and "Write them as text" in str(doubt)


def test_the_matrix_of_a_camera_for_each_frame_is_no_label(tmp_path):
    for name in ("frames", "poses"):
        (tmp_path / name).mkdir()
        for t, frame in enumerate(moving()[0]):
            save_npy(tmp_path / name, f"{t:03d}", frame if name == "frames" else np.eye(4))
    assert recognise(tmp_path).doubts == []


@pytest.mark.parametrize("save", [save_npy, save_mat])
def test_colours_of_arrays_are_those_of_images(tmp_path, save):
    frames, _ = moving()
    for t, frame in enumerate(frames):
        save(tmp_path, f"{t:03d}", np.repeat(frame[..., None], 3, axis=2))
    found = recognise(tmp_path).layout
    folder = open_folder(tmp_path, found)
    assert (folder.sequence(tmp_path.name).frame(4) == frames[4]).all()
    colours = np.stack([frames[4], frames[4] + 1, frames[4]], axis=2)
    save(tmp_path, "004", colours)
    with pytest.raises(InputError, match="the three colour channels must be equal"):
        folder.sequence(tmp_path.name).frame(4)
    green = open_folder(tmp_path, found._replace(channel="green"))
    assert (green.sequence(tmp_path.name).frame(4) == frames[4] + 1).all()


@pytest.mark.parametrize("shape", [(40, 48, 1), (1, 40, 48)])
def test_a_frame_of_matlab_may_have_an_axis_of_one(tmp_path, shape):
    frames, _ = moving()
    for t, frame in enumerate(frames):
        save_mat(tmp_path, f"{t:03d}", frame.reshape(shape))
    assert (open_sequence(tmp_path).frame(5) == frames[5]).all()


def test_sparse_masks_of_matlab_are_read(tmp_path):
    frames, masks = moving()
    for t, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
        for name, array in (("frames", frame), ("masks", csc_matrix(mask))):
            (tmp_path / name).mkdir(exist_ok=True)
            save_mat(tmp_path / name, f"{t:03d}", array)
    labels = open_folder(tmp_path, recognise(tmp_path).layout).labels
    assert (labels.x.iloc[3], labels.y.iloc[3], len(labels)) == (14.5, 21.5, 12)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [("light_{:03d}", "light_{frame}.fits"), ("{}_{:03d}", "{sequence}_{frame}.*")],
)
def test_fits_images_of_a_folder_are_frames(tmp_path, names, pattern):
    fits = pytest.importorskip("astropy.io.fits")
    for name in ("dark", "light") if names.count("{") > 1 else ("light",):
        for t, frame in enumerate(moving()[0]):  # unsigned, which FITS stores as signed numbers
            file = tmp_path / f"{names.replace('{}', name, 1).format(t)}.fits"
            fits.PrimaryHDU(frame * 40).writeto(file)
    found = recognise(tmp_path)
    assert found.layout.sequences == pattern and not found.stills
    folder = open_folder(tmp_path, found.layout)
    assert {folder.sequence(name).shape for name in folder.names} == {(12, 40, 48)}


def test_numbered_fits_cubes_stay_sequences(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    for k in range(5):
        fits.PrimaryHDU(moving(k)[0]).writeto(tmp_path / f"rec{k}.fits")
    found = recognise(tmp_path)
    assert open_folder(tmp_path, found.layout).sequence("rec3").shape == (12, 40, 48)


def test_a_stack_among_frames_in_arrays_is_the_only_problem(tmp_path):
    frames, _ = moving()
    for t, frame in enumerate(frames):
        save_npy(tmp_path, f"{t:03d}", frames[:5] if t == 7 else frame)
    layout = recognise(tmp_path).layout
    assert layout.sequences == "{frame}.npy"
    found = open_folder(tmp_path, layout).sequence(tmp_path.name)
    with pytest.raises(InputError, match=r"007\.npy: a frame must have the shape \[H, W\]; found"):
        found.frame(7)


def test_a_single_frame_is_no_stack(tmp_path):
    save_npy(tmp_path, "0", FRAMES[0])
    message = r"shape \[T, H, W\]; found \(20, 24\)\. .* Numbered .npy files of one frame"
    with pytest.raises(InputError, match=message):
        open_sequence(tmp_path / "0.npy")
