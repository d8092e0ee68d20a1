"""PURE: the addresses in a node's config.toml, and the same text with others in their place.

Chainlink and GoPlugin read keys without regard to case: `HTTPURL`, `httpUrl`. A chain is an entry of
`[[EVM]]` with its `ChainID`, and its endpoints are `[[EVM.Nodes]]`.
"""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import String, StringType

Table = MutableMapping[str, Any]


class NodeFileError(Exception):
    """The file cannot be used; the text says what is missing and quotes no address."""


@dataclass(frozen=True, slots=True)
class Urls:
    """The addresses of one endpoint."""

    http: str
    ws: str | None


def current(text: str, chain_id: int, name: str | None) -> Urls:
    """The addresses that the node uses. Raises NodeFileError."""
    node = _node(_parsed(text), chain_id, name)
    http = _key(node, "httpurl")
    if http is None:
        raise NodeFileError("the endpoint's entry has no HTTPURL")
    ws = _key(node, "wsurl")
    return Urls(str(node[http]), None if ws is None else str(node[ws]))


def edited(text: str, chain_id: int, name: str | None, urls: Urls) -> str:
    """The text with other addresses; every other character stays. Raises NodeFileError."""
    document = _parsed(text)
    if tomlkit.dumps(document) != text:
        raise NodeFileError("the file cannot be written back unchanged; change it by hand")
    before = current(text, chain_id, name)
    if before.ws is not None and urls.ws is None:
        raise NodeFileError("the node uses a WebSocket, and the candidate has no `ws`")
    node = _node(document, chain_id, name)
    _set(node, "httpurl", urls.http)
    wanted = Urls(urls.http, None if before.ws is None else urls.ws)
    if wanted.ws is not None:
        _set(node, "wsurl", wanted.ws)
    result = tomlkit.dumps(document)
    if current(result, chain_id, name) != wanted or not _only_these(text, result, before, wanted):
        raise NodeFileError("more than the addresses would change; change it by hand")
    return result


def _parsed(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        # The library's text may quote the line, and with it a key.
        raise NodeFileError(f"the file is no TOML ({type(error).__name__})") from None


def _node(document: Table, chain_id: int, name: str | None) -> Table:
    chains = [chain for chain in _tables(document, "evm") if str(_value(chain, "chainid")) == str(chain_id)]
    if not chains:
        raise NodeFileError(f"there is no [[EVM]] with ChainID {chain_id}")
    nodes = [node for chain in chains for node in _tables(chain, "nodes")]
    wanted = [node for node in nodes if name is None or str(_value(node, "name")) == name]
    if not wanted:
        which = "" if name is None else f" called {name}"
        raise NodeFileError(f"chain {chain_id} has no [[EVM.Nodes]]{which}")
    return wanted[0]


def _tables(parent: Table, key: str) -> Iterable[Table]:
    found = _value(parent, key)
    items = found if isinstance(found, list) else ()
    return [item for item in items if isinstance(item, MutableMapping)]


def _value(table: Table, key: str) -> Any:
    found = _key(table, key)
    return None if found is None else table[found]


def _key(table: Table, key: str) -> str | None:
    """The key as it is spelled in the file."""
    return next((spelled for spelled in table if spelled.lower() == key), None)


def _set(table: Table, key: str, url: str) -> None:
    """Put a value in the place of another one, quoted in the same way; its comment stays."""
    spelled = _key(table, key)
    assert spelled is not None  # noqa: S101 - `current` read it
    old = table[spelled]
    literal = isinstance(old, String) and old.as_string().startswith("'") and "'" not in url
    table[spelled] = String.from_raw(url, StringType.SLL if literal else StringType.SLB)


def _only_these(before: str, after: str, old: Urls, new: Urls) -> bool:
    """Whether the lines are the same but for the addresses in two of them at most."""
    pairs = list(zip(before.splitlines(), after.splitlines(), strict=False))
    changed = [(one, other) for one, other in pairs if one != other]
    return (
        before.count("\n") == after.count("\n")
        and len(changed) <= 2
        and all(_without(one, old) == _without(other, new) for one, other in changed)
    )


def _without(line: str, urls: Urls) -> str:
    for url in sorted((urls.http, urls.ws or urls.http), key=len, reverse=True):
        line = line.replace(url, "")
    return line
