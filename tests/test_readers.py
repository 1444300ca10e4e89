"""Readers of files of other programs: arrays, colour images, TIFF, raw files and videos."""

import builtins
import errno
import json
import re
import struct
import sys
import warnings

import av
import numpy as np
import pytest
import tifffile
from field_layouts import frames
from PIL import Image
from scipy import io, ndimage

from dimjax.data.folders import open_folder
from dimjax.data.frame_files import Reading, readable
from dimjax.data.layouts import Layout
from dimjax.data.sequences import open_sequence
from dimjax.data.stack_files import fits_date
from dimjax.errors import InputError, Note

GREY = frames(0)  # [6, 40, 48] uint8
DEEP = GREY.astype(np.uint16) * 37 + 1000


def pixels(path, **reading):
    sequence = open_sequence(path, reading=Reading(**reading))
    return np.stack([sequence.frame(t) for t in range(len(sequence))])


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (DEEP.astype(">u2"), DEEP),
        (GREY[..., np.newaxis], GREY),
        ((DEEP.astype(np.int32) - 2000).astype(np.int16), DEEP - 2000 + 32768),
        (GREY.astype(np.int32) - 70, GREY - GREY.min()),
        (DEEP.astype(np.int64) + 10**9, DEEP - DEEP.min()),
    ],
    ids=["big-endian", "one channel", "int16", "negative int32", "int64"],
)
def test_integers_keep_their_differences(tmp_path, stored, expected):
    np.save(tmp_path / "a.npy", stored)
    np.testing.assert_array_equal(pixels(tmp_path / "a.npy"), expected)


def test_floats_have_steps_of_a_16th_of_the_noise(tmp_path):
    rng = np.random.default_rng(0)
    values = GREY / 255 + rng.normal(0, 0.02, GREY.shape)
    np.save(tmp_path / "a.npy", values.astype(np.float32))
    step = np.median([np.median(np.abs(values[t + 1] - values[t])) for t in range(5)]) / 16
    levels = pixels(tmp_path / "a.npy")
    assert levels.dtype == np.uint16 and levels.min() == 0
    np.testing.assert_allclose(levels * step + values.min(), values, atol=0.51 * step)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 0.0),
        (0, 20000.0),
        (-1, -1e9),
        ((5, 3, 3), 1e6),
        ((5, 3, 3), 1e9),
        ((slice(None), 3, 3), 1e9),
    ],
    ids=["black", "bright", "last", "pixel", "brighter pixel", "hot pixel"],
)
def test_frames_and_pixels_apart_leave_floats_their_steps(tmp_path, place, value):
    rng = np.random.default_rng(0)
    plain = 100 + 30 * rng.random((1, 40, 48)) + rng.normal(0, 0.1, (24, 40, 48))
    values = plain.copy()
    values[place] = value
    np.save(tmp_path / "a.npy", values.astype(np.float32))
    levels = pixels(tmp_path / "a.npy").astype(float)
    kept = values == plain
    noise = np.median(np.abs(np.diff(plain, axis=0)))
    step = np.polyfit(levels[kept], plain[kept], 1)[0]
    assert noise / 16.5 < step < noise / 2
    np.testing.assert_allclose(
        np.diff(levels[6:9], axis=0)[:, 9] * step,
        np.diff(plain[6:9], axis=0)[:, 9],
        atol=1.1 * step,
    )


def test_floats_have_the_same_levels_in_any_order_of_axes(tmp_path):
    scene = still_scene(12)[1:] + np.random.default_rng(0).normal(0, 0.5, (11, 24, 20))
    np.save(tmp_path / "a.npy", scene)
    np.save(tmp_path / "b.npy", np.moveaxis(scene, 0, -1))
    expected = pixels(tmp_path / "a.npy")
    np.testing.assert_array_equal(pixels(tmp_path / "b.npy", stack_axes="hwt"), expected)


