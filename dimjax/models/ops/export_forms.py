"""Selection of the form in which operations are traced: fast in XLA, or fit for export.

Some operations are written as many small steps because XLA compiles those to faster code. ONNX has
a single operator for each, and its runtimes are fast only with that one. Both forms compute the
same result up to rounding; the form is selected where the network is traced:

    with for_export():
        outputs = model.apply(variables, images, train=False)

Functions that are already compiled keep their form, because jit does not see the selection.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

_for_export = ContextVar("for_export", default=False)


@contextmanager
def for_export() -> Iterator[None]:
    """Trace operations in their export form within this context."""
    token = _for_export.set(True)
    try:
        yield
    finally:
        _for_export.reset(token)


def export_form(form: Callable) -> Callable[[Callable], Callable]:
    """Return a decorator that calls `form` instead of the decorated function within for_export.

    Args:
      form: The operation's export form, with the same arguments.
    """

    def decorate(fast: Callable) -> Callable:
        @wraps(fast)
        def either(*args, **kwargs):
            return (form if _for_export.get() else fast)(*args, **kwargs)

        return either

    return decorate
