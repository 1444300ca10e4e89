import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dimjax.data.sequences import as_sequence, clip_frames, open_sequence, skip_repeated
from dimjax.errors import InputError

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (5, 6, 9), dtype=np.uint16)
SHALLOW = RNG.integers(0, 256, (5, 6, 9), dtype=np.uint8)


def images(folder, frames, pattern="{}.png", first=8):
    folder.mkdir()
    for number, frame in enumerate(frames, start=first):
        file = folder / pattern.format(number)
        if file.suffix == ".tif":
            tifffile.imwrite(file, frame)
        else:
            Image.fromarray(frame).save(file)
    return folder


def assert_holds(sequence, frames):
    assert sequence.shape == frames.shape and sequence.dtype == frames.dtype
    assert len(sequence) == len(frames)
    for t in (3, 0, len(frames) - 1, 1):
        read = sequence.frame(t)
        np.testing.assert_array_equal(read, frames[t])
        assert read.dtype == frames.dtype and read.dtype.isnative
        read[:] = 0  # a copy: this changes neither the file nor the next reading
    np.testing.assert_array_equal(sequence.frame(3), frames[3])


@pytest.mark.parametrize(
    ("frames", "pattern"),
    [
        (DEEP, "{}.png"),
        (SHALLOW, "{:04d}.png"),
        (SHALLOW, "take2_{}_ir.bmp"),
        (DEEP, "frame{}.tif"),
        (np.repeat(SHALLOW[..., None], 3, axis=-1), "{}.png"),
    ],
)
def test_numbered_images_are_read_in_numeric_order(tmp_path, frames, pattern):
    sequence = open_sequence(images(tmp_path / "flight.3", frames, pattern))  # 8, 9, 10, 11, 12
    assert sequence.name == "flight.3"
    assert_holds(sequence, frames if frames.ndim == 3 else frames[..., 0])


def test_a_grey_palette_is_read_as_grey(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    stored = np.arange(48, dtype=np.uint8).reshape(6, 8)
    palette = Image.fromarray(stored).convert("P")
    palette.putpalette(np.repeat(np.arange(255, -1, -1), 3).astype(np.uint8).tobytes())
    palette.save(folder / "1.png")
    frame = open_sequence(folder).frame(0)
    np.testing.assert_array_equal(frame, 255 - stored)


@pytest.mark.parametrize("big_endian", [False, True])
def test_npy_stack(tmp_path, big_endian):
    (tmp_path / "s").mkdir()
    stored = DEEP.astype(">u2") if big_endian else DEEP
    np.save(tmp_path / "s" / "frames.npy", stored)
    np.save(tmp_path / "flight.npy", stored)
    assert_holds(open_sequence(tmp_path / "s"), DEEP)
    assert_holds(open_sequence(tmp_path / "flight.npy", name="other"), DEEP)
    assert open_sequence(tmp_path / "flight.npy").name == "flight"
    assert open_sequence(tmp_path / "flight.npy", name="other").name == "other"


@pytest.mark.parametrize("how", [{}, {"imagej": True}, {"compression": "zlib"}])
def test_tiff_stack(tmp_path, how):
    tifffile.imwrite(tmp_path / "flight.tif", DEEP, **how)
    assert_holds(open_sequence(tmp_path / "flight.tif"), DEEP)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("s.npy", lambda p: np.save(p, DEEP.astype(complex)), "real numbers; found complex128"),
        ("s.npy", lambda p: np.save(p, DEEP * np.inf), "must be finite; found 54 that are"),
        ("s.npy", lambda p: np.save(p, DEEP[0]), r"shape \[T, H, W\]; found \(6, 9\)\."),
        ("s.npy", lambda p: np.save(p, DEEP[:0]), "found .*(0, 6, 9|empty file)"),
        ("s.npy", lambda p: p.write_bytes(b"no stack"), r"s\.npy: the file must be readable"),
        ("s.tif", lambda p: tifffile.imwrite(p, DEEP * 1j), "page 0: a page must contain grey"),
        ("s.tif", lambda p: tifffile.imwrite(p, DEEP, photometric="miniswhite"), "black at 0"),
        ("s.tif", lambda p: tifffile.imwrite(p, DEEP, truncate=True), "a page of its own; found 1"),
        ("s.tif", lambda p: p.write_bytes(b""), r"s\.tif: the file must be readable"),
        ("s.abc", lambda p: p.write_bytes(b""), r"\.npy, \.tif, .*; found \.abc\. Convert it\."),
        ("s.npy", lambda p: None, r"s\.npy: a sequence must exist; found nothing\."),
    ],
)
def test_an_invalid_stack_is_refused_when_opened(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(InputError, match=message):
        open_sequence(tmp_path / name)


def test_pages_of_different_sizes_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "s.tif") as writer:
        for page in (DEEP[0], DEEP[1], DEEP[2, :4]):
            writer.write(page)
    with pytest.raises(InputError, match="page 2: .* as the first, 9x6 pixels uint16; found 9x4"):
        open_sequence(tmp_path / "s.tif")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.98])
