"""dimjax: from raw infrared sequences to a lightweight detector of dim, small targets.

    python main.py --config=configs/demo.py --workdir=runs/demo        all rounds, all stages
    python main.py train --workdir=runs/demo                            up to a stage of a run
    python main.py check --config=configs/drone_ir.py --workdir=runs/drone
    python main.py review --workdir=runs/demo --reviewer=ann
    python main.py detect --workdir=runs/demo --input=flight3.mp4 --video
    python main.py detect --untrained --input=flight3.mp4               without any training

A word after main.py chooses the verb. A stage stops the main job after it: simulate, build, train,
evaluate, predict, refine, mine or report. The other verbs are

    check       list every problem of a data folder, and draw some of its labels;
                with --input=FOLDER alone, recognise its layout and print the keys that read it
    score       write the loss of each example of a split as a table
    review      serve the page on which a person decides the items that wait
    detect      write detections, overlay pictures and videos of sequences
    export      write the detector as ONNX and StableHLO; with --labels=FORM, instead the labels of
                the run, as its reviews corrected them: csv, coco, yolo, mot, masks or regions

If --workdir holds a run already, --config may be left out. Without --workdir, `detect` does as with
--untrained.

Exit status: 0 done, 1 a fault or problems found, 2 wrong usage, 3 the run waits for a person's
review, 130 interrupted. A failure is described in one line; its traceback is in error.log.
"""

from dimjax.commands import program
from dimjax.training.memory import restart_with_huge_pages

if __name__ == "__main__":  # before the slow imports
    program.exit_on_signals()
    restart_with_huge_pages()

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from absl import app, flags, logging
from ml_collections import config_flags

from dimjax.data.presets import AUTO, preset
from dimjax.errors import UsageError, doing
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import STAGES

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration, e.g. configs/demo.py.")
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory.")
_ROUND = flags.DEFINE_integer("round", None, "score, export: the round; default: the newest.", 0)
_EPOCH = flags.DEFINE_integer("epoch", None, "score: checkpoint's epoch; default: the newest.", 0)
_INPUT = flags.DEFINE_string(
    "input", None, "detect: a sequence, or a data folder; check: a folder to recognise."
)
_OUTPUT = flags.DEFINE_string("output", None, "detect, export: folder to write to.")
_PICTURES = flags.DEFINE_integer("pictures", 6, "detect: number of overlay pictures.", 0)
_VIDEO = flags.DEFINE_bool("video", False, "detect: write an overlay video of each sequence.")
_RUNTIME = flags.DEFINE_enum("runtime", "jax", ["jax", "onnx"], "detect: library to compute with.")
_UNTRAINED = flags.DEFINE_bool("untrained", False, "detect: by a fixed filter, without a run.")
_FALSE_ALARMS = flags.DEFINE_float(
    "false-alarms", 0.5, "detect, untrained: threshold, expected false alarms per frame."
)
_LABELS = flags.DEFINE_string("labels", None, "export: write the run's labels in this form.")
_FORM = flags.DEFINE_string("form", None, "detect: also write detections in this form: coco, ...")
_SPLIT = flags.DEFINE_string("split", "train", "score: train, val or test.")
_REVIEWER = flags.DEFINE_string("reviewer", None, "review: your name; default: the page asks.")
_PORT = flags.DEFINE_integer("port", 0, "review: port on this machine; 0: a free one.", 0)

# Begins the reason that a configuration cannot be used.
_NOT_LOADED = "Configuration is not available because of an earlier failure to load: "


def make_builder(data_dir: Path, **config):
    """Make the TFDS builder of datasets/dim_targets."""
    sys.path.insert(0, str(Path(__file__).parent / "datasets"))
    import tensorflow_datasets as tfds  # takes seconds
    from dim_targets import dim_targets_dataset_builder as dim_targets

    tfds.display_progress_bar(sys.stderr.isatty())
    return dim_targets.Builder(config=dim_targets.DimTargetsConfig(**config), data_dir=data_dir)


