"""Tracks, boxes, bulk decisions, leases and end screen of the review page, in a real browser."""

import time

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_review_browser import browse, drivers, kill, open_empty_tab, resize, serve  # noqa: F401

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.ledger import Change, Item, ItemFrame

SHAPE, SHAPE_B = (70, 96, 128), (16, 96, 128)
FRAMES = 60  # of each of two tracks; three suspects follow
BOX = (3.0, 3.0, "target", "t")
TRACK_AT, LABEL_AT = (30.5, 20.5), (60.5, 60.5)


@pytest.fixture
def run(tmp_path):
    """A run of two long tracks without labels and three labels that should move by 4 px.

    The sequence "b" has no labels, and a bright pixel that drifts by 3 px a frame.
    """
    rng = np.random.default_rng(5)
    frames = {"a": rng.integers(1000, 5000, SHAPE, dtype=np.uint16)}
    frames["b"] = rng.integers(1000, 1050, SHAPE_B, dtype=np.uint16)
    times = np.arange(SHAPE_B[0])
    frames["b"][times, 30, 20 + 3 * times] += 400
    for name, values in frames.items():
        (tmp_path / "sequences" / name).mkdir(parents=True)
        np.save(tmp_path / "sequences" / name / "frames.npy", values)
    losses = pd.DataFrame([(0, "a", 2, 1.0)], columns=["epoch", "sequence", "frame", "total"])
    losses.to_parquet(tmp_path / "losses.parquet")
    rows = [("a", 66 + k, *LABEL_AT, *BOX, "annotator") for k in range(3)]
    labels = pd.DataFrame(rows, columns=COLUMNS)
    x, y = TRACK_AT
    shapes = {"a": SHAPE, "b": SHAPE_B}
    with ledger.create_or_open(tmp_path / "ledger.sqlite", labels, shapes, 3.0) as db:
        tracks = []
        for k in range(2):
            at = [(t, x + t, y + 20 * k) for t in range(FRAMES)]
            track = [ItemFrame(*one, None, Change(None, "a", *one, *BOX)) for one in at]
            tracks.append(Item("miss", "a", 0.9 - 0.1 * k, "gap", tuple(track)))
        suspects = []
        for k in range(3):
            fix = Change(1 + k, x=LABEL_AT[0] + 4, y=LABEL_AT[1])
            frame = ItemFrame(66 + k, *LABEL_AT, 1 + k, fix)
            suspects.append(Item("wrong_position", "a", 0.5, "off", (frame,)))
        ledger.add_items(db, tracks, "mine")
        ledger.add_items(db, suspects, "refine")
    return tmp_path


