"""HTTP sessions that cannot hang, wander or leak: deadline, size cap, no redirect, redacted errors."""

import io
import socket
import ssl
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError, ReadTimeoutError

MAX_BODY = 2 * 1024 * 1024
"""Bytes of an answer that are read at most; a 500-producer schedule is under 0.2 MB."""


class Reason(StrEnum):
    """Why a request gave no usable answer: a closed set, so that it can be a metric label."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    CONNECT = "connect"
    CLOSED = "closed"
    HTTP_STATUS = "http_status"
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    BAD_JSON = "bad_json"
    SCHEMA = "schema"
    AUTH = "auth"
    WRONG_CHAIN = "wrong_chain"
    """A right answer of a node that runs another chain than it should."""


class HttpError(Exception):
    """A request failed; `reason` says how, the text names host and path and carries no secret."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        status: int | None = None,
        *,
        body: bytes = b"",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
        self.body = body
        """What an error answer said, for callers that understand it."""
        self.retry_after = retry_after
        """Seconds that the answer's Retry-After asks to wait; None without a usable one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: status, body bytes, seconds it took."""

    status: int
    body: bytes
    took: float
    connection: tuple[str, int] | None = None
    """Our end of the TCP connection that it came over; None when it ends with this answer."""


class _Timed(io.RawIOBase):
    """Reads from a socket until a moment; the socket's own timeout begins anew with every byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        """It is for reading only."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """What one receive brings; raises TimeoutError when the moment has passed."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An answer whose status line, headers and body together have the time that one read had."""

    def __init__(self, sock: socket.socket, *args: Any, **named: Any) -> None:
        super().__init__(sock, *args, **named)
        self.local = sock.getsockname() if sock.family != socket.AF_UNIX else None
        limit = sock.gettimeout()
        if limit is not None:
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, time.monotonic() + limit))


class _HttpConnection(HTTPConnection):
    response_class = _TimedResponse


class _HttpsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        """As requests does, with connections whose answers end in time."""
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _unix_pool(path: str) -> type[HTTPConnectionPool]:
    """Connections that all lead to one unix socket, whatever host they are asked for."""

    class Connection(_HttpConnection):
        def connect(self) -> None:
            """Reach the socket; one that is not there has nobody behind it."""
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
            try:
                sock.connect(path)
            except FileNotFoundError as error:
                sock.close()
                raise ConnectionRefusedError(str(error)) from None
            except OSError:
                sock.close()
                raise
            self.sock = sock

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool


def socket_path(url: str) -> str | None:
    """The path of `unix:///path/of/socket`; None for other addresses."""
    return url.removeprefix("unix://") if url.startswith("unix://") else None


def session(pool: int = 2, unix: str | None = None) -> requests.Session:
    """A kept-alive session without proxies from the environment and without retries of its own; all its
    http:// requests go to the socket `unix` when that is given."""
    made = requests.Session()
    made.trust_env = False  # the proxy look-up per request costs a quarter of a poll's CPU
    adapter = _Adapter(pool_connections=pool, pool_maxsize=pool, max_retries=0)
    if unix is not None:
        adapter.poolmanager.pool_classes_by_scheme["http"] = _unix_pool(unix)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


def redact(url: str) -> str:
    """Scheme, host and port of a URL: paths, queries and user info may be credentials."""
    parts = urlsplit(url)
    host = parts.hostname or "?"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}"


def request(
    http: requests.Session,
    method: str,
    url: str,
    *,
    timeout: float,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    shown: str | None = None,
) -> Answer:
    """Send one request and read its whole answer within `timeout` seconds.

    `shown` is what errors call the target; by default the URL without path and query.
    Raises HttpError for everything that is not a complete 2xx answer.
    """
    name = shown or redact(url)
    started = time.monotonic()
    try:
        # Straight to the adapter: a session's own way there (cookies, redirects, hooks, settings of the
        # environment), of which nothing is wanted here, takes as long as all the rest.
        bare = not body and headers is None
        prepared = _bare(method, url) if bare else _prepared(method, url, body, headers)
        with http.get_adapter(url).send(
            prepared, stream=True, timeout=timeout, verify=http.verify or False
        ) as response:
            content = _read(response, started + timeout, name)
            took = time.monotonic() - started
            _check_status(response, content, name)
            return Answer(response.status_code, content, took, _connection(response))
    except requests.RequestException as error:
        raise _classify(error, name, timeout) from None
    except ReadTimeoutError:
        raise HttpError(Reason.TIMEOUT, f"{name}: the answer took too long") from None
    except HTTPError as error:  # urllib3's own, while streaming the body
        raise HttpError(Reason.CLOSED, f"{name}: the answer broke off ({type(error).__name__})") from None


