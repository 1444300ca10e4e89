"""The parts of the report that a run of several rounds gains."""

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config
from PIL import Image
from test_report import Links

from dimjax import ledger, report
from dimjax.chips.cutting import chip_id
from dimjax.chips.planning import PLAN_COLUMNS
from dimjax.data.labels import COLUMNS, write_table
from dimjax.data.sequences import as_sequence
from dimjax.drawing.text_tables import as_text
from dimjax.evaluation.figures import evaluate
from dimjax.evaluation.recall import recall_at
from dimjax.ledger import Change, Item, ItemFrame
from dimjax.report import curves, mined_examples, round_table, trajectories
from dimjax.report.round_sections import sections
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config, write_config
from dimjax.tracks import POINT_TYPES, ScoreModel, linking_of
from dimjax.training.training_log import TrainingLog

SHAPE = (12, 64, 96)
SEQUENCES = {"train": "train-0", "val": "val-0", "test": "test-0", "new": "new-0"}
THRESHOLDS = {"target": 0.5, "interference": 0.5}
DESCRIPTION = {"threshold": THRESHOLDS, "score_model": ScoreModel()._asdict()}
DETECTIONS = ["sequence", "frame", "x", "y", "w", "h", "category", "score"]
CHIP_PX = 64
GAP = (5, 6)  # frames of the new sequence in which its target is not detected
FIRST_REVIEW = {"decided": 4, "items": 5, "worth_it": 2, "labels_changed": 6}


def passing(name, frames=range(SHAPE[0])):
    """A target that moves 3 px a frame, as rows of sequence, frame, x, y, w, h, category."""
    return [(name, t, 20.5 + 3 * t, 30.5, 3.0, 3.0, "target") for t in frames]


def label_table(rows):
    return pd.DataFrame([(*row, "", "person") for row in rows], columns=COLUMNS)


def detection_table(rows, score=0.9):
    return pd.DataFrame([(*row, score) for row in rows], columns=DETECTIONS)


def write_folder(sky, splits):
    rng = np.random.default_rng(0)
    for name in splits.values():
        (sky / "sequences" / name).mkdir(parents=True)
        frames = rng.integers(1000, 1100, SHAPE).astype(np.uint16)
        np.save(sky / "sequences" / name / "frames.npy", frames)
    labels = label_table([row for name in splits.values() for row in passing(name)])
    write_table(labels, sky / "labels.csv")
    (sky / "splits").mkdir()
    for split, name in splits.items():
        (sky / "splits" / f"{split}.txt").write_text(name + "\n")
    return labels


def write_training(paths, epochs, losses):
    """Write the log of a training whose last epoch has these total losses."""
    log = TrainingLog(paths.round)
    log.losses.mkdir(parents=True)
    ids = [chip_id("train-0", t, 0, 0, CHIP_PX) for t in range(len(losses))]
    for epoch in range(epochs):
        total = losses if epoch == epochs - 1 else [99.0] * len(losses)
        file = log.losses / f"{epoch:04d}.parquet"
        pd.DataFrame({"epoch": epoch, "id": ids, "total": total}).to_parquet(file, index=False)
    part = {f"train/{name}": 1.0 for name in ("location", "confidence", "category")}
    part["chips_per_second"] = 100.0
    lines = [{"epoch": k, **part, "train/total": float(np.mean(losses))} for k in range(epochs)]
    log.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    log.completion.write_text(json.dumps({"epochs": list(range(epochs))}))
    rows = [(name, "train-0", t, 0, 0, "label", "train") for t, name in enumerate(ids)]
    test = (chip_id("test-0", 0, 0, 0, CHIP_PX), "test-0", 0, 0, 0, "label", "test")
    pd.DataFrame([*rows, test], columns=PLAN_COLUMNS).to_csv(paths.plan, index=False)


