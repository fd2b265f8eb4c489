"""What a browser may do to the playground's server, as its terminal shows it."""

import socket
import struct
import threading

from deepxor.web.server import PageServer


def sent(server, content, reset=False):
    """Returns what the server answers to bytes."""
    with socket.create_connection(("localhost", server.server_port)) as client:
        client.sendall(content)
        if reset:  # as a browser does whose tab is closed
            linger = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return b""
        client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read()


def test_no_request_reaches_the_terminal(capfd):
    with PageServer(0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for path in (b"//[", b"/\xff", b"http://[::1", b"/a\0b", b"?", b"/#/x"):
                answer = sent(server, b"GET " + path + b" HTTP/1.1\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 "), path
            sent(server, b"\x16\x03\x01")
            for _ in range(20):
                sent(server, b"GET / HTTP/1.1\r\n\r\n" * 50, reset=True)
            assert sent(server, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200")
        finally:
            server.shutdown()
            thread.join()
    assert capfd.readouterr() == ("", "")
