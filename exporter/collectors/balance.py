"""Collector `balance`: the money of accounts and feeds on EVM networks, and how long it lasts.

evm_account_balance{network="xdc",address="0x00…01",name="node",asset="XDC"} 41.7
evm_account_runway_seconds{network="xdc",address="0x00…01",name="node",asset="XDC"} 864000
evm_feed_withdrawable_payment{network="xdc",feed="btc-usd",asset="PLI"} 12.5

All endpoints of a network are asked at the same time, each everything in one request; the answer of the one
with the newest head counts. An amount that no endpoint tells is absent, never 0.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.networks import Account, Network
from exporter.evm.burn import History, rate, runway, step
from exporter.evm.burnfile import BurnFile
from exporter.evm.money import Agreed, Amount, Kind, Question, Reading, agree
from exporter.observation import Metric, Record, Sample
from nodekit.http import HttpError

if TYPE_CHECKING:
    from exporter.evm.ask import Asker
    from exporter.evm.keys import KeyTable

NAME = "balance"

_ACCOUNT = ("network", "address", "name", "asset")
_FEED = ("network", "feed", "asset")
INFO = Metric("evm_account_info", "1 for every balance that is to be watched.", _ACCOUNT)
BALANCE = Metric("evm_account_balance", "Whole coins or tokens that an address has.", _ACCOUNT)
LOW = Metric(
    "evm_account_low_threshold", "Balance below which an alert fires, from the configuration.", _ACCOUNT
)
RUNWAY = Metric(
    "evm_account_runway_seconds",
    "How long the balance lasts at the burn rate; absent while that is unknown or nothing is spent.",
    _ACCOUNT,
)
RUNWAY_LOW = Metric(
    "evm_account_runway_low_threshold_seconds",
    "Runway below which an alert fires, from the configuration.",
    _ACCOUNT,
)
BURN = Metric(
    "evm_account_burn_per_second",
    "Coins or tokens spent per second of chain time, averaged over the burn window.",
    _ACCOUNT,
)
SPENT = Metric("evm_account_spent_total", "Coins or tokens by which the balance fell.", _ACCOUNT, "counter")
RECEIVED = Metric(
    "evm_account_received_total", "Coins or tokens by which the balance rose.", _ACCOUNT, "counter"
)
TOPUPS = Metric("evm_account_topups_total", "How often the balance was seen to rise.", _ACCOUNT, "counter")
TOPUP_TIME = Metric(
    "evm_account_last_topup_timestamp_seconds",
    "Block time at which the balance was seen to have risen.",
    _ACCOUNT,
)
SPREAD = Metric(
    "evm_account_balance_disagreement",
    "Highest less lowest balance that the endpoints tell; absent when only one tells it.",
    _ACCOUNT,
)
KEYS_KNOWN = Metric(
    "evm_account_keys_known",
    "1 when the node's database told its addresses at the newest look.",
    ("network", "name"),
)
FUNDS = Metric("evm_feed_available_funds", "Tokens that a feed can still pay to its oracles.", _FEED)
FUNDS_LOW = Metric(
    "evm_feed_funds_low_threshold", "Funds below which an alert fires, from the configuration.", _FEED
)
PAYMENT = Metric("evm_feed_withdrawable_payment", "Tokens that a feed owes to our oracle.", _FEED)
METRICS: tuple[Metric, ...] = (
    INFO, BALANCE, LOW, RUNWAY, RUNWAY_LOW, BURN, SPENT, RECEIVED, TOPUPS, TOPUP_TIME, SPREAD, KEYS_KNOWN,
    FUNDS, FUNDS_LOW, PAYMENT,
)  # fmt: skip


class Parts(NamedTuple):
    """What needs web3."""

    askers: Sequence["Asker"]
    questions: Callable[[Network, Iterable[Account]], Sequence[Question]]


class BalanceSource:
    """Looks at all money of one network."""

    probe = NAME

    def __init__(
        self, name: str, network: Network, parts: Parts, memory: BurnFile, keys: Sequence["KeyTable"] = ()
    ) -> None:
        self.target = name
        self.interval = network.balances_every
        self._network = network
        self._parts = parts
        self._keys = keys
        self._pool = ThreadPoolExecutor(len(parts.askers), thread_name_prefix=f"{NAME}-{name}")
        self._memory = memory
        self._histories: dict[str, History] | None = None

    def observe(self, _now: float) -> Iterable[Sample]:
        """One request to each endpoint, all at the same time; fails when none of them answers."""
        found = self._found()
        readings = self._readings(self._parts.questions(self._network, (*self._network.accounts, *found)))
        if self._histories is None:
            self._histories = self._memory.load()
        samples = [KEYS_KNOWN.sample(bool(table.answered), self.target, table.name) for table in self._keys]
        samples += wanted_samples(self.target, self._network, found)
        for question, answer in agree(readings).items():
            samples += self._samples(question, answer)
        self._memory.save(self._histories)
        return samples

    def close(self) -> None:
        """Drop the kept connections."""
        self._pool.shutdown()
        for asker in self._parts.askers:
            asker.close()

    def _found(self) -> list[Account]:
        """The databases' addresses, without those that are configured."""
        known = {account.address for account in self._network.accounts}
        found = {account.address: account for table in self._keys for account in table.accounts()}
        return [account for address, account in found.items() if address not in known]

    def _readings(self, asked: Sequence[Question]) -> list[Reading]:
        looks = [self._pool.submit(asker.ask, asked) for asker in self._parts.askers]
        readings: list[Reading] = []
        errors: list[HttpError] = []
        for look in looks:
            try:
                readings.append(look.result())
            except HttpError as error:
                errors.append(error)
        if not readings:
            raise CollectorError(errors[0].reason, "; ".join(map(str, errors)))
        return readings

    def _samples(self, question: Question, agreed: Agreed) -> Iterable[Sample]:
        value = agreed.amount.value
        if question.kind in (Kind.FUNDS, Kind.PAYMENT):
            metric = FUNDS if question.kind is Kind.FUNDS else PAYMENT
            yield metric.sample(value, self.target, question.name, question.asset)
            return
        labels = account_labels(self.target, question)
        yield BALANCE.sample(value, *labels)
        if agreed.spread is not None:
            yield SPREAD.sample(agreed.spread.value, *labels)
        history = self._stepped(question, agreed)
        if history is not None:
            yield from spending_samples(history, agreed.amount, self._network.burn_window, labels)

    def _stepped(self, question: Question, agreed: Agreed) -> History | None:
        """The account's history, with this balance when no endpoint contradicts it."""
        assert self._histories is not None  # noqa: S101 - observe loaded them
        key = f"{question.address} {question.contract or 'coin'}"
        history = self._histories.get(key)
        if agreed.certain:
            head = agreed.head
            history = step(
                history, head.number, head.timestamp, agreed.amount.units, self._network.burn_window
            )
            self._histories[key] = history
        return history


