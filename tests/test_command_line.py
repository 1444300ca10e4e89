"""The command `dimjax`: what it prints at once, and keys that refer to a run's configuration."""

import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from scripts import run_script

import dimjax
from dimjax import errors, progress
from dimjax.commands import bundled, compiled_programs
from dimjax.progress import bar, counted, progress_text

ROOT = Path(__file__).parent.parent
MAX_CPU_SECONDS = 0.5


def timed(*words, status=0):
    """Run the program in a new interpreter; return its output and the CPU time of it, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, ROOT / "main.py", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr, after.ru_utime - before.ru_utime


def printed(*words, status):
    """Run the program; return its output."""
    done = run_script(ROOT / "main.py", *words)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_the_version_is_printed_at_once():
    text, seconds = timed("--version")
    assert text == f"dimjax {dimjax.__version__}\n" and seconds < MAX_CPU_SECONDS


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["detect", "--help"]])
def test_the_help_names_every_verb_and_flag_at_once(words):
    text, seconds = timed(*words)
    for expected in ("dimjax check", "Exit status: 0 done", "--workdir: The run's", "--config:"):
        assert expected in text
    assert seconds < MAX_CPU_SECONDS


@pytest.mark.parametrize(
    "words", [["scroe"], ["--config=configs/dmo.py"], ["--nope=3"], ["detect", "--input="]]
)
def test_wrong_usage_is_refused_at_once(words):
    assert timed(*words, status=2)[1] < MAX_CPU_SECONDS


@pytest.mark.parametrize(
    ("caches", "folder"), [("", None), ("relative", None), ("/caches", "/caches/dimjax/xla")]
)
def test_a_user_without_a_home_has_no_cache_but_a_named_one(monkeypatch, caches, folder):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # in no list of users
    monkeypatch.setenv("XDG_CACHE_HOME", caches)
    assert compiled_programs.cache_folder() == folder


def test_compiled_programs_are_cached_for_the_next_start(tmp_path):
    """Before a configuration or a stage imports JAX, which reads the folder then."""
    words = ["--config=configs/demo.py", "--config.data.folder=/nowhere", f"--workdir={tmp_path}/r"]
    program = f"""if True:
        import sys
        from dimjax.commands import verbs
        from dimjax.errors import InputError
        sys.argv = ["dimjax", *{words}]
        try:
            verbs.main()
        except InputError as error:
            assert "/nowhere" in str(error), error
        import jax
        print(jax.config.jax_compilation_cache_dir)
    """
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split()[-1:] == [str(tmp_path / "dimjax" / "xla")], done.stderr


REFUSED = {
    "detect --untrained --input={empty}": "a sequence must have frames; found an empty folder",
    "detect --input={empty}/a.mp4": "a sequence must exist",
    "detect --workdir={run} --input={empty}": "a checkpoint of any epoch is needed",
    "detect --workdir={run} --input=-": "a checkpoint of any epoch is needed",
    "evaluate --workdir={run} --input={empty}": "images, videos or stacks of frames; found none",
    "check --input={empty}": "must contain images, videos or stacks of frames; found none",
    "check --workdir={run}": "sky: a data folder must exist; found no folder",
    "implant --input={empty} --output={empty}/new": "must contain images, videos or stacks",
    "score --workdir={run}": "a checkpoint of any epoch is needed; found no folder",
    "export --workdir={run}": "a checkpoint of any epoch is needed; found no folder",
    "export --labels=csv --workdir={empty}": "a run's directory holds config.json; found none",
    "report --compare={run},{run}/.": "--compare: it must name two different runs; found '",
    "implant --output={empty}/new": "--input: the verb needs a data folder; found nothing. Give --",
    "report --compare={run},{empty}": "a run's directory holds config.json; found none",
    "train --workdir={empty}": "a run's directory holds config.json; found none",
}


def test_wrong_folders_are_refused_before_jax_is_loaded(copied):
    (copied / "empty").mkdir()
    commands = [line.format(run=copied, empty=copied / "empty").split() for line in REFUSED]
    program = f"""if True:
        import os, sys
        from dimjax.commands import recognise, verbs
        for words in {commands}:
            if os.fork():  # flags are read once in a process
                os.wait()
                continue
            sys.argv = ["dimjax", *words]
            try:
                verbs.main()
            except Exception as error:
                loaded = sorted({{"jax", "tensorflow"}} & set(sys.modules))
                print(loaded, repr(str(error)), flush=True)
            os._exit(0)
    """
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    for line, reason in zip(done.stdout.splitlines(), REFUSED.values(), strict=True):
        assert line.startswith("[] ") and reason in line, done.stdout + done.stderr


def test_too_few_addresses_for_jax_are_named_before_it_aborts(tmp_path):
    command = f"ulimit -v 3000000; {sys.executable} main.py detect --untrained --input={tmp_path}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == (
        "error: memory: JAX must be able to reserve at least 4 GB; found a limit of 3.1 GB. "
        "Raise the limit with `ulimit -v`.\n"
    )


def test_a_folder_without_a_flag_is_an_input(tmp_path):
    text = printed("check", tmp_path, status=2)
    assert text.endswith(f"found check {tmp_path}. Give --input={tmp_path}.\n")


def test_the_console_command_is_the_program():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["dimjax"].partition(":")
    assert callable(getattr(import_module(module), function))
    assert project["version"] == dimjax.__version__


def test_a_bundled_configuration_is_found_from_another_folder(tmp_path, monkeypatch):
    assert bundled.ROOT == ROOT
    monkeypatch.chdir(tmp_path)
    assert bundled.find("configs/demo.py") == ROOT / "configs/demo.py"
    assert bundled.find("configs/mine.py") == Path("configs/mine.py")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "demo.py").touch()
    assert bundled.find("configs/demo.py") == Path("configs/demo.py")


@pytest.fixture
def copied(tiny_run, tmp_path):
    """A directory with nothing but the configuration of a run."""
    shutil.copy(tiny_run / "config.json", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("key", "recorded", "given"),
    [
        ("training.epochs", "4", "20"),
        ("sky.settings.snr", "[8.0, 15.0]", "[2.0, 15.0]"),  # JSON has no tuples
        ("sky.training.interference_per_frame", "None", "3.5"),
    ],
)
def test_keys_alone_refer_to_the_configuration_of_the_run(copied, key, recorded, given):
    value = given.replace("[", "(").replace("]", ")")
    text = printed("report", f"--config.{key}={value}", f"--workdir={copied}", status=1)
    assert f"a run keeps its configuration, {key}={recorded}; found {key}={given}. " in text


@pytest.mark.parametrize("words", [["report", "--workdir"], ["detect", "--input=a", "--output"]])
@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_place_of_a_folder_is_named_without_a_log(tmp_path, words, name):
    (tmp_path / "file").write_text("kept")
    *verb, flag = words
    text = printed(*verb, f"{flag}={tmp_path / name}", status=1)
    value = f"the file {tmp_path / 'file'}. Choose another place."
    assert text == f"error: {flag}: it must be a folder, or not exist; found {value}\n"
    assert (tmp_path / "file").read_text() == "kept"


def test_a_path_behind_the_verb_is_given_by_a_flag(copied):
    (copied / "data").mkdir()
    for path, flag in ((copied, "--workdir"), (copied / "data", "--input")):
        assert printed("check", path, status=2).endswith(
            f"found check {path}. Give {flag}={path}.\n"
        )


def test_an_unknown_key_of_a_run_is_named(copied):
    text = printed("train", "--config.seeed=3", "--workdir", str(copied), status=2)
    assert text.endswith('found seeed. Did you mean "seed" instead of "seeed"?\n')


@pytest.mark.parametrize(
    ("line", "flags", "message"),
    [
        ("", ["--config.training.epoch=3"], r"--config: every key .*; found training\.epoch\. Did"),
        (
            "config.training.epoch = 3",
            [],
            r"found training\.epoch\. Did you mean training\.epochs\?",
        ),
        (
            "{'a': 1}['b']",
            [],
            r"mine\.py line 5: it must be a configuration .*; found KeyError: 'b'\. Corr",
        ),
        (
            "config.data.layout.category = {'s*': 'target'}; config.sky.training.pan_px = 1.0",
            [],
            "",
        ),
    ],
)
def test_an_unknown_key_is_named(tmp_path, line, flags, message):
    body = f"config = default.get_config()\n    {line}\n    return config\n"
    file = tmp_path / "mine.py"
    file.write_text(f"from configs import default\n\ndef get_config():\n    {body}")
    text = printed("score", f"--config={file}", *flags, "--workdir=nowhere", status=2)
    assert re.search(message or "score: only flags of the verb may be given", text)


CATEGORY = r"error: config\.data\.layout\.category: keys must be texts; found {0}\. Write '{0}'\.\n"


@pytest.mark.parametrize(
    ("line", "words", "found"),
    [
        ("", ["--config.data.layout.category={1: 'target'}"], "1"),
        ("", ["--config.data.layout.category", "{None: 'target', 'a': 'target'}"], "None"),
        ("", ["--config.data.layout={'category': {2.5: 'target'}}"], "2.5"),
        ("config.data.layout.category = {1: 'target'}", [], "1"),
    ],
)
def test_a_key_that_is_no_text_is_named(tmp_path, line, words, found):
    body = f"config = default.get_config()\n    {line}\n    return config\n"
    file = tmp_path / "mine.py"
    file.write_text(f"from configs import default\n\ndef get_config():\n    {body}")
    text = printed("check", f"--config={file}", *words, "--workdir=nowhere", status=2)
    assert re.fullmatch(CATEGORY.format(found), text)


def test_keys_need_a_run_that_exists(tmp_path):
    text = printed("train", "--config.seed=3", f"--workdir={tmp_path}", status=1)
    assert text.endswith("found none. Name a run, or give --config to start one.\n")


@pytest.mark.parametrize(
    ("file", "name"), [("main.py", "python main.py"), ("/usr/bin/dimjax", "dimjax")]
)
def test_remedies_name_the_command_that_the_user_types(monkeypatch, file, name):
    monkeypatch.setattr(sys, "argv", [file, "train"])
    assert errors.program() == name


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (0, 8, 30.0, "0/8, 0 frame/s"),
        (2, 8, 40.0, "2/8, 20 s/frame, 02:00 left"),
        (3000, 12000, 60.0, "3,000/12,000, 50 frame/s, 03:00 left"),
        (90, None, 60.0, "90, 1.5 frame/s"),
    ],
)
def test_a_line_of_progress_has_rate_and_time_left(done, total, seconds, text):
    assert progress_text(done, total, seconds, "frame") == text


def test_without_a_terminal_a_line_is_printed_every_30_seconds(monkeypatch, capsys):
    now = iter([0.0, 10.0, 29.0, 31.0, 45.0, 62.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    assert list(bar(range(5), "search", "frame")) == [0, 1, 2, 3, 4]
    expected = "search: 2/5, 15.5 s/frame, 00:46 left\nsearch: 4/5, 15.5 s/frame, 00:15 left\n"
    assert capsys.readouterr() == ("", expected)


def test_numbers_of_things_have_their_singular():
    assert [counted(n, "frame") for n in (0, 1, 1204)] == ["0 frames", "1 frame", "1,204 frames"]
