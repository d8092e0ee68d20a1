"""PURE: what an aggregator contract tells of its rounds and of our part in them.

FluxAggregator (smartcontractkit/chainlink, contracts/src/v0.6/FluxAggregator.sol): `latestRoundData()`,
`oracleRoundState(address, uint32)`, event `SubmissionReceived(int256, uint32, address)`, all of it indexed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nodekit.evm import Call, quantity

LATEST_ROUND = "0xfeaf968c"
"""Selector of latestRoundData()."""
ROUND_STATE = "0x88aa80e7"
"""Selector of oracleRoundState(address,uint32); round 0 asks for the one to be answered next."""
SUBMITTED = "0x92e98423f8adac6e64d0608e519fd1cefb861498385c6dee70d58fc926ddc68c"
"""Topic of SubmissionReceived(int256,uint32,address)."""
ROUND_BITS = 64
"""A proxy's round ids carry its aggregator's number above these bits."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """The feed's newest round that has an answer. `updated` is unix seconds of the chain."""

    newest: int
    updated: int


def round_calls(contract: str, oracle: str) -> tuple[Call, Call]:
    """latestRoundData and oracleRoundState; addresses are `0x` and lower case."""
    state = ROUND_STATE + _word(oracle) + "0" * 64
    return _view(contract, LATEST_ROUND), _view(contract, state)


def submissions_call(contract: str, oracle: str, first: int, last: int) -> Call:
    """The oracle's submissions in a range of blocks, both ends included."""
    topics = (SUBMITTED, None, None, "0x" + _word(oracle))
    wanted = {"address": contract, "fromBlock": hex(first), "toBlock": hex(last), "topics": topics}
    return Call("eth_getLogs", (wanted,))


def rounds(answer: object) -> Rounds | None:
    """Of a latestRoundData answer (roundId, answer, startedAt, updatedAt, answeredInRound); None when it is
    none, or no round has an answer yet."""
    words = _words(answer, 5)
    if words is None or words[3] == 0:
        return None
    return Rounds(words[0] % (1 << ROUND_BITS), words[3])


def awaits(answer: object) -> bool | None:
    """Of an oracleRoundState answer (eligible, round, latest submission, started at, …): whether a round that
    has begun still waits for our oracle. None when it is none."""
    words = _words(answer, 8)
    return None if words is None else bool(words[0] and words[3])


def submitted(answer: object) -> int | None:
    """The newest round in a list of SubmissionReceived logs; None for a refusal, 0 without any."""
    if not isinstance(answer, list):
        return None
    found = [_round(log) for log in answer if isinstance(log, dict) and not log.get("removed")]
    return max((number for number in found if number is not None), default=0)


def _round(log: dict[str, object]) -> int | None:
    topics = log.get("topics")
    return quantity(topics[2]) if isinstance(topics, list) and len(topics) == 4 else None


def _words(answer: object, count: int) -> Sequence[int] | None:
    if not isinstance(answer, str) or len(answer) != 2 + 64 * count:
        return None
    try:
        return [int(answer[start : start + 64], 16) for start in range(2, len(answer), 64)]
    except ValueError:
        return None


def _view(contract: str, data: str) -> Call:
    return Call("eth_call", ({"to": contract, "data": data}, "latest"))


def _word(address: str) -> str:
    return address.removeprefix("0x").rjust(64, "0")
