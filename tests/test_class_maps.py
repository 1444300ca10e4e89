"""Masks of several classes beside the frames."""

import json

import numpy as np
import pytest
from field_layouts import HEIGHT, LENGTH, WIDTH, centre, every_frame, mask, save, text

from dimjax.data.class_maps import mask_colours
from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise


def class_map(k, t):
    """Level 1 in the sky, 2 at the target."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[:20] = 1
    x, y = centre(k, t)
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 2
    return pixels


@pytest.mark.parametrize(
    ("frame", "mask", "sequences", "example"),
    [
        ("s{k}/images/{t:03d}", "s{k}/labels/{t:03d}_map", "{sequence}/images", "s0/labels"),
        ("images/s{k}/{t:03d}", "masks/s{k}/m{t:03d}", "images/{sequence}", "masks/s0"),
        ("images/s{k}_{t:03d}", "maps/s{k}_{t:03d}", "images/{sequence}_{frame}.*", "maps"),
    ],
)
def test_maps_of_classes_are_a_problem_of_their_own(tmp_path, frame, mask, sequences, example):
    images, boxes = [], []
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"{frame.format(k=k, t=t)}.png", pixels)
        save(tmp_path / f"{mask.format(k=k, t=t)}.png", class_map(k, t))
        images.append({"id": len(images), "file_name": f"{frame.format(k=k, t=t)}.png"})
        boxes.append({"image_id": len(boxes), "bbox": [9, 9, 3, 3], "category_id": 0})
    found = recognise(tmp_path)
    assert found.layout.sequences == sequences
    assert any(it.startswith("left out: ") and it.endswith(example) for it in found.evidence)
    (doubt,) = found.doubts
    message = "must be 0 where there is no target, and another level only at the targets; found "
    message += f"images of the levels 0, 1, 2 in {example}, which seem to be masks of several"
    assert message in str(doubt)
    content = {"images": images, "annotations": boxes, "categories": [{"id": 0, "name": "drone"}]}
    text(tmp_path / "coco.json", json.dumps(content))
    assert not recognise(tmp_path).doubts


def test_dark_frames_with_noise_are_frames(tmp_path):
    rng = np.random.default_rng(0)
    for k, _, t, pixels in every_frame():
        dark = rng.integers(0, 4, pixels.shape).astype(np.uint8)
        save(tmp_path / f"s{k}/{t:03d}.png", dark if k else pixels)
    found = recognise(tmp_path)
    assert found.layout.sequences == "{sequence}" and not found.doubts
    assert not any(line.startswith("left out") for line in found.evidence)


@pytest.mark.parametrize(("levels", "text"), [((255, 128), "128, 255"), ((255, 255), "")])
def test_masks_of_several_levels_are_said(tmp_path, levels, text):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/c{k}/{t:03d}.png", pixels)
        both = np.maximum(mask(k, t), levels[1] * (np.roll(mask(k, t), 14, axis=1) > 0))
        save(tmp_path / f"masks/c{k}/{t:03d}.png", both.astype(np.uint8))
    found = recognise(tmp_path)
    said = f"masks of the levels or colours {text}: all are taken for the same class"
    assert [it for it in found.evidence if it.startswith("masks of")] == [said] * bool(text)
    assert not found.doubts
    assert len(open_folder(tmp_path, found.layout).labels) == 2 * 3 * LENGTH


def test_colours_of_masks(tmp_path):
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[2, 2], pixels[5, 5] = (0, 0, 255), (255, 0, 0)
    save(tmp_path / "a.png", pixels)
    assert mask_colours([tmp_path / "a.png"]) == [(0, 0, 255), (255, 0, 0)]
    save(tmp_path / "b.png", np.arange(81, dtype=np.uint8).reshape(9, 9))
    assert mask_colours([tmp_path / "b.png"]) == mask_colours([]) == []


def test_maps_and_colours_of_arrays(tmp_path):
    for k, _, t, pixels in every_frame():
        two = np.maximum(mask(k, t) > 0, 2 * (np.roll(mask(k, t), 14, axis=1) > 0))
        for place, array in (("maps", class_map(k, t)), ("masks", two.astype(np.int32))):
            save(tmp_path / f"{place}/images/s{k}/{t}.png", pixels)
            (tmp_path / f"{place}/{place}/s{k}").mkdir(parents=True, exist_ok=True)
            np.save(tmp_path / f"{place}/{place}/s{k}/{t}.npy", array)
    (doubt,) = recognise(tmp_path / "maps").doubts
    assert "images of the levels 0, 1, 2 in maps/s0, which seem to be masks of several" in str(
        doubt
    )
    found = recognise(tmp_path / "masks")
    assert "masks of the levels or colours 1, 2: all are taken for the same class" in found.evidence
