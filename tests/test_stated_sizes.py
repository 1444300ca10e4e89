"""Sizes and places that files of arrays state: nothing outside is read, no memory is exhausted."""

import importlib
import io
import struct
import warnings
import zipfile

import numpy as np
import pytest
import tifffile
from field_layouts import frames
from scipy.io import savemat

from dimjax.data.frame_files import Reading
from dimjax.data.layouts import Layout
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError

DEEP = frames(0).astype(np.uint16) * 37 + 1000  # [6, 40, 48]


def save_npz(path, shape, pixels):
    """A .npz file with one array, of a header and of pixels that may not fit it."""
    member = io.BytesIO()
    header = {"descr": "<u2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as arrays:
        arrays.writestr("frames.npy", member.getvalue() + pixels)


@pytest.mark.parametrize(
    "shape", [(7, 40, 48), (5, 40, 48), (10**6, 10**4, 10**4)], ids=["more", "less", "terabytes"]
)
def test_an_archive_without_the_array_of_its_header_is_refused(tmp_path, shape):
    save_npz(tmp_path / "a.npz", DEEP.shape, DEEP.tobytes())
    assert open_sequence(tmp_path / "a.npz").shape == DEEP.shape
    save_npz(tmp_path / "a.npz", shape, DEEP.tobytes())
    with pytest.raises(InputError, match=r"a\.npz: the file must hold the array of its header; fo"):
        open_sequence(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["frames.npy", "frames"])
def test_an_archive_with_two_arrays_of_one_name_is_refused(tmp_path, name):
    save_npz(tmp_path / "a.npz", DEEP.shape, DEEP.tobytes())
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as arrays, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the double name
        arrays.writestr(name, arrays.read("frames.npy"))
    with pytest.raises(
        InputError, match=r"a\.npz: each array must have a name of its own; found f"
    ):
        open_sequence(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.npz", "a.mat", "a.fits", "a.fits.fz"])
def test_an_array_beyond_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch, name):
    def fail(*_, **__):
        raise AssertionError("the pixels were read")

    if "fits" in name:
        fits = pytest.importorskip("astropy.io.fits")
        image = fits.CompImageHDU(DEEP[0]) if name.endswith("z") else fits.PrimaryHDU(DEEP)
        image.writeto(tmp_path / name)
    elif name == "a.npz":
        np.savez_compressed(tmp_path / name, DEEP)
        monkeypatch.setattr(np.lib.format, "read_array", fail)
    else:
        savemat(tmp_path / name, {"frames": np.moveaxis(DEEP, 0, -1)}, do_compression=True)
        monkeypatch.setattr("scipy.io.loadmat", fail)
    layout = Layout(sequences=name, max_stack_bytes=DEEP[0].nbytes - 1)
    rule = "an array that is read whole must have at most 3,839 bytes; found .* Save the frames as"
    with pytest.raises(InputError, match=f"{rule}.* or raise the key max_stack_bytes"):
        open_sequence(tmp_path / name, reading=layout.reading)


@pytest.mark.parametrize(
    ("stored", "keys", "itemsize"),
    [
        ("u1", {}, 1),
        ("i2", {}, 2),
        ("u2", {}, 2),
        ("f4", {}, 4),
        ("u1", {"BSCALE": 1.5}, 4),
        ("i2", {"BZERO": 3}, 4),
        ("i2", {"BLANK": -1}, 4),
        ("i4", {"BSCALE": 1.5}, 8),
    ],
)
def test_numbers_of_fits_count_as_they_are_read(tmp_path, stored, keys, itemsize):
    fits = pytest.importorskip("astropy.io.fits")
    file, size = tmp_path / "a.fits", DEEP.size * itemsize
    fits.PrimaryHDU((DEEP % 200).astype(stored)).writeto(file)
    for key, value in keys.items():
        fits.setval(file, key, value=value)
    open_sequence(file, reading=Reading(max_stack_bytes=size))
    with pytest.raises(InputError, match=f"must have at most {size - 1:,} bytes; found {size:,}"):
        open_sequence(file, reading=Reading(max_stack_bytes=size - 1))


@pytest.mark.parametrize("kind", ["zipfile", "gzip", "bz2", "lzma"])
def test_a_packed_fits_file_is_refused(tmp_path, kind):
    fits = pytest.importorskip("astropy.io.fits")
    file = tmp_path / "a.fits"
    fits.PrimaryHDU(DEEP).writeto(file)
    content, module = file.read_bytes(), importlib.import_module(kind)
    if kind == "zipfile":
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("b.fits", content)
    else:
        file.write_bytes(module.compress(content))
    with pytest.raises(InputError, match=r"a\.fits: a FITS file must not be packed as a whole; f"):
        open_sequence(file)


def test_a_fits_file_that_is_cut_off_has_one_error(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    file = tmp_path / "a.fits"
    fits.PrimaryHDU(DEEP).writeto(file)
    file.write_bytes(file.read_bytes()[:9000])
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        with pytest.raises(InputError, match=r"a\.fits: the file must be readable; .* too small"):
            open_sequence(file)
    assert not noted


@pytest.mark.parametrize("codec", ["zlib", "lzma"])
def test_a_strip_that_unpacks_to_more_than_its_page_is_refused(tmp_path, monkeypatch, codec):
    monkeypatch.setattr("dimjax.data.tiff_strips.MOST_UNPACKED", 10_000)
    name = tmp_path / "a.tif"
    options = {"compression": codec, "photometric": "minisblack", "metadata": None}
    tifffile.imwrite(name, DEEP, **options)
    assert open_sequence(name).frame(5).tolist() == DEEP[5].tolist()
    with tifffile.TiffFile(name) as opened:
        tags = opened.pages[1].tags
        places = [tags[key].valueoffset for key in ("StripOffsets", "StripByteCounts")]
    content = bytearray(name.read_bytes())
    strip = importlib.import_module(codec).compress(bytes(10**8))
    for place, value in zip(places, (len(content), len(strip)), strict=True):
        struct.pack_into("<I", content, place, value)
    name.write_bytes(content + strip)
    rule = "a strip must unpack to at most 10,000 bytes; found more, in a page of 3,840 bytes"
    with pytest.raises(InputError, match=rf"a\.tif page 1: {rule}"):
        open_sequence(name).frame(1)


@pytest.mark.parametrize("kind", ["external", "virtual", "link", "chunks", "contiguous"])
def test_an_array_that_is_not_in_its_file_is_refused(tmp_path, kind):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(DEEP.tobytes())
    with h5py.File(tmp_path / "outside" / "other.h5", "w") as file:
        file["frames"] = DEEP
    rule = "an array must be stored in its own file; found /x in others"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if kind == "external":
            place = [(str(tmp_path / "outside" / "secret"), 0, DEEP.nbytes)]
            file.create_dataset("x", DEEP.shape, DEEP.dtype, external=place)
        elif kind == "virtual":
            layout = h5py.VirtualLayout(DEEP.shape, DEEP.dtype)
            layout[:] = h5py.VirtualSource(tmp_path / "outside/other.h5", "frames", DEEP.shape)
            file.create_virtual_dataset("x", layout)
        elif kind == "link":
            file["x"] = h5py.ExternalLink(str(tmp_path / "outside" / "other.h5"), "frames")
            rule = "it must contain one array of frames; found none"
        else:
            chunks = (1, 40, 48) if kind == "chunks" else None
            stored = file.create_dataset("x", (10**6, 40, 48), DEEP.dtype, chunks=chunks)
            if chunks:
                stored[:6] = DEEP
            rule = r"all [\d,]+ (chunks|bytes) of /x must be stored; found [06]\. Save only the"
    with pytest.raises(InputError, match=rule):
        open_sequence(tmp_path / "a.h5")


def test_compressed_arrays_are_complete(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=DEEP, chunks=(4, 32, 48), compression="gzip")
    assert np.array_equal(open_sequence(tmp_path / "a.h5").frame(5), DEEP[5])


def test_packed_chunks_of_more_pixels_than_a_frame_may_have_are_refused(tmp_path):
    h5py, reading = pytest.importorskip("h5py"), Reading(max_frame_pixels=2 * DEEP[0].size)
    for chunks, codec in ((1, "gzip"), (2, "gzip"), (4, None), (4, "gzip")):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("x", data=DEEP, chunks=(chunks, 40, 48), compression=codec)
        if (chunks, codec) != (4, "gzip"):
            assert open_sequence(tmp_path / "a.h5", reading=reading).shape == DEEP.shape
    rule = r"a packed chunk must have at most 3,840 pixels; found 7,680, of shape \(4, 40, 48\)\."
    with pytest.raises(InputError, match=rf"a\.h5: {rule} Save chunks of one frame, or raise"):
        open_sequence(tmp_path / "a.h5", reading=reading)


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_a_damaged_chunk_is_an_error_of_its_file(tmp_path, kind):
    h5py, file = pytest.importorskip("h5py"), tmp_path / "a.h5"
    with h5py.File(file, "w") as opened:
        stack = np.concatenate([DEEP, DEEP]).astype(kind)
        stored = opened.create_dataset("x", data=stack, chunks=(1, 40, 48), fletcher32=True)
        place = stored.id.get_chunk_info(5).byte_offset
    content = bytearray(file.read_bytes())
    content[place + 99] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.h5: the file must be readable; found OSError: Can't"):
        open_sequence(file)


def test_groups_of_a_thousand_levels_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["/".join("g" * 50 + "x")] = DEEP
    assert open_sequence(tmp_path / "a.h5").shape == DEEP.shape
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["/".join("g" * 1000 + "x")] = DEEP
    with pytest.raises(InputError, match=r"b\.h5: groups must have at most 50 levels; found more"):
        open_sequence(tmp_path / "b.h5")
