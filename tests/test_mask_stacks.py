"""Masks of all frames of a sequence in one file, and masks called as their sequences."""

import subprocess
import sys

import av
import numpy as np
import pytest
import tifffile
from field_layouts import HEIGHT, LENGTH, WIDTH, centre, every_frame, frames, mask, save
from other_user import WITHOUT_RIGHTS, give_away, needs_root
from scipy.io import savemat

from dimjax.data import mask_stacks
from dimjax.data.folders import open_folder
from dimjax.data.layouts import Layout
from dimjax.data.mask_stacks import called_as_masks, find_mask_stacks, read_mask_stack
from dimjax.data.recognition import recognise
from dimjax.errors import InputError, Note


def stack(k):
    return np.stack([mask(k, t) for t in range(LENGTH)])


def write_video(file, pictures, codec="ffv1", stored="gray"):
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, stored
        for pixels in pictures:
            picture = av.VideoFrame.from_ndarray(pixels, format="gray")
            container.mux(stream.encode(picture.reformat(format=stored)))
        container.mux(stream.encode())


def write_images(folder, place="images/c{}/{:03d}.png"):
    for k, _, t, pixels in every_frame():
        save(folder / place.format(k, t), pixels)


def write_stacks(folder, name, write):
    for k in range(3):
        file = folder / name.format(k)
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, k)


def write_both(folder, images, masks, write=np.save):
    write_stacks(folder, images, lambda file, k: write(file, frames(k)))
    write_stacks(folder, masks, lambda file, k: write(file, stack(k)))


def images_and(folder, name, write):
    write_images(folder)
    write_stacks(folder, name, write)


def pages(file, k):
    tifffile.imwrite(file, stack(k), photometric="minisblack")


