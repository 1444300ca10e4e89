"""Patterns of paths, with the placeholders {sequence}, {split} and {frame}.

A pattern is a shell glob relative to a data folder. A placeholder stands for a part of a name; its
text is the same wherever it occurs; that of {split} is one of SPLIT_FOLDERS, also with a year or
"set" behind it: train2017, Test_set.

    match("{split}/{sequence}/img", "train/k1/img")         # {"split": "train", "sequence": "k1"}
    fill("labels/{sequence}/{frame}.txt", sequence="seq1")  # "labels/seq1/{frame}.txt"
    glob_of("labels/{sequence}/{frame}.txt")                # "labels/*/*.txt"
"""

import fnmatch
import functools
import re

SEQUENCE, SPLIT, FRAME = "{sequence}", "{split}", "{frame}"

# Names of folders that {split} stands for -> split.
SPLIT_FOLDERS = {"train": "train", "training": "train", "val": "val", "valid": "val"}
SPLIT_FOLDERS |= {"validation": "val", "test": "test", "testing": "test", "new": "new"}
# Nothing is learnt or chosen from sequences called eval.
SPLIT_FOLDERS |= {"trainval": "train", "eval": "test", "evaluation": "test"}

_SPLIT_NAME = rf"(?i:({'|'.join(SPLIT_FOLDERS)})(?:[ _-]?(?:set|20\d\d))?)"

_PIECES = re.compile(r"\*\*/|\*|\?|\[!?+\]?+[^\]/]*\]|\{(?:sequence|split|frame)\}")
_WILDCARDS = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}


def fill(pattern: str, **texts: str) -> str:
    """Replace placeholders by texts, which stand for themselves in a glob."""
    for name, text in texts.items():
        pattern = pattern.replace(f"{{{name}}}", literal(text))
    return pattern


def literal(text: str) -> str:
    """Return the pattern that matches a text alone."""
    return re.sub(r"([*?[])", r"[\1]", text)


def glob_of(pattern: str) -> str:
    """Return the glob that matches all paths of a pattern."""
    globbed = re.sub(r"\{(sequence|split|frame)\}", "*", pattern)
    return re.sub(r"(?<=[^/*])\*\*|\*\*(?=[^/*])", "*", globbed)  # ** is for whole folders only


def match(pattern: str, path: str) -> dict[str, str] | None:
    """Return the texts of the placeholders in a relative path; None if it does not match.

    {frame} stands for digits beside another placeholder in the same name, and else for any text.
    Directly behind {sequence} these are all the digits there, if others come before them: the
    texts in cam1_T017 are cam1_T and 017.
    """
    found = _expression(pattern).fullmatch(path)
    return found and found.groupdict()


def split_of(name: str) -> str | None:
    """Return the split that a folder is of, by its name; None if it is none."""
    found = re.fullmatch(_SPLIT_NAME, name)
    return SPLIT_FOLDERS[found[1].lower()] if found else None


def split_words(name: str) -> set[str]:
    """Return the keys of SPLIT_FOLDERS among the words of a name: test of IR_testset2."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {re.sub("(sets?|lists?)$", "", word.lower()) for word in words} & set(SPLIT_FOLDERS)


def path_pattern(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Generalise paths of one depth: {split}, {sequence} or * in place of parts that differ."""
    parts = [sorted(set(column)) for column in zip(*paths, strict=True)]
    pattern = []
    varying = [k for k, values in enumerate(parts) if len(values) > 1 and not _are_splits(values)]
    key = max(varying, key=lambda k: (len(parts[k]), k), default=None)
    for k, values in enumerate(parts):
        if k == key:
            pattern.append(SEQUENCE)
        elif len(values) > 1 or _are_splits(values):
            pattern.append(SPLIT if _are_splits(values) else "*")
        else:
            pattern.append(literal(values[0]))
    return tuple(pattern)


def _are_splits(values: list[str]) -> bool:
    return all(split_of(value) for value in values)


@functools.lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern:
    texts, end, seen = [], 0, set()
    for piece in _PIECES.finditer(pattern):
        texts += [re.escape(pattern[end : piece.start()]), _translate(piece[0], pattern, seen)]
        end = piece.end()
    return re.compile("".join(texts) + re.escape(pattern[end:]))


def _translate(piece: str, pattern: str, seen: set[str]) -> str:
    if piece in _WILDCARDS:
        return _WILDCARDS[piece]
    if piece.startswith("["):  # as glob reads it: a range may be empty, a backslash is a character
        inner = re.fullmatch(r"\(\?s:(.*)\)\\[zZ]", fnmatch.translate(piece), re.DOTALL)[1]
        return f"(?!/){inner}"
    name = piece[1:-1]
    if name in seen:
        return f"(?P={name})"
    seen.add(name)
    if piece == SPLIT:
        return f"(?P<split>{_SPLIT_NAME})"
    if piece == SEQUENCE and f"{SEQUENCE}{FRAME}" in pattern:
        return r"(?P<sequence>[^/]*[^/\d]|[^/]+)"
    shared = any(FRAME in part and part.count("{") > 1 for part in pattern.split("/"))
    return rf"(?P<{name}>\d+)" if piece == FRAME and shared else f"(?P<{name}>[^/]+)"
