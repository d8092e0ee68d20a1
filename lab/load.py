"""A steady trickle of transactions, so that blocks of two producers differ."""

import threading
import time

from lab.packing import nonce
from lab.wallet import Wallet, WalletError
from nodekit.http import HttpError


class Load:
    """A thread that sends `rate` transactions a second; failures are counted, not raised."""

    def __init__(self, wallet: Wallet, rate: float) -> None:
        self.sent = 0
        self.failed = 0
        self._wallet = wallet
        self._pause = 1.0 / rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lab-load", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; waits for the transaction in flight."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = time.time_ns()
        while not self._stop.wait(self._pause):
            number += 1
            try:
                self._wallet.push(nonce(number))
                self.sent += 1
            except (WalletError, HttpError):
                self.failed += 1  # the world node may be down on purpose
