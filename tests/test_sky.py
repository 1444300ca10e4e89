"""The simulated sky: stamps, clouds, objects, sensor, truth and folders."""

import contextlib
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from dimjax.data.folders import open_folder
from dimjax.errors import InputError
from dimjax.label_noise import ErrorRates
from dimjax.sky import (
    SkyConfig,
    check_same_sky,
    clouds,
    motion,
    objects,
    simulate,
    simulate_signal,
    write_folder,
)
from dimjax.sky.settings import check
from dimjax.sky.stamps import Objects, add, stamps

SMALL = SkyConfig(frames=12, height=96, width=128, cloud_scale_px=(40.0, 90.0))
# Only the objects and the noise change. The invisible clouds drift so fast that the textures have
# the same shape as in SMALL, and nothing is compiled twice.
STILL = SMALL._replace(
    cloud_counts=(1e-3, 1e-3),
    fixed_pattern=(0.0, 0.0),
    dead_pixels=0.0,
    pan_px=0.0,
    drift_px=(0.65, 0.65),
    jitter_px=(0.0, 0.0),
    noise_counts=(8.0, 8.0),
)
BRIGHT = STILL._replace(
    snr=(500.0, 500.0), gradient_counts=(0.0, 0.0), targets_per_frame=1.0, jitter_px=(0.2, 0.2)
)


@functools.cache
def simulated(seed):
    """A sequence of SMALL, shared by the tests."""
    return simulate(SMALL, seed)


def one_object(x, y, amplitude=100.0, sigma=0.8, along=(0.0, 0.0), depth=3):
    values = (x, y, amplitude, sigma, *along)
    return Objects(*(jnp.array([v], jnp.float32) for v in values), jnp.array([depth]))


@jax.jit
def draw(thing, opacities):
    size = (96, 128)
    return add(jnp.zeros(size), opacities, thing.depth, *stamps(thing, size))


def drawn(thing, opacities=()):
    image, visible = draw(thing, list(opacities))
    return np.asarray(image), float(visible[0])


def centroid(image):
    rows, columns = np.indices(image.shape) + 0.5
    return (image * columns).sum() / image.sum(), (image * rows).sum() / image.sum()


def test_the_seed_determines_the_sequence():
    frames, truth = simulated(3)
    again, truth_again = simulate(SMALL, 3)
    other, _ = simulated(4)
    np.testing.assert_array_equal(frames, again)
    pd.testing.assert_frame_equal(truth, truth_again)
    assert frames.shape == (12, 96, 128) and frames.dtype == np.uint16 and frames.max() < 2**14
    assert (frames != other).mean() > 0.9


def test_the_signal_is_what_frames_with_objects_have_more_than_frames_without():
    settings = BRIGHT._replace(interference_per_frame=1.0)
    frames, truth = simulate(settings, 3)
    signal = simulate_signal(settings, 3)
    pd.testing.assert_frame_equal(signal.truth, truth)
    sigma = settings.noise_counts[0]
    assert signal.frames.shape == frames.shape and np.abs(signal.frames).max() > 100
    rest = frames - sigma * signal.frames
    rest = rest - np.median(rest, axis=(1, 2), keepdims=True)
    assert np.abs(rest).max() < 7 * sigma and rest.std() == pytest.approx(sigma, rel=0.05)


def test_a_sequence_does_not_depend_on_the_length_of_its_blocks(monkeypatch):
    frames, truth = simulated(3)
    monkeypatch.setattr("dimjax.sky.rendering.BLOCK_FRAMES", 5)
    in_blocks, truth_in_blocks = simulate(SMALL, 3)
    np.testing.assert_allclose(frames, in_blocks.astype(int), atol=1)
    pd.testing.assert_frame_equal(truth, truth_in_blocks, atol=1e-3)


@pytest.mark.parametrize("centre", [(20.3, 70.9), (100.0, 31.5), (64.5, 8.25)])
def test_stamp_has_its_centroid_at_its_centre(centre):
    image, visible = drawn(one_object(*centre, along=(1.5, -0.7)))
    np.testing.assert_allclose(centroid(image), centre, atol=1e-3)
    assert visible == 1.0


@pytest.mark.parametrize("sigma", [0.0, 0.5, 1.2])
@pytest.mark.parametrize("along", [(0.0, 0.0), (1.5, 2.0)])
def test_peak_of_a_centred_stamp_is_its_amplitude(sigma, along):
    image, _ = drawn(one_object(40.5, 20.5, sigma=sigma, along=along))
    assert image[20, 40] == pytest.approx(100.0, rel=1e-4)


