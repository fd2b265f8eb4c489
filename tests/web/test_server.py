"""The playground's files: served on localhost, exported, and small."""

from __future__ import annotations

import errno
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deepxor.plugin import static_files
from deepxor.web import page
from deepxor.web.page import export, page_files
from deepxor.web.server import PageServer
from tests.support.playground import serving

# Of the files together. A browser loads nearly all of them.
MOST_BYTES = 150_000


def get(url: str) -> tuple[bytes, dict[str, str]]:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read(), dict(response.headers)


def test_every_file_is_served_with_its_type() -> None:
    with serving() as url:
        for name, content in page_files().items():
            body, headers = get(url + name)
            assert body == content
            kind = headers["Content-Type"].partition(";")[0]
            assert kind == static_files.content_type(name)
        assert get(url)[0] == page_files()["index.html"]
        assert get(url + "?lang=ko")[0] == page_files()["index.html"]


def test_nothing_else_is_served() -> None:
    with serving() as url:
        for path in ("page.py", "../page.py", "%2e%2e/page.py", "/etc/passwd", "views"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                get(url + path)
            assert caught.value.code == 404
            caught.value.close()


def test_the_page_may_load_nothing_from_another_origin() -> None:
    with serving() as url:
        policy = get(url)[1]["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"unsafe|https?:|\*", policy)


def test_a_connection_that_stays_open_is_answered_again() -> None:
    with serving() as url:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
        for method in ("GET", "HEAD", "GET"):
            connection.request(method, "/style.css")
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200
            assert (body == b"") == (method == "HEAD")
        connection.close()


def test_only_this_machine_is_served() -> None:
    with PageServer(0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_all_files_of_the_folder_belong_to_the_page() -> None:
    found = {
        path.relative_to(page.FOLDER).as_posix()
        for path in page.FOLDER.rglob("*")
        if path.is_file()
    }
    assert found == set(page.NAMES)


def test_the_page_is_small() -> None:
    assert sum(map(len, page_files().values())) < MOST_BYTES


def test_addresses_in_the_files_are_relative() -> None:
    for name, content in page_files().items():
        text = content.decode()
        outside = re.findall(r"""["'(](?:https?:)?//[^"')\s]+""", text)
        assert outside in ([], ['"http://www.w3.org/2000/svg']), name
        for target in re.findall(
            r"^(?:import|export)[^;]* from '([^']+)';", text, re.M
        ):
            assert target.startswith("."), name


def test_an_export_is_what_is_served(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    size = export(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    written = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in files
    }
    assert written.pop("kept.txt") == b"kept"
    assert written == page_files()
    assert size == sum(map(len, written.values()))


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deepxor.playground", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_exports(tmp_path: Path) -> None:
    done = run(f"--export={tmp_path / 'new' / 'page'}")
    assert done.returncode == 0
    assert "index.html" in done.stdout
    assert (tmp_path / "new" / "page" / "drawing" / "draw.js").is_file()


def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for flags, status, said in (
            ((f"--port={port}", "--nobrowser"), 1, f"port={port}, which is taken"),
            (("--port=70000",), 2, "from 0 to 65535"),
            ((f"--export={tmp_path / 'file'}",), 1, "file"),
            (("more",), 2, "must be flags"),
        ):
            done = run(*flags)
            assert done.returncode == status, done
            assert len(done.stderr.splitlines()) == 1
            assert said in done.stderr


def test_the_command_serves_until_it_is_interrupted() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "deepxor.playground", "--nobrowser", "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.search(r"http://localhost:\d+/", line)
        assert url, line
        assert b"<!doctype html>" in get(url[0])[0]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert errors == ""
    finally:
        process.kill()


def test_another_fault_of_a_port_is_not_called_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from deepxor.console import playground

    def refused(port: int) -> PageServer:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(playground, "PageServer", refused)
    with pytest.raises(PermissionError):
        playground.serve_on_console(80, browser=False)


def test_the_command_needs_no_tensorflow() -> None:
    code = (
        "import sys, deepxor.playground, deepxor.web.server; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
