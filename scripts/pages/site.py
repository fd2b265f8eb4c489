"""Adds to the site what is not in docs/; a hook of MkDocs, see mkdocs.yml.

These are the pages at the top of the repository, the reference of the public names, the
playground, and the files of the repository that pages link to.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from deepxor.web.page import page_files
from scripts.pages import reference

ROOT = Path(__file__).resolve().parents[2]

# File of the repository -> page of the site. What is in docs/ has the same name there.
PAGES = {
    "README.md": "index.md",
    "README.ko.md": "index.ko.md",
    "docs/README.md": "pages.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}

# Page -> the label and the address of its button. The files in the repository have
# none, as the playground's page is there only once it is exported.
BUTTONS = {
    "index.md": ("Open the playground", "playground/index.html?lang=en"),
    "index.ko.md": ("놀이터 열기", "playground/index.html?lang=ko"),
    "playground.md": ("Open the playground", "playground/index.html?lang=en"),
    "lesson/vanishing_gradient.en.md": ("The notebook", "vanishing_gradient.en.ipynb"),
    "lesson/vanishing_gradient.ko.md": ("노트북 파일", "vanishing_gradient.ko.ipynb"),
}

# A web server shows its own page in place of the first.
NEED_ADDRESS = ("404.html", "sitemap.xml")

_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Returns the files of docs/ and what the site has besides."""
    # MkDocs takes it for the home page.
    readme = files.get_file_from_path("README.md")
    if readme is not None:
        files.remove(readme)
    for source, name in PAGES.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    for source in sorted(_linked_files(files)):
        files.append(File.generated(config, source, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, "reference.md", content=reference.page()))
    for name, content in page_files().items():
        files.append(File.generated(config, f"playground/{name}", content=content))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Returns a page with the links that lead to the same as in the repository."""
    name = page.file.src_uri
    if page.parent is None:
        # A page without neighbours needs no list of them.
        page.meta.setdefault("hide", ["navigation"])
    markdown = relinked(markdown, name)
    if name in BUTTONS:
        label, address = BUTTONS[name]
        button = f"[{label}]({address}){{ .md-button .md-button--primary }}"
        head, rest = _split_after_head(markdown)
        markdown = f"{head}\n\n{button}\n\n{rest}"
    return markdown


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Returns a page with its language, which voices and browsers look at."""
    if page.file.src_uri.endswith(".ko.md"):
        return output.replace('<html lang="en"', '<html lang="ko"', 1)
    return output


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """Returns nothing of the files that need the site's address, which nobody knows."""
    return "" if template_name in NEED_ADDRESS else output


def relinked(markdown: str, name: str) -> str:
    """Returns a page's Markdown with links as they are between the site's files.

    Args:
        markdown: What the file in the repository has.
        name: The page's path in the site.
    """

    def replaced(match: re.Match[str]) -> str:
        target, fragment = match[1], match[2] or ""
        path = _repository_path(target, name)
        if path is None:
            return match[0]
        start = posixpath.dirname(name) or "."
        return f"]({posixpath.relpath(_site_path(path), start)}{fragment})"

    return _LINK.sub(replaced, markdown)


def _repository_path(target: str, name: str) -> str | None:
    """Returns the file of the repository that a page's link leads to, if to any."""
    sources = {page: source for source, page in PAGES.items()}
    folder = posixpath.dirname(sources.get(name, f"docs/{name}"))
    path = posixpath.normpath(posixpath.join(folder, target))
    return path if ":" not in target and (ROOT / path).is_file() else None


def _site_path(path: str) -> str:
    return PAGES.get(path, path.removeprefix("docs/"))


def _linked_files(files: Files) -> set[str]:
    """Returns the files that pages link to, and that are neither pages nor in docs/."""
    found = set()
    for file in files.documentation_pages():
        for target, _ in _LINK.findall(file.content_string):
            path = _repository_path(target, file.src_uri)
            if path and path not in PAGES and not path.startswith("docs/"):
                found.add(path)
    return found


def _split_after_head(markdown: str) -> tuple[str, str]:
    """Returns the title with the sentence below it, and the rest, as of a picture."""
    blocks = markdown.split("\n\n")
    count = 1
    while count < len(blocks) and blocks[count].startswith(("**", "[")):
        count += 1
    return "\n\n".join(blocks[:count]), "\n\n".join(blocks[count:])
