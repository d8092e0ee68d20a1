"""A subscription to new heads of an EVM chain over WebSocket."""

import json
import logging
import time
from typing import Self

from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from nodekit.evm import Head, head
from nodekit.http import HttpError, Reason

QUEUE = 256
"""Messages that wait unread; a chain with four blocks a second fills that in a minute."""
QUIET = logging.getLogger("nodekit.newheads.wire")
QUIET.setLevel(logging.CRITICAL)  # the library would log addresses with their keys


class NewHeads:
    """An open subscription. `shown` is what errors call the endpoint, whose address may hold a key."""

    def __init__(self, url: str, timeout: float, shown: str) -> None:
        self._shown = shown
        self._wire = _open(url, timeout, shown)
        try:
            self._subscribe(timeout)
        except HttpError:
            self.close()
            raise

    def wait(self, timeout: float) -> Head | None:
        """The next new head, or None when none came within `timeout` seconds (0: what came already).

        Raises HttpError when the connection is gone.
        """
        deadline = time.monotonic() + timeout
        while (text := self._receive(max(0.0, deadline - time.monotonic()))) is not None:
            try:
                found = head(json.loads(text)["params"]["result"])
            except (ValueError, KeyError, TypeError):
                continue
            if found is not None:
                return found
        return None

    def close(self) -> None:
        """End the subscription."""
        self._wire.close()

    def _subscribe(self, timeout: float) -> None:
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
        try:
            self._wire.send(json.dumps(call))
        except (WebSocketException, OSError):
            raise HttpError(Reason.CLOSED, f"{self._shown}: the connection was closed") from None
        text = self._receive(timeout)
        if text is None:
            raise HttpError(Reason.TIMEOUT, f"{self._shown}: the subscription was not answered")
        try:
            accepted = "result" in json.loads(text)
        except (ValueError, TypeError):
            accepted = False
        if not accepted:
            raise HttpError(Reason.SCHEMA, f"{self._shown}: the subscription to new heads was refused")

    def _receive(self, timeout: float) -> str | bytes | None:
        try:
            return self._wire.recv(timeout)
        except TimeoutError:
            return None
        except (WebSocketException, OSError):
            raise HttpError(Reason.CLOSED, f"{self._shown}: the connection was closed") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(url: str, timeout: float, shown: str) -> ClientConnection:
    try:
        opened = connect(
            url, open_timeout=timeout, close_timeout=0.2, proxy=None, max_queue=QUEUE, compression=None,
            logger=QUIET,
        )  # fmt: skip
        return opened.__enter__()  # the library wants a context manager; close() is its end
    except ConnectionRefusedError:
        raise HttpError(Reason.REFUSED, f"{shown}: connection refused") from None
    except TimeoutError:
        raise HttpError(Reason.TIMEOUT, f"{shown}: no WebSocket within {timeout:g} s") from None
    except (InvalidHandshake, InvalidURI, WebSocketException, EOFError):
        raise HttpError(Reason.SCHEMA, f"{shown}: does not speak WebSocket at this address") from None
    except OSError:
        raise HttpError(Reason.CONNECT, f"{shown}: no connection") from None
