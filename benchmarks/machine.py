"""The record of a benchmark: its command, machine and versions, as a JSON file.

record = {**describe("jax", "onnxruntime"), "summary": ...}
write_record(Path("benchmarks/results/detection.json"), record)
"""

import json
import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path


def describe(*packages: str) -> dict[str, object]:
    """Describe the command, the machine, and the versions of Python and of installed packages."""
    return {
        "command": shlex.join([Path(sys.executable).name, *sys.argv]),
        "machine": {
            "cpu": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "load_1min": os.getloadavg()[0],
            "system": platform.platform(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages if _is_installed(name)},
        },
    }


def write_record(path: Path, record: dict) -> None:
    """Write a record under a temporary name, then rename it: a killed benchmark spoils no file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(partial, path)


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