@pytest.mark.parametrize("name", ["s.npy", "s.tif"])
def test_a_truncated_stack_is_refused_when_opened(tmp_path, name, share):
    file = tmp_path / name
    np.save(file, DEEP) if name == "s.npy" else tifffile.imwrite(file, DEEP)
    if name == "s.tif":  # written so, its page headers lie at the end and a cut hides pages
        tifffile.imwrite(file, DEEP, metadata=None)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(InputError, match=rf"{name}.* must .*found"):
        open_sequence(file)


def test_a_page_without_its_last_bytes_is_named_when_opened(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", DEEP, compression="zlib")
    content = (tmp_path / "s.tif").read_bytes()
    (tmp_path / "s.tif").write_bytes(content[:-10])
    size = len(content)
    message = rf"page 4: .* end of the pixels, byte {size}; found {size - 10} bytes\. Copy"
    with pytest.raises(InputError, match=message):
        open_sequence(tmp_path / "s.tif")


@pytest.mark.parametrize("pattern", ["img_{:04d}_14bit.png", "FLIR0042_{}_8.png", "{}(2).png"])
def test_the_only_number_that_varies_is_that_of_the_frame(tmp_path, pattern):
    assert_holds(open_sequence(images(tmp_path / "s", SHALLOW, pattern), "s"), SHALLOW)


def test_frames_of_a_constant_step_are_to_be_renamed(tmp_path):
    folder = images(tmp_path / "s", SHALLOW[:1], "0.png")
    for number in (5, 10):
        Image.fromarray(SHALLOW[0]).save(folder / f"{number}.png")
    message = r"found 0.png, then 5.png, in steps of 5 throughout. Rename them by steps of 1, and"
    with pytest.raises(InputError, match=message):
        open_sequence(folder, "s")


def test_a_missing_number_is_named(tmp_path):
    folder = images(tmp_path / "s", SHALLOW, first=15)
    (folder / "17.png").unlink()
    message = r"s: .*without a gap, 17 follows 16; found 16\.png, then 18\.png\. Add the missing"
    with pytest.raises(InputError, match=message):
        open_sequence(folder)


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda f: Image.fromarray(SHALLOW[0]).save(f / "cam2_1.png"), "must have one numbering"),
        (lambda f: Image.fromarray(SHALLOW[0]).save(f / "10.bmp"), "must have one numbering"),
        (lambda f: Image.fromarray(SHALLOW[0]).save(f / "008.png"), r"found 008\.png"),
        (lambda f: Image.fromarray(SHALLOW[0]).save(f / "last.png"), "must contain its number"),
        (lambda f: Image.fromarray(SHALLOW[0]).save(f / "13.gif"), "13.gif: .*something else"),
        (lambda f: np.save(f / "frames.npy", SHALLOW), r"only frames\.npy or only images"),
        (lambda f: (f / "masks").mkdir(), "masks: .*something else"),
        (lambda f: Image.fromarray(SHALLOW[0, :4]).save(f / "13.png"), "13.png: .*found 9x4"),
        (lambda f: Image.fromarray(DEEP[0]).save(f / "13.png"), "found 9x6 pixels uint16"),
        (lambda f: Image.new("1", (9, 6)).save(f / "13.png"), "found PNG of mode 1"),
        (lambda f: Image.new("1", (9, 6)).save(f / "13.png"), "found PNG of mode 1"),
        (lambda f: (f / "13.png").write_bytes(b""), r"13\.png: the file must be readable"),
    ],
)
def test_an_invalid_folder_is_refused_when_opened(tmp_path, add, message):
    folder = images(tmp_path / "s", SHALLOW)
    add(folder)
    with pytest.raises(InputError, match=message):
        open_sequence(folder)


