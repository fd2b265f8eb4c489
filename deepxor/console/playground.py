"""Serves the playground, or writes its files, and says where it is."""

from __future__ import annotations

import contextlib
import errno
import signal
import webbrowser
from pathlib import Path

from deepxor.console.process import SIGNALS
from deepxor.runs.folder import RunError
from deepxor.web.page import export
from deepxor.web.server import HOST, PageServer


def serve_on_console(port: int, browser: bool) -> int:
    """Serves the page until it is interrupted.

    Args:
        port: The port on localhost; 0 for one that is free.
        browser: Whether the page is opened in the browser.

    Returns:
        The exit status, 0 after SIGINT, which is how it is ended.

    Raises:
        RunError: If the port is taken.
        OSError: If there is no such port for another reason.
    """
    try:
        server = PageServer(port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise RunError(
            f"`port` must be free on {HOST}. Received: port={port}, which is taken; "
            "--port=0 takes a free one"
        ) from None
    with server, contextlib.suppress(KeyboardInterrupt), SIGNALS.raised():
        print(f"Playground: {server.url} (Ctrl+C to quit)", flush=True)
        if browser:
            webbrowser.open(server.url)
        server.serve_forever()
    if SIGNALS.number == signal.SIGTERM:
        return 128 + SIGNALS.number
    print()
    return 0


def export_on_console(folder: str) -> int:
    """Writes the page into a folder.

    Args:
        folder: The folder, which is made if there is none.

    Returns:
        The exit status.

    Raises:
        OSError: If a file cannot be written.
    """
    size = export(Path(folder))
    print(f"Playground: {Path(folder) / 'index.html'}, {size / 1000:.0f} kB in all")
    print("Any web server can serve the folder, as in: python -m http.server")
    return 0
