"""Optional packages, installed by the extra `export`.

import_extra("onnx").checker.check_model(model)
"""

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Iterator
from types import ModuleType

from dimjax.errors import InputError


def import_extra(name: str) -> ModuleType:
    """Import a module of the extra `export`.

    Raises:
      InputError: It is not installed.
    """
    try:
        with silenced():
            return importlib.import_module(name)
    except ImportError as missing:
        raise InputError(
            "export",
            "ONNX needs the packages of the extra export",
            f"no {missing.name}",
            "Type: pip install 'dimjax[export]'",
        ) from missing


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Silence jax2onnx, which prints each layer and logs missing plugins for other libraries."""
    logger = logging.getLogger("jax2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
