"""Prepared data sets read into arrays, or left on the disk."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import evidence_chips
import jax
import numpy as np
import pytest
from evidence_chips import CHIP_PX, LENGTH, SETTINGS

from dimjax.chips import examples
from dimjax.data.folders import open_folder
from dimjax.data.layouts import DIMJAX
from dimjax.data.scale import measure_scale
from dimjax.motion import window_evidence, window_of
from dimjax.training.chip_feed import on_device
from dimjax.training.inputs import network_input

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from dim_targets.dim_targets_dataset_builder import Builder, DimTargetsConfig

DUMMY = Path(__file__).parents[1] / "datasets" / "dim_targets" / "dummy_data"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    config = DimTargetsConfig(name="mine", chip_px=48, val_share=0.0, folder=str(DUMMY))
    builder = Builder(config=config, data_dir=tmp_path_factory.mktemp("prepared"))
    builder.download_and_prepare()
    return builder.data_path


def test_the_splits_are_named(prepared):
    assert sorted(examples.split_names(prepared)) == ["test", "train"]


def test_frames_are_those_of_the_sequences(prepared):
    folder = open_folder(DUMMY)
    data = examples.load(prepared, "train")
    assert set(data.sequence) == {"swift", "tern"} and len(np.unique(data.id)) == len(data)
    for i in range(len(data)):
        clip = folder.sequence(data.sequence[i]).clip(data.frame[i], stride=1)
        x0, y0 = data.origin[i]
        np.testing.assert_array_equal(data.frames[i], clip[:, y0 : y0 + 48, x0 : x0 + 48])


def test_shapes_and_data_types(prepared):
    data = examples.load(str(prepared), "train")
    count = len(data)
    assert data.frames.shape == (count, 4, 48, 48) and data.frames.dtype == np.uint16
    assert data.frame.dtype == data.origin.dtype == np.int32 and data.origin.shape == (count, 2)
    assert data.scale.shape == (count, 2) and data.scale.dtype == np.float32
    assert data.boxes.shape == (count, 1, 4) and data.boxes.dtype == np.float32
    assert data.category.shape == (count, 1) and data.category.dtype == np.int8
    assert set(data.reason) == {"label", "background"}


def test_frames_of_8_bit_stay_8_bit(prepared):
    assert examples.load(prepared, "test").frames.dtype == np.uint8


def test_labels_have_the_positions_of_the_table(prepared):
    data = examples.load(prepared, "train")
    labels = open_folder(DUMMY).labels.set_index(["sequence", "frame"])
    for i in np.flatnonzero(data.reason == "label"):
        label = labels.loc[data.sequence[i], data.frame[i]]
        x, y = np.array([label.x, label.y]) - data.origin[i]
        assert data.boxes[i, 0].tolist() == [x, y, label.w, label.h]
        assert data.category[i, 0] == ["target", "interference"].index(label.category)
    background = data.reason == "background"
    assert background.any() and not data.boxes[background].any()
    assert (data.category[background] == -1).all()


def test_progress_counts_every_record(prepared):
    counted = []

    def progress(numbers):
        for number in numbers:
            yield number
            counted.append(number)

    assert len(examples.load(prepared, "test", progress)) == len(counted) > 0
    assert counted == list(range(len(counted)))


def test_an_interrupt_does_not_wait_for_the_other_records(prepared, monkeypatch):
    count = len(examples.load(prepared, "train"))
    interrupted, parsed = threading.Event(), []

    def parse(features, row=examples.parse_row):
        if len(parsed) > 2:  # the first record gives the bit depth, the second one is waited for
            interrupted.wait(2)
        parsed.append(features)
        return row(features)

    def progress(numbers):
        yield next(iter(numbers))
        threading.Timer(0.1, interrupted.set).start()  # once the waiting tasks are cancelled
        raise KeyboardInterrupt

    monkeypatch.setattr(examples, "RECORDS_PER_TASK", 1)
    monkeypatch.setattr(examples, "ThreadPoolExecutor", lambda: ThreadPoolExecutor(2))
    monkeypatch.setattr(examples, "parse_row", parse)
    with pytest.raises(KeyboardInterrupt):
        examples.load(prepared, "train", progress)
    assert len(parsed) < count / 2


@pytest.mark.parametrize("split", ["train", "test"])
def test_stored_frames_are_indexed_like_an_array(prepared, split):
    data = examples.load(prepared, split)
    stored = examples.load(prepared, split, max_bytes=data.frames.nbytes - 1)
    assert isinstance(
        examples.load(prepared, split, max_bytes=data.frames.nbytes).frames, np.ndarray
    )
    assert isinstance(stored.frames, examples.StoredPixels) and len(stored) == len(data)
    for name in ("shape", "dtype", "nbytes"):
        assert getattr(stored.frames, name) == getattr(data.frames, name)
    for index in (np.array([2, 0, 2]), slice(1, 3), data.reason == "background", 1):
        np.testing.assert_array_equal(stored.frames[index], data.frames[index])
    for values, expected in zip(stored[:5] + stored[6:], data[:5] + data[6:], strict=True):
        np.testing.assert_array_equal(values, expected)


def test_one_sequence_of_16_bit_makes_all_frames_16_bit(prepared, monkeypatch):
    rows = []

    def first_is_8_bit(features, row=examples.parse_row):
        rows.append(row(features))
        return rows[-1]._replace(bits=8 if rows[-1].id == rows[0].id else 16)

    expected = examples.load(prepared, "train").frames
    monkeypatch.setattr(examples, "parse_row", first_is_8_bit)
    frames = examples.load(prepared, "train").frames
    assert frames.dtype == np.uint16
    np.testing.assert_array_equal(frames, expected)


def test_a_cpu_device_uses_the_frames_without_a_copy(prepared):
    data = examples.load(prepared, "train")
    chips = on_device(data, jax.make_mesh((1,), ("data",)))
    assert chips.frames.unsafe_buffer_pointer() == data.frames.ctypes.data


def test_an_unknown_split_is_refused_with_the_known_ones(prepared):
    with pytest.raises(ValueError, match=r"Unknown split 'val'\. Should be one of \["):
        examples.load(prepared, "val")


def test_targets_come_before_interference_and_empty_slots_are_marked():
    boxes = np.arange(16.0).reshape(4, 4)
    labels = [(boxes[:2], [1, 0]), (boxes[:0], []), (boxes[2:3], [1])]
    padded, category = examples.pad_labels(labels)
    assert padded[0].tolist() == [[4, 5, 6, 7], [0, 1, 2, 3]]
    assert not padded[1].any() and padded[2].tolist() == [[8, 9, 10, 11], [0] * 4]
    assert category.tolist() == [[0, 1], [-1, -1], [1, -1]]


@pytest.fixture(scope="module")
def with_evidence(tmp_path_factory):
    """A data set of chips at the rims of non-square frames from the first to the last."""
    directory = tmp_path_factory.mktemp("evidence")
    path = evidence_chips.build(directory)
    layout = DIMJAX._replace(splits={})
    return open_folder(directory / "data", layout), path


def full_frame(folder, name, t):
    """Clip [4, H, W], scale and motion evidence [H, W, 4] of a frame, from its window alone."""
    sequence = folder.sequence(name)
    scale, window = measure_scale(sequence), window_of(t, LENGTH, SETTINGS)
    frames = np.stack([sequence.frame(k) for k in window.frames])[None]
    level, sigma = (np.array([value]) for value in scale)
    evidence = window_evidence(frames, level, sigma, window, SETTINGS)[0]
    return sequence.clip(t, 1), scale, np.asarray(evidence)


def test_chips_have_the_evidence_and_the_input_of_the_full_frame(with_evidence):
    folder, data = with_evidence[0], examples.load(with_evidence[1], "train")
    assert data.evidence.shape == (50, CHIP_PX, CHIP_PX, 4) and data.evidence.dtype == np.float16
    assert set(data.frame) == {0, 1, 4, 7, 8} and data.evidence[..., 0].max() > 6
    frames = set(zip(data.sequence, data.frame, strict=True))
    whole = {frame: full_frame(folder, *frame) for frame in frames}
    for i in range(len(data)):
        clip, scale, evidence = whole[data.sequence[i], data.frame[i]]
        x0, y0 = data.origin[i]
        part = np.s_[y0 : y0 + CHIP_PX, x0 : x0 + CHIP_PX]
        # Half precision: 11 bits.
        np.testing.assert_allclose(data.evidence[i], evidence[part], rtol=6e-4, atol=2e-4)
        scale = np.array([scale], np.float32)
        of_chip, of_frame = (
            network_input(frames, scale, "difference+evidence", maps)[0]
            for frames, maps in (
                (data.frames[i : i + 1], data.evidence[i : i + 1]),
                (clip[None], evidence[None]),
            )
        )
        np.testing.assert_array_equal(of_chip[..., :3], of_frame[part][..., :3])
        np.testing.assert_allclose(of_chip[..., 3:], of_frame[part][..., 3:], atol=4e-3)


def test_stored_evidence_is_that_in_memory(with_evidence):
    data = examples.load(with_evidence[1], "train")
    assert data.nbytes == 50 * CHIP_PX**2 * (4 * 2 + 4 * 2)
    resident = examples.load(with_evidence[1], "train", max_bytes=data.nbytes)
    stored = examples.load(with_evidence[1], "train", max_bytes=data.nbytes - 1)
    assert isinstance(resident.evidence, np.ndarray) and stored.nbytes == data.nbytes
    for one, array in ((stored.evidence, data.evidence), (stored.frames, data.frames)):
        assert isinstance(one, examples.StoredPixels)
        assert (one.shape, one.dtype, one.nbytes) == (array.shape, array.dtype, array.nbytes)
        for index in (np.array([[2, 0], [49, 2]]), slice(1, 3), 1):
            np.testing.assert_array_equal(one[index], array[index])


def test_a_data_set_without_evidence_has_none(prepared):
    data = examples.load(prepared, "train")
    assert data.evidence is None and data.nbytes == data.frames.nbytes
