"""Speed on one large GPU: training of the paper's 24 cells, losses of examples, full frames.

    python benchmarks/gpu.py --out=benchmarks/results/gpu.json            # under 10 minutes
    python benchmarks/gpu.py --out=/tmp/dry.json --dry                    # its rehearsal on a CPU

Needs JAX, Flax and Optax alone, and no data: chips are noise. What is timed is the step that
dimjax trains with (bfloat16, batches of 128, augmentation included), on chips that lie on the
device, after it is compiled. The JSON file is written after each cell; when the time is up or a
cell fails the rest is kept, and `missing` names what lacks: --backbones and --sizes measure it in
a second call. FLOPs are those that XLA counts in the step before it optimises it; the attainable
rate is that of a large bfloat16 matrix product in the same process.
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
from machine import about
from noise import LEVEL, SIGMA, noise_chips, on_all
from table2 import EPOCHS, SCORED, TRAINED, summary

from dimjax.detection.grid import decode, suppress, whole_frame
from dimjax.models import BACKBONES, create_detector
from dimjax.models.folding import apply_folded
from dimjax.training import loss_query, meshes, steps
from dimjax.training.inputs import network_input

STRIDE, LOSS = 8, {"mode": "difference", "stride": 8, "a": 1.0, "b": 1.0}


class Plan(NamedTuple):
    """How much is measured."""

    backbones: tuple[str, ...] = tuple(BACKBONES)
    sizes: tuple[int, ...] = (80, 64, 32, 16)  # pixels
    width: float = 1.0
    batch_size: int = 128
    most_chips: int = SCORED  # of the largest size; they lie on the device
    few_chips: int = 8192  # of the other sizes
    frames: tuple[int, int, int] = (4, 512, 640)  # of a call, height, width
    matrix: int = 8192  # rows and columns
    seconds: float = 2.0  # that each is measured
    budget_s: float = 540.0


DRY = Plan(
    backbones=("darknet19", "squeezenet"), sizes=(16,), width=0.25, batch_size=8, most_chips=40,
    few_chips=24, frames=(1, 64, 96), matrix=256, seconds=0.05,
)  # fmt: skip


def main() -> None:
    """Measure as long as there is time, print a line for each part, write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--dry", action="store_true", help="tiny sizes, for a CPU")
    arguments.add_argument("--backbones", nargs="+", choices=BACKBONES)
    arguments.add_argument("--sizes", nargs="+", type=int, help="of chips, pixels")
    arguments.add_argument("--batch_size", type=int)
    arguments.add_argument("--seconds", type=float, help="that each part is measured")
    arguments.add_argument("--budget_s", type=float, help="no part begins that would end later")
    given = vars(arguments.parse_args())
    out, dry = given.pop("out"), given.pop("dry")
    platforms = os.environ.get("JAX_PLATFORMS", "cpu")
    if "cpu" not in platforms:  # FLOPs are counted there
        jax.config.update("jax_platforms", f"{platforms},cpu")
    changed = {key: value for key, value in given.items() if value is not None}
    measure((DRY if dry else Plan())._replace(**changed), out, dry)


def measure(plan: Plan, out: Path, dry: bool) -> dict:
    """The whole record; it is on the disk after each part."""
    started, longest = time.perf_counter(), 0.0
    parts = _parts(plan)
    result = {
        **about("dimjax", "jax", "jaxlib", "flax", "optax", "numpy"),
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
        if result["measured"] and began - started + longest > plan.budget_s:
            break
        try:
            result["measured"][name] = part()
            result["missing"].remove(name)
        except jax.errors.JaxRuntimeError as error:  # too little memory, say
            result["errors"][name] = str(error).splitlines()[0]
        longest = max(longest, time.perf_counter() - began)
        result["summary"] = summary(result["measured"])
        result["peak_device_bytes"] = _peak_device_bytes()
        result["seconds"] = time.perf_counter() - started
        _write(out, result)
        print(name, json.dumps(result["measured"].get(name, "failed")), flush=True)
    print(json.dumps(result["summary"] | {"missing": result["missing"]}, indent=2))
    return result


def _parts(plan: Plan) -> dict[str, Callable[[], dict]]:
    """What is measured, by name, what matters most first."""
    cells = [(backbone, size) for size in plan.sizes for backbone in plan.backbones]
    (backbone, size), *others = cells
    # As many chips as the paper has show what fits; the other cells make do with fewer.
    parts = {
        "matrix": lambda: matrix_rate(plan),
        f"train {backbone} {size}": lambda: train_rate(plan, backbone, size, plan.most_chips),
        "losses": lambda: losses_seconds(plan, backbone, size),
        "frames": lambda: frames_rate(plan, backbone, size),
    }
    for cell in others:
        name = "train {} {}".format(*cell)
        parts[name] = functools.partial(train_rate, plan, *cell, plan.few_chips)
    return parts


def matrix_rate(plan: Plan) -> dict:
    """The rate of a bfloat16 matrix product, the best of all calls, FLOP/s."""
    side = (plan.matrix, plan.matrix)
    left, right = jax.random.normal(jax.random.key(0), (2, *side), jnp.bfloat16)
    product = jax.jit(jnp.matmul)

    def ten() -> None:  # one after another on the device: starting a call is not timed
        jax.block_until_ready([product(left, right) for _ in range(10)][-1])

    flops = 10 * 2 * plan.matrix**3
    return {"flops_per_second": flops / min(_durations(ten, plan.seconds))}


def train_rate(plan: Plan, backbone: str, size: int, count: int) -> dict:
    """Training on chips on the device: rate, time to compile, work and memory."""
    mesh, chips = meshes.make_mesh(), noise_chips(count, size)
    state = jax.device_put(_fresh_state(plan.width, backbone), on_all(mesh))
    steps = _steps(plan, backbone, size, mesh)
    order = steps.epoch_order(count, plan.batch_size, (0,))
    block = np.resize(order, (steps.steps_per_call(), plan.batch_size))
    flops, program_bytes = _step_flops(plan, backbone, size, state, chips), None

    def call() -> None:
        nonlocal state
        state, losses = steps(state, chips, block)
        jax.block_until_ready(losses)

    began = time.perf_counter()
    if hasattr(steps, "lower"):  # on a CPU a step is two programs
        steps = steps.lower(state, chips, block).compile()
        program_bytes = steps.memory_analysis().temp_size_in_bytes
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
        "resident_bytes": sum(values.nbytes for values in chips),
        "program_bytes": program_bytes,  # besides what goes in and comes out
    }


