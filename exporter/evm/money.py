"""PURE: what is asked about money, what the endpoints answered, and which answer counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from nodekit.evm import Head


class Kind(StrEnum):
    """What an amount is."""

    COIN = "coin"
    TOKEN = "token"  # noqa: S105 - an ERC-20 token, no secret
    FUNDS = "funds"
    """What a feed can still pay to its oracles."""
    PAYMENT = "payment"
    """What a feed owes to our oracle."""


@dataclass(frozen=True, slots=True)
class Question:
    """One amount to ask for. `name` is the account's or the feed's; addresses are `0x` and lower case."""

    kind: Kind
    name: str
    address: str
    asset: str
    contract: str = ""
    """The token or the feed; empty for the coin."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of smallest units, exact, and how many of its digits are behind the point."""

    units: int
    decimals: int

    @property
    def value(self) -> float:
        """Whole coins or tokens, rounded once."""
        return float(Fraction(self.units, 10**self.decimals))


@dataclass(frozen=True, slots=True)
class Reading:
    """What one endpoint of the right chain answered at its head; a question without answer is left out."""

    endpoint: str
    head: Head
    amounts: Mapping[Question, Amount]


@dataclass(frozen=True, slots=True)
class Agreed:
    """The amount that counts, where it comes from, and how far the endpoints are apart."""

    amount: Amount
    head: Head
    spread: Amount | None
    """Highest less lowest answer; None when only one endpoint answered."""

    @property
    def certain(self) -> bool:
        """Whether no endpoint contradicts."""
        return self.spread is None or self.spread.units == 0


def agree(readings: Sequence[Reading]) -> dict[Question, Agreed]:
    """For each question the answer of the endpoint with the newest head; of equals the first listed."""
    newest_first = sorted(readings, key=lambda reading: -reading.head.number)
    questions = dict.fromkeys(question for reading in newest_first for question in reading.amounts)
    return {question: _agreed(question, newest_first) for question in questions}


def _agreed(question: Question, readings: Iterable[Reading]) -> Agreed:
    found = [(reading.amounts[question], reading.head) for reading in readings if question in reading.amounts]
    amount, head = found[0]
    # An endpoint that reads other decimals of the same contract contradicts as well: compare in the finest.
    finest = max(one.decimals for one, _ in found)
    scaled = [one.units * 10 ** (finest - one.decimals) for one, _ in found]
    spread = Amount(max(scaled) - min(scaled), finest) if len(found) > 1 else None
    return Agreed(amount, head, spread)
