"""Modules that commands import, imported once in the server that forks them.

None of them initialises a backend of JAX or starts a thread: a fork would lose both. The plugins of
jax2onnx initialise a backend; `export` imports them itself.
"""

import gc
import importlib
import sys

_MODULES = [
    *("flax.linen", "optax", "orbax.checkpoint", "pandas", "pyarrow.dataset", "pyarrow.parquet"),
    *("tensorboardX", "tensorflow_datasets", "array_record", "tree", "ml_collections.config_flags"),
    *("matplotlib.figure", "matplotlib.backends.backend_svg", "matplotlib.animation"),
    *("PIL.PngImagePlugin", "PIL.WebPImagePlugin", "PIL.GifImagePlugin", "PIL.ImageDraw"),
    *("onnx", "onnxruntime", "onnx_ir", "sympy", "equinox", "jax.export", "treescope", "dm_pix"),
    *("dimjax.stages.rounds", "configs.default"),
    *(f"dimjax.commands.{name}" for name in ("bundled", "check", "detect", "export", "failures")),
    *(f"dimjax.commands.{name}" for name in ("program", "review", "score", "start", "verbs")),
    *(f"tests.faults.{name}" for name in ("damage", "disk", "environments", "kills", "mutants")),
    *(f"tests.faults.{name}" for name in ("pairs", "reported", "server")),  # of the campaign
]

sys.argv[:] = ["main.py"]  # the name of the program in messages, for modules that note it now
for _name in _MODULES:
    importlib.import_module(_name)
gc.collect()
gc.freeze()  # collections in the forked processes do not touch, and thereby copy, these objects
