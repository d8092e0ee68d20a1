"""`chainwarden-actuator`: argv → config → serve."""

import argparse
import signal
import sys

from actuator.bootstrap import Actuator
from actuator.config import Config
from actuator.ledger import LedgerError
from nodekit.program import configured, parser


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, ledger in use, address in use."""
    arguments = command_line().parse_args(argv)
    config = configured(arguments, Config)
    if isinstance(config, int):
        return config
    return _serve(config)


def command_line() -> argparse.ArgumentParser:
    """What may be typed."""
    return parser("actuator", "Acts on alerts and on what it sees.")


def _serve(config: Config) -> int:
    try:
        actuator = Actuator(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: actuator.stop())
        actuator.serve()
    except LedgerError as error:
        sys.stderr.write(f"chainwarden-actuator: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"chainwarden-actuator: cannot listen on {config.listen}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
