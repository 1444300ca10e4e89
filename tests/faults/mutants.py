"""Mutants of labels, frames, configurations and command lines: refused by name, or accepted."""

import contextlib
import importlib
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ml_collections import config_dict

from dimjax.commands import check
from dimjax.errors import InputError
from dimjax.runs import config_rules
from dimjax.runs.workdir import Paths, flat
from tests.faults.tries import ACCEPTED, FAILED, REFUSED, Case, copy_of, generator, run

_VALUES = (
    *(0, -1, 1, 2, 3, 10**9, 2**31, 2**32, 2**63, 10**20, 0.0, -0.5, 0.5, 1.5, 1e-46, 1e39, 1e300),
    *(
        float("nan"),
        float("inf"),
        True,
        False,
        None,
        "",
        "x",
        "/etc/*",
        "../x",
        "\x1b[31m",
        [],
        [1],
    ),
    *((1.0,), (5.0, 5.0), (2.0, 1.0), (1e300, 1e300), {}, {"a": 1}),
)
_TEXTS = (
    "",
    "nan",
    "1e39",
    "1e-46",
    "-1",
    "9" * 5000,
    "x",
    "\x00",
    "\x1b[31m",
    "1_0",
    "'",
    '"',
    "\n",
)
_WORDS = (
    *("scroe", "check extra", "--nope", "--workdir=", "--config=", "--config=configs/nope.py"),
    *("--config=.", "--config=Makefile", "--pictures=-1", "--round=x", "score --split=tests"),
    *("detect --input=", "detect --input=/dev/zero", "export --round=99", "review --port=70000"),
)


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Make `count` mutants, two fifths of them configurations, and one of each command line."""
    for words in _WORDS:
        yield Case("command lines", words, partial(_command_line, expected, words))
    makers = (
        *(("config", _configuration), ("labels", _labels), ("config", _configuration)),
        *(("frames", _frames), ("labels", _labels)),
    )
    for number in range(count):
        kind, make = makers[number % 5]
        yield Case(f"mutants of {kind}", str(number), partial(make, folder, expected, number))


def _command_line(expected: Path, words: str) -> tuple[str, str]:
    outcome, detail = run(*words.split(), workdir=expected)
    return (FAILED if outcome == ACCEPTED else outcome), detail


def _judged(function, *arguments) -> tuple[str, str]:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            problems = function(*arguments)
        return (REFUSED if problems else ACCEPTED), ""
    except InputError as error:
        return (REFUSED if str(error).isprintable() else FAILED), str(error)[:160]
    except Exception as error:  # the attack has succeeded
        return FAILED, f"{type(error).__name__}: {error}"[:160]


def _configuration(folder: Path, expected: Path, number: int) -> tuple[str, str]:
    random = generator("config", number)
    values = importlib.import_module("configs.demo").get_config().to_dict()
    key, value = random.choice(sorted(flat(values))), random.choice(_VALUES)
    *sections, name = key.split(".")
    section = values
    for part in sections:
        section = section[part]
    section[name] = value
    outcome, detail = _judged(lambda: config_rules.check(config_dict.ConfigDict(values)))
    return outcome, f"{key}={value!r}: {detail}"


def _checked(data: Path, folder: Path) -> tuple[str, str]:
    config = importlib.import_module("configs.demo").get_config()
    config.data.folder, config.chips.chip_px, config.model.input = str(data), 32, "difference"
    return _judged(check.run, config, Paths(folder / "check"))


def _labels(folder: Path, expected: Path, number: int) -> tuple[str, str]:
    random, data = generator("labels", number), copy_of(expected / "sky", folder / "mutant")
    (data / "truth.csv").unlink()
    lines = (data / "labels.csv").read_text().splitlines()
    row = random.randrange(1, len(lines))
    fields = lines[row].split(",")
    column, value = random.randrange(len(fields)), random.choice(_TEXTS)
    fields[column] = value
    lines[row] = ",".join(fields)
    (data / "labels.csv").write_text("\n".join(lines) + "\n")
    outcome, detail = _checked(data, folder)
    return outcome, f"column {column}={value[:9]!r}: {detail}"


def _frames(folder: Path, expected: Path, number: int) -> tuple[str, str]:
    random, data = generator("frames", number), copy_of(expected / "sky", folder / "mutant")
    (data / "truth.csv").unlink()
    file = random.choice(sorted(data.glob("sequences/*/frames.npy")))
    content = bytearray(file.read_bytes())
    kind = random.choice(["header", "cut", "appended", "inserted"])
    if kind == "header":
        content[random.randrange(128)] = random.randrange(256)
    elif kind == "cut":
        del content[random.randrange(len(content)) :]
    elif kind == "appended":
        content += bytes(random.randint(1, 999))
    else:
        content.insert(random.randrange(128, len(content)), 7)
    file.write_bytes(content)
    outcome, detail = _checked(data, folder)
    if kind != "header" and outcome == ACCEPTED:
        outcome = FAILED
    return outcome, f"{kind} {detail}"
