"""Optional packages of the extra export."""

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Iterator
from types import ModuleType

from dimjax.errors import InputError


def needed(name: str) -> ModuleType:
    """A module of the extra export.

    Raises:
      InputError: It is not installed.
    """
    try:
        with _quiet():
            return importlib.import_module(name)
    except ImportError as missing:
        raise InputError(
            "export",
            "ONNX needs the packages of the extra export",
            f"no {missing.name}",
            "Type: pip install 'dimjax[export]'",
        ) from missing


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """jax2onnx prints each layer, and logs plugins for libraries that are of no use here."""
    logger = logging.getLogger("jax2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
