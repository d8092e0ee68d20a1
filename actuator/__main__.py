"""`chainwarden-actuator`: argv → config → serve."""

import argparse
import signal
import sys

from actuator.bootstrap import Actuator
from actuator.config import Config
from actuator.ledger import LedgerError
from nodekit import listening, webfile
from nodekit.program import configured, parser
from nodekit.settings import ConfigError
from nodekit.webfile import Gate


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, ledger in use, address in use."""
    arguments = command_line().parse_args(argv)
    try:
        gate = None if arguments.web is None else Gate(arguments.web)
        config = configured(arguments, Config, lambda read: _remarks(read, gate))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if isinstance(config, int):
        return config
    return _serve(config, gate)


def command_line() -> argparse.ArgumentParser:
    """What may be typed."""
    made = parser("actuator", "Acts on alerts and on what it sees.")
    listening.flag(made)
    webfile.flag(made)
    return made


def _remarks(config: Config, gate: Gate | None) -> list[str]:
    if gate is not None and gate.encrypted:
        return []
    better = "give --web.config.file with `tls_server_config`, or put a proxy with TLS before it"
    return listening.plain(config.listen, "tokens and passwords can be read on their way", better)


def _serve(config: Config, gate: Gate | None) -> int:
    try:
        actuator = Actuator(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: actuator.stop())
        actuator.serve(gate)
    except LedgerError as error:
        sys.stderr.write(f"chainwarden-actuator: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"chainwarden-actuator: cannot listen on {config.listen}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
