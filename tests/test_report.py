import base64
import io
import json
import os
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dimjax import report
from dimjax.chips.cutting import chip_id
from dimjax.data.labels import TRUTH_COLUMNS, read_table, write_table
from dimjax.data.sequences import as_sequence
from dimjax.drawing import charts
from dimjax.drawing.charts import Axis, Point, Series
from dimjax.drawing.pictures import crop
from dimjax.evaluation.figures import evaluate
from dimjax.report import crops, curves, tables
from dimjax.runs.workdir import Paths, read_config

TRUTH = ["sequence", "frame", "x", "y", "w", "h", "category", "snr", "visible"]
FOUND = ["sequence", "frame", "x", "y", "w", "h", "category", "score"]
THRESHOLDS = {"target": 0.5, "interference": 0.5}


def truth_table(*rows):
    return pd.DataFrame(rows, columns=TRUTH)


def found_table(*rows):
    return pd.DataFrame(rows, columns=FOUND)


def target(sequence, frame, x, y, *, snr=8.0, visible=1.0):
    return (sequence, frame, x, y, 3.0, 3.0, "target", snr, visible)


def detection(sequence, frame, x, y, score, category="target"):
    return (sequence, frame, x, y, 3.0, 3.0, category, score)


def figures(truth, found, images=10):
    part = evaluate(truth, found, {"a": images}, {"a": 100_000}, 3.0, THRESHOLDS)
    parts = dict.fromkeys(("frames", "tracks", "chips"), part)
    return {"split": "test", "sequences": ["a"], "parameters": 1, **parts}


ONE_OF_TWO = figures(
    truth_table(target("a", 0, 20, 20, snr=4.0), target("a", 1, 20, 20, snr=9.0)),
    found_table(detection("a", 1, 21, 20, 0.9), detection("a", 2, 50, 50, 0.6)),
)


def page_of(workdir):
    """Runs the report of a run's directory anew and gives its page."""
    paths = Paths(workdir)
    paths.report.unlink(missing_ok=True)
    report.run(read_config(workdir), paths)
    return paths.report.read_text()


class Links(HTMLParser):
    """Collects what a page would load and whether its tags are closed."""

    def __init__(self):
        super().__init__()
        self.loaded, self.open, self.wrong = [], [], []

    def handle_starttag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br", "link", "img", "rect", "circle", "image", "path", "source"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        if tag in ("path", "svg", "image") and (not self.open or self.open[-1] != tag):
            return self.wrong.append(tag)
        if self.open.pop() != tag:
            self.wrong.append(tag)


def test_table_by_hand():
    text = report.table(ONE_OF_TWO).splitlines()
    assert text[0] == (
        "Test split: 1 sequences, 10 full frames of 100,000 px with 2 targets and 0 "
        "interferences; 10 chips of 100,000 px."
    )
    assert "less than 3 px from a truth's" in text[1] and "validation split" in text[1]
    heads, units = re.split(r"  +", text[3].strip()), re.split(r"  +", text[4].strip())
    assert heads[2:] == ["truths", "threshold", "precision", "recall = Pd", "F1", *["AP"] * 3,
                         "false alarms", "false alarms"]  # fmt: skip
    assert units == ["number", "score", "0-1", "0-1", "0-1", "1 px", "2 px", "3 px", "a frame",
                     "a megapixel"]  # fmt: skip
    # One hit, one miss, one false alarm in 10 frames of 0.1 megapixels; the hit is 1 px away.
    row = re.split(r"  +", text[6])
    assert row == ["full frames", "target", "2", "0.500", "0.500", "0.500", "0.500", "0.000",
                   "0.500", "0.500", "0.1", "1"]  # fmt: skip
    slices = [re.split(r"  +", line) for line in text]
    assert ["3 to 5", "1", "0", "0.000", "0.000"] in slices
    assert ["8 and above", "1", "1", "1.000", "0.500"] in slices


def test_figures_without_meaning_are_dashes():
    rows = tables.categories(ONE_OF_TWO).rows
    assert rows[1] == ["full frames", "interference", "0", "0.500", *["–"] * 6, "0", "0"]
    assert tables.accepted({"recall": 0.0, "false_alarms_per_frame": 0.1})


