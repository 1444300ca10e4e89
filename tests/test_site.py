"""The pages of the documentation, as a site and as files."""

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")


def test_every_page_stands_in_the_navigation_once():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    listed = [page for entry in site["nav"] for page in entry.values()]
    assert sorted(listed) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_the_files_that_a_page_links_to_exist(page):
    for target, _ in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_links_out_of_the_site_become_text():
    spec = importlib.util.spec_from_file_location("site_links", ROOT / ".ci" / "site_links.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = SimpleNamespace(file=SimpleNamespace(src_path="a.md"))
    config = {"docs_dir": str(ROOT / "docs")}
    text = "see [the sky](../configs/sky.py), [more](../README.md#try-it) and [rounds](rounds.md)"
    expected = "see the sky, more and [rounds](rounds.md)"
    assert hook.on_page_markdown(text, page, config, None) == expected
    with pytest.raises(ValueError, match=r"a\.md: no file \.\./nothing\.py"):
        hook.on_page_markdown("[x](../nothing.py)", page, config, None)


def hook_of(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook


def test_the_reference_describes_every_name_that_it_lists():
    hook, text = hook_of("api_pages"), (ROOT / "docs" / "api.md").read_text()
    page = hook.on_page_markdown(text, None, None, None)
    assert "::: " not in page and page.count("### `dimjax.") == text.count("\n::: dimjax.") > 8
    assert "#### `Run.losses`" in page and "- `split`: " in page and "**Raises**" in page
    assert "self" not in re.sub(r"itself", "", page)
    with pytest.raises(AttributeError, match="nothing"):
        hook.describe("dimjax.nothing")


def test_the_configuration_of_the_tutorial_has_known_keys():
    text = (ROOT / "docs" / "tutorial.md").read_text()
    block = re.search(r"    # mine\.py\n((?:    .*\n|\n)+)", text)[1]
    namespace = {}
    exec(re.sub(r"^    ", "", block, flags=re.MULTILINE), namespace)
    config = namespace["get_config"]()
    assert config.data.folder == "clips" and config.training.checkpoint == "best"
