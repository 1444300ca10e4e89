"""The items of test_review_browser, how each is decided, and the labels that this must leave.

plans = make_story().plans
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
from dimjax.ledger import Change, Item, ItemFrame

SHAPE = (44, 96, 128)
LEFT, RIGHT, UP, ENTER = Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ENTER

_BOX = (3.0, 3.0, "target", "t")  # default w, h, category, track of labels


class Plan(NamedTuple):
    """An item, how it is decided, and the labels that this must leave."""

    item: Item
    act: Callable  # takes the page
    verb: str
    after: list[tuple]  # label (0: a new one), frame, x, y, w, h, category, track


class Story:
    """Labels and plans; each item has its own frame or row of pixels."""

    def __init__(self):
        self.labels, self.plans = [], []

    def location(self):
        """Frame, x and y of the next item of one frame."""
        k = len(self.plans)
        return 8 + k, 40.5 + 4 * (k % 9), 40.5 + 3 * (k % 5)

    def label(self, frame, x, y):
        self.labels.append(("a", frame, x, y, *_BOX, "annotator"))
        return len(self.labels)

    def plan(self, kind, frames, act, verb, after=()):
        probability = 1 - 0.01 * len(self.plans)  # determines their order
        item = Item(kind, "a", probability, f"plan {len(self.plans) + 1}", tuple(frames))
        self.plans.append(Plan(item, act, verb, list(after)))

    def suspect(self, act, verb, dx=0.0, dy=0.0, **changed):
        """A label with a suggested move by 4 px to the right; dx, dy and fields of the result."""
        frame, x, y = self.location()
        label = self.label(frame, x, y)
        box = {**dict(zip(("w", "h", "category", "track"), _BOX, strict=True)), **changed}
        item_frame = ItemFrame(frame, x, y, label, Change(label, x=x + 4, y=y))
        after = [(label, frame, x + dx, y + dy, *box.values())]
        self.plan("wrong_position", [item_frame], act, verb, after)

    def unlabelled(self, kind, act, verb, after=(), suggested=True):
        """A location without a label; after: dx, dy, category and track of the new labels."""
        frame, x, y = self.location()
        fix = Change(None, "a", frame, x, y, *_BOX) if suggested else None
        rows = [(0, frame, x + dx, y + dy, 3.0, 3.0, *rest) for dx, dy, *rest in after]
        self.plan(kind, [ItemFrame(frame, x, y, None, fix)], act, verb, rows)

    def track(self, count, labelled=False):
        """Item frames 2 px apart, each with a label or with a suggested new label."""
        y = 20.5 + 12 * len(self.plans)
        frames = [ItemFrame(t, 30.5 + 2 * t, y) for t in range(2, 2 + count)]
        if labelled:
            return [frame._replace(label=self.label(*frame[:3])) for frame in frames]
        return [frame._replace(fix=Change(None, "a", *frame[:3], *_BOX)) for frame in frames]


def make_story():
    """31 items, decided in every way."""
    story = Story()
    _plan_tracks(story)
    for _ in range(2):
        _plan_labels(story)
        _plan_new_labels(story)
    return story


def write_run(workdir):
    """Write a run with the story's labels and items; return its frames."""
    frames = np.random.default_rng(5).integers(1000, 5000, SHAPE, dtype=np.uint16)
    (workdir / "sequences/a").mkdir(parents=True)
    np.save(workdir / "sequences/a/frames.npy", frames)
    losses = [(epoch, "a", 2, 3.0 - epoch) for epoch in range(3)]
    columns = ["epoch", "sequence", "frame", "total"]
    pd.DataFrame(losses, columns=columns).to_parquet(workdir / "losses.parquet")
    story = make_story()
    labels = pd.DataFrame(story.labels, columns=COLUMNS)
    with ledger.create_or_open(workdir / "ledger.sqlite", labels, {"a": SHAPE}, 3.0) as db:
        ledger.add_items(db, [plan.item for plan in story.plans], "refine")
    return frames


def keys(*pressed):
    """Press keys."""
    return lambda page: page.press(*pressed)


def click(x, y, *pressed):
    """Click at a point of the frame, then press keys."""

    def act(page):
        page.click(x, y)
        page.press(*pressed)

    return act


def button(name):
    """Click a button."""
    return lambda page: page.click_button(name)


def sequence(*acts):
    """Several acts, one after the other."""

    def act(page):
        for one in acts:
            one(page)

    return act


