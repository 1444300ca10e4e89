"""Links of the site to files of the repository: their text stays, and the files must exist."""

import re
from pathlib import Path

_OUTSIDE = re.compile(r"\[([^\]]*)\]\((\.\./[^)#]*)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Replace links that lead out of docs/ by their text."""
    folder = Path(config["docs_dir"])
    for _, path, _ in _OUTSIDE.findall(markdown):
        if not (folder / path).exists():
            raise ValueError(f"{page.file.src_path}: no file {path}")
    return _OUTSIDE.sub(r"\1", markdown)
