"""Judge the labels of another folder by a trained run: `refine` and `mine` with --input.

config = config_for(config, "runs/demo", "more_clips")
run(config, "runs/more_clips", make_builder, "refine")      # its suspects, then `review`

The suspects lie in a run of their own. It begins with the weights of the first and hardly changes
them: an epoch of a vanishing rate computes the losses of all labels.
"""

import os
from collections.abc import Callable

from dimjax.commands import measure, recognise
from dimjax.data.splits import starts_without_labels
from dimjax.errors import InputError, program
from dimjax.progress import counted, say
from dimjax.runs.config_rules import MIN_LEARNING_RATE
from dimjax.runs.context import open_data_folder
from dimjax.runs.workdir import Paths, differing_keys
from dimjax.stages import rounds


def config_for(config, workdir: str, folder: str):
    """Return the configuration of the run that judges the labels of a folder.

    Args:
      config: That of the trained run, or one of the same model; it is changed.
      workdir: The trained run's directory.
      folder: Data folder; its layout is recognised if that of the configuration does not fit.

    Raises:
      InputError: The folder contains no frame, or its layout is not known.
    """
    measure.use_folder(config, folder)
    config.data.val_share, config.data.implant.share = 0.0, 0.0  # all its labels, and only these
    config.training.start = os.path.realpath(workdir)
    config.training.epochs, config.training.warmup_epochs = 1, 0
    config.training.learning_rate = MIN_LEARNING_RATE
    config.rounds.count = 2  # the last one has no review
    if config.rounds.reviewer == "oracle":
        config.rounds.reviewer = "human"  # nobody knows the truth of other data
    recognise.apply(config)
    return config


def run(config, output: str | None, make_builder: Callable, last: str) -> bool:
    """Run the stages up to refine or mine, and print what to do next.

    Args:
      config: See config_for.
      output: Directory of the new run; the one of an interrupted command is continued.
      make_builder: See dimjax.stages.build.
      last: "refine" or "mine".

    Returns:
      Whether that is done already and the run waits for the decisions of a person.

    Raises:
      InputError: There is no output, or another run in it, the folder has no labels or, for
        `mine`, no new sequences, or a stage finds bad input.
    """
    if output is None:
        rule, remedy = "the run with the suspects needs a directory", "Give --output=DIR."
        raise InputError("--output", rule, "nothing", remedy)
    _check_output(config, output)
    splits = open_data_folder(config, Paths(output)).splits
    _check_splits(splits, config.data.folder, last)
    if others := [name for split in ("val", "test") for name in splits.get(split, [])]:
        not_judged = f"{counted(len(others), 'sequence')} of val and test"
        say(f"note: the labels of {not_judged} are not judged, {others[0]} first")
    if waits := rounds.run(config, output, make_builder, last):
        return waits
    say(f"next: `{program()} review --workdir={output}`, then `export --labels=FORM`")
    return False


def _check_output(config, output: str) -> None:
    paths = Paths(output)
    if not paths.config.exists() or not (differing := differing_keys(config, paths.workdir)):
        return
    key, (saved, given) = next(iter(differing.items()))
    rule = "it must be new, or the run of the same command, which is continued"
    found = f"a run with {key}={saved!r} in place of {given!r}"
    raise InputError(f"--output={output}", rule, found, "Give another folder.")


def _check_splits(splits: dict[str, list[str]], folder: str, last: str) -> None:
    found = f"splits {', '.join(splits)}"
    if starts_without_labels(splits):
        rule = "it must have labels of sequences in train"
        remedy = "Mine sequences without labels as new ones of the run's own folder."
        raise InputError(folder, rule, found, remedy)
    if last == "mine" and not splits.get("new"):
        rule = "mine searches sequences of the split new"
        remedy = "Name unlabelled sequences in the file of new; `refine` judges labels."
        raise InputError(folder, rule, found, remedy)