def test_floats_whose_noise_would_be_lost_are_refused(tmp_path):
    values = np.random.default_rng(0).normal(0, 0.01, (6, 40, 48))
    values[:, :, 24:] += 1000  # 70,000 times the noise
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=r"at most 32767 times their noise; found -0.0.* Clip"):
        open_sequence(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.where(GREY > 100, np.nan, GREY), r"finite; found \d+ that are not in frame \d"),
        (GREY.astype(np.int64) * 10**6, "must span fewer than 65536 grey levels; found"),
        (GREY.astype(complex), "must contain real numbers; found complex128"),
        (np.stack([GREY, GREY], axis=-1), r"must have the shape \[T, H, W\]; found \(6, 40, 48, 2"),
    ],
    ids=["nan", "span", "complex", "channels"],
)
def test_numbers_that_are_no_grey_levels(tmp_path, stored, message):
    np.save(tmp_path / "a.npy", stored)
    with pytest.raises(InputError, match=message):
        open_sequence(tmp_path / "a.npy")


def test_a_stack_whose_last_axis_is_time_is_questioned(tmp_path):
    still = np.repeat(GREY[:1], 12, axis=0) + np.random.default_rng(0).integers(0, 3, (12, 40, 48))
    still = still.astype(np.uint8)
    np.save(tmp_path / "a.npy", np.moveaxis(still, 0, -1))
    message = r"first axis of a stack must be time; found shape \(40, 48, 12\), .* key stack_axes"
    with pytest.raises(InputError, match=message):
        open_sequence(tmp_path / "a.npy")
    np.testing.assert_array_equal(pixels(tmp_path / "a.npy", stack_axes="hwt"), still)
    assert open_sequence(tmp_path / "a.npy", reading=Reading(stack_axes="thw")).shape[0] == 40
    folder = open_folder(tmp_path, Layout(sequences="*.npy", labels="", stack_axes="hwt"))
    assert folder.shapes == {"a": (12, 40, 48)}


def still_scene(length, shape=(24, 20)):
    """A texture in time [T, H, W] with noise and a level that drifts, after a black frame."""
    rng = np.random.default_rng(0)
    texture = 100 + 30 * np.sin(np.arange(shape[0])[:, None] / 3) * np.cos(np.arange(shape[1]) / 4)
    scene = texture + rng.normal(0, 2, (length, *shape)) + np.arange(length)[:, None, None] / 10
    scene[0] = 0
    return np.rint(scene).astype(np.uint16)


def test_the_axis_of_time_is_found_wherever_it_is(tmp_path):
    for length in (12, 60):  # shorter and longer than rows and columns
        scene = still_scene(length)
        np.save(tmp_path / "a.npy", scene)
        np.testing.assert_array_equal(pixels(tmp_path / "a.npy"), scene)
        io.savemat(tmp_path / "a.mat", {"stack": np.moveaxis(scene, 0, -1)})
        np.testing.assert_array_equal(pixels(tmp_path / "a.mat"), scene)
        np.save(tmp_path / "b.npy", np.moveaxis(scene, 0, -1))
        message = rf"first axis .* must be time; found shape \(24, 20, {length}\), .* the last axis"
        with pytest.raises(InputError, match=message):
            open_sequence(tmp_path / "b.npy")
        np.save(tmp_path / "a.npy", np.moveaxis(scene, 0, -1))  # read before, now another file
        with pytest.raises(InputError, match="first axis .* must be time"):
            open_sequence(tmp_path / "a.npy")
        io.savemat(tmp_path / "b.mat", {"stack": scene})
        message = rf"last axis .* must be time; found shape \({length}, 24, 20\), .* the first axis"
        with pytest.raises(InputError, match=message):
            open_sequence(tmp_path / "b.mat")
        np.testing.assert_array_equal(pixels(tmp_path / "b.mat", stack_axes="thw"), scene)


def test_a_moving_camera_is_no_doubt_about_the_axes(tmp_path):
    ground = still_scene(2, (24, 400))[1]
    for step in (1, 3):  # pixels per frame
        moving = np.stack([ground[:, step * t : step * t + 20] for t in range(100)])
        np.save(tmp_path / "a.npy", moving)
        np.testing.assert_array_equal(pixels(tmp_path / "a.npy"), moving)


