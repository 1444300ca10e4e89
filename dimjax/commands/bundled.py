"""The folders configs and datasets: those of the repository, or the copies in an installed dimjax.

bundled.find("configs/demo.py")          # its path, for a file that is not where the user is
make_builder(data_dir, chip_px=64)       # TFDS builder of datasets/dim_targets
"""

import sys
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# setup.py copies both folders into the package when it builds a wheel.
ROOT = next(
    root
    for root in (_PACKAGE.parent, _PACKAGE / "bundled")
    if (root / "configs/default.py").exists()
)


def find(path: str) -> Path:
    """Return a file that a user names, or else the bundled one of this name."""
    return Path(path) if Path(path).exists() or not (ROOT / path).exists() else ROOT / path


def add_to_imports(folder: str = "") -> None:
    """Let modules of a bundled folder be imported, after all others of their name."""
    if str(ROOT / folder) not in sys.path:
        sys.path.append(str(ROOT / folder))


def make_builder(data_dir: Path, **config):
    """Make the TFDS builder of datasets/dim_targets."""
    add_to_imports("datasets")
    import tensorflow_datasets as tfds  # takes seconds
    from dim_targets import dim_targets_dataset_builder as dim_targets

    tfds.display_progress_bar(sys.stderr.isatty())
    return dim_targets.Builder(config=dim_targets.DimTargetsConfig(**config), data_dir=data_dir)
