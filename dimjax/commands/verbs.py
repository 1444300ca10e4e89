"""The verbs of the command line: the function of each, and the flags that it uses.

status = main()                                 # runs the verb in sys.argv

Each verb imports its own modules: a page must open without waiting for JAX.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from absl import flags, logging

from dimjax.atomic_files import check_folder
from dimjax.commands import compiled_programs, early_checks, program
from dimjax.commands import flag_values as given
from dimjax.errors import UsageError, doing
from dimjax.stages import STAGES


def main() -> int | None:
    """Run a verb and return its exit status."""
    compiled_programs.cache()
    argv = given.parse(sys.argv)
    logging.set_verbosity(logging.ERROR)  # JAX and TFDS warn about intended behaviour
    if len(argv) > 2:
        rule, path = "at most one word names a verb", argv[2]
        flag = "--workdir" if os.path.exists(f"{path}/config.json") else "--input"
        remedy = f"Give {flag}={path}." if os.path.exists(path) else "Use flags; see --help."
        raise UsageError(given.PROGRAM, rule, " ".join(argv[1:]), remedy)
    verb = _with_variant(argv[1] if len(argv) > 1 else "rounds")
    command = _VERBS.get(verb) or _main_job(verb)
    _check_flags(verb, command.flags)
    with doing(verb):
        if verb not in _WITHOUT_JAX:
            early_checks.require_addresses()
        return command.run()


def _with_variant(verb: str) -> str:
    """Return the key of _VERBS that a verb and its flags mean."""
    if verb == "detect":
        untrained = given.UNTRAINED.value or given.WORKDIR.value is None
        if not (given.INPUT.present and _is_live(given.INPUT.value)):
            return "detect --untrained" if untrained else verb
        if untrained:
            rule, value = "a live stream needs a trained run", given.INPUT.value
            raise UsageError("--input", rule, value, "Give --workdir=DIR, without --untrained.")
        return "detect, live"
    if given.INPUT.present and f"{verb} --input" in _VERBS:
        return f"{verb} --input"
    if verb == "report" and given.COMPARE.present:
        return "report --compare"
    return "export --labels" if verb == "export" and given.LABELS.present else verb


def _is_live(source: str) -> bool:
    """Whether a source is a stream: standard input, an address that PyAV opens, or a device."""
    return source == "-" or "://" in source or Path(source).is_char_device()


def log_folder() -> str | None:
    """Return the folder of the error log: the run's directory, once it is known."""
    return given.WORKDIR.value if flags.FLAGS.is_parsed() else None


def _review() -> None:
    from dimjax.commands import review
    from dimjax.runs.workdir import Paths

    review.run(_config(), Paths(given.WORKDIR.value), given.REVIEWER.value, given.PORT.value)


def _check() -> int:
    from dimjax.runs.workdir import Paths

    config, paths = _config(), Paths(given.WORKDIR.value)
    early_checks.require_data(config, paths.sky)
    from dimjax.commands import check

    return 1 if check.run(config, paths) else program.DONE


def _check_folder() -> int:
    from dimjax.commands import recognise

    found = recognise.describe(given.INPUT.value)
    from configs import default  # loads JAX: a wrong folder is refused before
    from dimjax.commands import check

    config = default.get_config()
    config.data.folder, config.chips.chip_px = given.INPUT.value, config.model.output_stride
    with config.ignore_type():
        config.data.layout = type(config)(found.layout._asdict())
    config.model.input = "single" if found.stills else config.model.input
    return 1 if check.run(config, None, found.doubts) else program.DONE


def _implant() -> None:
    if given.INPUT.present or given.CONFIG.value is None:
        early_checks.require_files(given.INPUT.value)
    from dimjax.commands import implant

    implant.run(implant.config_for(given.CONFIG.value, given.INPUT.value), given.OUTPUT.value)


def _score() -> None:
    early_checks.require_checkpoint(*_checkpoint())
    from dimjax.commands import score

    workdir, *checkpoint = _checkpoint()
    score.run(workdir, given.SPLIT.value or "train", *checkpoint)


