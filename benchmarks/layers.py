"""Where the time of a training step goes on a CPU: shares of the kinds of work, for each backbone.

    taskset -c 0 python benchmarks/layers.py --out=benchmarks/results/layers.json

A profiler takes down how long each operation of some bare steps runs (those of training.py); what
XLA wrote of its programs says where in the network each comes from. What XLA made one operation of
several is counted as it names it. Bind the process to one core, so that no two run at once.
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

from machine import about, with_huge_pages

BATCH, STEPS = 32, 3
PLACE = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = .*op_name=\"([^\"]+)\"", re.MULTILINE)
KINDS = {  # the first whose words are found in the name of an operation
    "convolutions": r"conv_general_dilated|dot_general",
    "depthwise": r"[Dd]epthwise",
    "batch norm": r"BatchNorm",
    "activations": r"relu|silu|swish|sigmoid|leaky",
    "pools, pads, joins": r"/(pad|max|select_n|concatenate|reduce_window|slice|add_any)\b",
}
COLUMNS = [f"{kind}, {way}" for kind in KINDS for way in ("forward", "backward")]
COLUMNS += ["other, forward", "other, backward", "outside the network"]


def main() -> None:
    """Measure each backbone in a process of its own, print a table, write the JSON file."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments.add_argument("--size", type=int, default=80, help="of chips, px")
    arguments.add_argument("--width", type=float, default=1.0)
    arguments.add_argument("--backbones", nargs="+", help="all six, if not given")
    arguments.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inner:
        given.out.write_text(json.dumps(shares(given.backbones[0], given.size, given.width)))
        return
    from dimjax.models import BACKBONES

    found = {}
    for backbone in given.backbones or BACKBONES:
        found[backbone] = _in_fresh_process(backbone, given)
        print(backbone, {name: round(share, 2) for name, share in found[backbone].items()})
    record = {**about("dimjax", "jax", "jaxlib"), "size": given.size, "width": given.width}
    given.out.write_text(json.dumps({**record, "shares": found}, indent=2) + "\n")
    print(_table(found))


def shares(backbone: str, size: int, width: float) -> dict[str, float]:
    """Share of the operations' time by COLUMNS; XLA must be told by its flags to dump programs."""
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
    places, total = _places(Path(os.environ["DIMJAX_DUMP"])), collections.Counter()
    for event in events:
        if "hlo_op" in (of := event.get("args", {})):
            total[_column(places.get((of["hlo_module"], of["hlo_op"]), ""))] += event["dur"]
    return {name: total[name] / total.total() for name in COLUMNS}


def _places(dump: Path) -> dict[tuple[str, str], str]:
    """Module and operation -> the place in the program that XLA says it is from."""
    found = {}
    for file in dump.glob("*after_optimizations.txt"):
        module = re.search(r"module_\d+\.(.+?)\.cpu_after", file.name).group(1)
        found |= {(module, name): place for name, place in PLACE.findall(file.read_text())}
    return found


def _column(place: str) -> str:
    if "jvp(" not in place:
        return "outside the network"
    way = "backward" if "transpose(jvp(" in place else "forward"
    kind = next((kind for kind, words in KINDS.items() if re.search(words, place)), "other")
    return f"{kind}, {way}"


def _in_fresh_process(backbone: str, given: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        out, dump = Path(folder) / "shares.json", Path(folder) / "dump"
        flags = f"--xla_dump_to={dump} --xla_dump_hlo_as_text"
        options = [f"--out={out}", f"--size={given.size}", f"--width={given.width}", "--inner"]
        command = [sys.executable, __file__, *options, "--backbones", backbone]
        environment = os.environ | {"XLA_FLAGS": flags, "DIMJAX_DUMP": str(dump)}
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        return json.loads(out.read_text())


def _table(found: dict[str, dict[str, float]]) -> str:
    lines = [["%", *found], ["---", *["---:"] * len(found)]]
    for column in COLUMNS:
        own = [f"{100 * each[column]:.0f}" for each in found.values()]
        if set(own) != {"0"}:
            lines.append([column, *own])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    with_huge_pages()
    main()
