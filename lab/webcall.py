"""Short HTTP calls to the lab's servers, one connection each."""

import json
from typing import Any

from nodekit.http import HttpError, request, session

TIMEOUT = 5.0


def answers(url: str) -> bool:
    """Whether a GET gets a 2xx answer within a second."""
    try:
        _call("GET", url, timeout=1.0)
    except HttpError:
        return False
    return True


def get_json(url: str) -> Any:
    """The decoded body of a GET. Raises HttpError, ValueError."""
    return json.loads(_call("GET", url))


def get_text(url: str) -> str:
    """The text of an answer. Raises HttpError."""
    return _call("GET", url).decode()


def post(url: str, body: bytes = b"") -> bytes:
    """The answer to a POST of JSON. Raises HttpError."""
    return _call("POST", url, body)


def _call(method: str, url: str, body: bytes | None = None, timeout: float = TIMEOUT) -> bytes:
    headers = {"Content-Type": "application/json", "Connection": "close"}
    with session() as http:
        return request(http, method, url, timeout=timeout, body=body, headers=headers).body