def test_stamp_without_point_spread_is_one_pixel():
    image, _ = drawn(one_object(40.5, 20.5, sigma=0.0))
    assert np.count_nonzero(image > 1e-3) == 1


def test_stamp_over_the_border_does_not_wrap_around():
    image, _ = drawn(one_object(-0.5, -0.5))
    assert image[:4, :4].sum() > 10 and image[:, 64:].sum() == 0 and image[48:].sum() == 0
    image, _ = drawn(one_object(128.5, 96.5))
    assert image[-4:, -4:].sum() > 10 and image[:, :64].sum() == 0 and image[:48].sum() == 0


def test_clouds_in_front_dim_a_target_and_those_behind_do_not():
    opacities = [jnp.full((96, 128), share) for share in (0.9, 0.5, 0.25)]
    shares = [drawn(one_object(30.2, 40.1, depth=d), opacities)[1] for d in range(4)]
    np.testing.assert_allclose(shares, [0.1 * 0.5 * 0.75, 0.5 * 0.75, 0.75, 1.0], rtol=1e-5)
    image, _ = drawn(one_object(30.5, 40.5, depth=2), opacities)
    assert image[40, 30] == pytest.approx(75.0, rel=1e-3)


def test_truth_holds_position_and_brightness_of_the_targets():
    peaks = []
    for seed in (4, 7, 8, 10):
        frames, truth = simulate(BRIGHT._replace(interference_per_frame=0), seed)
        signal = frames - np.median(frames, axis=(1, 2), keepdims=True)
        assert (truth.snr == 500).all() and (truth.category == "target").all()
        whole = truth.x.between(8, 119) & truth.y.between(8, 87) & (truth.visible > 0.999)
        alone = truth.groupby("frame").frame.transform("size") == 1
        for row in truth[whole & alone].itertuples():
            top, left = int(row.y) - 7, int(row.x) - 7
            piece = signal[row.frame, top : top + 15, left : left + 15]
            x, y = centroid(np.where(np.abs(piece) > 40, piece, 0))
            assert (x + left, y + top) == pytest.approx((row.x, row.y), abs=0.1)
            peaks.append(np.abs(piece).max() / 8.0)
    assert len(peaks) > 20 and 0.95 * 500 < max(peaks) < 500 + 5


def test_truth_holds_only_objects_inside_the_frame():
    truth = pd.concat([simulated(seed)[1] for seed in range(5)])
    assert (truth.x.between(0, 128, "left") & truth.y.between(0, 96, "left")).all()
    assert (truth[["w", "h"]] >= 1).all(axis=None) and truth.visible.between(0, 1).all()
    assert not truth.duplicated(["frame", "track", "x", "y"]).any()


def test_flickering_pixels_are_labelled_while_they_are_excited():
    frames, truth = simulate(BRIGHT._replace(targets_per_frame=0), 2)
    rows = truth[truth.track.str.startswith("flicker")]
    assert (rows.category == "interference").all() and (rows.w == 1).all()
    for _, track in rows.groupby("track"):
        column, row = int(track.x.iloc[0]), int(track.y.iloc[0])
        assert (track.x.iloc[0], track.y.iloc[0]) == (column + 0.5, row + 0.5)
        value = frames[:, row, column].astype(float)
        excited = np.abs(value - np.median(frames, axis=(1, 2))) > 1000
        np.testing.assert_array_equal(np.flatnonzero(excited), track.frame)


def test_temporal_noise_has_the_configured_sigma():
    frames, _ = simulate(STILL._replace(targets_per_frame=0, interference_per_frame=0), 0)
    steps = np.diff(frames.astype(float), axis=0)
    assert steps.std() / np.sqrt(2) == pytest.approx(np.hypot(8, np.sqrt(1 / 12)), rel=0.01)


def test_dead_pixels_never_change():
    frames, _ = simulate(SMALL._replace(dead_pixels=0.01), 0)
    assert (np.ptp(frames, axis=0) == 0).sum() == pytest.approx(123, abs=45)


@pytest.mark.parametrize("exponent", [3.0, 3.8])
def test_cloud_texture_has_a_power_law_spectrum(exponent):
    field = np.asarray(clouds.power_law_field(jax.random.key(0), (256, 256), exponent, 1e4))
    power = np.abs(np.fft.fft2(field)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    band = (frequency > 0.03) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.05)


