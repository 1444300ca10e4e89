"""Files of a run that are damaged, gone, exchanged or new are named; nothing leads out of a run."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing

import pandas as pd
import pytest
from conftest import tiny_config

from dimjax import ledger
from dimjax.chips import examples
from dimjax.commands import check, compare, items, review
from dimjax.commands.bundled import make_builder
from dimjax.commands.export import run_labels
from dimjax.errors import InputError
from dimjax.runs import digests
from dimjax.runs.workdir import Paths, check_links, newest_round, read_config, write_config
from dimjax.stages import rounds


@pytest.fixture
def paths(tmp_path):
    """A run whose files have some contents, with a training of three epochs."""
    paths = Paths(tmp_path / "run")
    names = [
        "labels.csv",
        "planted.csv",
        "plan.csv",
        "new.csv",
        "examples/a/b.json",
        "metrics.jsonl",
    ]
    names += ["training.json", "evaluation.json", "speed.json", "predictions.parquet"]
    names += ["suspects.csv", "mined.csv", "review.json", "../../sky/labels.csv"]
    for epoch in range(3):
        names += [f"checkpoints/{epoch}/state", f"losses/{epoch:04d}.parquet"]
        names += [f"label_outputs/{epoch:04d}.parquet"]
    for name in names:
        file = paths.round / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"contents of {name}")
    for epoch in range(3):
        digests.record_epoch(paths, epoch)
    return paths


FILES = {
    "simulate": "../../sky/labels.csv",
    "build": "examples/a/b.json",
    "train": "losses/0001.parquet",
    "evaluate": "speed.json",
    "predict": "predictions.parquet",
    "refine": "suspects.csv",
    "mine": "mined.csv",
    "decide": "review.json",
}
DAMAGES = {
    "emptied": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-3]),
    "flipped": lambda file: file.write_bytes(file.read_bytes().replace(b"c", b"b", 1)),
    "replaced": lambda file: file.write_bytes(b"another file"),
    "removed": lambda file: file.unlink(),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("stage", FILES)
def test_a_damaged_file_is_named_with_the_command_that_makes_it_again(paths, stage, damage):
    digests.verify(paths, stage)  # not recorded yet
    digests.verify_or_record(paths, stage)
    digests.verify(paths, stage)
    file = (paths.round / FILES[stage]).resolve()
    DAMAGES[damage](file)
    found = "no file" if damage == "removed" else "a damaged file"
    text = rf"{file.name}: it must be as `{stage}` wrote it; found {found}\. Restore it, or .*"
    with pytest.raises(InputError, match=rf"{text}run dimjax {stage} --workdir={paths.workdir}\."):
        digests.verify_or_record(paths, stage)


def test_chips_are_read_again_only_if_they_changed(paths, monkeypatch):
    digests.record(paths, "build")
    read, digest = [], digests.digest
    monkeypatch.setattr(digests, "digest", lambda path: read.append(path.name) or digest(path))
    digests.verify(paths, "build")
    assert sorted(read) == ["labels.csv", "new.csv", "plan.csv", "planted.csv"]
    chips = paths.round / "examples" / "a" / "b.json"
    chips.write_text(chips.read_text())  # a copy of the run has the same contents
    digests.verify(paths, "build")
    assert read.count("b.json") == 1


def test_a_file_that_was_added_is_named(paths):
    digests.record(paths, "train")
    (paths.checkpoints / "3").mkdir()
    (paths.checkpoints / "3" / "state").touch()
    with pytest.raises(InputError, match="checkpoints/3/state: .*; found a file of another origin"):
        digests.verify(paths, "train")
    shutil.rmtree(paths.checkpoints / "3")
    paths.checkpoints.with_suffix(".json").write_text("{}")  # of chosen thresholds
    with pytest.raises(InputError, match="checkpoints.json: .*; found a file of another origin"):
        digests.verify(paths, "train")


@pytest.mark.parametrize("name", ["checkpoints/9", "checkpoints/9/state", "best/9"])
def test_an_empty_folder_in_place_of_a_checkpoint_is_named(paths, name):
    digests.record(paths, "train")
    (paths.round / name).mkdir(parents=True)
    with pytest.raises(
        InputError, match=r"/9: it must be as `train` wrote it; found an empty fold"
    ):
        digests.verify(paths, "train")


def test_a_training_goes_on_before_an_empty_checkpoint(paths, capsys):
    whole = {one.name for one in paths.checkpoints.iterdir()}
    (paths.checkpoints / "9").mkdir()
    digests.keep_intact_epochs(paths)
    assert {one.name for one in paths.checkpoints.iterdir()} == whole
    assert "checkpoints/9: an empty folder; epoch 10 is trained again" in capsys.readouterr().out


def test_a_sky_that_is_exchanged_with_its_digests_is_refused(tiny_run, tmp_path, capsys):
    paths = Paths(shutil.copytree(tiny_run, tmp_path / "run"))
    record = paths.sky / "sky.json"
    record.write_text(record.read_text().replace('"seed": 0', '"seed": 1'))
    digests.record(paths, "simulate")
    config, rule = read_config(paths.workdir), "sky.json: the run began with seed = 0; found 1"
    with pytest.raises(InputError, match=rule):
        rounds.run(config, str(paths.workdir), make_builder)
    assert check.run(config, paths) == 1 and rule in capsys.readouterr().out


@pytest.mark.parametrize("name", ["labels.csv", "splits/test.txt"])
def test_a_changed_file_of_the_sky_is_named_by_the_verbs_that_read_a_run(tiny_run, tmp_path, name):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "sky" / name).write_bytes((run / "sky" / name).read_bytes()[:-9])
    rule = f"sky/{name}: it must be as `simulate` wrote it; found a damaged file. Restore it, or"
    for opened in (
        lambda: review.run(read_config(run), Paths(run), None, 0),
        lambda: items.write(run, tmp_path / "items"),
        lambda: run_labels(run, "csv", tmp_path / "labels"),
        lambda: compare.run(run, tiny_run, tmp_path / "page"),
    ):
        with pytest.raises(InputError, match=rule):
            opened()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"mined.csv": []}', "\udcff", "[" * 100_000])
def test_a_damaged_record_is_named(paths, text):
    digests.record(paths, "mine")
    file = paths.round / "digests" / "mine.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(
        InputError, match="mine.json: it must contain the digests of a stage; found"
    ):
        digests.verify(paths, "mine")


def test_a_flipped_bit_in_a_record_accuses_no_other_file(paths):
    digests.record(paths, "build")
    record = paths.round / "digests" / "build.json"
    content = record.read_bytes()
    for place in (content.index(b"examples"), content.index(b": ") + 4, len(content) - 8):
        record.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"build.json: it must contain the digests"):
            digests.verify(paths, "build")


def test_a_trained_round_whose_mark_is_gone_stays_the_newest(paths):
    last = paths.of_round(1)
    shutil.copytree(paths.round, last.round)
    digests.record(last, "train")
    (last.round / "training.json").unlink()
    assert newest_round(paths.workdir) == 1
    with pytest.raises(InputError, match=r"training.json: it must be as `train` .* found no file"):
        digests.verify(last, "train")


def test_a_training_goes_on_from_its_last_intact_checkpoint(paths, capsys):
    digests.keep_intact_epochs(paths)
    assert not capsys.readouterr().out
    DAMAGES["flipped"](paths.checkpoints / "2" / "state")
    DAMAGES["removed"](paths.round / "losses" / "0001.parquet")
    digests.keep_intact_epochs(paths)
    assert [path.name for path in paths.checkpoints.iterdir()] == ["0"]
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        f"{paths.checkpoints}/2/state: a damaged file; epoch 3 is trained again",
        f"{paths.round}/losses/0001.parquet: no file; epoch 2 is trained again",
    ]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_the_run_is_refused(paths, tmp_path, kind):
    inside, outside = paths.round / "inside", tmp_path / "victim"
    inside.symlink_to(paths.labels)
    check_links(paths.workdir)
    outside.mkdir() if kind == "folder" else outside.touch()
    (paths.round / "scores").symlink_to(outside)
    with pytest.raises(
        InputError, match="scores: a link must lead into the run's directory; found"
    ):
        check_links(paths.workdir)


@pytest.mark.parametrize(("share", "is_completed"), [(0.0, True), (0.5, False)])
def test_a_run_without_implants_may_be_older_than_a_key_of_implants(tmp_path, share, is_completed):
    config = tiny_config()
    config.data.implant.share = share
    del config.data.implant.birds
    write_config(config, tmp_path)
    assert ("birds" in read_config(tmp_path).data.implant) == is_completed


def test_a_run_may_be_older_than_the_rotation_of_its_camera(tmp_path):
    config = tiny_config()
    del config.data.align_rotation
    write_config(config, tmp_path)
    assert read_config(tmp_path).data.align_rotation is False


def test_a_run_may_be_older_than_the_share_of_birds_of_its_sky(tmp_path):
    config = tiny_config()
    del config.sky.settings.birds, config.sky.training.birds
    write_config(config, tmp_path)
    sky = read_config(tmp_path).sky
    assert (sky.settings.birds, sky.training.birds) == (0.1, None)
    write_config(tiny_config(), tmp_path)  # the same run
    other = tiny_config()
    other.sky.training.birds = 0.5
    with pytest.raises(InputError, match=r"sky\.training\.birds"):
        write_config(other, tmp_path)


def record_of(config, **others):
    """config.json with a digest that fits."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    return json.dumps({"config": config, "versions": {}, "digest": digest, **others})


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "{}", '{"config": 5}', '{"config": {"seed": 1}, "digest": "0"}',
     record_of({"model": [1]}), record_of({}, versions=[1]), record_of({}, data_folder=7),
     "[" * 100_000],
)  # fmt: skip
def test_a_damaged_configuration_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    rule = "config.json: it must contain the configuration that the run began with; found a damaged"
    with pytest.raises(InputError, match=rule):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            '{"pythonClassName": "this.Zen"}',
            "must consist of the features of dimjax; found this.Zen",
        ),
        ('{"a": [{"pythonClassName": "os.path"}]}', "must consist of the features of dimjax"),
        ("{", "the file must be readable"),
        ("5", "the file must be readable"),
    ],
)
def test_a_data_set_imports_no_other_module(tmp_path, capsys, text, rule):
    (tmp_path / "features.json").write_text(text)
    with pytest.raises(InputError, match=f"features.json: .*{rule}"):
        examples.split_names(tmp_path)
    assert "Beautiful" not in capsys.readouterr().out


LABEL = ["a", 0, 4.0, 4.0, 3.0, 3.0, "target", "", "annotator"]


def test_a_damaged_ledger_is_named_and_its_backup_opens(tmp_path):
    path, copy = tmp_path / "ledger.sqlite", tmp_path / "ledger.backup.sqlite"
    labels = pd.DataFrame([[*LABEL[:1], frame, *LABEL[2:]] for frame in range(400)],
                          columns=ledger.label_history.COLUMNS)  # fmt: skip
    with ledger.create_or_open(path, labels, {"a": (400, 8, 8)}, 3.0) as db:
        assert db.problems() == ""
        db.backup(copy)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(
        InputError, match="ledger.sqlite: the ledger must be whole; found .*Restore"
    ):
        ledger.open_ledger(path)
    path.unlink()
    with pytest.raises(InputError, match="found no file. Restore it from ledger.backup.sqlite."):
        ledger.open_ledger(path)
    with ledger.open_ledger(copy) as db:
        assert len(ledger.labels_as_of(db, 0)) == 400
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
