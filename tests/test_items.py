"""Review items as files for annotation programs, by the verb `items`."""

import importlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from full_disk import limited_size
from PIL import Image

from dimjax import ledger
from dimjax.commands import items
from dimjax.data.labels import COLUMNS
from dimjax.errors import InputError
from dimjax.ledger import Change, Item, ItemFrame
from dimjax.review.coco import write_images
from dimjax.runs.context import open_data_folder
from dimjax.runs.workdir import Paths, read_config, write_config


@pytest.fixture
def run(tmp_path):
    """A run of one sequence with two labels, and an item about the first of them."""
    folder = tmp_path / "data"
    (folder / "sequences").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 4000, (4, 40, 60)).astype(np.uint16)
    np.save(folder / "sequences" / "a.npy", pixels)
    config = importlib.import_module("configs.default").get_config()
    config.data.folder = str(folder)
    write_config(config, tmp_path / "run")
    rows = [("a", t, 20.0, 12.0, 3, 3, "target", "1", "ann") for t in range(2)]
    labels = pd.DataFrame(rows, columns=COLUMNS)
    removal = ItemFrame(0, 20.0, 12.0, 1, Change(1, removed=True))
    ledger_file = Paths(tmp_path / "run").ledger
    with ledger.create_or_open(ledger_file, labels, {"a": (4, 40, 60)}, match_px=3.0) as db:
        ledger.add_items(db, [Item("labelled_background", "a", 0.9, "dark", (removal,))], "refine")
    return tmp_path / "run"


def test_decisions_of_an_annotation_program_come_back(run, tmp_path, capsys):
    output = items.write(run)
    assert output == run / "export" / "items"
    assert capsys.readouterr().out.endswith(": 1 items in items.json, 1 images in images\n")
    with Image.open(output / "images" / "a-000000.png") as image:
        assert image.size == (60, 40)
    contents = json.loads((output / "items.json").read_text())
    contents["annotations"] = []  # the box of the label was deleted
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(contents))
    with pytest.raises(
        InputError, match=r"must have been written by `items`; found no file\. Write"
    ):
        items.read(run, "edited.json", "ann", run / "elsewhere")
    with pytest.raises(InputError, match="a decision has a reviewer; found nothing. Give --review"):
        items.read(run, edited, None)
    nothing = tmp_path / "nothing.json"
    nothing.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    with pytest.raises(InputError, match="it must hold the images of an exported item; found none"):
        items.read(run, nothing, "ann", finished=True)
    items.read(run, edited, "ann")
    assert "edited.json: 1 decisions by ann (1 " in capsys.readouterr().out
    with ledger.open_ledger(Paths(run).ledger) as db:
        assert ledger.labels_as_of(db).index.tolist() == [2]
    with pytest.raises(InputError, match="items of the run must wait for a decision; found none"):
        items.write(run)


def test_files_of_others_are_not_overwritten(run, tmp_path):
    (tmp_path / "items.json").write_text("foreign")
    with pytest.raises(InputError, match="--output: the output folder must be empty, or hold earl"):
        items.write(run, tmp_path)
    assert (tmp_path / "items.json").read_text() == "foreign"
    assert not (tmp_path / "images").exists()
    assert items.write(run, tmp_path / "out") == items.write(run, tmp_path / "out")


def test_items_do_not_lie_among_the_files_of_the_run(run):
    before = sorted(run.rglob("*"))
    with pytest.raises(InputError, match="--output: in a run's directory only detect, export, eva"):
        items.write(run, run / "rounds" / "7")
    assert sorted(run.rglob("*")) == before


def test_links_in_the_output_overwrite_nothing(run, tmp_path):
    output, victim = items.write(run, tmp_path / "out"), tmp_path / "victim"
    victim.write_text("foreign")
    for name in ("items.json", "images/a-000000.png"):
        (output / name).unlink()
        (output / name).symlink_to(victim)
    items.write(run, output)
    assert victim.read_text() == "foreign" and not (output / "items.json").is_symlink()
    with Image.open(output / "images" / "a-000000.png") as image:
        assert image.size == (60, 40)
    (output / "images").rename(tmp_path / "images")
    (output / "images").symlink_to(tmp_path / "images")
    with pytest.raises(InputError, match="out/images: a folder in the output must not be a link"):
        items.write(run, output)


def test_a_disk_without_room_is_named_by_the_image(run, tmp_path):
    output = items.write(run)
    sequence_of = open_data_folder(read_config(run), Paths(run)).sequence
    with limited_size(1000), pytest.raises(OSError) as caught:  # noqa: PT011
        write_images(output / "items.json", sequence_of, tmp_path / "images")
    assert Path(caught.value.filename).parent == tmp_path / "images"
    assert not list((tmp_path / "images").iterdir())


def test_items_without_a_change_wait_or_are_finished(run, tmp_path, capsys):
    output = items.write(run, tmp_path / "out")
    items.read(run, output / "items.json", "ann", output)
    assert "0 decisions by ann (none), 1 wait" in capsys.readouterr().out
    items.read(run, output / "items.json", "ann", output, finished=True)
    assert "1 decisions by ann (1 keep), 0 wait" in capsys.readouterr().out
