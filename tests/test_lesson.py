"""The lesson's notebooks and pages, beside a run of both."""

import ast
import functools
import io
import itertools
import re
import tokenize
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from scripts.pages.lesson.__main__ import FOLDER, NAME
from scripts.pages.lesson.cells import LANGUAGES, SKIPPED, Code, Text
from scripts.pages.lesson.notebook import executed
from scripts.pages.lesson.page import markdown, pictures
from scripts.pages.lesson.steps import CELLS

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?")

# What is computed without training, in NumPy or in float64, has the same few digits on
# every machine.
OF_THE_START = {
    "STEPS",
    "my_share",
    "np",
    "one_input",
    "path_decades",
    "slopes",
    "weights",
}
# Training rounds in float32 as the processor's vectors do. Over thousands of steps that
# may change how some networks end: on another machine counts of a hundred may differ by
# this many, rates by a hundredth of it, and medians of norms by this factor.
COUNTS, FACTOR = 10, 1.25


@functools.cache
def committed(language):
    return nbformat.read(FOLDER / f"{NAME}.{language}.ipynb", as_version=4)


def shown(cell):
    """Returns what a cell of a notebook says: its text, or what it has printed."""
    if cell.cell_type == "markdown":
        return cell.source
    return "".join(
        output.text
        if output.output_type == "stream"
        else output.data.get("text/markdown", "")
        for output in cell.outputs
    )


def numbers(text):
    return [match.replace(",", "") for match in NUMBER.findall(text)]


def is_of_the_start(cell):
    """Returns whether a cell shows numbers, and none that depends on training."""
    if isinstance(cell, Code):
        return "one_input" in cell.source or "slopes" in cell.source
    fields = [ast.parse(name) for name, _ in cell.fields("en")]
    nodes = itertools.chain.from_iterable(map(ast.walk, fields))
    return {n.id for n in nodes if isinstance(n, ast.Name)} <= OF_THE_START


def is_near(mine, other):
    a, b = float(mine), float(other)
    if a == b:
        return True
    if "e" in mine + other or min(a, b) > 100:
        return a * b > 0 and 1 / FACTOR < a / b < FACTOR
    return abs(a - b) <= (COUNTS / 100 if "." in mine + other else COUNTS)


def without_words(source):
    """Returns the tokens of Python but for comments and what is in strings."""
    source = re.sub(r"^%.*$", "", source, flags=re.MULTILINE)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    words = (tokenize.COMMENT, tokenize.STRING)
    # Fields of f-strings stay a part of the string before Python 3.12.
    named = getattr(tokenize, "FSTRING_MIDDLE", None)
    return [t.string for t in tokens if t.type not in (*words, named)]


def values(cell, node, language):
    """Returns the numbers that were filled into a text, in the order of its fields."""
    template = cell.filled(language, ["\0"] * len(cell.fields(language)))
    pattern = "(.+?)".join(map(re.escape, template.split("\0")))
    match = re.fullmatch(pattern, node.source, re.DOTALL)
    assert match, node.source
    return dict(zip(cell.fields(language), match.groups(), strict=True))


def findings(cell, node, language):
    """Returns what a cell shows that comes out of the run, by where it stands."""
    if isinstance(cell, Text):
        return values(cell, node, language)
    return dict(enumerate(numbers(shown(node))))


def run_both(folder):
    """Returns the notebooks of a run, by language."""
    folders = [folder / language for language in LANGUAGES]
    for path in folders:
        path.mkdir()
    with ThreadPoolExecutor() as pool:
        return dict(zip(LANGUAGES, pool.map(executed, LANGUAGES, folders), strict=True))


