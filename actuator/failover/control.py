"""The write side of a nodeos: pause and resume. The only place in the project that can send them."""

import fcntl
import http.client
import socket
import struct
import termios
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from nodekit.http import HttpError, Reason
from nodekit.nodeos import Nodeos

MAX_ANSWER = 65536
TCP_ESTABLISHED = 1
"""First byte of Linux's TCP_INFO (include/net/tcp_states.h)."""
DROP_UNSENT = struct.pack("ii", 1, 0)
"""SO_LINGER on with 0 s: closing discards what the peer has not acknowledged."""


class WritePath(StrEnum):
    """The two paths that change a node; both are absolute and may be repeated."""

    PAUSE = "/v1/producer/pause"
    RESUME = "/v1/producer/resume"


class QueuedError(HttpError):
    """No answer in time, but the peer's kernel has every byte: the node executes it when it wakes."""


class StoppedError(HttpError):
    """The host's agent says that the process is stopped and its start fenced: there is nothing to pause."""


class KeptError(HttpError):
    """The host's agent could not tell the node for sure, but noted the order: should the node start unpaused,
    it pauses it then."""


class Control(Protocol):
    """How pause and resume reach a node: by its own API (NodeControl), or through its host's agent."""

    def send(self, path: WritePath, timeout: float | None = None) -> None:
        """Send it once and return when it is acknowledged.

        Raises QueuedError when it will be executed as soon as the node wakes, StoppedError when the process
        is stopped with its start fenced, KeptError when its agent will see to it after a start, HttpError
        otherwise.
        """

    def paused(self) -> bool:
        """What the node says now. Raises HttpError."""


class NodeControl:
    """Pause, resume and re-read one node. Every call raises HttpError, never hangs."""

    def __init__(self, read_url: str, write_url: str, timeout: float) -> None:
        self._write = write_url.rstrip("/")
        self._timeout = timeout
        self._reader = Nodeos(read_url, timeout)

    def send(self, path: WritePath, timeout: float | None = None) -> None:
        """Send it once, on a connection of its own: a retry on a stale one could send it twice.

        Raises QueuedError when the node is silent but its kernel has acknowledged every byte (measured:
        a stopped nodeos executes such a call when it is continued, though its client has gone).
        """
        connection = _connection(self._write, self._timeout if timeout is None else timeout)
        try:
            connection.request("POST", path, body=b"")
            response = connection.getresponse()
            content = response.read(MAX_ANSWER)
        except TimeoutError:
            raise self._silent(connection, path) from None
        except ConnectionRefusedError:
            raise HttpError(Reason.REFUSED, f"{self._write}: connection refused") from None
        except (OSError, http.client.HTTPException) as error:
            raise HttpError(Reason.CLOSED, f"{self._write}{path}: {type(error).__name__}") from None
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            text = content[:200].decode("utf-8", "replace")
            raise HttpError(
                Reason.HTTP_STATUS,
                f"{self._write}{path}: answered HTTP {response.status}: {text}",
                response.status,
            )

    def _silent(self, connection: http.client.HTTPConnection, path: WritePath) -> HttpError:
        """What a time-out means; a call that is not on the other side yet is taken back."""
        if connection.sock is not None and acknowledged(connection.sock):
            return QueuedError(
                Reason.TIMEOUT, f"{self._write}{path}: no answer, but it is queued at the node"
            )
        if connection.sock is not None:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DROP_UNSENT)
        return HttpError(Reason.TIMEOUT, f"{self._write}{path}: no answer in time")

    def paused(self) -> bool:
        """What the node says now."""
        return self._reader.paused()


def acknowledged(sock: socket.socket) -> bool:
    """Whether the peer's kernel has everything that was sent: established, nothing unsent, no error."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        unsent = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]
    except OSError:
        return False
    return state == TCP_ESTABLISHED and error == 0 and unsent == 0


def surely_not_done(error: HttpError) -> bool:
    """Whether a failed send certainly had no effect: refused, or answered with an HTTP error."""
    return error.reason is Reason.REFUSED or error.status is not None


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket: nodeos serves `producer_rw` there when it is told to."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path, timeout)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout)
