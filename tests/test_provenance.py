"""The origin of a report in words."""

import re
import sys

import pytest

from dimjax.report import provenance


def test_the_origin_names_date_command_commit_and_machine(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main.py", "report", "--workdir=runs/a b"])
    monkeypatch.setattr(provenance, "revision", lambda: "1a2b3c4+")
    date, command, commit, machine = provenance.origin().split(" · ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", date)
    assert command == "python main.py report '--workdir=runs/a b'"
    assert commit == "commit 1a2b3c4+" and "CPU cores" in machine


def test_an_installed_dimjax_has_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.revision() == "" and "commit" not in provenance.origin()


@pytest.mark.parametrize(
    ("optimizer", "epochs", "text"),
    [
        ("adamw", 1.0, "0.003 after 1 epoch of warm-up, then cosine decay to 0"),
        ("adam", 2.0, "0.003 after 2 epochs of warm-up, then constant"),
        ("adam", 0.5, "0.003 after 0.5 epochs of warm-up, then constant"),
    ],
)
def test_the_schedule_of_the_learning_rate_is_described(optimizer, epochs, text):
    training = {"optimizer": optimizer, "learning_rate": 3e-3, "warmup_epochs": epochs}
    assert provenance.schedule(training) == f"{optimizer}, learning rate {text}"


def test_the_speed_is_that_of_the_last_training_and_of_the_evaluation():
    metrics = [{"chips_per_second": rate} for rate in (50.0, 100.0)]
    text = "trained in 60 s, 100 chips/s in the last epoch"
    assert provenance.speed(metrics, 2000, None) == text
    text = "trained in 2 min, 1,000 chips/s in the last epoch; 312 ms to read and search a full"
    metrics = [{"chips_per_second": 1000.0}] * 2
    assert provenance.speed(metrics, 60_000, 0.3124).startswith(text)


def test_an_epoch_that_was_interrupted_after_its_last_step_has_no_speed():
    metrics = [{"chips_per_second": 1000.0}, {"chips_per_second": 0.0}]
    assert (
        provenance.speed(metrics, 2000, None) == "trained in 4 s, 1,000 chips/s in the last epoch"
    )
    assert provenance.speed(metrics[1:], 2000, None) == "the time of the training was not measured"
