"""Implants: simulated objects in real sequences, their truth, and the folders that hold them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st

from dimjax.commands import check, implant
from dimjax.commands.bundled import make_builder
from dimjax.data.folders import open_folder
from dimjax.data.labels import write_table
from dimjax.data.layouts import DIMJAX
from dimjax.data.scr import scr
from dimjax.data.sequences import Sequence, as_sequence, skip_repeated
from dimjax.errors import InputError
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.sky.implant_files import choose, with_implants, write_implants
from dimjax.sky.implants import ImplantConfig, add_light, draw_implants, with_objects
from dimjax.stages import rounds

# Most of the small sequences have no label of their own.
pytestmark = pytest.mark.filterwarnings("ignore:no label in")

ALL = ImplantConfig(share=1.0, targets_per_frame=3.0, interference_per_frame=3.0)
SIGMA = 10.0


def noise(frames=8, shape=(64, 80), level=1000, seed=0):
    """Frames of white noise of sigma SIGMA."""
    rng = np.random.default_rng(seed)
    return as_sequence(rng.normal(level, SIGMA, (frames, *shape)).round().astype(np.uint16), "a")


def one(**changes):
    """A table of one object of amplitude 100, centred on a pixel of frame 0."""
    row = {"frame": 0, "x": 30.5, "y": 20.5, "amplitude": 100.0, "sigma_px": 0.8}
    row |= {"along_x": 0.0, "along_y": 0.0, "step": 1, "highest": 65535} | changes
    return pd.DataFrame([row])


def test_light_worked_by_hand():
    frame, light = np.array([[10, 10, 250, 255]], np.uint8), np.array([[0.0, 2.4, 20.0, 9.0]])
    low, high = np.zeros((1, 4)), np.full((1, 4), 0.7)
    assert add_light(frame, light, 1, 255, low).tolist() == [[10, 12, 255, 255]]
    assert add_light(frame, light, 1, 255, high).tolist() == [[10, 13, 255, 255]]
    levels = add_light(frame.astype(np.uint16) * 257, 257 * light, 257, 65535, low)
    assert levels.tolist() == [[2570, 12 * 257, 65535, 65535]] and levels.dtype == np.uint16


@settings(max_examples=25)
@given(st.floats(0, 5), st.integers(1, 4))
def test_the_mean_over_the_dither_is_the_light(light, step):
    dither = np.linspace(0, 1, 1000, endpoint=False)[None]
    frame = np.full((1, 1000), 100, np.uint16)
    added = add_light(frame, np.full((1, 1000), light), step, 65535, dither) - frame
    assert added.mean() == pytest.approx(light, abs=step / 1000)
    assert set(added.ravel()) <= {
        step * np.floor(light / step),
        step * (np.floor(light / step) + 1),
    }


def test_the_peak_of_a_centred_object_is_its_amplitude_and_nothing_else_changes():
    flat = as_sequence(np.full((2, 64, 80), 1000, np.uint16), "a")
    implanted = with_objects(flat, one())
    added = implanted.frame(0).astype(int) - 1000
    assert added.max() in (100, 101) and added[20, 30] == added.max()
    assert added.sum() == pytest.approx(100 / 0.2193, rel=0.02)  # share of the middle: erf(.44)**2
    rows, columns = np.nonzero(added)
    assert np.abs(rows - 20).max() <= 4 and np.abs(columns - 30).max() <= 4
    assert (implanted.frame(1) == 1000).all()


def test_interference_is_birds_and_what_else_is_asked_for():
    sequence = noise(frames=200)

    def rows_by_kind(birds):
        rows = draw_implants(sequence, ALL._replace(birds=birds, interference_per_frame=20.0))
        return rows.track.str.split("-").str[0].value_counts().drop("target").to_dict()

    assert set(rows_by_kind(1.0)) == {"bird"}
    half = rows_by_kind(0.4)  # of 20 * 200 rows: 1600 of birds, 1600 of pixels, 800 of spots
    assert half == pytest.approx({"bird": 1600, "flicker": 1600, "spot": 800}, rel=0.15)
    assert set(rows_by_kind(0.0)) == {"flicker", "spot"}


@settings(max_examples=20)
@given(st.floats(20, 60), st.floats(15, 50))
def test_the_centroid_is_the_label_to_a_hundredth_of_a_pixel(x, y):
    flat = as_sequence(np.zeros((1, 64, 80), np.uint16), "a")
    image = with_objects(flat, one(x=x, y=y, amplitude=20_000.0)).frame(0).astype(float)
    rows, columns = np.indices(image.shape) + 0.5
    assert (image * columns).sum() / image.sum() == pytest.approx(x, abs=0.01)
    assert (image * rows).sum() / image.sum() == pytest.approx(y, abs=0.01)


def test_the_snr_is_measured_in_the_noise_of_the_sequence():
    rows = draw_implants(noise(), ALL._replace(snr=(7.0, 7.0)))
    np.testing.assert_allclose(rows.amplitude, 7 * SIGMA * rows.snr / 7, rtol=0.03)
    ratios = []
    for seed in range(40):
        clean = noise(1, seed=seed)
        frame = with_objects(clean, one(amplitude=7 * SIGMA)).frame(0)
        ratios.append(scr(frame, 30.5, 20.5, 5, 5))  # a ring beyond its light
    assert np.mean(ratios) == pytest.approx(7, abs=0.5) and np.std(ratios) < 2


def test_the_truth_names_the_light_of_every_frame():
    sequence = noise()
    rows = draw_implants(sequence, ALL)
    assert set(rows.category) == {"target", "interference"} and (rows.snr > 0).all()
    assert rows.x.between(0, 80, "left").all() and rows.y.between(0, 64, "left").all()
    bright = with_objects(sequence, rows.assign(amplitude=500 * SIGMA))
    for t in range(len(sequence)):
        changed = bright.frame(t).astype(int) - sequence.frame(t) > 50 * SIGMA
        for row in rows[rows.frame == t].itertuples():
            assert changed[int(row.y), int(row.x)]


def test_the_seed_and_the_name_determine_the_objects():
    sequence = noise()
    rows = draw_implants(sequence, ALL)
    pd.testing.assert_frame_equal(rows, draw_implants(sequence, ALL))
    for other in (ALL._replace(seed=1), ALL):
        name = "a" if other.seed else "b"
        assert not rows.equals(draw_implants(replace(sequence, name=name), other))


def test_repeated_frames_repeat_their_objects_and_flat_frames_have_none():
    frames = np.stack([noise(6).frame(t) for t in (0, 1, 1, 2, 3, 4, 5)])
    frames[5] = 1000
    sequence = skip_repeated(as_sequence(frames, "a"))
    assert sequence.flat == (5,) and 2 not in sequence.usable
    implanted = with_objects(sequence, draw_implants(sequence, ALL))
    np.testing.assert_array_equal(implanted.frame(1), implanted.frame(2))
    assert (implanted.frame(5) == 1000).all() and (implanted.frame(4) != frames[4]).any()


def user_folder(path, labelled=True):
    """A data folder of two training sequences and one for validation, with a label in one frame."""
    row = {"sequence": "one", "frame": 3, "x": 9.5, "y": 9.5, "w": 3.0, "h": 3.0}
    labels = pd.DataFrame([row | {"category": "target", "track": "own", "source": "ann"}])
    for k, name in enumerate(("one", "two", "three")):
        (path / "sequences").mkdir(parents=True, exist_ok=True)
        sequence = noise(seed=k)
        np.save(path / "sequences" / f"{name}.npy", [sequence.frame(t) for t in range(8)])
    (path / "splits").mkdir()
    (path / "splits" / "train.txt").write_text("one\ntwo\n")
    (path / "splits" / "val.txt").write_text("three\n")
    write_table(labels if labelled else labels[:0], path / "labels.csv")
    return path


def test_a_folder_with_implants_is_a_data_folder_that_check_passes(tmp_path, capsys):
    config = tiny_config()
    config.data.folder = str(user_folder(tmp_path / "mine"))
    config.data.implant.update({"share": 1.0, "targets_per_frame": 3.0, "snr": (8.0, 15.0)})
    implant.run(config, tmp_path / "out")
    assert "3 sequences" in capsys.readouterr().out
    folder = open_folder(tmp_path / "out")
    own = folder.labels[folder.labels.source == "ann"]
    assert own.track.tolist() == ["own"] and len(folder.labels) > 20
    truth = pd.read_csv(tmp_path / "out" / "implants.csv")
    assert truth.snr.between(0, 15).all() and len(truth) == len(folder.labels) - 1
    config.data.folder, config.data.implant.share = str(tmp_path / "out"), 0.0
    assert check.run(config, None) == 0
    config.data.implant.share = 1.0
    implant.run(config, tmp_path / "again")  # implants may be implanted into again
    with pytest.raises(InputError, match="must be empty, or hold earlier results"):
        implant.run(config, config.data.folder.replace("out", "mine"))
    config.data.implant.share = 0.0
    with pytest.raises(InputError, match="implant.share: it must be above 0.*Set it to 1"):
        implant.run(config, tmp_path / "other")


def test_frames_have_their_name_when_they_are_complete(tmp_path, monkeypatch):
    config, present = tiny_config(), []
    config.data.folder = str(user_folder(tmp_path / "mine"))
    config.data.implant.share = 1.0
    read = Sequence.frame

    def frame(sequence, t):
        present.extend((tmp_path / "out" / "sequences" / sequence.name).glob("frames.npy"))
        return read(sequence, t)

    monkeypatch.setattr(Sequence, "frame", frame)
    implant.run(config, tmp_path / "out")
    assert not present and len(list((tmp_path / "out").glob("sequences/*/frames.npy"))) == 3


def test_a_folder_is_not_read_while_implant_writes_it(tmp_path, monkeypatch):
    config, output, written = tiny_config(), tmp_path / "out", set()
    config.data.folder = str(user_folder(tmp_path / "mine"))
    config.data.implant.share = 1.0
    implant.run(config, output)
    opened, read = open_folder(output), Sequence.frame

    def frame(sequence, t):
        for reader in (lambda: open_folder(output), lambda: opened.sequence("one")):
            with pytest.raises(InputError, match="lock: a data folder must be complete before"):
                reader()
        written.add(sequence.name)
        return read(sequence, t)

    assert opened.sequence("one").shape == (8, 64, 80)
    monkeypatch.setattr(Sequence, "frame", frame)
    implant.run(config, output)
    assert written == {"one", "two", "three"}
    (output / "implant.lock").write_text("process 5 on sky since 2026-01-01\n")
    with pytest.raises(InputError, match="it must stay as it is .* replaced by process 5 on sky"):
        opened.sequence("one")
    assert open_folder(output).sequence("one").shape


def test_files_that_join_implanted_ones_are_kept(tmp_path):
    config = tiny_config()
    config.data.folder = str(user_folder(tmp_path / "mine"))
    config.data.implant.share = 1.0
    output = tmp_path / "out"
    implant.run(config, output)
    implant.run(config, output)  # its own files are replaced
    for place in ("sequences/precious", "splits/mine.txt"):
        (output / place).mkdir()
        name = place.split("/")[1]
        with pytest.raises(
            InputError, match=f"nothing but what was written there .*; found {name}"
        ):
            implant.run(config, output)
        assert (output / place).is_dir()
        (output / place).rmdir()
    record = {"written": {"../mine": [], "sequences": ["one", "two", "three"], "splits": 5}}
    (output / "implants.json").write_text(json.dumps(record))
    with pytest.raises(
        InputError, match="splits: it must hold nothing but what was written there before"
    ):
        implant.run(config, output)
    assert (tmp_path / "mine" / "sequences").is_dir()


def test_a_run_trains_on_implants_alone(tmp_path):
    config = tiny_config()
    config.data.folder = str(user_folder(tmp_path / "mine", labelled=False))
    config.data.implant.update({"share": 1.0, "targets_per_frame": 3.0, "snr": (8.0, 15.0)})
    config.training.epochs, work = 1, tmp_path / "run"
    rounds.run(config, str(work), make_builder, last="build")
    context = RoundContext(config, Paths(work))
    labels = context.folder.labels
    assert set(labels.source) == {"implant"} and set(labels.sequence) == {"one", "two", "three"}
    assert context.folder.sequence("one").frame(0).max() > noise().frame(0).max()
    again = RoundContext(config, Paths(work)).folder
    np.testing.assert_array_equal(
        again.sequence("two").frame(4), context.folder.sequence("two").frame(4)
    )
    (work / "implants.csv").write_text((work / "implants.csv").read_text().replace("1", "2", 1))
    with pytest.raises(InputError, match="remove .*implants.csv and run .* simulate"):
        rounds.run(config, str(work), make_builder, last="train")


def test_a_share_of_the_sequences_is_chosen_by_seed():
    names = [f"s{k}" for k in range(10)]
    assert choose(names, 0.3, 0) == choose(names[::-1], 0.3, 0)
    assert len(choose(names, 0.3, 0)) == 3 and choose(names, 0.3, 0) != choose(names, 0.3, 1)
    assert len(choose(names, 0.01, 0)) == 1 and not choose([], 1.0, 0)


def test_a_damaged_table_is_an_error(tmp_path):
    folder = open_folder(user_folder(tmp_path / "mine"))
    write_implants(folder, ["one"], ALL, tmp_path / "t.csv")
    assert with_implants(folder, tmp_path / "t.csv").labels.source.eq("implant").sum() > 10
    text = (tmp_path / "t.csv").read_text().replace(",65535", ",0").replace(",2047", ",0")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match="grey levels of implants must be 1 to 65535"):
        with_implants(folder, tmp_path / "t.csv")


def test_the_sky_has_objects_of_its_own(tmp_path):
    config = tiny_config()
    config.data.implant.share = 1.0
    with pytest.raises(InputError, match="data.implant.share: must be 0 without data.folder"):
        rounds.run(config, str(tmp_path / "run"), make_builder)


def test_layout_without_labels_is_read_with_implants(tmp_path):
    path = user_folder(tmp_path / "mine")
    (path / "labels.csv").unlink()
    folder = open_folder(path, DIMJAX._replace(labels=""))
    write_implants(folder, ["one"], ALL, tmp_path / "t.csv")
    assert len(with_implants(folder, tmp_path / "t.csv").labels) > 10
