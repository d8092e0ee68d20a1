"""Asks one endpoint all questions of a network in one request. Importing this imports web3."""

from collections.abc import Iterable, Mapping, Sequence

from exporter.configs.networks import Account, Endpoint, Network
from exporter.evm.contracts import amount_call, decimals_call, number
from exporter.evm.money import Amount, Kind, Question, Reading
from nodekit.evm import CHAIN_ID, LATEST, head, quantity
from nodekit.http import HttpError, Reason, session
from nodekit.jsonrpc import batch

COIN_DECIMALS = 18
"""Of the native coin on every EVM chain: 1 coin is 10**18 wei."""


class Asker:
    """One endpoint on a connection of its own; used by one thread at a time."""

    def __init__(self, network: Network, endpoint: Endpoint) -> None:
        self.label = endpoint.label
        self._url = endpoint.url
        self._network = network
        self._http = session()

    def ask(self, questions: Sequence[Question]) -> Reading:
        """Head and amounts; refused ones are left out. Raises HttpError, also for a wrong chain."""
        tokens = [name for name, token in self._network.tokens.items() if token.decimals is None]
        calls = [
            CHAIN_ID, LATEST,
            *(decimals_call(self._network.tokens[name].address) for name in tokens),
            *(amount_call(question) for question in questions),
        ]  # fmt: skip
        chain, latest, *rest = batch(self._http, self._url, calls, self._network.timeout, self.label)
        seen = head(latest)
        if quantity(chain) is None or seen is None:
            raise HttpError(Reason.SCHEMA, f"{self.label}: tells no chain id or no head")
        if quantity(chain) != self._network.chain_id:
            raise HttpError(
                Reason.SCHEMA, f"{self.label}: is on chain {quantity(chain)}, not {self._network.chain_id}"
            )
        decimals = self._decimals(dict(zip(tokens, map(number, rest), strict=False)))
        answers = dict(zip(questions, map(number, rest[len(tokens) :]), strict=True))
        amounts = {
            question: Amount(units, decimals[question.asset])
            for question, units in answers.items()
            if units is not None and question.asset in decimals
        }
        return Reading(self.label, seen, amounts)

    def _decimals(self, asked: Mapping[str, int | None]) -> dict[str, int]:
        """Asset → digits behind the point, of those for which they are known."""
        configured = {name: token.decimals for name, token in self._network.tokens.items()}
        found = {name: digits for name, digits in {**configured, **asked}.items() if digits is not None}
        return {self._network.coin: COIN_DECIMALS, **{name: n for name, n in found.items() if n <= 77}}

    def close(self) -> None:
        """Drop the kept connection."""
        self._http.close()


def questions(network: Network, accounts: Iterable[Account]) -> list[Question]:
    """What is asked: coin and tokens of each account, and the money of each feed."""
    found = [
        Question(kind, account.name, account.address, asset, contract)
        for account in accounts
        for kind, asset, contract in (
            (Kind.COIN, network.coin, ""),
            *((Kind.TOKEN, name, token.address) for name, token in network.tokens.items()),
        )
    ]
    found += [
        Question(kind, name, feed.oracle, feed.token, feed.contract)
        for name, feed in network.feeds.items()
        for kind in (Kind.FUNDS, Kind.PAYMENT)
    ]
    return found
