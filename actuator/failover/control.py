"""The write side of a nodeos: pause and resume. The only place in the project that can send them."""

from enum import StrEnum

from nodekit.http import HttpError, Reason, request, session
from nodekit.nodeos import Nodeos


class WritePath(StrEnum):
    """The two paths that change a node; both are absolute and may be repeated."""

    PAUSE = "/v1/producer/pause"
    RESUME = "/v1/producer/resume"


class NodeControl:
    """Pause, resume and re-read one node. Every call raises HttpError, never hangs."""

    def __init__(self, read_url: str, write_url: str, timeout: float) -> None:
        self.url = write_url
        self._write = write_url.rstrip("/")
        self._timeout = timeout
        self._reader = Nodeos(read_url, timeout)

    def send(self, path: WritePath) -> None:
        """Send it once, on a fresh connection: a retry on a stale one could send it twice."""
        with session() as http:
            request(
                http, "POST", self._write + path, timeout=self._timeout, body=b"", shown=self._write + path
            )

    def paused(self) -> bool:
        """What the node says now."""
        return self._reader.paused()


def surely_not_done(error: HttpError) -> bool:
    """Whether a failed send certainly had no effect: refused, or answered with an HTTP error."""
    return error.reason is Reason.REFUSED or error.status is not None
