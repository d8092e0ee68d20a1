"""`chainwarden-agent`: argv → config → serve. It runs only what its own config allows."""

import argparse
import signal
import ssl
import sys
import threading
import time

from actuator.agent import config as configs
from actuator.agent.agent import Agent
from actuator.agent.journal import JournalError
from actuator.agent.watch.remarks import of_maintenance
from nodekit import listening, logs, webfile
from nodekit.finding import remarks
from nodekit.program import parser, valid
from nodekit.settings import ConfigError
from nodekit.webfile import Gate


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, journal in use, or address in use."""
    arguments = command_line().parse_args(argv)
    logs.set_up(arguments.level, arguments.format)
    try:
        gate = None if arguments.web is None else Gate(arguments.web)
        config = configs.read(arguments.config, arguments.listen)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments.check:
        late = of_maintenance(config.daemons, time.time())
        return valid(arguments.config, [*_plain(config, gate), *late, *remarks(configs.targets(config))])
    try:
        agent = Agent(config, gate)
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
    listening.flag(made, "; lua-collectd-monitor's config has none")
    webfile.flag(made)
    return made


def _plain(config: configs.Config, gate: Gate | None) -> list[str]:
    if gate is not None and gate.encrypted:
        return []
    passwords = "operators' passwords can be read on their way" if config.operators else ""
    everybody = "whoever can connect sees all services" if gate is None else "its passwords can be read"
    readable = " and ".join(text for text in (passwords, everybody) if text)
    return listening.plain(config.listen, readable, "give --web.config.file with `tls_server_config`")


if __name__ == "__main__":
    sys.exit(main())
