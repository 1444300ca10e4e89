"""Data folders from somebody else: no pipe is waited for, no name or size is believed."""

import os
import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from other_user import WITHOUT_RIGHTS, give_away, needs_root
from PIL import Image

from dimjax.atomic_files import check_regular
from dimjax.data.folders import open_folder
from dimjax.data.formats.masks import set_pixels
from dimjax.data.image_kinds import are_masks
from dimjax.data.layouts import DIMJAX
from dimjax.data.listing import natural_key
from dimjax.data.recognition import recognise
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError
from dimjax.runs.workdir import check_workdir

FRAMES = np.arange(4 * 8 * 8, dtype=np.uint16).reshape(4, 8, 8)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sequences").mkdir()
    np.save(tmp_path / "sequences" / "a.npy", FRAMES)
    (tmp_path / "labels.csv").write_text("sequence,frame,x,y,w,h,category\na,0,4,4,3,3,target\n")
    return tmp_path


@pytest.mark.parametrize("name", ["labels.csv", "sequences/a.npy"])
@pytest.mark.parametrize(
    ("replace", "kind"),
    [
        (os.mkfifo, "a named pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.symlink_to(path), "the file must be readable"),
    ],
)
def test_pipes_and_devices_are_refused_at_once(folder, name, replace, kind):
    (folder / name).unlink()
    replace(folder / name)
    with pytest.raises(InputError, match=kind):
        check_regular(folder / name)
    if "sequences" not in name or kind != "the file must be readable":  # a loop does not exist
        with pytest.raises(InputError, match=kind):
            _ = open_folder(folder).labels


def test_a_pipe_among_frames_is_refused(folder):
    shutil.rmtree(folder / "sequences")
    (folder / "sequences" / "a").mkdir(parents=True)
    os.mkfifo(folder / "sequences" / "a" / "frames.npy")
    with pytest.raises(InputError, match=r"frames.npy: it must be a file; found a named pipe"):
        open_sequence(folder / "sequences" / "a")


def test_a_file_of_any_size_is_not_read(tmp_path):
    (tmp_path / "big").write_bytes(bytes(11))
    check_regular(tmp_path / "big", 11)
    check_regular(tmp_path / "none")
    with pytest.raises(InputError, match="it must have at most 10 bytes; found 11. Split"):
        check_regular(tmp_path / "big", 10)


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x1b[31m", "a\u202eb", "\udcff\udcfe"])
def test_a_name_that_is_not_printable_is_refused(folder, name):
    (folder / "sequences" / "a.npy").rename(folder / "sequences" / f"{name}.npy")
    rule = "the name of a sequence must be printable UTF-8 text; found"
    for open_it in (open_folder, lambda path: open_sequence(path / "sequences" / f"{name}.npy")):
        with pytest.raises(InputError, match=rule) as error:
            open_it(folder)
        assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "name",
    ["a[1]", "a*b", "[!a]", "a?b", " ", "-a", "a.", "$(x)", "NA", "1e5", "\u00e9", "a" * 251],
)
def test_any_printable_name_is_read(folder, name):
    (folder / "sequences" / "a.npy").rename(folder / "sequences" / f"{name}.npy")
    (folder / "labels.csv").write_text(
        f"sequence,frame,x,y,w,h,category\n{name},0,4,4,3,3,target\n", encoding="utf-8"
    )
    opened = open_folder(folder)
    assert opened.names == [name] and len(opened.labels) == 1
    np.testing.assert_array_equal(opened.sequence(name).frame(3), FRAMES[3])


def test_numbers_of_thousands_of_digits_are_compared_as_well():
    names = ["a10", "a2", "a" + "9" * 5000]
    assert sorted(names, key=natural_key) == ["a2", "a10", "a" + "9" * 5000]


@pytest.mark.parametrize("change", [b"x", b"\x93NUMPY"])
def test_bytes_behind_a_stack_are_refused(folder, change):
    file = folder / "sequences" / "a.npy"
    file.write_bytes(file.read_bytes() + change)
    with pytest.raises(InputError, match=r"a.npy: the file must end with the frames of its header"):
        open_sequence(file)


def test_a_frame_of_more_pixels_than_the_layout_allows_is_refused(folder):
    rule = "a frame must have at most 63 pixels; found 64. Cut it .* raise the key max_frame_pixels"
    with pytest.raises(InputError, match=rule):
        open_folder(folder, DIMJAX._replace(max_frame_pixels=63)).sequence("a")
    assert open_folder(folder, DIMJAX._replace(max_frame_pixels=64)).sequence("a").shape[1:] == (
        8,
        8,
    )


@pytest.mark.parametrize("shape", [(6, 5), (1, 64), (64, 1)])
def test_frames_of_a_few_rows_or_columns_are_refused(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones((9, 6, 6), np.uint8))
    assert open_sequence(tmp_path / "a.npy").shape == (9, 6, 6)
    np.save(tmp_path / "a.npy", np.ones((9, *shape), np.uint8))
    rule = "a frame must have at least 6 rows and as many columns"
    with pytest.raises(InputError, match=rf"a\.npy: {rule}; found {shape[0]} x {shape[1]}"):
        open_sequence(tmp_path / "a.npy")


def images(tmp_path, save):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(2):
        save(Image.fromarray(np.full((8, 8), number, np.uint8)), folder / f"{number}.png")
    return folder


def save_animated(image, path):
    image.save(path, save_all=True, append_images=[Image.fromarray(np.full((8, 8), 9, np.uint8))])


def save_twice(image, path):
    image.save(path)
    path.write_bytes(2 * path.read_bytes())


@pytest.mark.parametrize(
    ("save", "rule"),
    [
        (save_animated, "the file must be a PNG image with one picture; found PNG with 2"),
        (
            lambda image, path: image.save(path, "gif"),
            "the file must be a PNG image with one picture; found GIF with",
        ),
        (save_twice, r"the file must end with its picture; found \d+ bytes behind it"),
    ],
)
def test_an_image_of_more_than_one_picture_is_refused(tmp_path, save, rule):
    with pytest.raises(InputError, match=rf"0\.png: {rule}"):
        open_sequence(images(tmp_path, save))
    shutil.rmtree(tmp_path / "frames")
    assert open_sequence(images(tmp_path, lambda image, path: image.save(path))).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("0.jpg", "L", {}),
        ("0.jpg", "L", {"progressive": True, "icc_profile": b"\xff\xd9\xff\xd8\xff"}),
        ("0.jpg", "RGB", {"comment": b"\xff\xd9\xff\xd8\xff"}),
        ("0.bmp", "L", {}),
        ("0.bmp", "RGB", {}),
    ],
)
def test_bytes_behind_a_picture_are_refused(tmp_path, name, mode, options):
    file, stored = tmp_path / name, np.random.default_rng(0).integers(0, 255, (33, 43), np.uint8)
    Image.fromarray(stored).convert(mode).save(file, **options)
    assert open_sequence(file).frame(0).shape == (33, 43)
    file.write_bytes(2 * file.read_bytes())
    with pytest.raises(
        InputError, match=rf"{name}: the file must end with its picture; found \d+ b"
    ):
        open_sequence(file).frame(0)


