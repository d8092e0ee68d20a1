"""The agent's own listener: its metrics, and its services as a page and as JSON. It changes nothing."""

import json
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from actuator.agent.watch.policy import Phase
from actuator.agent.watch.view import View, as_json

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
body{color:#1b1f24;background:#fff}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d9dee3;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.good{color:#1a7f37}.bad{color:#b42318;font-weight:600}.rest{color:#57606a}
code{background:#f2f4f6;padding:.1rem .3rem}
@media(prefers-color-scheme:dark){body{color:#dfe5ea;background:#14181c}th,td{border-color:#333b43}
code{background:#22282e}.good{color:#57ab5a}.bad{color:#f47067}.rest{color:#8b949e}}
"""
TONES = {
    Phase.RUNNING: "good", Phase.UNMONITORED: "rest", Phase.MAINTENANCE: "rest", Phase.STOPPED: "rest",
    Phase.STARTING: "rest", Phase.STOPPING: "rest",
}  # fmt: skip
HEADERS = [
    ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]  # fmt: skip
REFRESH = 5
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{host}: services</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{refresh}">
<style>{style}</style></head><body><h1>{host}</h1>
<p>{count} services, {down} not running. {now} UTC.</p>
<table><thead><tr><th>Service<th>State<th>Process<th>Up for<th>Restarts<th>Checks<th>Why</tr></thead>
<tbody>{rows}</tbody></table>
<p class="rest">This page changes nothing. To start, stop, restart, monitor or unmonitor:
<code>chainwarden send-command {host} SERVICE COMMAND</code> · <a href="services.json">JSON</a> ·
<a href="metrics">metrics</a> · chainwarden-agent {version}</p></body></html>
"""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """A scrape every second is no news."""


def listener(
    listen: str, registry: CollectorRegistry, host: str, views: Callable[[], Sequence[View]]
) -> WSGIServer:
    """`/` and `/services.json`; everything else is the metrics. Raises OSError when the address is taken."""
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            start("405 Method Not Allowed", [("Allow", "GET, HEAD"), *HEADERS])
            return [b"This page changes nothing; use chainwarden send-command.\n"]
        if path == "/":
            start("200 OK", [("Content-Type", "text/html; charset=utf-8"), *HEADERS])
            return [html(host, views(), time.time()).encode()]
        if path == "/services.json":
            start("200 OK", [("Content-Type", "application/json"), *HEADERS])
            return [json.dumps({"host": host, "services": [as_json(one) for one in views()]}).encode()]
        found: Iterable[bytes] = metrics(environ, start)
        return found

    address, _, port = listen.rpartition(":")
    kind = _Server6 if ":" in address else _Server
    return make_server(address.strip("[]"), int(port), application, kind, _Quiet)


def html(host: str, views: Sequence[View], now: float) -> str:
    """The page; everything that came from outside is escaped."""
    rows = "".join(_row(view, now) for view in views)
    down = sum(not view.alive for view in views)
    return PAGE.format(
        host=escape(host), style=STYLE, refresh=REFRESH, count=len(views), down=down, now=_utc(now),
        rows=rows or "<tr><td colspan=7>No daemons are configured.</td></tr>",
        version=escape(version("chainwarden")),
    )  # fmt: skip


def _row(view: View, now: float) -> str:
    main, memory = view.main, view.memory
    tone = TONES.get(view.phase, "bad") if view.watched or not view.alive else "good"
    state = str(view.phase) if view.watched else f"{view.phase}, not watched"
    more = f" +{len(view.processes) - 1}" if len(view.processes) > 1 else ""
    pid = "-" if main is None else f"{main.pid}{more}"
    up = "-" if main is None else _span(now - main.began)
    checks = "; ".join(view.failing) or ("good" if view.checks else "-")
    why = view.why + (f"; monitored again at {_utc(memory.until)}" if memory.until is not None else "")
    if memory.gave_up is not None and memory.gave_up.next is not None:
        why += f"; next try at {_utc(memory.gave_up.next)}"
    return (
        f'<tr><td>{escape(view.name)}<td class="{tone}">{escape(state)}<td class=n>{pid}<td class=n>{up}'
        f"<td class=n>{memory.restarts}<td>{escape(checks)}<td>{escape(why)}</tr>"
    )


def _utc(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
