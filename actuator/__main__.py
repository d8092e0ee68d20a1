"""`chainwarden-actuator`: argv → config → serve."""

import argparse
import signal
import sys

from actuator.bootstrap import Actuator
from actuator.config import Config
from actuator.ledger import LedgerError
from nodekit import listening
from nodekit.program import configured, parser


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, ledger in use, address in use."""
    arguments = command_line().parse_args(argv)
    config = configured(arguments, Config, _remarks)
    if isinstance(config, int):
        return config
    return _serve(config)


def command_line() -> argparse.ArgumentParser:
    """What may be typed."""
    made = parser("actuator", "Acts on alerts and on what it sees.")
    listening.flag(made)
    return made


def _remarks(config: Config) -> list[str]:
    return listening.plain(
        config.listen, "tokens and passwords can be read on their way", "put a proxy with TLS before it"
    )


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
