"""Speed on one large GPU: training of the paper's 24 cells, losses of examples, full frames.

    python benchmarks/gpu.py --out=benchmarks/results/gpu.json            # under 10 minutes
    python benchmarks/gpu.py --out=/tmp/dry.json --dry                    # dry run on a CPU

Needs only JAX, Flax and Optax, and no data: chips are noise. The timed step is the one that dimjax
trains with (bfloat16, batches of 128, augmentation included), on chips on the device, after
compilation. The JSON file is written after each part. If the time runs out or a part fails, the
others are kept and `missing` names the parts to measure in a second call with --backbones and
--sizes. FLOPs are those that XLA counts in the step before optimisation; the attainable rate is
that of a large bfloat16 matrix product in the same process.
"""

import argparse
import functools
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh
from machine import describe, write_record
from noise import LEVEL, SIGMA, noise_chips
from table2 import EPOCHS, SCORED, TRAINED, summary

from dimjax.detection.grid import decode, suppress, whole_frame
from dimjax.models import BACKBONES, create_detector
from dimjax.models.batch_norm_fusion import apply_fused
from dimjax.training import meshes, steps, train_state
from dimjax.training.inputs import network_input

STRIDE = 8
LOSS = {
    "mode": "difference", "stride": STRIDE, "location_weight": 1.0, "classification_weight": 1.0
}  # fmt: skip


class Plan(NamedTuple):
    """Sizes and times of the measurement."""

    backbones: tuple[str, ...] = tuple(BACKBONES)
    sizes: tuple[int, ...] = (80, 64, 32, 16)  # pixels
    width: float = 1.0
    batch_size: int = 128
    first_chips: int = SCORED  # in the first cell; all of them on the device
    other_chips: int = 8192  # in each other cell
    frames: tuple[int, int, int] = (4, 512, 640)  # frames per call, height, width
    matrix: int = 8192  # rows and columns
    seconds: float = 2.0  # least time of each measurement
    budget_s: float = 540.0  # no part begins that would probably end later


DRY = Plan(
    backbones=("darknet19", "squeezenet"), sizes=(16,), width=0.25, batch_size=8, first_chips=40,
    other_chips=24, frames=(1, 64, 96), matrix=256, seconds=0.05,
)  # fmt: skip