def write_round(paths, epochs, losses, detected):
    """Write the files of a round that detects the test target in the frames `detected`."""
    write_training(paths, epochs, losses)
    write_table(label_table(passing("train-0")), paths.labels)
    detections = detection_table(passing("test-0", detected))
    write_table(detections, paths.detections)
    sizes = {"test-0": SHAPE[0]}, {"test-0": SHAPE[1] * SHAPE[2]}
    truth = label_table(passing("test-0"))
    part = evaluate(truth, detections, *sizes, 3.0, THRESHOLDS)
    part["recall_at"] = {"target": recall_at(truth, detections, sizes[0], "target", 3.0, (0.1,))}
    figures = {"split": "test", "sequences": ["test-0"], "parameters": 1}
    figures |= dict.fromkeys(("frames", "tracks", "chips"), part)
    paths.evaluation.write_text(json.dumps(figures))
    paths.speed.write_text('{"seconds_per_frame": 0.01}')


def write_ledger(paths, labels):
    """Write a mined miss and a false alarm, both decided, and two suspects, one of them open."""
    labels = labels[labels.sequence != "new-0"]
    shapes = dict.fromkeys(SEQUENCES.values(), SHAPE)
    with ledger.create_or_open(paths.ledger, labels, shapes, 3.0) as db:
        ledger.begin_round(db, 0)
        new = [Change(None, "new-0", *row[1:], "mined-0") for row in passing("new-0")]
        frames = tuple(ItemFrame(fix.frame, fix.x, fix.y, None, fix) for fix in new)
        miss = Item("miss", "new-0", 0.9, "10 <detections> on one path", frames)
        alarm = Item("false_alarm", "new-0", 0.8, "a lone detection", (ItemFrame(2, 80.5, 10.5),))
        first, second = ledger.add_items(db, [miss, alarm], stage="mine")
        fix = Change(label=1, x=22.0)
        suspect = Item("wrong_position", "train-0", 0.3, "off", (ItemFrame(0, 20.5, 30.5, 1, fix),))
        third, _ = ledger.add_items(db, [suspect, suspect], stage="refine")
        ledger.decide(db, first, "accept", "ann")
        ledger.undo(db, "ann")
        ledger.decide(db, first, "accept", "ann")
        ledger.decide(db, second, "accept", "bob")
        ledger.decide(db, third, "skip", "ann")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("two_rounds"), SEQUENCES)


def write_run(folder, splits):
    config = tiny_config()
    config.rounds.count, config.chips.chip_px = 2, CHIP_PX
    first, last = Paths(folder), Paths(folder, 1)
    write_config(config, folder)
    labels = write_folder(first.sky, splits)
    write_round(first, 3, [1.0, 2.0, 4.0, 8.0], range(6))
    write_round(last, 2, [0.5, 0.5, 2.0], range(9))
    first.new.write_text("sequence\nnew-0\n")
    write_ledger(first, labels)
    strong = passing("new-0", [t for t in range(SHAPE[0]) if t not in GAP])
    weak = detection_table(passing("new-0", GAP[:1]), score=0.005)  # too weak to continue a track
    lone = detection_table([("new-0", 2, 80.5, 10.5, 3.0, 3.0, "target")], score=0.7)
    pd.concat([detection_table(strong), weak, lone]).to_parquet(first.predictions, index=False)
    first.reviewed.write_text(json.dumps(FIRST_REVIEW))
    return folder


@pytest.fixture(scope="module", autouse=True)
def thresholds_without_checkpoint():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RoundContext, "linking", linking_of(DESCRIPTION))
        yield


def context_of(workdir):
    return RoundContext(read_config(workdir), Paths(workdir, 1))


@pytest.fixture(scope="module")
def drawn(workdir):
    """The sections of two rounds."""
    return sections(context_of(workdir))


