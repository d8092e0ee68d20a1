"""What exporter.yml may say of EVM networks: endpoints, accounts whose money is watched, tokens, feeds."""

import re
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from nodekit.http import redact
from nodekit.settings import Duration, Secret, Settings
from nodekit.words import Name, RpcUrl, Time, WsUrl, problem

HEX = re.compile(r"[0-9a-fA-F]{40}")


def _address(text: str) -> str:
    prefix, digits = text[:2].lower(), text[2:]
    if text[:3].lower() == "xdc":
        prefix, digits = "xdc", text[3:]
    if prefix not in ("0x", "xdc") or not HEX.fullmatch(digits):
        raise PydanticCustomError("address", "write an address: 0x or xdc and 40 hexadecimal digits")
    if digits not in (digits.lower(), digits.upper()):
        # eth_utils costs 0.1 s to import, and most configurations have no network.
        from eth_utils.address import is_checksum_address  # noqa: PLC0415 - see above

        if not is_checksum_address("0x" + digits):
            raise PydanticCustomError(
                "address", "the checksum of this address is wrong, so a digit is: copy it again"
            )
    return "0x" + digits.lower()


def _quoted(value: object) -> object:
    if isinstance(value, int):
        raise PydanticCustomError("address", "write the address in quotes: YAML reads 0x… as a number")
    return value


def _endpoint(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _token(value: object) -> object:
    return {"address": value} if isinstance(value, str | int) else value


def _low(value: object) -> object:
    return {"": value} if isinstance(value, int | float) else value


Address = Annotated[str, BeforeValidator(_quoted), AfterValidator(_address)]
"""An account or contract, `0x…` or `xdc…`, kept as `0x` and lower case; mixed case must be a right checksum
(EIP-55)."""
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Whole coins or tokens."""


class Endpoint(Settings):
    """A JSON-RPC endpoint of a network; its address alone may be written instead."""

    name: Name = ""
    """The label `endpoint`; left out, the address's host (and port) is used."""
    url: RpcUrl
    """Its address, which is shown without its path."""
    ws: WsUrl | None = None
    """Its WebSocket address, when new heads should be watched there too."""

    @field_serializer("url", "ws")
    def _without_key(self, url: str | None) -> str | None:
        """A path may hold a provider's key, and what is written out is shown at /config."""
        return None if url is None else redact(url)

    @property
    def label(self) -> str:
        """What metrics and errors call it."""
        return self.name or redact(self.url).partition("//")[2]


class Token(Settings):
    """An ERC-20 token; its contract's address alone may be written instead."""

    address: Address
    """Its contract."""
    decimals: int | None = Field(default=None, ge=0, le=77)
    """Asked of the contract when left out."""


class Account(Settings):
    """An address whose money is watched."""

    name: Name
    """The label `name`."""
    address: Address
    """Whose money it is."""
    low: Annotated[dict[str, Amount], BeforeValidator(_low)] = Field(default_factory=dict)
    """Asset → balance below which an alert fires; a number alone is for the network's coin."""
    runway: Duration = 7 * 86400.0
    """An alert fires when the coin would be used up sooner than this at the rate of `burn_window`."""


class Keys(Settings):
    """The database of a node whose own addresses are watched; they are read anew at each look."""

    dsn_file: Secret
    """The file with `postgresql://…`, as of a role that may read the keys only."""
    low: Annotated[dict[str, Amount], BeforeValidator(_low)] = Field(default_factory=dict)
    """As of an account, for each of its addresses."""
    runway: Duration = 7 * 86400.0
    """As of an account."""


class Feed(Settings):
    """An aggregator contract, for its own money and what it owes to an oracle."""

    contract: Address
    """The aggregator."""
    oracle: Address
    """The oracle's address as the contract knows it."""
    token: str
    """The token it pays in: one of the network's `tokens`."""
    low: Amount | None = None
    """Tokens in the feed below which an alert fires: a feed that cannot pay is not answered."""
    idle: Duration = 2 * 3600.0
    """Age of its newest answer from which on it is idle for all; its heartbeat and some more."""


class Network(Settings):
    """An EVM network."""

    chain_id: int = Field(gt=0)
    """An endpoint of another chain is told by an alert and never believed."""
    coin: Name = "coin"
    """What the native coin is called in the label `asset`."""
    rpc: tuple[Annotated[Endpoint, BeforeValidator(_endpoint)], ...] = Field(min_length=1)
    interval: Time = 10.0
    """Time between looks at each endpoint's head."""
    timeout: Time = 1.0
    """How long one request may take."""
    feeds_every: Time = 15.0
    """Time between looks at the rounds of all feeds."""
    balances_every: Time = 60.0
    """Time between looks at all balances."""
    burn_window: Duration = 86400.0
    """The time over which spending is averaged."""
    tokens: dict[Name, Annotated[Token, BeforeValidator(_token)]] = Field(default_factory=dict)
    accounts: tuple[Account, ...] = ()
    keys: dict[Name, Keys] = Field(default_factory=dict)
    """Nodes whose addresses come from their databases; the key becomes the label `name`."""
    feeds: dict[Name, Feed] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        problems = [*self._twice(), *self._unknown()]
        if problems:
            raise ValidationError.from_exception_data("network", problems)
        return self

    def _twice(self) -> list[InitErrorDetails]:
        lists = (
            ("rpc", [item.label for item in self.rpc]),
            ("accounts", [item.name for item in self.accounts]),
        )
        text = "{name} is the name of another one already; give this one a different `name`"
        return [
            problem((key, number), text, {"name": name})
            for key, names in lists
            for number, name in enumerate(names)
            if name in names[:number]
        ]

    def _unknown(self) -> list[InitErrorDetails]:
        known = ", ".join(self.tokens) or "there are none"
        text = "{name} is not among the network's tokens ({known}); add it there"
        lows: list[tuple[tuple[str | int, ...], dict[str, float]]] = [
            *((("accounts", number), account.low) for number, account in enumerate(self.accounts)),
            *((("keys", name), keys.low) for name, keys in self.keys.items()),
        ]
        wrong = [
            problem((*where, "low", asset), text, {"name": asset, "known": known})
            for where, low in lows
            for asset in low
            if asset not in ("", self.coin, *self.tokens)
        ]
        wrong += [
            problem(("feeds", name, "token"), text, {"name": feed.token, "known": known})
            for name, feed in self.feeds.items()
            if feed.token not in self.tokens
        ]
        if self.coin in self.tokens:
            wrong.append(
                problem(("tokens", self.coin), "{name} is the coin's name already", {"name": self.coin})
            )
        return wrong