def _row(frame, dx=0.0, dy=0.0):
    """The label that is left in an item frame, moved by dx, dy."""
    return (frame.label or 0, frame.frame, round(frame.x + dx, 2), round(frame.y + dy, 2), *_BOX)


def _plan_tracks(story):
    excluded = story.track(6)
    after = [_row(frame) for frame in excluded if frame is not excluded[2]]
    story.plan("miss", excluded, keys(RIGHT, RIGHT, "t", "a"), "accept", after)

    two = story.track(7)  # key frames 1 and 5, moved by (2, -1) and (-2, 3): linear between
    act = sequence(
        keys(RIGHT),
        click(two[1].x + 2, two[1].y - 1),
        keys(RIGHT, RIGHT, RIGHT, RIGHT),
        click(two[5].x - 2, two[5].y + 3, ENTER),
    )
    shifts = [(0, 0), (2, -1), (1, 0), (0, 1), (-1, 2), (-2, 3), (0, 0)]
    after = [_row(frame, *shift) for frame, shift in zip(two, shifts, strict=True)]
    story.plan("miss", two, act, "add", after)

    three = story.track(5, labelled=True)  # the suggestion moves each label by 1 px
    three = [one._replace(fix=Change(one.label, x=one.x + 1, y=one.y)) for one in three]
    smooth = PchipInterpolator([0, 2, 4], [3.0, 4.0, 4.5])  # key frames 0, 2 and 4
    act = sequence(
        click(three[0].x + 3, three[0].y),
        keys(RIGHT, RIGHT, "m", *[RIGHT] * 6),
        keys(Keys.PAGE_DOWN, Keys.PAGE_DOWN, *[RIGHT] * 7, ENTER),
    )
    after = [_row(frame, dx=float(smooth(k))) for k, frame in enumerate(three)]
    story.plan("wrong_position", three, act, "move", after)

    removed = story.track(4, labelled=True)
    removed = [frame._replace(fix=Change(frame.label, removed=True)) for frame in removed]
    act = keys(RIGHT, RIGHT, RIGHT, "t", "d")
    story.plan("labelled_background", removed, act, "delete", [_row(removed[3])])

    # Nothing is suggested; the frame between the reviewer's key frames 0 and 2 follows.
    added = [frame._replace(fix=None) for frame in story.track(4)]
    act = keys("n", RIGHT, Keys.PAGE_DOWN, Keys.PAGE_DOWN, RIGHT, ENTER)
    after = [(*_row(frame, dx=0.5)[:-1], "") for frame in added[:3]]
    story.plan("false_alarm", added, act, "add", after)


def _plan_labels(story):
    story.suspect(keys("a"), "accept", dx=4)
    story.suspect(keys("k"), "keep")
    _, x, y = story.location()
    story.suspect(click(x - 2.5, y + 3, ENTER), "move", dx=-2.5, dy=3)
    # The cursor begins at the suggestion, 4 px to the right, and moves in steps of half a pixel.
    story.suspect(keys("m", RIGHT, RIGHT, RIGHT, UP, ENTER), "move", dx=5.5, dy=-0.5)
    story.suspect(keys("+", "+", "+", "-", ENTER), "resize", w=4.0, h=4.0)
    story.suspect(keys("c", ENTER), "category", category="interference")
    frame, x, y = story.location()
    label = story.label(frame, x, y)
    act = sequence(keys("n"), click(x - 6, y + 6, ENTER))
    after = [(label, frame, x, y, *_BOX), (0, frame, x - 6, y + 6, 3.0, 3.0, "target", "")]
    story.plan("wrong_position", [ItemFrame(frame, x, y, label)], act, "add", after)


def _plan_new_labels(story):
    story.unlabelled("miss", keys("a"), "accept", [(0, 0, "target", "t")])
    story.unlabelled("miss", keys("k"), "keep")
    act = keys("m", Keys.SHIFT + RIGHT, Keys.NULL, UP, ENTER)  # a large step is 5 px
    story.unlabelled("unlabelled_target", act, "add", [(5, -0.5, "target", "t")])
    story.unlabelled("unlabelled_target", button("skip"), "skip")
    story.unlabelled("false_alarm", button("accept"), "accept", suggested=False)
    act, after = keys("n", LEFT, LEFT, "c", ENTER), [(-1, 0, "interference", "")]
    story.unlabelled("false_alarm", act, "add", after, suggested=False)