def main() -> None:
    """Measure until the time runs out, print a line per part and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--dry", action="store_true", help="tiny sizes, for a CPU")
    arguments.add_argument("--backbones", nargs="+", choices=BACKBONES)
    arguments.add_argument("--sizes", nargs="+", type=int, help="of chips, pixels")
    arguments.add_argument("--batch_size", type=int)
    arguments.add_argument("--seconds", type=float, help="least time of each measurement")
    arguments.add_argument("--budget_s", type=float, help="no part begins that would end later")
    given = vars(arguments.parse_args())
    out, dry = given.pop("out"), given.pop("dry")
    platforms = os.environ.get("JAX_PLATFORMS", "cpu")
    if "cpu" not in platforms:  # needed to count FLOPs
        jax.config.update("jax_platforms", f"{platforms},cpu")
    changed = {key: value for key, value in given.items() if value is not None}
    measure((DRY if dry else Plan())._replace(**changed), out, dry)


def measure(plan: Plan, out: Path, dry: bool) -> dict:
    """Measure all parts and write the record after each of them."""
    started, longest = time.perf_counter(), 0.0
    parts = _parts(plan)
    record = {
        **describe("dimjax", "jax", "jaxlib", "flax", "optax", "numpy"),
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "dry": dry,
        "plan": plan._asdict(),
        "paper": {"epochs": EPOCHS, "chips": TRAINED, "gpu": "GV100-32GB"},
        "measured": {},
        "missing": list(parts),
        "errors": {},
    }
    for name, part in parts.items():
        began = time.perf_counter()
        if record["measured"] and began - started + longest > plan.budget_s:
            break
        record["errors"][name] = "the process ended during this part"  # if a compiler aborts
        write_record(out, record)
        try:
            record["measured"][name] = part()
            record["missing"].remove(name)
            del record["errors"][name]
        except jax.errors.JaxRuntimeError as error:  # for example out of memory
            record["errors"][name] = str(error).splitlines()[0]
        longest = max(longest, time.perf_counter() - began)
        record["summary"] = summary(record["measured"])
        record["peak_device_bytes"] = _peak_device_bytes()
        record["seconds"] = time.perf_counter() - started
        write_record(out, record)
        print(name, json.dumps(record["measured"].get(name, "failed")), flush=True)
    print(json.dumps(record["summary"] | {"missing": record["missing"]}, indent=2))
    return record


def _parts(plan: Plan) -> dict[str, Callable[[], dict]]:
    """Name -> measurement, the most important first."""
    cells = [(backbone, size) for size in plan.sizes for backbone in plan.backbones]
    (backbone, size), *others = cells
    # The first cell has as many chips as the paper, to show that they fit; the others have fewer.
    parts = {
        "matrix": lambda: matrix_rate(plan),
        f"train {backbone} {size}": lambda: train_rate(plan, backbone, size, plan.first_chips),
        "losses": lambda: losses_seconds(plan, backbone, size),
        "frames": lambda: frames_rate(plan, backbone, size),
    }
    for cell in others:
        name = "train {} {}".format(*cell)
        parts[name] = functools.partial(train_rate, plan, *cell, plan.other_chips)
    return parts


def matrix_rate(plan: Plan) -> dict:
    """Measure the highest rate of a bfloat16 matrix product, FLOP/s."""
    side = (plan.matrix, plan.matrix)
    left, right = jax.random.normal(jax.random.key(0), (2, *side), jnp.bfloat16)
    product = jax.jit(jnp.matmul)

    def ten() -> None:  # one after another on the device; the start of a call is not timed
        jax.block_until_ready([product(left, right) for _ in range(10)][-1])

    flops = 10 * 2 * plan.matrix**3
    return {"flops_per_second": flops / min(_durations(ten, plan.seconds))}


def train_rate(plan: Plan, backbone: str, size: int, count: int) -> dict:
    """Measure training on chips on the device: rate, time to compile, FLOPs and memory."""
    mesh, chips = meshes.make_mesh(), noise_chips(count, size)
    state = meshes.on_mesh(_fresh_state(plan.width, backbone), mesh)
    train_steps = _steps(plan, backbone, size, mesh)
    order = steps.epoch_order(count, plan.batch_size, (0,))
    block = np.resize(order, (steps.steps_per_call(), plan.batch_size))
    flops, program_bytes = _step_flops(plan, backbone, size, state, chips), None

    def call() -> None:
        nonlocal state
        state, losses = train_steps(state, chips, block)
        jax.block_until_ready(losses)

    began = time.perf_counter()
    if hasattr(train_steps.program, "lower"):  # on a CPU a step is three programs
        arguments = train_steps.arguments(state, chips, block)
        train_steps = train_steps._replace(program=train_steps.program.lower(*arguments).compile())
        program_bytes = train_steps.program.memory_analysis().temp_size_in_bytes
    call()
    first, seconds = time.perf_counter() - began, _durations(call, plan.seconds)
    each = statistics.median(seconds)
    return {
        "backbone": backbone,
        "chip_px": size,
        "chips_per_second": block.size / each,
        "flops_per_chip": flops / plan.batch_size,
        "compile_seconds": first - each,
        "calls": len(seconds),
        "steps_per_call": len(block),
        "resident_bytes": sum(values.nbytes for values in jax.tree.leaves(chips)),
        "program_bytes": program_bytes,  # besides inputs and outputs
    }


def losses_seconds(plan: Plan, backbone: str, size: int) -> dict:
    """Measure the loss query on the chips of the first cell, as the verb score calls it."""
    count, chips = plan.first_chips, noise_chips(plan.first_chips, size)
    variables = meshes.on_mesh(_variables(plan, backbone), meshes.make_mesh())
    query = steps.make_loss_query(_model(plan, backbone, size), **LOSS)
    batch = min(2 * plan.batch_size, count)
    starts = range(0, count, batch)

    def all_losses() -> dict:
        index = [np.minimum(np.arange(start, start + batch), count - 1) for start in starts]
        return jax.device_get([query(variables, chips, numbers) for numbers in index])

    first, *seconds = _durations(all_losses, plan.seconds, min_calls=2)
    each = statistics.median(seconds)
    return {
        "backbone": backbone, "chip_px": size, "chips": count, "seconds": each,
        "compile_seconds": first - each,
    }  # fmt: skip


def frames_rate(plan: Plan, backbone: str, size: int) -> dict:
    """Measure detection in full frames, from clips of raw frames to boxes."""
    model, variables = _model(plan, backbone, size), jax.device_put(_variables(plan, backbone))
    count, height, width = plan.frames

    def detect(variables, frames, scale):
        images = network_input(frames, scale, LOSS["mode"])
        outputs = whole_frame(lambda x: apply_fused(model, variables, x), images, STRIDE)
        return suppress(decode(outputs, STRIDE, max_detections=100), radius_px=4.0)

    compiled = jax.jit(detect)
    noise = np.random.default_rng(0).normal(LEVEL, SIGMA, (count, 4, height, width))
    frames, scale = noise.astype(np.uint16), np.tile(np.float32([LEVEL, SIGMA]), (count, 1))
    rates = {}
    for name, given in (("from_host", frames), ("on_device", jax.device_put(frames))):
        _, *seconds = _durations(
            lambda given=given: jax.block_until_ready(compiled(variables, given, scale)),
            plan.seconds,
            min_calls=2,
        )
        rates[f"frames_per_second_{name}"] = count / statistics.median(seconds)
    return {"backbone": backbone, "height": height, "width": width, "batch": count, **rates}


def _model(plan: Plan, backbone: str, size: int):
    return create_detector(backbone, plan.width, STRIDE, context_px=size, dtype=jnp.bfloat16)


def _optimizer():
    return train_state.make_optimizer("adamw", 1e-3, 1e-2, warmup_steps=100, steps=1000)


@functools.cache
def _fresh_state(width: float, backbone: str) -> train_state.TrainState:
    """Initial state on the host; the same for chips of all sizes."""
    model, key = create_detector(backbone, width, STRIDE), jax.random.key(0)
    mesh = meshes.make_mesh()
    return jax.device_get(train_state.initial_state(model, _optimizer(), mesh, 3, STRIDE, key))


def _variables(plan: Plan, backbone: str) -> dict:
    state = _fresh_state(plan.width, backbone)
    return {"params": state.params, "batch_stats": state.batch_stats}


def _steps(plan: Plan, backbone: str, size: int, mesh: Mesh) -> Callable:
    model, key = _model(plan, backbone, size), jax.random.key(0)
    return steps.make_train_steps(
        model, _optimizer(), mesh, **LOSS, augmented=True, noise=0.0, match_px=3.0, key=key
    )


def _step_flops(plan: Plan, backbone: str, size: int, state, chips) -> float:
    """Count the FLOPs of one step for a CPU.

    For GPUs XLA counts compiled programs only, without the work of libraries, which compute the
    convolutions.
    """
    cpu = jax.local_devices(backend="cpu")[:1]
    mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,), devices=cpu)
    block = np.zeros((1, plan.batch_size), np.int32)
    shapes = jax.tree.map(
        lambda values: jax.ShapeDtypeStruct(values.shape, values.dtype), (state, chips, block)
    )
    train_steps = _steps(plan, backbone, size, mesh)
    step = jax.jit(lambda *arguments: train_steps(*arguments))
    return float(step.lower(*shapes).cost_analysis()["flops"])


def _durations(call: Callable, min_seconds: float, min_calls: int = 3) -> list[float]:
    """Measure the seconds of each call until both minima are reached."""
    seconds = []
    while len(seconds) < min_calls or sum(seconds) < min_seconds:
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def _peak_device_bytes() -> int | None:
    """Return the peak of the device's memory since the start; None on a CPU."""
    stats = jax.local_devices()[0].memory_stats()
    return stats["peak_bytes_in_use"] if stats else None


if __name__ == "__main__":
    main()
