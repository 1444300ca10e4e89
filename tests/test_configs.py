"""Configurations: the cells of Table 2, one set of keys, and messages about bad values."""

import functools
import importlib.util
import math
import operator
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from ml_collections import config_dict
from scripts import run_script

from dimjax.detection.detector import create_model, input_channels
from dimjax.errors import InputError
from dimjax.runs.config_rules import check
from dimjax.stages import rounds
from dimjax.stages.train import describe

ROOT = Path(__file__).parent.parent


def get_config(name: str, *args):
    spec = importlib.util.spec_from_file_location(name, ROOT / "configs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(*args)


def keys(config, prefix="") -> set[str]:
    names = set()
    for key, value in config.items():
        open_ended = f"{prefix}{key}" in {"data.layout.category", "data.layout.splits",
                                          "data.layout.first_pixel"}  # fmt: skip
        inner = hasattr(value, "items") and not open_ended
        names |= keys(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}"}
    return names


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in (ROOT / "configs").glob("*.py") if p.stem != "default")
)
def test_every_configuration_has_the_keys_of_the_default(name):
    assert keys(get_config(name)) == keys(get_config("default"))


BACKBONES = ("darknet19", "resnet18", "googlenet", "squeezenet", "mobilenet", "efficientnet_b0")


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("chip_px", [16, 32, 64, 80])
def test_all_24_cells_have_the_same_grid(backbone, chip_px):
    config = get_config("backbone", f"{backbone},{chip_px}")
    model = create_model(describe(config))
    images = jnp.zeros((1, chip_px, chip_px, input_channels(describe(config))))
    outputs = jax.eval_shape(
        lambda key: model.init_with_output(key, images, train=False)[0], jax.random.key(0)
    )
    cells = chip_px // config.model.output_stride
    assert outputs.shape == (1, cells, cells, 7)


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match="backbone.py:vgg,80: name a cell as backbone,pixels"):
        get_config("backbone", "vgg,80")


def main(*args: str) -> str:
    """Run main.py with bad input and return its message."""
    run = run_script(ROOT / "main.py", *args)
    assert run.returncode != 0
    return run.stderr


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("model.widht", 'Did you mean "width" instead of "widht"?'),
        ("modle.width", 'Did you mean "model" instead of "modle"?'),
        ("foo.bar", "Correct the key."),
    ],
)
def test_an_unknown_key_is_named(tmp_path, key, hint):
    message = main("--config=configs/demo.py", f"--config.{key}=2", f"--workdir={tmp_path}")
    rule = "every key must stand in configs/default.py"
    assert message == f"error: --config: {rule}; found {key}. {hint}\n"


def test_an_invalid_value_is_an_error_of_one_line(tmp_path):
    message = main(
        "--config=configs/demo.py", "--config.sky.settings.snr=5", f"--workdir={tmp_path}"
    )
    expected = "error: config.sky.settings.snr: must be two finite numbers (low, high)"
    assert message.startswith(expected) and len(message.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("model.input", "diff", "config.model.input: must be one of difference, sequence, single"),
        ("model.backbone", "vgg16", "model.backbone: must be one of darknet19, "),
        ("model.output_stride", 5, "config.chips.chip_px: must be a multiple of model.output_stri"),
        ("chips.chip_px", 30, "config.chips.chip_px: must be a multiple of model.output_stride"),
        ("training.batch_size", 0, "config.training.batch_size: must be 1 or more; found 0"),
        ("training.batch_size", 6, "config.training.batch_size: must be a multiple of the 4 dev"),
        ("data.folder", "nowhere", "nowhere: a data folder must exist; found no folder"),
        ("training.optimizer", "sgd", "config.training.optimizer: must be one of adamw, adam"),
        ("detection.tile_px", 100, "config.detection.tile_px: must be"),
    ],
)
def test_an_invalid_value_is_reported_before_anything_starts(tmp_path, key, value, expected):
    config = get_config("demo")
    config.update_from_flattened_dict({key: value})
    with pytest.raises(InputError) as error:
        rounds.run(config, str(tmp_path), None)
    assert str(error.value).startswith(expected)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["score", "extra1"], "at most one word names a verb; found score extra1. Use"),
        (["review", "x", "y"], "at most one word names a verb; found review x y. Use"),
        (["scroe"], "review, score; found scroe. Correct it."),
    ],
)
def test_unknown_verbs_are_refused(tmp_path, words, expected):
    message = main(*words, f"--workdir={tmp_path}")
    assert message.startswith("error: main.py: ") and expected in message
    assert len(message.splitlines()) == 1


