"""The main job from end to end: a real configuration made small, killed, resumed, asked."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree
from scripts import run_script, start_script

import dimjax
from dimjax import ledger
from dimjax.commands import score
from dimjax.commands.bundled import make_builder
from dimjax.data.labels import COLUMNS, read_table
from dimjax.errors import InputError
from dimjax.review import simulated
from dimjax.runs import round_suspects
from dimjax.runs.context import RoundContext
from dimjax.runs.integrity import check_run
from dimjax.runs.workdir import Paths, read_config, write_config
from dimjax.stages import refine, rounds
from dimjax.stages.rounds import sole_run
from dimjax.training import checkpoints

ROOT = Path(__file__).parent.parent
SMALL = [
    "--config=configs/demo.py",
    "--config.sky.sequences.train=3",
    "--config.sky.sequences.val=1",
    "--config.sky.sequences.test=1",
    "--config.sky.sequences.new=1",
    "--config.sky.errors.position=0.02",
    "--config.sky.errors.unlabelled=0.02",
    "--config.sky.settings.frames=12",
    "--config.sky.settings.height=96",
    "--config.sky.settings.width=128",
    "--config.chips.chip_px=32",
    "--config.training.epochs=3",
    "--config.training.batch_size=16",
    "--config.rounds.count=2",
    "--config.rounds.later_epochs=2",
    "--config.rounds.reviewer=oracle",
]


def words(workdir: Path, *args: str) -> list[str]:
    keys = [] if args[:1] == ("score",) else SMALL  # which reads those of the run
    return [*keys, f"--workdir={workdir}", *args]


def run(workdir: Path, *args: str, status: int = 0) -> str:
    done = run_script(ROOT / "main.py", *words(workdir, *args))
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed")
    return workdir, run(workdir)


def test_the_main_job_leaves_what_it_promises(undisturbed):
    workdir, printed = undisturbed
    paths = Paths(workdir)
    assert "report.html" in printed and "precision" in printed
    figures = json.loads(paths.evaluation.read_text())
    assert figures["split"] == "test" and figures["frames"]["images"] == 12
    assert set(figures["frames"]["categories"]) == {"target", "interference"}
    assert paths.report.read_text().startswith("<!DOCTYPE html>")
    for number, expected in ((0, [0, 1, 2]), (1, [0, 1])):
        metrics = paths.of_round(number).training_log.read_metrics()
        assert [line["epoch"] for line in metrics] == expected


def test_decisions_of_the_first_round_are_trained_on(undisturbed):
    first, second = Paths(undisturbed[0]), Paths(undisturbed[0], 1)
    review = json.loads(first.reviewed.read_text())
    assert 0 < review["decided"] <= review["items"]
    with ledger.open_ledger(first.ledger) as db:
        assert not ledger.item_table(db, 0).state.eq("open").any()
        after = ledger.labels_as_of(db, 1)
    labels = read_table(second.labels)
    ordered = after.sort_values(["sequence", "frame"], kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(labels, ordered[list(COLUMNS)])
    planted = pd.read_csv(first.planted)
    assert planted.kind.nunique() == 4 and pd.read_csv(second.planted).empty
    assert not after.source.eq("planted").any()
    plans = [pd.read_csv(paths.plan).id for paths in (first, second)]
    assert set(plans[0]) <= set(plans[1])
    assert not second.suspects.exists()  # after the last round nobody would look at them


def test_every_label_has_its_outputs_in_every_epoch(undisturbed):
    paths = Paths(undisturbed[0])
    outputs, labels = paths.training_log.read_label_outputs(), pd.read_csv(paths.labels)
    train = labels[labels.sequence.str.startswith("train") & (labels.frame % 4 == 0)]
    # A label between those of the frames that chips are cut from is in no chip.
    assert set(train.index) <= set(outputs.label)
    assert (outputs.groupby("label").epoch.nunique() == 3).all()
    assert np.isfinite(outputs[["confidence", "dx", "dy"]]).all(axis=None)


def test_every_example_has_its_loss_in_every_epoch(undisturbed):
    table = Paths(undisturbed[0]).training_log.read_losses()
    assert (table.groupby("id").epoch.nunique() == 3).all()
    assert not table.duplicated(["id", "epoch"]).any()
    weights = read_config(undisturbed[0]).loss
    total = weights.location_weight * table.location
    total += weights.classification_weight * (table.confidence + table.category)
    np.testing.assert_allclose(table.total, total, rtol=1e-5)


@pytest.mark.long
def test_a_killed_run_goes_on_and_ends_the_same(undisturbed, tmp_path):
    first, second = Paths(tmp_path), Paths(tmp_path, 1)
    # In the midst of a training, between the search for suspects and their review, and later.
    for moment in (first.training_log.losses / "0000.parquet", first.suspects, second.planted):
        _kill_at(moment, tmp_path)
    assert not second.training_log.is_complete
    run(tmp_path)
    for number in (0, 1):
        same, other = Paths(undisturbed[0], number), Paths(tmp_path, number)
        tables = (paths.training_log.read_losses() for paths in (same, other))
        pd.testing.assert_frame_equal(*tables)
        ours, theirs = (json.loads(p.evaluation.read_text()) for p in (same, other))
        assert ours == theirs
        ours, theirs = (dimjax.load(p.workdir, number).detector.variables for p in (same, other))
        assert _leaves(ours) == _leaves(theirs)
    tables = []
    for paths in (Paths(undisturbed[0]), first):
        with ledger.open_ledger(paths.ledger) as db:
            tables.append(ledger.labels_as_of(db).assign(items=len(ledger.item_table(db))))
    pd.testing.assert_frame_equal(*tables)


def _kill_at(moment: Path, workdir: Path) -> None:
    """Run until a file appears, then kill -9."""
    program = start_script(ROOT / "main.py", *words(workdir))
    _wait_for(moment.exists)
    program.kill(signal.SIGKILL)
    assert program.finish()[0] == -signal.SIGKILL and moment.exists()


def _wait_for(holds) -> None:
    deadline = time.monotonic() + 240
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)


def _leaves(tree) -> list[bytes]:
    import jax

    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def test_a_run_can_be_asked_from_python(undisturbed):
    opened = dimjax.load(undisturbed[0])
    assert opened.paths.number == 1  # the newest
    assert repr(opened) == f"<dimjax run {undisturbed[0]}, round 1, epoch {opened.epoch}>"
    losses = opened.losses("test")
    assert {"id", "sequence", "frame", "location", "confidence", "category", "total"} == set(losses)
    assert losses.id.is_unique and np.isfinite(losses.total).all()
    # The same examples in other batches have the same losses.
    pd.testing.assert_frame_equal(losses, opened.losses("test", batch_size=7), rtol=1e-4)
    with pytest.raises(InputError, match="split: it must be one of .*; found 'tset'. Name one"):
        opened.losses("tset")
    with pytest.raises(InputError, match="batch_size: must be 1 or more; found 0"):
        opened.losses("test", batch_size=0)
    frames = np.load(opened.paths.sky / "sequences" / "test-0000" / "frames.npy")
    detected = opened.detect(frames, accepted=False)
    saved = pd.read_csv(opened.paths.detections)
    # Batches of other sizes and code that is optimised differently round differently, and evidence
    # is in steps: a score may be on the other side of the lowest one.
    assert abs(len(detected) - len(saved)) <= 2
    places = [table[["frame", "x", "y"]] * [1000, 1, 1] for table in (detected, saved)]
    distance, row = cKDTree(places[0]).query(places[1])
    assert (distance > 0.5).sum() <= 2
    scores = detected.score.to_numpy()[row][distance <= 0.5]
    np.testing.assert_allclose(scores, saved.score[distance <= 0.5], rtol=2e-2)


def linked_copy(source: Path, target: Path) -> None:
    """Copy a file or folder without its contents: links out of a run are refused."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link)
    else:
        os.link(source, target)