def test_clouds_move_right_and_down_by_the_path_of_their_layer():
    settings = SMALL._replace(drift_px=(0.0, 1.0))
    paths = np.zeros((12, 3, 2))
    paths[:, 1] = np.arange(12)[:, None] * [0.75, 0.25]
    first_only = np.array([[1.0, 0.0]] * 12, np.float32)
    schedule = clouds.make_schedule(settings, paths)._replace(weights=first_only)
    rows, columns = np.indices(clouds.texture_shape(settings), np.float32)
    textures = jnp.asarray(np.broadcast_to(columns + 1000 * rows, (2, 3, *rows.shape)))
    first, last = (
        clouds.fields_of_frame(textures, jax.tree.map(lambda a, t=t: a[t], schedule), (96, 128))
        for t in (0, 11)
    )
    np.testing.assert_allclose(last[0], first[0], rtol=1e-6)
    np.testing.assert_allclose(last[1], first[1] - 11 * (0.75 + 250), rtol=1e-6)


def test_long_sequences_never_leave_their_textures():
    settings = SMALL._replace(frames=900, evolution_frames=100, jitter_px=(0.25, 0.25))
    rng = np.random.default_rng(0)
    paths = motion.layer_paths(rng, settings, motion.camera_path(rng, settings))
    schedule = clouds.make_schedule(settings, paths)
    room = np.array(clouds.texture_shape(settings)) - [96 + 2, 128 + 2]
    assert schedule.corner.min() >= 1 and (schedule.corner.max(axis=(0, 1, 2)) <= room).all()
    assert schedule.pair.max() + 2 == clouds.texture_count(settings)


def test_glints_lie_on_an_edge_and_move_with_their_cloud():
    scene = objects.Scene(SMALL, 0.8, np.zeros((12, 2)))
    paths = np.arange(12)[:, None, None] * np.array([0.5, 0.0]) * np.ones((12, 3, 2))

    def edges(frame, layer, pixels):
        return np.where(pixels[:, 0] < 5, 0.25, 0.0)

    rows = objects.glints(np.random.default_rng(0), scene, 0.3, edges, paths)
    assert rows.groupby("track").x.first().max() < 5 + 1
    np.testing.assert_allclose(rows.groupby("track").x.diff().dropna(), 0.5)
    none = objects.glints(np.random.default_rng(0), scene, 0.3, lambda *a: np.zeros(256), paths)
    assert len(none) == 0


def test_mean_count_of_targets_is_the_configured_one():
    counts = []
    for seed in range(300):
        scene = objects.Scene(SMALL, 0.8, np.zeros((12, 2)))
        rows = objects.targets(np.random.default_rng(seed), scene)
        counts.append(objects.in_frame(rows, SMALL).sum() / SMALL.frames)
    assert np.mean(counts) == pytest.approx(2.0, abs=0.25)


def test_speed_stays_in_its_range_and_manoeuvres_turn():
    settings = SMALL._replace(frames=100, speed_px=(1.0, 4.0), manoeuvres=1.0)
    _, velocity = motion.target_path(np.random.default_rng(1), settings)
    speed = np.linalg.norm(velocity, axis=1)
    assert speed.min() >= 1 - 1e-9 and speed.max() <= 4 + 1e-9
    assert np.ptp(np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))) > 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 3}, r"sky setting `frames`: must be between 4 and 100000; found 3\."),
        ({"speed_px": (5.0, 2.0)}, r"`speed_px`: must be \(low, high\) with 0 <= low <= high"),
        ({"snr": (0.0, 2.0)}, r"`snr`: must be \(low, high\) with 0 < low <= high"),
        ({"exposure": 1.5}, "`exposure`: must be between 0 and 1; found 1.5"),
        ({"targets_per_frame": -1.0}, "`targets_per_frame`: must be between 0 and 10000"),
        (
            {"cloud_cover": (0.1, 1.0)},
            "`cloud_cover`: .* with 0 < low <= high < 1, at most 1,000,000; found",
        ),
        ({"frames": 60_000, "height": 512, "width": 640}, "must take at most 17,179,869,184 bytes"),
        ({"snr": (1.0, 1e300)}, "`snr`: .* at most 1,000,000; found"),
        (
            {"psf_px": (1.0, 3.0)},
            "`psf_px`: .* with 0 < low <= high <= 2.0, at most 1,000,000; found",
        ),
    ],
)
def test_settings_out_of_range_are_reported(change, message):
    with pytest.raises(InputError, match=message):
        check(SMALL._replace(**change))