def test_page_of_two_rounds(workdir, capsys):
    paths = Paths(workdir, 1)
    report.run(context_of(workdir))
    page = paths.report.read_text()
    links = Links(page)
    assert not links.wrong and not links.open and "<script" not in page
    kinds = {link.partition(";")[0] for link in links.loaded if link.startswith("data:")}
    assert kinds == {"data:image/png", "data:image/webp"}
    titles = ["Rounds", "Figures", "Training", "Reviewed", "Tracks in", "Mined", "Examples"]
    positions = [page.index(f"<h2>{title}") for title in titles]
    assert positions == sorted(positions)
    assert "4 + 1 &times; 50" in page  # epochs, as configured
    assert "round 0, mean 3.75" in page and "round 1, mean 1" in page
    assert "Accepted by ann, 12 labels changed." in page and "Accepted by bob." in page
    assert "10 &lt;detections&gt; on one path" in page
    assert "detected in 10 of the frames 0 to 11" in page
    printed = capsys.readouterr().out
    assert as_text(round_table.as_table(round_table.read_rounds(paths))) in printed


def test_table_of_rounds_by_hand(workdir):
    table = round_table.as_table(round_table.read_rounds(Paths(workdir, 1)))
    first = ["1.000", "0.500", "0.667"]  # 6 of 12 targets are detected, without a false alarm
    assert table.rows[0] == ["0", "3", "4", *first, *first, "3.75", "5", "2", "6", "1.50"]
    last = ["1.000", "0.750", "0.857"]
    assert table.rows[1] == ["1", "2", "3", *last, *last, "1.00", *["–"] * 4]
    heads = [f"{name} {unit}".strip() for name, unit in table.columns]
    assert heads[:4] == ["round", "epochs number", "images chips", "precision frames"]
    assert heads[-4:] == [
        "items shown",
        "items with a change",
        "labels changed",
        "labels per decision",
    ]


def test_a_review_without_a_decision_has_no_labels_per_decision(workdir):
    one = round_table.read_rounds(Paths(workdir, 1))[0]
    nothing = {"items": 1, "decided": 0, "worth_it": 0, "labels_changed": 0}
    assert round_table.as_table([one._replace(review=nothing)]).rows[0][-4:] == ["1", "0", "0", "–"]


def test_review_table_by_hand(workdir):
    with ledger.open_ledger(Paths(workdir).ledger) as db:
        table = round_table.review_table(ledger.item_table(db), ledger.standing_decisions(db))
    assert [name for name, _ in table.columns] == [
        "kind", "queued", "accepted", "skipped", "not decided", "labels changed"]  # fmt: skip
    assert table.rows == [
        ["wrong position", "2", "0", "1", "1", "0"],
        ["miss", "1", "1", "0", "0", "12"],  # an undone decision does not count
        ["false alarm", "1", "1", "0", "0", "0"],
        ["all", "4", "2", "1", "1", "12"],
    ]


def test_one_round_has_no_sections():
    assert sections(RoundContext(None, Paths("nowhere", 0))) == {}


def test_longest_track_of_the_new_sequences(drawn):
    it = drawn["tracks"]
    assert (it["sequence"], it["number"], it["round"]) == ("new-0", "0", 0)
    assert (it["first"], it["last"], it["hits"], it["frame"]) == (0, 11, 10, 6)
    assert (it["confirmed"], it["all"]) == (1, 1)


def test_mined_items_are_shown_in_one_frame(drawn):
    (miss,), (alarm,) = drawn["mined"]["miss"], drawn["mined"]["false alarm"]
    assert miss["row"].frame == 6 and np.isnan(miss["row"].score)  # frame 5 has a weak detection
    assert alarm["row"].frame == 2 and alarm["row"].score == 0.7
    missed, false = miss["picture"].svg, alarm["picture"].svg
    assert missed.count('class="item') == false.count('class="item') == 4
    assert missed.count('class="truth') == 4 and 'class="detection' not in missed
    assert false.count('class="detection') == 4


def test_nothing_confirmed_and_nothing_new(tmp_path):
    workdir = write_run(tmp_path, SEQUENCES)
    paths = Paths(workdir, 1)
    detection_table(passing("new-0", [3])).to_parquet(paths.of_round(0).predictions, index=False)
    report.run(context_of(workdir))
    assert "No track was confirmed in the new sequences." in paths.report.read_text()
    (paths.sky / "splits" / "new.txt").write_text("")
    report.run(context_of(workdir))
    page = paths.report.read_text()
    assert "<h2>Rounds" in page and "<h2>Tracks" not in page and "<h2>Mined" not in page


