"""The flags of the command line, and the configuration that they choose.

words = parse(["dimjax", "train", "--workdir=runs/demo", "--config.seed=3"])   # ["dimjax", "train"]
WORKDIR.value                                   # "runs/demo"
CONFIG.value.seed                               # 3; all other keys are those of the run

Nothing here loads JAX; a configuration file does, with the settings of the sky.
"""

import ast
import contextlib
import sys
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from dimjax.commands import bundled, config_file
from dimjax.errors import UsageError

CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration, e.g. configs/demo.py.")
flags.FLAGS["config"].parser = config_file.Parser()  # whose errors name the line
WORKDIR = flags.DEFINE_string("workdir", None, "The run's directory.")
_READERS = "detect, evaluate, export, score"
ROUND = flags.DEFINE_integer("round", None, f"{_READERS}: round, from 0; default: the newest.", 0)
EPOCH = flags.DEFINE_integer(
    "epoch",
    None,
    f"{_READERS}: epoch of the checkpoint, from 1; default: that of the round's detector.",
    1,
)
INPUT = flags.DEFINE_string(
    "input",
    None,
    "detect: a sequence, or a data folder; check: a folder to recognise; evaluate: a labelled "
    "folder to measure the run on; refine, mine: a folder whose labels the run judges; implant: a "
    "data folder; items: the edited file.",
)
OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "detect, evaluate, export, implant, items, refine, mine, report --compare: folder to write to.",
)
PICTURES = flags.DEFINE_integer("pictures", 6, "detect: number of overlay pictures.", 0)
VIDEO = flags.DEFINE_bool("video", False, "detect: write an overlay video of each sequence.")
RUNTIME = flags.DEFINE_enum("runtime", "jax", ["jax", "onnx"], "detect: library to compute with.")
UNTRAINED = flags.DEFINE_bool("untrained", False, "detect: by a fixed filter, without a run.")
FALSE_ALARMS = flags.DEFINE_float(
    "false-alarms", 0.5, "detect, untrained: threshold, expected false alarms per frame."
)
ALIGN = flags.DEFINE_bool(
    "align", None, "detect, untrained: take the camera's motion out; default: where it is notable."
)
ROTATION = flags.DEFINE_bool(
    "rotation", False, "detect, untrained: take the camera's rotation and zoom out too."
)
LABELS = flags.DEFINE_string("labels", None, "export: write the run's labels in this form.")
COMPARE = flags.DEFINE_list(
    "compare", None, "report: two runs to compare, e.g. runs/a,runs/b; no --workdir is needed."
)
FORM = flags.DEFINE_string("form", None, "detect: also write detections in this form: coco, ...")
SPLIT = flags.DEFINE_string(
    "split", None, "train, val or test; default: train for score, all for evaluate --input."
)
REVIEWER = flags.DEFINE_string("reviewer", None, "review, items: your name.")
FINISHED = flags.DEFINE_bool("finished", False, "items: decide unchanged items as they are.")
PORT = flags.DEFINE_integer("port", 0, "review: port on this machine; 0: a free one.", 0)

PROGRAM = Path(sys.argv[0]).name  # subject of errors

_LAYOUT = "config.data.layout"
_SAVED = Path(__file__).parents[1] / "runs" / "saved_config.py"


def describe() -> str:
    """Describe all flags, one a paragraph."""
    return flags.FLAGS.module_help(sys.modules[__name__])


def parse(argv: list[str]) -> list[str]:
    """Parse the flags and load the configuration; return the words that are no flags.

    Keys of the configuration without the configuration itself refer to that of the run.

    Raises:
      UsageError: A flag, its value, a key of the configuration or the configuration is invalid.
      InputError: The run whose configuration is meant cannot be read.
    """
    bundled.add_to_imports()
    argv = _with_presets([_with_file(word) for word in _joined(argv)])
    _check_words(argv)
    keys_only = any(word.lstrip("-").startswith("config.") for word in argv[1:]) and not any(
        word.lstrip("-").partition("=")[0] == "config" for word in argv[1:]
    )
    workdir = _workdir(argv)
    if keys_only and workdir:
        from dimjax.runs.workdir import read_config

        read_config(workdir)  # raises for itself
        argv = [argv[0], f"--config={_SAVED}:{workdir}", *argv[1:]]
    try:
        words = flags.FLAGS(argv)
        if CONFIG.value is not None:
            config_file.check_keys("--config", CONFIG.value.to_dict())  # flags may add some
        return words
    except UsageError:
        raise
    except Exception as error:  # of any kind, since keys are changed in the configuration
        raise _flag_error(error, argv) from error