def test_a_split_that_flatters_says_so():
    text = report.measured({**ONE_OF_TWO, "split": "val"})
    assert "Val split" in text and "val split itself, which flatters." in text


def half_found(workdir):
    """Write detections and figures of the test split: half of its targets, one false alarm."""
    paths = Paths(workdir)
    truth = read_table(paths.sky / "truth.csv", TRUTH_COLUMNS)
    truth = truth[truth.sequence == "test-0000"]
    targets = truth[(truth.category == "target") & (truth.visible >= 0.5)]
    found = targets.iloc[::2].assign(score=0.9)[FOUND]
    corner = found_table(detection("test-0000", 0, 1.5, 1.5, 0.8))
    found = pd.concat([found, corner], ignore_index=True)
    write_table(found, paths.detections)
    evaluated = {**json.loads(paths.evaluation.read_text()), "sequences": ["test-0000"]}
    sizes = {"test-0000": 8}, {"test-0000": 64 * 96}
    evaluated["frames"] = evaluate(truth, found, *sizes, 3.0, THRESHOLDS)
    paths.evaluation.write_text(json.dumps(evaluated))
    return evaluated


def test_page_of_a_run(tiny_run, tmp_path, capsys):
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    evaluated = half_found(workdir)
    page = page_of(workdir)
    links = Links()
    links.feed(page)
    assert links.loaded and all(link.startswith("data:image/png;base64,") for link in links.loaded)
    assert not links.wrong and not links.open
    assert "<script" not in page and "@import" not in page and "url(" not in page
    own = evaluated["frames"]["categories"]["target"]
    assert 0 < own["recall"] < 1 and own["precision"] < 1
    assert f"<b>{100 * own['recall']:.1f} %</b>" in page
    for title in ("Hits, from dim", "Misses, from dim", "False alarms, the strongest"):
        assert title in page
    assert "There are none." not in page
    assert "<h2>Rounds" not in page and "Mined" not in page  # one round has none
    for key in ("chips.backgrounds_per_label", "sky.settings.snr", "seed"):
        assert f"<code>{key}</code>" in page
    printed = capsys.readouterr().out
    assert report.table(evaluated) in printed and f"report: {workdir / 'report.html'}" in printed


def test_written_anew_only_if_something_is_newer(tiny_run, tmp_path):
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths, config = Paths(workdir), read_config(workdir)
    paths.report.write_text("old")
    report.run(config, paths)
    assert paths.report.read_text() == "old"
    later = paths.report.stat().st_mtime + 10
    os.utime(paths.evaluation, (later, later))
    report.run(config, paths)
    assert paths.report.read_text() != "old"


def test_page_without_truth_validation_and_detections(tiny_run, tmp_path):
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths = Paths(workdir)
    (paths.sky / "truth.csv").unlink()
    lines = [json.loads(line) for line in paths.metrics.read_text().splitlines()]
    lines = [{k: v for k, v in line.items() if not k.startswith("val/")} for line in lines]
    paths.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_table(found_table(), paths.detections)
    nothing = truth_table(target("a", 0, 20, 20)).drop(columns=["snr", "visible"])
    bare = {**figures(nothing, found_table()), "split": "train", "sequences": ["train-0000"]}
    paths.evaluation.write_text(json.dumps(bare))
    page = page_of(workdir)
    assert page.count("There are none.") == 2  # neither hits nor false alarms
    assert "0.0 %" in page and "SNR of the target" not in page and "best F1" not in page
    assert "nothing detected" in page and "The labels of the train split" in page


def test_page_without_any_truth(tiny_run, tmp_path):
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths = Paths(workdir)
    empty = {**figures(truth_table(), found_table()), "sequences": ["nowhere"]}
    write_table(found_table(), paths.detections)
    paths.evaluation.write_text(json.dumps(empty))
    page = page_of(workdir)
    assert page.count("There are none.") == 3
    assert "<b>–</b>" in page


