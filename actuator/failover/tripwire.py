"""An idle connection to a node: the kernel closes it in the moment that the process dies."""

import contextlib
import select
import socket
from urllib.parse import urlsplit

CONNECT_TIMEOUT = 0.3
"""Seconds; a node that takes longer is watched by polling alone."""


class Tripwire:
    """Waits for the next poll, but no longer than until the node's connection breaks.

    `nudge` may be called from any thread; everything else belongs to one.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self._wire: socket.socket | None = None
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)  # noqa: FBT003 - the socket module's own signature

    def arm(self) -> None:
        """Connect when not connected; a node that refuses is simply not watched."""
        if self._wire is not None:
            return
        with contextlib.suppress(OSError):
            self._wire = socket.create_connection(self._address, timeout=CONNECT_TIMEOUT)

    def wait(self, seconds: float) -> bool:
        """Sleep up to `seconds`; True when the connection broke (it is disarmed then)."""
        watched = [self._ear] if self._wire is None else [self._ear, self._wire]
        readable, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._ear in readable:
            with contextlib.suppress(BlockingIOError):
                self._ear.recv(4096)
        if self._wire is not None and self._wire in readable:
            self._drop()
            return True
        return False

    def nudge(self) -> None:
        """End the current `wait` now."""
        with contextlib.suppress(OSError):
            self._mouth.send(b"!")

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def close(self) -> None:
        """Let go of all sockets."""
        self._drop()
        self._ear.close()
        self._mouth.close()
