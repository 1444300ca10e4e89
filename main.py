"""dimjax: from raw infrared sequences to a light detector of dim, small targets.

    python main.py --config=configs/demo.py --workdir=runs/demo        all stages
    python main.py train --workdir=runs/demo                            one stage of a run

A word after main.py chooses a stage: simulate, build, train, evaluate or report. Where --workdir
holds a run already, --config may be left out.
"""

import sys
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags

from dimjax import rounds, runs
from dimjax.errors import InputError

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration, e.g. configs/demo.py.")
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory.", required=True)


def make_builder(data_dir: Path, **config):
    """The TFDS builder of datasets/dim_targets."""
    sys.path.insert(0, str(Path(__file__).parent / "datasets"))
    from dim_targets import dim_targets_dataset_builder as dim_targets  # takes seconds

    return dim_targets.Builder(config=dim_targets.DimTargetsConfig(**config), data_dir=data_dir)


def main(argv: list[str]) -> None:
    """Run the verb; bad input ends with one line that says what to do."""
    logging.set_verbosity(logging.WARNING)  # JAX tells of each backend that it does not find
    verb = argv[1] if len(argv) > 1 else "rounds"
    config = _CONFIG.value or runs.read_config(_WORKDIR.value)
    rounds.run(config, _WORKDIR.value, make_builder, verb)


if __name__ == "__main__":
    try:
        app.run(main)
    except InputError as error:
        sys.exit(f"error: {error}")
