"""The API reference of the site: `::: dimjax.load` in a page becomes signature and docstring."""

import importlib
import inspect
import re

_LINE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
_SECTIONS = ("Args", "Returns", "Raises", "Attributes")


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Replace each line `::: NAME` by the description of the object."""
    return _LINE.sub(lambda match: describe(match[1]), markdown)


def describe(name: str) -> str:
    """Describe a function, or a class with its public methods, as Markdown."""
    entry = _resolve(name)
    parts = [_entry(name, entry, 3)]
    if inspect.isclass(entry):
        members = {key: one for key, one in vars(entry).items() if not key.startswith("_")}
        for key, one in members.items():
            if inspect.isfunction(one):
                parts.append(_entry(f"{name.rpartition('.')[2]}.{key}", one, 4))
            elif isinstance(one, property):
                parts.append(f"`{key}`: {_text(one)}")
    return "\n\n".join(parts)


def _resolve(name: str):
    """Import the object of a dotted name."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _entry(name: str, entry, level: int) -> str:
    signature = re.sub(r"\bself, |\bself(?=\))", "", str(inspect.signature(entry)))
    code = f"    {name.rpartition('.')[2]}{signature}"
    return f"{'#' * level} `{name}`\n\n{code}\n\n{_text(entry)}"


def _text(entry) -> str:
    """Return a docstring with its sections as lists."""
    docstring = inspect.getdoc(entry)
    if not docstring:
        raise ValueError(f"{entry}: a public name needs a docstring")
    lines = []
    for line in docstring.splitlines():
        title = line.removesuffix(":")
        item = re.match(r"  (\w+): (.*)", line)
        if title in _SECTIONS and line.endswith(":"):
            lines += [f"**{title}**", ""]
        elif item:
            lines.append(f"- `{item[1]}`: {item[2]}")
        else:
            lines.append(line.strip() if line.startswith("  ") else line)
    return "\n".join(lines)
