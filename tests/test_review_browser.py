"""The review page in a real browser, with keyboard and mouse; then the ledger is looked at."""

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

PATIENCE_SECONDS = 15
LARGEST_MEDIAN_MS = 100  # from the key to the next item on the screen, the ledger's disk included
SIZES = ((1280, 720), (1920, 1080))

SERVER = """
import os, sys
from dimjax import ledger
from dimjax.data.folders import open_folder
from dimjax.review.web import from_losses, serve
workdir, decide = sys.argv[1], ledger.decide
def decide_and_die(*values, **named):
    decide(*values, **named)
    os.kill(os.getpid(), 9)
if sys.argv[2:] == ["dying"]:
    ledger.decide = decide_and_die
serve(open_folder(workdir), workdir + "/ledger.sqlite", 1, "ann",
      history=from_losses(lambda round: workdir + "/losses.parquet"),
      opened=lambda url: print(url, flush=True))
"""

SHOWN = """
  const loaded = document.getElementById("chip-canvas").dataset.loaded === "true";
  const {state, item} = document.body.dataset;
  return state === "done" ? 0 : state === "ready" && loaded ? Number(item) : null"""

BOXES = """
  return arguments[0].flatMap((name) => [...document.querySelectorAll(name)].map((found) => {
    const {left, right, top, bottom} = found.getBoundingClientRect();
    return [`${name} ${found.textContent}`, left, right, top, bottom];
  }))"""
APART = (
    *("header > *", "#views button", "#chip-canvas", "#caption", "#where", "#what h2", "#reason"),
    *("#suggestion", "#yours", "#message", "#frame-canvas", "#notes > *", "#actions button"),
    *("#film button", "#keys > *"),
)


class Page:
    """A browser window with the review page."""

    def __init__(self, driver):
        self.driver = driver

    def body(self, name):
        """What the page says of itself."""
        return self.driver.execute_script(f"return document.body.dataset.{name}")

    @property
    def item(self):
        """Id of the item that is shown, 0 where none is left."""
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
        """Click at a place of the frame in the chip."""
        canvas = self.driver.find_element(By.ID, "chip-canvas")
        x0, y0, scale = (float(canvas.get_attribute(f"data-{k}")) for k in ("x0", "y0", "scale"))
        dx = (x - x0) * scale - canvas.size["width"] / 2
        dy = (y - y0) * scale - canvas.size["height"] / 2
        self._chain().move_to_element_with_offset(canvas, round(dx), round(dy)).click().perform()

    def click_button(self, name):
        self.driver.find_element(By.ID, f"do-{name}").click()

    def wait(self, holds, what):
        end = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < end, f"{what}; the page says: {self.text('message')}"
            time.sleep(0.01)

    def wait_for_item(self, before=None):
        """Wait until another item than before is shown with its chip, or none is left."""
        others = (None, before)
        self.wait(lambda: self.driver.execute_script(SHOWN) not in others, f"still {before}")

    def decide(self, plans):
        """Decide what is shown as planned: the item and the verb."""
        item = self.item
        plans[item].act(self)
        self.wait_for_item(item)
        return item, plans[item].verb

    def _chain(self):
        return ActionChains(self.driver, duration=0)


