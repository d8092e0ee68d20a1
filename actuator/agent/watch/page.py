"""The agent's own listener: its metrics, and its services as a page and as JSON.

It changes nothing, unless `operators` are configured: then the page has buttons, for them.
"""

import json
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from actuator.agent.watch.board import Meter, drawn
from actuator.agent.watch.buttons import LONGEST, Answer, Buttons
from actuator.agent.watch.view import View, as_json
from nodekit.webfile import Application, Gate, guarded

HEADERS = [
    ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
     "base-uri 'none'; frame-ancestors 'none'"),
]  # fmt: skip
READ_ONLY = b"This page changes nothing: name `operators` in agent.yml, or use chainwarden send-command.\n"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64
    gate: Gate | None = None
    """Of a web file that had TLS in it at the start."""

    def get_request(self) -> tuple[socket.socket, Any]:
        """A connection, encrypted where the web file says so."""
        if self.gate is None:
            found: tuple[socket.socket, Any] = super().get_request()
            return found
        return self.gate.accept(self.socket)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that speak no TLS, or have no certificate, are their own problem."""
        if self.gate is None or not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """A scrape every second is no news."""


def listener(
    listen: str,
    registry: CollectorRegistry,
    host: str,
    views: Callable[[], Sequence[View]],
    buttons: Buttons,
    gate: Gate | None = None,
) -> WSGIServer:
    """`/` and `/services.json`; everything else is the metrics. Raises OSError when the address is taken."""
    served = _application(registry, host, views, buttons)
    if gate is not None:
        served = guarded(served, gate, buttons.knows)
    address, _, port = listen.rpartition(":")
    kind = _Server6 if ":" in address else _Server
    made = make_server(address.strip("[]"), int(port), served, kind, _Quiet)
    if gate is not None and gate.encrypted:
        made.gate = gate
    return made


def _application(
    registry: CollectorRegistry, host: str, views: Callable[[], Sequence[View]], buttons: Buttons
) -> Application:
    metrics, meter = make_wsgi_app(registry), Meter()

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", "/"), environ.get("REQUEST_METHOD")
        if method == "POST" and path == "/" and buttons.there:
            return _pressed(environ, start, views, buttons)
        if method not in ("GET", "HEAD"):
            start("405 Method Not Allowed", [("Allow", "GET, HEAD"), *HEADERS])
            return [READ_ONLY]
        if path == "/":
            start("200 OK", [("Content-Type", "text/html; charset=utf-8"), *HEADERS])
            return [drawn(host, views(), buttons, meter).encode()]
        if path == "/services.json":
            start("200 OK", [("Content-Type", "application/json"), *HEADERS])
            return [json.dumps({"host": host, "services": [as_json(one) for one in views()]}).encode()]
        found: Iterable[bytes] = metrics(environ, start)
        return found

    return application


def _pressed(
    environ: dict[str, Any], start: Callable[..., Any], views: Callable[[], Sequence[View]], buttons: Buttons
) -> Iterable[bytes]:
    size = environ.get("CONTENT_LENGTH") or "0"
    if not size.isdigit() or int(size) > LONGEST:
        answer = Answer("413 Content Too Large", "this is no form of this page")
    else:
        form = environ["wsgi.input"].read(int(size))
        answer = buttons.press(
            form, views(), environ.get("REMOTE_ADDR", ""), environ.get("HTTP_AUTHORIZATION", "")
        )
    headers = [("Content-Type", "text/plain; charset=utf-8"), *HEADERS]
    if answer.ask:
        headers.append(("WWW-Authenticate", 'Basic realm="chainwarden-agent", charset="UTF-8"'))
    if not answer.why:
        headers.append(("Location", "./"))
    start(answer.status, headers)
    return [f"{answer.why}\n".encode() if answer.why else b""]