@pytest.fixture
def page(run, browse, serve):  # noqa: F811
    page = browse()
    page.driver.get(serve()[1])
    page.wait_for_item()
    yield page
    errors = [line for line in page.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []


def script(page, text):
    return page.driver.execute_script(f"return {text}")


def wait_for_frame(page, number):
    page.wait(lambda: f"({number} of {FRAMES})" in page.text("location"), f"not frame {number}")


def labels_of(run):
    with ledger.open_ledger(run / "ledger.sqlite") as db:
        return ledger.labels_as_of(db)


def choose(page, button):
    """Press a button of the menu."""
    page.driver.find_element(By.ID, "more").click()
    page.driver.find_element(By.ID, button).click()


def confirm(page, button):
    choose(page, button)
    page.driver.find_element(By.ID, "confirm-yes").click()


def point(page, x, y, canvas="chip-canvas"):
    """Offset of a point of the frame from the middle of a canvas, pixels of the screen."""
    canvas = page.driver.find_element(By.ID, canvas)
    origin = (canvas.get_attribute(f"data-{name}") for name in ("x0", "y0", "scale"))
    x0, y0, scale = (float(value or 0) for value in origin)
    size = canvas.size
    return (
        canvas,
        round((x - x0) * scale - size["width"] / 2),
        round((y - y0) * scale - size["height"] / 2),
    )


def drag(page, start, end):
    canvas, *first = point(page, *start)
    _, *last = point(page, *end)
    chain = ActionChains(page.driver, duration=0).move_to_element_with_offset(canvas, *first)
    chain.click_and_hold().move_to_element_with_offset(canvas, *last).release().perform()


def test_a_track_has_a_slider_and_is_played(page):
    page.press(Keys.END)
    wait_for_frame(page, FRAMES)
    assert script(page, "document.getElementById('slider').value") == str(FRAMES - 1)
    assert script(page, "document.getElementById('filmstrip').scrollLeft") > 0
    page.press(Keys.HOME)
    wait_for_frame(page, 1)
    script(page, "(s => { s.value = 50; s.dispatchEvent(new Event('input')); })(slider)")
    wait_for_frame(page, 51)
    page.press("p")
    wait_for_frame(page, FRAMES)
    page.wait(lambda: page.text("play") == "p play", "it does not stop at the end")


def test_the_film_of_the_next_item_begins_at_its_first_frame(page):
    page.press(Keys.END)
    wait_for_frame(page, FRAMES)
    item = page.item
    page.press("a")
    page.wait_for_item(item)
    wait_for_frame(page, 1)
    assert script(page, "document.getElementById('filmstrip').scrollLeft") == 0
    assert f"frames 0 to {FRAMES - 1}" in page.text("message")
    film = "(f => f.scrollHeight <= f.clientHeight)(document.getElementById('filmstrip'))"
    assert script(page, film)


def go_to_label(page):
    """Decide the two tracks; the first label is shown."""
    for _ in range(2):
        item = page.item
        page.press("k")
        page.wait_for_item(item)


def test_a_box_is_dragged_and_resized(page, run):
    go_to_label(page)
    x, y = LABEL_AT[0] + 4, LABEL_AT[1]  # the suggestion, from which a move begins
    drag(page, (x, y), (x + 5, y + 3))
    drag(page, (x + 5 + 1.5, y + 3), (x + 5 + 5.5, y + 3))  # the right edge, by 4 px
    item = page.item
    page.press(Keys.ENTER)
    page.wait_for_item(item)
    label = labels_of(run).loc[1]
    assert label.w == pytest.approx(7.0, abs=0.4) and label.h == 3.0
    assert label.x == pytest.approx(x + 5 + 2, abs=0.4)
    assert label.y == pytest.approx(y + 3, abs=0.4)


def test_the_chip_is_zoomed_at_the_pointer_and_by_keys(page):
    go_to_label(page)
    canvas, *at = point(page, *LABEL_AT)
    scale = float(canvas.get_attribute("data-scale"))
    origin = ScrollOrigin.from_element(canvas, *at)
    ActionChains(page.driver).scroll_from_origin(origin, 0, -100).perform()
    page.wait(lambda: float(canvas.get_attribute("data-scale")) >= 1.9 * scale, "no zoom")
    page.press("i")
    page.wait(lambda: float(canvas.get_attribute("data-scale")) >= 3.8 * scale, "no zoom by i")
    page.click(LABEL_AT[0] + 2, LABEL_AT[1] + 1)
    assert "x 62.5 y 61.5" in page.text("edited")
    page.press("o", "o", "o")
    page.wait(lambda: float(canvas.get_attribute("data-scale")) == scale, "not zoomed out")


def test_the_level_under_the_pointer_is_that_of_the_image(page):
    go_to_label(page)
    page.click(*LABEL_AT)
    before = page.text("level")
    assert before
    item = page.item
    page.press(Keys.ESCAPE, "k")
    page.wait_for_item(item)
    page.wait(lambda: page.text("level") != before, "the level is that of the last item")


def test_all_suggestions_are_accepted_and_undone_as_one_after_a_restart(run, browse, serve):  # noqa: F811
    page = browse()
    server, url = serve()
    page.driver.get(url)
    page.wait_for_item()
    confirm(page, "accept-all")
    page.wait(lambda: page.body("state") == "done", "items are left")
    assert page.text("message") == "accept: 5 items"
    assert len(labels_of(run)) == 3 + 2 * FRAMES
    kill(server)
    assert serve()[1] == url
    page.driver.refresh()
    page.wait(lambda: page.body("state") == "done", "the page is not loaded")
    page.press("u")
    page.wait_for_item(0)
    assert page.text("message") == "Undone: 5 items are open again."
    page.wait(lambda: "0 of 5 decided" in page.text("progress-text"), "not all are open again")
    assert len(labels_of(run)) == 3


def test_the_rest_is_left_and_the_end_screen_lies_below_the_toolbar(page, run):
    item = page.item
    page.press("k")
    page.wait_for_item(item)
    confirm(page, "leave-rest")
    page.wait(lambda: page.body("state") == "done", "items are left")
    assert "4 skipped items keep their labels" in page.text("empty")
    assert "dimjax --workdir=" in page.text("empty")
    with ledger.open_ledger(run / "ledger.sqlite") as db:
        assert (
            ledger.item_table(db).drop_duplicates("item").state.tolist()
            == ["decided"] + ["skipped"] * 4
        )
    for width in (800, 1280, 1920):
        resize(page, width, 900)
        below = "empty.getBoundingClientRect().top - document.querySelector('header')"
        assert script(page, f"{below}.getBoundingClientRect().bottom") > 0
        assert page.text("message") == "skip: 4 items"


def click_whole_frame(page, x, y):
    canvas, *at = point(page, x, y, "new-canvas")
    ActionChains(page.driver, duration=0).move_to_element_with_offset(canvas, *at).click().perform()


def test_a_track_is_labelled_in_a_sequence_without_labels(page, run):
    choose(page, "new-track-button")
    loaded = "document.getElementById('new-canvas').dataset.loaded"
    page.wait(lambda: script(page, loaded) == "true", "no frame is shown")
    chosen = "document.getElementById('new-sequence').selectedOptions[0].text"
    assert script(page, chosen) == "b: no labels"
    click_whole_frame(page, 21, 31)
    page.press(Keys.END)
    page.wait(lambda: script(page, loaded) == "true", "no frame is shown")
    click_whole_frame(page, 20 + 3 * 15 - 1, 30)
    assert page.text("new-clicks") == "clicked in frames 0, 15"
    item = page.item
    page.press(Keys.ENTER)
    page.wait_for_item(item)
    assert "clicked in 2 frames; a signal of 4 sigmas in 16 of 16 frames" in page.text("reason")
    item = page.item
    page.press("a")
    page.wait_for_item(item)
    labels = labels_of(run).query("sequence == 'b'").sort_values("frame")
    assert labels.x.tolist() == [20.5 + 3 * t for t in range(16)] and set(labels.y) == {30.5}
    item = page.item
    page.press("u")
    page.wait_for_item(item)
    assert not labels_of(run).sequence.eq("b").any()


def test_leases_of_others_are_shown_and_those_of_a_closed_page_are_free_at_once(page, run):
    with ledger.open_ledger(run / "ledger.sqlite") as db:
        statement = "INSERT INTO leases VALUES (?, 'bob', ?)"
        db.execute("DELETE FROM leases WHERE item = 5")
        db.execute(statement, (5, db.clock() + 200))
        confirm(page, "leave-rest")
        page.wait(lambda: page.body("state") == "done", "items are left")
        assert "1 are leased to other reviewers: free in 3 min at most" in page.text("empty")
        db.execute("DELETE FROM leases WHERE reviewer = 'bob'")
        page.wait_for_item(0)
    assert page.item == 5
    open_empty_tab(page.driver)
    with ledger.open_ledger(run / "ledger.sqlite") as db:
        held = "SELECT count(*) FROM leases WHERE reviewer = 'ann'"
        end = time.monotonic() + 15
        while db.execute(held).fetchone()[0]:
            assert time.monotonic() < end
            time.sleep(0.05)
