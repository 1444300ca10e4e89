""".ci/prose: which text of a file it reads, and which phrases it counts.

A phrase that it counts is written with ~ for its space here, so that this file has none.
"""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / ".ci" / "prose"


def write(path: Path, text: str) -> Path:
    path.write_text(text.replace("~", " "))
    return path


def run(*paths: Path) -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, SCRIPT, *paths], capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_comments_docstrings_messages_and_test_names_are_read(tmp_path):
    text = (
        '"""Says what~is read,\n\nand so~\nmany words."""\n'
        'NAME = "what~is"  # what~is short is no message\n'
        'raise ValueError(f"what~is {NAME} read as one whole message")\n'
        "# A comment in which nothing\n# speaks~\n# of it.\n"
        "def test_what_is_a_name(): ...\n"
    )
    file = write(tmp_path / "example.py", text)
    status, lines = run(file)
    hits = ["1: what~is", "3: so~many", "5: what~is", "6: what~is", "8: speaks~of", "10: what~is"]
    assert lines[:-1] == [f"{file}:{hit.replace('~', ' ')}" for hit in hits]
    assert status == 1 and lines[-1].startswith("prose: 6 hits in 34 words, 176.47 in 1,000;")


def test_code_in_markdown_does_not_count(tmp_path):
    text = "`what~is`\n\n    in~comes\n\n```\nso~much\n```\n\nIt is~\ntold [x](put~up).\n"
    file = write(tmp_path / "page.md", text)
    status, lines = run(tmp_path)
    assert status == 1 and lines[0] == f"{file}:9: is told" and len(lines) == 2


def test_scripts_and_pages_are_read(tmp_path):
    text = 'let a = "so~many"; // so~many\n/* put~\n up */ let b = "// in~comes";\n'
    script = write(tmp_path / "a.js", text)
    text = '<p class="what~is">\nwho~checks <!-- given~away --></p>'
    page = write(tmp_path / "b.html", text)
    hits = [f"{script}:1: so~many", f"{script}:2: put~up"]
    hits += [f"{page}:2: given~away", f"{page}:2: who~checks"]
    assert run(script, page)[1][:-1] == [hit.replace("~", " ") for hit in hits]


def test_a_rate_up_to_the_limit_passes(tmp_path):
    for words, status in ((3340, 0), (3320, 1)):  # 1 hit: 0.299 and 0.301 in 1,000
        text = "There is~none among them.\n" + "plain " * (words - 5)
        assert run(write(tmp_path / "page.md", text))[0] == status