def test_large_images_make_no_noise_of_pillow(tmp_path, monkeypatch):
    file, pixels = tmp_path / "0.png", np.zeros((8, 8), np.uint8)
    pixels[3, 4] = 1
    Image.fromarray(pixels).save(file)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    assert open_sequence(file).frame(0).sum() == set_pixels(file).sum() == 1
    assert are_masks([file])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # of which Pillow opens twice as many
    assert not are_masks([file])
    with pytest.raises(InputError, match=r"0\.png: the file must be readable; found Decompression"):
        open_sequence(file)


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_without_its_last_rows_is_refused(tmp_path, interlaced):
    file = tmp_path / "0.png"
    widths = [*map(int, "1111211133333336666")] if interlaced else 9 * (6,)
    for left_out in (0, 2):
        rows = b"".join(bytes(1 + 2 * width) for width in widths[: len(widths) - left_out])
        body = zlib.compress(rows)
        header = struct.pack(">IIBBBBB", 6, 9, 16, 0, 0, 0, interlaced)
        chunks = ((b"IHDR", header), (b"IDAT", body[:7]), (b"IDAT", body[7:]), (b"IEND", b""))
        parts = (
            struct.pack(">I", len(it)) + kind + it + struct.pack(">I", zlib.crc32(kind + it))
            for kind, it in chunks
        )
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
        if not left_out:
            assert not open_sequence(file).frame(0).any()
    for read in (lambda: open_sequence(file).frame(0), lambda: set_pixels(file)):
        with pytest.raises(InputError, match=r"0\.png: a PNG image must hold all of its 9 rows, "):
            read()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_without_its_last_blocks_is_refused(tmp_path, options):
    file, pixels = tmp_path / "0.jpg", np.random.default_rng(0).integers(0, 255, (43, 51), np.uint8)
    Image.fromarray(pixels).save(file, **options)
    assert open_sequence(file).frame(0).shape == (43, 51)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 3 // 4] + b"\xff\xd9")
    with pytest.raises(InputError, match=r"0\.jpg: a JPEG image must hold all of its blocks; fo"):
        open_sequence(file).frame(0)