def test_choice_by_hand():
    truth = truth_table(
        target("a", 0, 20, 20, snr=5.0),
        target("a", 1, 20, 20, snr=6.0),
        target("a", 2, 20, 20, snr=9.0, visible=0.3),  # behind a cloud: no miss
        target("b", 0, 20, 20, snr=7.0),
    )
    found = found_table(
        detection("a", 0, 21, 20, 0.9),
        detection("a", 1, 21, 20, 0.4),  # too weak
        *[detection("a", frame, 70.5, 70.5, 0.8) for frame in range(5)],  # one blinking pixel
        detection("b", 0, 50, 50, 0.95),
        detection("b", 1, 50, 50, 0.3),
    )
    chosen = crops.choose(truth, found, THRESHOLDS, 3.0)
    assert chosen["hit"][["sequence", "frame", "score"]].values.tolist() == [["a", 0, 0.9]]
    misses = chosen["miss"]
    assert misses[["sequence", "frame", "snr"]].values.tolist() == [["a", 1, 6.0], ["b", 0, 7.0]]
    assert misses.score.iloc[0] == 0.4 and np.isnan(misses.score.iloc[1])
    assert chosen["false alarm"][["sequence", "score"]].values.tolist() == [["b", 0.95], ["a", 0.8]]


def test_choice_is_spread_over_sequences_and_the_snr():
    rows = [target(name, k, 20, 20, snr=1.0 + k) for name in "abc" for k in range(40)]
    nothing = found_table()
    misses = crops.choose(truth_table(*rows), nothing, THRESHOLDS, 3.0)["miss"]
    assert len(misses) == 6 and misses.sequence.value_counts().tolist() == [2, 2, 2]
    assert misses.snr.is_monotonic_increasing
    assert misses.snr.min() < 8 and misses.snr.max() > 33
    places = [(name, 40.0 * k) for name in "ab" for k in range(1, 9)]
    alarms = found_table(*[detection(n, 0, x, 9, 0.9 if n == "a" else 0.6) for n, x in places])
    strong = crops.choose(truth_table(), alarms, THRESHOLDS, 3.0)["false alarm"]
    assert strong.sequence.tolist() == ["a"] * 3 + ["b"] * 3


def test_crop_shows_frames_and_marks_at_their_place():
    frames = np.random.default_rng(0).integers(0, 4000, (6, 64, 96)).astype(np.uint16)
    row = found_table(detection("a", 1, 80.5, 20.5, 0.9)).iloc[0]
    marks = [("detection", "target", 80.5, 20.5, 3.0, 3.0), ("truth", "target", 5.0, 5.0, 3.0, 3.0)]
    drawn = crops.draw(as_sequence(frames, "a"), row, marks, stride=1)
    encoded = re.findall(r"base64,([^\"]+)", drawn["svg"])
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in encoded]
    assert len(images) == 7 and all(image.shape == (32, 32) for image in images)
    window, (x0, y0) = crop(frames, 80.5, 20.5, 32)
    shown = (window[1] - drawn["low"]) / (drawn["high"] - drawn["low"])
    assert np.abs(images[0] - 255 * shown.clip(0, 1)).max() <= 0.5
    difference = window[1].astype(int) - window[3]  # F3 of frame 1 is frame 3
    assert np.abs(images[5] - 255 * (difference / drawn["most"] / 2 + 0.5).clip(0, 1)).max() <= 0.5
    # A box of half a side 4 on F1 and the three differences; the far truth is not in the crop.
    assert drawn["svg"].count(f"M{80.5 - x0 - 4:.2f} {20.5 - y0 - 4:.2f}h8.00") == 4
    assert drawn["svg"].count("<path") == 4


def test_what_is_near_a_false_alarm():
    row = found_table(detection("a", 0, 20.0, 20.0, 0.9)).iloc[0]
    near = truth_table(target("a", 0, 23.0, 24.0), target("a", 0, 60.0, 20.0))
    assert crops.nearest(row, near) == "target 5.0 px away"
    assert crops.nearest(row, near.iloc[1:]) == "no truth within 10 px"
    assert crops.nearest(row, near.iloc[:0]) == "no truth within 10 px"


