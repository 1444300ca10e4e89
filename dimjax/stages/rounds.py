"""The main job: the stages of all rounds, in order; what is done already is skipped.

Each round builds chips from the labels as they are then, trains and evaluates. All but the last
then look for what is wrong and what is missing, and have it reviewed: the next round's labels.

    run(config, "runs/demo", make_builder)                 # from raw sequences to the report
    run(config, "runs/demo", make_builder, last="train")   # up to the next training
"""

import contextlib
from collections.abc import Callable

from dimjax import report
from dimjax.atomic_files import sole_holder
from dimjax.errors import InputError
from dimjax.runs import config_rules
from dimjax.runs.workdir import Paths, write_config
from dimjax.stages import build, decide, evaluate, mine, predict, refine, simulate, train
from dimjax.training import processes

STAGES = ("simulate", "build", "train", "evaluate", "predict", "refine", "mine", "report")


def run(config, workdir: str, make_builder: Callable, last: str = "rounds") -> None:
    """Run the stages of a run; of several processes, all but the first only train.

    Args:
      config: All keys, see configs/default.py.
      workdir: The run's directory; a killed run goes on in it.
      make_builder: See dimjax.stages.build.
      last: The stage to stop after, one of STAGES, in the first round that lacks it; "rounds" runs
        all.

    Raises:
      InputError: The stage is unknown, another process goes on with the run, or a stage finds bad
        input.
    """
    if last not in (*STAGES, "rounds"):
        rule = f"it must be rounds or one of {', '.join(STAGES)}"
        raise InputError("last", rule, repr(last), "Correct it.")
    processes.join(config.distributed)
    config_rules.check(config)
    with processes.together():
        if processes.is_first():
            _all_rounds(config, workdir, make_builder, last)
        else:
            for number in processes.orders():
                write_config(config, workdir)  # process 0 has: an error where its keys are others
                train.follow(config, Paths(workdir, number))


def _all_rounds(config, workdir: str, make_builder: Callable, last: str) -> None:
    paths = Paths(workdir)
    if config.data.folder:
        simulate.data_folder(config, paths)  # a wrong one must not become this directory's own
    with sole_run(paths):
        write_config(config, workdir)
        simulate.run(config, paths)
        for number in range(config.rounds.count):
            if last == "simulate" or not _round(config, paths.of_round(number), make_builder, last):
                return
        report.run(config, paths.of_round(config.rounds.count - 1))


def sole_run(paths: Paths) -> contextlib.AbstractContextManager[None]:
    """Hold the right to write the stages of a run; other verbs read it, or write beside them.

    Raises:
      InputError: Another process holds it.
    """
    rule = "one process at a time goes on with a run"
    return sole_holder(paths.lock, rule, "Wait for its end or end it, or choose another --workdir.")


def _round(config, paths: Paths, make_builder: Callable, last: str) -> bool:
    """Run the stages of a round; whether to go on."""
    stages = {
        "build": (lambda: build.run(config, paths, make_builder), lambda: paths.built),
        "train": (lambda: train.run(config, paths), paths.losses.exists),
        "evaluate": (lambda: evaluate.run(config, paths), paths.evaluation.exists),
    }
    if paths.number < config.rounds.count - 1:
        stages |= {
            "predict": (lambda: predict.run(config, paths), paths.predictions.exists),
            "refine": (lambda: refine.run(config, paths), paths.suspects.exists),
            "mine": (lambda: mine.run(config, paths), paths.mined.exists),
        }
    for name, (stage, is_done) in stages.items():
        done = is_done()
        stage()
        if name == last and not done:
            return False
    return paths.number == config.rounds.count - 1 or decide.run(config, paths)
