"""A run that has ended goes on with more rounds, and its last round is reviewed after all."""

import shutil

import numpy as np
import pandas as pd
import pytest

from dimjax import ledger
from dimjax.commands.bundled import make_builder
from dimjax.errors import InputError
from dimjax.runs import round_suspects
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import rounds


@pytest.fixture
def ended(tiny_run, tmp_path):
    """The tiny run with a new sequence that nobody has mined."""
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    sequences = workdir / "sky" / "sequences"
    shutil.copytree(sequences / "test-0000", sequences / "new-0000")
    frames = np.load(sequences / "new-0000" / "frames.npy")
    np.save(sequences / "new-0000" / "frames.npy", frames[:, ::-1])
    (workdir / "sky" / "splits" / "new.txt").write_text("new-0000\n")
    (workdir / "digests" / "simulate.json").unlink()  # records the frames before
    return workdir


def with_rounds(workdir, count):
    config = read_config(workdir)
    config.rounds.count = count
    return config


def test_the_last_round_is_refined_and_mined_once_another_one_follows(ended, capsys):
    paths = Paths(ended)
    trained = paths.training_log.completion.stat().st_mtime_ns
    assert rounds.run(with_rounds(ended, 2), str(ended), make_builder)  # waits for a person
    assert read_config(ended).rounds.count == 2
    printed = capsys.readouterr().out
    assert "round 0 is no longer the last" in printed and "worst 2% for each kind" in printed
    assert pd.read_csv(paths.new).sequence.tolist() == ["new-0000"]
    assert paths.suspects.exists() and paths.mined.exists()
    assert paths.training_log.completion.stat().st_mtime_ns == trained
    with RoundContext(read_config(ended), paths).open_ledger() as db:
        items = ledger.item_table(db, 0)
    suspects = items[items.kind.isin(["wrong_position", "wrong_category", "labelled_background"])]
    assert len(suspects) and (suspects.probability == 0).all()


def test_a_stage_of_the_review_names_the_key_that_adds_a_round(tiny_run):
    text = r"`refine`: all rounds but the last have this stage; found 1 finished rounds\. Add a rou"
    with pytest.raises(InputError, match=text + r".*refine .*--config\.rounds\.count=2\."):
        rounds.run(read_config(tiny_run), str(tiny_run), make_builder, last="refine")


def test_only_the_number_of_rounds_may_change_and_only_upwards(tiny_run, tmp_path):
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    config = with_rounds(workdir, 2)
    config.training.epochs = 9
    with pytest.raises(InputError, match="keeps its configuration, rounds.count=1; .* 1 more that"):
        rounds.run(config, str(workdir), make_builder)
    config = with_rounds(workdir, 2)
    rounds.write_config(config, workdir)
    with pytest.raises(InputError, match="rounds.count=2; found rounds.count=1"):
        rounds.write_config(with_rounds(workdir, 1), workdir)


def test_without_planted_errors_the_worst_labels_of_each_kind_are_selected(tiny_run):
    worst = pd.DataFrame({"probability": np.arange(1, 101) / 100, "planted": False})
    worst = worst.assign(cut_off=np.nan, label=range(1, 101))
    settings = read_config(tiny_run).refinement
    chosen = round_suspects.above_threshold(settings, worst, None)
    assert chosen.label.tolist() == [99, 100] and (chosen.probability == 0).all()
