"""Which folder may import which: written down here, once."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dimjax"

# Folders and loose modules of dimjax/, from the lowest to the highest; each names all others that
# it may import. Imports inside functions count too.
BASE = {"errors", "settings_rules", "progress", "atomic_files", "coordinates"}
ALLOWED = {
    "errors": set(),
    "progress": {"errors"},
    "coordinates": set(),
    "settings_rules": {"errors"},
    "atomic_files": {"errors"},
    # Frames and labels: NumPy and tables, no JAX (but for the simulator).
    "data": BASE,
    "chips": BASE | {"data"},
    "label_noise": BASE | {"data"},
    "sky": BASE | {"data", "label_noise"},
    # The motion evidence: frames in, maps and detections by JAX.
    "motion": BASE | {"data"},
    # The model half.
    "models": {"errors"},
    "training": BASE | {"chips", "models"},
    # The decision half: pure functions of tables.
    "tracks": BASE | {"data"},
    "ledger": BASE | {"data"},
    "mining": BASE | {"data", "tracks", "ledger"},
    "suspects": BASE | {"data", "tracks", "ledger"},
    # Both halves meet.
    "detection": BASE | {"data", "chips", "motion", "models", "training", "tracks", "evaluation"},
    "evaluation": BASE | {"data", "chips"},
    "export": BASE | {"data", "motion", "models", "training", "detection"},
    "drawing": BASE | {"data"},
    "review": BASE | {"data", "evaluation", "ledger", "suspects", "drawing"},
    # Files and orchestration.
    "runs": BASE
    | {"data", "chips", "label_noise", "sky", "motion", "models", "training", "tracks", "ledger"}
    | {"suspects", "detection", "evaluation", "export"},
    "report": BASE
    | {"data", "chips", "motion", "training", "evaluation", "ledger", "drawing", "runs"},
    "commands": BASE
    | {
        "data",
        "chips",
        "sky",
        "motion",
        "training",
        "tracks",
        "ledger",
        "detection",
        "drawing",
        "review",
    }
    | {"export", "runs", "stages", "report"},
    "stages": BASE
    | {"data", "chips", "label_noise", "sky", "training", "tracks", "ledger", "mining", "suspects"}
    | {"motion", "detection", "evaluation", "review", "report", "runs"},
}
WITHOUT_JAX = ("data", "chips", "label_noise", "tracks", "ledger", "mining", "suspects", "review")
HEAVY = {"jax", "flax", "optax", "orbax"}
# Code that uses the package from outside.
OUTSIDE = {
    name: sorted((ROOT / name).rglob("*.py")) for name in ("tests", "experiments", "benchmarks")
}
NAMED_TUPLE = {"_replace", "_asdict", "_fields", "_make"}  # public, in spite of their names
ALLOWED_NAMES = NAMED_TUPLE | {"_run_exitfuncs"}  # of atexit, which has no public one


def _imports(path: Path) -> set[str]:
    """Full names of all modules and objects that a file imports, anywhere in it."""
    nodes = ast.walk(ast.parse(path.read_text()))
    imports = (node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
    return {name for node in imports for name in _imported(node)}


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module else ""
    return [module + alias.name for alias in node.names]


def _rooms() -> dict[str, list[Path]]:
    """Each folder or loose module of dimjax/ -> its files."""
    files = {path.stem: [path] for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    folders = {path.parent for path in PACKAGE.glob("*/__init__.py")}
    return files | {folder.name: sorted(folder.rglob("*.py")) for folder in folders}


def test_every_room_stands_in_exactly_one_rule():
    assert set(_rooms()) == set(ALLOWED)


def test_there_are_few_rooms():
    folders = list(PACKAGE.glob("**/*/__init__.py"))
    assert len(folders) + len(list(PACKAGE.glob("*.py"))) - 1 <= 30


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_those_below_it(room):
    for file in _rooms()[room]:
        for name in _imports(file):
            top, _, rest = name.partition(".")
            other = rest.split(".")[0]
            if top == "dimjax" and other in ALLOWED:  # otherwise a name of dimjax/__init__.py
                assert other == room or other in ALLOWED[room], f"{file}: {name}"


def test_there_is_no_circle():
    below = {room: others - {room} for room, others in ALLOWED.items()}
    while below:
        lowest = [room for room, others in below.items() if not others & below.keys()]
        assert lowest, f"a circle among {', '.join(below)}"
        for room in lowest:
            del below[room]


def test_stages_do_not_import_each_other():
    for file in (PACKAGE / "stages").glob("*.py"):
        if file.stem != "rounds":
            assert not any(name.startswith("dimjax.stages") for name in _imports(file)), file


@pytest.mark.parametrize("room", WITHOUT_JAX)
def test_frames_labels_and_decisions_need_no_jax(room):
    for file in _rooms()[room]:
        packages = {name.partition(".")[0] for name in _imports(file)}
        assert not packages & HEAVY, file
        assert room == "chips" or "tensorflow_datasets" not in packages, file


def test_models_know_no_tables():
    for file in _rooms()["models"]:
        assert not {name.partition(".")[0] for name in _imports(file)} & {"pandas", "pyarrow"}, file


def test_only_the_flags_and_the_directory_of_a_run_read_configuration_files():
    readers = ("workdir.py", "saved_config.py", "flag_values.py", "config_file.py")
    for file in PACKAGE.rglob("*.py"):
        knows = any(name.startswith("ml_collections") for name in _imports(file))
        assert not knows or file.name in readers, file


def test_nothing_imports_the_folder_datasets():
    for file in [*ROOT.glob("*.py"), *PACKAGE.rglob("*.py")]:
        assert not any(name.split(".")[0] == "datasets" for name in _imports(file)), file
    assert not (ROOT / "datasets" / "__init__.py").exists()


def test_experiments_and_benchmarks_use_the_main_job_and_not_the_inside_of_stages():
    public = ("dimjax.stages.rounds", "dimjax.commands.bundled.make_builder")
    for file in OUTSIDE["experiments"] + OUTSIDE["benchmarks"]:
        for name in _imports(file):
            inside = name.startswith(("dimjax.stages", "dimjax.commands", "dimjax.report"))
            assert not inside or name.startswith(public), f"{file}: {name}"


def test_scripts_that_tests_import_define_their_flags_only_when_run():
    """Two scripts with a flag of the same name could not be tested in one process."""
    imported = {name for file in OUTSIDE["tests"] for name in _imports(file)}
    imported |= {"gpu", "live", "quantized", "table2"}  # by tests/test_benchmarks.py
    for file in OUTSIDE["experiments"] + OUTSIDE["benchmarks"]:
        if file.stem in imported:
            assert not re.search(r"^\w* ?=? ?flags\.DEFINE", file.read_text(), re.M), file


@pytest.mark.parametrize("folder", OUTSIDE)
def test_only_public_names_are_used_outside_of_the_package(folder):
    for file in OUTSIDE[folder]:
        private = _private_names(file)
        assert not private, f"{file}: {private}"


def _private_names(path: Path) -> list[str]:
    """Names that begin with _ and belong to another module; also as texts, for monkeypatch."""
    nodes, names = list(ast.walk(ast.parse(path.read_text()))), []
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [part for name in _imported(node) for part in name.split(".")]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            names.append(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("attr"):
            texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
            names += [part for text in texts for part in str(text).split(".")]
    return [name for name in names if re.match("_[^_]", name) and name not in ALLOWED_NAMES]


def test_files_and_functions_are_short():
    folders = (
        PACKAGE,
        *(ROOT / name for name in ("configs", "datasets", "experiments", "benchmarks")),
    )
    bodies = []
    for file in [path for folder in folders for path in folder.rglob("*.py")]:
        text = file.read_text()
        assert text.count("\n") <= 300, file
        functions = [it for it in ast.walk(ast.parse(text)) if isinstance(it, ast.FunctionDef)]
        for function in functions:
            first = function.body[ast.get_docstring(function) is not None :][:1]
            bodies += [function.end_lineno - one.lineno + 1 for one in first]
    assert max(bodies) <= 45 and sorted(bodies)[len(bodies) * 9 // 10] <= 16


def test_reading_data_does_not_load_jax():
    modules = "dimjax.data.folders, dimjax.chips.planning, dimjax.label_noise.planting"
    code = f"import sys, {modules}, dimjax.mining, dimjax.suspects; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_readme_names_every_room():
    layout = (ROOT / "README.md").read_text().partition("## Layout of the code")[2]
    missing = [room for room in ALLOWED if room not in layout]
    assert not missing