def test_npz_and_mat_stacks(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", frames=DEEP, fps=25)
    np.testing.assert_array_equal(pixels(tmp_path / "a.npz"), DEEP)
    io.savemat(tmp_path / "a.mat", {"stack": np.moveaxis(DEEP, 0, -1)})
    np.testing.assert_array_equal(pixels(tmp_path / "a.mat"), DEEP)
    np.savez(tmp_path / "b.npz", one=DEEP, two=DEEP)
    np.savez(tmp_path / "each.npz", *GREY)
    with pytest.raises(InputError, match="found arr_0, arr_1, arr_2, arr_3 and 2 more. Save"):
        open_sequence(tmp_path / "each.npz")
    cells = np.empty((1, len(DEEP)), object)
    cells[0, :] = list(DEEP)
    io.savemat(tmp_path / "cells.mat", {"frames": cells})
    with pytest.raises(InputError, match="must hold numbers; found cells or structures. Save cat"):
        open_sequence(tmp_path / "cells.mat")
    io.savemat(tmp_path / "four.mat", {"frames": np.moveaxis(DEEP, 0, -1)[:, :, np.newaxis]})
    with pytest.raises(
        InputError, match=r"\[H, W, T\]; found \(40, 48, 1, 6\). .* row, column, ti"
    ):
        open_sequence(tmp_path / "four.mat")
    with pytest.raises(InputError, match="must contain one array of frames; found one, two"):
        open_sequence(tmp_path / "b.npz")


def test_a_folder_of_mat_clips_is_read_by_their_last_frames(tmp_path):
    for t in range(len(GREY)):
        clip = np.stack([GREY[max(0, t - 4 + k)] for k in range(5)])
        io.savemat(tmp_path / f"{t + 1:05d}.mat", {"Mix": clip})
    np.testing.assert_array_equal(pixels(tmp_path), GREY)
    assert open_sequence(tmp_path).names[0] == "00001.mat"


def test_raw_files_with_sidecars(tmp_path):
    file = tmp_path / "a.raw"
    file.write_bytes(b"head" + DEEP.astype(">u2").tobytes())
    with pytest.raises(InputError, match=r"needs a sidecar, a\.json or a\.hdr; found none"):
        open_sequence(file)
    form = {"width": 48, "height": 40, "dtype": "uint16", "byte_order": "big", "header_bytes": 4}
    (tmp_path / "a.json").write_text(json.dumps(form))
    np.testing.assert_array_equal(pixels(file), DEEP)
    (tmp_path / "a.json").write_text(json.dumps(form | {"frames": 7}))
    with pytest.raises(InputError, match="must hold 7 frames of 48x40 .*; found 6.000. Correct a"):
        open_sequence(file)
    for wrong in ({"width": 0}, {"width": True}, {"height": 40.0}, {"width": -48, "height": -40},
                  {"dtype": "U0"}, {"header_bytes": -1}, {"header_bytes": True},
                  {"header_bytes": 10**30}, {"header_bytes": 4.5}, {"frames": 0}):  # fmt: skip
        (tmp_path / "a.json").write_text(json.dumps(form | wrong))
        with pytest.raises(
            InputError, match=r"a\.json: width, height and frames must be whole num"
        ):
            open_sequence(file)
    (tmp_path / "a.json").unlink()
    header = "ENVI\nsamples = 48\nlines = 40\nbands = 6\nheader offset = 4\ndata type = 12\n"
    (tmp_path / "a.hdr").write_text(f"{header}interleave = bsq\nbyte order = 1\n")
    np.testing.assert_array_equal(pixels(file), DEEP)
    (tmp_path / "a.hdr").write_text(f"{header}interleave = bil\n")
    with pytest.raises(InputError, match="interleave must be bsq, one band per frame; found bil"):
        open_sequence(file)


def test_the_byte_order_and_the_bits_of_a_raw_file(tmp_path):
    file, form = tmp_path / "a.raw", {"width": 48, "height": 40, "dtype": ">u2"}

    def read(**keys):
        (tmp_path / "a.json").write_text(json.dumps(form | keys))
        return pixels(file)

    file.write_bytes(DEEP.astype(">u2").tobytes())
    np.testing.assert_array_equal(read(), DEEP)
    np.testing.assert_array_equal(read(byte_order="big", fps=25.0), DEEP)
    with pytest.raises(InputError, match="dtype and byte_order must agree; found >u2 and little"):
        read(byte_order="little")
    most = int(DEEP.max())
    assert 2**12 <= most < 2**13
    np.testing.assert_array_equal(read(bits=13), DEEP)
    with pytest.raises(InputError, match=r"a.raw frame 0: .* below 4096, the 12 bits of a.json"):
        read(bits=12)
    for wrong in ({"bits": 17}, {"bits": 0}, {"bits": 12.0}, {"bits": 14, "dtype": ">f4"}):
        with pytest.raises(InputError, match="bits must be a whole number above 0"):
            read(**wrong)
    file.write_bytes((DEEP - 5000).astype(">i2").tobytes())
    assert read(bits=13, dtype=">i2").max() == most - 5000 + 2**15
    with pytest.raises(InputError, match=f"below 1024, .*; found {DEEP[0].max() - 5000}"):
        read(bits=10, dtype=">i2")


def test_raw_files_in_the_other_byte_order_are_noticed(tmp_path):
    rng = np.random.default_rng(0)
    scene = 1000 + 40 * np.arange(48) + rng.normal(0, 8, (6, 40, 48))  # steps of 40 levels
    levels = scene.astype("<u2")
    file, header = tmp_path / "a.raw", "samples = 48\nlines = 40\nbands = 6\ndata type = 12\n"

    def read(sidecar, pixels_of_file):
        for old in tmp_path.iterdir():
            old.unlink()
        file.write_bytes(pixels_of_file.tobytes())
        name = "a.json" if sidecar.startswith("{") else "a.hdr"
        (tmp_path / name).write_text(sidecar)
        return pixels(file)

    form = '{"width": 48, "height": 40, "dtype": "uint16"'
    big = levels.astype(">u2")
    message = r"found a mean difference of \d\d,\d{3} grey levels in little, of \d\d in big"
    with pytest.raises(InputError, match=rf"{message} .* Write \"byte_order\": \"big\" in a.json,"):
        read(form + "}", big)
    with pytest.raises(InputError, match="Write byte order = 1 in a.hdr, or byte order = 0 if"):
        read(header, big)
    with pytest.raises(InputError, match="in big byte order"):
        read(form.replace("uint16", "int16") + "}", (scene - 2000).astype(">i2"))
    with pytest.warns(Note, match="in big, of .* in little byte order"):
        read(form + ', "byte_order": "big"}', levels)
    np.testing.assert_array_equal(read(header + "byte order = 1\n", big), levels)
    noise = rng.integers(0, 1 << 16, levels.shape).astype("<u2")
    upper = (levels // 16 % 256 << 8).astype("<u2")  # 8 bit in the upper byte
    for right in (levels, levels * 16, noise, upper, upper // 256, (upper // 256) * 257):
        np.testing.assert_array_equal(read(form + "}", right), right)


@pytest.mark.parametrize(
    ("width", "height", "dtype", "found"),
    [
        (120, 96, "uint16", None),
        (96, 120, "uint16", "rows of 120 pixels, since those of 96 are not alike"),
        (240, 48, "uint16", "rows of 120 pixels, since those of 240 are not alike"),
        (120, 96, "uint8", "numbers of 16 bit, since every second byte is alike"),
    ],
)
def test_raw_frames_that_seem_to_have_another_shape_are_noted(
    tmp_path, width, height, dtype, found
):
    rng = np.random.default_rng(0)
    scene = 1000 + 3000 * ndimage.gaussian_filter(rng.normal(size=(96, 120)), 6.0)
    stack = (scene + rng.normal(0, 20, (4, 96, 120))).astype("<u2")
    (tmp_path / "a.raw").write_bytes(stack.tobytes())
    sidecar = {"width": width, "height": height, "dtype": dtype, "byte_order": "little"}
    (tmp_path / "a.json").write_text(json.dumps(sidecar))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_sequence(tmp_path / "a.raw")
    notes = [str(it.message) for it in caught]
    assert [f"found {found}. Correct width" in note for note in notes] == [True] * (
        found is not None
    )


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        (
            "a.json",
            '{"width": 48, "byteorder": "big"}',
            "keys of a sidecar are .*; found byteorder",
        ),
        ("a.json", '{"width": 48, "width": 64}', "a key must be given once; found width"),
        ("a.hdr", "samples = 48\nSamples = 64", "a key must be given once; found samples"),
        ("a.hdr", "byte order = 7", "must be readable; found KeyError: '7'"),
        (
            "a.hdr",
            "samples = 48\nfile compression = 1",
            "compression must be 0, frames as they are; found 1. Unpack the file",
        ),
    ],
)
def test_what_a_sidecar_says_is_not_ignored(tmp_path, name, text, rule):
    (tmp_path / "a.raw").write_bytes(DEEP.tobytes())
    header = (
        "ENVI\ndescription = {\n lines = 5, samples = 6}\nlines = 40\nbands = 6\ndata type = 12\n"
    )
    (tmp_path / name).write_text(f"{header}{text}\n" if name == "a.hdr" else text)
    with pytest.raises(InputError, match=f"a.(json|hdr): .*{rule}"):
        open_sequence(tmp_path / "a.raw")
    (tmp_path / name).unlink()
    (tmp_path / "a.hdr").write_text(f"{header}samples = 48\n")
    np.testing.assert_array_equal(pixels(tmp_path / "a.raw"), DEEP)


def test_a_shape_beyond_all_numbers_is_refused_in_one_line(tmp_path):
    header = "{'descr': '<u2', 'fortran_order': False, 'shape': (1000000000000, 1000000000, 9000)}"
    size = len(header) + 1
    start = b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little")
    (tmp_path / "a.npy").write_bytes(start + header.encode() + b"\n" + bytes(64))
    with pytest.raises(InputError, match=r"a\.npy: the file must be readable"):
        open_sequence(tmp_path / "a.npy")


def test_half_precision_gives_the_levels_of_single_precision(tmp_path):
    frames = 1 + np.random.default_rng(0).normal(0, 0.01, (6, 40, 48))
    frames[:, 10:13, 10:13] = 200  # more than 65,536 steps of the noise above the others
    np.save(tmp_path / "half.npy", frames.astype(np.float16))
    np.save(tmp_path / "single.npy", frames.astype(np.float16).astype(np.float32))
    half, single = (pixels(tmp_path / f"{name}.npy") for name in ("half", "single"))
    np.testing.assert_array_equal(half, single)
    assert half[0, 10, 10] == 65535 and half[0, 0, 0] < 50


def colour(*levels):
    """A frame with these additions to the channels."""
    return np.stack([GREY[0] + level for level in levels], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("red", 1), ("green", 5), ("blue", 3), ("luma", 4)],  # 0.299 + 2.935 + 0.342 = 3.576
)
def test_a_channel_of_colour_images(tmp_path, channel, expected):
    Image.fromarray(colour(1, 5, 3)).save(tmp_path / "0.png")
    with pytest.raises(
        InputError, match="1920 pixels where they differ. Choose one with the key ch"
    ):
        pixels(tmp_path)
    np.testing.assert_array_equal(pixels(tmp_path, channel=channel)[0], GREY[0] + expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_is_ignored(tmp_path, mode):
    image = Image.fromarray(GREY[0]).convert(mode)
    image.save(tmp_path / "0.png")
    np.testing.assert_array_equal(pixels(tmp_path)[0], GREY[0])
    image.putalpha(Image.fromarray(GREY[1]))
    image.save(tmp_path / "0.png")
    with pytest.raises(InputError, match="a frame must be opaque; found pixels of different trans"):
        pixels(tmp_path)


def test_jpeg_and_documents_in_a_folder_of_frames(tmp_path):
    for t in range(3):
        Image.fromarray(GREY[t]).save(tmp_path / f"{t}.jpg", quality=100)
    (tmp_path / "IR_label.json").write_text("{}")
    assert np.abs(pixels(tmp_path).astype(int) - GREY[:3]).max() <= 3
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(GREY[0]).save(tmp_path / "3.jpg", exif=exif)
    with pytest.raises(InputError, match=r"3\.jpg: an image must be stored as .* orientation 6"):
        open_sequence(tmp_path)


def test_tiff_of_lzw_without_a_further_package(tmp_path):
    for t in range(3):
        image = Image.fromarray(DEEP[t])
        image.save(tmp_path / f"{t}.tiff", compression="tiff_lzw")
    np.testing.assert_array_equal(pixels(tmp_path), DEEP[:3])
    first = Image.fromarray(DEEP[0])
    rest = [Image.fromarray(frame) for frame in DEEP[1:]]
    stack = tmp_path / "stack.tif"
    first.save(stack, compression="tiff_lzw", save_all=True, append_images=rest)
    np.testing.assert_array_equal(pixels(stack), DEEP)


def test_tiff_of_other_types_and_axes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", DEEP.astype(np.int16), photometric="minisblack")
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), DEEP + 32768)
    tifffile.imwrite(tmp_path / "b.tif", DEEP, imagej=True)
    np.testing.assert_array_equal(pixels(tmp_path / "b.tif"), DEEP)
    two = np.stack([DEEP, DEEP], axis=1)
    tifffile.imwrite(tmp_path / "c.tif", two, imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(InputError, match=r"not in channel or position; found axes TCYX of shape"):
        open_sequence(tmp_path / "c.tif")
    tifffile.imwrite(tmp_path / "d.tif", DEEP[0], extratags=[(274, "H", 1, 3, True)])
    with pytest.raises(InputError, match="an image must be stored as it is shown; found orienta"):
        open_sequence(tmp_path / "d.tif")


def video(path, form="gray", stack=GREY, streams=1, stored=None, codec="ffv1"):
    with av.open(str(path), "w") as container:
        made = [container.add_stream(codec, rate=25) for _ in range(streams)]
        for stream in made:
            stream.width, stream.height, stream.pix_fmt = 48, 40, stored or form
        for frame in stack:
            for stream in made:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=form)))
        for stream in made:
            container.mux(stream.encode())


