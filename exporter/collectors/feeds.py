"""Collector `feeds`: does a feed go on, and does it go on without us? Its own contract tells.

evm_feed_round{network="xdc",feed="btc-usd"} 4711
evm_feed_last_answer_age_seconds{network="xdc",feed="btc-usd"} 41
evm_feed_submitted_round{network="xdc",feed="btc-usd"} 4711

A feed whose last answer gets old is idle for all; one whose round moves on while `evm_feed_submitted_round`
stays does without us. All endpoints are asked at the same time; the one with the newest head counts.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.networks import Endpoint, Feed, Network
from exporter.evm.feeds import Rounds, awaits, round_calls, rounds, submissions_call, submitted
from exporter.observation import Metric, Record, Sample
from nodekit.evm import CHAIN_ID, LATEST, Call, head, quantity
from nodekit.http import HttpError, Reason, session
from nodekit.jsonrpc import batch

NAME = "feeds"
T = TypeVar("T")
BACK = 2000
"""Blocks that the first look for our submissions goes back: an hour of XDC; many endpoints refuse more."""
OVERLAP = 20
"""Blocks that are read again: they may have been replaced."""

_FEED = ("network", "feed")
INFO = Metric("evm_feed_info", "1; the feed's contract.", (*_FEED, "contract"))
ROUND = Metric("evm_feed_round", "The feed's newest round that has an answer.", _FEED)
AGE = Metric(
    "evm_feed_last_answer_age_seconds", "Since the newest answer, of whichever oracles.", _FEED, "age"
)
IDLE = Metric(
    "evm_feed_idle_threshold_seconds", "Age of its answer from which on a feed is idle, as configured.", _FEED
)
SUBMITTED = Metric(
    "evm_feed_submitted_round",
    "The newest round that our oracle answered, by the contract's events; absent until one was seen.",
    _FEED,
)
AWAITS = Metric(
    "evm_feed_round_awaits_us", "1 while a round that has begun waits for our oracle's answer.", _FEED
)
METRICS: tuple[Metric, ...] = (INFO, ROUND, AGE, IDLE, SUBMITTED, AWAITS)


@dataclass(frozen=True, slots=True)
class Look:
    """What one endpoint of the right chain says at a head, by feed."""

    head: int
    rounds: dict[str, Rounds]
    awaits: dict[str, bool]
    submitted: dict[str, int]
    """Newest round that we answered in the blocks that were read, 0 for none; a refusal is left out."""


class FeedSource:
    """Looks at all feeds of one network."""

    probe = NAME

    def __init__(self, name: str, network: Network) -> None:
        self.target = name
        self.interval = network.feeds_every
        self._feeds = network.feeds
        self._endpoints = [_Endpoint(network, endpoint) for endpoint in network.rpc]
        self._pool = ThreadPoolExecutor(len(self._endpoints), thread_name_prefix=f"{NAME}-{name}")
        self._ours: dict[str, int] = {}
        self._read_to: dict[str, int] = {}
        """Feed → block up to which our submissions are known."""

    def observe(self, _now: float) -> Iterable[Sample]:
        """Two requests to each endpoint; fails when none of them answers."""
        look = self._newest()
        for feed, number in look.submitted.items():
            self._read_to[feed] = look.head
            if number:
                self._ours[feed] = max(number, self._ours.get(feed, 0))
        return [sample for feed in self._feeds for sample in self._samples(feed, look)]

    def close(self) -> None:
        """Drop the kept connections."""
        self._pool.shutdown()
        for endpoint in self._endpoints:
            endpoint.close()

    def _newest(self) -> Look:
        since = {feed: self._read_to.get(feed) for feed in self._feeds}
        asked = [self._pool.submit(endpoint.look, self._feeds, since) for endpoint in self._endpoints]
        looks: list[Look] = []
        errors: list[HttpError] = []
        for one in asked:
            try:
                looks.append(one.result())
            except HttpError as error:
                errors.append(error)
        if not looks:
            raise CollectorError(errors[0].reason, "; ".join(map(str, errors)))
        return max(looks, key=lambda look: (bool(look.rounds), look.head))

    def _samples(self, feed: str, look: Look) -> Iterable[Sample]:
        labels = (self.target, feed)
        if feed in look.rounds:
            yield ROUND.sample(look.rounds[feed].newest, *labels)
            yield AGE.sample(look.rounds[feed].updated, *labels)
        if feed in look.awaits:
            yield AWAITS.sample(look.awaits[feed], *labels)
        if feed in self._ours:
            yield SUBMITTED.sample(self._ours[feed], *labels)


class _Endpoint:
    """One endpoint on a connection of its own; used by one thread at a time."""

    def __init__(self, network: Network, endpoint: Endpoint) -> None:
        self._network = network
        self._endpoint = endpoint
        self._http = session()

    def look(self, feeds: dict[str, Feed], since: dict[str, int | None]) -> Look:
        """Rounds, then our submissions up to the head that came with them. Raises HttpError."""
        calls = [call for feed in feeds.values() for call in round_calls(feed.contract, feed.oracle)]
        chain, latest, *answers = self._ask([CHAIN_ID, LATEST, *calls])
        newest = head(latest)
        label = self._endpoint.label
        if newest is None or quantity(chain) != self._network.chain_id:
            raise HttpError(Reason.SCHEMA, f"{label}: is on chain {quantity(chain)}, or tells no head")
        logs = self._ask([
            submissions_call(feed.contract, feed.oracle, _first(newest.number, since[name]), newest.number)
            for name, feed in feeds.items()
        ])  # fmt: skip
        names = list(feeds)
        return Look(
            newest.number,
            _known(names, map(rounds, answers[::2])),
            _known(names, map(awaits, answers[1::2])),
            _known(names, map(submitted, logs)),
        )

    def _ask(self, calls: Sequence[Call]) -> list[Any]:
        return batch(self._http, self._endpoint.url, calls, self._network.timeout, self._endpoint.label)

    def close(self) -> None:
        """Drop the kept connection."""
        self._http.close()


def _first(newest: int, read_to: int | None) -> int:
    back = newest - BACK if read_to is None else max(newest - BACK, min(read_to, newest) - OVERLAP)
    return max(0, back)


def _known(names: Sequence[str], values: Iterable[T | None]) -> dict[str, T]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def build(config: Config) -> Sequence[Source]:
    """One source a network with feeds."""
    return [FeedSource(name, network) for name, network in config.networks.items() if network.feeds]


def derive(config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """What the configuration says: always there, also when no endpoint answers."""
    for name, network in config.networks.items():
        for feed, settings in network.feeds.items():
            yield INFO.sample(1, name, feed, settings.contract)
            yield IDLE.sample(settings.idle, name, feed)