def test_both_notebooks_run_and_say_what_the_files_say(tmp_path):
    runs = run_both(tmp_path)
    for place, cell in enumerate(CELLS):
        if isinstance(cell, Code) and "time" in cell.tags:
            continue
        found = {}
        for language, run in runs.items():
            new, old = run.cells[place], committed(language).cells[place]
            found[language] = findings(cell, new, language)
            expected = findings(cell, old, language)
            assert NUMBER.sub("#", shown(new)) == NUMBER.sub("#", shown(old))
            if is_of_the_start(cell):
                assert found[language] == expected
            for name, value in found[language].items():
                for a, b in zip(numbers(value), numbers(expected[name]), strict=True):
                    assert is_near(a, b), (shown(new), shown(old))
            if isinstance(cell, Code):
                assert new.source == old.source
        # The same seeds on one machine: the same numbers, to the last digit.
        assert found["ko"] == found["en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_is_the_one_of_its_source_with_numbers(language):
    for cell, node in zip(CELLS, committed(language).cells, strict=True):
        if isinstance(cell, Text):
            assert all(values(cell, node, language).values())
            assert "{" not in node.source


@pytest.mark.parametrize("cell", [c for c in CELLS if isinstance(c, Text)])
def test_both_languages_show_the_same_numbers(cell):
    korean, english = (sorted(cell.fields(language)) for language in LANGUAGES)
    assert korean == english
    prose = [cell.template(language) for language in LANGUAGES]
    for text in prose:
        assert not re.search("[\u2013\u2014]", text)  # dashes
    assert not re.search(r"요[.?!]", prose[0])


def test_the_code_differs_in_words_only():
    pairs = zip(*(committed(language).cells for language in LANGUAGES), strict=True)
    for korean, english in pairs:
        assert korean.cell_type == english.cell_type
        if korean.cell_type == "code":
            assert without_words(korean.source) == without_words(english.source)
            assert not re.search("[가-힣]", english.source)


def test_each_step_asks_before_it_runs():
    """A cell of its own sets a prediction; a later one checks it."""
    sources = [cell.source for cell in CELLS if isinstance(cell, Code)]
    asked = {
        place: names
        for place, source in enumerate(sources)
        if (names := re.findall(r"^(my_\w+) =", source, re.MULTILINE))
    }
    assert len(asked) >= 8
    for place, names in asked.items():
        later = "\n".join(sources[place + 1 :])
        # A prediction may be made of some others in its cell.
        assert re.search(rf"\b({'|'.join(names)})\b", later), names
    headings = "\n".join(cell.en for cell in CELLS if isinstance(cell, Text))
    assert re.findall(r"^## Step (\d)", headings, re.MULTILINE) == list("123456")
    for part in re.split(r"^## (?!Go on)", headings, flags=re.MULTILINE)[1:]:
        assert "**Prediction:**" in part


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_and_its_pictures_are_those_of_the_notebook(language):
    notebook = committed(language)
    page = (FOLDER / f"{NAME}.{language}.md").read_text(encoding="utf-8")
    assert page == markdown(notebook)
    found = pictures(notebook)
    assert set(found) == {path.name for path in (FOLDER / "pictures").iterdir()}
    for name, content in found.items():
        assert f"(pictures/{name})" in page
        assert (FOLDER / "pictures" / name).read_bytes() == content


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("*.*")), ids=lambda path: path.name
)
def test_files_are_small_and_name_no_folder_of_a_machine(path: Path):
    content = path.read_bytes()
    assert len(content) < 1_000_000
    assert b"/tmp/" not in content and b"/home/" not in content


def test_tensorboard_is_left_to_the_browser():
    (cell,) = [c for c in CELLS if isinstance(c, Code) and SKIPPED in c.tags]
    assert "%tensorboard --logdir {LOGDIR}" in cell.source
    (node,) = [
        n for n in committed("ko").cells if SKIPPED in n.metadata.get("tags", [])
    ]
    assert node.execution_count is None and not node.outputs


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_between_the_files_lead_somewhere(language):
    page = (FOLDER / f"{NAME}.{language}.md").read_text(encoding="utf-8")
    found = re.findall(r"\]\(([^)\s]+)\)", page)
    files = [target for target in found if not target.startswith("https://")]
    assert len(files) >= 3
    assert all((FOLDER / target).exists() for target in files)