def losses_seconds(plan: Plan, backbone: str, size: int) -> dict:
    """The loss of each of the chips of the largest size, as the stage score asks for them."""
    count, chips = plan.most_chips, noise_chips(plan.most_chips, size)
    variables = jax.device_put(_variables(plan, backbone), on_all(meshes.make_mesh()))
    query = loss_query.make_losses(_model(plan, backbone, size), **LOSS)
    batch = min(2 * plan.batch_size, count)
    starts = range(0, count, batch)

    def all_losses() -> dict:
        index = [np.minimum(np.arange(start, start + batch), count - 1) for start in starts]
        return jax.device_get([query(variables, chips, numbers) for numbers in index])

    first, *seconds = _durations(all_losses, plan.seconds, least=2)
    each = statistics.median(seconds)
    return {
        "backbone": backbone, "chip_px": size, "chips": count, "seconds": each,
        "compile_seconds": first - each,
    }  # fmt: skip


def frames_rate(plan: Plan, backbone: str, size: int) -> dict:
    """Detection in full frames, clips of raw frames in and boxes out, each call from the host."""
    model, variables = _model(plan, backbone, size), jax.device_put(_variables(plan, backbone))
    count, height, width = plan.frames

    def detect(variables, frames, scale):
        images = network_input(frames, scale, LOSS["mode"])
        outputs = whole_frame(lambda x: apply_folded(model, variables, x), images, STRIDE)
        return suppress(decode(outputs, STRIDE, most=100), radius_px=4.0)

    compiled = jax.jit(detect)
    noise = np.random.default_rng(0).normal(LEVEL, SIGMA, (count, 4, height, width))
    frames, scale = noise.astype(np.uint16), np.tile(np.float32([LEVEL, SIGMA]), (count, 1))
    rates = {}
    for name, given in (("from_host", frames), ("on_device", jax.device_put(frames))):
        _, *seconds = _durations(
            lambda given=given: jax.block_until_ready(compiled(variables, given, scale)),
            plan.seconds,
            least=2,
        )
        rates[f"frames_per_second_{name}"] = count / statistics.median(seconds)
    return {"backbone": backbone, "height": height, "width": width, "batch": count, **rates}


def _model(plan: Plan, backbone: str, size: int):
    return create_detector(backbone, plan.width, STRIDE, context_px=size, dtype=jnp.bfloat16)


def _optimizer():
    return steps.make_optimizer("adamw", 1e-3, 1e-2, warmup_steps=100, steps=1000)


@functools.cache
def _fresh_state(width: float, backbone: str) -> steps.TrainState:
    """On the host; the same for chips of all sizes."""
    model, key = create_detector(backbone, width, STRIDE), jax.random.key(0)
    mesh = meshes.make_mesh()
    return jax.device_get(steps.initial_state(model, _optimizer(), mesh, 3, STRIDE, key))


def _variables(plan: Plan, backbone: str) -> dict:
    state = _fresh_state(plan.width, backbone)
    return {"params": state.params, "batch_stats": state.batch_stats}


def _steps(plan: Plan, backbone: str, size: int, mesh: Mesh) -> Callable:
    model, key = _model(plan, backbone, size), jax.random.key(0)
    return steps.make_train_steps(
        model, _optimizer(), mesh, **LOSS, augmented=True, noise=0.0, key=key
    )


def _step_flops(plan: Plan, backbone: str, size: int, state, chips) -> float:
    """FLOPs of one step, counted for a CPU: for GPUs XLA counts no program that is not compiled.

    In a compiled one it leaves out what libraries compute, convolutions among it.
    """
    cpu = jax.local_devices(backend="cpu")[:1]
    mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,), devices=cpu)
    block = np.zeros((1, plan.batch_size), np.int32)
    shapes = jax.tree.map(
        lambda values: jax.ShapeDtypeStruct(values.shape, values.dtype), (state, chips, block)
    )
    steps = jax.jit(_steps(plan, backbone, size, mesh))
    return float(steps.lower(*shapes).cost_analysis()["flops"])


def _durations(call: Callable, at_least_s: float, least: int = 3) -> list[float]:
    """Seconds of each call."""
    seconds = []
    while len(seconds) < least or sum(seconds) < at_least_s:
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def _peak_device_bytes() -> int | None:
    """Since the start; None on a CPU."""
    statistics_of = jax.local_devices()[0].memory_stats()
    return statistics_of["peak_bytes_in_use"] if statistics_of else None


def _write(out: Path, result: dict) -> None:
    """Aside, then renamed: what was there stays whole if this is killed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(out.name + ".part")
    aside.write_text(json.dumps(result, indent=2) + "\n")
    os.replace(aside, out)


if __name__ == "__main__":
    main()
