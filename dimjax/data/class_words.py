"""Categories of classes by the words in their names, as a person reads them.

category_of_class("sea birds")                      # "interference"
category_of_class("drone_cloud")                    # "target", in front of a cloud
category_of_class("non-target")                     # "interference"
"""

import re

from dimjax.data.layouts import IGNORE

_IGNORED = re.compile(r"ignor|don.?t.?care|crowd", re.IGNORECASE)  # regions of several objects
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_INTERFERENCE = re.compile(
    r"[a-z]*bird|cloud|clutter|interfer[a-z]*|noise|glint|flare|decoy|distractor|star|background"
    r"|negative|non(target|drone|uav)"
)
_PAIRS = ({"false", "alarm"}, {"hot", "pixel"})
_TARGET = re.compile(
    r"drone|ua[vs]|aircraft|a(ir|ero)?plane|plane|helicopter|quadcopter|multirotor|jet|missile"
    r"|rocket|satellite|ship|vehicle"
)
_DENIALS = {"non", "not", "no", "false"}


def category_of_class(name: str) -> str:
    """Return "target", "interference" or "ignore".

    Other names are those of targets, and so is one with a word for targets beside others, unless
    it is denied.
    """
    if _IGNORED.search(name):
        return IGNORE
    words = {word.lower() for word in _WORD.findall(name)}
    words |= {word.removesuffix("s") for word in words}
    is_denied = bool(words & _DENIALS)
    if any(map(_TARGET.fullmatch, words)):
        return "interference" if is_denied else "target"
    if any(pair <= words for pair in _PAIRS):
        return "interference"
    if any(map(_INTERFERENCE.fullmatch, words)):
        return "target" if is_denied else "interference"
    return "interference" if is_denied and "target" in words else "target"