def _evaluate_folder() -> None:
    from dimjax.commands import measure, recognise
    from dimjax.runs.workdir import read_config

    own = read_config(given.WORKDIR.value)
    config = given.CONFIG.value or own
    measure.check_keys(config, given.WORKDIR.value)
    measure.use_folder(config, given.INPUT.value)
    recognise.apply(config, trains=False)
    workdir, *checkpoint = _checkpoint()
    measure.run(workdir, config, given.OUTPUT.value, given.SPLIT.value, *checkpoint)


def _judge(last: str) -> int:
    early_checks.require_checkpoint(given.WORKDIR.value)
    from dimjax.commands import bundled, other_labels

    config = other_labels.config_for(_config(), given.WORKDIR.value, given.INPUT.value)
    flags.FLAGS.workdir = given.OUTPUT.value or given.WORKDIR.value  # which is written to now
    waits = other_labels.run(config, given.OUTPUT.value, bundled.make_builder, last)
    return program.WAITING if waits else program.DONE


def _export() -> None:
    early_checks.require_checkpoint(*_checkpoint())
    from dimjax.commands import export

    export.run(given.WORKDIR.value, given.OUTPUT.value, given.ROUND.value, given.EPOCH.value)


def _export_labels() -> None:
    early_checks.require_run(given.WORKDIR.value)
    from dimjax.commands import export

    export.run_labels(given.WORKDIR.value, given.LABELS.value, given.OUTPUT.value)


def _write_items() -> None:
    from dimjax.commands import items

    items.write(given.WORKDIR.value, given.OUTPUT.value)


def _read_items() -> None:
    from dimjax.commands import items

    options = given.REVIEWER.value, given.OUTPUT.value, given.FINISHED.value
    items.read(given.WORKDIR.value, given.INPUT.value, *options)


def _detect() -> None:
    from dimjax.commands import detect

    workdir, *checkpoint = _checkpoint()
    detect.run(workdir, *_outputs(), given.RUNTIME.value, given.FORM.value, *checkpoint)


def _detect_live() -> None:
    early_checks.require_checkpoint(*_checkpoint())
    early_checks.check_address(given.INPUT.value)
    from dimjax.commands import live
    from dimjax.runs.run import load

    live.run(load(*_checkpoint(), given.RUNTIME.value), given.INPUT.value)


def _detect_untrained() -> None:
    from dimjax.commands import detect

    options = given.FALSE_ALARMS, given.FORM, given.ALIGN, given.ROTATION
    detect.run_untrained(*_outputs(), *(option.value for option in options))


def _compare() -> None:
    runs = given.COMPARE.value
    if len(runs) != 2 or not all(runs) or len({os.path.realpath(run) for run in runs}) != 2:
        rule, remedy = "it must name two different runs", "Give --compare=runs/a,runs/b."
        raise UsageError("--compare", rule, repr(",".join(runs)), remedy)
    for run in runs:
        early_checks.require_run(run)
    from dimjax.commands import compare

    compare.run(*runs, given.OUTPUT.value)


def _checkpoint() -> tuple:
    """The run, the round and the epoch of a checkpoint."""
    return given.WORKDIR.value, given.ROUND.value, given.EPOCH.value


def _outputs() -> tuple:
    """The source of `detect`, and what to write."""
    return given.INPUT.value, given.OUTPUT.value, given.PICTURES.value, given.VIDEO.value


class _Verb(NamedTuple):
    """A function that carries out a verb, and the flags that it uses."""

    run: Callable[[], int | None]  # returns an exit status, or None if it is done
    flags: tuple[flags.FlagHolder, ...]


