"""A real EVM chain (anvil) on a free port: coins, a token, a feed, time jumps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.binaries import anvil
from lab.contracts import feed, token
from lab.ports import free_port
from lab.server import Server
from nodekit.evm import Call, Refused
from nodekit.http import HttpError, session
from nodekit.jsonrpc import batch

COIN = 10**18


class AnvilError(Exception):
    """anvil refused a call."""


class Anvil(Server):
    """Mines a block per transaction, or one every `block_time` seconds."""

    def __init__(
        self, folder: Path, name: str = "anvil", chain_id: int = 51, block_time: float | None = None,
        port: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, folder)
        self.chain_id = chain_id
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws = f"ws://127.0.0.1:{self.port}"
        self._block_time = block_time
        self._http = session()

    def command(self) -> Sequence[str]:
        """The anvil argv."""
        every = () if self._block_time is None else ("--block-time", str(self._block_time))
        return [
            str(anvil()), "--port", str(self.port), "--chain-id", str(self.chain_id), "--quiet",
            "--threads", "1", "--cache-path", str(self.dir / "cache"), *every,
        ]  # fmt: skip

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.call("eth_chainId") == hex(self.chain_id))
        except (HttpError, AnvilError):
            return False

    def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call. Raises HttpError, AnvilError."""
        (result,) = batch(self._http, self.url, [Call(method, params)], 5.0, self.name)
        if isinstance(result, Refused):
            raise AnvilError(f"{method}: {result.message}")
        return result

    @property
    def accounts(self) -> list[str]:
        """Ten addresses with 10,000 coins each; anvil signs for them."""
        found: list[str] = self.call("eth_accounts")
        return found

    def height(self) -> int:
        """The number of the newest block."""
        return int(self.call("eth_blockNumber"), 16)

    def mine(self, blocks: int = 1, after: int = 0) -> None:
        """Jump `after` seconds ahead in chain time, then mine."""
        if after:
            self.call("evm_increaseTime", after)
        for _ in range(blocks):
            self.call("evm_mine")

    def set_balance(self, address: str, units: int) -> None:
        """Give an address exactly this many of the smallest units, without a transaction."""
        self.call("anvil_setBalance", address, hex(units))

    def send(self, to: str, coins: float, sender: str | None = None) -> None:
        """A transfer of coins from an account of anvil's."""
        self._transact({"from": sender or self.accounts[0], "to": to, "value": hex(int(coins * COIN))})

    def deploy_token(self, supply: int, decimals: int = 18) -> str:
        """The address of a new ERC-20 token whose `supply` (smallest units) the first account has."""
        return self._deploy(token(supply, decimals))

    def deploy_feed(self, funds: int, payment: int) -> str:
        """The address of an aggregator with this much `availableFunds` and `withdrawablePayment`."""
        return self._deploy(feed(funds, payment))

    def send_token(self, contract: str, to: str, units: int, sender: str | None = None) -> None:
        """A transfer of tokens from an account of anvil's."""
        data = "0xa9059cbb" + to[2:].lower().rjust(64, "0") + f"{units:064x}"  # transfer(address,uint256)
        self._transact({"from": sender or self.accounts[0], "to": contract, "data": data})

    def submit(self, contract: str, round_id: int, oracle: str) -> None:
        """An oracle, one of anvil's accounts, answers a round of an aggregator."""
        data = f"0x202ee0ed{round_id:064x}{7:064x}"  # submit(uint256,int256)
        self._transact({"from": oracle, "to": contract, "data": data})

    def _deploy(self, code: bytes) -> str:
        receipt = self._transact({"from": self.accounts[0], "data": "0x" + code.hex(), "gas": hex(1_000_000)})
        return str(receipt["contractAddress"])

    def _transact(self, transaction: dict[str, str]) -> dict[str, Any]:
        receipt = None
        identity = self.call("eth_sendTransaction", transaction)
        while receipt is None:
            receipt = self.call("eth_getTransactionReceipt", identity)
        if receipt["status"] != "0x1":
            raise AnvilError("the transaction was reverted")
        found: dict[str, Any] = receipt
        return found

    def stop(self, timeout: float = 10.0) -> None:
        """End it."""
        self._http.close()
        super().stop(timeout)
