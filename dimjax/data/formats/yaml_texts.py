"""YAML of somebody else: texts alone, of bounded size, and never written out.

content = parse_yaml("names: [drone, no]", "data.yaml")     # {"names": ["drone", "no"]}
shown(content["names"])                                     # "['drone', 'no']"
"""

import reprlib
from pathlib import Path
from typing import Any

import yaml

from dimjax.errors import InputError

_MAX_CHARACTERS = 2**20  # the parser reads some 100,000 a second


def parse_yaml(text: str, file: str | Path) -> Any:
    """Parse YAML whose scalars are all texts, even `no` and `1`.

    Raises:
      InputError: It is too long, or no YAML.
    """
    if len(text) > _MAX_CHARACTERS:
        rule = f"YAML must have at most {_MAX_CHARACTERS:,} characters"
        remedy = "Save names as classes.txt, and lists as .txt with a name in each line."
        raise InputError(file, rule, f"{len(text):,}", remedy)
    try:
        return yaml.load(text, yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(file, "it must be YAML", error, "Correct the file.") from error


def shown(value: Any) -> str:
    """Write a value of YAML in short.

    A list whose aliases repeat lists of aliases would fill the memory if it were written out.
    """
    return value if isinstance(value, str) else reprlib.repr(value)
