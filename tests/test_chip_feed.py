"""Chips that are streamed from the disk: the same batches and losses as resident ones."""

import evidence_chips
import numpy as np
import pandas as pd
import pytest
from random_networks import random_detector

from dimjax.chips import examples
from dimjax.chips.examples import Examples
from dimjax.detection.inference import detect_in_chips
from dimjax.runs.run import load
from dimjax.runs.workdir import Paths
from dimjax.training import meshes
from dimjax.training.chip_feed import chips_of, feed
from dimjax.training.loss_query import losses_table
from dimjax.training.steps import epoch_order, make_loss_query


@pytest.fixture(scope="module")
def prepared(tiny_run):
    return Paths(tiny_run).prepared


@pytest.fixture(scope="module")
def with_evidence(tmp_path_factory):
    return evidence_chips.build(tmp_path_factory.mktemp("evidence"))


@pytest.mark.parametrize(
    ("name", "steps"), [("prepared", 1), ("prepared", 3), ("with_evidence", 3)]
)
def test_streamed_blocks_hold_the_chips_of_the_order(name, steps, request):
    prepared = request.getfixturevalue(name)
    data = examples.load(prepared, "train")
    stored = examples.load(prepared, "train", max_bytes=0)
    order = epoch_order(len(data), 4, (0, 0))
    blocks = [order[i : i + steps] for i in range(0, len(order), steps)]
    fed = list(feed(chips_of(stored, meshes.make_mesh()), blocks))
    assert len(fed) == len(blocks) > 1
    for (chips, index), block in zip(fed, blocks, strict=True):
        assert index.shape == block.shape and len(chips.frames) == block.size
        for name, values in chips._asdict().items():
            expected = getattr(data, name)
            if expected is None:
                assert values is None
            else:
                np.testing.assert_array_equal(values[index], expected[block])
    assert (chips.evidence is None) == (data.evidence is None)


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


def test_stored_chips_with_evidence_have_the_losses_and_detections_of_resident_ones(with_evidence):
    detector = random_detector(
        input="difference+evidence", evidence=evidence_chips.SETTINGS._asdict()
    )
    loss = {"location_weight": 1.0, "classification_weight": 1.0}
    query = make_loss_query(detector.model, mode="difference+evidence", stride=8, **loss)
    tables = []
    for max_bytes in (np.inf, 0):
        data = examples.load(with_evidence, "train", max_bytes=max_bytes)
        chips = chips_of(data, meshes.own_mesh())
        tables.append(losses_table(data, chips, query, detector.variables, batch_size=7))
        tables.append(detect_in_chips(detector, chips, len(data), batch_size=7))
    pd.testing.assert_frame_equal(tables[2], tables[0], check_exact=True)
    pd.testing.assert_frame_equal(tables[3], tables[1], check_exact=True)
    zeros = np.zeros(data.evidence.shape, np.float16)
    without = chips._replace(examples=Examples(**{**data._asdict(), "evidence": zeros}))
    other = losses_table(data, without, query, detector.variables, batch_size=7)
    assert (other.total != tables[0].total).all()