@pytest.mark.parametrize("name", ["exp[1]/run", "a*", "a?", "a\\b", "a\nb", "\udcff"])
def test_a_run_has_no_path_that_loses_its_checkpoints(tmp_path, name):
    with pytest.raises(InputError, match="--workdir: the path must be printable, without the"):
        check_workdir(tmp_path / name, "")
    check_workdir(tmp_path / "a ]b#%'$(x)\u00e9", "")


def test_a_run_does_not_lie_in_its_data(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for place in ("data", "data/runs/x", "link/x"):
        with pytest.raises(InputError, match="--workdir: a run must not lie in its data folder"):
            check_workdir(tmp_path / place, str(tmp_path / "data"))
    check_workdir(tmp_path / "data2", str(tmp_path / "data"))


@pytest.mark.parametrize("place", ["rounds", "rounds/0/examples", "detect/a", "export"])
def test_data_do_not_lie_where_a_run_replaces_files(tmp_path, place):
    (tmp_path / "link").symlink_to(tmp_path / place)
    for data in (tmp_path / place, tmp_path / "link"):
        with pytest.raises(InputError, match="config.data.folder: the data must not lie among the"):
            check_workdir(tmp_path, str(data))
    check_workdir(tmp_path, str(tmp_path / "data"))
    check_workdir(tmp_path / "run", str(tmp_path / place))


@pytest.mark.parametrize("place", ["rounds/0/examples/run", "sky", "digests/run"])
def test_a_run_does_not_lie_among_the_files_of_another(tmp_path, place):
    check_workdir(tmp_path / place, "")
    for name in ("config.json", "run.lock"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="--workdir: it must not lie among the files of a run; fo"):
        check_workdir(tmp_path / place, "")
    check_workdir(tmp_path / "other", "")
    check_workdir(tmp_path, "")


OPENER = """
import sys
from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise
for function in (open_folder, recognise):
    try:
        function(sys.argv[1])
    except ValueError as error:
        print(error)
"""


@needs_root
@pytest.mark.parametrize("mode", [0o644, 0o711])
def test_a_folder_that_may_not_be_entered_or_listed_is_named(tmp_path, mode):
    folder = tmp_path / "sequences" / "a"
    folder.mkdir(parents=True)
    for t in range(4):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / f"{t}.png")
    give_away(folder.parent)
    folder.parent.chmod(mode)
    command = [*WITHOUT_RIGHTS, sys.executable, "-c", OPENER, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    rule = "this user must be permitted to list and enter it"
    line = (
        f"{folder.parent}: {rule}; found permissions {mode:o}. Give those to read and to execute."
    )
    assert done.stdout.splitlines() == [line, line], done.stderr


@needs_root
def test_a_closed_folder_below_others_does_not_explain_that_sequences_are_missing(tmp_path):
    folder = tmp_path / "documents" / "of" / "others"
    folder.mkdir(parents=True)
    give_away(folder)
    folder.chmod(0o700)
    command = [*WITHOUT_RIGHTS, sys.executable, "-c", OPENER, tmp_path]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    assert "there must be sequences at sequences/*" in lines[0] and "images, videos" in lines[1]


PIPES = [f"c{suffix}" for suffix in (".mat", ".tif", ".png", ".npy", ".npz", ".mp4", ".fits")]


@pytest.mark.parametrize("name", [*PIPES, "b/0001.png", "b/0002.tif"])
def test_the_search_for_a_layout_does_not_wait_for_pipes(folder, name):
    if "/" in name:
        (folder / "sequences" / "b").mkdir()
        shutil.copy(folder / "sequences" / "a.npy", folder / "sequences" / "b" / "0003.npy")
    np.save(folder / "sequences" / "d.npy", FRAMES)
    os.mkfifo(folder / "sequences" / name)
    found = recognise(folder)
    problems = list(found.doubts)
    try:
        opened = open_folder(folder, found.layout, problems.append)
        _ = [opened.sequence(one) for one in opened.names]
    except InputError as error:
        problems.append(error)
    assert any(name in str(problem) for problem in problems)
