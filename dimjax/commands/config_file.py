"""A configuration file: loading it, and one line for whatever its code does wrong.

config = load("configs/demo.py")                # raises a UsageError that names file and line
config = load("configs/backbone.py:vgg,80")     # of get_config("vgg,80")

A configuration is code: it may raise anything, return anything, or end the program.
"""

import difflib
import re
import sys
import traceback
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from absl import flags
from ml_collections import config_dict

from dimjax.errors import InputError, UsageError

RULE = "it must be a configuration such as configs/demo.py"
KEY_RULE = "every key must stand in configs/default.py"

_MODULE = "config_file"
_NO_RESULT = "its get_config must return a ConfigDict"
# The message of a configuration that assigns a value of another type to a key.
_OTHER_TYPE = re.compile(r"override field '(\w+)'.*?\. (.*) is of original type")
# The message of a section whose keys are sorted while some are no texts.
_OTHER_KEYS = re.compile(r"'<' not supported between instances of '(\w+)' and '(\w+)'")
# Sections to which a configuration may add keys.
_OPEN = ("data.layout.category", "data.layout.first_pixel", "data.layout.splits", "sky.training")
_LAYOUT = "data.layout."  # its missing keys keep their defaults, but for the first


class Parser(flags.ArgumentParser):
    """Parser of the flag --config."""

    def parse(self, argument: str) -> config_dict.ConfigDict:
        """Return the configuration of a file; see `load`."""
        return load(argument)

    def flag_type(self) -> str:
        """Return what the flag's value is, for the help."""
        return "configuration"


def load(argument: str) -> config_dict.ConfigDict:
    """Load a configuration and lock it.

    Args:
      argument: Path of the file, and perhaps a colon and the argument of its get_config.

    Raises:
      UsageError: There is no such file, or its code does not return a configuration.
    """
    subject = f"--config={argument}"
    path, *rest = argument.split(":", 1)
    if not Path(path).is_file():  # reading a named pipe would wait
        value = (
            "no file, but a folder or device" if path and Path(path).exists() else "no such file"
        )
        raise UsageError(subject, RULE, value, "Correct the path.")
    config = None
    try:
        config = _run(path, rest)
        values = config.to_dict() if type(config) is config_dict.ConfigDict else None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: the program would end as if all were done
        raise _error(subject, path, error, config) from error
    if not values:
        value = "an empty one" if values == {} else type(config).__name__
        raise UsageError(subject, _NO_RESULT, value, "End it with `return config`.")
    check_keys(subject, values)
    return config.lock()


def check_keys(subject: str, values: dict) -> None:
    """Raise for a key that is no text, is not one of configs/default.py, or is missing.

    Args:
      subject: Subject of the error.
      values: The configuration, as dictionaries.
    """
    from configs import default
    from dimjax.runs.workdir import flat

    check_texts("config", values)
    known, present = flat(default.get_config().to_dict()), flat(values)
    for key in present:
        if key not in known and not key.startswith(_OPEN):
            if any(one.startswith(f"{key}.") for one in known):
                rule = f"{key} must be a section"
                raise UsageError(subject, rule, present[key], "Set its keys, one by one.")
            near = difflib.get_close_matches(key, known, 1)
            remedy = f"Did you mean {near[0]}?" if near else "Correct the key."
            raise UsageError(subject, KEY_RULE, key, remedy)
    for key in known:
        has_default = key.startswith((_LAYOUT, *_OPEN)) and key != f"{_LAYOUT}sequences"
        if key not in present and not has_default:
            remedy = "Copy it from configs/default.py."
            raise UsageError(subject, f"the key {key} is required", "no such key", remedy)


def check_texts(subject: str, values: object) -> None:
    """Raise for a key of a section, or of one in it, that is no text or has a dot.

    Args:
      subject: Full key of the section.
      values: The section; anything but a dictionary passes.
    """
    for key, value in values.items() if isinstance(values, dict) else ():
        if not isinstance(key, str):
            raise UsageError(subject, "keys must be texts", repr(key), f"Write {str(key)!r}.")
        if "." in key:
            remedy = f"Write {key.replace('.', '?')!r}, in which ? is any character."
            raise UsageError(subject, "keys must have no dots", repr(key), remedy)
        check_texts(f"{subject}.{key}", value)


def missing_key(error: BaseException) -> tuple[str, str] | None:
    """Return the key that a ConfigDict lacks, and a remedy; None for an error of another kind."""
    first = error.args[0] if error.args else None
    missing = first if isinstance(first, KeyError) else error  # an AttributeError may hold one
    if not isinstance(missing, KeyError) or not missing.args:
        return None
    text, _, hint = str(missing.args[0]).partition("\n")
    quoted = re.findall(r'^Key "(.*?)"', text)
    key = (quoted or text.split() or [text])[-1].strip("\"'")
    near = re.findall(r"Did you mean .*", hint)
    return key, near[-1] if near else "Correct the key."


def _run(path: str, arguments: list[str]) -> object:
    """Run a file and its get_config."""
    loader = SourceFileLoader(_MODULE, path)  # whatever the ending of its name
    module = module_from_spec(spec_from_file_location(_MODULE, path, loader=loader))
    sys.modules[_MODULE] = module  # classes that it defines need it
    loader.exec_module(module)
    return module.get_config(*arguments)


def _error(subject: str, path: str, error: BaseException, config: object) -> UsageError:
    """Describe an exception of the code of a configuration."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path
    ]
    line = frames[-1].lineno if frames else None
    if isinstance(error, SyntaxError) and error.filename == path:
        line = error.lineno
    subject += f" line {line}" if line else ""
    text = " ".join(str(error).split())
    if "does not exist and cannot be added" in text and (missing := missing_key(error)):
        return UsageError(subject, KEY_RULE, *missing)
    if wrong_type := _OTHER_TYPE.search(text):
        key, value = wrong_type.groups()
        remedy = "See configs/default.py for its type."
        if key == "layout":
            remedy = 'Set its keys: config.data.layout.sequences = "auto" has it recognised.'
        return UsageError(subject, "keys must keep their types", f"{key} = {value!r}", remedy)
    if wrong_keys := _OTHER_KEYS.search(text):
        kinds = [kind for kind in wrong_keys.groups() if kind != "str"] or ["another type"]
        rule, remedy = f"keys must be texts{_unsorted(config)}", "Write them in quotation marks."
        return UsageError(subject, rule, f"one of type {kinds[0]}", remedy)
    if isinstance(error, AttributeError) and not hasattr(sys.modules.get(_MODULE), "get_config"):
        return UsageError(subject, RULE, "no function get_config", "Correct the path or the file.")
    text = error.msg if isinstance(error, SyntaxError) else text.rstrip(".")
    kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
    return UsageError(subject, RULE, f"{kind}{text}".rstrip(": "), "Correct the file.")


def _unsorted(section: object, name: str = "") -> str:
    """Return " in SECTION" for the section whose keys cannot be sorted, or ""."""
    if not isinstance(section, config_dict.ConfigDict):
        return ""
    try:
        items = list(section.items())
    except TypeError:
        return f" in config{name}"
    return next(filter(None, (_unsorted(value, f"{name}.{key}") for key, value in items)), "")
