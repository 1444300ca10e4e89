"""What test_review_browser decides: items, how each is decided, and what that must leave.

plans = tell().plans
plans[0].act(page)                  # keys and clicks, on the page of the item
plans[0].verb, plans[0].after       # worked out by hand
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator
from selenium.webdriver.common.keys import Keys

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.ledger import Change, Item, Place

SHAPE = (44, 96, 128)
LEFT, RIGHT, UP, ENTER = Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ENTER

_BOX = (3.0, 3.0, "target", "t")  # w, h, category, track of labels, if nothing else is said


class Plan(NamedTuple):
    """An item, how it is decided, and what that must leave."""

    item: Item
    act: Callable  # of the page
    verb: str
    after: list[tuple]  # label (0: a new one), frame, x, y, w, h, category, track


class Story:
    """Labels and plans; each item has a frame or a line of its own."""

    def __init__(self):
        self.labels, self.plans = [], []

    def place(self):
        """Frame, x and y of the next lone item."""
        k = len(self.plans)
        return 8 + k, 40.5 + 4 * (k % 9), 40.5 + 3 * (k % 5)

    def label(self, frame, x, y):
        self.labels.append(("a", frame, x, y, *_BOX, "annotator"))
        return len(self.labels)

    def plan(self, kind, places, act, verb, after=()):
        probability = 1 - 0.01 * len(self.plans)  # they come in this order
        item = Item(kind, "a", probability, f"plan {len(self.plans) + 1}", tuple(places))
        self.plans.append(Plan(item, act, verb, list(after)))

    def suspect(self, act, verb, dx=0.0, dy=0.0, **then):
        """A label that is suggested to be moved 4 px to the right, and how it is then."""
        frame, x, y = self.place()
        label = self.label(frame, x, y)
        box = {**dict(zip(("w", "h", "category", "track"), _BOX, strict=True)), **then}
        place = Place(frame, x, y, label, Change(label, x=x + 4, y=y))
        self.plan(
            "wrong_position", [place], act, verb, [(label, frame, x + dx, y + dy, *box.values())]
        )

    def alone(self, kind, act, verb, after=(), suggested=True):
        """A place without a label; after: dx, dy, category and track of what is there then."""
        frame, x, y = self.place()
        fix = Change(None, "a", frame, x, y, *_BOX) if suggested else None
        rows = [(0, frame, x + dx, y + dy, 3.0, 3.0, *rest) for dx, dy, *rest in after]
        self.plan(kind, [Place(frame, x, y, None, fix)], act, verb, rows)

    def track(self, count, labelled=False):
        """Places 2 px apart, each with a label, or with a new one suggested."""
        frames, y = range(2, 2 + count), 20.5 + 12 * len(self.plans)
        places = [Place(f, 30.5 + 2 * f, y) for f in frames]
        if labelled:
            return [place._replace(label=self.label(*place[:3])) for place in places]
        return [p._replace(fix=Change(None, "a", *p[:3], *_BOX)) for p in places]


def tell():
    """31 items, decided in all ways."""
    story = Story()
    _tell_tracks(story)
    for _ in range(2):
        _tell_labels(story)
        _tell_new(story)
    return story


def write(workdir):
    """A run with the story's labels and items; its frames."""
    frames = np.random.default_rng(5).integers(1000, 5000, SHAPE, dtype=np.uint16)
    (workdir / "sequences/a").mkdir(parents=True)
    np.save(workdir / "sequences/a/frames.npy", frames)
    losses = [(epoch, "a", 2, 3.0 - epoch) for epoch in range(3)]
    columns = ["epoch", "sequence", "frame", "total"]
    pd.DataFrame(losses, columns=columns).to_parquet(workdir / "losses.parquet")
    story = tell()
    labels = pd.DataFrame(story.labels, columns=COLUMNS)
    with ledger.begin(workdir / "ledger.sqlite", labels, {"a": SHAPE}) as book:
        ledger.add_items(book, [plan.item for plan in story.plans], "refine")
    return frames


def keys(*pressed):
    """Press keys."""
    return lambda page: page.press(*pressed)


def click(x, y, *then):
    """Click at a place of the frame, then press keys."""

    def act(page):
        page.click(x, y)
        page.press(*then)

    return act


def button(name):
    """Click on a button."""
    return lambda page: page.click_button(name)


