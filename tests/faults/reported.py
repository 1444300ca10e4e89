"""Attacks that broke an earlier version, each from the command line as it was reported.

A story prepares a copy of the toy run or of its data and returns the words of a command, whether
that must be refused, and a part of its line. What lay outside the run stays as it was.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults.tries import (
    ACCEPTED,
    FAILED,
    REFUSED,
    TOY,
    Case,
    copy_of,
    is_trained,
    main_job,
    run,
)

_DEMO = "--config=configs/demo.py"
Story = tuple[list[str], str | None]  # words, text of the refusal; None: accepted

# Words -> a part of the line with which they are refused.
_WORDS = {
    "simulate --config.sky.settings.snr=5": "sky.settings.snr",
    "simulate --config.sky.settings.snr=(1,)": "sky.settings.snr",
    "check --config.data.layout.sequences=/data/*": "sequences",
    "check --config.data.layout.sequences=": "sequences",
    "build --config.data.stride=1e20": "data.stride",
    "build --config.chips.backgrounds_per_label=1e300": "backgrounds_per_label",
    "build --config.chips.backgrounds_per_label=1000000000": "backgrounds_per_label",
    "simulate --config.sky.settings.targets_per_frame=1e9": "targets_per_frame",
    "train --config.model.width=1e6": "model.width",
    "train --config.model.width=1e300": "model.width",
    "train --config.training.batch_size=1000000": "batch_size",
    "train --config.training.warmup_epochs=1e18": "warmup_epochs",
    "train --config.training.noise=1e30": "training.noise",
    "train --config.training.learning_rate=1e30": "learning_rate",
    "train --config.detection.match_px=1e300": "match_px",
    "simulate --config.sky.settings.frames=1000000000": "frames",
    "simulate --config.sky.settings.height=1000000000": "height",
    f"simulate --config.seed={10**20}": "seed",
    f"simulate --config.seed={2**32}": "seed",
    "rounds --config=configs/backbone.py:resnet50,64": "resnet50",
    "rounds --config=configs/mine": "configs/mine",
}
# Words on the toy run.
_ON_RUN = {
    "detect --input={sky} --pictures=-5": "--pictures",
    "detect --input={sky} --output={sky}/sequences/results": "must not lie in the data",
    "detect --input={sky}/sequences/new-0000 --output={sky}/sequences/new-0000": "must not lie in",
    "detect --input={sky} --output=/proc/none": "/proc/none",
    "detect --input={sky} --output=Makefile": "--output: it must be a folder",
    "detect --input={sky} --round=7": "round",
    "detect --input={sky} --epoch=99": "epoch",
    "export --output=/proc/none": "/proc/none",
    "export --output={long}": "path",
    "score --split=tests": "tests",
    "train --epoch=3": "--epoch",
    "review --reviewer=oracle": "simulated reviewers",
}
_WORKDIRS = {
    "Makefile": "--workdir: it must be a folder",
    "Makefile/below": "--workdir: it must be a folder",
    "/proc/none": "/proc/none",
    "exp[1]/run": "without the pattern characters",
    "x" * 300: "path",
}
_PLACES = ("told-sky", "data", "victim", "unmade")
_NAMES = (b"\xff\xfe", b"a\tb", b"a\nb", b"a\x1b[31m", "a\u202eb".encode())


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Tell the first `count` stories."""
    copy = partial(copy_of, expected, folder / "told")
    stories: dict[str, Callable[[], Story]] = {
        **{words: partial(_usage, words, text) for words, text in _WORDS.items()},
        **{f"--workdir={path[:20]}": partial(_workdir, path, text)
           for path, text in _WORKDIRS.items()},
        **{f"a sequence named {name!r}": partial(_name, folder, expected, name) for name in _NAMES},
        "a value of 5,000 digits": partial(_label, folder, expected, "9" * 5000, "line"),
        "a width of 1e-46": partial(_label, folder, expected, "1e-46", "w must lie in"),
        "a width of 1e39": partial(_label, folder, expected, "1e39", "w must lie in"),
        "a pipe in place of labels": partial(_pipe, folder, expected),
        "a run without its ledger": partial(_ledger, copy, main_job(expected)),
        "folders without a record": partial(_unrecorded_sky, folder),
    }  # fmt: skip
    if is_trained(expected):
        stories["a record that names files outside"] = partial(_outside, copy, folder)
        stories |= {w: partial(_on_run, copy, w, text) for w, text in _ON_RUN.items()}
    for name, story in list(stories.items())[:count]:
        yield Case("reported attacks", name, partial(_attempt, folder, story))


