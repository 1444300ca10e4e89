"""The commands of docs/tutorial.md, in their order, on clips of a new user's."""

import json
import re
import shlex

import av
import numpy as np
import pandas as pd
import pytest
from scripts import ROOT, run_script

FRAMES, SIZE = 34, (64, 80)  # H, W
TEXT = (ROOT / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"(?:^    .*\n|^\n(?=    ))+", TEXT, flags=re.MULTILINE)
COMMANDS = [
    line.partition("  #")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
    if line.strip().startswith("dimjax")
]
(CONFIGURATION,) = (block for block in BLOCKS if "# mine.py" in block)


def clip(seed):
    """A target of 3x3 px that moves by half a pixel per frame; [T, H, W] and its centres."""
    rng = np.random.default_rng(seed)
    frames = 60 + rng.normal(0, 2, (FRAMES, *SIZE))
    x, y = 20 + 0.5 * np.arange(FRAMES), np.full(FRAMES, 15.5 + 6 * (seed % 5))
    for t in range(FRAMES):
        row, column = int(y[t]), int(x[t])
        frames[t, row - 1 : row + 2, column - 1 : column + 2] += 60
    return frames.round().astype(np.uint8), np.stack([x, y], axis=1)


def write_clips(folder, count):
    rows = []
    (folder / "sequences").mkdir(parents=True)
    for k in range(count):
        frames, centres = clip(k)
        np.save(folder / "sequences" / f"c{k}.npy", frames)
        rows += [(f"c{k}", t, *centre, 3, 3, "target") for t, centre in enumerate(centres)]
    columns = ["sequence", "frame", "x", "y", "w", "h", "category"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "labels.csv", index=False)


def write_video(path, frames):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:], "gray"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "gray")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The folder of the user, after all commands but those of a live camera."""
    folder = tmp_path_factory.mktemp("desk")
    write_clips(folder / "clips", 5)
    write_clips(folder / "other_clips", 2)
    write_clips(folder / "new_clips", 1)
    write_video(folder / "flight3.mp4", clip(0)[0])
    lines = re.sub(r"^    ", "", CONFIGURATION, flags=re.MULTILINE)
    (folder / "mine.py").write_text(lines)
    printed = {}
    for command in COMMANDS:
        program, *words = shlex.split(command)
        assert program == "dimjax"
        if not any("://" in word for word in words):
            done = run_script(ROOT / "main.py", *words, folder=folder)
            assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
            printed[command] = done.stdout
    return folder, printed


def test_each_step_leaves_what_the_tutorial_says(desk):
    folder, printed = desk
    assert len(printed) == len(COMMANDS) - 1 == 7
    assert "--config.data.layout=auto" in printed["dimjax check --input=clips"]
    assert "layout of clips: 5 sequences" in printed["dimjax --config=mine.py --workdir=runs/mine"]
    run = folder / "runs" / "mine"
    for name in (
        "contact_sheet.png",
        "report.html",
        "rounds/0/outcomes.csv",
        "export/detector.onnx",
    ):
        assert (run / name).is_file(), name
    assert list((folder / "detections" / "flight3").glob("*.mp4"))
    assert len(list((run / "detect").rglob("detections.csv"))) == 1
    assert len(list((run / "evaluations").rglob("evaluation.json"))) == 1
    splits = json.loads((run / "rounds" / "0" / "evaluation.json").read_text())
    assert splits["split"] == "val" and len(splits["sequences"]) == 1
