"""The source distribution builds a wheel, and the wheel runs without the repository."""

import json
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest
import yaml

import dimjax

ROOT = Path(__file__).parent.parent
BUILD = "from setuptools import build_meta; print(build_meta.build_{}('dist'))"
TINY = [
    "--config=configs/demo.py",
    "--config.sky.sequences.train=1",
    "--config.sky.sequences.val=1",
    "--config.sky.sequences.test=0",
    "--config.sky.settings.frames=10",
    "--config.sky.settings.height=64",
    "--config.sky.settings.width=64",
    "--config.chips.chip_px=32",
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with a wheel that was built from the source distribution, without the repository."""
    folder = tmp_path_factory.mktemp("packaging")
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    tracked = [name for name in files.decode().split("\0") if (ROOT / name).is_file()]
    for name in tracked:
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / name).write_bytes((ROOT / name).read_bytes())
    venv.create(folder / "tools", with_pip=True)
    python = folder / "tools" / "bin" / "python"
    run = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", "setuptools"]
    subprocess.run(run, check=True)
    subprocess.run([python, "-c", BUILD.format("sdist")], cwd=folder / "tree", check=True)
    (archive,) = (folder / "tree" / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as contents:
        contents.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    subprocess.run([python, "-c", BUILD.format("wheel")], cwd=source, check=True)
    (wheel,) = (source / "dist").glob("*.whl")
    install = [python, "-m", "pip", "install", "-q", "--no-deps", f"--target={folder / 'site'}"]
    subprocess.run([*install, wheel], check=True)
    return folder / "site"


def dimjax_command(installed, cwd, *words):
    command = [sys.executable, installed / "bin" / "dimjax", *words]
    environment = {"PYTHONPATH": str(installed), "PATH": "", "HOME": str(cwd)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_dimjax_has_a_command(installed, tmp_path):
    assert dimjax_command(installed, tmp_path, "--version") == f"dimjax {dimjax.__version__}\n"
    assert (installed / "dimjax" / "report" / "page.html").exists()
    assert not (installed / "configs").exists() and not (installed / "datasets").exists()


def test_an_installed_dimjax_builds_the_chips_of_a_bundled_configuration(installed, tmp_path):
    printed = dimjax_command(installed, tmp_path, "build", *TINY, "--workdir=run")
    assert "chips of 32 px" in printed
    assert (tmp_path / "run" / "sky" / "labels.csv").exists()
    versions = json.loads((tmp_path / "run" / "config.json").read_text())["versions"]
    assert versions["dimjax"] == dimjax.__version__


def test_the_citation_names_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == dimjax.__version__ and citation["license"] == "Apache-2.0"
    assert citation["preferred-citation"]["doi"] in (ROOT / "README.md").read_text()
    assert dimjax.__version__ in (ROOT / "CHANGELOG.md").read_text()