def _attempt(folder: Path, story: Callable[[], Story]) -> tuple[str, str]:
    words, refusal = story()
    workdirs = [word.removeprefix("--workdir=") for word in words if word.startswith("--workdir=")]
    before = _names(folder, workdirs)
    outcome, detail = run(*words, workdir=Path((workdirs or [folder / "unmade"])[0]))
    if "status 1, 0 lines" in detail and words[0] == "check":  # its result lists the problems
        outcome = REFUSED
    elif refusal and outcome == REFUSED and refusal not in detail:
        outcome = FAILED
    is_right = outcome == (REFUSED if refusal else ACCEPTED)
    changed = _names(folder, workdirs) ^ before if refusal else set()
    return (outcome if is_right and not changed else FAILED), f"{detail} {sorted(changed) or ''}"


def _names(folder: Path, workdirs: list[str]) -> set[str]:
    """Files beside the attacked run that a story may touch, with their sizes."""
    places = [path for path in folder.iterdir() if path.name in _PLACES]
    paths = (path for place in places for path in place.rglob("*") if path.is_file())
    return {f"{path} {path.stat().st_size}" for path in paths
            if not str(path).startswith(tuple(workdirs))}  # fmt: skip


def _usage(words: str, text: str) -> Story:
    verb, *flags = words.split()
    base = () if any(flag.startswith("--config=") for flag in flags) else (_DEMO,)
    return [verb, *base, *flags], text


def _workdir(path: str, text: str) -> Story:
    return ["rounds", *TOY, f"--workdir={path}"], text


def _on_run(copy: Callable[[], Path], words: str, text: str) -> Story:
    workdir = copy()
    sky = workdir.with_name("told-sky")
    shutil.rmtree(sky, ignore_errors=True)
    shutil.copytree(workdir / "sky", sky)
    words = words.format(sky=sky, long=workdir / ("x" * 300))
    return [*words.split(), f"--workdir={workdir}"], text


def _data(folder: Path, expected: Path) -> tuple[Path, list[str]]:
    data = copy_of(expected / "sky", folder / "data")
    (data / "truth.csv").unlink()
    workdir = folder / "unmade"
    return data, ["check", *TOY, f"--config.data.folder={data}", f"--workdir={workdir}"]


def _name(folder: Path, expected: Path, name: bytes) -> Story:
    data, words = _data(folder, expected)
    (data / "sequences" / "train-0000").rename(data / "sequences" / os.fsdecode(name))
    return words, "name"


def _label(folder: Path, expected: Path, width: str, text: str) -> Story:
    data, words = _data(folder, expected)
    labels = (data / "labels.csv").read_text()
    row = re.search(r"^train-0001,4,[^,]*,[^,]*,([^,]*)", labels, re.MULTILINE)
    (data / "labels.csv").write_text(labels[: row.start(1)] + width + labels[row.end(1) :])
    return words, text


def _pipe(folder: Path, expected: Path) -> Story:
    data, words = _data(folder, expected)
    (data / "labels.csv").unlink()
    os.mkfifo(data / "labels.csv")
    return words, "a named pipe"


def _ledger(copy: Callable[[], Path], words: tuple[str, ...]) -> Story:
    workdir = copy()
    (workdir / "ledger.sqlite").unlink()
    (workdir / "report.html").unlink(missing_ok=True)
    return [*words, f"--workdir={workdir}"], "ledger.sqlite"


def _unrecorded_sky(folder: Path) -> Story:
    workdir = folder / "unrecorded"
    shutil.rmtree(workdir, ignore_errors=True)
    (workdir / "sky.part" / "sequences").mkdir(parents=True)
    return ["simulate", *TOY, f"--workdir={workdir}"], None


def _outside(copy: Callable[[], Path], folder: Path) -> Story:
    workdir = copy()
    victim, output = folder / "victim", workdir / "detect" / "test-0000"
    for place in (victim, output):
        place.mkdir(parents=True, exist_ok=True)
    (victim / "holiday.mp4").write_text("film")
    source = workdir / "sky" / "sequences" / "test-0000"
    text = f'{{"source": "{source}", "sequences": ["../../../victim/holiday"]}}'
    (output / "source.json").write_text(text)
    (output / "detect.lock").touch()  # else the folder is refused before its record is read
    words = ["detect", f"--input={source}", "--pictures=0", f"--workdir={workdir}"]
    return words, "source.json: it must contain"
