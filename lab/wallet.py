"""Signs and sends transactions with the cleos of the wheel: no key store, no SDK."""

import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.binaries import Antelope
from lab.node import Node
from lab.packing import WORLD_KEY, Action, Reference, transaction

EXPIRES_AFTER = 60.0
"""Seconds of chain time."""


class WalletError(Exception):
    """cleos could not sign or the node refused the transaction; the text is cleos's own."""


class Wallet:
    """Sends transactions of `eosio` to one node."""

    def __init__(self, antelope: Antelope, node: Node, folder: Path) -> None:
        self._antelope = antelope
        self._node = node
        self._folder = folder

    def push(self, *actions: Action) -> None:
        """Sign one transaction of these actions and send it. Raises WalletError, HttpError."""
        content = transaction(self._reference(), actions)
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self._folder) as file:
            json.dump(content, file)
            file.flush()
            self._cleos("sign", "--private-key", WORLD_KEY.private, "--push-transaction", file.name)

    def _reference(self) -> Reference:
        head = self._node.info()
        expires = datetime.fromtimestamp(head.head_time, UTC) + timedelta(seconds=EXPIRES_AFTER)
        return Reference(head.head_id, expires.replace(tzinfo=None).isoformat(timespec="seconds"))

    def _cleos(self, *words: str) -> None:
        command = [str(self._antelope.program), "cleos", "--no-auto-keosd", "--url", self._node.url, *words]
        try:
            result = subprocess.run(
                command,
                env={**os.environ, **self._antelope.environment()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
        except subprocess.TimeoutExpired:  # the node hangs, perhaps on purpose
            raise WalletError(f"cleos {words[0]}: no answer within 30 s") from None
        if result.returncode:
            raise WalletError(f"cleos {words[0]}: {result.stderr.strip() or result.stdout.strip()}")
