"""The report on a screen and on paper, as a real browser lays it out."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver

from deepxor.events import gradient_flow
from deepxor.events.reader import GradientFlow, RunEvents
from deepxor.report.page import report_html
from deepxor.report.run import ReportRun
from deepxor.report.significance import compare_rates
from deepxor.verdicts import VERDICTS
from deepxor.xor.config import Experiment
from tests.support.browser import chromium

RUNS = 26
# A sheet of A4 without its margins, in pixels of CSS.
SHEET = (703, 1032)


def synthetic(number: int) -> ReportRun:
    """Returns a run with all that a card can have."""
    name = f"deep-run-{number:02}" + "-with-a-long-name" * (number % 3)
    verdict = VERDICTS[number % len(VERDICTS)]
    steps = np.array([*range(31), *range(40, 1001, 10)])
    layers = (*(f"layer{i}" for i in range(1, 11)), "hypothesis")
    shape = (len(steps), len(layers))
    rows = {key: np.zeros(shape) for key in gradient_flow.QUANTITIES}
    fall = np.linspace(-number / 3, 0, len(layers))
    rows["norm_log10"] = -1 + fall - np.log10(1 + steps)[:, None] / 3
    rows["norm_log10"][60:] = np.where(number % 5 == 0, np.nan, rows["norm_log10"][60:])
    scalars = {
        tag: {int(step): 0.7 / (1 + step / 100) for step in steps}
        for tag in ("cost", "accuracy", "solved")
    }
    row = {
        "run": name, "status": "finished", "solved": number, "replicas": 100,
        "solved_low": 0.1, "solved_high": 0.9, "cost": 0.123456, "accuracy": 0.5,
        "diverged": number, "dead": 1, "first_gradient": 1e-7, "last_gradient": 0.1,
        "verdict": verdict.name, "advice": verdict.advice, "seconds": 12.3,
        "evidence": "layer1 gets 4.3e-08, hypothesis 1.9e-01 at step 0: 6.6 decades "
        "are lost on the way in 100 of 100 replicas, and it stays so.",
    }  # fmt: skip
    settings = Experiment(seed=number).to_json() | {
        "hidden_units": ", ".join(["10"] * 10)
    }
    flow = GradientFlow(steps, layers, rows)
    return ReportRun(name, row, settings, "", RunEvents(scalars, flow))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Opens the report of the runs in a browser."""
    runs = [synthetic(number) for number in range(RUNS)]
    counts = {run.name: (run.row["solved"], 100) for run in runs}
    comparisons = compare_rates(counts, runs[0].name)
    path: Path = tmp_path_factory.mktemp("print") / "report.html"
    path.write_text(report_html("many", runs, comparisons), encoding="utf-8")
    with chromium() as driver:
        driver.get(path.as_uri())
        yield driver


@dataclass(frozen=True)
class Leaf:
    """A piece of content of a tagged PDF.

    Attributes:
        page: The number of its page, from 0.
        place: Its place in the page, which rises from the first to the last.
        inside: The elements that it is in as kind and number, the innermost first.
    """

    page: int
    place: int
    inside: tuple[tuple[str, int], ...]

    def within(self, kind: str) -> int | None:
        """Returns the number of the innermost element of a kind that it is in."""
        return next((number for name, number in self.inside if name == kind), None)