def test_folder_holds_frames_splits_truth_and_labels(tmp_path):
    rates = ErrorRates(unlabelled=0.1, position=0.1, category=0.0, background=0.0)
    write_folder(tmp_path / "sky", SMALL, {"train": 2, "val": 1}, 7, rates)
    folder = tmp_path / "sky"
    assert (folder / "splits" / "train.txt").read_text() == "train-0000\ntrain-0001\n"
    truth, labels, errors = (
        pd.read_csv(folder / f"{name}.csv") for name in ("truth", "labels", "errors")
    )
    assert set(truth.sequence) == {"train-0000", "train-0001", "val-0000"}
    assert len(labels) == (truth.visible >= 0.5).sum() - (errors.kind == "unlabelled").sum()
    record = json.loads((folder / "sky.json").read_text())
    assert record["seed"] == 7 and record["settings"]["height"] == 96
    assert not (tmp_path / "sky.part").exists()


@pytest.mark.parametrize(
    ("seed", "snr", "message"),
    [(7, SMALL.snr, ""), (8, SMALL.snr, "seed = 8; found 7"), (7, (1.0, 2.5), "snr = .1.0, 2.5.")],
)
def test_the_sky_of_another_run_is_refused(tmp_path, seed, snr, message):
    folder, rates, counts = tmp_path / "sky", ErrorRates(), {"train": 1}
    write_folder(folder, SMALL, counts, 7, rates)
    refused = pytest.raises(InputError, match=f"sky.json: the run began with {message}")
    with refused if message else contextlib.nullcontext():
        check_same_sky(folder, SMALL._replace(snr=snr), counts, seed, rates, SMALL)
    (folder / "sky.json").write_text("[")  # nothing to compare with
    check_same_sky(folder, SMALL._replace(snr=snr), counts, seed, rates, SMALL)


def test_training_sequences_may_have_other_settings(tmp_path):
    none = SMALL._replace(interference_per_frame=0.0)
    splits = {"train": 2, "test": 2}
    write_folder(tmp_path / "sky", SMALL, splits, 7, ErrorRates(), none)
    write_folder(tmp_path / "same", SMALL, splits, 7, ErrorRates())
    truth, same = (pd.read_csv(tmp_path / name / "truth.csv") for name in ("sky", "same"))
    is_interference = truth.category == "interference"
    assert set(truth.sequence[is_interference].str[:4]) == {"test"}
    test = truth[truth.sequence.str.startswith("test")].reset_index(drop=True)
    expected = same[same.sequence.str.startswith("test")].reset_index(drop=True)
    pd.testing.assert_frame_equal(test, expected)
    record = json.loads((tmp_path / "sky" / "sky.json").read_text())
    assert record["training_settings"]["interference_per_frame"] == 0.0
    assert record["settings"]["interference_per_frame"] == SMALL.interference_per_frame


@pytest.mark.parametrize(
    ("birds", "kinds"),
    [(0.0, "fgs"), (0.5, "bfgs"), pytest.param(1.0, "b", marks=pytest.mark.long)],
)
def test_the_share_of_birds_divides_the_interference(birds, kinds):
    busy = SMALL._replace(
        frames=60, interference_per_frame=20.0, targets_per_frame=0.0, birds=birds
    )
    truth = pd.concat(simulate(busy, seed)[1] for seed in range(4))
    count = truth.track.str[0].value_counts()
    assert set(count.index) == set(kinds)
    shares = {"b": birds, "f": 4 / 9, "s": 2 / 9, "g": 3 / 9}
    for kind in kinds:
        expected = shares[kind] if kind == "b" else shares[kind] * (1 - birds)
        assert count[kind] / (4 * 60 * 20) == pytest.approx(expected, rel=0.25)


def test_folder_can_be_opened_and_its_labels_are_valid(tmp_path):
    write_folder(tmp_path / "sky", SMALL, {"train": 2, "new": 0}, 7, ErrorRates())
    folder = open_folder(tmp_path / "sky")
    assert folder.splits["train"] == ["train-0000", "train-0001"] and folder.splits["val"] == []
    assert folder.sequence("train-0001").shape == (12, 96, 128)
    assert list(folder.labels.source.unique()) == ["annotator"] and len(folder.truth) > 0