def _check_words(argv: list[str]) -> None:
    """Raise for a flag --config.KEY={...} with keys that are no texts."""
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        flag, has_value, value = word.partition("=")
        if flag.lstrip("-").startswith("config."):
            section = _literal(value if has_value else following)
            config_file.check_texts(flag.lstrip("-"), section)


def _literal(text: str) -> object:
    """The value of a Python literal; the text itself if it is none."""
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return ast.literal_eval(text)
    return text


def _workdir(argv: list[str]) -> str | None:
    """Value of --workdir in words that are not parsed yet."""
    for number, word in enumerate(argv):
        name, _, value = word.partition("=")
        if name in ("--workdir", "-workdir"):
            return value or next(iter(argv[number + 1 :]), None)
    return None


def _flag_error(error: Exception, argv: list[str]) -> UsageError:
    """Describe an error of the flags, of a key of the configuration, or of its file."""
    if isinstance(error.__context__, UsageError):  # of the file; absl has wrapped it
        return error.__context__
    if missing := config_file.missing_key(error):
        key, remedy = missing
        return UsageError("--config", config_file.KEY_RULE, _full_key(key, argv), remedy)
    has_config = any(word.startswith(("--config=", "-config=")) for word in argv)
    if any(word.startswith("--config.") for word in argv) and not has_config:
        remedy = "Give --config=FILE, or the --workdir of a run."
        return UsageError("--config", "its keys need a configuration", "none", remedy)
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1].strip()
    return UsageError(PROGRAM, "flags must be valid", reason, "See --help.")


def _full_key(part: str, argv: list[str]) -> str:
    """Return the key of a flag --config.KEY=VALUE that contains a part."""
    keys = [word.partition("=")[0].lstrip("-").removeprefix("config.") for word in argv]
    return next((key for key in keys if part == key or part in key.split(".")), part)


def _joined(argv: list[str]) -> list[str]:
    """Write a flag --config and the path that follows it as one word."""
    words = list(argv)
    for number, word in enumerate(words[:-1]):
        if word in ("--config", "-config"):
            words[number : number + 2] = [f"{word}={words[number + 1]}"]
    return words


def _with_file(word: str) -> str:
    """Replace the path of a configuration that is not in the working directory by a bundled one."""
    flag, is_given, value = word.partition("=")
    path, *rest = value.split(":", 1)
    if flag.lstrip("-") != "config" or not is_given or not path:
        return word
    found = bundled.find(path)
    if not found.exists():
        raise UsageError(word, config_file.RULE, "no such file", "Correct the path.")
    return ":".join([f"{flag}={found}", *rest])


def _with_presets(argv: list[str]) -> list[str]:
    """Replace the name of a layout, --config.data.layout=NAME, by its keys.

    The first pixel that follows is one of them at once: it may be a number or a mapping, but a key
    keeps the type that it has in the preset.
    """
    words: list[str] = []
    preset_at = None  # place and keys of the preset
    following = iter(argv)
    for word in following:
        flag, has_value, value = word.partition("=")
        key = flag.lstrip("-")
        if key == _LAYOUT and not value.startswith("{"):
            from dimjax.data.presets import preset

            preset_at = len(words), preset(value, flag)._asdict()
            word = f"{flag}={preset_at[1]}"
        elif key == f"{_LAYOUT}.first_pixel" and preset_at:
            place, keys = preset_at
            keys["first_pixel"] = _literal(value if has_value else next(following, ""))
            words[place] = f"--{_LAYOUT}={keys}"
            continue
        words.append(word)
    return words