CASES = {
    "pages of a TIFF": (
        lambda folder: images_and(folder, "masks/c{}.tif", pages),
        "masks/{sequence}.tif",
    ),
    "booleans": (
        lambda folder: images_and(folder, "m/c{}.npy", lambda f, k: np.save(f, stack(k) > 0)),
        "m/{sequence}.npy",
    ),
    "shifted numbers": (
        lambda folder: images_and(
            folder, "m/c{}.npy", lambda f, k: np.save(f, (stack(k) // 255).astype(np.int8))
        ),
        "m/{sequence}.npy",
    ),
    "MATLAB": (
        lambda folder: images_and(
            folder, "m/c{}.mat", lambda f, k: savemat(f, {"m": np.moveaxis(stack(k), 0, -1) > 0})
        ),
        "m/{sequence}.mat",
    ),
    "beside the frames": (
        lambda folder: write_both(folder, "c{}.npy", "c{}_mask.npy"),
        "{sequence}_mask.npy",
    ),
    "in other folders": (
        lambda folder: write_both(folder, "a/c{}.npy", "b/c{}.npy"),
        "b/{sequence}.npy",
    ),
    "in the folder of the sequence": (
        lambda folder: write_both(folder, "c{}/ir.npy", "c{}/masks.npy"),
        "{sequence}/masks.npy",
    ),
    "videos": (
        lambda folder: write_both(folder, "v/c{}.mkv", "m/c{}.mkv", write_video),
        "m/{sequence}.mkv",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_masks_of_a_sequence_in_one_file_are_its_labels(tmp_path, name):
    write, pattern = CASES[name]
    write(tmp_path)
    found = recognise(tmp_path)
    assert not found.doubts
    assert (found.layout.label_format, found.layout.labels) == ("mask-stacks", pattern)
    folder = open_folder(tmp_path, found.layout)
    assert folder.names == ["c0", "c1", "c2"]
    rows = folder.labels[["sequence", "frame", "x", "y", "w", "h"]].to_numpy().tolist()
    assert rows == [
        [f"c{k}", t, x + 0.5, y + 0.5, 3, 3]
        for k in range(3)
        for t, (x, y) in enumerate(centre(k, i) for i in range(LENGTH))
    ]


@pytest.mark.parametrize(
    "place", ["masks/c{}_gt/{:03d}.png", "images/c{}_mask/{:03d}.png", "gt/c{}/{:03d}_label.png"]
)
def test_folders_of_masks_may_be_called_as_sequences_and_more(tmp_path, place):
    write_images(tmp_path)
    for k, _, t, _ in every_frame():
        save(tmp_path / place.format(k, t), mask(k, t))
    found = recognise(tmp_path)
    assert found.layout.sequences == "images/{sequence}" and not found.doubts
    assert found.layout.labels == place.replace("c{}", "{sequence}").replace("{:03d}", "{frame}")
    assert len(open_folder(tmp_path, found.layout).labels) == 3 * LENGTH


def test_frames_that_are_called_as_masks_are_a_sequence(tmp_path):
    write_images(tmp_path)
    for t, pixels in enumerate(frames(1)):
        save(tmp_path / f"images/c0_label/{t:03d}.png", pixels)
    np.save(tmp_path / "c0.npy", frames(0))
    np.save(tmp_path / "c0_gt.npy", frames(1))
    layout = Layout(sequences="images/{sequence}", labels="")
    assert open_folder(tmp_path, layout).names == ["c0", "c0_label", "c1", "c2"]
    layout = Layout(sequences="{sequence}.npy", labels="")
    assert open_folder(tmp_path, layout).names == ["c0", "c0_gt"]


def test_one_stack_beside_its_masks(tmp_path):
    np.save(tmp_path / "frames.npy", frames(0))
    np.save(tmp_path / "masks.npy", stack(0))
    found = recognise(tmp_path)
    assert (found.layout.sequences, found.layout.labels) == ("frames.npy", "masks.npy")
    labels = open_folder(tmp_path, found.layout).labels
    assert not found.doubts and labels.sequence.tolist() == ["frames"] * LENGTH


def test_the_first_stacks_may_be_without_an_object(tmp_path):
    images_and(tmp_path, "m/c{}.npy", lambda file, k: np.save(file, stack(k) * (k == 2)))
    found = recognise(tmp_path)
    assert found.layout.labels == "m/{sequence}.npy" and not found.doubts
    assert set(open_folder(tmp_path, found.layout).labels.sequence) == {"c2"}


def test_the_second_camera_of_many_sequences_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_stacks, "open_mask_stack", lambda file: pytest.fail(str(file)))
    files = [tmp_path / f"c{k}/{name}.mp4" for k in range(3) for name in ("a", "b")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert find_mask_stacks(tmp_path, files) == []


def test_a_lossy_video_of_masks(tmp_path):
    """Its black is level 16, and its levels are not exact."""
    write_video(tmp_path / "m.mp4", stack(0), "mpeg4", "yuv420p")
    found = np.stack(list(read_mask_stack(tmp_path / "m.mp4")))
    assert (found == (stack(0) > 0)).mean() > 0.99
    assert [tuple(np.argwhere(it).mean(axis=0).round()) for it in found] == [
        centre(0, t)[::-1] for t in range(LENGTH)
    ]


def test_masks_of_other_lengths_and_inverted_ones_are_said(tmp_path):
    shapes = {"c": (LENGTH, HEIGHT, WIDTH)}
    layout = Layout(sequences="{sequence}.npy", labels="{sequence}_mask.npy")
    layout = layout._replace(label_format="mask-stacks", category={"*": "target"})
    np.save(tmp_path / "c.npy", frames(0))
    np.save(tmp_path / "c_mask.npy", stack(0)[:4])
    with pytest.warns(Note, match="2 frames behind the last entry of 1 label file"):
        assert len(open_folder(tmp_path, layout).read_labels(shapes)) == 4
    np.save(tmp_path / "c_mask.npy", np.concatenate([stack(0), stack(0)[:1]]))
    with pytest.raises(InputError, match="frame must lie in 0 <= frame < 6; found 6"):
        open_folder(tmp_path, layout).read_labels(shapes)
    np.save(tmp_path / "c_mask.npy", 255 - stack(0))
    with pytest.raises(InputError, match="c_mask.npy frame 0: a mask must be 0 where"):
        open_folder(tmp_path, layout).read_labels(shapes)


@needs_root
def test_a_folder_that_may_not_be_listed_is_none_of_masks(tmp_path):
    for name in ("a", "a_mask"):
        save(tmp_path / f"{name}/0.png", mask(0, 0))
    give_away(tmp_path / "a_mask")
    (tmp_path / "a_mask").chmod(0o700)
    code = "import sys, pathlib; from dimjax.data.mask_stacks import called_as_masks; "
    code += "print(called_as_masks(sorted(pathlib.Path(sys.argv[1]).iterdir())))"
    command = [*WITHOUT_RIGHTS, sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
    assert called_as_masks(sorted(tmp_path.iterdir())) == {tmp_path / "a_mask"}
