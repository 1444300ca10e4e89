"""The main job: all stages of a run, in order; what is done already is skipped.

run(config, "runs/demo", make_builder)                   # from raw sequences to the report
run(config, "runs/demo", make_builder, last="train")     # up to the training
"""

from collections.abc import Callable

from dimjax import keys, report
from dimjax.errors import InputError
from dimjax.runs import Paths, write_config
from dimjax.stages import build, evaluate, simulate, train

STAGES = ("simulate", "build", "train", "evaluate", "report")


def run(config, workdir: str, make_builder: Callable, last: str = "rounds") -> None:
    """Run the stages of a run.

    Args:
      config: All keys, see configs/default.py.
      workdir: The run's directory; a killed run goes on in it.
      make_builder: See dimjax.stages.build.
      last: The stage to stop after, one of STAGES; "rounds" runs all.

    Raises:
      InputError: The stage is unknown, or a stage finds bad input.
    """
    if last not in (*STAGES, "rounds"):
        raise InputError(
            "verb",
            f"it must be one of rounds, {', '.join(STAGES)}, check, detect",
            last,
            "Correct it.",
        )
    keys.check(config)
    paths = Paths(workdir)
    if config.data.folder:
        simulate.data_folder(config, paths)  # a wrong one must not become this directory's own
    write_config(config, workdir)
    stages = {
        "simulate": lambda: simulate.run(config, paths),
        "build": lambda: build.run(config, paths, make_builder),
        "train": lambda: train.run(config, paths),
        "evaluate": lambda: evaluate.run(config, paths),
        "report": lambda: report.run(config, paths),
    }
    for name, stage in stages.items():
        stage()
        if name == last:
            return