def test_single_frames_train_from_the_same_data_set(undisturbed, tmp_path):
    for name in ("sky", "rounds/0/examples", "rounds/0/labels.csv", "rounds/0/plan.csv"):
        linked_copy(undisturbed[0] / name, tmp_path / name)
    one = ["--config.training.epochs=1", "--config.rounds.count=1"]
    run(tmp_path, "evaluate", "--config.model.input=single", *one)
    assert Paths(tmp_path).evaluation.exists()


def test_a_person_is_waited_for(undisturbed, tmp_path):
    linked_copy(undisturbed[0] / "sky", tmp_path / "sky")
    human = ["--config.rounds.reviewer=human", "--config.training.epochs=1"]
    printed = run(tmp_path, *human, status=3)
    assert "review items wait. Decide them with" in printed and "main.py review --work" in printed
    assert not Paths(tmp_path).reviewed.exists() and not Paths(tmp_path, 1).labels.exists()
    with ledger.open_ledger(Paths(tmp_path).ledger) as db:
        ledger.decide(db, ledger.get_items(db)[-1].id, "skip", "ann")
        simulated.auto(db, min_probability=0.0, reviewer="ann")
        for item in ledger.get_items(db, states=["open"]):
            ledger.decide(db, item.id, "skip", "ann")
        skipped = len(ledger.get_items(db, states=["skipped"]))
    printed = run(tmp_path, "build", *human)
    assert skipped and f"; {skipped} skipped items lapsed, labels unchanged\n" in printed
    assert Paths(tmp_path).reviewed.exists() and Paths(tmp_path, 1).built


