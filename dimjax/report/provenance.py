"""The origin of a report in words: date, command, revision, machine, and the training's settings.

origin()                                # "2026-11-27 03:10 UTC, `dimjax report ...`, ..."
schedule(config.training.to_dict())     # "adamw, learning rate 0.003 after 1 epoch of warm-up, ..."
speed(log.read_metrics(), examples=11300, seconds_per_frame=0.3)    # "trained in 6 min, ..."
"""

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from dimjax.errors import program
from dimjax.progress import counted

ROOT = Path(__file__).parents[2]


def origin() -> str:
    """Describe when, how and on what a report is written."""
    device = jax.devices()[0].device_kind
    devices = [] if device == "cpu" else [f"{jax.device_count()} x {device}"]
    parts = [
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        shlex.join([program(), *sys.argv[1:]]).replace("'python main.py'", "python main.py"),
        *([f"commit {revision()}"] if revision() else []),
        ", ".join([*devices, f"{os.cpu_count()} CPU cores", platform.machine()]),
    ]
    return " · ".join(parts)


def revision() -> str:
    """Return the commit of the repository that dimjax runs from, with + if it is changed; or ""."""
    if not (ROOT / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):  # no git
        return ""
    return done.stdout.strip()


def schedule(training: Mapping[str, Any]) -> str:
    """Describe the optimiser and its learning rate; see dimjax.training.train_state."""
    warmup = f"{counted(training['warmup_epochs'], 'epoch')} of warm-up"
    after = "cosine decay to 0" if training["optimizer"] == "adamw" else "constant"
    rate = f"{training['optimizer']}, learning rate {training['learning_rate']:g}"
    return f"{rate} after {warmup}, then {after}"


def speed(metrics: list[dict], examples: int, seconds_per_frame: float | None) -> str:
    """Describe the time of the training, without its validation, and that of the detection.

    Args:
      metrics: Lines of metrics.jsonl, one an epoch.
      examples: Chips of an epoch; with several processes, those of each.
      seconds_per_frame: Median over the sequences of the evaluation, None if not measured.
    """
    # An epoch that was interrupted after its last step goes on with none: its rate is 0.
    rates = [line["chips_per_second"] for line in metrics if line.get("chips_per_second", 0) > 0]
    text = "the time of the training was not measured"
    if rates:
        seconds = len(metrics) * sum(examples / rate for rate in rates) / len(rates)
        taken = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
        text = f"trained in {taken}, {rates[-1]:,.0f} chips/s in the last epoch"
    if seconds_per_frame is None:
        return text
    return f"{text}; {1000 * seconds_per_frame:.3g} ms to read and search a full frame"
