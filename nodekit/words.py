"""The words that both programs' config files use: addresses, names, networks, times."""

import ipaddress
import posixpath
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from nodekit.settings import Duration

PRODUCER_API = "/v1/producer/"
HARMLESS = "/paused"
"""The path of nodeos's producer API that may stand in a configuration as an address to look at."""
SHORTEST = 0.1
"""Seconds: a block takes five times that, and nothing may be asked without a pause."""


def _name(text: str) -> str:
    if not text or len(text) > 64 or not all(char.isalnum() or char in "_.-" for char in text):
        raise PydanticCustomError("name", "write 1 to 64 letters, digits, `_`, `.` or `-`")
    return text


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    # Even an empty query or fragment would swallow the path that is asked for behind the address.
    whole = not any(char in "?#\\" or not char.isprintable() or char.isspace() for char in text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or not whole:
        raise PydanticCustomError("url", "write an address such as http://10.0.0.1:8888")
    return _harmless(text.rstrip("/"))


def _rpc_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise PydanticCustomError("url", "write an address such as https://rpc.example.org/key")
    return _harmless(text)


def _harmless(url: str) -> str:
    """Whoever asks nodeos for a path of its producer API, however, changes the node (a GET pauses it)."""
    path = posixpath.normpath(unquote(urlsplit(url).path))
    if PRODUCER_API in path and not path.endswith(HARMLESS):
        raise PydanticCustomError(
            "url", "whoever asks this address, by any method, changes the node; write one that only answers"
        )
    return url


def _ws_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username:
        raise PydanticCustomError("url", "write an address such as wss://rpc.example.org/key")
    return text


def _node_url(text: str) -> str:
    if text.startswith("unix:///") and len(text) > len("unix:///"):
        return text
    return _http_url(text)


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise PydanticCustomError("network", "write an address or network such as 203.0.113.0/24") from None
    return text


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise PydanticCustomError("listen", "write an address and port such as 127.0.0.1:19188")
    return text


def _some_time(seconds: float) -> float:
    if seconds < SHORTEST:
        raise PydanticCustomError("short", "write 100ms or more")
    return seconds


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


def problem(where: tuple[str | int, ...], text: str, values: dict[str, str]) -> InitErrorDetails:
    """A problem at a key below the one that is being validated, so that the message gives its line.

    `text` is a template whose `{words}` are filled from `values`.
    """
    return InitErrorDetails(type=PydanticCustomError("reference", text, values), loc=where, input=None)


Name = Annotated[str, AfterValidator(_name)]
"""A name that may stand in labels, keys and file names: letters, digits, `_`, `.`, `-`; at most 64."""
HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""An http or https address without credentials or query; a trailing slash is dropped."""
NodeUrl = Annotated[str, AfterValidator(_node_url)]
"""An HttpUrl, or `unix:///path/of/socket`."""
RpcUrl = Annotated[str, AfterValidator(_rpc_url)]
"""The http or https address of a JSON-RPC endpoint; its path and query may hold a key."""
WsUrl = Annotated[str, AfterValidator(_ws_url)]
"""The ws or wss address of a JSON-RPC endpoint; its path and query may hold a key."""
Network = Annotated[str, AfterValidator(_network)]
"""An IP address or network."""
Listen = Annotated[str, AfterValidator(_listen)]
"""`host:port` to listen on."""
Time = Annotated[Duration, AfterValidator(_some_time)]
"""A Duration of at least 100ms (SHORTEST)."""
OneOrMany = BeforeValidator(_one_or_many)
"""Lets a list of one be written without brackets."""
Words = Annotated[tuple[str, ...], OneOrMany]
"""One text or a list of them."""
