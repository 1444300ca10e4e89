"""Several processes that train one run: real ones, on loopback."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from dimjax.errors import InputError
from dimjax.runs.workdir import Paths, read_config, write_config
from dimjax.training import processes

ROOT = Path(__file__).parent.parent
# Two processes of two simulated devices, as tiny_run has four in one.
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

config = read_config(rest[0])
with config.unlocked():
    config.distributed.update(keys)
if index == "1":  # it could not write if it tried
    train.checkpoints.save = train.records.write_epoch = train.SummaryWriter = None
rounds.run(config, rest[0], None, "train")
"""
END = """
processes.join(types.SimpleNamespace(**keys))
with processes.together():
    if processes.is_first():
        processes.tell(7)
        {end}
    for order in processes.orders():
        print("told", order, flush=True)
"""


def run_processes(code: str, *args: object, indices=(0, 1)) -> list[tuple[int, str]]:
    """Exit status and all that was said of processes that run the code together."""
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
    said = [process.communicate(timeout=300)[0] for process in started]
    return [(process.returncode, text) for process, text in zip(started, said, strict=True)]


def test_two_processes_go_on_and_end_with_the_losses_of_one(tiny_run, tmp_path):
    paths = Paths(shutil.copytree(tiny_run, tmp_path / "run"))
    whole = pd.read_parquet(paths.losses)
    answers = pd.read_parquet(paths.answers)
    paths.losses.unlink()
    for epoch in (2, 3):
        shutil.rmtree(paths.checkpoints / str(epoch))
        for kept in (paths.epoch_losses, paths.epoch_answers):
            (kept / f"{epoch:04d}.parquet").unlink()
    for status, said in run_processes(TRAIN, paths.workdir):
        assert status == 0, said
    found = pd.read_parquet(paths.losses)
    assert found.epoch.tolist() == whole.epoch.tolist() and found.id.tolist() == whole.id.tolist()
    pd.testing.assert_frame_equal(found, whole, rtol=1e-5)
    pd.testing.assert_frame_equal(pd.read_parquet(paths.answers), answers, rtol=1e-4)
    lines = [json.loads(line) for line in paths.metrics.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2, 3]


def test_where_process_0_stops_the_others_do():
    first, second = run_processes(END.format(end="raise SystemExit('the disk is full')"))
    assert first[0] == 1 and first[1].endswith("the disk is full\n")
    assert second[0] == 1 and "told 7" in second[1]
    told = "process 1: process 0 goes on to the end of the run; found that it stopped. See what it"
    assert told in second[1]


def test_where_a_process_dies_the_others_end():
    first, second = run_processes(END.format(end="os.kill(os.getpid(), signal.SIGKILL)"))
    assert first[0] == -9 and second[0] not in (0, None)
    assert "told 7" in second[1] and "another task died" in second[1]


@pytest.mark.parametrize("index", [0, 1])
def test_a_process_alone_says_that_the_others_are_missing(index):
    code = "processes.join(types.SimpleNamespace(**keys), join_s=2)"
    ((status, said),) = run_processes(code, indices=[index])
    assert status == 1 and said.startswith(f"error: process {index} at 127.0.0.1:")
    assert "all 2 processes must be started within 2 s; found fewer. Give each the same" in said


@pytest.mark.parametrize(
    ("address", "count", "index", "told"),
    [
        ("", 0, 0, r"num_processes: it must be 1 or more; found 0\. Correct it"),
        ("a:1", 2, 2, r"process_id: it must be 0 or more and below num_processes=2; found 2\."),
        ("a:1", 2, -1, r"process_id: it must be 0 or more and below num_processes=2; found -1\."),
        ("", 2, 0, r"coordinator_address: it must be host:port of process 0 .*; found ''\."),
        ("a", 2, 0, r"coordinator_address: it must be host:port of process 0 .*; found 'a'\."),
        ("a:b", 2, 1, r"coordinator_address: it must be host:port .*; found 'a:b'\."),
    ],
)
def test_wrong_keys(address, count, index, told):
    keys = SimpleNamespace(coordinator_address=address, num_processes=count, process_id=index)
    with pytest.raises(InputError, match=rf"config\.distributed\.{told}"):
        processes.join(keys)


def test_how_a_run_was_started_is_not_kept_with_it(tiny_run):
    config = read_config(tiny_run)
    assert config.distributed.num_processes == 1
    with config.unlocked():
        config.distributed.num_processes = 16
    write_config(config, tiny_run)  # else an error: another configuration
    assert "distributed" not in json.loads(Paths(tiny_run).config.read_text())["config"]
