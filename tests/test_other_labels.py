"""The labels of another folder, judged by a trained run."""

import shutil

import jax
import numpy as np
import pandas as pd
import pytest

from dimjax.commands import other_labels
from dimjax.commands.bundled import make_builder
from dimjax.data.folders import open_folder
from dimjax.detection.detector import restore_detector
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths, read_config


@pytest.fixture
def other(tiny_run, tmp_path):
    """The sequences of the run's sky with its labels, in no split."""
    folder = shutil.copytree(tiny_run / "sky", tmp_path / "other")
    shutil.rmtree(folder / "splits")
    return folder


def judge(run, folder, output, last="refine"):
    config = other_labels.config_for(read_config(run), str(run), str(folder))
    return other_labels.run(config, output and str(output), make_builder, last)


def test_all_labels_are_ranked_by_the_weights_of_the_run(tiny_run, other, tmp_path, capsys):
    judged = Paths(tmp_path / "judged")
    assert judge(tiny_run, other, judged.workdir) is False
    assert f"review --workdir={judged.workdir}`, then `export" in capsys.readouterr().out
    labels = pd.read_csv(judged.labels)
    theirs = open_folder(other).labels
    assert set(labels.sequence) == set(theirs.sequence) == {"train-0000", "val-0000", "test-0000"}
    planted = pd.read_csv(judged.planted)
    assert len(labels) + (planted.kind == "unlabelled").sum() >= len(theirs)
    suspects = pd.read_csv(judged.suspects)
    assert set(suspects.sequence) <= set(labels.sequence) and len(suspects)
    first, second = (
        restore_detector(Paths(run).checkpoints).variables["params"]
        for run in (tiny_run, judged.workdir)
    )
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_a_person_decides_what_an_oracle_did_in_the_run(tiny_run, other):
    config = read_config(tiny_run)
    config.rounds.reviewer, config.data.implant.share = "oracle", 0.5
    config = other_labels.config_for(config, str(tiny_run), str(other))
    assert config.rounds.reviewer == "human" and config.data.implant.share == 0
    config.rounds.reviewer = "auto"
    again = other_labels.config_for(config, str(tiny_run), str(other))
    assert again.rounds.reviewer == "auto" and again.training.start == str(tiny_run)


def test_what_cannot_be_judged_is_refused(tiny_run, other, tmp_path, capsys):
    with pytest.raises(InputError, match=r"--output: .* a directory; found nothing\. Give --out"):
        judge(tiny_run, other, None)
    rule = r"--output=.*tiny_run: it must be new, or the run of the same command, .*; found a run w"
    with pytest.raises(InputError, match=rule):
        judge(tiny_run, other, tiny_run)
    rule = "other: mine searches sequences of the split new; found splits all. Name unlabelled"
    with pytest.raises(InputError, match=rule):
        judge(tiny_run, other, tmp_path / "judged", "mine")
    (other / "splits").mkdir()
    (other / "splits" / "new.txt").write_text("train-0000\nval-0000\ntest-0000\n")
    with pytest.raises(InputError, match="other: it must have labels of sequences in train; found"):
        judge(tiny_run, other, tmp_path / "judged", "mine")
    assert not (tmp_path / "judged").exists()


def test_labels_outside_of_train_are_named(tiny_run, tmp_path, capsys):
    judge(tiny_run, tiny_run / "sky", tmp_path / "judged")
    note = "note: the labels of 2 sequences of val and test are not judged, val-0000 first"
    assert note in capsys.readouterr().out
