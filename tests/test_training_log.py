"""The files of a training: written, read back, and refused if one is missing or damaged."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dimjax.chips.examples import Examples
from dimjax.errors import InputError
from dimjax.training.training_log import LABEL_OUTPUTS, TrainingLog, label_rows

DATA = Examples(
    id=np.array(["chip0", "chip1", "chip2"]),
    sequence=np.array(["a", "a", "b"]),
    frame=np.array([4, 5, 4], np.int32),
    origin=np.array([[10, 20], [0, 0], [100, 50]], np.int32),
    reason=np.array(["label", "label", "background"]),
    frames=np.zeros((3, 4, 16, 16), np.uint16),
    scale=np.ones((3, 2), np.float32),
    boxes=np.float32([[[1.5, 2.5, 3, 3], [9, 9, 2, 2]], [[4, 4, 3, 3], [0] * 4], [[0] * 4] * 2]),
    category=np.int8([[0, 1], [0, -1], [-1, -1]]),
)
LINE = '{"epoch": %d, "train/total": 1.0}\n'
ROWS = np.int32([[3, 0], [1, -1], [-1, -1]])


def recorded(epoch):
    """Recorded values of an epoch; the total losses are 10 * epoch + example."""
    totals = (10 * epoch + np.arange(3)).astype(np.float32)
    parts = {name: totals / 4 for name in ("location", "confidence", "category")}
    peak = np.float32([[0.5, 1.0, 2.0]] * 3)
    outputs = np.arange(30, dtype=np.float32).reshape(3, 2, 5) + 100 * epoch
    return {**parts, "total": totals, "label_outputs": outputs, "unmatched_peak": peak}


@pytest.fixture
def log(tmp_path):
    """A complete training of three epochs, in a folder whose name is no glob pattern or URI."""
    log = TrainingLog(tmp_path / "run[1] 50% #2" / "rounds" / "0")
    log.drop_metrics_from(0)
    for epoch in range(3):
        log.write_epoch(epoch, DATA, ROWS, recorded(epoch))
        log.append_metrics(epoch, {"train/total": 1.0 - epoch / 4})
    log.finish(epochs=3)
    return log


def test_losses_are_read_in_the_order_of_epochs_and_examples(log):
    losses = log.read_losses()
    assert losses.columns.tolist() == [
        *("epoch", "id", "sequence", "frame", "location", "confidence", "category", "total"),
        *("peak_score", "peak_x", "peak_y"),
    ]
    assert losses.epoch.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert losses.total.tolist() == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert losses.id.tolist() == [*DATA.id] * 3 and losses.sequence[2] == "b"
    last = log.read_losses(["id", "total"], last=True)
    pd.testing.assert_frame_equal(last, losses[["id", "total"]][6:].reset_index(drop=True))
    pd.testing.assert_frame_equal(pd.read_parquet(log.losses), losses)


def test_peaks_are_recorded_in_frame_coordinates(log):
    peaks = log.read_losses(["peak_score", "peak_x", "peak_y"], last=True)
    assert peaks.values.tolist() == [[0.5, 11, 22], [0.5, 1, 2], [0.5, 101, 52]]


def test_label_outputs_have_a_row_for_each_label_in_a_chip(log):
    outputs = log.read_label_outputs()
    assert outputs.columns.tolist() == ["epoch", "example", "label", *LABEL_OUTPUTS]
    assert outputs.epoch.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert outputs.example.tolist() == [0, 0, 1] * 3 and outputs.label.tolist() == [3, 0, 1] * 3
    assert outputs.confidence.tolist()[:4] == [0, 5, 10, 100]
    assert log.read_label_outputs(["dy"]).dy.tolist()[:3] == [4, 9, 14]


def test_the_history_has_a_column_for_each_epoch(log):
    history = log.loss_history()
    assert history.columns.tolist() == ["epoch_1", "epoch_2", "epoch_3"]
    assert history.loc["chip1"].tolist() == [1, 11, 21] and history.index.tolist() == [*DATA.id]


def test_a_training_that_is_not_complete_is_refused(log):
    log.completion.unlink()
    assert not log.is_complete
    rule = r"training\.json: it must list the epochs of a completed training; found no file\. Train"
    for read in (log.read_losses, log.read_label_outputs, log.loss_history, log.read_metrics):
        with pytest.raises(InputError, match=rule):
            read()


@pytest.mark.parametrize("folder", ["losses", "label_outputs"])
def test_a_missing_epoch_is_named(log, folder):
    (getattr(log, folder) / "0001.parquet").unlink()
    rule = rf"{folder}/0001\.parquet: every epoch of the training needs its file; found none\."
    for use in (getattr(log, f"read_{folder}"), lambda: log.finish(3)):
        with pytest.raises(InputError, match=rule):
            use()
    log.require_epochs(1)


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"epochs": 3}'])
def test_a_damaged_list_of_epochs_is_named(log, text):
    log.completion.write_text(text)
    with pytest.raises(InputError, match=r"training\.json: it must list .*; found a damaged file"):
        log.read_losses()


def test_a_damaged_table_is_named(log):
    (log.losses / "0001.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"0/losses: the files of its epochs .*0001\.parquet"):
        log.read_losses()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LINE % 0, r"it must hold the figures of 2 epochs that are trained; found .* \[1\]. Rest"),
        (LINE % 1, r"found those of epochs \[2\]"),
        (LINE % 0 + "{]}\n" + LINE % 2, "each line must hold the figures of an epoch"),
        ("{\0}\n", "each line must hold the figures of an epoch"),
        ("", r"found those of epochs \[\]"),
    ],
)
def test_a_training_goes_on_only_with_the_figures_of_its_epochs(log, text, expected):
    log.metrics.write_text(text)
    with pytest.raises(InputError, match=f"metrics.jsonl: .*{expected}"):
        log.drop_metrics_from(2)
    assert log.metrics.read_text() == text
    log.drop_metrics_from(0)  # all epochs are trained again


@pytest.mark.parametrize(("column", "kind"), [("total", "str"), ("id", "float")])
def test_columns_of_other_types_are_refused(log, column, kind):
    file = log.losses / "0001.parquet"
    losses = pd.read_parquet(file)
    losses[column] = np.arange(len(losses))
    losses.astype({column: kind}).to_parquet(file)
    for other in ("0000.parquet", "0002.parquet"):
        shutil.copy(file, log.losses / other)
    with pytest.raises(InputError, match=f"0/losses: .* an error, another type of column {column}"):
        log.read_losses()


def test_metrics_of_epochs_that_are_trained_again_are_dropped(log):
    with open(log.metrics, "a", encoding="utf-8") as file:
        file.write('{"epoch": 3, "train/to')  # killed while writing
    log.drop_metrics_from(2)
    log.append_metrics(2, {"train/total": 0.25})
    lines = log.read_metrics()
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert [line["train/total"] for line in lines] == [1.0, 0.75, 0.25]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LINE % 0 + LINE % 2, r"it must hold a line for .* found epochs \[1, 3\]"),
        ("", r"it must hold a line .* found epochs \[\]"),
        (LINE % 0 + '{"epoch"', "each line must hold the figures .* found a damaged file"),
        ("null\n", "found a damaged file"),
        ("[" * 100_000, "found a damaged file"),
        ('{"epoch": 0, "train/total": "<b>"}', "found a damaged file"),
        ('{"epoch": "0", "train/total": 1.0}', "found a damaged file"),
        ('{"epoch": 0}', "found a damaged file"),
    ],
)
def test_damaged_metrics_are_refused(log, text, expected):
    log.metrics.write_text(text)
    with pytest.raises(
        InputError, match=rf"metrics\.jsonl: {expected}" if "must" in expected else expected
    ):
        log.read_metrics()


def test_labels_of_examples_are_found_in_their_table():
    labels = pd.DataFrame(
        [("a", 4, 19.0, 29.0), ("a", 5, 4.0, 4.0), ("b", 4, 4.0, 4.0), ("a", 4, 11.5, 22.5)],
        columns=["sequence", "frame", "x", "y"],
    )
    assert label_rows(DATA, labels).tolist() == ROWS.tolist()
    expected = "example chip0: its labels must be in the label table; found 1 that are not. Build"
    with pytest.raises(InputError, match=expected):
        label_rows(DATA, labels.assign(x=[19.2, 4.0, 4.0, 11.5]))


def test_reading_a_log_does_not_load_jax():
    code = "import sys, dimjax.training.training_log; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
