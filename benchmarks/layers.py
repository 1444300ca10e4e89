"""The time of a training step on a CPU, divided into kinds of work, for each backbone.

    taskset -c 0 python benchmarks/layers.py --out=benchmarks/results/layers.json

A profiler records the duration of each operation in some bare steps (those of training.py). The
programs that XLA dumps name the part of the network that each operation belongs to; a fused
operation counts as the part that XLA names it after. Bind the process to one core, so that no two
operations run at once.
"""

import argparse
import collections
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe, write_record

from dimjax.training.process_settings import restart_with_settings

BATCH, STEPS = 32, 3
OP_NAME = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = .*op_name=\"([^\"]+)\"", re.MULTILINE)
KINDS = {  # the first pattern that matches the name of an operation decides
    "convolutions": r"conv_general_dilated|dot_general",
    "depthwise": r"[Dd]epthwise",
    "batch norm": r"BatchNorm",
    "activations": r"relu|silu|swish|sigmoid|leaky",
    "pools, pads, joins": r"/(pad|max|select_n|concatenate|reduce_window|slice|add_any)\b",
}
COLUMNS = [f"{kind}, {direction}" for kind in KINDS for direction in ("forward", "backward")]
COLUMNS += ["other, forward", "other, backward", "outside the network"]


def main() -> None:
    """Measure each backbone in its own process, print a table and write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--size", type=int, default=80, help="of chips, px")
    arguments.add_argument("--width", type=float, default=1.0)
    arguments.add_argument("--backbones", nargs="+", help="default: all six")
    arguments.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inner:
        given.out.write_text(json.dumps(shares(given.backbones[0], given.size, given.width)))
        return
    from dimjax.models import BACKBONES

    by_backbone = {}
    for backbone in given.backbones or BACKBONES:
        by_backbone[backbone] = _in_fresh_process(backbone, given)
        print(backbone, {name: round(share, 2) for name, share in by_backbone[backbone].items()})
    record = {**describe("dimjax", "jax", "jaxlib"), "size": given.size, "width": given.width}
    write_record(given.out, {**record, "shares": by_backbone})
    print(_table(by_backbone))


def shares(backbone: str, size: int, width: float) -> dict[str, float]:
    """Measure the share of the operations' time by COLUMNS; XLA_FLAGS must request dumps."""
    import jax
    from training import bare_step

    step = bare_step(backbone, size, width, BATCH)
    step()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(STEPS):
                step()
        (trace,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    op_names, total = _op_names(Path(os.environ["DIMJAX_DUMP"])), collections.Counter()
    for event in events:
        if "hlo_op" in (args := event.get("args", {})):
            op_name = op_names.get((args["hlo_module"], args["hlo_op"]), "")
            total[_column(op_name)] += event["dur"]
    return {name: total[name] / total.total() for name in COLUMNS}


def _op_names(dump: Path) -> dict[tuple[str, str], str]:
    """Module and operation -> the name stack of the JAX operation that XLA compiled it from."""
    names = {}
    for file in dump.glob("*after_optimizations.txt"):
        module = re.search(r"module_\d+\.(.+?)\.cpu_after", file.name).group(1)
        names |= {(module, op): name for op, name in OP_NAME.findall(file.read_text())}
    return names


def _column(op_name: str) -> str:
    if "jvp(" not in op_name:
        return "outside the network"
    direction = "backward" if "transpose(jvp(" in op_name else "forward"
    kind = next((kind for kind, pattern in KINDS.items() if re.search(pattern, op_name)), "other")
    return f"{kind}, {direction}"


def _in_fresh_process(backbone: str, given: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        out, dump = Path(folder) / "shares.json", Path(folder) / "dump"
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={dump} --xla_dump_hlo_as_text"
        options = [f"--out={out}", f"--size={given.size}", f"--width={given.width}", "--inner"]
        command = [sys.executable, __file__, *options, "--backbones", backbone]
        environment = os.environ | {"XLA_FLAGS": flags, "DIMJAX_DUMP": str(dump)}
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        return json.loads(out.read_text())


def _table(by_backbone: dict[str, dict[str, float]]) -> str:
    lines = [["%", *by_backbone], ["---", *["---:"] * len(by_backbone)]]
    for column in COLUMNS:
        values = [f"{100 * shares[column]:.0f}" for shares in by_backbone.values()]
        if set(values) != {"0"}:
            lines.append([column, *values])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    restart_with_settings()
    main()
