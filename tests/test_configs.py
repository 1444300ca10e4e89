"""Configurations: all cells there are, one set of keys, and a word for what is wrong."""

import importlib.util
import math
import operator
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from dimjax.detection.detector import create_model
from dimjax.errors import InputError
from dimjax.runs.config_rules import check
from dimjax.stages.train import describe
from dimjax.training.inputs import CHANNELS

ROOT = Path(__file__).parent.parent


def get_config(name: str, *args):
    spec = importlib.util.spec_from_file_location(name, ROOT / "configs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(*args)


def keys(config, prefix="") -> set[str]:
    found = set()
    for key, value in config.items():
        open_ended = f"{prefix}{key}" in {"data.layout.category", "data.layout.splits",
                                          "data.layout.centroid_origin"}  # fmt: skip
        inner = hasattr(value, "items") and not open_ended
        found |= keys(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}"}
    return found


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in (ROOT / "configs").glob("*.py") if p.stem != "default")
)
def test_every_configuration_has_the_keys_of_the_default(name):
    assert keys(get_config(name)) == keys(get_config("default"))


BACKBONES = ("darknet19", "resnet18", "googlenet", "squeezenet", "mobilenet", "efficientnet_b0")


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("chip_px", [16, 32, 64, 80])
def test_the_24_cells_give_one_grid(backbone, chip_px):
    config = get_config("backbone", f"{backbone},{chip_px}")
    model = create_model(describe(config))
    images = jnp.zeros((1, chip_px, chip_px, CHANNELS[config.model.input]))
    outputs = jax.eval_shape(
        lambda key: model.init_with_output(key, images, train=False)[0], jax.random.key(0)
    )
    cells = chip_px // config.model.output_stride
    assert outputs.shape == (1, cells, cells, 7)


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match="backbone.py:vgg,80: name a cell as backbone,pixels"):
        get_config("backbone", "vgg,80")


def main(*args: str) -> str:
    """What main.py says of bad input, on one line."""
    run = subprocess.run(
        [sys.executable, ROOT / "main.py", *args], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode != 0
    return run.stderr


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("model.widht", 'Did you mean "width" instead of "widht"?'),
        ("modle.width", 'Did you mean "model" instead of "modle"?'),
    ],
)
def test_an_unknown_key_is_named(tmp_path, key, hint):
    told = main("--config=configs/demo.py", f"--config.{key}=2", f"--workdir={tmp_path}")
    wrong = hint.split('"')[3]
    rule = "every key must stand in configs/default.py"
    assert told == f"error: --config: {rule}; found '{wrong}'. {hint}\n"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.input=diff", "config.model.input: it must be one of difference, sequence, single"),
        ("model.backbone=vgg16", "model.backbone"),
        ("model.output_stride=5", "model.output_stride"),
        ("chips.chip_px=30", "config.chips.chip_px: it must be a multiple of model.output_stride"),
        ("training.batch_size=0", "config.training.batch_size: it must be 1 or more; found 0"),
        ("training.batch_size=6", "config.training.batch_size: it must be a multiple of the 4 dev"),
        ("data.folder=nowhere", "nowhere: a data folder must exist; found no folder"),
        ("training.optimizer=sgd", "config.training.optimizer: it must be one of adamw, adam"),
        ("detection.tile_px=100", "config.detection.tile_px: it must be"),
    ],
)
def test_a_wrong_value_is_told_before_anything_starts(tmp_path, override, told):
    said = main("--config=configs/demo.py", f"--config.{override}", f"--workdir={tmp_path}")
    assert said.startswith("error: ") and told in said and len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["score", "extra1"], "one word at most says what is done; found score extra1. Leave the"),
        (["review", "x", "y"], "one word at most says what is done; found review x y. Leave the"),
        (["scroe"], "review, score; found scroe. Correct it."),
    ],
)
def test_words_that_mean_nothing_are_refused(tmp_path, words, told):
    said = main(*words, f"--workdir={tmp_path}")
    assert said.startswith("error: main.py: ") and told in said and len(said.splitlines()) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "key",
    ["training.learning_rate", "detection.match_px", "refinement.target_recall", "model.width",
     "data.val_share", "sky.settings.snr"],
)  # fmt: skip
def test_what_is_no_finite_number_is_refused(key, value):
    config = get_config("demo")
    part, _, name = key.rpartition(".")
    inner = operator.attrgetter(part)(config)
    inner[name] = (value, 9.0) if name == "snr" else value
    with pytest.raises(InputError, match=rf"config\.{key}: it must be finite; found .*{value}"):
        check(config)


def test_a_key_that_is_not_there_is_named():
    config = get_config("default")
    with config.unlocked():
        del config.rounds.max_items_per_frame
    told = r"config\.rounds\.max_items_per_frame: it must be there; found no such key\. Take it over from"
    with pytest.raises(InputError, match=told):
        check(config)


def test_a_threshold_of_the_loss_needs_a_refinement():
    config = get_config("demo")
    config.refinement.loss_threshold, config.refinement.planted_share = 1.0, 0.0
    with pytest.raises(InputError, match="loss_threshold: it must be 0 without a refinement"):
        check(config)


def test_no_configuration_and_no_run(tmp_path):
    assert "Give --config to start a run." in main(f"--workdir={tmp_path}")