def test_hidden_files_are_ignored(tmp_path):
    folder = images(tmp_path / "s", SHALLOW)
    (folder / ".DS_Store").write_bytes(b"x")
    assert len(open_sequence(folder)) == 5


def test_a_folder_in_place_of_a_stack_is_refused(tmp_path):
    (tmp_path / "frames.npy").mkdir()
    with pytest.raises(InputError, match=r"frames\.npy: a folder of frames contains only"):
        open_sequence(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="must have frames; found an empty folder"):
        open_sequence(tmp_path)
    (tmp_path / "notes.txt").write_text("no frames")
    with pytest.raises(InputError, match="must have frames; found only documents or hidden files"):
        open_sequence(tmp_path)


def test_a_tiff_stack_among_images_is_refused(tmp_path):
    (tmp_path / "s").mkdir()
    tifffile.imwrite(tmp_path / "s" / "1.tif", DEEP)
    with pytest.raises(InputError, match="must have one page; found 5 pages"):
        open_sequence(tmp_path / "s")


def test_a_png_with_16_bits_per_colour_is_refused_since_pillow_reduces_it_to_8(tmp_path):
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width, encoder.pix_fmt = 6, 9, "rgb48be"
    encoder.time_base = Fraction(1, 25)
    colour = np.repeat(DEEP[0, ..., None], 3, axis=-1)
    frame = av.VideoFrame.from_ndarray(colour, format="rgb48le").reformat(format="rgb48be")
    packets = encoder.encode(frame)
    (tmp_path / "1.png").write_bytes(bytes((packets or encoder.encode(None))[0]))
    with pytest.raises(InputError, match=r"1\.png: .*found PNG of mode RGB, 16 bit\."):
        open_sequence(tmp_path)


def test_coloured_and_truncated_images_are_refused_when_read(tmp_path):
    colour = np.repeat(SHALLOW[..., None], 3, axis=-1).copy()
    colour[1, 2, 3, 1] ^= 1
    folder = images(tmp_path / "s", colour)
    content = (folder / "10.png").read_bytes()
    (folder / "10.png").write_bytes(content[: len(content) // 2])
    sequence = open_sequence(folder)
    sequence.frame(0)
    with pytest.raises(InputError, match=r"9\.png: .*channels must be equal; found 1 pixels"):
        sequence.frame(1)
    with pytest.raises(InputError, match=r"10\.png: the file must be readable; found OSError"):
        sequence.frame(2)


@pytest.mark.parametrize("t", [-1, 5])
def test_a_frame_out_of_range_is_an_index_error(tmp_path, t):
    np.save(tmp_path / "s.npy", SHALLOW)
    with pytest.raises(IndexError, match=f"s: frames are 0 to 4; found {t}"):
        open_sequence(tmp_path / "s.npy").frame(t)


def test_clip_frames_by_hand():
    assert clip_frames(0, 10, 1) == (0, 1, 2, 3)
    assert clip_frames(7, 10, 1) == (7, 8, 9, 6)
    assert clip_frames(9, 10, 1) == (9, 8, 7, 6)
    assert clip_frames(4, 9, 2) == (4, 6, 8, 2)


@given(st.integers(1, 7), st.integers(0, 30), st.data())
def test_every_frame_has_a_clip(stride, surplus, data):
    length = (4 if stride == 1 else 4 * stride + 1) + surplus
    t = data.draw(st.integers(0, length - 1))
    frames = clip_frames(t, length, stride)
    assert frames[0] == t and len(set(frames)) == 4
    assert all(0 <= k < length and (k - t) % stride == 0 for k in frames)


def test_a_clip_needs_enough_frames():
    with pytest.raises(InputError, match="stride 1 need 4 frames or more; found 3"):
        clip_frames(0, 3, 1)
    with pytest.raises(InputError, match="seq: clips of stride 2 need 9 frames or more; found 8"):
        clip_frames(0, 8, 2, subject="seq")
    with pytest.raises(InputError, match="stride must not be 0; found 0"):
        clip_frames(0, 8, 0)
    with pytest.raises(IndexError, match="frames are 0 to 7; found 8"):
        clip_frames(8, 8, 1)


def test_clip_stacks_its_frames(tmp_path):
    np.save(tmp_path / "s.npy", SHALLOW)
    clip = open_sequence(tmp_path / "s.npy").clip(3, stride=1)
    np.testing.assert_array_equal(clip, SHALLOW[[3, 4, 2, 1]])


def test_clips_skip_repeated_and_flat_frames():
    frames = np.repeat(RNG.integers(0, 256, (9, 32, 32), dtype=np.uint8), 2, axis=0)
    frames[6:8] = 90
    sequence = skip_repeated(as_sequence(frames))  # 0, 2, 4, 8, 10, ... are new
    assert sequence.usable.tolist() == [0, 2, 4, 8, 10, 12, 14, 16] and sequence.flat == (6, 7)
    assert sequence.clip_frames(4, 1) == (4, 8, 10, 12)
    assert sequence.clip_frames(7, 1) == sequence.clip_frames(5, 1) == (4, 8, 10, 12)
    assert sequence.clip_frames(17, 1) == (16, 14, 12, 10)
    np.testing.assert_array_equal(sequence.clip(4, 1), frames[[4, 8, 10, 12]])
    assert as_sequence(frames).clip_frames(4, 1) == (4, 5, 6, 7)
    with pytest.raises(InputError, match=r"frames \(without 10 .*stride 2 need 9 .* found 8"):
        sequence.clip(0, 2)


def test_a_sequence_is_surveyed_once():
    read = []
    frames = RNG.integers(0, 256, (6, 8, 8), dtype=np.uint8)
    sequence = as_sequence(frames)
    counted = dataclasses.replace(sequence, read=lambda t: read.append(t) or frames[t])
    skipping = skip_repeated(counted)
    assert not read and skip_repeated(skipping) is skipping
    skipping.clip_frames(0, 1), skipping.clip_frames(3, 1)
    assert read == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 5), (3, 4, 0), (4, 5)])
