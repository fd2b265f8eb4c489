"""The site is whole: links, anchors, playground, reference; nothing comes from afar."""

import importlib
import inspect
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import deepxor
from deepxor.web.page import page_files
from scripts.pages import reference, site
from tests.support.browser import Page, chromium
from tests.support.static_site import static_site

ROOT = Path(__file__).parent.parent
# What a browser fetches without being asked, by element.
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "link": "href",
}


class Document(HTMLParser):
    """What the tests look at of a page.

    Attributes:
        links: The addresses of all links and of all that is shown.
        loaded: Those of what a browser fetches by itself.
        ids: What a fragment may name.
        prose: The text outside of code and scripts.
    """

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.ids, self.prose = [], [], set(), ""
        self._inside = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if name in found]
        if found.get(LOADED.get(tag)):
            self.loaded.append(found[LOADED[tag]])
        if tag in ("code", "pre", "script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data):
        if not self._inside:
            self.prose += data


def build(root, folder):
    """Builds the site of a checkout, as scripts/docs does."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "below" / "site"
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def documents(built):
    return {path: Document(path) for path in sorted(built.rglob("*.html"))}


def test_every_link_leads_to_a_file_and_a_place_in_it(built, documents):
    assert len(documents) > 15
    for path, document in documents.items():
        for link in document.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve()
            target = path if not parts.path else target
            assert target.is_file() and target.is_relative_to(built), (path.name, link)
            if parts.fragment and target in documents:
                places = documents[target].ids
                assert unquote(parts.fragment) in places, (path.name, link)


def test_nothing_is_loaded_from_another_origin(built, documents):
    for path, document in documents.items():
        assert document.loaded, path
        for address in document.loaded:
            parts = urlsplit(address)
            assert not parts.netloc and parts.scheme in ("", "data"), (path, address)
    for path in built.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", text), path


def test_the_pages_are_those_of_the_repository(built):
    docs = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"README"}
    tops = {name.removesuffix(".md") for name in site.PAGES.values()}
    assert {path.stem for path in built.glob("*.html")} == (docs | tops | {"reference"})
    assert {path.stem for path in (built / "lesson").glob("*.html")} == {
        path.stem for path in (ROOT / "docs" / "lesson").glob("*.md")
    }


def test_no_markdown_is_left_in_the_text(documents):
    for path, document in documents.items():
        found = re.findall(r"\|--|\]\(|:::|```|\*\*", document.prose)
        assert not found, (path.name, found)


def test_the_playground_is_what_its_command_serves(built):
    folder = built / "playground"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {str(p.relative_to(folder)): p.read_bytes() for p in files} == page_files()


def test_every_public_name_is_in_the_reference_with_its_docstring(built, documents):
    assert set(reference.PUBLIC) == set(deepxor.__all__)
    document = documents[built / "reference.html"]
    named = {f"deepxor.{name}" for name in reference.PUBLIC}
    related = {path for paths in reference.PUBLIC.values() for path in paths}
    assert named | related <= document.ids
    objects = [getattr(deepxor, name) for name in reference.PUBLIC]
    for path in related:
        module, _, name = path.rpartition(".")
        objects.append(getattr(importlib.import_module(module), name))
    prose = " ".join(document.prose.split())
    for found in objects:
        sentence = inspect.getdoc(found).split("\n")[0]
        # Code in a docstring is no prose.
        for part in sentence.split("`")[::2]:
            assert part.strip() in prose, found


def test_every_button_is_there(built, documents):
    for name, (label, address) in site.BUTTONS.items():
        document = documents[built / name.replace(".md", ".html")]
        assert address in document.links and label in document.prose, name


def test_korean_pages_say_so(documents):
    for path in documents:
        if path.parent.name == "playground":
            continue
        language = "ko" if path.stem.endswith(".ko") else "en"
        assert f'<html lang="{language}"' in path.read_text(encoding="utf-8"), path


def test_a_broken_link_or_anchor_ends_the_build(tmp_path):
    for name in ("docs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("mkdocs.yml", "examples", "deepxor", "LICENSE"):
        (tmp_path / name).symlink_to(ROOT / name)
    for path in ROOT.glob("*.md"):
        shutil.copy(path, tmp_path)
    with (tmp_path / "docs" / "ladder.md").open("a") as page:
        page.write("\n[a](nowhere.md) [b](speed.md#nowhere)\n")
    with (tmp_path / "CHANGELOG.md").open("a") as page:
        page.write("\n[c](docs/elsewhere.md)\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    for target in ("'nowhere.md'", "'#nowhere'", "'docs/elsewhere.md'"):
        assert target in done.stderr
    assert len(re.findall("^WARNING", done.stderr, re.MULTILINE)) == 3


def test_links_are_those_of_the_site():
    text = "[a](docs/speed.md#in-short) [b](https://x.org/README.md) [c](scripts/test)"
    assert site.relinked(text, "index.md") == (
        "[a](speed.md#in-short) [b](https://x.org/README.md) [c](scripts/test)"
    )
    text = "[a](../../README.md) [b](../monitor.md) [c](x.ipynb) [d](#here)"
    assert site.relinked(text, "lesson/x.md") == (
        "[a](../index.md) [b](../monitor.md) [c](x.ipynb) [d](#here)"
    )


def test_it_works_below_any_address_and_asks_no_other(built):
    """Its search and its playground, in a browser."""
    with static_site(built.parent.parent) as url, chromium() as driver:
        page = Page(driver, url)
        driver.get(f"{url}below/site/index.html")
        driver.execute_script("document.querySelector('#__search').click()")
        page.elements("input.md-search__input")[0].send_keys("vanishing")
        page.wait_for_count("a.md-search-result__link", 1)
        (button,) = page.elements("a.md-button--primary")
        loaded = "return performance.getEntriesByType('resource').map((e) => e.name)"
        asked = driver.execute_script(loaded)
        driver.get(button.get_attribute("href"))
        assert driver.current_url.startswith(f"{url}below/site/playground/")
        page.wait_for_texts("output.steps", {"step 0"})
        asked += driver.execute_script(loaded)
        assert asked and all(address.startswith(url) for address in asked), asked
        severe = [e for e in driver.get_log("browser") if e["level"] == "SEVERE"]
        assert not severe


def test_the_command_refuses_what_it_does_not_know():
    done = subprocess.run(
        [ROOT / "scripts" / "docs", "--sevre"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "--sevre" in done.stderr
