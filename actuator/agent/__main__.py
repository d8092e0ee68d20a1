"""`chainwarden-agent`: argv → config → serve. It runs only what its own config allows."""

import argparse
import signal
import ssl
import sys
import threading

from pydantic import TypeAdapter, ValidationError

from actuator.agent import config as configs
from actuator.agent.agent import Agent
from actuator.agent.journal import JournalError
from nodekit import logs
from nodekit.finding import remarks
from nodekit.program import parser, valid
from nodekit.settings import ConfigError
from nodekit.words import Listen


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, journal in use, or address in use."""
    arguments = command_line().parse_args(argv)
    logs.set_up(arguments.level, arguments.format)
    try:
        config = configs.read(arguments.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments.listen is not None:
        config = config.model_copy(update={"listen": arguments.listen})
    if arguments.check:
        return valid(arguments.config, remarks(configs.targets(config)))
    try:
        agent = Agent(config)
        agent.start()
    except (JournalError, OSError, ssl.SSLError) as error:
        sys.stderr.write(f"chainwarden-agent: {error}\n")
        return 1
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    agent.stop()
    return 0


def command_line() -> argparse.ArgumentParser:
    """What may be typed."""
    made = parser("agent", "The hands on a node's host: obeys commands over MQTT.")
    made.add_argument(
        "--web.listen-address", dest="listen", type=_address, metavar="HOST:PORT",
        help="instead of the file's `listen`; lua-collectd-monitor's config has none",
    )  # fmt: skip
    return made


def _address(text: str) -> str:
    try:
        return TypeAdapter(Listen).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None


if __name__ == "__main__":
    sys.exit(main())
