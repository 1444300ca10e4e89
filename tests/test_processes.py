"""Several processes that train one run: real processes on loopback."""

import json
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from dimjax.errors import InputError
from dimjax.runs.workdir import Paths, read_config, write_config
from dimjax.training import processes

ROOT = Path(__file__).parent.parent
# Two processes with two simulated devices each; tiny_run was trained on four in one process.
FLAGS = (
    "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true"
)
JOIN = """
import os, signal, sys, types
from dimjax.training import processes

index, address, *rest = sys.argv[1:]
keys = {"coordinator_address": address, "num_processes": 2, "process_id": int(index)}
"""
TRAIN = """
from dimjax.stages import rounds
from dimjax.runs.workdir import read_config
from dimjax.stages import train
from dimjax.training.training_log import TrainingLog

config = read_config(rest[0])
with config.unlocked():
    config.distributed.update(keys)
if index == "1":  # an attempt to write would fail
    train.checkpoints.save = TrainingLog.write_epoch = train.SummaryWriter = None
rounds.run(config, rest[0], None, "train")
"""
END = """
processes.join(types.SimpleNamespace(**keys))
with processes.coordinated():
    if processes.is_first():
        processes.broadcast(7)
        {end}
    for number in processes.rounds():
        print("round", number, flush=True)
"""


def run_processes(code: str, *args: object, indices=(0, 1)) -> list[tuple[int, str]]:
    """Run the code in several processes at once; return exit status and output of each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    env = {**os.environ, "XLA_FLAGS": FLAGS, "JAX_PLATFORMS": "cpu"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN + code, str(index), address, *map(str, args)],
            cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for index in indices
    ]  # fmt: skip
    outputs = [process.communicate(timeout=300)[0] for process in started]
    return [(process.returncode, text) for process, text in zip(started, outputs, strict=True)]


@pytest.mark.long
def test_two_processes_resume_a_training_and_end_with_the_losses_of_one(tiny_run, tmp_path):
    paths = Paths(shutil.copytree(tiny_run, tmp_path / "run"))
    log = paths.training_log
    losses, label_outputs = log.read_losses(), log.read_label_outputs()
    log.completion.unlink()
    for epoch in (2, 3):
        shutil.rmtree(paths.checkpoints / str(epoch))
    for status, output in run_processes(TRAIN, paths.workdir):
        assert status == 0, output
    pd.testing.assert_frame_equal(log.read_losses(), losses, rtol=1e-4)
    pd.testing.assert_frame_equal(log.read_label_outputs(), label_outputs, rtol=1e-4)
    assert [line["epoch"] for line in log.read_metrics()] == [0, 1, 2, 3]


def test_if_process_0_stops_the_others_stop():
    first, second = run_processes(END.format(end="raise SystemExit('the disk is full')"))
    assert first[0] == 1 and first[1].endswith("the disk is full\n")
    assert second[0] == 1 and "round 7" in second[1]
    expected = "process 1: process 0 must run to the end; found that it stopped. See the output of"
    assert expected in second[1]


def test_if_a_process_dies_the_others_end():
    first, second = run_processes(END.format(end="os.kill(os.getpid(), signal.SIGKILL)"))
    assert first[0] == -9 and second[0] not in (0, None)
    assert "round 7" in second[1] and "another task died" in second[1]


def test_a_process_reports_that_others_are_missing():
    code = "processes.JOIN_S = 2; processes.join(types.SimpleNamespace(**keys))"
    with ThreadPoolExecutor() as pool:  # each with an address of its own
        ends = list(pool.map(lambda index: run_processes(code, indices=[index]), (0, 1)))
    for index, ((status, output),) in enumerate(ends):
        assert status == 1 and output.startswith(f"error: process {index} at 127.0.0.1:")
        assert "all 2 processes must be started within 2 s; found fewer. Start each" in output


@pytest.mark.parametrize(
    ("address", "count", "index", "expected"),
    [
        ("", 0, 0, r"num_processes: must be 1 or more; found 0\. Correct it"),
        ("a:1", 2, 2, r"process_id: must be between 0 and 1; found 2\."),
        ("a:1", 2, -1, r"process_id: must be between 0 and 1; found -1\."),
        ("", 2, 0, r"coordinator_address: must be host:port of process 0 .*; found ''\."),
        ("a", 2, 0, r"coordinator_address: must be host:port of process 0 .*; found 'a'\."),
        ("a:b", 2, 1, r"coordinator_address: must be host:port .*; found 'a:b'\."),
    ],
)
def test_invalid_settings_are_named(address, count, index, expected):
    keys = SimpleNamespace(coordinator_address=address, num_processes=count, process_id=index)
    with pytest.raises(InputError, match=rf"config\.distributed\.{expected}"):
        processes.join(keys)


def test_the_settings_of_the_processes_are_not_saved(tiny_run):
    config = read_config(tiny_run)
    assert config.distributed.num_processes == 1
    with config.unlocked():
        config.distributed.num_processes = 16
    write_config(config, tiny_run)  # an error if they were part of the configuration
    assert "distributed" not in json.loads(Paths(tiny_run).config.read_text())["config"]
