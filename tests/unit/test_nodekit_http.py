"""A request ends in time with a whole answer, or with a reason."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nodekit.http import MAX_BODY, HttpError, Reason, redact, request, session
from nodekit.nodeos import READ_PATHS, Nodeos

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that treats each connection with `talk`; yields its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    talk(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def fails(url: str, timeout: float = 0.4) -> HttpError:
    with session() as http, pytest.raises(HttpError) as caught:
        request(http, "GET", url, timeout=timeout)
    return caught.value


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(40):
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_header(connection: socket.socket) -> None:
    for _ in range(40):
        connection.sendall(b"H")
        time.sleep(0.05)


def stall(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    time.sleep(0.8)


def drip_chunk(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(40):
        connection.sendall(b"f")
        time.sleep(0.05)


def test_a_whole_answer_is_given_with_its_status() -> None:
    with server(lambda connection: connection.sendall(OK)) as url, session() as http:
        answer = request(http, "GET", url, timeout=1)

    assert (answer.status, answer.body) == (200, b"ok")


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (lambda connection: time.sleep(0.8), Reason.TIMEOUT),
        (drip, Reason.TIMEOUT),
        (drip_header, Reason.TIMEOUT),
        (drip_chunk, Reason.TIMEOUT),
        (stall, Reason.TIMEOUT),
        (lambda connection: None, Reason.CLOSED),
        (lambda c: c.sendall(b"HTTP/1.1 301 M\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"),
         Reason.REDIRECT),
        (lambda c: c.sendall(b"HTTP/1.1 401 N\r\nContent-Length: 0\r\n\r\n"), Reason.AUTH),
        (lambda c: c.sendall(b"HTTP/1.1 500 N\r\nContent-Length: 4\r\n\r\noops"), Reason.HTTP_STATUS),
        (lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Reason.CLOSED),
        (lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY + 100)), Reason.TOO_LARGE),
    ],
    ids=["silence", "drip", "drip in the header", "drip in a chunk", "stall", "closed", "redirect", "auth", "status", "truncated", "huge"],
)  # fmt: skip
def test_every_failure_has_its_reason(talk: Callable[[socket.socket], None], reason: Reason) -> None:
    with server(talk) as url:
        assert fails(url).reason is reason


def test_a_port_that_nobody_listens_on_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert fails(f"http://127.0.0.1:{port}").reason is Reason.REFUSED


def test_an_error_shows_neither_path_nor_query_of_a_url() -> None:
    with server(lambda c: c.sendall(b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n")) as url:
        error = fails(f"{url}/services/T0/B0/secret?key=hidden")

    assert "secret" not in str(error) and "hidden" not in str(error)
    assert redact("https://user:pw@example.org:8/x?y=z") == "https://example.org:8"


def test_retry_after_is_read() -> None:
    answer = b"HTTP/1.1 429 N\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    with server(lambda c: c.sendall(answer)) as url:
        assert fails(url).retry_after == 7.0


def test_a_reader_of_nodeos_refuses_every_path_that_is_not_for_reading() -> None:
    asked: list[bytes] = []

    def note(connection: socket.socket) -> None:
        asked.append(b"")
        connection.sendall(OK)

    with server(note) as url:
        node = Nodeos(url)
        for path in ("/v1/producer/pause", "/v1/producer/resume", "/v1/net/disconnect"):
            with pytest.raises(ValueError, match="is not a read path"):
                node._read(path)

    assert asked == []
    assert not [path for path in READ_PATHS if "pause" in path and path != "/v1/producer/paused"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", Reason.BAD_JSON),
        (b'{"head', Reason.BAD_JSON),
        (b"[]", Reason.SCHEMA),
        (b"{}", Reason.SCHEMA),
    ],
)
def test_an_answer_that_is_not_a_nodeos_has_a_reason(body: bytes, reason: Reason) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with server(lambda c: c.sendall(head + body)) as url, pytest.raises(HttpError) as caught:
        Nodeos(url).info()

    assert caught.value.reason is reason
