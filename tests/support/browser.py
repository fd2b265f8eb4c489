"""A real TensorBoard and a real, headless Chromium, for tests and for screenshots.

Debian and Ubuntu: apt-get install chromium chromium-driver.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    JavascriptException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

TIMEOUT_SECONDS = 60
WINDOW = (1600, 1000)

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

# TensorBoard's older tabs are Polymer components with shadow roots inside shadow roots,
# and plugins of others live in frames: querySelectorAll alone sees none of it.
_FIND = """
const found = [];
const walk = (root) => {
  for (const element of root.querySelectorAll('*')) {
    if (element.matches(arguments[0]) && element.checkVisibility()) found.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
    if (element.tagName === 'IFRAME' && element.contentDocument) {
      walk(element.contentDocument);
    }
  }
};
walk(document);
"""
_FIND_ELEMENTS = _FIND + "return found;"
_FIND_TEXTS = _FIND + (
    r"return found.map((element) => element.innerText.trim().replace(/\s+/g, ' '));"
)
_FIND_ATTRIBUTES = _FIND + (
    "return found.map((element) => element.getAttribute(arguments[1]));"
)

Result = TypeVar("Result")


class TensorBoard:
    """A TensorBoard in a process of its own; a context manager that stops it.

    Args:
        logdir: The folder whose runs it shows.
        flags: More of TensorBoard's own flags.
        module: What Python runs.

    Raises:
        RuntimeError: If it ends before it serves, with what it printed.
    """

    def __init__(
        self,
        logdir: Path,
        *flags: str,
        module: tuple[str, str] = ("-m", "tensorboard.main"),
    ) -> None:
        self.logdir = logdir
        # A file, as nobody would empty a pipe while it serves.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        command = [sys.executable, *module, f"--logdir={logdir}"]
        command += ["--host=localhost", "--port=0", "--reload_interval=5", *flags]
        # A session of its own, so that the data server it starts ends with it.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        try:
            self.url = self._wait(self._printed_url, "an address")
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Of the process, and of the group of all that it starts."""
        return self._process.pid

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self, path: str) -> Any:
        """Returns the JSON at a path below the address."""
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)

    def wait_for_runs(self, text_tag: str) -> None:
        """Waits until every run of the logdir is loaded.

        Pages fetch what is there once, when they open.

        Args:
            text_tag: A text that every run ends with.
        """
        runs = {path.name for path in self.logdir.iterdir() if path.is_dir()}

        def is_loaded() -> bool:
            tags = self.get("data/plugin/text/tags")
            return {run for run in tags if text_tag in tags[run]} >= runs

        self._wait(is_loaded, f"the text {text_tag!r} in {sorted(runs)}")

    def stop(self) -> None:
        """Ends it and the data server that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
            try:
                self._process.wait(10)
                break
            except subprocess.TimeoutExpired:
                continue
        self._output.close()

    def _printed_url(self) -> str | None:
        match = re.search(r"TensorBoard \S+ at (http://\S+)", self._printed())
        return match and match[1]

    def _printed(self) -> str:
        # By position: the process goes on writing through the same open file.
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace")

    def _wait(self, condition: Callable[[], Result | None], what: str) -> Result:
        end = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                result = condition()
            except urllib.error.URLError:
                result = None
            if result:
                return result
            time.sleep(0.1)
        raise RuntimeError(f"TensorBoard does not show {what}:\n{self._printed()}")


class Page:
    """What a browser shows, seen through shadow roots and frames.

    Args:
        driver: The browser.
        url: TensorBoard's address.
    """

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, tab: str) -> None:
        """Opens a tab afresh, such as "scalars" or "graphs&run=deep-relu"."""
        # Another fragment alone would not load the page anew.
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}#{tab}")

    def elements(self, css: str) -> list[WebElement]:
        """Returns the visible elements that match a selector."""
        return self.driver.execute_script(_FIND_ELEMENTS, css)

    def texts(self, css: str) -> list[str]:
        """Returns the texts of the visible elements that match, in document order."""
        return self.driver.execute_script(_FIND_TEXTS, css)

    def attributes(self, css: str, name: str) -> list[str]:
        """Returns an attribute of the visible elements that match."""
        return self.driver.execute_script(_FIND_ATTRIBUTES, css, name)

    def until(self, condition: Callable[[], Result], what: str) -> Result:
        """Waits until a condition is true, and returns it.

        Args:
            condition: Called again and again, also while the page changes under it.
            what: What did not appear, for the error.

        Raises:
            AssertionError: If it never is.
        """
        errors = (StaleElementReferenceException, JavascriptException)
        wait = WebDriverWait(self.driver, TIMEOUT_SECONDS, 0.1, errors)
        try:
            return wait.until(lambda _: condition())
        except TimeoutException:
            raise AssertionError(f"{what} did not appear") from None

    def wait_for(self, read: Callable[[], list[str]], wanted: set[str]) -> list[str]:
        """Waits until all of some texts are there.

        Args:
            read: Returns what is there.
            wanted: What must be among it.

        Returns:
            All that `read` returned then.

        Raises:
            AssertionError: If some never come; it says which.
        """
        seen: list[str] = []

        def is_there() -> bool:
            seen[:] = read()
            return wanted <= set(seen)

        try:
            self.until(is_there, "")
        except AssertionError:
            missing = sorted(wanted - set(seen))
            raise AssertionError(f"the page lacks {missing}; it has {seen}") from None
        return seen

    def wait_for_texts(self, css: str, wanted: set[str]) -> list[str]:
        """Waits until visible elements with all of some texts are there.

        Returns:
            The texts of all visible elements that match the selector.

        Raises:
            AssertionError: If some never come; it says which.
        """
        return self.wait_for(lambda: self.texts(css), wanted)

    def wait_for_count(self, css: str, count: int) -> None:
        """Waits until at least so many visible elements match."""
        self.until(lambda: len(self.elements(css)) >= count, f"{count} times {css}")


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Starts a headless Chromium with an empty profile, and ends it.

    Raises:
        RuntimeError: If it or its driver is not installed.
    """
    with tempfile.TemporaryDirectory(
        prefix="chromium-", ignore_cleanup_errors=True
    ) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = _program("chromium", "chromium")
        for flag in (*CHROMIUM_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.add_argument(f"--window-size={WINDOW[0]},{WINDOW[1]}")
        # Given the path, selenium does not look for a driver to download.
        service = Service(_program("chromedriver", "chromium-driver"))
        driver = webdriver.Chrome(options, service)
        try:
            yield driver
        finally:
            driver.quit()


def _program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(
            f"{name} is not installed, and these tests look at TensorBoard in a real "
            f"browser. On Debian: apt-get install {package}"
        )
    return path
