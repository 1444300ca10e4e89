"""Trainings, loss queries and detectors of one kind share their compiled programs."""

import math
from collections import Counter
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import random_detector
from test_steps import STRIDE, Patches, make_train_steps, mesh_of, some_examples

from dimjax.chips.examples import Examples
from dimjax.report.curves import learning_rate
from dimjax.training import steps, train_state
from dimjax.training.chip_feed import Chips, chips_of, on_device, padded_size, resident_bytes
from dimjax.training.loss_query import losses_table

LOSS = {"mode": "difference", "stride": STRIDE, "location_weight": 1.0}
BATCH = 12


class Network(Patches):
    """A network of this module alone, so that no other test has compiled its programs."""


@pytest.fixture
def compiled(caplog):
    """Call a function; return its result, and how often each program was compiled meanwhile."""

    def call(function, *arguments):
        caplog.clear()
        with jax.log_compiles():
            result = jax.block_until_ready(function(*arguments))
        texts = [record.getMessage() for record in caplog.records]
        return result, Counter(text.split()[1] for text in texts if text.startswith("Compiling "))

    return call


def train(data, chips, devices=1, seed=0):
    """Train an epoch, then query the losses; return both losses and the state."""
    model, mesh, key = Network(), mesh_of(devices), jax.random.key(seed)
    optimizer = train_state.make_optimizer("adamw", 0.01 + 0.001 * seed, 1e-2, 2, seed + 10)
    state = train_state.initial_state(model, optimizer, mesh, 3, STRIDE, key)
    settings = {"augmented": True, "noise": 1.0, "key": key}
    train_steps = make_train_steps(model, optimizer, mesh, **settings)
    order = steps.epoch_order(len(data), BATCH, (seed,))
    state, recorded = steps.train_epoch(train_steps, state, chips, order)
    query = steps.make_loss_query(model, classification_weight=1.0, **LOSS)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return recorded, losses_table(data, chips, query, variables, BATCH).total.tolist(), state


def test_trainings_of_other_numbers_rates_and_keys_share_their_programs(compiled):
    for count, expected in ((24, 1), (40, 0)):
        data = some_examples(count)
        chips = chips_of(data, mesh_of(1))
        (_, losses, _), programs = compiled(train, data, chips, 1, count)
        assert len(losses) == count and len(set(losses)) == count
        for name in ("gather_batch", "augment", "first_update", "losses", "_initial_variables"):
            assert programs[f"jit({name})"] == expected, name
    assert programs.keys() == {"jit(rates)"}


def test_resident_chips_of_similar_numbers_share_their_programs(compiled, monkeypatch):
    monkeypatch.setattr(steps, "steps_per_call", lambda: 3)  # as on an accelerator
    devices = 4
    for count, expected in ((34, True), (35, False)):
        data = some_examples(count)
        exact, padded = (on_device(data, mesh_of(devices), spare) for spare in (0, math.inf))
        assert len(exact.frames) == count and len(padded.frames) == 36
        result, programs = compiled(train, data, padded, devices)
        assert (programs["jit(steps)"] > 0) == (programs["jit(losses)"] > 0) == expected
    jax.tree.map(np.testing.assert_array_equal, result, train(data, exact, devices))


@given(st.integers(1, 10**9))
def test_numbers_are_padded_by_less_than_an_eighth(count):
    size = padded_size(count)
    assert count <= size < count * 9 / 8 and padded_size(size) == size


def test_numbers_are_padded_to_few_sizes():
    assert [padded_size(count) for count in (1, 15, 17, 31, 33, 234)] == [1, 15, 18, 32, 36, 240]
    assert len({padded_size(count) for count in range(2**12, 2**13)}) == 9


def test_padding_is_left_out_beyond_the_budget():
    evidence = np.ones((33, 16, 16, 4), np.float16)
    data = Examples(**{**some_examples(33)._asdict(), "evidence": evidence})
    needed = 3 * data.nbytes / 33
    assert resident_bytes(data, None) == data.nbytes
    assert len(on_device(data, mesh_of(4), needed - 1).frames) == 33
    padded = on_device(data, mesh_of(4), needed)
    for name in Chips._fields:
        values = np.asarray(getattr(padded, name))
        assert len(values) == 36 and not values[33:].any()
        np.testing.assert_array_equal(values[:33], getattr(data, name))


def test_detectors_of_other_weights_and_rescoring_share_their_program(compiled):
    evidence = {"clip_sigmas": 2.5}
    frames = np.full((1, 4, 32, 40), 100, np.uint16)
    maps = np.random.default_rng(0).normal(3, 2, (1, 32, 40, 4)).astype(np.float32)
    scores = []
    for seed, expected in ((0.5, 1), (0.7, 0)):
        weights = {name: [seed, 1.0, 0.0, 0.1, 0.2, 0.3] for name in ("target", "interference")}
        detector = random_detector(
            input="difference+evidence", evidence=evidence, rescoring=weights
        )
        arguments = detector.variables, frames, np.float32([[100, 2]]), maps
        found, programs = compiled(detector.detect, *arguments)
        assert programs["jit(detect)"] == expected
        scores.append(found.score[0, 0])
    assert scores[0] < scores[1]


def test_the_chart_of_the_learning_rate_compiles_one_program(compiled):
    settings = SimpleNamespace(optimizer="adamw", learning_rate=1e-3, warmup_epochs=1)

    counts = [compiled(lambda: str(learning_rate(settings, 37, 11)) and ())[1] for _ in range(2)]
    assert [sum(programs.values()) for programs in counts] == [1, 0]  # the second one reuses it
