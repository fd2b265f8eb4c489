"""A page's modules in a real browser, without the page: what they return."""

from __future__ import annotations

import base64
import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from selenium import webdriver

from tests.support.browser import chromium

# Numbers of 64 bits go to the browser and come back bit by bit, also those that JSON
# does not know.
_RUN = """
const done = arguments[2];
const decode = (_, value) => {
  if (value === null || typeof value !== 'object') return value;
  if ('number' in value) return Number(value.number);
  if (!('floats' in value)) return value;
  const bytes = Uint8Array.from(atob(value.floats), (c) => c.charCodeAt(0));
  return new Float64Array(bytes.buffer);
};
const encode = (_, value) => {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return {number: String(value)};
  }
  if (!ArrayBuffer.isView(value)) return value;
  const bytes = new Uint8Array(Float64Array.from(value).buffer);
  return {floats: btoa(bytes.reduce((text, byte) =>
    text + String.fromCharCode(byte), ''))};
};
(async () => {
  const url = URL.createObjectURL(
    new Blob([arguments[0]], {type: 'text/javascript'}));
  const {run} = await import(url);
  return JSON.stringify(await run(JSON.parse(arguments[1], decode)), encode) ?? null;
})().then((result) => done({result}), (error) => done({error: String(error.stack)}));
"""


class _Handler(SimpleHTTPRequestHandler):
    # Browsers run nothing as a module that has another type.
    extensions_map = {  # noqa: RUF012, as in the class above
        ".js": "text/javascript",
        "": "application/octet-stream",
    }

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@contextmanager
def static_site(folder: Path) -> Iterator[str]:
    """Serves the files of a folder on this machine.

    Args:
        folder: The folder.

    Yields:
        The address, which ends in "/".
    """
    handler = partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Modules:
    """Runs functions in a browser that has opened an address.

    Args:
        driver: The browser.
        url: The address, relative to which modules are imported.
    """

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self._driver = driver
        self.url = url
        driver.set_script_timeout(120)
        driver.get(url)

    def run(self, imports: dict[str, str], body: str, **given: Any) -> Any:
        """Returns what a function returns.

        Args:
            imports: What is imported, by the module's file.
            body: The function's body, which may await; `given` is its argument.
            **given: The argument's fields: JSON, or arrays of numbers, which are
                `Float64Array`s there.

        Returns:
            The result, with each typed array as a float64 array.

        Raises:
            RuntimeError: If it fails in the browser, with the error there.
        """
        lines = [
            f"import {{{names}}} from '{self.url}{module}';"
            for module, names in imports.items()
        ]
        lines.append(f"export async function run(given) {{ {body} }}")
        answer = self._driver.execute_async_script(
            _RUN, "\n".join(lines), json.dumps(_encoded(given))
        )
        if "error" in answer:
            raise RuntimeError(answer["error"])
        text = answer["result"]
        return None if text is None else json.loads(text, object_hook=_decoded)


@contextmanager
def browser_modules(folder: Path) -> Iterator[Modules]:
    """Serves a folder, and opens it in a headless Chromium.

    Args:
        folder: The folder of the modules.
    """
    with static_site(folder) as url, chromium() as driver:
        yield Modules(driver, url)


def _encoded(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value, "<f8").tobytes()
        return {"floats": base64.b64encode(data).decode()}
    if isinstance(value, dict):
        return {key: _encoded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value).replace("inf", "Infinity").replace("nan", "NaN")}
    return value


def _decoded(fields: dict[str, Any]) -> Any:
    if "floats" in fields:
        return np.frombuffer(base64.b64decode(fields["floats"]), "<f8")
    if "number" in fields:
        return float(fields["number"])
    return fields