CHECKPOINT = "--runtime, --round, --epoch"
MEASURE = "--input, --output, --split, --round, --epoch"
DETECT = "--input, --output, --pictures, --video, --form"


@pytest.mark.parametrize(
    ("words", "wrong", "flags"),
    [
        ("check --workdir=x", "--split=val", "--workdir, --config."),
        ("score --workdir=x", "--input=y", "--workdir, --split, --round, --epoch."),
        ("evaluate --workdir=x", "--epoch=1", "--workdir, --config."),
        ("evaluate --workdir=x --input=y", "--video", f"--workdir, --config, {MEASURE}."),
        ("export --workdir=x", "--untrained", "--workdir, --output, --round, --epoch."),
        ("export --workdir=x --labels=csv", "--round=0", "--workdir, --output, --labels."),
        ("review --workdir=x", "--video", "--workdir, --config, --reviewer, --port."),
        ("detect --workdir=x", "--false-alarms=1", f"--workdir, {DETECT}, {CHECKPOINT}."),
        ("detect --workdir=x", "--config=configs/demo.py", f"--workdir, {DETECT}, {CHECKPOINT}."),
        (
            "detect --untrained",
            "--workdir=x",
            f"--untrained, {DETECT}, --false-alarms, --align, --rotation.",
        ),
        ("detect", "--runtime=jax", f"--untrained, {DETECT}, --false-alarms, --align, --rotation."),
        ("train --workdir=x", "--round=2", "--workdir, --config."),
        ("", "--untrained", "--workdir, --config."),
    ],
)
def test_a_flag_of_another_verb_is_refused(words, wrong, flags):
    message = main(*words.split(), wrong)
    ending = (
        f"only flags of the verb may be given; found {wrong.partition('=')[0]}. They are {flags}"
    )
    assert message.startswith("error: main.py ") and message.endswith(f": {ending}\n")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("words", [[], ["report"], ["score"], ["review", "--reviewer=ann"]])
def test_every_verb_but_detect_needs_a_workdir(words):
    message = main(*words)
    assert message.startswith("error: --workdir: `") and "needs a run's directory" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "key",
    ["training.learning_rate", "detection.match_px", "refinement.target_recall", "model.width",
     "data.val_share", "sky.settings.snr"],
)  # fmt: skip
def test_a_value_that_is_not_finite_is_refused(key, value):
    value = (value, 9.0) if key == "sky.settings.snr" else value
    with pytest.raises(
        InputError, match=rf"config\.{key}: must be .*finite number.*; found .*{value}"
    ):
        check(changed(key, value))


