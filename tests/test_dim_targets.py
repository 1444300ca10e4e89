"""The TFDS builder, checked without TensorFlow.

tfds.testing.DatasetBuilderTestCase needs TensorFlow and dill; its checks are repeated here.
"""

import dataclasses
import pickle
import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dimjax.chips import shards
from dimjax.data.folders import open_folder
from dimjax.data.labels import write_table
from dimjax.data.scale import measure_scale
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig, evidence_of

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from dim_targets import dim_targets_dataset_builder, sizes
from dim_targets.dim_targets_dataset_builder import Builder, DimTargetsConfig

DUMMY = Path(sizes.__file__).parent / "dummy_data"
CHIP_PX = 32


def build(data_dir, **config):
    config = {"name": "mine", "chip_px": CHIP_PX, "folder": str(DUMMY), **config}
    builder = Builder(config=DimTargetsConfig(**config), data_dir=data_dir)
    builder.download_and_prepare()
    return builder


def records(builder):
    return [record for split in builder.as_data_source().values() for record in split]


def ids(builder):
    """IDs of each split, in the order of the file."""
    sources = builder.as_data_source()
    return {split: [row["id"].decode() for row in rows] for split, rows in sources.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture
def copy(tmp_path):
    """A copy of the dummy folder, to be damaged."""
    return Path(shutil.copytree(DUMMY, tmp_path / "copy"))


def write_plan(path, *rows):
    columns = ["id", "sequence", "frame", "x0", "y0", "reason", "split"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return str(path)


def test_every_feature_has_a_description(built):
    features = built.info.features
    assert features["frame"].shape == (CHIP_PX, CHIP_PX, 1)
    assert features["frame"].np_dtype == np.uint16
    assert features["difference"].shape == (CHIP_PX, CHIP_PX, 3)
    assert features["difference"].np_dtype == np.int32
    assert features["reason"].names == ["label", "background", "miss", "false_alarm"]
    assert features["labels"]["category"].names == ["target", "interference"]
    assert all(feature.doc.desc for feature in [*features.values(), features["labels"]["box"]])
    assert "differential image" in built.info.description
    assert "10.1109/ACCESS.2024.3435872" in built.info.citation


def test_the_configs_have_the_sizes_and_the_mix_of_the_paper():
    sizes_px = {name: config.chip_px for name, config in Builder.builder_configs.items()}
    assert sizes_px == {"chips16": 16, "chips32": 32, "chips64": 64, "chips80": 80}
    mixes = {config.backgrounds_per_label for config in Builder.BUILDER_CONFIGS}
    assert mixes == {54_489 / 35_021}


def test_splits_are_by_sequence_and_new_sequences_are_not_cut(built):
    sequences = {
        split: {record["sequence"].decode() for record in source}
        for split, source in built.as_data_source().items()
    }
    # The folder has no validation sequences, so one of its two training sequences is set aside.
    assert sequences["train"] | sequences["val"] == {"swift", "tern"}
    assert sequences["train"] & sequences["val"] == set()
    assert sequences["test"] == {"kite"}
    # 12 labels need 19 backgrounds, which are distributed evenly.
    sizes = {split: info.num_examples for split, info in built.info.splits.items()}
    assert sum(sizes.values()) == 31 and set(sizes.values()) == {10, 11}


def test_every_chip_equals_its_window_of_the_raw_frames(built):
    folder = open_folder(DUMMY)
    for record in records(built):
        sequence = folder.sequence(record["sequence"].decode())
        clip = sequence.clip(record["frame_number"], stride=1).astype(int)
        x0, y0 = record["origin"]
        window = clip[:, y0 : y0 + CHIP_PX, x0 : x0 + CHIP_PX]
        np.testing.assert_array_equal(record["frame"][..., 0], window[0])
        for k in range(3):
            np.testing.assert_array_equal(record["difference"][..., k], window[0] - window[k + 1])


def test_one_chip_by_hand(tmp_path):
    plan = write_plan(tmp_path / "plan.csv", ("a", "swift", 1, 60, 50, "miss", "val"))
    (record,) = records(build(tmp_path, plan=plan))
    assert record["id"] == b"a" and record["reason"] == 2 and record["frame_number"] == 1
    assert record["bits"] == 16
    assert record["level"] == pytest.approx(3006, abs=10)
    assert record["noise_sigma"] == pytest.approx(0.85, abs=0.15)
    # swift,1,85.5,61.5,3.0,3.0,target,swift-1,person
    assert record["labels"]["box"][0].tolist() == [25.5, 11.5, 3.0, 3.0]
    assert record["labels"]["category"] == [0] and record["labels"]["track"] == [b"swift-1"]
    frame = record["frame"][..., 0].astype(int)
    assert np.unravel_index(np.argmax(frame), frame.shape) == (11, 25)
    # In the next frame the target is 2 px further right and 1 px down: negative there in F1 - F2.
    difference = record["difference"][..., 0]
    assert difference[11, 25] > 5 and difference[12, 27] < -5


def test_the_bit_depth_is_that_of_the_raw_frames(built):
    depth = {record["sequence"]: record["bits"] for record in records(built)}
    assert depth == {b"kite": 8, b"swift": 16, b"tern": 8}


def test_ids_do_not_depend_on_the_build_or_the_shards(built, tmp_path, monkeypatch):
    monkeypatch.setattr(dim_targets_dataset_builder, "SHARD_BYTES", 4 * 14 * CHIP_PX**2)
    again = build(tmp_path)
    assert {info.num_shards for info in again.info.splits.values()} == {3}
    assert ids(again) == ids(built)
    assert ids(build(tmp_path / "other", seed=1)) != ids(built)


def test_a_shard_contains_only_the_data_of_its_rows():
    folder = open_folder(DUMMY)
    plan = pd.DataFrame(
        [("a", "swift", 1, 60, 50, "label"), ("b", "tern", 0, 0, 0, "background")],
        columns=["id", "sequence", "frame", "x0", "y0", "reason"],
    )
    one_chip = 14 * CHIP_PX**2
    first, second = shards.make_shards(folder, plan, folder.labels, CHIP_PX, 1, max_bytes=one_chip)
    assert first.folder.names == ["swift"] and second.folder.names == ["tern"]
    assert set(first.labels.sequence) == {"swift"} and set(second.labels.sequence) == {"tern"}
    ((name, example),) = pickle.loads(pickle.dumps(first)).examples()
    assert name == "a" and example["labels"]["box"].tolist() == [[25.5, 11.5, 3.0, 3.0]]
    (both,) = shards.make_shards(folder, plan, folder.labels, CHIP_PX, 1, max_bytes=2 * one_chip)
    assert [name for name, _ in both.examples()] == ["a", "b"]


def test_a_shard_takes_its_evidence_settings_along():
    folder, settings = open_folder(DUMMY), EvidenceConfig(frames=3, speed_px=2.0)
    row = ("a", "swift", 1, 60, 50, "label")
    columns = ["id", "sequence", "frame", "x0", "y0", "reason"]
    plan, maps = pd.DataFrame([row], columns=columns), partial(evidence_of, settings=settings)
    (shard,) = shards.make_shards(folder, plan, folder.labels, CHIP_PX, 1, 2**20, maps)
    ((_, example),) = pickle.loads(pickle.dumps(shard)).examples()
    sequence = folder.sequence("swift")
    (evidence,) = evidence_of(sequence, measure_scale(sequence), settings, [1])
    expected = np.float16(evidence[50 : 50 + CHIP_PX, 60 : 60 + CHIP_PX])
    assert example["evidence"].dtype == np.float16
    np.testing.assert_array_equal(example["evidence"], expected)


def test_stride_and_frame_step(tmp_path):
    frames = np.arange(9, dtype=np.uint16)[:, None, None] ** 2 + np.zeros((9, 40, 60), np.uint16)
    (tmp_path / "sequences").mkdir()
    np.save(tmp_path / "sequences" / "squares.npy", frames)
    row = ("squares", 4, 30.5, 20.5, 3.0, 3.0, "interference", "", "person")
    columns = ["sequence", "frame", "x", "y", "w", "h", "category", "track", "source"]
    write_table(pd.DataFrame([row], columns=columns), tmp_path / "labels.csv")
    builder = build(tmp_path, folder=str(tmp_path), layout={"splits": {}}, stride=2, frame_step=4)
    assert {record["frame_number"] for record in records(builder)} <= {0, 4, 8}
    labelled = next(record for record in records(builder) if len(record["labels"]["box"]))
    # F1..F4 are the frames 4, 6, 8 and 2, since there is no frame 10.
    assert labelled["difference"][0, 0].tolist() == [16 - 36, 16 - 64, 16 - 4]
    assert labelled["labels"]["category"] == [1]


def test_a_label_table_replaces_that_of_the_folder(tmp_path):
    labels = open_folder(DUMMY).labels
    write_table(labels[labels.sequence != "tern"], tmp_path / "labels.csv")
    builder = build(tmp_path, labels=str(tmp_path / "labels.csv"))
    labelled = {r["sequence"] for r in records(builder) if len(r["labels"]["box"])}
    assert labelled == {b"kite", b"swift"}
    write_table(labels.assign(x=labels.x + 20), tmp_path / "wrong.csv")
    with pytest.raises(InputError, match=r"wrong\.csv line 6: x must lie in 0 <= x < 100"):
        build(tmp_path, name="wrong", labels=str(tmp_path / "wrong.csv"))


def test_a_plan_may_contain_new_sequences(tmp_path):
    plan = write_plan(
        tmp_path / "plan.csv",
        ("b", "crow", 3, 0, 0, "false_alarm", "train"),
        ("a", "crow", 0, 68, 52, "background", "train"),
    )
    assert ids(build(tmp_path, plan=plan)) == {"train": ["a", "b"]}


def test_a_failed_build_leaves_no_data_set(copy, tmp_path):
    frame = copy / "sequences" / "tern" / "003.png"
    frame.write_bytes(frame.read_bytes()[:1500])
    with pytest.raises(InputError, match=r"003\.png"):
        build(tmp_path / "out", folder=str(copy))
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["metadata.json"]  # TFDS records the default config
    assert not Builder(
        config=DimTargetsConfig(name="mine", chip_px=CHIP_PX), data_dir=tmp_path / "out"
    ).is_prepared()


def test_a_missing_folder_is_an_error(tmp_path):
    text = r"config chips16: a data folder must be given; found none\. .* empty .*--manual_dir=.*"
    with pytest.raises(InputError, match=text + r"`python main\.py simulate` writes one"):
        Builder(config="chips16", data_dir=tmp_path).download_and_prepare()
    with pytest.raises(InputError, match="nowhere: a data folder must exist"):
        build(tmp_path, folder=str(tmp_path / "nowhere"))


def test_a_folder_without_labels_is_an_error(copy, tmp_path):
    table = copy / "labels.csv"
    table.write_text(table.read_text().split("\n")[0] + "\n")
    text = r"config mine: a data set needs one chip or more; found no chip, from 0 labels\. Label"
    with pytest.raises(InputError, match=text):
        build(tmp_path, folder=str(copy))


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("chip_px", 0, "must be 1 or more"),
        ("chip_px", 32.5, "must be a whole number"),
        ("chip_px", "32", "must be a whole number"),
        ("chip_px", True, "must be a whole number"),
        ("stride", 0, "must be 1 or more, or -1 or less"),
        ("stride", 1.5, "must be a whole number"),
        ("frame_step", -1, "must be 1 or more"),
        ("frame_step", 1.5, "must be a whole number"),
        ("backgrounds_per_label", -1, "must be 0 or more"),
        ("backgrounds_per_label", float("nan"), "must be a finite number"),
        ("seed", "x", "must be a whole number"),
        ("val_share", None, "must be a finite number"),
        ("align", "x", "must be True or False"),
        ("align_rotation", True, "must be False without align=True"),
        ("evidence", 5, "must be None, or a dictionary"),
    ],
)
def test_a_setting_of_another_type_or_range_is_refused(key, value, rule):
    with pytest.raises(InputError, match=rf"config odd, {key}: {rule}; found"):
        DimTargetsConfig(name="odd", **{key: value})


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"frames": "a"}, "config odd, evidence setting `frames`: must be a whole number; found"),
        ({"frames": 2}, "evidence setting `frames`: must be between 3 and 32; found 2"),
        ({"frame": 8}, "config odd, evidence: its keys are frames, .*; found 'frame'. Correct"),
    ],
)
def test_a_setting_of_the_evidence_is_checked(evidence, message):
    with pytest.raises(InputError, match=message):
        DimTargetsConfig(name="odd", evidence=evidence)


