"""Build step: the folders configs and datasets are copied into the package, see pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_BUNDLED = ("configs", "datasets")


class BuildWithFolders(build_py):
    """Copies the configurations and the TFDS builder to dimjax/bundled of a wheel."""

    def run(self):
        """Copy the package, then the folders; an editable installation uses the originals."""
        super().run()
        if self.editable_mode:
            return
        for folder in _BUNDLED:
            target = Path(self.build_lib, "dimjax", "bundled", folder)
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(folder, target, ignore=ignored, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithFolders})
