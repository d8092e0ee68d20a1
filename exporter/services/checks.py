"""Checks of a service that are no look at its processes: a port, an address, a file."""

import socket
from pathlib import Path

from nodekit.http import HttpError, request, session


def accepts(address: str, timeout: float) -> bool:
    """Whether a TCP connection to `host:port` is accepted in time."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout):
            return True
    except OSError:
        return False


def answers(url: str, timeout: float) -> bool:
    """Whether a GET is answered with 2xx in time, on a connection of its own."""
    try:
        with session() as http:
            request(http, "GET", url, timeout=timeout, headers={"Connection": "close"})
    except HttpError:
        return False
    return True


def touched(file: Path) -> float | None:
    """When a file was last written, unix seconds; None when it is not there. Raises other OSErrors."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return None