def test_videos_in_mkv(tmp_path):
    video(tmp_path / "a.mkv")
    np.testing.assert_array_equal(pixels(tmp_path / "a.mkv"), GREY)
    video(tmp_path / "b.mkv", "gray16le", DEEP)
    np.testing.assert_array_equal(pixels(tmp_path / "b.mkv"), DEEP)


def test_two_streams_of_a_video_are_named(tmp_path):
    video(tmp_path / "a.mkv", streams=2)
    message = (
        r"one video stream; found 0: 48x40 ffv1, 1: 48x40 ffv1. Copy one: ffmpeg -i a.mkv -map"
    )
    with pytest.raises(InputError, match=message):
        open_sequence(tmp_path / "a.mkv")


def test_a_video_of_a_camera_that_hung_upside_down_is_refused(tmp_path):
    """PyAV writes no display matrix: that in the header of the MP4 file is replaced."""
    video(tmp_path / "a.mp4", codec="mpeg4", stored="yuv420p")
    header = bytearray((tmp_path / "a.mp4").read_bytes())
    matrix = header.index(b"tkhd") + 44
    assert struct.unpack_from(">i", header, matrix) == (0x10000,)
    struct.pack_into(">5i", header, matrix, -0x10000, 0, 0, 0, -0x10000)
    (tmp_path / "a.mp4").write_bytes(header)
    with pytest.raises(InputError, match="a video must be stored as it is shown; found a display"):
        open_sequence(tmp_path / "a.mp4")


