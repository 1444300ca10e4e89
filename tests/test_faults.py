"""The tools of the fault campaign notice what they are to notice."""

import shutil
import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from tests.faults import tries
from tests.faults.programs import Program
from tests.faults.tries import ACCEPTED, FAILED, REFUSED, differing, judge


@pytest.fixture(scope="module")
def expected(tiny_run, tmp_path_factory):
    return shutil.copytree(tiny_run, tmp_path_factory.mktemp("faults") / "expected")


@pytest.fixture
def workdir(expected, tmp_path):
    return shutil.copytree(expected, tmp_path / "run")


def change_ledger(workdir):
    with closing(sqlite3.connect(workdir / "ledger.sqlite")) as db, db:
        db.execute("UPDATE leases SET reviewer = 'ann'")
        db.execute("CREATE TABLE more (number)")


def other_losses(workdir):
    path = min(workdir.glob("rounds/0/losses/*.parquet"))
    table = pd.read_parquet(path)
    table.assign(total=table.total + 1e-6).to_parquet(path)


CHANGES = {
    "rounds/0/labels.csv": lambda run: (run / "rounds/0/labels.csv").write_text("x\n"),
    "rounds/0/plan.csv": lambda run: (run / "rounds/0/plan.csv").unlink(),
    "rounds/0/more.csv": lambda run: (run / "rounds/0/more.csv").touch(),
    "rounds/0/losses/": other_losses,
    "ledger.sqlite": change_ledger,
    "report.html.host.1.part": lambda run: (run / "report.html.host.1.part").touch(),
}


def test_a_copy_of_a_run_does_not_differ(expected, workdir):
    (workdir / "error.log").write_text("of a refused command")
    (workdir / "review.json").write_text("address of a review page")
    assert differing(expected, workdir) == []


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_of_a_run_is_named(expected, workdir, name):
    CHANGES[name](workdir)
    (changed,) = differing(expected, workdir)
    assert name in changed


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (0, "", ACCEPTED),
        (0, "a warning\n", FAILED),
        (0, "search: 2/5, 15.5 s/frame, 00:46 left\nsearch: 9,000, 15 frame/s\n", ACCEPTED),
        (0, "epoch 1/3: 1/8, 32.9 s/step, 03:50 left\n", ACCEPTED),
        (1, "error: a.csv: it must exist; found none. Correct it.\n", REFUSED),
        (1, "detector: a.onnx\nerror: a.csv: it must exist; found none. Correct it.\n", REFUSED),
        (130, "interrupted in train: finished work is kept\n", REFUSED),
        (1, "error: train: an unexpected error; found KeyError: 'x'. Report it.\n", FAILED),
        (1, "Traceback (most recent call last):\nKeyError: 'x'\n", FAILED),
        (-11, "", FAILED),
        (None, "", FAILED),
    ],
)
def test_an_end_is_judged_by_status_and_text(tmp_path, monkeypatch, status, text, outcome):
    (tmp_path / "err").write_text(text)
    monkeypatch.setattr(tries.Program, "kill", lambda *_: None)
    program = Program(0, lambda seconds: status, tmp_path / "out", tmp_path / "err")
    assert judge(program)[0] == outcome