def test_of_two_processes_on_one_directory_the_second_is_refused(tmp_path):
    lock = Paths(tmp_path).lock
    with sole_run(Paths(tmp_path)):
        second = run_script(ROOT / "main.py", *words(tmp_path, "train"))
    message = f"{lock}: one process at a time works on a run; found process {os.getpid()} on "
    assert second.returncode == 1 and second.stderr.startswith(f"error: {message}")
    assert ". Wait for its end or end it" in second.stderr
    assert not Paths(tmp_path).sky.exists()


def test_scores_are_written_while_a_run_goes_on_with_the_worst_first(undisturbed):
    with sole_run(Paths(undisturbed[0])):
        printed = run(undisturbed[0], "score", "--split=test", "--epoch=1")
    assert "test: mean loss location" in printed
    table = pd.read_parquet(Paths(undisturbed[0], 1).scores("test"))
    assert table.total.is_monotonic_decreasing
    losses = dimjax.load(undisturbed[0], epoch=1).losses("test").set_index("id").total
    np.testing.assert_allclose(table.total, losses[table.id], rtol=1e-3)
    assert not any(column.startswith("epoch") for column in table)  # it was not trained on


def test_scores_of_the_training_split_tell_the_losses_of_all_epochs(undisturbed):
    paths, tables = Paths(undisturbed[0], 1), []
    for epoch in (0, 1):
        score.run(undisturbed[0], "train", epoch=epoch + 1)
        tables.append(pd.read_parquet(paths.scores("train")))
    assert (tables[0].set_index("id").total - tables[1].set_index("id").total).abs().max() > 0.01
    assert [c for c in tables[0] if c.startswith("epoch")] == ["epoch_1", "epoch_2"]
    losses = paths.training_log.read_losses().set_index(["epoch", "id"]).total
    for epoch in (0, 1):
        assert (tables[0][f"epoch_{epoch + 1}"] == losses[epoch][tables[0].id].to_numpy()).all()


def test_a_run_is_not_continued_with_other_keys(undisturbed):
    config = read_config(undisturbed[0])
    write_config(config, undisturbed[0])
    config = config.copy_and_resolve_references()
    config.unlock()
    config.loss.location_weight = 7.0
    key = "loss.location_weight"
    with pytest.raises(InputError, match=f"keeps its configuration, {key}=10.0; found {key}=7.0"):
        write_config(config, undisturbed[0])


def test_a_checkpoint_of_another_model_is_refused(undisturbed, tmp_path):
    other = {name: (undisturbed[0] / name) for name in ("sky", "rounds")}
    opened = dimjax.load(undisturbed[0])
    with checkpoints.open_checkpoints(other["rounds"] / "0" / "checkpoints") as saved:
        like = {
            "params": {"wrong": np.zeros(3)},
            "batch_stats": opened.detector.variables["batch_stats"],
        }
        with pytest.raises(InputError, match="a checkpoint of this model has"):
            checkpoints.restore_variables(saved, like)
        with pytest.raises(
            InputError, match=r"a checkpoint of epoch 10 is needed; found .*\[1, 2, 3\]"
        ):
            checkpoints.read_description(saved, 9)