def test_a_tiff_that_is_shown_turned_is_refused(tmp_path):
    for t in range(3):
        name = tmp_path / f"{t}.tif"
        tifffile.imwrite(name, GREY[t], extratags=[(274, 3, 1, 3, True)])
    with pytest.raises(InputError, match=r"0\.tif: an image must be stored as .* orientation 3"):
        open_sequence(tmp_path)


def test_a_tiff_with_a_strip_of_no_bytes_is_refused(tmp_path):
    """Its pixels would be read from the header of the file."""
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        for name in ("StripOffsets", "StripByteCounts"):
            tiff.pages[1].tags[name].overwrite(0)
    with pytest.raises(InputError, match="each strip of a page must lie in the file; found a str"):
        open_sequence(tmp_path / "a.tif")


def test_a_tiff_of_two_positions_is_questioned(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=True) as tiff:
        for part in (GREY[:4], GREY[4:8]):
            tiff.write(part, photometric="minisblack", metadata={"axes": "TYX"})
    with pytest.raises(InputError, match=r"a\.tif: .*2 series|a\.tif: .*series"):
        open_sequence(tmp_path / "a.tif")


@pytest.mark.parametrize(("layout", "first"), [("yuyv422", 0), ("uyvy422", 1)])
def test_the_remedy_for_interleaved_video_keeps_every_level(tmp_path, layout, first):
    """Grabbers store the levels 0 to 255 between two colours; other formats stretch or cut them."""
    line = np.full(512, 128, np.uint8)
    line[first::2] = np.arange(256)
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 8, layout
        frame = av.VideoFrame(256, 8, layout)
        frame.planes[0].update(np.tile(line, 8).tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="Convert it without loss: ffmpeg") as caught:
        open_sequence(tmp_path / "a.avi")
    (chosen,) = re.findall(r"-pix_fmt (\w+)", str(caught.value))
    with av.open(str(tmp_path / "a.avi")) as container:
        (frame,) = container.decode(video=0)
        plane = np.frombuffer(frame.reformat(format=chosen).planes[0], np.uint8)
    np.testing.assert_array_equal(plane.reshape(8, -1)[:, :256], np.tile(np.arange(256), (8, 1)))