_RUN = (given.WORKDIR, given.CONFIG)
_CHECKPOINT = (given.ROUND, given.EPOCH)
_DETECT = (given.INPUT, given.OUTPUT, given.PICTURES, given.VIDEO, given.FORM)
_VERBS = {
    "check": _Verb(_check, _RUN),
    "check --input": _Verb(_check_folder, (given.INPUT,)),
    "detect": _Verb(_detect, (given.WORKDIR, *_DETECT, given.RUNTIME, *_CHECKPOINT)),
    "detect, live": _Verb(_detect_live, (given.WORKDIR, given.INPUT, given.RUNTIME, *_CHECKPOINT)),
    "detect --untrained": _Verb(
        _detect_untrained,
        (given.UNTRAINED, *_DETECT, given.FALSE_ALARMS, given.ALIGN, given.ROTATION),
    ),
    "evaluate --input": _Verb(
        _evaluate_folder, (*_RUN, given.INPUT, given.OUTPUT, given.SPLIT, *_CHECKPOINT)
    ),
    "export": _Verb(_export, (given.WORKDIR, given.OUTPUT, *_CHECKPOINT)),
    "export --labels": _Verb(_export_labels, (given.WORKDIR, given.OUTPUT, given.LABELS)),
    "implant": _Verb(_implant, (given.CONFIG, given.INPUT, given.OUTPUT)),
    "items": _Verb(_write_items, (given.WORKDIR, given.OUTPUT)),
    "items --input": _Verb(
        _read_items,
        (given.WORKDIR, given.INPUT, given.REVIEWER, given.OUTPUT, given.FINISHED),
    ),
    "mine --input": _Verb(partial(_judge, "mine"), (*_RUN, given.INPUT, given.OUTPUT)),
    "refine --input": _Verb(partial(_judge, "refine"), (*_RUN, given.INPUT, given.OUTPUT)),
    "report --compare": _Verb(_compare, (given.COMPARE, given.OUTPUT)),
    "review": _Verb(_review, (*_RUN, given.REVIEWER, given.PORT)),
    "score": _Verb(_score, (given.WORKDIR, given.SPLIT, *_CHECKPOINT)),
}
_WITHOUT_JAX = ("check", "check --input", "export --labels", "items", "items --input", "review")


def _main_job(last: str) -> _Verb:
    """Return the verb that runs the main job up to a stage."""
    verbs = ("rounds", *STAGES, *(verb for verb in _VERBS if " " not in verb))
    if last not in verbs:
        rule = f"the word after it must be one of {', '.join(verbs)}"
        raise UsageError(given.PROGRAM, rule, last, "Correct it.")
    return _Verb(partial(_rounds, last), _RUN)


def _rounds(last: str) -> int:
    config = _config()
    if not config.distributed.process_id:
        early_checks.require_data(config)
    from dimjax.commands.bundled import make_builder
    from dimjax.stages import rounds

    waits = rounds.run(config, given.WORKDIR.value, make_builder, last)
    return program.WAITING if waits else program.DONE


def _check_flags(verb: str, used: tuple[flags.FlagHolder, ...]) -> None:
    """Raise for a flag that is empty, that the verb does not use, or that names no folder."""
    names = [flag.name for flag in used]
    for flag in (flag for command in _VERBS.values() for flag in command.flags):
        if flag.present and flag.name not in names:
            rule = "only flags of the verb may be given"
            remedy = f"They are --{', --'.join(names)}."
            raise UsageError(f"{given.PROGRAM} {verb}", rule, f"--{flag.name}", remedy)
        if flag.present and flag.value == "":
            remedy = "Give a value, or leave the flag out."
            raise UsageError(f"--{flag.name}", "it must have a value", "an empty one", remedy)
        if flag.present and flag.name in ("workdir", "output"):
            check_folder(f"--{flag.name}", flag.value)
    if "workdir" in names and given.WORKDIR.value is None:
        remedy = "Give --workdir=DIR, e.g. runs/demo."
        raise UsageError("--workdir", f"`{verb}` needs a run's directory", "nothing", remedy)


def _config():
    """The configuration of --config, or that of the run; its layout is recognised if it is auto."""
    from dimjax.data.presets import AUTO
    from dimjax.runs.workdir import read_config

    config = given.CONFIG.value or read_config(given.WORKDIR.value)
    if config.data.layout.sequences == AUTO.sequences:
        from dimjax.commands import recognise

        recognise.apply(config)
    return config
