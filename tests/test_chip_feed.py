"""Chips that are streamed from the disk: the same batches and losses as resident ones."""

import numpy as np
import pandas as pd
import pytest

from dimjax.chips import examples
from dimjax.runs.run import load
from dimjax.runs.workdir import Paths
from dimjax.training import meshes
from dimjax.training.chip_feed import chips_of, feed
from dimjax.training.steps import epoch_order


@pytest.fixture(scope="module")
def prepared(tiny_run):
    return Paths(tiny_run).prepared


@pytest.mark.parametrize("steps", [1, 3])
def test_streamed_blocks_hold_the_chips_of_the_order(prepared, steps):
    data = examples.load(prepared, "train")
    stored = examples.load(prepared, "train", max_bytes=0)
    order = epoch_order(len(data), 4, (0, 0))
    blocks = [order[i : i + steps] for i in range(0, len(order), steps)]
    fed = list(feed(chips_of(stored, meshes.make_mesh()), blocks))
    assert len(fed) == len(blocks) > 1
    for (chips, index), block in zip(fed, blocks, strict=True):
        assert index.shape == block.shape and len(chips.frames) == block.size
        for name, values in chips._asdict().items():
            expected = getattr(data, name)[block]
            np.testing.assert_array_equal(values[index], expected)


def test_a_stream_can_be_closed_early(prepared):
    stored = examples.load(prepared, "train", max_bytes=0)
    order = epoch_order(len(stored), 4, (0, 0))
    stream = feed(chips_of(stored, meshes.make_mesh()), list(order[:, None]))
    next(stream)
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_stored_chips_have_the_losses_of_resident_ones(tiny_run):
    run = load(tiny_run)
    expected = run.losses("train", batch_size=7)
    run.config.training.device_gb = 0.0
    pd.testing.assert_frame_equal(run.losses("train", batch_size=7), expected, check_exact=True)
