"""The review page in a real browser, with keyboard and mouse; then the ledger is inspected."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import review_story
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from dimjax import ledger

TIMEOUT_SECONDS = 15
MAX_MEDIAN_MS = 100  # from the key press to the next item on the screen, including the disk
SIZES = ((800, 1500), (1024, 768), (1280, 720), (1920, 1080))
USUAL = (1280, 820)

SERVER = """
import os, sys
import pandas as pd
from dimjax import ledger
from dimjax.data.folders import open_folder
from dimjax.review.web import from_losses, serve
workdir, decide = sys.argv[1], ledger.decide
def decide_and_die(*arguments, **options):
    decide(*arguments, **options)
    os.kill(os.getpid(), 9)
if sys.argv[2:] == ["dying"]:
    ledger.decide = decide_and_die
serve(open_folder(workdir), workdir + "/ledger.sqlite", 1, "ann",
      history=from_losses(lambda round: pd.read_parquet(workdir + "/losses.parquet")),
      on_open=lambda url: print(url, flush=True))
"""

SHOWN = """
  const loaded = document.getElementById("chip-canvas").dataset.loaded === "true";
  const {state, item} = document.body.dataset;
  return state === "done" ? 0 : state === "ready" && loaded ? Number(item) : null"""

BOXES = """
  return arguments[0].flatMap((selector) => [...document.querySelectorAll(selector)].map((one) => {
    const {left, right, top, bottom} = one.getBoundingClientRect();
    return [`${selector} ${one.textContent}`, left, right, top, bottom];
  }))"""
SEPARATE = (
    *("header > *", "#views button", "#chip-canvas", "#caption", "#location", "#description h2"),
    *("#reason", "#suggestion", "#edited", "#message", "#surroundings-canvas", "#notes > *"),
    *("#actions button", "#filmstrip button", "#keys > *"),
)


class Page:
    """The review page in a tab of a browser."""

    def __init__(self, driver):
        self.driver = driver

    def body(self, name):
        """A data attribute of the page's body."""
        return self.driver.execute_script(f"return document.body.dataset.{name}")

    @property
    def item(self):
        """Id of the item that is shown, 0 if none is left."""
        return int(self.body("item") or 0)

    def text(self, name):
        return self.driver.find_element(By.ID, name).text

    def press(self, *keys):
        chain = self._chain()
        for key in keys:
            if key.startswith(Keys.SHIFT) and len(key) > 1:
                chain.key_down(Keys.SHIFT).send_keys(key[1:]).key_up(Keys.SHIFT)
            elif key != Keys.NULL:
                chain.send_keys(key)
        chain.perform()

    def click(self, x, y):
        """Click at a point of the frame in the chip."""
        canvas = self.driver.find_element(By.ID, "chip-canvas")
        x0, y0, scale = (float(canvas.get_attribute(f"data-{k}")) for k in ("x0", "y0", "scale"))
        dx = (x - x0) * scale - canvas.size["width"] / 2
        dy = (y - y0) * scale - canvas.size["height"] / 2
        self._chain().move_to_element_with_offset(canvas, round(dx), round(dy)).click().perform()

    def click_button(self, name):
        self.driver.find_element(By.ID, f"do-{name}").click()

    def wait(self, condition, failure):
        end = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert time.monotonic() < end, f"{failure}; the page says: {self.text('message')}"
            time.sleep(0.01)

    def wait_for_item(self, previous=None):
        """Wait until an item other than the previous is shown with its chip, or none is left."""
        excluded = (None, previous)
        self.wait(lambda: self.driver.execute_script(SHOWN) not in excluded, f"still {previous}")

    def decide(self, plans):
        """Decide the shown item as planned; return the item and the verb."""
        item = self.item
        plans[item].act(self)
        self.wait_for_item(item)
        return item, plans[item].verb

    def _chain(self):
        return ActionChains(self.driver, duration=0)