def test_an_epoch_without_thresholds_of_its_own_is_named(undisturbed):
    assert dimjax.load(undisturbed[0]).description.endswith("round 1, epoch 2")
    earlier = dimjax.load(undisturbed[0], epoch=1)
    assert set(earlier.detector.description["threshold"].values()) == {0.5}
    assert "not fitted for it: all thresholds are 0.5" in earlier.description


def test_a_question_about_a_round_that_is_not_there_makes_no_folder(undisturbed):
    with pytest.raises(InputError, match="5/checkpoints: a checkpoint of any epoch is needed; fo"):
        dimjax.load(undisturbed[0], round=5)
    assert not Paths(undisturbed[0], 5).round.exists()


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="a run's directory holds config.json; found none"):
        dimjax.load(tmp_path)


@pytest.fixture
def unreviewed(undisturbed, tmp_path):
    """The first round of a run of three rounds, refined anew with a new ledger."""
    paths = Paths(shutil.copytree(undisturbed[0], tmp_path / "run"))
    for path in (paths.ledger, paths.suspects, paths.mined, paths.of_round(1).round):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    config = read_config(paths.workdir)
    config.rounds.count = 3
    context, planted = RoundContext(config, paths), paths.planted.read_bytes()
    paths.planted.unlink()  # with it, a missing ledger is an error
    context.open_ledger().close()
    paths.planted.write_bytes(planted)
    return context


def test_the_ledger_of_a_run_that_has_begun_is_not_begun_anew(undisturbed, tmp_path):
    paths = Paths(shutil.copytree(undisturbed[0], tmp_path / "run"))
    paths.ledger.unlink()
    with pytest.raises(InputError, match="ledger.sqlite: a run that has begun has a ledger, with"):
        RoundContext(read_config(paths.workdir), paths.of_round(1)).open_ledger()
    assert not paths.ledger.exists()


@pytest.mark.parametrize("name", ["suspects.csv", "mined.csv"])
def test_a_decided_round_is_not_reviewed_anew(undisturbed, tmp_path, name):
    paths = Paths(shutil.copytree(undisturbed[0], tmp_path / "run"))
    (paths.round / name).unlink()
    with pytest.raises(InputError, match=f"{name}: a decided round has the tables of its review"):
        rounds.run(read_config(paths.workdir), str(paths.workdir), make_builder)


def test_a_round_that_is_gone_is_not_begun_anew(undisturbed, tmp_path):
    paths = Paths(shutil.copytree(undisturbed[0], tmp_path / "run"))
    shutil.rmtree(paths.round)
    with pytest.raises(InputError, match="rounds/0: a run with a round 1 has all rounds before it"):
        rounds.run(read_config(paths.workdir), str(paths.workdir), make_builder)
    shutil.rmtree(paths.of_round(1).round)  # the ledger still knows of them
    rule = "rounds/0: ledger.sqlite knows round 0, so that it must be there; found no folder"
    with pytest.raises(InputError, match=rule):
        rounds.run(read_config(paths.workdir), str(paths.workdir), make_builder)
    problems = []
    check_run(paths, problems.append)
    assert not paths.round.exists() and [rule in str(problem) for problem in problems] == [True]


def items_of(context) -> pd.DataFrame:
    with context.open_ledger() as db:
        return ledger.item_table(db, context.number)


def test_decided_suspects_are_not_queued_again(unreviewed):
    refine.run(unreviewed)
    with unreviewed.open_ledger() as db:
        for item in ledger.item_table(db).item.unique():
            ledger.decide(db, int(item), "keep", "ann")
        ledger.begin_round(db, 1)
    again = unreviewed.of_round(1)  # trained on the same labels, with the same result
    shutil.copytree(unreviewed.paths.round, again.paths.round)
    again.paths.suspects.unlink()
    refine.run(again)
    first, second = (set(items_of(context).label) - {0} for context in (unreviewed, again))
    assert first and not first & second


def test_the_number_of_suspects_in_a_round_is_limited(unreviewed):
    unreviewed.config.refinement.max_items_per_label = 0.01
    with unreviewed.open_ledger() as db:
        labels, planted = unreviewed.trained_labels(db)
        no_items = ledger.item_table(db)
    result = round_suspects.find_suspects(unreviewed, labels, planted, no_items)
    assert len(result.queued) == round(0.01 * len(result.labels)) > 0
