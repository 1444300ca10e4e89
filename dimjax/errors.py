"""The one error for bad input: it says where, the rule, what was found, what to do.

raise InputError("labels.csv line 17", "x must lie in 0 <= x < 640", 640.2,
                 "Correct the row or remove it.")

Who checks many things takes a `report` and gives it each problem. By default it is `stop`, which
raises the first; `problems.append` collects all, and what is wrong is left out.
"""

from collections.abc import Callable


class InputError(ValueError):
    """Something a user gave is wrong.

    Args:
      where: File (and line), configuration key or sequence that is wrong.
      rule: What holds for right input.
      found: The value that breaks the rule.
      remedy: A sentence that says what to do.
    """

    def __init__(self, where: object, rule: str, found: object, remedy: str):
        super().__init__(f"{where}: {rule}; found {found}. {remedy}")


Report = Callable[[InputError], None]


def stop(problem: InputError) -> None:
    """The usual report of a problem."""
    raise problem
