"""Still images: sequences of one frame, for networks whose input is one frame."""

import importlib

import numpy as np
import pytest
from field_layouts import sirst
from random_networks import random_detector

from dimjax.commands import check
from dimjax.data.presets import preset
from dimjax.data.sequences import as_sequence, clip_frames
from dimjax.detection.inference import detect_in_sequence
from dimjax.errors import InputError
from dimjax.training.inputs import check_length

STILL = as_sequence(np.random.default_rng(0).integers(90, 110, (1, 40, 48)).astype(np.uint8), "s")
MESSAGE = "a still image, or a sequence of one frame, needs model.input=single; found model.input="


@pytest.mark.parametrize("stride", [1, 8])
def test_all_frames_of_the_clip_of_a_still_image_are_the_same(stride):
    assert clip_frames(0, 1, stride) == (0, 0, 0, 0)
    assert (STILL.clip(0, stride) == STILL.frame(0)).all()
    with pytest.raises(IndexError):
        STILL.clip(1, stride)


def test_only_the_input_single_takes_still_images():
    check_length(1, "single", "s")
    check_length(2, "difference", "s")
    for mode in ("difference", "sequence", "single+evidence"):
        with pytest.raises(InputError, match=f"^s: {MESSAGE}{mode.replace('+', '.')}"):
            check_length(1, mode, "s")


def test_detection_in_still_images():
    table = detect_in_sequence(random_detector(input="single"), STILL)
    assert len(table) and set(table.frame) == {0}
    with pytest.raises(InputError, match=MESSAGE):
        detect_in_sequence(random_detector(), STILL)


@pytest.mark.parametrize("mode", ["single", "difference"])
def test_check_of_still_images(tmp_path, capsys, mode):
    sirst(tmp_path)
    config = importlib.import_module("configs.default").get_config()
    config.data.folder, config.chips.chip_px, config.model.input = str(tmp_path), 32, mode
    with config.ignore_type():
        config.data.layout = type(config)(preset("sirst", "layout")._asdict())
    problems = check.run(config, None)
    printed = capsys.readouterr().out
    assert problems == (18 if mode == "difference" else 0)
    assert printed.count(MESSAGE) == problems and "whether frames are counted" not in printed