def account_labels(network: str, question: Question) -> tuple[str, str, str, str]:
    """Label values in the order of the account metrics."""
    return (network, question.address, question.name, question.asset)


def spending_samples(
    history: History, amount: Amount, window: float, labels: tuple[str, ...]
) -> Iterable[Sample]:
    """What follows from how a balance changed."""
    per_second = rate(history, window)
    left = runway(amount.units, per_second)
    one = 10**amount.decimals
    if per_second is not None:
        yield BURN.sample(per_second / one, *labels)
    if left is not None:
        yield RUNWAY.sample(left, *labels)
    yield SPENT.sample(history.spent / one, *labels)
    yield RECEIVED.sample(history.received / one, *labels)
    yield TOPUPS.sample(history.topups, *labels)
    if history.last_topup is not None:
        yield TOPUP_TIME.sample(history.last_topup, *labels)


def wanted_samples(name: str, network: Network, accounts: Iterable[Account]) -> Iterable[Sample]:
    """What is to be watched, and from where on it is low."""
    for account in accounts:
        for asset in (network.coin, *network.tokens):
            labels = (name, account.address, account.name, asset)
            low = account.low.get(asset, account.low.get("") if asset == network.coin else None)
            yield INFO.sample(1, *labels)
            if low is not None:
                yield LOW.sample(low, *labels)
        yield RUNWAY_LOW.sample(account.runway, name, account.address, account.name, network.coin)


def build(config: Config) -> Sequence[Source]:
    """One source a network with accounts, keys or feeds; only then is web3 imported."""
    networks = config.networks.items()
    watched = {name: one for name, one in networks if one.accounts or one.keys or one.feeds}
    if not watched:
        return []
    from exporter.evm.ask import Asker, questions  # noqa: PLC0415 - imports web3, see above

    return [
        BalanceSource(
            name, network, Parts([Asker(network, endpoint) for endpoint in network.rpc], questions),
            BurnFile(_state(config.state_dir, name)), _key_tables(network),
        )
        for name, network in watched.items()
    ]  # fmt: skip


def _key_tables(network: Network) -> Sequence["KeyTable"]:
    if not network.keys:
        return ()
    from exporter.evm.keys import KeyTable  # noqa: PLC0415 - imports psycopg2, which few need

    return [KeyTable(name, keys, network.chain_id) for name, keys in network.keys.items()]


def derive(config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """What the configuration wants to be watched: always there, also when no endpoint answers."""
    for name, network in config.networks.items():
        yield from wanted_samples(name, network, network.accounts)
        for feed, one in network.feeds.items():
            if one.low is not None:
                yield FUNDS_LOW.sample(one.low, name, feed, one.token)


def _state(folder: Path | None, network: str) -> Path | None:
    return None if folder is None else folder / f"balances-{network}.json"
