"""The main job: the stages of all rounds, in order; finished stages are skipped.

Each round builds chips from its label snapshot, trains and evaluates. All rounds but the last then
look for wrong and missing labels and have them reviewed; the next round trains on the result. If
there are no labels at the start, round 0 proposes some, and round 1 is the first that trains.

    run(config, "runs/demo", make_builder)                 # from raw sequences to the report
    run(config, "runs/demo", make_builder, last="train")   # up to the next training
"""

import contextlib
from collections.abc import Callable

from dimjax import report
from dimjax.atomic_files import exclusive_lock
from dimjax.errors import InputError, doing, program
from dimjax.progress import say
from dimjax.runs import config_rules, digests, intake, start_weights
from dimjax.runs.context import RoundContext, open_data_folder
from dimjax.runs.integrity import require_own_ledger, require_rounds
from dimjax.runs.workdir import (
    Paths,
    adds_rounds,
    check_workdir,
    read_config,
    write_config,
)
from dimjax.stages import (
    STAGES,
    build,
    decide,
    evaluate,
    mine,
    predict,
    propose,
    refine,
    simulate,
    train,
)
from dimjax.training import processes

# Stages of the rounds that end with a review.
_REVIEW_STAGES = ("predict", "refine", "mine")


def run(config, workdir: str, make_builder: Callable, last: str = "rounds") -> bool:
    """Run the stages of a run; in a group of processes, all but the first only train.

    Args:
      config: All keys, see configs/default.py.
      workdir: The run's directory; a killed run is resumed.
      make_builder: See dimjax.stages.build.
      last: The stage to stop after, one of STAGES, in the first round that lacks it; "rounds" runs
        all.

    Returns:
      Whether the run waits for the decisions of a person.

    Raises:
      InputError: The stage is unknown, another process works on the run, or a stage finds bad
        input.
    """
    if last not in (*STAGES, "rounds"):
        rule = f"it must be rounds or one of {', '.join(STAGES)}"
        raise InputError("last", rule, repr(last), "Correct it.")
    processes.join(config.distributed)
    config_rules.check(config)
    config_rules.check_devices(config)
    with processes.coordinated():
        if processes.is_first():
            return _all_rounds(config, workdir, make_builder, last)
        for number in processes.rounds():
            write_config(config, workdir)  # process 0 wrote it; raises if the keys differ
            train.follow(RoundContext(config, Paths(workdir, number)))
        return False


def run_planned(context: RoundContext, make_builder: Callable) -> None:
    """Build, train and evaluate a round whose labels and plan of chips were written already.

    An experiment runs it in place of the main job, to compare other labels and other chips.

    Args:
      context: The round, with paths.labels, paths.planted and paths.plan.
      make_builder: See dimjax.stages.build.
    """
    if not context.paths.built:
        build.make_chips(context, make_builder)
    train.run(context)
    evaluate.run(context)


def _all_rounds(config, workdir: str, make_builder: Callable, last: str) -> bool:
    paths, splits = Paths(workdir), config.sky.sequences
    # All of them raise before the run's directory is made.
    check_workdir(workdir, config.data.folder)
    require_rounds(paths)
    if config.data.folder:
        splits = open_data_folder(config, paths).splits
    intake.check_count(config.rounds.count, splits)
    if not any(paths.workdir.glob("rounds/*/checkpoints/*")):
        start_weights.check(config)
    with sole_run(paths):
        if adds_rounds(config, workdir):
            _reopen_last_round(config, paths)
        write_config(config, workdir)
        with doing("simulate"):
            _simulate(RoundContext(config, paths))
        for number in range(config.rounds.count):
            # Each round reads the folder anew: new sequences may have joined it.
            context = RoundContext(config, paths.of_round(number))
            if last == "simulate" or not _run_stages(context, make_builder, last):
                return False
            if not context.is_last and not _decide(context):
                return True
        with doing("report"):
            report.run(context)
    if last in _REVIEW_STAGES:
        rule, count = "all rounds but the last have this stage", config.rounds.count
        remedy = f"Add a round: {program()} {last} --workdir={workdir} "
        remedy += f"--config.rounds.count={count + 1}."
        raise InputError(f"`{last}`", rule, f"{count} finished rounds", remedy)
    return False


def _reopen_last_round(config, paths: Paths) -> None:
    """Assign new sequences to the round that was the last one, if it has mined nothing yet."""
    old = RoundContext(read_config(paths.workdir), paths)
    number = old.config.rounds.count - 1
    context = RoundContext(config, paths.of_round(number))
    if not context.paths.built or context.paths.predictions.exists():
        return
    intake.check_evidence_windows(context)
    intake.check(context)
    intake.assign_to_round(context)
    digests.record(context.paths, "build")
    say(f"round {number} is no longer the last: its labels and new sequences are reviewed")


def sole_run(paths: Paths) -> contextlib.AbstractContextManager[None]:
    """Hold the right to write the stages of a run; other verbs read it, or write beside them.

    Raises:
      InputError: Another process holds it.
    """
    rule = "one process at a time works on a run"
    return exclusive_lock(
        paths.lock, rule, "Wait for its end or end it, or choose another --workdir."
    )


def _simulate(context: RoundContext) -> None:
    paths = context.paths
    if paths.sky.exists() or paths.implants.exists():
        digests.verify_or_record(paths, "simulate")
    simulate.run(context)
    if paths.sky.exists() or paths.implants.exists():
        digests.verify_or_record(paths, "simulate")


def _decide(context: RoundContext) -> bool:
    """Have the items of a round decided; return whether all are."""
    paths = context.paths
    if paths.reviewed.exists():
        digests.verify_or_record(paths, "decide")
    decided = decide.run(context)
    if decided:
        digests.verify_or_record(paths, "decide")
    return decided


def _run_stages(context: RoundContext, make_builder: Callable, last: str) -> bool:
    """Run the stages of a round up to its review; return whether to go on."""
    for name, (stage, is_done) in _stages(context, make_builder).items():
        done = is_done()
        with doing(f"round {context.number}, {name}"):
            if done:
                digests.verify_or_record(context.paths, name)
                if name == "build":
                    require_own_ledger(context.paths)
            else:
                _require_undecided(context.paths, name)
            stage()
            if not done and is_done():
                digests.record(context.paths, name)
        if name == last and not done:
            return False
    return True


def _require_undecided(paths: Paths, stage: str) -> None:
    """Check that a stage that adds review items does not run again in a round that is decided."""
    tables = {"refine": paths.suspects, "mine": paths.mined}
    if stage in tables and paths.reviewed.exists():
        rule = "a decided round has the tables of its review"
        remedy = "Restore it, or choose another --workdir."
        raise InputError(tables[stage], rule, "no file", remedy)


def _stages(context: RoundContext, make_builder: Callable) -> dict[str, tuple[Callable, Callable]]:
    """Return the stages of a round before its review: what runs them, and whether they are done."""
    paths = context.paths
    mining = {"mine": (lambda: mine.run(context), paths.mined.exists)}
    if context.proposes:
        return {"propose": (lambda: propose.run(context), paths.predictions.exists), **mining}
    stages = {
        "build": (lambda: build.run(context, make_builder), lambda: paths.built),
        "train": (lambda: train.run(context), lambda: paths.training_log.is_complete),
        "evaluate": (lambda: evaluate.run(context), paths.evaluation.exists),
    }
    if context.is_last:
        return stages
    stages |= {
        "predict": (lambda: predict.run(context), paths.predictions.exists),
        "refine": (lambda: refine.run(context), paths.suspects.exists),
    }
    return stages | mining