@pytest.mark.parametrize(("name", "extra"), [("a.fits", "fits"), ("a.h5", "hdf5")])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, name, extra):
    imported = builtins.__import__

    def without(module, *args, **kwargs):
        if module.split(".")[0] in ("astropy", "h5py"):
            raise ImportError(module)
        return imported(module, *args, **kwargs)

    for module in list(sys.modules):
        if module.split(".")[0] in ("astropy", "h5py"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr("importlib.import_module", without)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=rf"the extra {extra} must be installed .*dimjax\[{extra}"):
        open_sequence(tmp_path / name)


def test_fits_rows_run_upwards(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    fits.PrimaryHDU(DEEP).writeto(tmp_path / "cube.fits")
    np.testing.assert_array_equal(pixels(tmp_path / "cube.fits"), DEEP[:, ::-1])
    (tmp_path / "night").mkdir()
    for t in range(3):
        fits.PrimaryHDU(DEEP[t, ::-1]).writeto(tmp_path / f"night/{t}.fits")
    np.testing.assert_array_equal(pixels(tmp_path / "night"), DEEP[:3])
    image = fits.CompImageHDU(DEEP[0])
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "one.fits.fz")
    assert open_sequence(tmp_path / "one.fits.fz").shape == (1, 40, 48)


def test_fits_rows_run_as_the_header_says(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    (tmp_path / "night").mkdir()
    for name, order in (("0", "TOP-DOWN"), ("1", "bottom-up"), ("2", "LEFT")):
        image = fits.PrimaryHDU(DEEP[0])
        image.header["ROWORDER"] = order
        image.writeto(tmp_path / f"{name}.fits")
        image.writeto(tmp_path / f"night/{name}.fits")
    np.testing.assert_array_equal(pixels(tmp_path / "0.fits"), DEEP[:1])
    np.testing.assert_array_equal(pixels(tmp_path / "1.fits"), DEEP[:1, ::-1])
    with pytest.raises(InputError, match="ROWORDER must be BOTTOM-UP or TOP-DOWN; found LEFT"):
        open_sequence(tmp_path / "2.fits")
    (tmp_path / "night/2.fits").unlink()
    np.testing.assert_array_equal(pixels(tmp_path / "night"), [DEEP[0], DEEP[0, ::-1]])


def test_fits_images_of_a_night(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    signed = (DEEP.astype(np.int32) - 2000).astype(np.int16)
    for t in range(3):
        image = fits.CompImageHDU(signed[t])
        image.header["DATE-OBS"] = f"2026-01-01T00:00:0{t}"
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / f"img_{t}.fits.fz")
    np.testing.assert_array_equal(pixels(tmp_path), signed[:3, ::-1] + np.int32(2**15))
    assert fits_date(tmp_path / "img_1.fits.fz") == "2026-01-01T00:00:01"
    fits.PrimaryHDU(DEEP[0]).writeto(tmp_path / "a.fits")
    assert fits_date(tmp_path / "a.fits") == ""
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.zeros(3))])
    fits.HDUList([fits.PrimaryHDU(DEEP), table]).writeto(tmp_path / "table.fits")
    assert open_sequence(tmp_path / "table.fits").shape == DEEP.shape
    fits.HDUList([fits.PrimaryHDU(DEEP), fits.ImageHDU(DEEP)]).writeto(tmp_path / "two.fits")
    with pytest.raises(InputError, match="must contain one array of frames; found 0, 1"):
        open_sequence(tmp_path / "two.fits")


