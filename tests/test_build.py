"""Building rounds: the new sequences of each round, and a chip for every label trained on."""

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config

from dimjax.chips import planning
from dimjax.commands.bundled import make_builder
from dimjax.data.folders import open_folder
from dimjax.data.labels import read_table
from dimjax.data.layouts import DIMJAX
from dimjax.errors import InputError
from dimjax.mining import Mined, write_mined
from dimjax.runs import intake
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.stages import build

SIZE = (6, 64, 96)


def write(folder, splits, sizes=None):
    """Sequences with names that look like something else, with one object each, and its labels."""
    for part in ("sequences", "splits"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(0), ["sequence,frame,x,y,w,h,category,track"]
    for split, names in splits.items():
        (folder / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            shape = (sizes or {}).get(name, SIZE)
            np.save(folder / "sequences" / f"{name}.npy", rng.integers(90, 110, shape, np.uint16))
            if split != "new":
                rows += [
                    f"{name},{t},{8 + 9 * k + t},{10 + 2 * k},3,3,target,t{k}"
                    for t in range(shape[0])
                    for k in range(6)
                ]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def config_of(folder, rounds):
    config = tiny_config()
    config.data.folder = str(folder)
    config.data.layout.update(DIMJAX._asdict())
    config.rounds.count = rounds
    config.refinement.planted_share = 0.12
    return config


SPLITS = {"train": ["001", "1e3"], "val": ["NA"], "test": ["nan"], "new": ["02", "03", "04"]}


@pytest.mark.parametrize("short", ["1e3", "NA", "nan", "03"])
def test_a_sequence_shorter_than_the_evidence_window_is_named(short, tmp_path):
    sizes = {short: (5, 64, 96)}
    config = config_of(write(tmp_path / "data", SPLITS, sizes), rounds=3)
    config.model.input, config.evidence.frames = "difference+evidence", 6
    context = RoundContext(config, Paths(tmp_path / "run"))
    text = rf"sequence {short} \(.*/{short}\.npy\): evidence of 6 frames, stride 1, needs 6 frames"
    with pytest.raises(InputError, match=text):
        build.run(context, make_builder)
    assert not context.paths.plan.exists()


def test_every_label_of_a_later_round_has_a_chip(tmp_path):
    config = config_of(write(tmp_path / "data", SPLITS), rounds=3)
    for number in (0, 1):
        paths = Paths(tmp_path / "run", number)
        half = paths.examples / "dim_targets/chips/incomplete.ABC_1.0.0"
        half.mkdir(parents=True)
        context = RoundContext(config, paths)
        build.run(context, make_builder)
        assert not half.exists()
        labels, folder = read_table(paths.labels), open_folder(config.data.folder, DIMJAX)
        plan = planning.read_plan(paths.plan, folder.shapes, config.chips.chip_px)
        assert (
            labels.source == "planted"
        ).sum() == 2  # false labels, a quarter of the planted errors
        assert planning.uncovered_labels(plan, labels, config.chips.chip_px).empty
        assert context.trained_sequences == ["001", "1e3"]
        write_mined(paths.mined, Mined([], [], []), [])


def test_a_label_has_no_chip_from_the_rim_of_one_on():
    plan = pd.DataFrame({"sequence": "a", "frame": 3, "x0": [10, 50], "y0": 20})
    places = [(3, 10.0, 20.0), (3, 41.99, 51.9), (3, 42.0, 30.0), (3, 49.9, 30.0), (4, 12.0, 30.0)]
    labels = pd.DataFrame([("a", *place) for place in places], columns=["sequence", "frame", *"xy"])
    assert planning.uncovered_labels(plan, labels, chip_px=32).index.tolist() == [2, 3, 4]


def test_a_sequence_that_joins_between_rounds_is_assigned_to_a_remaining_round(tmp_path):
    splits = {**SPLITS, "new": [f"{k:02}" for k in range(3, 10)]}
    config = config_of(write(tmp_path / "data", splits), rounds=4)
    assigned = []
    for number in range(4):
        if number == 1:
            splits["new"].insert(0, "01")
            write(tmp_path / "data", splits)
        paths = Paths(tmp_path / "run", number)
        paths.round.mkdir(parents=True)
        context = RoundContext(config, paths)
        intake.assign_to_round(context)
        assigned.append(context.new_sequences)
    assert assigned == [["03", "04"], ["01", "05", "06"], ["07", "08", "09"], []]


def test_a_training_sequence_is_not_new_under_another_name(tmp_path):
    config = config_of(write(tmp_path / "data", SPLITS), rounds=3)
    there = tmp_path / "data" / "sequences"
    (there / "03.npy").write_bytes((there / "1e3.npy").read_bytes())
    with pytest.raises(InputError, match="sequence 03: a new .* found the frames of sequence 1e3"):
        build.run(RoundContext(config, Paths(tmp_path / "run")), make_builder)


@pytest.mark.parametrize(
    ("rounds", "sizes", "message"),
    [
        (5, {}, "split new: each of the 4 rounds before the last needs a new sequence; found 3"),
        (3, {"03": (6, 20, 96)}, "sequence 03: a chip of chips.chip_px=32 must fit into the frame"),
        (3, {"04": (3, 64, 96)}, "sequence 04: clips of stride 1 need 4 frames or more; found 3"),
    ],
)
def test_new_sequences_are_checked_before_anything_is_built(tmp_path, rounds, sizes, message):
    config = config_of(write(tmp_path / "data", SPLITS, sizes), rounds)
    with pytest.raises(InputError, match=message):
        build.run(RoundContext(config, Paths(tmp_path / "run")), make_builder)
    assert not Paths(tmp_path / "run").round.joinpath("plan.csv").exists()


def test_new_sequences_that_no_round_mines_are_not_checked(tmp_path):
    folder, paths = write(tmp_path / "data", SPLITS, {"03": (2, 20, 96)}), Paths(tmp_path / "run")
    intake.check(RoundContext(config_of(folder, rounds=1), paths))
    with pytest.raises(InputError, match="sequence 03"):
        intake.check(RoundContext(config_of(folder, rounds=2), paths))


def test_building_leaves_no_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    config = config_of(write(tmp_path / "data", SPLITS), rounds=1)
    build.run(RoundContext(config, Paths(tmp_path / "run")), make_builder)
    assert not list((tmp_path / "temporary").iterdir())


def test_training_on_all_sequences_is_reported(tmp_path, capsys):
    config = config_of(write(tmp_path / "data", {"train": ["a", "b"]}), rounds=1)
    (tmp_path / "data/splits/train.txt").rename(tmp_path / "data/splits/training.txt")
    texts = {
        0.0: "all 2 sequences are trained on",
        0.15: "1 of 2 sequences for training, 1 for validation",
    }
    for share, text in texts.items():
        config.data.val_share = share
        build.run(RoundContext(config, Paths(tmp_path / f"run {share}")), make_builder)
        assert f"{tmp_path / 'data'}: no split files; {text}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("names", "warned"), [(["a"], True), (["a", "b"], False)])
def test_few_labels_of_targets_are_named_before_the_training(tmp_path, capsys, names, warned):
    splits = {"train": names, "val": ["c"]}  # six labels in each of six frames
    config = config_of(write(tmp_path / "data", splits), rounds=1)
    build.run(RoundContext(config, Paths(tmp_path / "run")), make_builder)
    text = "warning: only 36 labels of targets to train on; from fewer than 50 a detector hardly"
    assert (text in capsys.readouterr().out) == warned