def track_points(name, xy, gaps=(), **others):
    """Points of a track from frame 0 on; by default it is confirmed and of a target."""
    x, y = np.array(xy, float).T
    frame = np.arange(len(x))
    columns = {
        **dict.fromkeys(POINT_TYPES, 0.0),
        **{"sequence": "a", "track": name, "frame": frame, "x": x, "y": y, "w": 3.0, "h": 3.0},
        **{"category": "target", "detected": ~np.isin(frame, gaps), "confirmed": True},
        **others,
    }
    return pd.DataFrame(columns).astype(POINT_TYPES)


def test_which_track_is_the_longest():
    still = [(9, 9)] * 9
    long = track_points("a/0", still, category="interference")
    short = track_points("a/1", still[:4], log_likelihood_ratio=1.0)
    surer = track_points("a/2", still[:4], log_likelihood_ratio=2.0)
    unconfirmed = track_points("a/3", still, confirmed=False)
    assert trajectories.longest_track(pd.concat([long, short, surer, unconfirmed])) == "a/2"
    assert trajectories.longest_track(pd.concat([long, unconfirmed])) == "a/0"
    assert trajectories.longest_track(unconfirmed) is None


def test_picture_of_tracks_by_hand():
    frames = np.random.default_rng(0).integers(0, 4000, (5, 64, 96)).astype(np.uint16)
    path = track_points("a/7", [(10, 20), (12, 20), (14, 20), (16, 20), (18, 20)], gaps=[2])
    other = track_points("a/8", [(1, 1), (2, 2)], confirmed=False, category="interference")
    svg = trajectories.draw_tracks(as_sequence(frames, "a"), pd.concat([path, other]), 3)
    assert '<path class="solid" d="M10.0 20.0L12.0 20.0M16.0 20.0L18.0 20.0"/>' in svg
    assert '<path class="gap" d="M12.0 20.0L14.0 20.0L16.0 20.0"/>' in svg
    assert '<path class="dots" d="M10.0 20.0h0M12.0 20.0h0M16.0 20.0h0M18.0 20.0h0"/>' in svg
    assert '<g class="interference unconfirmed">' in svg and '<g class="target confirmed">' in svg
    assert svg.count("<text") == 1 and ">7</text>" in svg
    encoded = re.search(r"base64,([^\"]+)", svg)[1]
    grey = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    assert grey.shape == (64, 96) and np.corrcoef(grey.ravel(), frames[3].ravel())[0, 1] > 0.99


def images_of(animation):
    image = Image.open(io.BytesIO(animation.webp))
    images = []
    for k in range(image.n_frames):
        image.seek(k)
        images.append(np.asarray(image.convert("RGB")))
    return images


def test_animation_shows_unchanged_frames_with_marks():
    frames = np.random.default_rng(0).integers(0, 4000, (5, 64, 96)).astype(np.uint16)
    points = track_points("a/0", [(50 + 2 * t, 30) for t in range(5)], gaps=[2])
    animation = trajectories.animate(as_sequence(frames, "a"), points, "a/0")
    assert (animation.first, animation.last, animation.step) == (0, 4, 1)
    images = images_of(animation)
    assert len(images) == 5 and images[0].shape == (4 * 64, 4 * 96, 3)  # the frame is no larger
    assert np.array_equal(images[4], np.asarray(animation.still))
    low, high = np.percentile(frames, (0.5, 99.8))
    shown = 255 * ((frames[3] - low) / (high - low)).clip(0, 1)
    corner = images[3][::4, ::4, 0][40:, :30]  # lossless, away from marks and text
    assert np.abs(corner - shown[40:, :30]).max() <= 0.5
    orange = [(image == (255, 163, 26)).all(axis=-1).sum() for image in images]
    assert min(orange) > 100 and orange[2] != orange[1]  # a ring in the gap


