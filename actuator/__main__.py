"""`chainwarden-actuator`: argv → config → serve."""

import argparse
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from actuator.bootstrap import Actuator
from actuator.config import Config
from actuator.ledger import LedgerError
from nodekit import logs
from nodekit.settings import ConfigError, load


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, ledger in use, address in use."""
    arguments = _parser().parse_args(argv)
    logs.set_up(arguments.level, arguments.format)
    try:
        config = load(arguments.config, Config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments.check:
        sys.stdout.write(f"{arguments.config}: valid\n")
        return 0
    return _serve(config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chainwarden-actuator", description="Acts on alerts and on what it sees."
    )
    parser.add_argument(
        "--config.file", dest="config", type=Path, default=Path("actuator.yml"), metavar="FILE"
    )
    parser.add_argument(
        "--config.check", dest="check", action="store_true", help="validate the file and exit"
    )
    parser.add_argument("--log.level", dest="level", choices=logs.LEVELS, default="info")
    parser.add_argument("--log.format", dest="format", choices=logs.FORMATS, default="logfmt")
    parser.add_argument(
        "--version", action="version", version=f"chainwarden-actuator {version('chainwarden')}"
    )
    return parser


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