def main() -> int | None:
    """Run a verb and return its exit status."""
    argv = _parse_flags(sys.argv)
    logging.set_verbosity(logging.ERROR)  # JAX and TFDS warn about intended behaviour
    if len(argv) > 2:
        rule, value = "at most one word names a verb", " ".join(argv[1:])
        remedy = "Pass options as flags; see main.py --help."
        raise UsageError("main.py", rule, value, remedy)
    verb = argv[1] if len(argv) > 1 else "rounds"
    if verb == "detect" and (_UNTRAINED.value or _WORKDIR.value is None):
        verb = "detect --untrained"
    if verb == "check" and _INPUT.present:
        verb = "check --input"
    command = _VERBS.get(verb) or _main_job(verb)
    _check_flags(verb, command.flags)
    with doing(verb):
        return command.run()


# Each verb imports its own modules: a page must open without waiting for JAX. A configuration file
# loads JAX with the settings of the sky; `review` without --config reads the run's own keys.


def _review() -> None:
    from dimjax.commands import review

    review.run(_config(), Paths(_WORKDIR.value), _REVIEWER.value, _PORT.value)


def _check() -> int:
    from dimjax.commands import check

    return 1 if check.run(_config(), Paths(_WORKDIR.value)) else program.DONE


def _check_folder() -> int:
    from configs import default
    from dimjax.commands import check, recognise

    layout, doubts = recognise.describe(_INPUT.value)
    config = default.get_config()
    config.data.folder, config.chips.chip_px = _INPUT.value, config.model.output_stride
    with config.ignore_type():
        config.data.layout = type(config)(layout._asdict())
    return 1 if check.run(config, None, doubts) else program.DONE


def _score() -> None:
    from dimjax.commands import score

    _cache_compiled_programs()
    score.run(_WORKDIR.value, _SPLIT.value, _ROUND.value, _EPOCH.value)


def _export() -> None:
    from dimjax.commands import export

    if _LABELS.value is not None:
        export.run_labels(_WORKDIR.value, _LABELS.value, _OUTPUT.value)
        return
    _cache_compiled_programs()
    export.run(_WORKDIR.value, _OUTPUT.value, _ROUND.value)


def _detect() -> None:
    from dimjax.commands import detect

    _cache_compiled_programs()
    options = _INPUT.value, _OUTPUT.value, _PICTURES.value, _VIDEO.value
    detect.run(_WORKDIR.value, *options, _RUNTIME.value, _FORM.value)


def _detect_untrained() -> None:
    from dimjax.commands import detect

    _cache_compiled_programs()
    options = _INPUT.value, _OUTPUT.value, _PICTURES.value, _VIDEO.value
    detect.run_untrained(*options, _FALSE_ALARMS.value, _FORM.value)


class _Verb(NamedTuple):
    """A function that carries out a verb, and the flags that it uses."""

    run: Callable[[], int | None]  # returns an exit status, or None if it is done
    flags: tuple[flags.FlagHolder, ...]


_DETECT_FLAGS = (_INPUT, _OUTPUT, _PICTURES, _VIDEO, _FORM)
_VERBS = {
    "check": _Verb(_check, (_WORKDIR, _CONFIG)),
    "check --input": _Verb(_check_folder, (_INPUT,)),
    "detect": _Verb(_detect, (_WORKDIR, *_DETECT_FLAGS, _RUNTIME)),
    "detect --untrained": _Verb(_detect_untrained, (_UNTRAINED, *_DETECT_FLAGS, _FALSE_ALARMS)),
    "export": _Verb(_export, (_WORKDIR, _OUTPUT, _ROUND, _LABELS)),
    "review": _Verb(_review, (_WORKDIR, _CONFIG, _REVIEWER, _PORT)),
    "score": _Verb(_score, (_WORKDIR, _SPLIT, _ROUND, _EPOCH)),
}


def _main_job(last: str) -> _Verb:
    """Return the verb that runs the main job up to a stage."""
    verbs = ("rounds", *STAGES, *(verb for verb in _VERBS if " " not in verb))
    if last not in verbs:
        rule = f"the word after it must be one of {', '.join(verbs)}"
        raise UsageError("main.py", rule, last, "Correct it.")
    return _Verb(partial(_rounds, last), (_WORKDIR, _CONFIG))


