"""Detection without training: from Python, and by the command of the README."""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dimjax
from dimjax.commands import detect
from dimjax.data.sequences import as_sequence, open_sequence
from dimjax.detection import untrained
from dimjax.detection.untrained import UNTRAINED_COLUMNS, untrained_detections
from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig

ROOT = Path(__file__).parents[1]
FRAMES = 12


def target(t):
    """Position x, y of the bright target in frame t."""
    return 30.2 + 2.4 * t, 90.7 - 1.3 * t


def sky(frames=FRAMES, height=128, width=160):
    """Noise of sigma 4 and a bright moving target of SNR 5."""
    values = np.random.default_rng(4).normal(1000, 4, (frames, height, width))
    rows, columns = np.mgrid[:height, :width] + 0.5
    for t in range(frames):
        x, y = target(t)
        values[t] += 20 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2)
    return np.rint(values).astype(np.uint16)


def hits_of(table):
    """Frames with a detection within 1 px of the target."""
    x, y = target(table.frame)
    return table[np.hypot(table.x - x, table.y - y) < 1].frame.tolist()


@pytest.fixture(scope="module")
def detections():
    return untrained_detections(as_sequence(sky(), "flight3"), EvidenceConfig(), 5.0)


def test_detections_are_a_table_of_targets_sorted_by_score(detections):
    assert tuple(detections) == UNTRAINED_COLUMNS
    assert set(detections.sequence) == {"flight3"} and set(detections.category) == {"target"}
    assert set(detections.sign) == {-1, 1} and set(detections.w) == set(detections.h) == {5.0}
    by_score = detections.sort_values(["frame", "score"], ascending=[True, False], kind="stable")
    assert by_score.index.tolist() == detections.index.tolist()
    assert hits_of(detections.groupby("frame").head(1)) == list(range(FRAMES))


def test_a_score_of_one_half_is_one_false_alarm_in_640x512_pixels(detections):
    in_area = detections.false_alarms * (640 * 512) / (128 * 160)
    np.testing.assert_allclose(detections.score, 1 / (1 + in_area))
    assert detections.false_alarms.max() <= 5 and detections.score.between(0, 1).all()


def test_a_detection_without_a_track_is_accepted_by_its_false_alarms(monkeypatch, detections):
    monkeypatch.setattr(untrained, "untrained_detections", lambda *args: detections)
    for limit in (1.0, 3.0):
        accepted, tracks = untrained.detect_and_link(as_sequence(sky()), limit)
        lone = tracks.detections[tracks.detections.track == ""]
        expected = lone.false_alarms[lone.false_alarms <= limit]
        np.testing.assert_array_equal(accepted.false_alarms[accepted.track == ""], expected)
        assert len(expected) > 1


def test_weak_detections_and_gaps_of_a_track_are_accepted(monkeypatch, detections):
    x, y = target(detections.frame)
    is_target = np.hypot(detections.x - x, detections.y - y) < 1
    weak = is_target & (detections.frame == 4)
    table = detections.assign(
        false_alarms=detections.false_alarms.mask(weak, 0.5),
        score=detections.score.mask(weak, 1 / 9),
    )
    table = table[~is_target | (table.frame != 7)]
    monkeypatch.setattr(untrained, "untrained_detections", lambda *args: table)
    accepted, _ = untrained.detect_and_link(as_sequence(sky()), 0.1)
    accepted = accepted[accepted.track == accepted.track[accepted.frame == 4].iloc[0]]
    assert hits_of(accepted) == list(range(FRAMES)) and set(accepted.sign) == {1}
    gap = accepted[~accepted.detected]
    assert gap.frame.tolist() == [7] and gap.false_alarms.isna().all()
    assert accepted.false_alarms[accepted.frame == 4].tolist() == [0.5]


@pytest.mark.parametrize(
    ("switch", "rule"), [("align", "None, or True or False"), ("rotation", "True or False")]
)
def test_a_switch_has_no_other_values(switch, rule):
    with pytest.raises(InputError, match=f"{switch}: .*{rule}; found 'no'. Correct the argument."):
        dimjax.detect_untrained(np.zeros((8, 20, 20), np.uint16), **{switch: "no"})


def test_an_empty_result_names_the_next_step(tmp_path, capsys):
    frames = np.random.default_rng(0).normal(1000, 4, (FRAMES, 64, 64))
    np.save(tmp_path / "hover.npy", frames.astype(np.uint16))
    detect.run_untrained(tmp_path / "hover.npy", tmp_path / "out", 0, max_false_alarms=1e-4)
    assert "hover: nothing found; targets that hover may need a trained" in capsys.readouterr().out


def test_a_data_folder_with_a_sequence_that_is_too_short(tmp_path, capsys):
    folder = tmp_path / "data" / "sequences"
    folder.mkdir(parents=True)
    np.save(folder / "flight3.npy", sky())
    np.save(folder / "short.npy", sky(7))
    rule = "all 2 sequences must be readable and long enough; found 1 that are not"
    with pytest.raises(InputError, match=rule):
        detect.run_untrained(tmp_path / "data", tmp_path / "out", pictures=0)
    printed = capsys.readouterr().out
    assert "skipped: sequence short: evidence of 8 frames, stride 1, needs 8 frames" in printed
    written = pd.read_csv(tmp_path / "out" / "detections.csv").fillna({"track": ""})
    returned = dimjax.detect_untrained(open_sequence(folder / "flight3.npy"))
    pd.testing.assert_frame_equal(written, returned, check_dtype=False)


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), float("inf")])
def test_a_threshold_out_of_range_is_an_error_before_anything_is_written(tmp_path, threshold):
    np.save(tmp_path / "flight3.npy", sky(8, 16, 16))
    with pytest.raises(InputError, match=r"--false-alarms\): must be above 0 and finite; found"):
        detect.run_untrained(tmp_path / "flight3.npy", tmp_path / "out", 0, False, threshold)
    assert not (tmp_path / "out").exists()


def test_the_command_of_the_readme_finds_a_target(tmp_path):
    lines = (ROOT / "README.md").read_text().splitlines()
    (command,) = (line for line in lines if "python main.py detect --untrained" in line)
    python, *words = shlex.split(command, comments=True)
    source = tmp_path / next(word for word in words if word.startswith("--input=")).split("=")[1]
    source.mkdir(parents=True)
    np.save(source / "frames.npy", sky())
    (tmp_path / "main.py").symlink_to(ROOT / "main.py")
    assert python == "python"
    run = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"1 sequence, {FRAMES} frames; detections: " in run.stdout
    output = tmp_path / "detections" / "test-0000"
    assert run.stdout.endswith("written: detections/test-0000\n")
    table = pd.read_csv(output / "detections.csv")
    hits = hits_of(table)
    assert len(set(hits)) >= FRAMES - 1 and len(table) - len(hits) <= 0.5 * FRAMES
    points = pd.read_csv(output / "tracks.csv")
    assert set(points.frame) >= set(hits)
    assert len(list(output.glob("test-0000-*.png"))) == 6
    assert (output / "source.json").exists()
