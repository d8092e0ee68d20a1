"""A local HTTP service that plays somebody else's: it remembers requests, and fails on demand."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

from lab.ports import free_port

MAX_BODY = 21_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `status` is None when it was left hanging or cut off."""

    at: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    status: int | None = None

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Said:
    """An HTTP answer; `cut` closes the connection without one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


def said(value: object, status: int = 200) -> Said:
    """A JSON answer."""
    return Said(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8"})


class Hook:
    """Serves `url` from `start` to `stop`. Thread-safe. Subclasses say what they answer."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.clock = clock
        self.lock = threading.Condition(threading.RLock())
        self._calls: list[Call] = []
        self._faults: deque[Said] = deque()
        self._awake = threading.Event()
        self._awake.set()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.hook = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="lab-hook")

    def answer(self, call: Call) -> Said:
        """The answer to a request; called with the lock held."""
        raise NotImplementedError

    @property
    def calls(self) -> list[Call]:
        """All requests so far, oldest first."""
        with self.lock:
            return list(self._calls)

    def fail_next(self, fault: Said, times: int = 1) -> None:
        """Answer the next requests with this."""
        with self.lock:
            self._faults.extend([fault] * times)

    def hang(self) -> None:
        """Leave requests unanswered until `wake`."""
        self._awake.clear()

    def wake(self) -> None:
        """Answer again, also what was left hanging."""
        self._awake.set()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition on what was received holds. Raises TimeoutError."""
        with self.lock:
            if not self.lock.wait_for(condition, timeout):
                raise TimeoutError(f"not within {timeout:g} s; {len(self._calls)} requests came")

    def receive(self, call: Call) -> Said:
        """The answer as the handler needs it; remembers the request."""
        self._awake.wait()
        with self.lock:
            reply = self._faults.popleft() if self._faults else self.answer(call)
            status = None if reply.cut else reply.status
            self._calls.append(
                Call(call.at, call.method, call.path, call.query, call.headers, call.body, status)
            )
            self.lock.notify_all()
            return reply

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; requests that hang are answered."""
        self.wake()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hook: Hook


class _Handler(BaseHTTPRequestHandler):
    timeout = 30

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        hook = cast(_Server, self.server).hook
        length = min(MAX_BODY, int(self.headers.get("Content-Length") or 0))
        reply = hook.receive(
            Call(
                hook.clock(),
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                dict(self.headers.items()),
                self.rfile.read(length),
            )
        )  # fmt: skip
        if reply.cut:
            self.connection.close()
            return
        try:
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, format: str, *_args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent: what matters is in `calls`."""


class Gateway(Hook):
    """A gateway that takes everything: SMS, heartbeat, whatever; `reply` is its answer."""

    def __init__(self, reply: Said | None = None) -> None:
        super().__init__()
        self.reply = reply or Said(200, b"ok")

    def answer(self, _call: Call) -> Said:
        """Always the same."""
        return self.reply