@pytest.fixture
def browse():
    """Opens browsers, each with a profile of its own."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: apt-get install chromium chromium-driver")
    pages = []

    def open_one():
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        # CI runs as root, where Chromium has no sandbox, and with a small /dev/shm.
        for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"):
            options.add_argument(f"--{argument}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        pages.append(Page(webdriver.Chrome(options, service)))
        resize(pages[-1], *SIZES[0])
        return pages[-1]

    yield open_one
    for page in pages:
        page.driver.quit()


@pytest.fixture
def serve(tmp_path):
    """Starts a server of the run in tmp_path: its process and URL. It may be "dying"."""
    servers = []

    def start(*how):
        command = [sys.executable, "-c", SERVER, str(tmp_path), *how]
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
    """ann's page and bob's: the second must take another name."""
    ann, bob = browse(), browse()
    ann.driver.get(url)
    ann.wait_for_item()
    assert ann.text("who") == "ann" and ann.driver.current_url == url.split("?")[0]
    bob.driver.get(url)
    bob.wait(lambda: "ann: a reviewer works on one page" in bob.text("name-problem"), "no name")
    bob.press("bob", Keys.ENTER)
    bob.wait_for_item()
    return ann, bob


def test_what_is_decided_on_the_page_is_in_the_ledger(tmp_path, browse, serve):
    review_story.write(tmp_path)
    plans = dict(enumerate(review_story.tell().plans, start=1))
    server, url = serve()
    ann, bob = open_two(browse, url)
    done = {ann: [], bob: []}
    for turn in range(9):
        assert ann.item != bob.item
        page = (ann, bob)[turn % 2]
        done[page].append(page.decide(plans))
    done[ann] += decide_wrongly_and_undo_after_reload(ann, plans)
    kill(server)
    server, decided = decide_while_the_server_is_away(ann, plans, url, serve)
    done[ann].append(decided)
    kill(server)
    done[ann].append(decide_without_an_answer(ann, plans, serve))
    bob.wait(lambda: bob.body("server") != "away", "bob's page has not come back")
    lose_an_item_to_somebody_else(bob, plans, tmp_path)
    while ann.item or bob.item:
        for page in (ann, bob):
            if page.item:
                done[page].append(page.decide(plans))
    assert "Nothing is left to decide" in ann.text("empty")
    report(ann)

    with ledger.open_ledger(tmp_path / "ledger.sqlite") as book:
        table = ledger.decision_table(book)
        for page, name in ((ann, "ann"), (bob, "bob")):
            own = table[table.reviewer == name]
            assert list(zip(own.item, own.verb, strict=True)) == done[page]
        assert len(table) == sum(map(len, done.values())) and len(plans) == 31
        stands = ~table.undone & (table.verb != "undo")
        assert sorted(table.item[stands]) == sorted(plans)
        assert labels_of(book) == sorted(row for plan in plans.values() for row in plan.after)


def decide_wrongly_and_undo_after_reload(page, plans):
    item = page.item
    page.press("k")
    page.wait_for_item(item)
    following = page.item
    page.driver.refresh()
    page.wait_for_item()
    assert (page.text("who"), page.item) == ("ann", following)
    page.press("u")
    page.wait_for_item(following)
    assert page.item == item
    return [(item, "keep"), (item, "undo"), page.decide(plans)]


def decide_while_the_server_is_away(page, plans, url, serve):
    item = page.item
    plans[item].act(page)
    page.wait(lambda: "The server does not answer." in page.text("message"), "it says nothing")
    assert page.item == item and page.body("server") == "away"
    server, again = serve()
    assert again == url
    page.wait_for_item(item)
    assert page.body("server") == "there"
    return server, (item, plans[item].verb)


def decide_without_an_answer(page, plans, serve):
    """The server dies when the decision is on the disk: it must not be made twice."""
    server, _ = serve("dying")
    item = page.item
    plans[item].act(page)
    assert server.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    serve()
    page.wait_for_item(item)
    return item, plans[item].verb


def lose_an_item_to_somebody_else(page, plans, workdir):
    """What is refused is told, and the page goes on."""
    item = page.item
    with ledger.open_ledger(workdir / "ledger.sqlite") as book:
        taken = ("eve", book.clock() + 300, item)
        book.execute("UPDATE leases SET reviewer = ?, until = ? WHERE item = ?", taken)
        plans[item].act(page)
        page.wait_for_item(item)
        assert "must not be in the hands of somebody else than bob; found eve" in page.text(
            "message"
        )
        book.execute("DELETE FROM leases WHERE item = ?", (item,))


def labels_of(book):
    """The labels as they are: those of round 0 under their ids, new ones under 0."""
    table = ledger.labels_as_of(book)
    known = len(review_story.tell().labels)
    fields = ("frame", "x", "y", "w", "h", "category", "track")
    rows = zip(table.index, *(table[name] for name in fields), strict=True)
    return sorted((label if label <= known else 0, *row) for label, *row in rows)


def report(page):
    script = "return performance.getEntriesByName('next item').map((entry) => entry.duration)"
    times = page.driver.execute_script(script)
    print(f"from key to next item: median {np.median(times):.0f} ms, {max(times):.0f} ms at most")
    assert len(times) > 10 and np.median(times) < LARGEST_MEDIAN_MS


def test_the_page_shows_grey_levels_and_nothing_overlaps(tmp_path, browse, serve):
    frames = review_story.write(tmp_path).astype(int)
    page = browse()
    page.driver.get(serve()[1])
    page.wait_for_item()
    views = set()
    page.wait(lambda: views.add(page.body("view")) or len(views) == 4, "it does not blink")
    assert views == {"0", "1", "2", "3"}

    place = review_story.tell().plans[0].item.places[0]
    column, row = int(place.x) + 3, int(place.y)
    f1, f2, f3 = frames[place.frame : place.frame + 3, row, column]
    for view, level in (("1", f1), ("2", f2), ("6", f1 - f3)):
        page.press(view)
        page.click(column + 0.5, row + 0.5)
        assert page.text("level") == f"x {column + 0.5:.1f} y {row + 0.5:.1f}: {level}"
    assert page.text("loss") == "Loss of this frame's chips (line), of all (dots)"
    page.press(Keys.RIGHT, Keys.ESCAPE, "?")
    assert page.text("loss") == "No loss history for this frame"
    assert "take back your newest decision" in page.text("help")
    page.press(Keys.ESCAPE)

    for size in SIZES:
        resize(page, *size)
        page.press("+")  # so that there are edits to show
        check_apart(page.driver.execute_script(BOXES, APART), *size)
    problems = [line for line in page.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert problems == []


def check_apart(boxes, width, height):
    for k, (name, left, right, top, bottom) in enumerate(boxes):
        assert 0 <= left < right <= width and 0 <= top < bottom <= height, f"{name} at {width}"
        for other, left2, right2, top2, bottom2 in boxes[:k]:
            apart = left >= right2 or left2 >= right or top >= bottom2 or top2 >= bottom
            assert apart, f"{name} overlaps {other} at {width}x{height}"


def test_a_new_round_and_a_copied_tab_are_told(tmp_path, browse, serve):
    review_story.write(tmp_path)
    page = browse()
    page.driver.get(serve()[1])
    page.wait_for_item()
    item = page.item
    page.press("k")
    page.wait_for_item(item)
    page.driver.execute_script("window.open('/')")  # it gets a copy of the session's storage
    page.driver.switch_to.window(page.driver.window_handles[1])
    told = "ann: a reviewer works on one page at a time"
    page.wait(lambda: told in page.text("name-problem"), "both tabs have the same items")
    page.driver.switch_to.window(page.driver.window_handles[0])
    with ledger.open_ledger(tmp_path / "ledger.sqlite") as book:
        ledger.begin_round(book, 1)
        page.press("u")
        page.wait(lambda: "Round 1 has begun" in page.text("message"), "it does not say so")
        page.press("u")
        assert "You have decided nothing that could be undone." in page.text("message")
        assert ledger.decision_table(book).verb.tolist() == ["keep"]
