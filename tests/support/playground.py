"""The playground as its tests see it: served by its own server, in a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import Select

from deepxor.web.server import PageServer
from tests.support.browser import Page, chromium

SIDES = ("left", "right")


class Playground(Page):
    """The page, open."""

    def visit(self, search: str = "?lang=en", fragment: str = "") -> None:
        """Opens an address of the page, and waits until it shows the first step."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}{search}#{fragment}")
        self.wait_for_sentences()

    def wait_for_sentences(self) -> None:
        """Waits until both sides say what arrives."""
        self.until(lambda: all(map(self.sentence, SIDES)), "the sentences")

    def find(self, side: str, css: str) -> Any:
        """Returns the element of a side that matches a selector."""
        return self.driver.find_element("css selector", f"[data-side={side}] {css}")

    def sentence(self, side: str) -> str:
        """Returns the large sentence of a side."""
        return self.find(side, ".sentence").text

    def choose(self, side: str, name: str, value: str) -> None:
        """Chooses of a list of a side."""
        Select(self.find(side, f"select[name={name}]")).select_by_value(value)

    def set_slider(self, side: str, name: str, value: int) -> None:
        """Moves a slider of a side."""
        self.driver.execute_script(
            "arguments[0].value = arguments[1];"
            "arguments[0].dispatchEvent(new Event('input'))",
            self.find(side, f"input[name={name}]"),
            value,
        )

    def press(self, name: str) -> None:
        """Presses a button of the bar."""
        self.driver.find_element("css selector", f"[data-do={name}]").click()

    def step(self) -> int:
        """Returns the number of the latest step."""
        (text,) = self.texts(".steps")
        return int(text.removeprefix("step ").replace(",", ""))

    def is_still(self) -> bool:
        """Tells whether no step is taken for some frames."""
        before = self.step()
        time.sleep(0.3)
        return self.step() == before

    def fragment(self) -> str:
        """Returns the fragment of the address."""
        return self.driver.execute_script("return location.hash.slice(1)")

    def point(self, side: str, css: str, x: float, y: float) -> ActionChains:
        """Moves the pointer to a position in CSS pixels of an element."""
        element = self.find(side, css)
        self.driver.execute_script("arguments[0].scrollIntoView(false)", element)
        width, height = element.size["width"], element.size["height"]
        actions = ActionChains(self.driver, duration=20)
        actions.move_to_element_with_offset(
            element, round(x - width / 2), round(y - height / 2)
        ).perform()
        return actions

    def errors(self) -> list[str]:
        """Returns what the browser has logged as errors since the last call."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


@contextmanager
def serving() -> Iterator[str]:
    """Serves the page on a free port, and returns its address."""
    with PageServer(0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def playground() -> Iterator[Playground]:
    """Serves the page, and starts a browser for it."""
    with serving() as url, chromium() as driver:
        yield Playground(driver, url)


def emulate(driver: webdriver.Chrome, width: int, height: int) -> None:
    """Gives the browser a screen of a size in CSS pixels."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
