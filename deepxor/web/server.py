"""The playground's web server, for localhost."""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from deepxor.plugin.static_files import content_type
from deepxor.web.page import page_files

HOST = "localhost"

# The page runs what comes from its own address, and nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'"
)


class PageServer(ThreadingHTTPServer):
    """Serves the page's files, which are read once; nothing else on the disk.

    Args:
        port: The port on localhost; 0 for one that is free.

    Raises:
        OSError: If the port is taken or not allowed.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        files = page_files()
        files[""] = files["index.html"]
        self.files = files
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of a browser that has closed its connection."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    # Connections stay open, as the page is some forty small files.
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing, as the terminal is for the reader."""

    def _answer(self) -> None:
        name = self.path.partition("?")[0].partition("#")[0].removeprefix("/")
        content = self.server.files.get(name)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind = content_type(name or "index.html")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        # A newer version of the package is seen at the next visit.
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