def test_animation_is_thinned_until_it_is_small_enough(monkeypatch):
    frames = np.random.default_rng(0).integers(0, 4000, (8, 64, 96)).astype(np.uint16)
    points = track_points("a/0", [(50, 30)] * 8)
    whole = len(trajectories.animate(as_sequence(frames, "a"), points, "a/0").webp)
    monkeypatch.setattr(trajectories, "MAX_BYTES", whole // 3)
    animation = trajectories.animate(as_sequence(frames, "a"), points, "a/0")
    assert (
        animation.step == 4 and len(images_of(animation)) == 2 and len(animation.webp) <= whole // 3
    )


def test_part_of_a_track_in_an_animation():
    detected = np.ones(100, bool)
    slow = np.column_stack([np.linspace(0, 50, 100), np.zeros(100)])
    assert trajectories.best_part(slow, detected) == slice(0, 40)
    gaps = detected.copy()
    gaps[60:62] = False
    assert trajectories.best_part(slow, gaps) == slice(22, 62)  # the first part with the whole gap
    fast = np.column_stack([np.zeros(100), 8.0 * np.arange(100)])
    assert trajectories.best_part(fast, detected) == slice(0, 12)  # 11 steps of 8 px are 88 px
    assert trajectories.best_part(fast[:1], detected[:1]) == slice(0, 1)


def item_rows(*rows):
    columns = ["item", "round", "stage", "kind", "probability", "sequence", "frame", "verb"]
    return pd.DataFrame(rows, columns=columns)


def test_choice_of_mined_items_takes_turns():
    many = [(k, 0, "mine", "miss", 1 - k / 100, "a", k, "accept") for k in range(20)]
    refused = [(k, 0, "mine", "unlabelled_target", 0.1, "a", k, "keep") for k in (20, 21)]
    later = [(22, 1, "mine", "miss", 0.1, "b", 0, "accept")]
    suspect = [(23, 0, "refine", "miss", 1.0, "a", 0, "accept")]
    table = item_rows(*many, *refused, *later, *suspect, many[0])
    chosen = mined_examples.choose_items(table)
    misses = chosen["miss"]
    assert misses.item.tolist() == [0, 0, 1, 2, 3, 4, 20, 21, 22]  # two frames of the first
    assert chosen["false alarm"].empty


def test_frame_of_a_mined_item():
    frames = item_rows(*[(7, 0, "mine", "miss", 0.9, "a", k, "accept") for k in range(3)])
    frames = frames.assign(x=20.5, y=30.5)
    at, far = (20.5, 31.5, 3.0, 3.0, "target"), (20.5, 33.5, 3.0, 3.0, "target")
    weak = detection_table([("a", 1, *at)], score=0.3)
    strong = detection_table(
        [("a", 0, *at), ("a", 1, *far), ("a", 2, *at), ("b", 1, *at)], score=0.8
    )
    predictions = pd.concat([weak, strong])
    row = mined_examples.choose_frame(frames, predictions, 3.0)
    assert (row.frame, row.score) == (1, 0.3)  # the weakest
    row = mined_examples.choose_frame(frames.assign(kind="false_alarm"), predictions, 3.0)
    assert (row.frame, row.score) == (0, 0.8)  # the first of the strongest
    row = mined_examples.choose_frame(frames, predictions[predictions.frame > 0], 3.0)
    assert row.frame == 0 and np.isnan(row.score)


def test_mean_losses_are_drawn_as_vertical_lines(monkeypatch):
    losses = {"round 0": np.array([1.0, 10.0]), "round 5": np.array([1.0])}
    svg = curves.loss_change(losses)
    assert ">round 0, mean 5.50</text>" in svg and ">round 5, mean 1.00</text>" in svg
    monkeypatch.setattr(curves, "to_markup", lambda figure: figure)
    before, after, first, second = curves.loss_change(losses).axes[0].lines
    assert (before.get_ydata().max(), after.get_ydata().max()) == (50, 100)  # per cent
    assert first.get_xydata().tolist() == [[5.5, 0], [5.5, 100]]
    assert second.get_xydata().tolist() == [[1.0, 0], [1.0, 100]]
    assert first.get_linestyle() == second.get_linestyle() == "--"
