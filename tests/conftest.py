import contextlib
import functools
import gc
import importlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

# Four simulated devices let the tests of data parallel training run on any machine. Programs of a
# toy run take as long to compile as to run: level 1 halves its time against level 0, and saves a
# tenth of that of all optimizations.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=1 "
    "--xla_llvm_disable_expensive_passes=true",
)

# Threads of OpenBLAS would wait for each other beside another worker.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Programs are compiled once for all tests and the processes that they start.
_PREFIX = f"dimjax-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID', 'one')[:8]}-"
_compiled = Path(tempfile.mkdtemp(prefix=_PREFIX))
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(_compiled)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
os.environ["JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES"] = "none"  # else its keys contain its folder


def pytest_runtest_logstart(nodeid):
    """Take over the programs that the other worker has compiled, before each file of tests.

    The workers cannot write to one folder, since JAX reads files that are not yet whole.
    """
    global _file
    if nodeid.partition("::")[0] == _file:
        return
    _file = nodeid.partition("::")[0]
    for program in _compiled.parent.glob(f"{_PREFIX}*/*-cache"):
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            if time.time() - program.stat().st_mtime > _WRITTEN_S:
                os.link(program, _compiled / program.name)


_file = ""  # whose tests are running
_WRITTEN_S = 5.0  # a file that is older is whole

# Traced programs are many objects that stay: by default, collections take a tenth of the time.
gc.set_threshold(200_000, 20, 20)

# The first example of a property compiles, and machines that run tests are often busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_unconfigure():
    """Remove the compiled programs; processes that a test forks do not come here."""
    shutil.rmtree(_compiled, ignore_errors=True)


ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for main.py and configs
sys.path.append(str(ROOT / "experiments"))


# The longest files, in seconds on a core of their own: they run first, so that both workers are
# busy to the end. Measured beside other work, so roughly.
SECONDS = {
    "test_rounds": 200,
    "test_label_readings": 150,
    "test_export": 120,
    "test_train": 90,
    "test_tutorial": 80,
    "test_motion": 80,
    "test_streaming": 75,
    "test_review_connections": 60,
    "test_start_without_labels": 60,
    "test_ops": 58,
    "test_command_line": 55,
    "test_steps": 52,
    "test_review_page": 50,
    "test_recognise_command": 46,
    "test_review_browser": 45,
    "test_models": 40,
    "test_detect": 40,
    "test_examples": 35,
    "test_program": 35,
    "test_packaging": 33,
    "test_sky": 31,
    "test_grid": 29,
    "test_camera_rotation": 20,
    "test_shared_programs": 20,
    "test_processes": 18,
}


def pytest_collection_modifyitems(items):
    """Order the files by the time that they take; see --no-loadscope-reorder in the Makefile."""
    items.sort(key=lambda item: -SECONDS.get(item.path.stem, 0))


def tiny_config():
    """configs/default.py, shrunk until all stages take seconds."""
    config = importlib.import_module("configs.default").get_config()
    config.sky.sequences = {"train": 1, "val": 1, "test": 1, "new": 0}
    config.sky.settings.update({"frames": 8, "height": 64, "width": 96})
    config.sky.settings.update({"targets_per_frame": 3.0, "interference_per_frame": 1.0})
    config.sky.settings.snr = (8.0, 15.0)
    config.sky.errors.update({kind: 0.0 for kind in config.sky.errors})
    config.chips.chip_px = 32
    config.model.width = 0.25
    config.training.epochs, config.training.batch_size = 4, 16
    config.training.learning_rate = 1e-2
    return config


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """The directory of a run that went through all its stages, nearly untrained.

    Its sequences are 64x96 pixels and 8 frames long, one a split; copy it before changing it.
    """
    from dimjax.commands.bundled import make_builder
    from dimjax.stages import rounds

    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all workers
    workdir = base / "tiny_run"
    with FileLock(base / "tiny_run.lock"):
        rounds.run(tiny_config(), str(workdir), make_builder)  # nothing, if it is there
    return workdir


@functools.cache  # a folder keeps its labels and shapes
def real_folder(name):
    """Open a real data set, named as its preset; skip the test if it is not there."""
    from dimjax.data.folders import open_folder
    from dimjax.data.presets import PRESETS

    root = Path(os.environ.get("DIMJAX_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (root / name).is_dir():
        pytest.skip(f"no real data at {root / name}: set DIMJAX_DATA to their folder")
    return open_folder(root / name, PRESETS[name])