def printed(driver: webdriver.Chrome) -> list[list[Leaf]]:
    """Returns the content of every page on paper, from the first to the last."""
    options = {"printBackground": True, "preferCSSPageSize": True}
    found = driver.execute_cdp_cmd(
        "Page.printToPDF", {**options, "generateTaggedPDF": True}
    )
    pdf = base64.b64decode(found["data"])
    objects = {
        int(number): body
        for number, body in re.findall(rb"\n(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)
    }
    pages = [n for n in sorted(objects) if re.search(rb"/Type /Page\b", objects[n])]
    elements = {n: b for n, b in objects.items() if b"/Type /StructElem" in b}

    def ancestors(number: int) -> Iterator[tuple[str, int]]:
        while number in elements:
            yield group(rb"/S /(\w+)", elements[number]).decode(), number
            number = int(group(rb"/P (\d+) 0 R", elements[number]))

    content: list[list[Leaf]] = [[] for _ in pages]
    for number, body in elements.items():
        inside = tuple(ancestors(number))
        # What is on the element's own page is a plain number, and what is on another
        # one is an object; references to other elements end in R.
        own, *others = re.split(rb"<</Type /MCR", group(rb"/K (.*)>>", body))
        parts = [(group(rb"/Pg (\d+)", body), own)] if b"/Pg" in body else []
        parts += [(group(rb"/Pg (\d+)", other), other) for other in others]
        for page, part in parts:
            places = re.sub(rb"\d+ 0 R|/Pg|/MCID", b"", part)
            for place in map(int, re.findall(rb"\d+", places)):
                index = pages.index(int(page))
                content[index].append(Leaf(index, place, inside))
    return [sorted(leaves, key=lambda leaf: leaf.place) for leaves in content]


def group(pattern: bytes, text: bytes) -> bytes:
    match = re.search(pattern, text, re.DOTALL)
    assert match is not None, (pattern, text)
    return match[1]


@pytest.fixture(scope="module")
def pages(driver: webdriver.Chrome) -> list[list[Leaf]]:
    return printed(driver)


def test_26_runs_are_at_most_8_pages(pages: list[list[Leaf]]) -> None:
    assert 2 <= len(pages) <= 8
    assert all(pages)
    # Every run has a heading of its card, and a row in each of three tables, but for
    # the baseline, which is in two.
    headings = {leaf.within("H3") for page in pages for leaf in page} - {None}
    rows = {leaf.within("TR") for page in pages for leaf in page if leaf.within("TD")}
    assert (len(headings), len(rows)) == (RUNS, 3 * RUNS - 1)


def test_no_heading_is_the_last_of_its_page(pages: list[list[Leaf]]) -> None:
    found = 0
    for page in pages:
        for number in dict.fromkeys(leaf.within("H2") for leaf in page):
            if number is None:
                continue
            found += 1
            ends = [i for i, leaf in enumerate(page) if leaf.within("H2") == number]
            below = page[ends[-1] + 1 :]
            kinds = [
                next(
                    kind
                    for kind in ("H2", "TD", "Figure", "P", "TH", "H3", "")
                    if not kind or leaf.within(kind)
                )
                for leaf in below
            ]
            shown = kinds[: kinds.index("H2")] if "H2" in kinds else kinds
            assert {"TD", "Figure"} & set(shown)
    assert found == 6


def test_no_page_has_a_single_row(pages: list[list[Leaf]]) -> None:
    for page in pages:
        rows = {
            (leaf.within("Table"), leaf.within("TR"))
            for leaf in page
            if leaf.within("TD")
        }
        counts = Counter(table for table, _ in rows)
        assert all(count > 1 for count in counts.values()), counts
        cards = {leaf.within("H3") for leaf in page} - {None}
        assert len(cards) > 2 or not cards or rows


def test_no_card_is_torn(pages: list[list[Leaf]]) -> None:
    with_cards = [page for page in pages if any(leaf.within("H3") for leaf in page)]
    for i, page in enumerate(with_cards):
        cards = {leaf.within("H3") for leaf in page} - {None}
        pictures = {leaf.within("Figure") for leaf in page} - {None}
        # The scale of colours is above the first ones.
        assert len(pictures) == len(cards) + (i == 0)
        assert len(cards) % 2 == 0


def test_cards_are_in_two_columns_on_paper(driver: webdriver.Chrome) -> None:
    metrics = {"width": SHEET[0], "height": SHEET[1], "deviceScaleFactor": 1}
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": False}
    )
    lefts = {}
    for media in ("print", "screen"):
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
        lefts[media] = driver.execute_script(
            "return [...document.querySelectorAll('.card')]"
            ".map((card) => card.getBoundingClientRect().left)"
        )
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert len(lefts["print"]) == RUNS
    assert len(set(lefts["print"])) == 2 and len(set(lefts["screen"])) == 1


@pytest.mark.parametrize("width", [1280, 1600])
def test_the_tables_fit_a_window(driver: webdriver.Chrome, width: int) -> None:
    driver.set_window_size(width, 900)
    overflow = driver.execute_script(
        "return [...document.querySelectorAll('.wide')]"
        ".map((box) => box.scrollWidth - box.clientWidth)"
    )
    assert len(overflow) > 3
    assert max(overflow) <= 0