@pytest.mark.parametrize("stride", [1, 3])
def test_each_frame_is_read_once(stride):
    read = []
    sequence = open_sequence(DUMMY / "sequences" / "tern")
    longer = dataclasses.replace(
        sequence,
        shape=(30, 84, 100),
        read=lambda t: read.append(t) or np.full((84, 100), t, np.uint8),
    )
    cached = shards.with_frame_cache(longer, stride)
    clips = [cached.clip(t, stride)[:, 0, 0].tolist() for t in range(30)]
    assert sorted(read) == list(range(30))
    assert clips == [longer.clip(t, stride)[:, 0, 0].tolist() for t in range(30)]


def test_the_table_of_sizes():
    table = sizes.size_table(DUMMY)
    assert table.image.tolist() == ["100x84x4", "80x80x4", "64x64x4", "32x32x4", "16x16x4"]
    assert table.pixels.tolist() == [8400, 6400, 4096, 1024, 256]
    assert table.target_permille[1:].round(1).tolist() == [1.4, 2.2, 8.8, 35.2]  # the paper's
    assert table.stored_bytes[1:].gt(0).all() and np.isnan(table.stored_bytes[0])
    assert sizes.to_markdown(table).split("\n")[2].startswith("| 100x84x4 | 8,400 | 3x3 | 1.07‰ |")
