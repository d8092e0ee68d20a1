"""The actuator, with one planted crash: kill -9 of itself just before or just after an effect.

CRASH_AT is `before:resume`, `after:pause` and so on; CRASH_MARK a file that says that it happened, so
that the restarted process lives. Nothing of this is in the product.
"""

import os
import signal
import sys
from pathlib import Path

from actuator import __main__, bootstrap
from actuator.actions.production import Production
from actuator.step import Claimed, Receipt

MOMENT, _, VERB = os.environ["CRASH_AT"].partition(":")
MARK = Path(os.environ["CRASH_MARK"])


class Crashing(Production):
    """Dies around its first effect."""

    def perform(self, claimed: Claimed) -> Receipt:
        due = self.name == VERB and not MARK.exists()
        if due and MOMENT == "before":
            die(claimed)
        receipt = super().perform(claimed)
        if due:
            die(claimed)
        return receipt


def die(claimed: Claimed) -> None:
    MARK.write_text(claimed.step.key)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    bootstrap.Production = Crashing  # type: ignore[misc]
    sys.exit(__main__.main())