def changed(key: str, value):
    """configs/demo.py with another value, of any type, for a key."""
    values = get_config("demo").to_dict()
    *sections, name = key.split(".")
    functools.reduce(operator.getitem, sections, values)[name] = value
    return config_dict.ConfigDict(values)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("sky.settings.snr", 5, "must be two finite numbers"),
        ("sky.settings.snr", (1.0,), "must be two finite numbers"),
        ("sky.settings.snr", (1.0, 1e300), "at most 1,000,000"),
        ("sky.settings.targets_per_frame", 1e9, "must be between 0 and 10000"),
        ("sky.settings.height", 10**9, "must be between 32 and 16384"),
        ("sky.sequences.train", 1.5, "must be a whole number"),
        ("sky.sequences.new", -1, "must be 0 or more"),
        ("sky.errors.position", 2.0, "must be between 0 and 1"),
        ("seed", 2**32, "must be at most 4,294,967,295"),
        ("data.stride", 1e20, "must be a whole number"),
        ("data.val_share", 1.0, "must be 0 or more and below 1"),
        ("data.folder", 3, "must be a text"),
        ("data.layout.sequences", "/etc/*", "must be a path inside the folder"),
        ("data.layout.sequences", "a/../../*", "must be a path inside the folder"),
        ("data.layout.sequences", "", "must be a path inside the folder"),
        ("data.layout.labels", 7, "must be a path inside the folder"),
        ("data.layout.labels", 0, "must be a path inside the folder"),
        ("data.layout.splits", {"train": "/etc/passwd"}, "must be a path inside the folder"),
        ("data.layout.centroid_size_px", "3", "must be a number of pixels"),
        ("data.layout.max_frame_pixels", 0, r"must be a whole number from 1 to 2\^31"),
        ("data.layout.max_stack_bytes", 2**49, r"must be a whole number from 1 to 2\^48"),
        ("data.layout.max_frame_pixels", 1e6, r"must be a whole number from 1 to 2\^31"),
        ("chips.backgrounds_per_label", 1e300, "must be at most 1,000"),
        ("model.width", 1e6, "must be at most 16"),
        ("model.bf16", "yes", "must be True or False"),
        ("training.epochs", True, "must be a whole number"),
        ("training.batch_size", 1_000_000, "must be at most 65,536"),
        ("training.warmup_epochs", 1e18, "must be at most 100,000"),
        ("training.learning_rate", 1e-46, "must be 1e-12 or more"),
        ("training.noise", 1e30, "must be at most 1,000"),
        ("rounds.reviewer", ["human"], "must be a text"),
        ("loss.location_weight", None, "must be a finite number"),
        ("detection.match_px", 1e300, "must be at most 1,000"),
        ("evidence.frames", 3.5, "must be a whole number"),
        ("distributed.num_processes", None, "must be a whole number"),
        ("distributed.process_id", 10**20, "must be between 0 and 0"),
        ("distributed.coordinator_address", 4, "must be a text"),
        ("evaluation.false_alarms_per_frame", 3, "must be a list of finite numbers"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_or_beyond_its_limit_is_refused(key, value, rule):
    with pytest.raises(InputError, match=rule) as error:
        check(changed(key, value))
    section = key.removesuffix(".splits")
    assert section.rpartition(".")[2] in str(error.value) and "\n" not in str(error.value)


def test_a_missing_key_is_named():
    config = get_config("default")
    with config.unlocked():
        del config.rounds.max_items_per_frame
    message = r"config\.rounds\.max_items_per_frame: the key is required; found no such key\. Copy"
    with pytest.raises(InputError, match=message):
        check(config)


def test_a_loss_threshold_needs_a_refinement():
    config = get_config("demo")
    config.refinement.loss_threshold, config.refinement.planted_share = 1.0, 0.0
    with pytest.raises(InputError, match="loss_threshold: must be 0 without a refinement"):
        check(config)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--workdir="], "--workdir: it must have a value; found an empty one."),
        (["detect", "--input=", "--untrained"], "--input: it must have a value"),
        (["--config=configs/nope.py"], "--config=configs/nope.py: it must be a configuration such"),
        (["--config="], "--config=: it must be a configuration such as configs/demo.py;"),
        (["--config=configs"], "--config=configs: it must be a configuration such as configs/demo"),
        (["--config=configs/backbone.py:vgg,80"], "name a cell as backbone,pixels"),
        (["--config.training.epochs=3"], "--config: its keys need a configuration"),
        (["--nope=3"], "main.py: flags must be valid; found Unknown command line flag 'nope'."),
        (["--workdir=x", "--config=configs/nope"], "found no such file. Correct the path."),
        (["--config=configs/demo.py", "--config.model.width=x"], "could not convert string to"),
        (["detect", "--pictures=-5"], "flag --pictures=-5: -5 is not a non-negative integer"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_with_a_status_of_its_own(words, expected):
    run = run_script(ROOT / "main.py", *words)
    assert run.returncode == 2 and run.stderr.count("\n") == 1
    assert run.stderr.startswith("error: ") and expected in run.stderr


def test_a_new_run_needs_a_configuration(tmp_path):
    assert "Name a run, or give --config to start one." in main(f"--workdir={tmp_path}")
