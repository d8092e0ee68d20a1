"""A local Slack: an incoming webhook with the real one's limits and error bodies, and faults on demand."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

from lab.ports import free_port
from lab.slack_rules import NO_SERVICE, OK, RATE_LIMITED, Bucket, Reply, judge, take
from lab.slack_view import render

PATH = "/services/T0LAB/B0LAB/lab-webhook-secret"
MAX_BODY = 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken."""

    at: float
    """Unix seconds of arrival."""
    payload: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The notification's text."""
        return str(self.payload.get("text", ""))

    def shown(self) -> str:
        """The message as a person reads it, for a terminal."""
        return render(self.payload)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request, taken or refused; `status` is None when it was left hanging."""

    at: float
    path: str
    status: int | None


class Slack:
    """Serves `webhook_url` from `start` to `stop`. Thread-safe."""

    def __init__(self, listen: str = "127.0.0.1", port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.webhook_url = self.url + PATH
        self._lock = threading.Condition()
        self._messages: list[Message] = []
        self._attempts: list[Attempt] = []
        self._faults: deque[Reply] = deque()
        self._awake = threading.Event()
        self._awake.set()
        self._bucket = Bucket()
        self._server = _Server((listen, self.port), _Handler)
        self._server.slack = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="lab-slack")

    @property
    def messages(self) -> list[Message]:
        """Messages taken so far, oldest first."""
        with self._lock:
            return list(self._messages)

    @property
    def attempts(self) -> list[Attempt]:
        """All requests so far, oldest first."""
        with self._lock:
            return list(self._attempts)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; requests that hang are answered."""
        self.wake()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail_next(self, status: int, body: str = "", times: int = 1, retry_after: int | None = None) -> None:
        """Answer the next `times` requests to the webhook with this instead of taking them."""
        with self._lock:
            self._faults.extend([Reply(status, body, retry_after)] * times)

    def hang(self) -> None:
        """Leave requests unanswered until `wake`; they are neither taken nor refused meanwhile."""
        self._awake.clear()

    def wake(self) -> None:
        """Answer again, also what was left hanging (Slack may well take what a client gave up on)."""
        self._awake.set()

    def clear(self) -> None:
        """Forget messages, attempts, faults and the rate so far."""
        with self._lock:
            self._messages.clear()
            self._attempts.clear()
            self._faults.clear()
            self._bucket = Bucket()
        self.wake()

    def wait_for(self, predicate: Callable[[Message], bool], timeout: float) -> Message:
        """The first message that the predicate holds for.

        Raises TimeoutError listing what did arrive when there is none within `timeout` seconds.
        """
        with self._lock:
            self._lock.wait_for(lambda: any(map(predicate, self._messages)), timeout)
            for message in self._messages:
                if predicate(message):
                    return message
            texts = [message.text for message in self._messages]
        raise TimeoutError(f"no such message within {timeout:g} s; Slack has {texts}")

    def receive(self, path: str, body: bytes) -> Reply:
        """The answer to a POST, as the handler needs it."""
        if not self._awake.is_set():
            with self._lock:
                self._attempts.append(Attempt(time.time(), path, None))
            self._awake.wait()
        with self._lock:
            now = time.time()
            reply, payload = self._decide(path, body, now)
            self._attempts.append(Attempt(now, path, reply.status))
            if reply is OK:
                self._messages.append(Message(now, payload))
                self._lock.notify_all()
            return reply

    def _decide(self, path: str, body: bytes, now: float) -> tuple[Reply, Mapping[str, Any]]:
        if path != PATH:
            return NO_SERVICE, {}
        if self._faults:
            return self._faults.popleft(), {}
        self._bucket, passes = take(self._bucket, now)
        return judge(body) if passes else (RATE_LIMITED, {})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    slack: Slack


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self._answer(Reply(413, "request_too_large"))
            return
        self._answer(cast(_Server, self.server).slack.receive(self.path, self.rfile.read(length)))

    def do_GET(self) -> None:
        self._answer(Reply(400, "invalid_payload"))

    def _answer(self, reply: Reply) -> None:
        content = reply.body.encode()
        kind = "application/json" if reply.body.startswith("{") else "text/plain"
        try:
            self.send_response(reply.status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")  # so that a stopped Slack answers nobody any more
            if reply.retry_after is not None:
                self.send_header("Retry-After", str(reply.retry_after))
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client gave up waiting

    def log_message(self, format: str, *_args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent: what matters is in `attempts`."""