def acts(*parts):
    """One after the other."""

    def act(page):
        for part in parts:
            part(page)

    return act


def _left(place, dx=0.0, dy=0.0):
    return (place.label or 0, place.frame, round(place.x + dx, 2), round(place.y + dy, 2), *_BOX)


def _tell_tracks(story):
    out = story.track(6)
    after = [_left(place) for place in out if place is not out[2]]
    story.plan("miss", out, keys(RIGHT, RIGHT, "t", "a"), "accept", after)

    two = story.track(7)  # key frames 1 and 5, moved by (2, -1) and (-2, 3): linear between
    act = acts(
        keys(RIGHT),
        click(two[1].x + 2, two[1].y - 1),
        keys(RIGHT, RIGHT, RIGHT, RIGHT),
        click(two[5].x - 2, two[5].y + 3, ENTER),
    )
    shifts = [(0, 0), (2, -1), (1, 0), (0, 1), (-1, 2), (-2, 3), (0, 0)]
    after = [_left(place, *shift) for place, shift in zip(two, shifts, strict=True)]
    story.plan("miss", two, act, "add", after)

    three = story.track(5, labelled=True)  # the suggestion moves each label by 1 px
    three = [p._replace(fix=Change(p.label, x=p.x + 1, y=p.y)) for p in three]
    smooth = PchipInterpolator([0, 2, 4], [3.0, 4.0, 4.5])  # key frames 0, 2 and 4
    act = acts(
        click(three[0].x + 3, three[0].y),
        keys(RIGHT, RIGHT, "m", *[RIGHT] * 6),
        keys(Keys.PAGE_DOWN, Keys.PAGE_DOWN, *[RIGHT] * 7, ENTER),
    )
    after = [_left(place, dx=float(smooth(k))) for k, place in enumerate(three)]
    story.plan("wrong_position", three, act, "move", after)

    gone = story.track(4, labelled=True)
    gone = [place._replace(fix=Change(place.label, removed=True)) for place in gone]
    act = keys(RIGHT, RIGHT, RIGHT, "t", "d")
    story.plan("labelled_background", gone, act, "delete", [_left(gone[3])])

    # Nothing is suggested; the reviewer's key frames 0 and 2 take the one between along.
    found = [place._replace(fix=None) for place in story.track(4)]
    act = keys("n", RIGHT, Keys.PAGE_DOWN, Keys.PAGE_DOWN, RIGHT, ENTER)
    after = [(*_left(place, dx=0.5)[:-1], "") for place in found[:3]]
    story.plan("false_alarm", found, act, "add", after)


def _tell_labels(story):
    story.suspect(keys("a"), "accept", dx=4)
    story.suspect(keys("k"), "keep")
    _, x, y = story.place()
    story.suspect(click(x - 2.5, y + 3, ENTER), "move", dx=-2.5, dy=3)
    # The cursor begins at the suggestion, 4 px to the right, and makes steps of half a pixel.
    story.suspect(keys("m", RIGHT, RIGHT, RIGHT, UP, ENTER), "move", dx=5.5, dy=-0.5)
    story.suspect(keys("+", "+", "+", "-", ENTER), "resize", w=4.0, h=4.0)
    story.suspect(keys("c", ENTER), "category", category="interference")
    frame, x, y = story.place()
    label = story.label(frame, x, y)
    act = acts(keys("n"), click(x - 6, y + 6, ENTER))
    after = [(label, frame, x, y, *_BOX), (0, frame, x - 6, y + 6, 3.0, 3.0, "target", "")]
    story.plan("wrong_position", [Place(frame, x, y, label)], act, "add", after)


def _tell_new(story):
    story.alone("miss", keys("a"), "accept", [(0, 0, "target", "t")])
    story.alone("miss", keys("k"), "keep")
    act = keys("m", Keys.SHIFT + RIGHT, Keys.NULL, UP, ENTER)  # a leap is 5 px
    story.alone("unlabelled_target", act, "add", [(5, -0.5, "target", "t")])
    story.alone("unlabelled_target", button("skip"), "skip")
    story.alone("false_alarm", button("accept"), "accept", suggested=False)
    act = keys("n", LEFT, LEFT, "c", ENTER)
    story.alone("false_alarm", act, "add", [(-1, 0, "interference", "")], suggested=False)
