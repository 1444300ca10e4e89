"""Which module may import which: written down here, once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = {"errors", "tables", "labels", "layouts", "decoding", "images", "video", "sequences",
        "folders", "splits", "twins", "coordinates", "chips", "shards", "progress",
        "writing"}  # fmt: skip
MODEL = {
    "models",
    "losses",
    "meshes",
    "answers",
    "inputs",
    "detections",
    "metrics",
    "thresholds",
    "streaming",
    "training",
    "checkpoints",
}
DECISION = {"tracks", "mining", "suspects"}


def _imports(path: Path) -> set[str]:
    """Names of all modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _files(module: str) -> list[Path]:
    path = ROOT / "dimjax" / module
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


@pytest.mark.parametrize("module", sorted(DATA))
def test_the_data_half_imports_no_model(module):
    for file in _files(module):
        for name in _imports(file):
            top, _, rest = name.partition(".")
            assert top not in {"jax", "flax", "optax", "orbax", "tensorflow_datasets"}, file
            assert top != "dimjax" or not rest or rest.split(".")[0] in DATA, f"{file}: {name}"


@pytest.mark.parametrize("module", sorted(MODEL))
def test_the_model_half_knows_no_tables(module):
    allowed = MODEL | {"coordinates", "errors", "examples"}
    for file in _files(module):
        for name in _imports(file):
            top, _, rest = name.partition(".")
            assert top not in {"pandas", "pyarrow", "tensorflow_datasets"}, file
            assert top != "dimjax" or not rest or rest.split(".")[0] in allowed, f"{file}: {name}"


@pytest.mark.parametrize("module", sorted(DECISION))
def test_the_decision_half_is_pure(module):
    for file in _files(module):
        for name in _imports(file):
            top, _, rest = name.partition(".")
            assert top not in {"jax", "flax", "optax", "orbax", "tensorflow_datasets"}, file
            allowed = rest.split(".")[0] in DATA | DECISION or rest.startswith("ledger.values")
            assert top != "dimjax" or not rest or allowed, f"{file}: {name}"


def test_only_the_config_and_the_stages_know_configurations():
    for file in (ROOT / "dimjax").rglob("*.py"):
        knows = any(name.startswith("ml_collections") for name in _imports(file))
        assert not knows or file.name == "workdir.py", file


def test_nothing_imports_the_folder_datasets():
    for file in [*ROOT.glob("*.py"), *(ROOT / "dimjax").rglob("*.py")]:
        assert not any(name.split(".")[0] == "datasets" for name in _imports(file)), file
    assert not (ROOT / "datasets" / "__init__.py").exists()


def test_reading_data_does_not_load_jax():
    modules = "dimjax.data.folders, dimjax.chips.planning, dimjax.data.splits, dimjax.mining"
    code = f"import sys, {modules}; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