def _prepared(
    method: str, url: str, body: bytes | None, headers: dict[str, str] | None
) -> requests.PreparedRequest:
    every = requests.utils.default_headers()
    return requests.Request(method, url, {**every, **(headers or {})}, data=body).prepare()


@lru_cache(1024)
def _bare(method: str, url: str) -> requests.PreparedRequest:
    """A request of nothing but its address, kept: a node is asked the same every second."""
    return _prepared(method, url, None, None)


def _connection(response: requests.Response) -> tuple[str, int] | None:
    raw = getattr(response.raw, "_original_response", None)
    if not isinstance(raw, _TimedResponse) or raw.local is None or raw.will_close:
        return None
    return str(raw.local[0]), int(raw.local[1])


def _read(response: requests.Response, deadline: float, name: str) -> bytes:
    """The body, refusing more than MAX_BODY bytes and a sender that drips past the deadline."""
    parts: list[bytes] = []
    size = 0
    # read1 returns what one recv brought, so that the deadline is checked between slow pieces.
    while piece := response.raw.read1(65536, decode_content=True):
        size += len(piece)
        if size > MAX_BODY:
            raise HttpError(Reason.TOO_LARGE, f"{name}: answered more than {MAX_BODY} bytes")
        if time.monotonic() > deadline:
            raise HttpError(Reason.TIMEOUT, f"{name}: the answer took too long")
        parts.append(piece)
    return b"".join(parts)


def _check_status(response: requests.Response, content: bytes, name: str) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise HttpError(Reason.REDIRECT, f"{name}: answered with a redirect ({status})", status)
    reason = Reason.AUTH if status in (401, 403) else Reason.HTTP_STATUS
    text = content[:200].decode("utf-8", "replace")
    wait = response.headers.get("Retry-After", "")
    raise HttpError(
        reason,
        f"{name}: answered HTTP {status}: {text}",
        status,
        body=content,
        retry_after=float(wait) if wait.isdigit() else None,
    )


def _classify(error: requests.RequestException, name: str, timeout: float) -> HttpError:
    """The closed reason of a requests exception (their text may quote the URL, so it is not kept)."""
    if isinstance(error, requests.Timeout):
        return HttpError(Reason.TIMEOUT, f"{name}: no answer within {timeout:g} s")
    if isinstance(error, requests.ConnectionError):
        chain = _causes(error)
        if any(isinstance(cause, ConnectionRefusedError) for cause in chain):
            return HttpError(Reason.REFUSED, f"{name}: connection refused")
        untrusted = next((cause for cause in chain if isinstance(cause, ssl.SSLCertVerificationError)), None)
        if untrusted is not None:
            return HttpError(
                Reason.CONNECT, f"{name}: its certificate is not trusted: {untrusted.verify_message}"
            )
        if any(isinstance(cause, TimeoutError) for cause in chain):
            return HttpError(Reason.TIMEOUT, f"{name}: no answer within {timeout:g} s")
        if any(isinstance(cause, NewConnectionError) for cause in chain):
            return HttpError(Reason.CONNECT, f"{name}: no connection")
        if any(isinstance(cause, ProtocolError | ConnectionError) for cause in chain):
            return HttpError(Reason.CLOSED, f"{name}: the connection was closed without an answer")
    return HttpError(Reason.CONNECT, f"{name}: {type(error).__name__}")


def _causes(error: BaseException) -> list[BaseException]:
    """An exception with all that it wraps: requests hides the OSError several layers down."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        item = todo.pop()
        if not isinstance(item, BaseException) or item in found:
            continue
        found.append(item)
        todo += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return found
