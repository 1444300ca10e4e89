"""Files that users of other programs had trouble with: read exactly, or refused with a remedy."""

import re
import struct
import uuid

import numpy as np
import pytest
import tifffile

from dimjax.data.csv_files import read_columns
from dimjax.data.folders import open_folder
from dimjax.data.layouts import Layout
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError

RNG = np.random.default_rng(0)


def chunk(tag: bytes, content: bytes) -> bytes:
    return tag + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


def palette_avi(path, pixels, colours):
    """Write an uncompressed AVI of palette indices, as frame grabbers do."""
    length, height, width = pixels.shape
    size = height * width
    palette = b"".join(bytes((*colour[::-1], 0)) for colour in colours)
    main = struct.pack("<14I", 40000, size * 25, 0, 16, length, 0, 1, size, width, height, *[0] * 4)
    stream = b"vids" + bytes(4)
    stream += struct.pack("<IHHIIIIIIIIHHHH", 0, 0, 0, 0, 1, 25, 0, length, size, 2**32 - 1, size,
                          0, 0, width, height)  # fmt: skip
    bitmap = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, size, 0, 0, 256, 0) + palette
    header = chunk(b"avih", main)
    header += chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", bitmap))
    movie = b"".join(chunk(b"00db", frame[::-1].tobytes()) for frame in pixels)  # bottom-up
    parts = chunk(b"LIST", b"hdrl" + header) + chunk(b"LIST", b"movi" + movie)
    path.write_bytes(chunk(b"RIFF", b"AVI " + parts))
    return path


def test_a_video_with_a_grey_palette_is_read_exactly(tmp_path):
    pixels = RNG.integers(0, 256, (3, 48, 64)).astype(np.uint8)
    inverted = [(255 - k,) * 3 for k in range(256)]
    sequence = open_sequence(palette_avi(tmp_path / "a.avi", pixels, inverted))
    assert sequence.dtype == np.uint8
    np.testing.assert_array_equal([sequence.frame(t) for t in range(3)], 255 - pixels)


def test_a_video_with_a_palette_of_colours_is_refused(tmp_path):
    pixels = RNG.integers(0, 256, (3, 48, 64)).astype(np.uint8)
    colours = [(k, 255 - k, 7) for k in range(256)]
    sequence = open_sequence(palette_avi(tmp_path / "a.avi", pixels, colours))
    with pytest.raises(InputError, match=r"a\.avi frame 0: .*equal"):
        sequence.frame(0)


def write_split_ome_tiff(folder, second="cam_1.ome.tif"):
    """Write an OME-TIFF of 4 frames, split over 2 files; return its frames."""
    stack = RNG.integers(0, 4000, (4, 10, 12)).astype(np.uint16)
    names = ("cam_0.ome.tif", second)
    planes = "".join(
        f'<TiffData FirstT="{t}" IFD="{t % 2}" PlaneCount="1">'
        f'<UUID FileName="{names[t // 2]}">urn:uuid:{uuid.UUID(int=t // 2 + 1)}</UUID>'
        "</TiffData>"
        for t in range(4)
    )
    for k in range(2):
        xml = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{uuid.UUID(int=k + 1)}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYCZT" Type="uint16" SizeX="12" SizeY="10" SizeC="1" SizeZ="1" '
            f'SizeT="4"><Channel ID="Channel:0:0"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            folder / f"cam_{k}.ome.tif", stack[2 * k : 2 * k + 2], photometric="minisblack",
            metadata=None, description=xml,
        )  # fmt: skip
    return stack


def test_an_ome_tiff_of_several_files_is_one_sequence(tmp_path):
    stack = write_split_ome_tiff(tmp_path)
    sequence = open_sequence(tmp_path / "cam_0.ome.tif")
    np.testing.assert_array_equal([sequence.frame(t) for t in range(4)], stack)
    layout = Layout(sequences="*.ome.tif", labels="", splits={})
    assert open_folder(tmp_path, layout).names == ["cam_0.ome"]


def test_a_later_or_missing_file_of_an_ome_tiff_is_named(tmp_path):
    write_split_ome_tiff(tmp_path)
    with pytest.raises(InputError, match=r"cam_1\.ome\.tif: .*first file; found a part of cam_0"):
        open_sequence(tmp_path / "cam_1.ome.tif")
    (tmp_path / "cam_1.ome.tif").rename(tmp_path / "moved.tif")
    with pytest.raises(InputError, match=r"lie beside it; found no cam_1\.ome\.tif"):
        open_sequence(tmp_path / "cam_0.ome.tif")


@pytest.mark.parametrize("name", ["../cam_1.ome.tif", "/tmp/cam_1.ome.tif", ".."])
def test_an_ome_tiff_opens_no_file_of_another_folder(tmp_path, name):
    write_split_ome_tiff(tmp_path, name)
    with pytest.raises(InputError, match=f"must lie beside it; found the file {re.escape(name)}"):
        open_sequence(tmp_path / "cam_0.ome.tif")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_separators_are_named(tmp_path, mark):
    file = tmp_path / "labels.csv"
    file.write_text(f"frame{mark}x{mark}y\n0{mark}1,5{mark}2,5\n")
    with pytest.raises(InputError, match=r"line 1: fields must be separated by commas; found 'fra"):
        read_columns(file, ("frame", "x", "y"))


def test_a_folder_of_videos_is_no_folder_of_frames(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match="videos and stacks are sequences themselves, in the fol"):
        open_sequence(tmp_path)


@pytest.mark.parametrize("name", ["a.seq", "a.fff", "a.csq"])
def test_recordings_of_flir_are_refused_with_a_way_to_convert_them(tmp_path, name):
    (tmp_path / name).write_bytes(b"FFF\0")
    with pytest.raises(InputError, match=rf"{name}: .*found a recording of FLIR\. .*flirpy"):
        open_sequence(tmp_path / name)
