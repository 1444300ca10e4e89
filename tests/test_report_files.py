"""The pages beside the report, from the disk in a real browser: gallery, player, comparison."""

import errno
import io
import json
import os
import re
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from test_report_rounds import (
    SEQUENCES,
    context_of,
    passing,
    thresholds_without_checkpoint,  # noqa: F401, a fixture of the module
    write_run,
)
from test_review_browser import browse, drivers  # noqa: F401, fixtures

from dimjax import report
from dimjax.commands import compare
from dimjax.errors import InputError
from dimjax.report import gallery, live, player
from dimjax.report.comparison import PAIRS
from dimjax.runs import digests
from dimjax.runs.workdir import Paths

LONE = ("test-0", 11, 80.5, 10.5, 3.0, 3.0, "target", 0.7)  # a false alarm


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run that detects its target in frames 0 to 8 of 12, with a false alarm in frame 11."""
    workdir = write_run(tmp_path_factory.mktemp("files") / "second", SEQUENCES)
    add_false_alarm(workdir)
    report.run(context_of(workdir))
    return workdir


def add_false_alarm(workdir):
    path = Paths(workdir, 1).detections
    detections = pd.read_csv(path)
    detections.loc[len(detections)] = LONE
    detections.to_csv(path, index=False)


def entries_of(page):
    text = page.read_text().partition('id="data">')[2].partition("</script>")[0]
    return json.loads(text)


@pytest.fixture
def open_page(browse):  # noqa: F811
    def open_file(path):
        page = browse()
        page.driver.get(path.as_uri())
        return page

    return open_file


def wait_until(condition):
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_entries_of_the_gallery_by_hand(workdir):
    entries = entries_of(workdir / "report_files" / "gallery.html")["entries"]
    seen = [(one["kind"], one["frame"], one["score"]) for one in entries]
    assert sorted(seen[:3]) == [("miss", t, None) for t in (9, 10, 11)]
    assert seen[3:] == [("false alarm", 11, 0.7)]
    assert entries[3]["note"] == "no truth within 10 px"
    assert all(one["ratio"] > 0 for one in entries[:3])  # the SCR, since the folder has no truth
    at_11 = next(one for one in entries[:3] if one["frame"] == 11)
    assert at_11["note"] == ""  # the detection in this frame is farther away than the crop is wide
    image = np.asarray(Image.open(workdir / "report_files" / at_11["file"]))
    assert list(image.shape) == at_11["size"] == [32, 4 * 32]


def test_a_gallery_of_too_many_entries_says_so(workdir, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_PICTURES", 2)
    context = context_of(workdir)
    evaluated = report.read_evaluated(context, json.loads(context.paths.evaluation.read_text()))
    chosen = gallery.choose_entries(context, evaluated)
    assert chosen.rows.kind.tolist() == ["miss", "miss", "false alarm"]
    (note,) = chosen.notes
    assert note.startswith("2 of 3 misses of target are shown, the clearest of each sequence in")


@pytest.mark.parametrize(("suffix", "page"), [("png", "gallery.html"), ("JPEG", "player.html")])
def test_an_interrupted_report_shows_no_pictures_of_others(
    workdir, tmp_path, monkeypatch, suffix, page
):
    save = Image.Image.save

    def save_others(image, path, kind, **options):
        if kind.lower() == suffix.lower():
            raise OSError(errno.ENOSPC, "No space left on device")
        save(image, path, kind, **options)

    copied = shutil.copytree(workdir, tmp_path / "run")
    monkeypatch.setattr(Image.Image, "save", save_others)
    with pytest.raises(OSError, match="No space left"):
        report.run(context_of(copied))
    note = "This page was not finished: give the command that writes it again."
    assert note in (copied / "report_files" / page).read_text()
    assert (copied / "report.html").read_bytes() == (workdir / "report.html").read_bytes()


def test_the_gallery_sorts_and_filters(workdir, open_page):
    page = open_page(workdir / "report_files" / "gallery.html")
    figures = lambda: page.driver.find_elements(By.CSS_SELECTOR, ".entry figcaption b")  # noqa: E731
    assert len(figures()) == 4 and page.text("count") == "4 of 4"
    script = "return [...document.images].filter((one) => one.naturalWidth).length"
    wait_until(lambda: page.driver.execute_script(script) == 4)
    Select(page.driver.find_element(By.ID, "kind")).select_by_visible_text("false alarm")
    wait_until(lambda: len(figures()) == 1)
    assert [one.text for one in figures()] == ["false alarm: target, score 0.70"]
    assert page.text("count") == "1 of 4"
    caption = page.driver.find_element(By.CSS_SELECTOR, ".entry figcaption").text
    assert re.search(r"; x \d+\.\d y \d+\.\d px; no truth within", caption)
    Select(page.driver.find_element(By.ID, "kind")).select_by_visible_text("all")
    Select(page.driver.find_element(By.ID, "order")).select_by_visible_text("sequence and frame")
    links = lambda: page.driver.find_elements(By.CSS_SELECTOR, ".entry figcaption a")  # noqa: E731
    wait_until(lambda: [int(one.text.split()[-1]) for one in links()] == [9, 10, 11, 11])
    page.driver.find_element(By.ID, "marks").click()
    hidden = "return getComputedStyle(document.querySelector('.marks')).display"
    assert page.driver.execute_script(hidden) == "none"
    assert not [line for line in page.driver.get_log("browser") if line["level"] == "SEVERE"]


def test_a_printed_report_contains_the_configuration(workdir, open_page):
    page = open_page(workdir / "report.html")
    shown = "return document.querySelector('details table').checkVisibility()"
    assert not page.driver.execute_script(shown)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert page.driver.execute_script(shown)
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def orange_pixels(page):
    """Count the pixels in the colour of targets on the screen."""
    image = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    return int((np.asarray(image) == (255, 163, 26)).all(axis=-1).sum())


def test_the_player_shows_frames_with_overlays(workdir, open_page):
    page = open_page(workdir / "report_files" / "player.html")
    wait_until(lambda: "frame 0" in page.text("text"))
    assert "0 to 11 of 12 frames" in page.text("text")
    page.press(Keys.END)
    assert "frame 11" in page.text("text") and "1 missed" in page.text("text")
    assert "1 false" in page.text("text")
    page.press(Keys.HOME, "e")
    assert "frame 9" in page.text("text")  # the first error
    page.press(Keys.LEFT)
    wait_until(lambda: orange_pixels(page) > 100)  # of the hit, its truth and its track
    page.press("t", "d", "k")
    wait_until(lambda: orange_pixels(page) == 0)
    Select(page.driver.find_element(By.ID, "speed")).select_by_visible_text("2")
    page.press(Keys.HOME, Keys.NULL, " ")
    wait_until(lambda: int(page.text("text").split()[1]) >= 3)
    page.press(" ")
    assert page.text("play") == "Play"
    assert not [line for line in page.driver.get_log("browser") if line["level"] == "SEVERE"]


def test_parts_of_the_player_by_hand(monkeypatch):
    monkeypatch.setattr(player, "MAX_FRAMES", 4)
    monkeypatch.setattr(player, "MAX_PIXELS", 100)
    monkeypatch.setattr(player, "MIN_FRAMES", 3)
    rows = [("b", 6, "miss"), ("b", 8, "false alarm"), ("a", 0, "hit"), ("b", 1, "miss")]
    table = pd.DataFrame(rows, columns=["sequence", "frame", "outcome"])
    shapes = {"a": (10, 2, 5), "b": (10, 2, 5), "c": (10, 2, 5)}
    # Ten frames are affordable: b, with the most errors, takes a third, a half of the rest.
    assert player.choose_parts(table, shapes) == [("b", 6, 9), ("a", 0, 3), ("c", 0, 4)]
    monkeypatch.setattr(player, "MAX_PIXELS", 40)
    assert player.choose_parts(table, shapes) == [("b", 6, 9)]


@pytest.fixture(scope="module")
def compared(workdir, tmp_path_factory):
    """The page of a comparison with a run that detects frames 2 to 9 and has no false alarm."""
    first = write_run(tmp_path_factory.mktemp("files") / "first", SEQUENCES)
    detections = [(*row, 0.9) for row in passing("test-0", range(2, 10))]
    columns = ["sequence", "frame", "x", "y", "w", "h", "category", "score"]
    pd.DataFrame(detections, columns=columns).to_csv(Paths(first, 1).detections, index=False)
    return compare.run(first, workdir)


def test_pairs_of_two_runs_by_hand(compared, workdir):
    assert compared == workdir / "comparisons" / "first" / "compare.html"
    entries = entries_of(compared)["entries"]
    by_kind = {
        kind: sorted(one["frame"] for one in entries if one["kind"] == kind) for kind in PAIRS
    }
    assert by_kind == {
        "gained": [0, 1],
        "lost": [9],
        "both missed": [10, 11],
        "new false alarm": [11],
        "false alarm gone": [],
        "false alarm of both": [],
    }
    again = compare.run(workdir, workdir, compared.parent.parent / "itself")
    kinds = [one["kind"] for one in entries_of(again)["entries"]]
    assert sorted(kinds) == ["both missed"] * 3 + ["false alarm of both"]


def test_the_page_of_a_comparison_opens_from_the_disk(compared, open_page):
    page = open_page(compared)
    Select(page.driver.find_element(By.ID, "kind")).select_by_visible_text("lost")
    wait_until(lambda: page.text("count") == "1 of 6")
    assert "first and second compared" in page.driver.title
    assert not [line for line in page.driver.get_log("browser") if line["level"] == "SEVERE"]


def test_a_bound_stands_in_the_comparison(workdir, tmp_path, capsys):
    other = write_run(tmp_path / "other", SEQUENCES)
    evaluation = Paths(other, 1).evaluation
    figures = json.loads(evaluation.read_text())
    bound = {"window": 8, "recall_at": figures["frames"]["recall_at"]}
    evaluation.write_text(json.dumps({**figures, "bound": bound}))
    page = compare.run(workdir, other).read_text()
    assert page.count("bound of 8 frames<") == 1 and page.count("“Bound of 8 frames”:") == 1
    assert re.search("^bound of 8 frames  other ", capsys.readouterr().out, re.MULTILINE)


def test_a_comparison_replaces_nothing_but_a_comparison(workdir, tmp_path):
    other = write_run(tmp_path / "other", SEQUENCES)
    (tmp_path / "mine" / "crops").mkdir(parents=True)
    (tmp_path / "mine" / "crops" / "holiday.jpg").write_text("mine")
    for output, message in (
        (tmp_path / "mine", "must be empty, or hold earlier results"),
        (tmp_path / "mine" / "new" / "..", "must be empty, or hold earlier results"),
        (Paths(other).sky / "sequences", "must not lie in the data"),
    ):
        with pytest.raises(InputError, match=message):
            compare.run(workdir, other, output)
    assert [path.name for path in tmp_path.glob("mine/**/*")] == ["crops", "holiday.jpg"]
    for _ in range(2):
        assert compare.run(workdir, other, tmp_path / "page").exists()
    evaluation = Paths(other, 1).evaluation
    digests.record(Paths(other, 1), "evaluate")
    evaluation.write_text(evaluation.read_text()[:-9])
    with pytest.raises(InputError, match=r"evaluation\.json: it must be as `evaluate` wrote it"):
        compare.run(workdir, other, tmp_path / "page")


def test_runs_without_a_shared_sequence_are_refused(workdir, tmp_path):
    other = write_run(tmp_path / "other", SEQUENCES)
    evaluation = Paths(other, 1).evaluation
    figures = json.loads(evaluation.read_text())
    evaluation.write_text(json.dumps({**figures, "sequences": ["val-0"]}))
    with pytest.raises(InputError, match=r"--compare: both .*found 0 sequences of the same name"):
        compare.run(workdir, other)
    with pytest.raises(InputError, match=r"misspelt/config\.json: .* found none"):
        compare.run(workdir, workdir / "misspelt")
    with pytest.raises(InputError, match=r"must be evaluated; found no evaluation\.json"):
        evaluation.unlink()
        compare.run(workdir, other)


def test_curves_are_written_while_a_training_runs(tmp_path, workdir):
    paths, config = Paths(tmp_path), context_of(workdir).config
    lines = [{"epoch": k, "train/total": 2.0 - k, "chips_per_second": 100.0} for k in range(2)]
    parts = {f"train/{part}": 0.5 for part in ("location", "confidence", "category")}
    metrics = [line | parts for line in lines]
    live.write(paths, config.training, metrics[:1], steps_per_epoch=3, epochs=2)
    page = paths.training_page.read_text()
    assert 'http-equiv="refresh"' in page and "1 of 2 epochs" in page
    live.write(paths, config.training, metrics[:1], steps_per_epoch=3, epochs=2)
    assert paths.training_page.read_text() == page
    hour_ahead = time.time() + 3600  # as after a clock that was set back
    os.utime(paths.training_page, (hour_ahead, hour_ahead))
    live.write(paths, config.training, metrics[:1], steps_per_epoch=3, epochs=2)
    assert paths.training_page.stat().st_mtime < hour_ahead
    live.write(paths, config.training, metrics, steps_per_epoch=3, epochs=2)
    page = paths.training_page.read_text()
    assert 'http-equiv="refresh"' not in page and "2 of 2 epochs: complete" in page
    assert "The last" not in page
    more = [{**metrics[0], "epoch": k} for k in range(14)]
    live.write(paths, config.training, more, steps_per_epoch=3, epochs=14)
    assert "The last 12 epochs." in paths.training_page.read_text()
