"""A start without labels: round 0 proposes tracks of the untrained detector, round 1 trains."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config

from dimjax import ledger
from dimjax.chips.cutting import lies_in_chip
from dimjax.commands import check
from dimjax.commands.bundled import make_builder
from dimjax.data.splits import starts_without_labels
from dimjax.errors import InputError
from dimjax.mining import Mined, read_mined, write_mined
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.stages import build, mine, rounds
from dimjax.tracks import has_neighbour


def config_of(reviewer="oracle", count=2):
    config = tiny_config()
    config.sky.sequences = {"train": 0, "val": 0, "test": 1, "new": 4}
    config.sky.settings.update({"frames": 12, "speed_px": (1.0, 3.0)})
    config.chips.frame_step = 2
    config.training.epochs = 2
    config.rounds.count, config.rounds.reviewer = count, reviewer
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a run that stopped after each stage of round 0, and its last words."""
    workdir, config = tmp_path_factory.mktemp("run"), config_of()
    paths = Paths(workdir)
    rounds.run(config, str(workdir), make_builder, last="propose")
    assert paths.predictions.exists() and not paths.mined.exists()
    rounds.run(config, str(workdir), make_builder, last="mine")
    assert paths.mined.exists() and not paths.reviewed.exists()
    rounds.run(config, str(workdir), make_builder)
    return workdir


@pytest.fixture
def proposed(run, tmp_path):
    """Copy the sky and the detections of round 0 for a run with other keys."""
    paths = Paths(tmp_path / "run")
    paths.round.mkdir(parents=True)
    shutil.copytree(Paths(run).sky, paths.sky)
    for name in ("new", "predictions"):
        shutil.copy(getattr(Paths(run), name), getattr(paths, name))
    return paths


def items_and_labels(paths):
    with ledger.open_ledger(paths.ledger) as db:
        labels = ledger.labels_as_of(db, 1)
        return ledger.item_table(db, 0), labels[labels.sequence.str.startswith("new-")]


def test_a_decision_on_a_track_makes_the_labels_of_its_frames(run):
    items, labels = items_and_labels(Paths(run))
    review = json.loads(Paths(run).reviewed.read_text())
    assert review["items"] == items.item.nunique() == review["decided"]
    assert len(labels) == review["labels_changed"] >= 5 * review["worth_it"] > 0
    assert set(labels.source) == {"oracle"}
    truth = RoundContext(config_of(), Paths(run)).folder.truth
    visible = truth[(truth.visible >= 0.5) & truth.sequence.str.startswith("new-")]
    assert has_neighbour(labels, visible, 3.0).all()
    assert has_neighbour(visible[visible.category == "target"], labels, 3.0).mean() > 0.7


def test_only_items_that_suggest_labels_are_queued(run):
    items, _ = items_and_labels(Paths(run))
    assert items.groupby("item").size().min() > 1
    mined = read_mined(Paths(run).mined)
    assert mined.category[mined.shown == 1].ne("").all()
    assert mined.shown[mined.category == ""].eq(0).all()


def test_the_first_training_is_that_of_round_1(run):
    first, second = RoundContext(config_of(), Paths(run)), RoundContext(config_of(), Paths(run, 1))
    assert first.proposes and not first.trains_first and second.trains_first
    assert not first.paths.training_log.is_complete and not first.paths.plan.exists()
    assert len(second.paths.training_log.read_metrics()) == 2  # training.epochs
    assert {name: len(names) for name, names in second.splits.items()} == {
        "train": 3, "val": 1, "test": 1}  # fmt: skip
    assert second.trained_sequences == second.splits["train"]
    plan = pd.read_csv(second.paths.plan)
    assert set(plan.frame[plan.reason == "label"] % 2) == {0}
    assert "<h2>Rounds" in second.paths.report.read_text()


def test_no_background_chip_of_a_new_sequence_contains_a_mined_location(run):
    plan, mined = pd.read_csv(Paths(run, 1).plan), read_mined(Paths(run).mined)
    _, labels = items_and_labels(Paths(run))
    background = plan[(plan.reason == "background") & plan.sequence.str.startswith("new-")]
    occupied = pd.concat([table[["sequence", "frame", "x", "y"]] for table in (mined, labels)])
    pairs = background.merge(occupied, on=["sequence", "frame"])
    inside = lies_in_chip(pairs[["x", "y"]].to_numpy(), pairs.x0, pairs.y0, 32)
    assert len(background) > 20 and len(pairs) and not inside.any()


def test_the_same_items_are_added_after_a_kill(proposed):
    context = RoundContext(config_of(), proposed)
    mine.run(context)
    with context.open_ledger() as db:
        before = ledger.item_table(db)
    proposed.mined.unlink()  # killed before the last file was written
    mine.run(context)
    with context.open_ledger() as db:
        pd.testing.assert_frame_equal(ledger.item_table(db), before)