def test_what_examples_hold_by_hand():
    labels = truth_table(
        target("a/b", 3, 20, 20), (*target("a/b", 3, 90, 20)[:6], "interference", 1, 1)
    )
    ids = [chip_id("a/b", 3, 0, 0, 32), chip_id("a/b", 3, 70, 0, 32), chip_id("a/b", 3, 0, 30, 32),
           chip_id("a/b", 4, 0, 0, 32), chip_id("a/b", 3, 10, 10, 100)]  # fmt: skip
    examples = pd.DataFrame({"id": ids, "sequence": "a/b", "frame": [3, 3, 3, 4, 3]})
    kinds = ["target", "interference", "background", "background", "target"]
    assert curves.contents(examples, labels).tolist() == kinds


def test_losses_by_content_by_hand():
    ids = [chip_id("a", frame, 0, 0, 32) for frame in (0, 1, 2)]
    table = pd.DataFrame({"id": ids, "sequence": "a", "frame": [0, 1, 2], "total": [4.0, 2.0, 3.0]})
    groups = curves.losses_by_content(table, truth_table(target("a", 0, 20, 20)))
    found = {kind: own.tolist() for kind, own in groups.items()}
    assert found == {"target": [4.0], "background": [2.0, 3.0]}
    assert tables.losses(groups).rows[1] == ["background", "2", "2.5", "2.5", "2.99"]
    assert "<svg" in curves.losses(groups)


def test_chart_places_points_on_both_kinds_of_axis():
    x, y = Axis("alarms", 0.01, 100.0, log=True), Axis("share", 0.0, 1.0)
    svg = charts.chart([Series("a", [0.01, 100.0], [0.0, 1.0])], x, y, (Point("p", 1.0, 0.5),))
    assert 'd="M58.0 254.0L446.0 34.0"' in svg  # from corner to corner
    assert 'cx="252.0" cy="144.0"' in svg  # the middle of both
    for tick in ("0.01", "0.1", "1", "10", "100"):
        assert f">{tick}</text>" in svg
    assert 'class="line s0" d="M58.0 254.0' in charts.chart([Series("", [0, 1], [-5, 2])], x, y)
    assert charts.chart([Series("none", [], [])], x, y)
    below = charts.chart([], x, y, (Point("p", 1.0, 0.5, below=True),))
    assert 'y="133.0"' in svg and 'y="164.0"' in below


def test_a_long_legend_takes_a_second_row_and_moves_the_plot_down():
    axis = Axis("a", 0.0, 1.0)
    names = ["one of some length", "another of some length", "a third"]
    svg = charts.chart([Series(name, [], []) for name in names], axis, axis)
    rows = [text.split('y="')[1].split('"')[0] for text in svg.split("<text")[-3:]]
    assert rows == ["14.0", "14.0", "32.0"]
    assert 'viewBox="0 0 460 318"' in svg and '<g transform="translate(0 18)">' in svg
    assert 'viewBox="0 0 460 300"' in charts.chart([Series("a", [], [])], axis, axis)


def test_names_in_charts_are_escaped():
    axis = Axis("a<b", 0.0, 1.0)
    assert "a<b" not in charts.chart([Series("c<d", [0], [0])], axis, axis)


def test_ticks():
    assert charts._ticks(Axis("", 1, 12, whole=True)) == [2, 4, 6, 8, 10, 12]
    assert charts._ticks(Axis("", 1, 2, whole=True)) == [1, 2]
    assert [charts.round_up(v) for v in (0, 0.03, 1, 3.3, 12)] == [1.0, 0.05, 1, 5, 20]


def test_histogram_by_hand():
    line = charts.histogram({"a": np.array([2.0, 20.0, 30.0])}, Axis("", 1, 100, log=True), 2)[0]
    assert line.x == [1.0, 1.0, 10.0, 10.0, 100.0, 100.0]
    assert line.y == [0, 1, 1, 2, 2, 0]


@pytest.mark.parametrize("images", [1, 7, 1000])
def test_axis_of_false_alarms_reaches_from_one_alarm_in_all_frames(images):
    axis = curves._alarms_axis([], images)
    assert axis.low <= 1 / images < axis.high and axis.high >= 10 * axis.low
