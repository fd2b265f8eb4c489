"""The Gradient flow tab as its tests see it: its frame, its pixels, its cursor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from deepxor.events import gradient_flow
from tests.support.browser import Page

# MARGIN of draw.js: left, top, right and bottom of the cells of a heat map.
LEFT, TOP, RIGHT, BOTTOM = 78, 8, 8, 22
# drawScale of draw.js.
SCALE_MARGIN = 14

_COLOURS = """
const [canvas, x, y, width, height] = arguments;
const {data} = canvas.getContext('2d').getImageData(x, y, width, height);
const found = new Set();
for (let i = 0; i < data.length; i += 4) found.add(data.slice(i, i + 3).join());
return [...found];
"""

Colour = tuple[int, ...]


@dataclass(frozen=True)
class Grid:
    """A heat map of which every column is as wide.

    Attributes:
        run: Its card's.
        columns: How many.
        layers: How many.
    """

    run: str
    columns: int
    layers: int


class FlowTab(Page):
    """The tab, open, with the browser inside its frame."""

    def enter(self, cards: set[str]) -> None:
        """Opens the tab afresh and waits for its cards."""
        self.driver.switch_to.default_content()
        self.open("gradient_flow")
        self.enter_frame(cards)

    def enter_frame(self, cards: set[str]) -> None:
        """Waits for the cards, and makes their frame the one that is looked at."""
        self.wait_for_texts(".card h2", cards)
        (frame,) = self.elements("iframe")
        self.driver.switch_to.frame(frame)
        self.until(lambda: not self.elements('[aria-busy="true"]'), "the cards' data")

    def follow(self, link: str, cards: set[str]) -> None:
        """Opens an address of the tab afresh, and waits for its cards.

        Args:
            link: What follows "#" in the address.
            cards: The names of the runs.
        """
        self.driver.switch_to.default_content()
        self.open(link)
        self.enter_frame(cards)

    def view(self) -> dict[str, str]:
        """Returns the view that the address of the page has, by key."""
        fragment = self.driver.execute_script("return top.location.hash.slice(1)")
        pairs = (part.partition("=") for part in fragment.split("&")[1:])
        start = f"p.{gradient_flow.PLUGIN_NAME}."
        return {
            key.removeprefix(start): unquote(value)
            for key, _, value in pairs
            if key.startswith(start)
        }

    def drag(self, canvas: WebElement, start: float, end: float) -> None:
        """Drags over a canvas from one fraction of its width to another."""
        width = canvas.size["width"]
        actions = ActionChains(self.driver, duration=50)
        actions.move_to_element_with_offset(canvas, round((start - 0.5) * width), -5)
        actions.click_and_hold()
        actions.move_by_offset(round((end - start) * width), 0).release().perform()

    def colours(self, css: str, *box: float) -> set[Colour]:
        """Returns the colours of a canvas, in all of it or in a box in its pixels."""
        (canvas,) = self.elements(css)
        whole = (0, 0, canvas.get_property("width"), canvas.get_property("height"))
        return self._colours(canvas, *(box or whole))

    def filter(self, text: str) -> None:
        """Types a filter in place of the one that is there."""
        (box,) = self.elements("#filter")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(text or Keys.DELETE)

    def select(self, css: str, value: str) -> None:
        """Chooses of a list, by value."""
        Select(self.elements(css)[0]).select_by_value(value)

    def selected(self, css: str) -> str:
        """Returns the value that is chosen of a list."""
        return self.elements(css)[0].get_property("value")

    def card(self, run: str, css: str) -> WebElement:
        """Returns what a selector finds in the card of a run."""
        for card in self.elements(".card"):
            if card.get_attribute("data-run") == run:
                return card.find_element("css selector", css)
        raise AssertionError(f"{run!r} has no card")

    def readout(self, run: str) -> str:
        """Returns what the card of a run says of the cell under the cursor."""
        return self.card(run, ".readout").text

    def point(self, run: str, x: float, y: float) -> None:
        """Moves the pointer over a heat map, to fractions of its cells' box."""
        canvas = self.card(run, ".map")
        width, height = canvas.size["width"], canvas.size["height"]
        right = LEFT + x * (width - LEFT - RIGHT) - width / 2
        down = TOP + y * (height - TOP - BOTTOM) - height / 2
        actions = ActionChains(self.driver)
        actions.move_to_element_with_offset(canvas, round(right), round(down))
        actions.perform()

    def hover(self, grid: Grid, column: int, layer: int) -> None:
        """Moves the pointer to the middle of a cell."""
        y = (grid.layers - layer - 0.5) / grid.layers
        self.point(grid.run, (column + 0.5) / grid.columns, y)

    def download(self, kind: str, folder: Path) -> Path:
        """Presses the button "png" or "csv", and returns the file that comes."""
        self.driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior",
            {"behavior": "allow", "downloadPath": str(folder)},
        )
        path = folder / f"gradient-flow.{kind}"
        self.elements(f"#{kind}")[0].click()
        # While it is being written, it has another name.
        self.until(path.exists, str(path))
        return path

    def cell(self, grid: Grid, column: int, layer: int) -> set[Colour]:
        """Returns the colours inside a cell, away from its edges and the cursor."""
        canvas = self.card(grid.run, ".map")
        width = (canvas.size["width"] - LEFT - RIGHT) / grid.columns
        height = (canvas.size["height"] - TOP - BOTTOM) / grid.layers
        x = LEFT + (column + 0.3) * width
        y = TOP + (grid.layers - 1 - layer + 0.2) * height
        return self._colours(canvas, x, y, 0.4 * width, 0.6 * height)

    def swatches(self) -> list[set[Colour]]:
        """Returns the legend's colours of what is exactly zero, and not finite."""
        return [
            self._colours(canvas, 0, 0, 22, 12)
            for canvas in self.elements(".key canvas")
        ]

    def scale_colour(self, fraction: float) -> Colour:
        """Returns a colour of the legend's scale, 0 being its low end."""
        (canvas,) = self.elements("#scale")
        width = canvas.size["width"] - 2 * SCALE_MARGIN
        x = SCALE_MARGIN + min(fraction * width, width - 1)
        (colour,) = self._colours(canvas, x, 6, 1, 1)
        return colour

    def scale_colours(self) -> set[Colour]:
        """Returns all colours of the legend's scale."""
        (canvas,) = self.elements("#scale")
        width = canvas.size["width"] - 2 * SCALE_MARGIN
        return self._colours(canvas, SCALE_MARGIN, 6, width, 1)

    def _colours(self, canvas: WebElement, *box: float) -> set[Colour]:
        found = self.driver.execute_script(_COLOURS, canvas, *map(int, box))
        return {tuple(map(int, colour.split(","))) for colour in found}