def test_a_sky_without_objects_has_an_empty_truth_and_no_labels(tmp_path):
    empty = SMALL._replace(targets_per_frame=0.0, interference_per_frame=0.0)
    write_folder(tmp_path / "sky", empty, {"new": 1}, 7, ErrorRates())
    assert len(pd.read_csv(tmp_path / "sky" / "labels.csv")) == 0


def test_a_sequence_of_a_folder_does_not_depend_on_the_others(tmp_path):
    for name, splits in (("few", {"val": 1}), ("more", {"train": 1, "val": 2})):
        write_folder(tmp_path / name, SMALL, splits, 7, ErrorRates())
    few, more = (
        np.load(tmp_path / name / "sequences" / "val-0000" / "frames.npy")
        for name in ("few", "more")
    )
    np.testing.assert_array_equal(few, more)
    train = np.load(tmp_path / "more" / "sequences" / "train-0000" / "frames.npy")
    assert (train != more).any()
    written = pd.read_csv(tmp_path / "few" / "truth.csv")
    truth = pd.read_csv(tmp_path / "more" / "truth.csv").query("sequence == 'val-0000'")
    pd.testing.assert_frame_equal(written, truth.reset_index(drop=True))


@pytest.mark.parametrize("folders", [["sequences"], ["sequences", "splits"]])
def test_folders_that_a_killed_run_left_without_a_record_do_not_block(tmp_path, folders):
    for name in folders:
        (tmp_path / "sky.part" / name).mkdir(parents=True)
    write_folder(tmp_path / "sky", SMALL, {"train": 1}, 0, ErrorRates())
    assert (tmp_path / "sky" / "sky.json").exists() and not (tmp_path / "sky.part").exists()


def test_folder_replaces_that_of_a_killed_run_but_nothing_else(tmp_path):
    part = tmp_path / "sky.part"
    part.mkdir()
    (part / "holiday.png").write_text("")
    with pytest.raises(InputError, match=r"sky\.part: must be a new or empty folder; found hol"):
        write_folder(tmp_path / "sky", SMALL, {"new": 1}, 0, ErrorRates())
    (part / "holiday.png").rename(part / "sky.json")
    (part / "sequences").mkdir()
    write_folder(tmp_path / "sky", SMALL, {"new": 1}, 0, ErrorRates())
    with pytest.raises(InputError, match="sky: must be a new or empty folder; found errors.csv"):
        write_folder(tmp_path / "sky", SMALL, {"new": 1}, 0, ErrorRates())


@pytest.mark.parametrize(
    ("splits", "seed", "message"),
    [
        ({"train": 1}, -1, "seed: must be 0 or more; found -1"),
        ({"../x": 1}, 0, r"sequences_per_split: must give numbers.*found \.\./x: 1\. Correct it"),
        ({"train": 0}, 0, "sequences_per_split: must name at least one sequence"),
    ],
)
def test_folder_arguments_out_of_range_are_reported(tmp_path, splits, seed, message):
    with pytest.raises(InputError, match=message):
        write_folder(tmp_path / "sky", SMALL, splits, seed, ErrorRates())
    assert not any(tmp_path.iterdir())


def test_wrong_rates_are_reported_before_the_simulation(tmp_path):
    with pytest.raises(InputError, match="error rate `position`: must be between 0 and 1"):
        write_folder(tmp_path / "sky", SMALL, {"new": 1}, 0, ErrorRates(position=2.0))
    assert not any(tmp_path.iterdir())


def _transforms_at_once(jaxpr):
    """Largest number of Fourier transforms of a program, one branch of each choice counted."""
    count = 0
    for equation in jaxpr.eqns:
        leaves = jax.tree.leaves(tuple(equation.params.values()))
        programs = [leaf for leaf in leaves if hasattr(leaf, "eqns") or hasattr(leaf, "jaxpr")]
        parts = [_transforms_at_once(getattr(part, "jaxpr", part)) for part in programs]
        chosen = max(parts, default=0) if equation.primitive.name == "cond" else sum(parts)
        count += chosen + (equation.primitive.name == "fft")
    return count


def test_the_fields_of_a_texture_are_transformed_in_turn():
    layers = clouds.draw_layers(np.random.default_rng(0), SMALL)
    draw = functools.partial(clouds.make_textures, count=1, shape=(32, 32))
    program = jax.make_jaxpr(draw)(jax.random.key(0), layers)
    assert _transforms_at_once(program.jaxpr) == 2  # forth and back
