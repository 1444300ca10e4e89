import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from configs import default
from dimjax import report
from dimjax.data.labels import CATEGORIES, TRUTH_COLUMNS, read_table, write_table
from dimjax.data.scale import measure_scale
from dimjax.data.sequences import as_sequence
from dimjax.drawing.pictures import crop
from dimjax.evaluation.figures import ANYTHING, evaluate
from dimjax.evaluation.recall import recall_at
from dimjax.report import crops, curves, examples, recall_tables, tables
from dimjax.report.network_view import NetworkView
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config
from dimjax.training.training_log import TrainingLog

TRUTH = ["sequence", "frame", "x", "y", "w", "h", "category", "snr", "visible"]
DETECTIONS = ["sequence", "frame", "x", "y", "w", "h", "category", "score"]
THRESHOLDS = {"target": 0.5, "interference": 0.5}


def truth_table(*rows):
    return pd.DataFrame(rows, columns=TRUTH)


def detection_table(*rows):
    return pd.DataFrame(rows, columns=DETECTIONS)


def target(sequence, frame, x, y, *, snr=8.0, visible=1.0):
    return (sequence, frame, x, y, 3.0, 3.0, "target", snr, visible)


def detection(sequence, frame, x, y, score, category="target"):
    return (sequence, frame, x, y, 3.0, 3.0, category, score)


def figures(truth, detections, images=10):
    part = evaluate(truth, detections, {"a": images}, {"a": 100_000}, 3.0, THRESHOLDS)
    part["recall_at"] = recalls(truth, detections, {"a": images})
    parts = dict.fromkeys(("frames", "tracks", "chips"), part)
    return {"split": "test", "sequences": ["a"], "parameters": 1, **parts}


def recalls(truth, detections, frames):
    return {
        category: recall_at(truth, detections, frames, category, 3.0, (0.1, 0.65))
        for category in (*CATEGORIES, ANYTHING)
    }


ONE_OF_TWO = figures(
    truth_table(target("a", 0, 20, 20, snr=4.0), target("a", 1, 20, 20, snr=9.0)),
    detection_table(detection("a", 1, 21, 20, 0.9), detection("a", 2, 50, 50, 0.6)),
)


def page_of(workdir):
    """Write the report of a one-round run and return its page."""
    paths = Paths(workdir)
    report.run(RoundContext(read_config(workdir), paths))
    return paths.report.read_text()