def test_an_array_without_frames_or_pixels_is_refused(shape):
    with pytest.raises(InputError, match="an array .T, H, W. of uint8 or uint16 that is not empty"):
        as_sequence(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("path", ["a.mp4", Path("a.mp4")])
def test_a_path_is_no_array(path):
    with pytest.raises(InputError, match=r"found the path 'a.mp4'. Open it with .*open_sequence"):
        as_sequence(path)


def test_an_array_whose_last_axis_seems_to_be_time_is_refused():
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 200, (30, 40, 1)) + rng.integers(0, 9, (30, 40, 12))
    with pytest.raises(InputError, match=r"must be time; .*\(30, 40, 12\).* Give np.moveaxis"):
        as_sequence(scene.astype(np.uint8))
    assert as_sequence(np.moveaxis(scene, 2, 0).astype(np.uint8)).shape == (12, 30, 40)


def test_an_array_may_have_any_byte_order():
    sequence = as_sequence(DEEP.astype(">u2"))
    assert sequence.dtype == np.uint16 and sequence.frame(0).dtype.isnative
    np.testing.assert_array_equal(sequence.frame(1), DEEP[1])


@pytest.mark.parametrize(
    "name",
    ["f{n:03d}_{time}", "{time}_{n}", "f{n}_e{other}_14bit", "{hour}-{time}_{n:05d}_{other}"],
)
def test_of_several_numbers_the_frames_are_ordered_by_the_one_that_counts(tmp_path, name):
    for n in range(12):
        hour, time, other = 11 + n // 8, 1700000000 + 40 * n, (7 * n) % 5
        file = tmp_path / f"{name.format(n=n + 3, time=time, hour=hour, other=other)}.png"
        Image.fromarray(np.full((6, 9), n, np.uint8)).save(file)
    sequence = open_sequence(tmp_path)
    assert [sequence.frame(t)[0, 0] for t in range(12)] == list(range(12))


def test_two_numbers_that_count_or_none_are_refused(tmp_path):
    for n in range(5):
        Image.fromarray(SHALLOW[0]).save(tmp_path / f"{n}_{n + 1}.png")
    with pytest.raises(InputError, match="must have one numbering"):
        open_sequence(tmp_path)
    for n in range(5):
        (tmp_path / f"{n}_{n + 1}.png").rename(tmp_path / f"{2 * n}_{5 * n}.png")
    with pytest.raises(InputError, match="must have one numbering"):
        open_sequence(tmp_path)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_arrays_of_python_objects_get_a_remedy_that_fits(tmp_path, save):
    path = tmp_path / f"a.{'npy' if save is np.save else 'npz'}"
    save(path, np.array([np.zeros((4, 4)), None], dtype=object))
    message = r"an array must hold numbers; found Python objects\. Save np\.stack\(frames\)"
    with pytest.raises(InputError, match=message):
        open_sequence(path)
