"""Recognise the layout of a folder: for `check --input`, and for a configuration with layout auto.

describe("data/unknown").layout                         # prints the evidence and the keys
apply(config)                                           # config.data.layout=auto, from now on found
"""

import json
import shlex
from pathlib import Path

from dimjax.data.layouts import Layout
from dimjax.data.presets import AUTO, PRESETS
from dimjax.data.recognition import Recognition, recognise
from dimjax.errors import InputError, program
from dimjax.progress import say
from dimjax.runs.workdir import Paths


def describe(path: str | Path) -> Recognition:
    """Print the contents of a folder, as far as they are recognised, and the keys that read it.

    Returns:
      The layout, the problems that only the user can solve, and whether the sequences are stills.

    Raises:
      InputError: There is no such folder, or no frame in it, or it is the directory of a run.
    """
    run = Paths(path)
    if run.config.exists():
        workdir = shlex.quote(str(path))
        remedy = f"`{program()} check --workdir={workdir}` checks the run and its data"
        remedy += f", --input={run.sky} its simulated folder alone." if run.sky.exists() else "."
        rule = "it must be a data folder"
        raise InputError(path, rule, "the directory of a run", remedy)
    found = recognise(path)
    for line in found.evidence:
        say(f"found: {line}")
    say("To read it, use --config.data.layout=auto, or these keys:")
    for flag in (f"--config.data.folder={shlex.quote(str(path))}", *_flags(found.layout)):
        say(f"    {flag}")
    if found.stills:
        say("    --config.model.input=single")
    return found


def apply(config, trains: bool = True) -> None:
    """Replace the layout auto of a configuration by that of its folder.

    Keys of the layout that were given beside `auto` are kept.

    Args:
      config: The configuration.
      trains: Whether a run trains on the folder; then its splits must be known.

    Raises:
      InputError: The configuration has no data folder, the folder contains no frame, two of its
        sources of labels differ, or its splits are not known.
    """
    given = config.data.layout.to_dict()
    if given["sequences"] != AUTO.sequences:
        return
    if not config.data.folder:
        rule, remedy = "the layout auto needs a folder", "Set data.folder."
        raise InputError("config.data.layout", rule, "data.folder=''", remedy)
    found = recognise(config.data.folder)
    chosen = {key: value for key, value in given.items() if value != getattr(AUTO, key)}
    ignored = found.split_doubts if "splits" in chosen or not trains else []
    doubts = [it for it in found.doubts if it not in ignored]
    if doubts and not {"labels", "sequences"} & chosen.keys():
        raise doubts[0]
    say(f"layout of {config.data.folder}: {'; '.join(found.evidence)}")
    with config.unlocked(), config.ignore_type():
        config.data.layout = type(config)(found.layout._asdict() | chosen)


def _flags(layout: Layout) -> list[str]:
    """Flags that set a layout: the name of a preset, or the keys that differ from the default."""
    names = [name for name, preset in PRESETS.items() if preset == layout]
    if names:
        return [f"--config.data.layout={names[0]}"]
    changed = {k: v for k, v in layout._asdict().items() if v != getattr(Layout(), k)}
    values = {"splits": {}} | changed  # that of configs/default.py is not empty
    # Double quotes need no escape between the single ones of a shell.
    texts = {k: json.dumps(v) if isinstance(v, dict) else str(v) for k, v in values.items()}
    return [f"--config.data.layout.{key}={shlex.quote(text)}" for key, text in texts.items()]
