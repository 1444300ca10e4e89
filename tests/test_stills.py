"""Still images: sequences of one frame, for networks whose input is one frame."""

import importlib

import numpy as np
import pandas as pd
import pytest
from field_layouts import sirst
from PIL import Image
from random_networks import random_detector

from dimjax.commands import check
from dimjax.commands.sources import open_source
from dimjax.data.layouts import DIMJAX
from dimjax.data.presets import preset
from dimjax.data.scale import Scale
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


def test_one_frame_needs_no_clip_of_several():
    frames = np.random.default_rng(0).integers(90, 110, (5, 40, 48)).astype(np.uint8)
    sequence, scale = as_sequence(frames, "s"), Scale(100.0, 5.0)
    detector = random_detector(input="single", stride=2)  # whose clips need nine frames
    table = detect_in_sequence(detector, sequence, scale=scale)
    assert set(table.frame) == set(range(5))
    alone = detect_in_sequence(detector, as_sequence(frames[3:4], "s"), scale=scale)
    pd.testing.assert_frame_equal(
        table[table.frame == 3].reset_index(drop=True), alone.assign(frame=3)
    )
    assert set(detect_in_sequence(detector, sequence, [1], scale=scale).frame) == {1}
    with pytest.raises(InputError, match="clips of stride 2 need 9 frames or more; found 5"):
        detect_in_sequence(random_detector(stride=2), sequence, scale=scale)


@pytest.mark.parametrize("names", [("mond", "see 2"), ("Misc_0", "Misc_3"), ("0", "1")])
def test_images_that_are_no_sequence_are_still_images(tmp_path, capsys, names):
    for width, name in zip((40, 48), names, strict=True):
        pixels = np.random.default_rng(width).integers(0, 255, (32, width), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    folder = open_source(tmp_path, DIMJAX, takes_stills=True)
    assert folder.names == list(names) and folder.sequence(names[1]).shape == (1, 32, 48)
    noted = "taken for 2 still images, which as frames of a sequence break a rule: "
    assert noted in capsys.readouterr().out
    with pytest.raises(InputError):
        open_source(tmp_path, DIMJAX)


def test_folders_of_documents_beside_stacks_are_no_sequences(tmp_path, capsys):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.zeros((9, 32, 40), np.uint8))
    for name, file in (("labels", "a.csv"), ("splits", "fold/train.txt"), ("c", "0.pgm")):
        (tmp_path / name / file).parent.mkdir(parents=True)
        (tmp_path / name / file).write_text("a\n")
    assert open_source(tmp_path, DIMJAX).names == ["a", "b", "c"]
    assert (
        f"left out: 2 folders of documents, such as {tmp_path}/labels\n" in capsys.readouterr().out
    )


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
