"""Layouts on the command line: `check --input`, --config.data.layout=NAME and auto."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from field_layouts import LAYOUTS, frames
from ml_collections import config_dict, config_flags
from scripts import run_script

from dimjax.commands import recognise
from dimjax.data.folders import open_folder
from dimjax.data.layouts import Layout
from dimjax.data.presets import AUTO, PRESETS
from dimjax.errors import InputError
from dimjax.runs import workdir

ROOT = Path(__file__).parent.parent


def config_of(folder, layout):
    data = {"folder": str(folder), "layout": layout._asdict()}
    return config_dict.ConfigDict({"data": data}).lock()


def test_the_keys_of_a_preset_are_its_name(tmp_path, capsys):
    LAYOUTS["mot"][0](tmp_path)
    found = recognise.describe(tmp_path)
    printed = capsys.readouterr().out
    assert found.layout == PRESETS["mot"] and not found.doubts and not found.stills
    assert "found: 18 labels of format mot, 3 files at {split}/{sequence}/gt/gt.txt\n" in printed
    assert printed.endswith("    --config.data.layout=mot\n")


def test_the_keys_of_another_layout(tmp_path, capsys):
    LAYOUTS["voc"][0](tmp_path)
    (tmp_path / "JPEGImages").rename(tmp_path / "pictures")
    recognise.describe(tmp_path)
    printed = capsys.readouterr().out
    assert "    --config.data.layout.sequences='pictures/{sequence}'\n" in printed
    assert "    --config.data.layout.first_pixel=1\n" in printed


def test_a_simulated_folder_is_recognised_beside_its_truth(tiny_run, capsys):
    found = recognise.describe(tiny_run / "sky")
    assert found.layout.labels == "labels.csv" and not found.doubts
    assert "truth.csv" not in capsys.readouterr().out


def test_a_run_is_no_data_folder(tiny_run):
    message = (
        "the directory of a run. `.* check --workdir=.*` checks the run and its data, --input="
    )
    with pytest.raises(InputError, match=message):
        recognise.describe(tiny_run)


def test_auto_is_replaced_by_the_recognised_layout(tmp_path):
    LAYOUTS["yolo-flat"][0](tmp_path)
    config = config_of(tmp_path, AUTO._replace(centroid_size_px=5.0))
    recognise.apply(config)
    layout = Layout(**config.data.layout.to_dict())
    assert layout.centroid_size_px == 5.0  # the key that was given is kept
    assert len(open_folder(tmp_path, layout).labels) == 15
    unchanged = config_of(tmp_path, PRESETS["mot"])
    recognise.apply(unchanged)
    assert unchanged.data.layout.labels == PRESETS["mot"].labels


def test_auto_stops_at_a_doubt(tmp_path):
    LAYOUTS["mot"][0](tmp_path)
    np.save(tmp_path / "extra.npy", frames(0))
    with pytest.raises(InputError, match="all files of frames must be at one pattern"):
        recognise.apply(config_of(tmp_path, AUTO))
    with pytest.raises(InputError, match="the layout auto needs a folder; found data.folder=''"):
        recognise.apply(config_of("", AUTO))


def test_texts_that_seem_to_be_labels_can_be_left_out(tmp_path):
    np.save(tmp_path / "a.npy", frames(0))
    (tmp_path / "a.csv").write_text("file,xmin,ymin,xmax,ymax\n")
    with pytest.raises(InputError, match=r"If these are no labels, set data\.layout\.labels=''\."):
        recognise.apply(config_of(tmp_path, AUTO))
    config = config_of(tmp_path, AUTO._replace(labels=""))
    recognise.apply(config)
    assert open_folder(tmp_path, Layout(**config.data.layout.to_dict())).names == ["a"]


def test_the_key_splits_solves_a_doubt_about_splits(tmp_path):
    LAYOUTS["nudt-mirsdt"][0](tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "train.txt").write_text("Sequence3\n")
    with pytest.raises(InputError, match="the lists of train must name the same sequences"):
        recognise.apply(config_of(tmp_path, AUTO))
    config = config_of(tmp_path, AUTO._replace(splits={"train": "train.txt"}))
    recognise.apply(config)
    assert config.data.layout.splits.to_dict() == {"train": "train.txt"}


@pytest.mark.parametrize("layout", ["mot", "auto"])
def test_a_layout_by_name(tmp_path, layout):
    LAYOUTS["mot"][0](tmp_path / "data")
    command = [ROOT / "main.py", "check", "--config=configs/demo.py"]
    command += [f"--config.data.folder={tmp_path / 'data'}", f"--config.data.layout={layout}"]
    command += ["--config.model.input=difference", "--config.chips.chip_px=32"]
    command += ["--config.data.stride=1", f"--workdir={tmp_path / 'run'}"]
    done = run_script(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 problems; 18 labelled chips" in done.stdout


def test_check_of_an_unknown_folder(tmp_path):
    LAYOUTS["nudt-mirsdt"][0](tmp_path)
    done = run_script(ROOT / "main.py", "check", f"--input={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "    --config.data.layout=nudt-mirsdt\n" in done.stdout
    assert done.stdout.endswith("0 problems\n")


def test_the_first_pixel_may_be_a_mapping_on_the_command_line(monkeypatch):
    pixels = {"easy*": 1, "*": 0}
    argv = ["main.py", f"--config.data.layout.first_pixel={json.dumps(pixels)}"]
    monkeypatch.setattr("sys.argv", argv)  # config_flags finds the keys there
    values = flags.FlagValues()
    config = importlib.import_module("configs.default").get_config()
    holder = config_flags.DEFINE_config_dict("config", config, flag_values=values)
    values(argv)
    assert holder.value.data.layout.to_dict()["first_pixel"] == pixels


LAYOUT = "--config.data.layout"
BOTH = "{'easy*': 1, '*': 0}"


@pytest.mark.parametrize(
    ("words", "pixels"),
    [
        (["--config=configs/demo.py", f"{LAYOUT}=cloud-seqs", f"{LAYOUT}.first_pixel=0"], 0),
        (
            ["--config=configs/demo.py", f"{LAYOUT}=sky-seqs", f"{LAYOUT}.first_pixel", BOTH],
            {"easy*": 1, "*": 0},
        ),
        (
            ["--config=configs/demo.py", f"{LAYOUT}=auto", f"{LAYOUT}.first_pixel={BOTH}"],
            {"easy*": 1, "*": 0},
        ),
        (["--workdir={folder}/mapping", f"{LAYOUT}.first_pixel=0"], 0),
        (["--workdir={folder}/number", f"{LAYOUT}.first_pixel={BOTH}"], {"easy*": 1, "*": 0}),
    ],
)
def test_the_first_pixel_of_a_preset_or_a_run_may_be_of_either_kind(tmp_path, words, pixels):
    config = importlib.import_module("configs.demo").get_config()
    for name, recorded in (("mapping", {"b": 1}), ("number", 1)):
        config.data.layout.first_pixel = recorded
        workdir.write_config(config, tmp_path / name)
    command = "from dimjax.commands import flag_values as given; import sys; "
    command += "given.parse(sys.argv); print(given.CONFIG.value.data.layout.to_dict())"
    words = [word.replace("{folder}", str(tmp_path)) for word in words]
    done = subprocess.run(
        [sys.executable, "-c", command, *words], cwd=ROOT, capture_output=True, text=True
    )
    layout = ast.literal_eval(done.stdout)
    assert layout["first_pixel"] == pixels, done.stderr
