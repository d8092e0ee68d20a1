"""JSON-RPC 2.0 over HTTP: many calls in one request, an answer or a refusal for each."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests

from nodekit.evm import Call, Refused
from nodekit.http import HttpError, Reason, request

HEADERS = {"Content-Type": "application/json"}
NO_BATCH = (400, 405, 413, 422)
"""HTTP statuses with which servers refuse an array of calls that they would take one by one."""
SECRET_LENGTH = 6
"""Characters from which on a piece of an address's path or query is taken for a key."""


def batch(
    http: requests.Session, url: str, calls: Sequence[Call], timeout: float, shown: str
) -> list[Any | Refused]:
    """The results in the order of the calls, within `timeout` seconds in all and without any retry.

    An endpoint that takes no arrays is asked call by call over the same connection. `shown` is what
    errors call the endpoint. Raises HttpError when nothing usable was answered.
    """
    deadline = time.monotonic() + timeout
    try:
        answer = _post(http, url, _array(calls), timeout, shown)
    except HttpError as error:
        if error.status not in NO_BATCH:
            raise
        answer = None
    if isinstance(answer, list):
        return _sorted(answer, len(calls), url)
    found: list[Any | Refused] = []
    for number, call in enumerate(calls):
        left = deadline - time.monotonic()
        if left <= 0:
            raise HttpError(Reason.TIMEOUT, f"{shown}: takes no batches, and single calls took too long")
        single = _post(http, url, _object(number, call), left, shown)
        if not isinstance(single, dict):
            raise HttpError(Reason.SCHEMA, f"{shown}: the answer is no JSON-RPC")
        found.append(_result(single, url))
    return found


def scrub(text: str, url: str) -> str:
    """A text that an endpoint sent, shortened, without any piece of its address that may be a key."""
    parts = urlsplit(url)
    pieces = f"{parts.path}/{parts.query}".replace("&", "/").replace("=", "/").split("/")
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= SECRET_LENGTH:
            text = text.replace(piece, "***")
    return text[:200]


def _array(calls: Sequence[Call]) -> bytes:
    return b"[" + b",".join(_object(number, call) for number, call in enumerate(calls)) + b"]"


def _object(number: int, call: Call) -> bytes:
    body = {"jsonrpc": "2.0", "id": number, "method": call.method, "params": call.params}
    return json.dumps(body, separators=(",", ":")).encode()


def _post(http: requests.Session, url: str, body: bytes, timeout: float, shown: str) -> Any:
    try:
        answer = request(http, "POST", url, timeout=timeout, body=body, headers=HEADERS, shown=shown)
        return json.loads(answer.body)
    except ValueError:
        raise HttpError(Reason.BAD_JSON, f"{shown}: the answer is no JSON") from None
    except HttpError as error:
        raise HttpError(error.reason, scrub(str(error), url), error.status) from None


def _sorted(answers: list[Any], count: int, url: str) -> list[Any | Refused]:
    """Results by call: servers may answer in any order, and leave some out."""
    found = {item["id"]: _result(item, url) for item in answers if _numbered(item)}
    return [found.get(number, Refused(0, "the batch was answered without it")) for number in range(count)]


def _numbered(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), int)


def _result(item: Mapping[str, Any], url: str) -> Any | Refused:
    error = item.get("error")
    if error is None:
        return item.get("result")
    if not isinstance(error, dict):
        return Refused(0, scrub(str(error), url))
    code = error.get("code")
    return Refused(code if isinstance(code, int) else 0, scrub(str(error.get("message")), url))
