"""Configuration files: whatever their code does wrong is one line, with the file and the line."""

import os

import pytest

from dimjax.commands import config_file
from dimjax.errors import UsageError

RULE, KEY_RULE = config_file.RULE, config_file.KEY_RULE


def error_of(path, code: str | bytes) -> str:
    path.write_bytes(code if isinstance(code, bytes) else code.encode())
    with pytest.raises(UsageError) as error:
        config_file.load(str(path))
    return str(error.value).removeprefix(f"--config={path}")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            'config.data.layout = "a"',
            " line 5: keys must keep their types; found layout = 'a'. Set",
        ),
        (
            'config.data.stride = "two"',
            " line 5: keys must keep their types; found stride = 'two'.",
        ),
        ("config.training.epohcs = 2", f": {KEY_RULE}; found training.epohcs. Did you mean train"),
        ("config.lock().nope = 2", f" line 5: {KEY_RULE}; found nope. Correct the key."),
        ("del config.training.epochs", ": the key training.epochs is required; found no such key"),
        ('config.training = {"epochs": 2}', ": the key training.augment is required; found no su"),
        ("del config.data.layout", ": the key data.layout.sequences is required; found no such k"),
        ("config.training = None", ": training must be a section; found None. Set its keys, one "),
        (
            'config.sky.sequences = {"train": 1, 2: 3}',
            ": keys must be texts in config.sky.sequences; found one of type int. Write them in",
        ),
        ("config[1] = 2", ": keys must be texts in config; found one of type int. Write them in "),
        ("raise RuntimeError", f" line 5: {RULE}; found RuntimeError. Correct the file."),
        ("raise OSError('a\\nb.')", f" line 5: {RULE}; found OSError: a b. Correct the file."),
        ("exit()", f" line 5: {RULE}; found SystemExit: None. Correct the file."),
        ("import nothing_of_this_name", " found ModuleNotFoundError: No module named 'nothing_of"),
        ("return None", ": its get_config must return a ConfigDict; found NoneType. End it with "),
        ("return type(config)()", ": its get_config must return a ConfigDict; found an empty one"),
    ],
)
def test_an_error_names_the_line_and_the_key(tmp_path, statement, expected):
    code = "from configs import demo\n\ndef get_config():\n    config = demo.get_config()\n"
    code += f"    {statement}\n    return config\n"
    assert expected in error_of(tmp_path / "mine.py", code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1\n", f": {RULE}; found no function get_config. Correct the path or the file."),
        ("x = 1\ndef get_config(:\n", f" line 2: {RULE}; found SyntaxError: invalid syntax. Corr"),
        (b"\0", f": {RULE}; found SyntaxError: source code string cannot contain null bytes."),
        ("raise ValueError('no')", f" line 1: {RULE}; found ValueError: no. Correct the file."),
        ("def get_config(a): pass", "found TypeError: get_config() missing 1 required positional"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, code, expected):
    assert expected in error_of(tmp_path / "mine.txt", code)


def test_a_path_that_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    for path, value in (
        ("pipe.py", "no file, but a folder or device"),
        ("gone.py", "no such file"),
    ):
        with pytest.raises(UsageError, match=f"{path}: {RULE}; found {value}. Correct the path."):
            config_file.load(str(tmp_path / path))


def test_a_layout_keeps_the_defaults_of_its_missing_keys(tmp_path):
    code = "from configs import demo\n\ndef get_config(folder):\n    config = demo.get_config()\n"
    code += "    with config.ignore_type():\n        config.data.layout = {'sequences': folder}\n"
    (tmp_path / "mine.py").write_text(code + "    return config\n")
    config = config_file.load(f"{tmp_path}/mine.py:raw/{{sequence}}")
    assert config.data.layout.to_dict() == {"sequences": "raw/{sequence}"}
