"""What every benchmark says of itself: command, machine and versions, ready for JSON.

record = {**about("jax", "onnxruntime"), "summary": ...}
"""

import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path


def about(*packages: str) -> dict[str, object]:
    """The command, the machine, and the versions of Python and of packages that are installed."""
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
            **{name: metadata.version(name) for name in packages if _installed(name)},
        },
    }


def with_huge_pages() -> None:
    """Start again with huge pages that are kept, as main.py does."""
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        kept = f"glibc.malloc.mmap_threshold={2**34}:glibc.malloc.trim_threshold={2**34}"
        os.environ["GLIBC_TUNABLES"] = f"glibc.malloc.hugetlb=1:{kept}"
        os.execv(sys.executable, [sys.executable, *sys.argv])


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
