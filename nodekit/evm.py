"""PURE: the words of an EVM node's JSON-RPC."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A method with its parameters."""

    method: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """What the endpoint answered instead of a result; the text holds no key of its address."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Head:
    """A block at the end of the chain; `timestamp` is unix seconds."""

    number: int
    timestamp: int


LATEST = Call("eth_getBlockByNumber", ("latest", False))
CHAIN_ID = Call("eth_chainId")


def quantity(value: object) -> int | None:
    """The integer of a hexadecimal text such as `0x2a`; None for anything else, a Refused too."""
    try:
        return int(value, 16) if isinstance(value, str) and value[:2] == "0x" and len(value) > 2 else None
    except ValueError:
        return None


def head(value: object) -> Head | None:
    """Number and time of a block; None when it is none. Its other members are not looked at: XDC has more."""
    if not isinstance(value, dict):
        return None
    number, timestamp = quantity(value.get("number")), quantity(value.get("timestamp"))
    return None if number is None or timestamp is None else Head(number, timestamp)
