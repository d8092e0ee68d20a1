"""The server under a program's HTTP face: waitress, or werkzeug for TLS, which waitress has not."""

import ssl
import threading
from collections.abc import Callable
from typing import Any, Protocol

from waitress import wasyncore
from waitress.server import create_server
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from nodekit.webfile import PATIENCE, Application, Gate, guarded, nobody

LOOK = 0.5
"""Seconds after which an idle server sees that it shall end."""


class Serving(Protocol):
    """A server that is bound to its address."""

    def run(self) -> None:
        """Answer until it is closed."""

    def close(self) -> None:
        """Stop answering."""


class _Quiet(WSGIRequestHandler):
    timeout = PATIENCE

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """That a scrape came is no news."""


class _TlsServer(ThreadedWSGIServer):
    """Shakes hands on the thread of the connection, so that a silent client stops nobody else."""

    def __init__(self, host: str, port: int, application: Application, gate: Gate) -> None:
        self._gate = gate
        super().__init__(host, port, application, handler=_Quiet)

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """A connection whose handshake comes with the first read."""
        return self._gate.accept(self.socket)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that speak no TLS, or have no certificate, are their own problem."""

    def run(self) -> None:
        """As waitress calls it."""
        self.serve_forever()

    def close(self) -> None:
        """As waitress calls it."""
        self.shutdown()
        self.server_close()


class _PlainServer:
    """waitress, which by itself leaves connections open when it is closed by another thread."""

    def __init__(self, host: str, port: int, application: Application, threads: int) -> None:
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            application, host=host, port=port, threads=threads, ident=None, map=self._sockets
        )
        self._closing = threading.Event()
        self._closed = threading.Event()

    def run(self) -> None:
        while not self._closing.is_set():
            wasyncore.loop(timeout=LOOK, map=self._sockets, use_poll=True, count=1)
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._sockets, ignore_all=True)
        self._closed.set()

    def close(self) -> None:
        self._closing.set()
        self._closed.wait(PATIENCE)


def bound(
    listen: str,
    application: Application,
    gate: Gate | None,
    *,
    threads: int,
    others: Callable[[str], bool] = nobody,
) -> Serving:
    """A server at `host:port`. Raises OSError and ValueError.

    `gate`: of the web file; `others`: whether an Authorization header that it does not know may ask, too.
    `threads`: how many requests are answered at once, the rest waits; with TLS each connection has its own.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if gate is not None:
        application = guarded(application, gate, others)
        if gate.encrypted:
            return _TlsServer(host, int(port), application, gate)
    return _PlainServer(host, int(port), application, threads)