@pytest.fixture(scope="module")
def drivers():
    """Browsers that are running, each with a profile of its own."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: apt-get install chromium chromium-driver")
    running = []
    yield running
    for driver in running:
        driver.quit()


@pytest.fixture
def browse(drivers):
    """Opens pages, each in an empty tab of another browser."""
    count = 0

    def open_page():
        nonlocal count
        if count == len(drivers):
            drivers.append(start_browser())
        driver = drivers[count]
        count += 1
        open_empty_tab(driver)
        page = Page(driver)
        resize(page, *USUAL)
        return page

    return open_page


def start_browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    # CI runs as root, where Chromium has no sandbox, and with a small /dev/shm.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


def open_empty_tab(driver):
    """Replace all tabs by a new one, and drop the messages logged so far."""
    previous = driver.window_handles
    driver.switch_to.new_window("tab")
    tab = driver.current_window_handle
    for handle in previous:
        driver.switch_to.window(handle)
        driver.close()
    driver.switch_to.window(tab)
    driver.get_log("browser")


@pytest.fixture
def serve(tmp_path):
    """Starts servers of the run in tmp_path and returns process and URL; kills them at the end."""
    servers = []

    def start(*mode):
        command = [sys.executable, "-c", SERVER, str(tmp_path), *mode]
        servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return servers[-1], servers[-1].stdout.readline().strip()

    yield start
    for server in servers:
        kill(server)


def kill(server):
    if server.poll() is None:
        os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()


def resize(page, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def open_two(browse, url):
    """Open a page for ann and another, which must use another name, for bob."""
    ann, bob = browse(), browse()
    ann.driver.get(url)
    ann.wait_for_item()
    assert ann.text("reviewer") == "ann" and ann.driver.current_url == url.split("?")[0]
    bob.driver.get(url)
    bob.wait(lambda: "ann: a reviewer works on one page" in bob.text("name-problem"), "no name")
    bob.press("bob", Keys.ENTER)
    bob.wait_for_item()
    return ann, bob


def test_decisions_on_the_page_are_in_the_ledger(tmp_path, browse, serve):
    review_story.write_run(tmp_path)
    plans = dict(enumerate(review_story.make_story().plans, start=1))
    server, url = serve()
    ann, bob = open_two(browse, url)
    done = {ann: [], bob: []}
    for turn in range(9):
        assert ann.item != bob.item
        page = (ann, bob)[turn % 2]
        done[page].append(page.decide(plans))
    done[ann] += decide_wrongly_and_undo_after_reload(ann, plans)
    kill(server)
    server, decided = decide_while_the_server_is_down(ann, plans, url, serve)
    done[ann].append(decided)
    kill(server)
    done[ann].append(decide_without_a_response(ann, plans, serve))
    bob.wait(lambda: bob.body("server") != "unreachable", "bob's page has not reconnected")
    lose_an_item_to_another_reviewer(bob, plans, tmp_path)
    while ann.item or bob.item:
        for page in (ann, bob):
            if page.item:
                done[page].append(page.decide(plans))
    assert "No items left to decide" in ann.text("empty")
    check_latency(ann)

    with ledger.open_ledger(tmp_path / "ledger.sqlite") as db:
        table = ledger.decision_table(db)
        for page, name in ((ann, "ann"), (bob, "bob")):
            rows = table[table.reviewer == name]
            assert list(zip(rows.item, rows.verb, strict=True)) == done[page]
        assert len(table) == sum(map(len, done.values())) and len(plans) == 31
        assert sorted(ledger.standing_decisions(db).item) == sorted(plans)
        assert labels_of(db) == sorted(row for plan in plans.values() for row in plan.after)


def decide_wrongly_and_undo_after_reload(page, plans):
    item = page.item
    page.press("k")
    page.wait_for_item(item)
    following = page.item
    page.driver.refresh()
    page.wait_for_item()
    assert (page.text("reviewer"), page.item) == ("ann", following)
    page.press("u")
    page.wait_for_item(following)
    assert page.item == item
    return [(item, "keep"), (item, "undo"), page.decide(plans)]


def decide_while_the_server_is_down(page, plans, url, serve):
    item = page.item
    plans[item].act(page)
    message = "The server does not respond."
    page.wait(lambda: message in page.text("message"), "the interruption is not reported")
    assert page.item == item and page.body("server") == "unreachable"
    server, again = serve()
    assert again == url
    page.wait_for_item(item)
    assert page.body("server") == "connected"
    return server, (item, plans[item].verb)


def decide_without_a_response(page, plans, serve):
    """Let the server die when the decision is on the disk: it must not be made twice."""
    server, _ = serve("dying")
    item = page.item
    plans[item].act(page)
    assert server.wait(TIMEOUT_SECONDS) == -signal.SIGKILL
    serve()
    page.wait_for_item(item)
    return item, plans[item].verb


def lose_an_item_to_another_reviewer(page, plans, workdir):
    """The refusal is reported, and the page continues."""
    item = page.item
    with ledger.open_ledger(workdir / "ledger.sqlite") as db:
        lease = ("eve", db.clock() + 300, item)
        db.execute("UPDATE leases SET reviewer = ?, until = ? WHERE item = ?", lease)
        plans[item].act(page)
        page.wait_for_item(item)
        text = "must not be leased to a reviewer other than bob; found eve"
        assert text in page.text("message")
        db.execute("DELETE FROM leases WHERE item = ?", (item,))


def labels_of(db):
    """The current labels: those of round 0 under their ids, new ones under 0."""
    table = ledger.labels_as_of(db)
    count = len(review_story.make_story().labels)
    fields = ("frame", "x", "y", "w", "h", "category", "track")
    rows = zip(table.index, *(table[name] for name in fields), strict=True)
    return sorted((label if label <= count else 0, *row) for label, *row in rows)


def check_latency(page):
    script = "return performance.getEntriesByName('next item').map((entry) => entry.duration)"
    times = page.driver.execute_script(script)
    print(f"key press to next item: median {np.median(times):.0f} ms, at most {max(times):.0f} ms")
    waiting = max(1.0, os.getloadavg()[0] / os.cpu_count())  # processes for each core
    assert len(times) > 10 and np.median(times) < MAX_MEDIAN_MS * waiting


def test_the_page_shows_grey_levels_and_nothing_overlaps(tmp_path, browse, serve):
    frames = review_story.write_run(tmp_path).astype(int)
    page = browse()
    page.driver.get(serve()[1])
    page.wait_for_item()
    views = {None}  # before the first image
    page.wait(lambda: views.add(page.body("view")) or len(views) == 5, "it does not blink")
    assert views == {None, "0", "1", "2", "3"}

    first = review_story.make_story().plans[0].item.frames[0]
    column, row = int(first.x) + 3, int(first.y)
    f1, f2, f3 = frames[first.frame : first.frame + 3, row, column]
    for view, level in (("1", f1), ("2", f2), ("6", f1 - f3)):
        page.press(view)
        page.click(column + 0.5, row + 0.5)
        assert page.text("level") == f"x {column + 0.5:.1f} y {row + 0.5:.1f}: {level}"
    assert page.text("curve-title") == "Loss of this frame's chips (line), of all chips (dots)"
    page.press(Keys.RIGHT, Keys.ESCAPE, "?")
    assert page.text("curve-title") == "No loss history: no chip of this frame was trained on"
    assert "undo your newest decision" in page.text("help")
    page.press(Keys.ESCAPE)

    for size in SIZES:
        resize(page, *size)
        page.press("+")  # an edit to show
        check_separate(page.driver.execute_script(BOXES, SEPARATE), *size)
    errors = [line for line in page.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []


@pytest.mark.parametrize("size", [(800, 900), (1300, 900), (1920, 1080)])
def test_all_decisions_are_in_the_window_without_scrolling(tmp_path, browse, serve, size):
    review_story.write_run(tmp_path)
    page = browse()
    resize(page, *size)
    page.driver.get(serve()[1])
    page.wait_for_item()
    page.press("+")  # an edit to show
    shown = ["#actions button", "#chip-canvas", "#description h2", "#suggestion", "#edited"]
    check_separate(page.driver.execute_script(BOXES, shown), *size)
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#actions button")) == 13


def check_separate(boxes, width, height):
    for k, (name, left, right, top, bottom) in enumerate(boxes):
        assert 0 <= left < right <= width and 0 <= top < bottom <= height, f"{name} at {width}"
        for other, left2, right2, top2, bottom2 in boxes[:k]:
            separate = left >= right2 or left2 >= right or top >= bottom2 or top2 >= bottom
            assert separate, f"{name} overlaps {other} at {width}x{height}"


def test_a_new_round_and_a_copied_tab_are_reported(tmp_path, browse, serve):
    review_story.write_run(tmp_path)
    page = browse()
    page.driver.get(serve()[1])
    page.wait_for_item()
    item = page.item
    page.press("k")
    page.wait_for_item(item)
    page.driver.execute_script("window.open('/')")  # with a copy of sessionStorage
    page.driver.switch_to.window(page.driver.window_handles[1])
    text = "ann: a reviewer works on one page at a time"
    page.wait(lambda: text in page.text("name-problem"), "both tabs have the same items")
    page.driver.switch_to.window(page.driver.window_handles[0])
    with ledger.open_ledger(tmp_path / "ledger.sqlite") as db:
        ledger.begin_round(db, 1)
        page.press("u")
        page.wait(
            lambda: "Round 1 has begun" in page.text("message"), "the new round is not reported"
        )
        page.press("u")
        assert "You have no decision that can be undone." in page.text("message")
        assert ledger.decision_table(db).verb.tolist() == ["keep"]