def test_hdf5_and_mat_7_3(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["frames"], file["times"] = DEEP, np.arange(6)
    np.testing.assert_array_equal(pixels(tmp_path / "a.h5"), DEEP)
    with h5py.File(tmp_path / "b.mat", "w", userblock_size=512) as file:
        file["frames"] = DEEP.transpose(0, 2, 1)
    with (tmp_path / "b.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    np.testing.assert_array_equal(pixels(tmp_path / "b.mat"), DEEP)
    with h5py.File(tmp_path / "b.mat", "r+") as file:  # by a program that reverses no axes
        del file["frames"]
        file["frames"] = DEEP
    np.testing.assert_array_equal(pixels(tmp_path / "b.mat", stack_axes="thw"), DEEP)
    with h5py.File(tmp_path / "b.mat", "r+") as file:
        file["frames"].attrs["MATLAB_class"] = np.bytes_("uint16")
    with pytest.raises(InputError, match=r"version 7.3 must be \[H, W, T\]; found thw"):
        open_sequence(tmp_path / "b.mat", reading=Reading(stack_axes="thw"))


def test_sidecars_are_no_sequences(tmp_path):
    folder = tmp_path / "sequences"
    folder.mkdir()
    for name in ("a.raw", "a.json", "b.img", "b.hdr"):
        (folder / name).write_bytes(b"")
    assert open_folder(tmp_path).names == ["a", "b"]
    (folder / "notes.json").write_bytes(b"")
    with pytest.raises(InputError, match="notes.json: .* must match folders or files of type"):
        open_folder(tmp_path)


def test_tiff_images_of_signed_numbers_and_floats(tmp_path):
    for t, frame in enumerate(DEEP):
        for kind, pixels_of in (("signed", frame.astype("i2")), ("float", frame / np.float32(4))):
            (tmp_path / kind).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / kind / f"{t}.tif", pixels_of, photometric="minisblack")
    np.testing.assert_array_equal(pixels(tmp_path / "signed"), DEEP + np.uint16(2**15))
    levels = pixels(tmp_path / "float")
    assert levels.dtype == np.uint16
    gain, _ = np.polyfit(DEEP.ravel().astype(float), levels.ravel(), 1)
    rest = levels / gain - DEEP
    assert np.ptp(rest) < 2 / gain


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (MemoryError(), "Raise the limit with `ulimit -v`, or use a machine with more memory."),
        (OSError(errno.ENOMEM, "no memory"), "Raise the limit with `ulimit -v`"),
        (OSError(errno.EMFILE, "too many files"), "Raise the limit with `ulimit -n`."),
        (OSError(errno.EACCES, "no access"), "Change its permissions."),
        (OSError(errno.EIO, "a bad block"), "Copy it again from its source."),
        (ValueError("a wrong header"), "Copy it again from its source."),
    ],
)
def test_a_file_is_not_blamed_for_limits_of_the_system(error, remedy):
    with pytest.raises(InputError) as caught, readable("a.npy"):
        raise error
    assert f"a.npy: the file must be readable; found {type(error).__name__}" in str(caught.value)
    assert remedy in str(caught.value)
