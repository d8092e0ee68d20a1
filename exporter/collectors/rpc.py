"""Collector `rpc`: the health of EVM endpoints.

evm_rpc_up{network="xdc",endpoint="erpc.example.org"} 1
evm_rpc_head_block_number{network="xdc",endpoint="erpc.example.org"} 81234567
evm_rpc_head_lag_seconds{network="xdc",endpoint="erpc.example.org"} 0
"""

from collections.abc import Iterable, Sequence

from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.networks import Endpoint, Network
from exporter.evm.heads import lags
from exporter.observation import Metric, Observation, Record, Sample
from nodekit.evm import CHAIN_ID, LATEST, head, quantity
from nodekit.http import HttpError, Reason, session
from nodekit.jsonrpc import batch
from nodekit.newheads import NewHeads

NAME = "rpc"
SOCKET = "rpc_ws"
"""The probe of an endpoint's WebSocket."""

_ENDPOINT = ("network", "endpoint")
UP = Metric("evm_rpc_up", "1 when the endpoint's newest answer was usable, also on a wrong chain.", _ENDPOINT)
NUMBER = Metric("evm_rpc_head_block_number", "Number of the endpoint's newest block.", _ENDPOINT)
AGE = Metric("evm_rpc_head_age_seconds", "Time since the endpoint's newest block was made.", _ENDPOINT, "age")
LAG = Metric(
    "evm_rpc_head_lag_seconds",
    "How much older its head is than the freshest head among the network's endpoints of the right chain.",
    _ENDPOINT,
)
MISMATCH = Metric(
    "evm_rpc_chain_mismatch", "1 when the endpoint serves another chain id than configured.", _ENDPOINT
)
SOCKET_UP = Metric("evm_rpc_websocket_up", "1 while a subscription to new heads stands.", _ENDPOINT)
SOCKET_AGE = Metric(
    "evm_rpc_websocket_new_head_age_seconds",
    "Time since the subscription brought a new head, since it began when none came yet.",
    _ENDPOINT,
    "age",
)
METRICS: tuple[Metric, ...] = (UP, NUMBER, AGE, LAG, MISMATCH, SOCKET_UP, SOCKET_AGE)


class RpcSource:
    """Looks at one endpoint's head over HTTP."""

    probe = NAME

    def __init__(self, name: str, network: Network, endpoint: Endpoint) -> None:
        self.target = f"{name}/{endpoint.label}"
        self.interval = network.interval
        self._labels = (name, endpoint.label)
        self._chain_id = network.chain_id
        self._timeout = network.timeout
        self._url = endpoint.url
        self._http = session()

    def observe(self, _now: float) -> Iterable[Sample]:
        """Chain id and newest block in one request."""
        try:
            chain, latest = batch(self._http, self._url, (CHAIN_ID, LATEST), self._timeout, self._labels[1])
        except HttpError as error:
            raise CollectorError(error.reason, str(error)) from None
        found, newest = quantity(chain), head(latest)
        if found is None or newest is None:
            raise CollectorError(Reason.SCHEMA, f"{self._labels[1]}: tells no chain id or no head")
        return [
            MISMATCH.sample(found != self._chain_id, *self._labels),
            NUMBER.sample(newest.number, *self._labels),
            AGE.sample(newest.timestamp, *self._labels),
        ]

    def close(self) -> None:
        """Drop the kept connection."""
        self._http.close()


class SocketSource:
    """Keeps a subscription to new heads open and looks at what it brought."""

    probe = SOCKET

    def __init__(self, name: str, network: Network, endpoint: Endpoint) -> None:
        assert endpoint.ws is not None  # noqa: S101 - build chose it for that
        self.target = f"{name}/{endpoint.label}"
        self.interval = network.interval
        self._labels = (name, endpoint.label)
        self._timeout = network.timeout
        self._url = endpoint.ws
        self._heads: NewHeads | None = None
        self._newest = 0.0

    def observe(self, now: float) -> Iterable[Sample]:
        """Read what came since the last look; a lost connection is opened again at the next one."""
        try:
            if self._heads is None:
                self._heads = NewHeads(self._url, self._timeout, self._labels[1])
                self._newest = now
            while self._heads.wait(0) is not None:
                self._newest = now
        except HttpError as error:
            self.close()
            raise CollectorError(error.reason, str(error)) from None
        return [SOCKET_AGE.sample(self._newest, *self._labels)]

    def close(self) -> None:
        """End the subscription."""
        if self._heads is not None:
            self._heads.close()
            self._heads = None


def build(config: Config) -> Sequence[Source]:
    """One source an endpoint, another one for its WebSocket."""
    endpoints = [
        (name, network, endpoint) for name, network in config.networks.items() for endpoint in network.rpc
    ]
    sockets = [SocketSource(*one) for one in endpoints if one[2].ws is not None]
    return [*(RpcSource(*one) for one in endpoints), *sockets]


def derive(config: Config, records: Sequence[Record], now: float) -> Iterable[Sample]:
    """Whether the newest look succeeded, and how far each endpoint is behind the best of its network."""
    known = {(record.probe, record.target): record for record in records}
    for name, network in config.networks.items():
        ages: dict[str, float] = {}
        for endpoint in network.rpc:
            labels, target = (name, endpoint.label), f"{name}/{endpoint.label}"
            for probe, metric in ((NAME, UP), (SOCKET, SOCKET_UP)):
                record = known.get((probe, target))
                if record is not None and record.succeeded is not None:
                    yield metric.sample(record.succeeded, *labels)
            record = known.get((NAME, target))
            age = None if record is None else head_age(record.fresh(now))
            if age is not None:
                ages[endpoint.label] = age
        for label, lag in lags(ages).items():
            yield LAG.sample(lag, name, label)


def head_age(look: Observation | None) -> float | None:
    """The head's age at the moment of a look; None without one, or when it saw a wrong chain."""
    if look is None:
        return None
    values = {sample.metric: sample.value for sample in look.samples}
    return None if values[MISMATCH] else look.taken_at - values[AGE]