def _rounds(last: str) -> int:
    from dimjax.stages import rounds

    _cache_compiled_programs()
    waits = rounds.run(_config(), _WORKDIR.value, make_builder, last)
    return program.WAITING if waits else program.DONE


def _check_flags(verb: str, used: tuple[flags.FlagHolder, ...]) -> None:
    """Raise for a flag that is empty or that the verb does not use, or for a missing --workdir."""
    names = [flag.name for flag in used]
    for flag in (flag for command in _VERBS.values() for flag in command.flags):
        if flag.present and flag.name not in names:
            rule = "only flags of the verb may be given"
            remedy = f"They are --{', --'.join(names)}."
            raise UsageError(f"main.py {verb}", rule, f"--{flag.name}", remedy)
        if flag.present and flag.value == "":
            remedy = "Give a value, or leave the flag out."
            raise UsageError(f"--{flag.name}", "it must have a value", "an empty one", remedy)
    if "workdir" in names and _WORKDIR.value is None:
        remedy = "Give --workdir=DIR, e.g. runs/demo."
        raise UsageError("--workdir", f"`{verb}` needs a run's directory", "nothing", remedy)


def _config():
    config = _CONFIG.value or read_config(_WORKDIR.value)
    if config.data.layout.sequences == AUTO.sequences:
        from dimjax.commands import recognise

        recognise.apply(config)
    return config


def _parse_flags(argv: list[str]) -> list[str]:
    """Parse the flags and load the configuration; return the words that are no flags.

    Raises:
      UsageError: A flag, its value, a key of the configuration or the configuration is invalid.
    """
    argv = [_with_preset(word) for word in argv]
    app.define_help_flags()
    try:
        words = flags.FLAGS(argv)
        if _CONFIG.value is not None:
            _CONFIG.value.to_dict()  # a file that could not be loaded raises here
        return words
    except SystemExit as exit:  # after --help
        raise SystemExit(program.DONE) from exit
    except Exception as error:  # a configuration is code, which may raise anything
        raise _flag_error(error, argv) from error


def _flag_error(error: Exception, argv: list[str]) -> UsageError:
    """Describe an error of the flags, of a key, or of a configuration that cannot be loaded."""
    first, lines = error.args[0], [line.strip() for line in str(error).strip().splitlines()]
    missing = first if isinstance(first, KeyError) else error  # an AttributeError may hold one
    if isinstance(missing, KeyError):
        key, _, hint = missing.args[0].partition("\n")
        rule = "every key must stand in configs/default.py"
        return UsageError("--config", rule, key, hint or "Correct the key.")
    given = [word for word in argv if word.startswith(("--config=", "-config="))]
    if any(word.startswith("--config.") for word in argv) and not given:
        remedy = "Give --config=FILE too."
        return UsageError("--config", "its keys need a configuration", "none", remedy)
    of_flag = isinstance(error, flags.Error) and not lines[0].startswith("flag --config=")
    if given and not of_flag:
        rule = "it must be a configuration such as configs/demo.py"
        reason = lines[-1].removeprefix(_NOT_LOADED).rstrip(".")
        return UsageError(given[-1], rule, reason, "Correct the path or the file.")
    return UsageError("main.py", "flags must be valid", lines[-1], "See main.py --help.")


def _with_preset(word: str) -> str:
    """Replace the name of a layout, --config.data.layout=NAME, by its keys."""
    flag, _, name = word.partition("=")
    if flag.lstrip("-") != "config.data.layout" or name.startswith("{"):
        return word
    return f"{flag}={preset(name, flag)._asdict()}"


def _cache_compiled_programs() -> None:
    """Cache compiled programs for the next start, unless JAX has a cache directory already."""
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dimjax" / "xla"
        jax.config.update("jax_compilation_cache_dir", str(cache))


if __name__ == "__main__":
    program.run(main, lambda: _WORKDIR.value if flags.FLAGS.is_parsed() else None)
