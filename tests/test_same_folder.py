"""A run's data folder named by a relative path, and a run that is deleted while it is in use."""

import shutil

import numpy as np
import pytest
from conftest import tiny_config

from dimjax.data.layouts import DIMJAX
from dimjax.errors import InputError
from dimjax.runs.context import open_data_folder
from dimjax.runs.integrity import while_kept
from dimjax.runs.workdir import Paths, first_data_folder, write_config


def write(folder, seed):
    rng = np.random.default_rng(seed)
    for name in ("a", "b"):
        (folder / "sequences").mkdir(parents=True, exist_ok=True)
        np.save(folder / "sequences" / f"{name}.npy", rng.integers(0, 99, (6, 32, 40), np.uint16))
    (folder / "labels.csv").write_text("sequence,frame,x,y,w,h,category,track\n")


def test_a_relative_folder_is_the_same_from_every_working_directory(tmp_path, monkeypatch):
    write(tmp_path / "one" / "mine", seed=0)
    write(tmp_path / "two" / "mine", seed=1)
    config, paths = tiny_config(), Paths(tmp_path / "run")
    config.data.folder = "mine"
    config.data.layout.update(DIMJAX._asdict())
    monkeypatch.chdir(tmp_path / "one")
    write_config(config, paths.workdir)
    assert first_data_folder(paths) == str(tmp_path / "one" / "mine")
    assert open_data_folder(config, paths).names == ["a", "b"]
    monkeypatch.chdir(tmp_path / "two")
    rule = f"config.data.folder: the run began with {tmp_path}/one/mine; found {tmp_path}/two/mine"
    with pytest.raises(InputError, match=rule):
        open_data_folder(config, paths)
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    assert open_data_folder(config, paths).names == ["a", "b"]  # the same frames elsewhere
    monkeypatch.chdir(tmp_path / "two")
    config.rounds.count += 1
    write_config(config, paths.workdir)  # a further round does not change the folder
    with pytest.raises(InputError, match=rule):
        open_data_folder(config, paths)
    shutil.rmtree(tmp_path / "one" / "mine" / "sequences")
    assert open_data_folder(config, paths).names == ["a", "b"]
    shutil.rmtree(tmp_path / "one")  # moved: there is nothing to compare with
    monkeypatch.chdir(tmp_path / "two")
    assert open_data_folder(config, paths).names == ["a", "b"]


def test_work_ends_when_the_file_of_its_run_is_gone(tmp_path):
    file, done = tmp_path / "config.json", []
    assert list(while_kept(file, range(3))) == [0, 1, 2]  # work without a run
    file.touch()
    with pytest.raises(InputError, match="config.json: it must stay while it is in use; found it"):
        for number in while_kept(file, range(5)):
            done.append(number)
            if number == 1:
                file.unlink()
    assert done == [0, 1]
