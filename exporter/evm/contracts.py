"""Calls of contracts and their answers, encoded by web3; importing this imports it (0.6 s, 64 MB).

Only its encoding is used: its providers retry (a timeout of 1 s becomes 6.9 s) and fail a whole batch for one
refused call. What is sent goes through nodekit.jsonrpc.
"""

from web3 import Web3

from exporter.evm.money import Kind, Question
from nodekit.evm import Call, quantity

_UINT256 = {"internalType": "uint256", "name": "", "type": "uint256"}
_VIEWS = (
    ("balanceOf", ("owner",)),
    ("decimals", ()),
    ("availableFunds", ()),
    ("withdrawablePayment", ("oracle",)),
)
_ABI = [
    {
        "name": name, "type": "function", "stateMutability": "view", "outputs": [_UINT256],
        "inputs": [{"internalType": "address", "name": word, "type": "address"} for word in inputs],
    }
    for name, inputs in _VIEWS
]  # fmt: skip
"""ERC-20's two and FluxAggregator's two views that tell of money; all answer one number."""

_contract = Web3().eth.contract(abi=_ABI)


def amount_call(question: Question) -> Call:
    """The call that answers a question with a number of smallest units."""
    if question.kind is Kind.COIN:
        return Call("eth_getBalance", (question.address, "latest"))
    if question.kind is Kind.FUNDS:
        return _view(question.contract, "availableFunds")
    name = "balanceOf" if question.kind is Kind.TOKEN else "withdrawablePayment"
    return _view(question.contract, name, Web3.to_checksum_address(question.address))


def decimals_call(token: str) -> Call:
    """The call that asks a token how many of its digits are behind the point."""
    return _view(token, "decimals")


def number(answer: object) -> int | None:
    """The number of an answer; None for a refusal and for `0x`, the answer of an address without contract."""
    return quantity(answer)


def _view(contract: str, name: str, *arguments: str) -> Call:
    data = _contract.encode_abi(name, args=list(arguments))
    return Call("eth_call", ({"to": contract, "data": data}, "latest"))
