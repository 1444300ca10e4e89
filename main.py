"""dimjax: from raw infrared sequences to a light detector of dim, small targets.

    python main.py --config=configs/demo.py --workdir=runs/demo        all stages
    python main.py train --workdir=runs/demo                            up to a stage of a run
    python main.py check --config=configs/drone_ir.py --workdir=runs/drone
    python main.py detect --workdir=runs/demo --input=flight3.mp4 --video

A word after main.py chooses what is done: up to a stage, simulate, build, train, evaluate or
report; or one of

    check       look a data folder over: all that is wrong in it, and some labels as a picture
    detect      sequences in; detections, overlay pictures and videos out

Where --workdir holds a run already, --config may be left out.
"""

import sys
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags

from dimjax import rounds, runs
from dimjax.errors import InputError
from dimjax.stages import check, detect

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration, e.g. configs/demo.py.")
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory.", required=True)
_INPUT = flags.DEFINE_string("input", None, "detect: a sequence, or a data folder.")
_OUTPUT = flags.DEFINE_string("output", None, "detect: folder to write to; WORKDIR/detect/NAME.")
_PICTURES = flags.DEFINE_integer("pictures", 6, "detect: number of overlay pictures.")
_VIDEO = flags.DEFINE_bool("video", False, "detect: write an overlay video of each sequence.")


def make_builder(data_dir: Path, **config):
    """The TFDS builder of datasets/dim_targets."""
    sys.path.insert(0, str(Path(__file__).parent / "datasets"))
    import tensorflow_datasets as tfds  # takes seconds
    from dim_targets import dim_targets_dataset_builder as dim_targets

    tfds.display_progress_bar(sys.stderr.isatty())
    return dim_targets.Builder(config=dim_targets.DimTargetsConfig(**config), data_dir=data_dir)


def main(argv: list[str]) -> None:
    """Run the verb; bad input ends with one line that says what to do."""
    logging.set_verbosity(logging.ERROR)  # JAX and TFDS warn of what is meant to be so here
    verb, workdir = argv[1] if len(argv) > 1 else "rounds", _WORKDIR.value
    if verb == "detect":
        detect.run(workdir, _INPUT.value, _OUTPUT.value, _PICTURES.value, _VIDEO.value)
        return
    config = _CONFIG.value or runs.read_config(workdir)
    if verb == "check":
        sys.exit(1 if check.run(config, runs.Paths(workdir)) else 0)
    rounds.run(config, workdir, make_builder, verb)


if __name__ == "__main__":
    try:
        app.run(main)
    except InputError as error:
        sys.exit(f"error: {error}")