class Links(HTMLParser):
    """Collects the addresses in a page, and the tags that are not closed in order."""

    def __init__(self, page):
        super().__init__()
        self.loaded, self.open, self.wrong = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in ("meta", "br", "link", "img", "rect", "circle", "image", "path", "source"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        addresses = [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        self.loaded += [address for address in addresses if not address.startswith("#")]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_rates_and_losses_keep_three_digits():
    values = (0.0, 0.00549, 0.62, 2.5, 99.96, 12345.6)
    texts = ["0", "0.00549", "0.620", "2.50", "100", "12,346"]
    assert [tables.three_digits(value) for value in values] == texts


def test_table_by_hand():
    text = report.figures_text(ONE_OF_TWO).splitlines()
    assert text[0] == (
        "Test split: 1 sequence, 10 full frames of 100,000 px with 2 targets and 0 "
        "interference objects; 10 chips of 100,000 px."
    )
    assert "less than 3 px from the centre" in text[1] and "validation split" in text[1]
    heads, units = re.split(r"  +", text[3].strip()), re.split(r"  +", text[4].strip())
    assert heads[2:] == ["truths", "threshold", "precision", "recall = Pd", "F1", *["AP"] * 3,
                         "false alarms", "false alarms"]  # fmt: skip
    assert units == ["number", "score", "0-1", "0-1", "0-1", "1 px", "2 px", "3 px", "per frame",
                     "per megapixel"]  # fmt: skip
    # One hit, one miss, one false alarm in 10 frames of 0.1 megapixels; the hit is 1 px away.
    row = re.split(r"  +", text[6])
    assert row == ["full frames", "target", "2", "0.500", "0.500", "0.500", "0.500", "0.000",
                   "0.500", "0.500", "0.100", "1.00"]  # fmt: skip
    assert "targets on full frames by effective SNR" in text
    slices = [re.split(r"  +", line) for line in text]
    assert ["4 to 5", "1", "0", "0.000", "0.000"] in slices
    assert ["8 and above", "1", "1", "1.000", "0.500"] in slices


def test_nothing_that_is_accepted_has_no_precision():
    nothing = figures(truth_table(target("a", 0, 20, 20, snr=4.0)), detection_table())
    row = next(line for line in report.figures_text(nothing).splitlines() if line[:6] == "4 to 5")
    assert row.split()[3:] == ["1", "0", "0.000", "–"]


def test_recall_tables_by_hand():
    untrained = {"recall_at": {"target": ONE_OF_TWO["frames"]["recall_at"]["target"]}}
    strict, loose = recall_tables.recall_tables({**ONE_OF_TWO, "untrained": untrained}).items()
    assert [strict[0], loose[0]] == [
        f"recall at {rate} false alarms per frame" for rate in (0.1, 0.65)
    ]
    assert strict[1].columns[1] == ("effective SNR", "noise sigmas")
    heads, units = zip(*strict[1].columns[2:], strict=True)
    assert set(units[1:]) == {""} and list(heads) == [
        "truths",
        "full frames",
        "with tracks",
        "untrained filter",
    ]
    # The one false alarm in ten frames is allowed, and one sequence has no interval.
    assert strict[1].rows[0] == ["target", "all", "2", "0.500", "0.500", "0.500"]
    assert ["target", "4 to 5", "1", "0.000", "0.000", "0.000"] in strict[1].rows
    assert strict[1].rows[3] == ["interference", "all", "0", "–", "–", "–"]
    assert strict[1].rows[4] == ["anything", "all", "2", "0.500", "0.500", "–"]


def with_bound(recall, rates=(0.1, 0.65), window=8) -> dict:
    """Figures of ONE_OF_TWO with the bound of detection."""
    rows = [
        {**row, "false_alarms_per_frame": rate, "recall": recall}
        for rate, row in zip(rates, ONE_OF_TWO["frames"]["recall_at"]["target"], strict=True)
    ]
    part = {"recall_at": {"target": rows}}
    frames = {**ONE_OF_TWO["frames"], **part}
    return {"frames": frames, "bound": {"window": window, **part}}


def test_the_bound_stands_beside_the_recalls():
    strict, _ = recall_tables.recall_tables({**ONE_OF_TWO, **with_bound(0.75)}).values()
    assert strict.columns[-1][0] == "bound of 8 frames"
    assert strict.rows[0] == ["target", "all", "2", "0.750", "0.500", "0.750"]
    text = report.figures_text({**ONE_OF_TWO, **with_bound(0.75, window=16)})
    assert "bound of 16 frames" in text
    assert "interference in 16 frames limit it. Interference counts" in text.replace("\n", " ")
    assert "bound" not in report.figures_text(ONE_OF_TWO).lower()
    assert recall_tables.bound_text(ONE_OF_TWO) is None


def test_recalls_of_two_runs_by_hand():
    runs = [("a", with_bound(0.75)), ("b", with_bound(0.25, (0.1, 1.0), 16))]
    table = recall_tables.compared_recalls(runs)
    assert [name for name, _ in table.columns[2:]] == [
        f"recall of targets at {rate}" for rate in (0.1, 0.65, 1)
    ]
    assert table.rows == [
        ["full frames", "a", "0.750", "0.750", "–"],
        ["full frames", "b", "0.250", "–", "0.250"],
        ["bound of 8 frames", "a", "0.750", "0.750", "–"],
        ["bound of 16 frames", "b", "0.250", "–", "0.250"],
    ]


def test_an_interval_stands_behind_its_recall():
    truth = truth_table(target("a", 0, 20, 20), target("b", 0, 20, 20))
    found = detection_table(detection("a", 0, 20, 20, 0.9))
    part = {"recall_at": recalls(truth, found, {"a": 1, "b": 1})}
    (title, table), _ = recall_tables.recall_tables({"frames": part}).items()
    assert table.rows[0] == ["target", "all", "2", "0.500 (0.000-1.000)"]


def test_figures_without_meaning_are_dashes():
    rows = tables.category_table(ONE_OF_TWO).rows
    assert rows[1] == ["full frames", "interference", "0", "0.500", *["–"] * 6, "0", "0"]
    assert rows[2][1] == "interference SNR 5+"
    assert rows[3] == ["full frames", "anything", "2", "–", "0.500", "0.500", "0.500", *["–"] * 3,
                       "0.100", "1.00"]  # fmt: skip
    assert tables.has_detections({"recall": 0.0, "false_alarms_per_frame": 0.1})


def test_confusion_by_hand():
    rows = tables.confusion_table(ONE_OF_TWO).rows
    assert rows[0] == ["target", "1", "0", "1"]
    assert rows[1] == ["interference", "0", "0", "0"]
    assert rows[2] == ["none (false alarm)", "1", "0", "–"]


def test_thresholds_chosen_on_the_evaluated_split_are_named():
    text = tables.measurement_text({**ONE_OF_TWO, "split": "val"})
    assert "Val split" in text and "val split itself, which flatters." in text


@pytest.fixture
def workdir(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def detect_half(workdir):
    """Write detections and figures of the test split: half of its targets, one false alarm."""
    paths = Paths(workdir)
    truth = read_table(paths.sky / "truth.csv", TRUTH_COLUMNS)
    truth = truth[truth.sequence == "test-0000"]
    targets = truth[(truth.category == "target") & (truth.visible >= 0.5)]
    hits = targets.iloc[::2].assign(score=0.9)[DETECTIONS]
    corner = detection_table(detection("test-0000", 0, 1.5, 1.5, 0.8))
    detections = pd.concat([hits, corner], ignore_index=True)
    write_table(detections, paths.detections)
    evaluated = {**json.loads(paths.evaluation.read_text()), "sequences": ["test-0000"]}
    sizes = {"test-0000": 8}, {"test-0000": 64 * 96}
    evaluated["frames"] = evaluate(truth, detections, *sizes, 3.0, THRESHOLDS)
    evaluated["frames"]["recall_at"] = recalls(truth, detections, sizes[0])
    paths.evaluation.write_text(json.dumps(evaluated))
    return evaluated


def test_page_of_a_run(workdir, capsys):
    evaluated = detect_half(workdir)
    (workdir / "report.html").write_text("old")
    page = page_of(workdir)
    links = Links(page)
    pictures = [link for link in links.loaded if link.startswith("data:image/png;base64,")]
    beside = sorted(set(links.loaded) - set(pictures))
    assert pictures and beside == ["report_files/gallery.html", "report_files/player.html"]
    assert all((workdir / link).exists() for link in beside)
    assert not links.wrong and not links.open
    assert "<script" not in page and "@import" not in page and "url(h" not in page
    category = evaluated["frames"]["categories"]["target"]
    assert 0 < category["recall"] < 1 and category["precision"] < 1
    assert f"<b>{100 * category['recall']:.1f} %</b>" in page
    for title in ("Hits, by rising SNR", "Misses, by rising SNR", "False alarms, by falling score"):
        assert title in page
    assert "None." not in page and "The simulator&rsquo;s truth" in page
    assert "Interference was not learnt:" in page and "no detection of interference reaches" in page
    hidden = read_table(Paths(workdir).sky / "truth.csv", TRUTH_COLUMNS).visible < 0.5
    assert "That is so of " in page and hidden.any()
    captions = [
        " ".join(c.split()) for c in re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    ]
    assert any(re.search("; SNR [0-9.]+; grey levels [0-9]+ to [0-9]+\\.", c) for c in captions)
    assert "<h2>Rounds" not in page and "Mined" not in page  # there is one round
    for key in ("chips.backgrounds_per_label", "sky.settings.snr", "seed"):
        assert f"<code>{key}</code>" in page
    printed = capsys.readouterr().out
    assert report.figures_text(evaluated) in printed
    assert f"report: {workdir / 'report.html'}" in printed


def test_the_page_says_what_the_bound_is(workdir):
    page = " ".join(page_of(workdir).split())
    assert page.count("bound of 8 frames<") == 2  # in both tables
    assert "“Bound of 8 frames”: the recall of a detector that is given" in page
    paths = Paths(workdir)  # with an evaluation of an earlier version, without a bound
    evaluated = json.loads(paths.evaluation.read_text())
    del evaluated["bound"]
    paths.evaluation.write_text(json.dumps(evaluated))
    assert "bound of" not in page_of(workdir).lower()


def test_two_charts_of_a_page_share_no_id(workdir):
    ids = re.findall(r' id="([^"]+)"', page_of(workdir))
    assert ids and len(set(ids)) == len(ids)


def test_page_of_labels_with_scr_claims_no_truth(workdir):
    (workdir / "sky" / "truth.csv").unlink()
    truth = truth_table(target("a", 0, 20, 20)).rename(columns={"snr": "scr"})
    detections = detection_table(detection("a", 0, 20, 20, 0.9))
    evaluated = figures(truth.drop(columns="visible"), detections)
    Paths(workdir).evaluation.write_text(json.dumps({**evaluated, "sequences": ["train-0000"]}))
    page = " ".join(page_of(workdir).split())
    assert "measured in the frame. A false alarm has no SCR, so" in page
    assert "The labels of the test split as they are." in page and "simulator" not in page


def test_page_without_truth_validation_and_detections(workdir):
    paths = Paths(workdir)
    (paths.sky / "truth.csv").unlink()
    metrics = TrainingLog(paths.round).metrics
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    lines = [{k: v for k, v in line.items() if not k.startswith("val/")} for line in lines]
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_table(detection_table(), paths.detections)
    nothing = truth_table(target("a", 0, 20, 20)).drop(columns=["snr", "visible"])
    bare = {**figures(nothing, detection_table()), "split": "train", "sequences": ["train-0000"]}
    paths.evaluation.write_text(json.dumps(bare))
    page = page_of(workdir)
    assert page.count("None.") == 2  # neither hits nor false alarms
    assert "0.0 %" in page and "ffective SNR" not in page and "best F1" not in page
    assert (
        "no detection of a target is left within 3 px" in page
        and "The labels of the train split" in page
    )


def test_page_without_any_truth(workdir):
    paths = Paths(workdir)
    empty = {**figures(truth_table(), detection_table()), "sequences": ["nowhere"]}
    write_table(detection_table(), paths.detections)
    paths.evaluation.write_text(json.dumps(empty))
    page = page_of(workdir)
    assert page.count("None.") == 3
    assert "<b>–</b>" in page


def choose(truth, detections):
    evaluated = examples.Evaluated(truth, detections, THRESHOLDS, 3.0)
    return examples.choose_examples(examples.outcome_tables(evaluated, "target"))


def test_choice_of_examples_by_hand():
    truth = truth_table(
        target("a", 0, 20, 20, snr=5.0),
        target("a", 1, 20, 20, snr=6.0),
        target("a", 2, 20, 20, snr=9.0, visible=0.3),  # behind a cloud: no miss
        target("b", 0, 20, 20, snr=7.0),
    )
    detections = detection_table(
        detection("a", 0, 21, 20, 0.9),
        detection("a", 1, 21, 20, 0.4),  # too weak
        *[detection("a", frame, 70.5, 70.5, 0.8) for frame in range(5)],  # one blinking pixel
        detection("b", 0, 50, 50, 0.95),
        detection("b", 1, 50, 50, 0.3),
    )
    chosen = choose(truth, detections)
    assert chosen["hit"][["sequence", "frame", "score"]].values.tolist() == [["a", 0, 0.9]]
    misses = chosen["miss"]
    assert misses[["sequence", "frame", "ratio"]].values.tolist() == [["a", 1, 6.0], ["b", 0, 7.0]]
    assert misses.score.iloc[0] == 0.4 and np.isnan(misses.score.iloc[1])
    assert chosen["false alarm"][["sequence", "score"]].values.tolist() == [["b", 0.95], ["a", 0.8]]


def test_examples_are_spread_over_sequences_and_the_snr():
    rows = [target(name, k, 20, 20, snr=1.0 + k) for name in "abc" for k in range(40)]
    misses = choose(truth_table(*rows), detection_table())["miss"]
    assert len(misses) == 6 and misses.sequence.value_counts().tolist() == [2, 2, 2]
    assert misses.ratio.is_monotonic_increasing
    assert misses.ratio.min() < 8 and misses.ratio.max() > 33
    pairs = [target(name, k, 20, 20, snr=2 * k + (name == "a")) for k in range(6) for name in "ab"]
    misses = choose(truth_table(*pairs), detection_table())["miss"]
    assert misses.sequence.tolist() == list("ababab")  # the middle of each pair is that of a
    single = [target("a", k, 20, 20, snr=k) for k in range(18)]
    misses = choose(truth_table(*single), detection_table())["miss"]
    assert misses.ratio.tolist() == [1, 4, 7, 10, 13, 16]  # the middle of each sixth
    positions = [(name, 40.0 * k) for name in "ab" for k in range(1, 9)]
    weak_and_strong = {"a": 0.9, "b": 0.6}
    alarms = detection_table(*[detection(n, 0, x, 9, weak_and_strong[n]) for n, x in positions])
    strong = choose(truth_table(), alarms)["false alarm"]
    assert strong.sequence.tolist() == ["a"] * 3 + ["b"] * 3


def test_round_robin_by_hand():
    table = pd.DataFrame({"group": list("aaabbc"), "rank": range(6)})
    assert examples.round_robin(table, "group", 4)["rank"].tolist() == [0, 3, 5, 1]
    assert examples.round_robin(table, "group", 9)["rank"].tolist() == [0, 3, 5, 1, 4, 2]


def config_with(mode, slow_stride=0):
    config = default.get_config()
    config.model.input, config.evidence.slow_stride = mode, slow_stride
    return config


def view_of(frames, mode, slow_stride=0):
    return NetworkView(as_sequence(frames, "a"), config_with(mode, slow_stride))


def test_crops_show_what_the_network_saw_and_marks_at_their_position():
    frames = np.random.default_rng(0).integers(0, 4000, (6, 64, 96)).astype(np.uint16)
    row = detection_table(detection("a", 1, 80.5, 20.5, 0.9)).iloc[0]
    marks = [("detection", "target", 80.5, 20.5, 3.0, 3.0), ("truth", "target", 5.0, 5.0, 3.0, 3.0)]
    drawn = crops.draw_crops(view_of(frames, "difference"), row, marks)
    assert drawn.names == ("F1", "F1 - F2", "F1 - F3", "F1 - F4")
    encoded = re.findall(r"base64,([^\"]+)", drawn.svg)
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in encoded]
    assert len(images) == 4 and all(image.shape == (32, 32) for image in images)
    window, (x0, y0) = crop(frames, 80.5, 20.5, 32)
    expected = (window[1] - drawn.low) / (drawn.high - drawn.low)
    assert np.abs(images[0] - 255 * expected.clip(0, 1)).max() <= 0.5
    sigma = measure_scale(as_sequence(frames, "a")).noise_sigma
    difference = (window[1].astype(int) - window[3]) / sigma  # F3 of frame 1 is frame 3
    expected = np.arcsinh(difference) / np.arcsinh(8.0) / 2 + 0.5
    assert np.abs(images[2] - 255 * expected.clip(0, 1)).max() <= 0.51
    # A box of half a side 4 on F1 and the three differences; the far truth is not in the crop.
    assert drawn.svg.count(f"M{80.5 - x0 - 4:.2f} {20.5 - y0 - 4:.2f}h8.00") == 4
    assert drawn.svg.count("<path") == 4


def test_crops_of_other_inputs_and_of_large_boxes():
    frames = np.random.default_rng(0).integers(0, 4000, (10, 64, 96)).astype(np.uint16)
    row = detection_table(("a", 1, 40.5, 20.5, 16.0, 9.0, "target", 0.9)).iloc[0]
    marks = [("detection", "target", 40.5, 20.5, 16.0, 9.0)]
    drawn = crops.draw_crops(view_of(frames, "sequence"), row, marks)
    assert drawn.names == ("F1", "F2", "F3", "F4") and drawn.strip.shape == (48, 4 * 48)
    assert drawn.svg.count("<path") == 1  # the target is elsewhere in F2 to F4
    drawn = crops.draw_crops(view_of(frames, "single+evidence"), row, marks)
    assert drawn.names == ("F1", "bright", "dark", "residual", "contrast")
    assert crops.column_heads(config_with("single+evidence")).count("<text") == 5
    frames = np.concatenate([frames, frames, frames[:4]])
    drawn = crops.draw_crops(view_of(frames, "single+evidence", 3), row, marks)
    assert drawn.names[-2:] == ("slow bright", "slow dark") and len(drawn.names) == 7
    assert crops.column_heads(config_with("single+evidence", 3)).count("<text") == 7


def test_detection_nearest_to_a_miss():
    row = truth_table(target("a", 0, 20, 20)).iloc[0]
    near = detection_table(detection("a", 0, 23.0, 24.0, 0.9, "interference"))
    text = "nearest detection: interference, score 0.90, 5.0 px away"
    assert crops.nearest_detection(row, near, 3.0) == text
    assert crops.nearest_detection(row, near, 6.0) == text  # of the other category
    of_target = near.assign(category="target")
    text = "nearest detection: target, score 0.90, 5.0 px away"
    assert crops.nearest_detection(row, of_target, 5.0) == text
    assert crops.nearest_detection(row, of_target, 5.1) == f"{text}, matched to another truth"
    assert crops.nearest_detection(row, near.assign(x=80.0), 3.0) == ""


def test_truth_nearest_to_a_false_alarm():
    row = detection_table(detection("a", 0, 20.0, 20.0, 0.9)).iloc[0]
    truth = truth_table(target("a", 0, 23.0, 24.0), target("a", 0, 60.0, 20.0))
    assert crops.nearest_truth(row, truth) == "target 5.0 px away"
    assert crops.nearest_truth(row, truth.iloc[1:]) == "no truth within 10 px"
    assert crops.nearest_truth(row, truth.iloc[:0]) == "no truth within 10 px"


def chip_table(*rows):
    return pd.DataFrame(rows, columns=["id", "sequence", "frame", "x0", "y0"])


def test_contents_of_chips_by_hand():
    interference = (*target("a/b", 3, 40, 20)[:6], "interference", 1.0, 1.0)
    labels = truth_table(target("a/b", 3, 20, 20), interference)
    rows = [(3, 0, 0), (3, 30, 0), (3, 0, 30), (4, 0, 0), (3, 10, 10)]
    chips = chip_table(*[(str(k), "a/b", *row) for k, row in enumerate(rows)])
    expected = ["target", "interference", "background", "background", "target"]
    assert curves.chip_contents(chips, labels, 32).tolist() == expected


def test_losses_by_content_by_hand():
    plan = chip_table(*[(str(k), "a", k, 0, 0) for k in (3, 1, 0, 2)])
    losses = pd.DataFrame({"id": ["0", "1", "2"], "total": [4.0, 2.0, 3.0]})
    groups = curves.losses_by_content(losses, plan, truth_table(target("a", 0, 20, 20)), 32)
    assert {name: group.tolist() for name, group in groups.items()} == {
        "target": [4.0], "background": [2.0, 3.0]
    }  # fmt: skip
    assert tables.loss_table(groups).rows[1] == ["background", "2", "2.50", "2.50", "2.99"]
    assert "<svg" in curves.loss_histogram(groups)


def test_histogram_by_hand():
    axis = curves.Axis("", 1, 100, log=True)
    line = curves.histogram({"a": np.array([2.0, 20.0, 20.5])}, axis)[0]
    # 48 bins, each a factor of 100 ** (1 / 48) wide: 2 is in bin 7, 20 and 20.5 in bin 31.
    edges = [100 ** (k / 48) for k in range(7, 33)]
    assert line.x == pytest.approx(np.repeat(edges, 2))
    assert line.y == [0, 1, 1, *[0] * 46, 2, 2, 0]


def test_curves_of_a_detection_name_the_threshold():
    drawn = curves.detection_curves(ONE_OF_TWO["frames"])
    assert list(drawn) == ["precision_recall", "f1", "roc"]
    for svg in drawn.values():
        assert ">target</text>" in svg and ">0.50</text>" in svg and "interference" not in svg


@pytest.mark.parametrize("images", [1, 7, 1000])
def test_axis_of_false_alarms_reaches_from_one_alarm_in_all_frames(images):
    axis = curves.false_alarm_axis([], images)
    assert axis.low <= 1 / images < axis.high and axis.high >= 10 * axis.low