def test_without_a_person_sure_tracks_become_labels(proposed):
    config = config_of("auto")
    config.rounds.auto_probability = 0.7
    rounds.run(config, str(proposed.workdir), make_builder, last="build")
    items, labels = items_and_labels(proposed)
    sure = items.groupby("item").probability.first() >= 0.7
    assert 0 < sure.sum() < len(sure)
    assert set(labels.source) == {"auto"}
    assert len(labels) == items.item.isin(sure.index[sure]).sum()
    assert Paths(proposed.workdir, 1).built


def test_later_rounds_cut_the_first_sequences_at_every_few_frames(proposed):
    config = config_of(count=3)
    pd.DataFrame({"sequence": ["new-0000", "new-0001"]}).to_csv(proposed.new, index=False)
    rounds.run(config, str(proposed.workdir), make_builder, last="build")
    second, third = (RoundContext(config, Paths(proposed.workdir, number)) for number in (1, 2))
    assert second.new_sequences == ["new-0002", "new-0003"]
    write_mined(second.paths.mined, Mined([], [], []), [])
    build.run(third, make_builder)
    plan = pd.read_csv(third.paths.plan)
    assert set(plan.frame[plan.reason == "label"] % 2) == {0}


def test_rejected_tracks_are_hard_negatives(proposed):
    config = config_of("human")
    rounds.run(config, str(proposed.workdir), make_builder)
    with ledger.open_ledger(proposed.ledger) as db:
        items = ledger.get_items(db)
        ledger.decide(db, items[-1].id, "keep", "ann")
        for item in items[:-1]:
            ledger.decide(db, item.id, "accept", "ann")
    rounds.run(config, str(proposed.workdir), make_builder, last="build")
    plan = pd.read_csv(Paths(proposed.workdir, 1).plan)
    of_sequence = plan[plan.sequence == items[-1].sequence]
    for frame in items[-1].frames:
        chips = of_sequence[of_sequence.frame == frame.frame]
        inside = lies_in_chip(np.array([[frame.x, frame.y]]), chips.x0, chips.y0, 32)
        assert "false_alarm" in set(chips.reason[inside]) or frame.frame % 2


def test_a_review_that_adds_no_label_is_reported(proposed):
    config = config_of("auto")
    config.rounds.auto_probability = 1.0
    for _ in range(2):  # the round has not begun, so that decisions can still be undone
        with pytest.raises(InputError, match="must add labels to train on; found none. Undo"):
            rounds.run(config, str(proposed.workdir), make_builder)
    with ledger.open_ledger(proposed.ledger) as db:
        assert ledger.current_round(db) == 0


def test_one_round_without_labels_is_refused_before_anything_is_written(tmp_path):
    for folder in ("", tmp_path / "data"):
        config = config_of(count=1)
        config.data.folder = str(folder)
        write_folder(tmp_path / "data")
        with pytest.raises(InputError, match=r"config.rounds.count: .* 2 or more.*; found 1"):
            rounds.run(config, str(tmp_path / "run"), make_builder)
    assert not (tmp_path / "run").exists()


def test_the_message_about_missing_labels_explains_a_start_without_them(tmp_path):
    config = config_of()
    config.data.folder = str(write_folder(tmp_path / "data", split="train"))
    remedy = "to start without (labels|any), name the sequences only in splits/new.txt"
    with pytest.raises(InputError, match=f"labels.csv: .*; found none. .*{remedy}"):
        rounds.run(config, str(tmp_path / "run"), make_builder)
    (tmp_path / "data" / "labels.csv").write_text("sequence,frame,x,y,w,h,category\n")
    with pytest.raises(InputError, match=f"train must have labels; found none. .*{remedy}"):
        rounds.run(config, str(tmp_path / "run"), make_builder)


@pytest.mark.parametrize(("frames", "problems"), [(12, 0), (7, 1)])
def test_a_folder_of_nothing_but_frames_is_checked(tmp_path, capsys, frames, problems):
    config = config_of()
    config.data.folder = str(write_folder(tmp_path / "data", frames=frames))
    assert check.run(config, Paths(tmp_path / "run")) == problems
    printed = capsys.readouterr().out
    assert "starts with proposed labels" in printed
    assert problems == 0 or "needs 8 frames" in printed


def write_folder(path, split="new", frames=12):
    """Write a data folder with one sequence and without labels."""
    for part in ("sequences", "splits"):
        (path / part).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).normal(1000, 5, (frames, 64, 96)).astype(np.uint16)
    np.save(path / "sequences" / "a.npy", noise)
    (path / "splits" / f"{split}.txt").write_text("a\n")
    return path


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ({"all": ["a"]}, False),
        ({"train": ["a"], "new": ["b"]}, False),
        ({"train": [], "test": ["a"]}, False),
        ({"train": [], "val": ["a"], "new": ["b"]}, True),
        ({"train": 0, "new": 3}, True),
    ],
)
def test_new_sequences_alone_mean_a_start_without_labels(splits, expected):
    assert starts_without_labels(splits) == expected
