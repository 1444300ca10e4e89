"""New sequences as people give them: too short, empty, without detections, full, or duplicates."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config
from PIL import Image

from dimjax import ledger
from dimjax.commands import check
from dimjax.commands.bundled import make_builder
from dimjax.data.duplicates import find_duplicates
from dimjax.data.sequences import as_sequence, open_sequence
from dimjax.errors import InputError
from dimjax.runs import intake
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.stages import build, decide, mine, predict, rounds

NOISE = np.random.default_rng(0).normal(1000, 5, (8, 64, 96)).astype(np.uint16)


@pytest.fixture
def mined(tiny_run, tmp_path):
    """Predict and mine frames as the only new sequence of a run of two rounds.

    The predictions in all sequences may be replaced by another table.
    """
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths, config = Paths(workdir), tiny_config()
    config.rounds.count = 2

    def stages(frames, instead=None):
        folder = paths.sky / "sequences" / "added"
        folder.mkdir()
        if frames is not None:
            np.save(folder / "frames.npy", frames)
        (paths.sky / "splits" / "new.txt").write_text("added\n")
        context = RoundContext(config, paths)
        intake.check(context)
        intake.assign_to_round(context)
        predict.run(context)
        predictions = pd.read_parquet(paths.predictions)
        if instead is not None:
            predictions = instead(predictions)
            predictions.to_parquet(paths.predictions)
        mine.run(context)
        return predictions[predictions.sequence == "added"], pd.read_csv(paths.mined)

    stages.config, stages.paths = config, paths
    return stages


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        (None, "added: a sequence must have frames; found an empty folder"),
        (
            NOISE[:1],
            "sequence added: a still image, or a sequence of one frame, needs model.input=single",
        ),
        (NOISE[:3], "sequence added: clips of stride 1 need 4 frames or more; found 3"),
    ],
)
def test_a_new_sequence_without_a_clip_is_named(mined, frames, text):
    with pytest.raises(InputError, match=text):
        mined(frames)


def test_nothing_is_mined_without_detections(mined):
    mined.config.refinement.planted_share = 0.0  # of no other sequence either
    detections, items = mined(NOISE, lambda table: table[:0])
    assert detections.empty and items.empty


def test_the_items_of_a_thousand_detections_in_a_frame_are_limited(mined, capsys):
    rng = np.random.default_rng(0)

    def thousands(table):
        rows = {"frame": np.repeat(range(8), 1000), "x": rng.uniform(0, 96, 8000)}
        rows |= {"y": rng.uniform(0, 64, 8000), "score": rng.uniform(0.7, 1, 8000)}
        return pd.DataFrame({"sequence": "added", **rows, "w": 3.0, "h": 3.0, "category": "target"})

    mined.config.rounds.max_items_per_frame = 1.0
    _, items = mined(NOISE, thousands)
    printed = capsys.readouterr().out
    assert (items.shown == 1).any() and (items.shown == 0).any()
    with ledger.open_ledger(mined.paths.ledger) as db:
        queued = ledger.item_table(db)
    queued = queued[queued.stage == "mine"]
    assert queued.item.nunique() == 8 and len(queued) == items.shown.sum()
    assert re.search(
        r"8 of these \d{2,} are queued for review: rounds.max_items_per_frame", printed
    )
    assert "added: 8 frames hold more than 200 detections; the strongest 200 of each" in printed
    assert "mined in 1 new sequences: " in printed


def test_mined_locations_that_are_not_queued_are_no_background(mined):
    """A track is queued; detections all over a frame are not, and only some are surely false."""
    config, paths = mined.config, mined.paths
    config.rounds.max_items_per_frame, config.rounds.reviewer = 1 / 8, "auto"
    config.rounds.auto_probability, config.chips.backgrounds_per_label = 0.6, 5.0

    def a_track_and_a_full_frame(table):
        x, y = np.meshgrid(range(6, 96, 12), range(6, 64, 12))
        frame = np.append(range(8), np.full(x.size, 2))
        rows = {"x": np.append(np.linspace(20, 76, 8), x), "y": np.append(np.full(8, 36), y)}
        rows = {"sequence": "added", "frame": frame, **rows, "score": 0.9, "category": "target"}
        return pd.DataFrame({**rows, "w": 3.0, "h": 3.0})

    _, items = mined(NOISE, a_track_and_a_full_frame)
    assert items.shown.sum() == 8 and (items.frame[items.shown == 0] == 2).sum() > 20
    decide.run(RoundContext(config, paths))
    after = paths.of_round(1)
    build.run(RoundContext(config, after), make_builder)
    plan = pd.read_csv(after.plan)
    background = plan[(plan.sequence == "added") & (plan.reason == "background")]
    assert {0, 1, 3, 4} & set(background.frame) and 2 not in set(background.frame)
    false = plan[(plan.sequence == "added") & (plan.reason == "false_alarm")]
    sure = items[(items.shown == 0) & (items.probability >= 0.9)]
    assert 0 < len(false) <= len(sure) < (items.shown == 0).sum() and set(false.frame) == {2}
    assert (
        len(background) + len(false) == 5 * (plan.reason[plan.sequence == "added"] == "miss").sum()
    )


def test_duplicates_are_found_by_their_frames(tmp_path):
    (tmp_path / "pictures").mkdir()
    for t, frame in enumerate(NOISE):
        Image.fromarray(frame).save(tmp_path / "pictures" / f"{t}.png")
    last, first = NOISE.copy(), NOISE.copy()
    last[-1, 3, 4] += 1
    first[0, 3, 4] += 1
    known = [as_sequence(NOISE, "a"), as_sequence(NOISE[:7], "b"), as_sequence(last, "c")]
    new = [
        open_sequence(tmp_path / "pictures"),
        as_sequence(last, "d"),
        as_sequence(first, "e"),
        as_sequence(first, "f"),
        as_sequence(NOISE[1:], "g"),
    ]
    assert find_duplicates(new, known) == {"pictures": "a", "d": "c", "f": "e"}
    assert find_duplicates(new[2:3], known) == find_duplicates([], known) == {}


@pytest.mark.parametrize(("lists", "is_problem"), [("val", True), ("train", False), ("", False)])
def test_a_copy_in_another_split_is_a_problem_and_refused(
    tiny_run, tmp_path, capsys, lists, is_problem
):
    """In `check` and before the chips are cut; in a split that was drawn it is a note."""
    folder = Path(shutil.copytree(tiny_run / "sky", tmp_path / "data"))
    copies = [f"copy{k}" for k in range(1 if lists else 3)]
    for name in copies:
        shutil.copytree(folder / "sequences" / "train-0000", folder / "sequences" / name)
    if lists:
        with (folder / "splits" / f"{lists}.txt").open("a") as names:
            names.write("copy0\n")
    else:
        shutil.rmtree(folder / "splits")
    config = tiny_config()
    config.data.folder = str(folder)
    rule = "must not be in two splits, as they are in train and val; found the frames of sequence"
    assert check.run(config, None) == is_problem
    printed = capsys.readouterr().out
    line = f"problem: sequence copy0: the frames of a sequence {rule} train-0000."
    assert (line in printed) == is_problem
    assert ("have the same frames, one in train, one in val: figures on" in printed) == (not lists)
    if is_problem:
        with pytest.raises(InputError, match=rule):
            rounds.run(config, str(tmp_path / "run"), make_builder, last="build")
