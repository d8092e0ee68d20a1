"""`chainwarden-exporter`: argv → config → serve, or one look with --once."""

import argparse
import gc
import logging
import signal
import sys
import threading

from exporter.config import Config
from exporter.exposition import plain
from exporter.runtime import Runtime
from exporter.web import application
from nodekit import listening, webfile
from nodekit.finding import remarks
from nodekit.program import configured, parser
from nodekit.serving import bound
from nodekit.settings import ConfigError
from nodekit.webfile import Gate

log = logging.getLogger(__name__)

THREADS = 4
"""Threads that answer scrapes."""


def _remarks(config: Config, gate: Gate | None) -> list[str]:
    found = {name: service for name, service in config.services.items() if service.findable}
    said = remarks({f"services.{name}": service.target for name, service in found.items()})
    if gate is not None and gate.encrypted:
        return said
    better = "give --web.config.file with `tls_server_config`"
    readable = "whoever can connect reads the metrics" if gate is None else "its passwords can be read"
    return [*listening.plain(config.listen, readable, better), *said]


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, or the address is in use."""
    arguments = command_line().parse_args(argv)
    try:
        gate = None if arguments.web is None else Gate(arguments.web)
        config = configured(arguments, Config, lambda read: _remarks(read, gate))
        if isinstance(config, int):
            return config
        runtime = Runtime(arguments.config, config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments.once:
        return _once(runtime)
    return _serve(runtime, config.listen, gate)


def command_line() -> argparse.ArgumentParser:
    """What may be typed."""
    made = parser("exporter", "Prometheus exporter of chain nodes.")
    made.add_argument(
        "--once", action="store_true", help="look at everything once, print the metrics and exit"
    )
    listening.flag(made)
    webfile.flag(made)
    return made


def _once(runtime: Runtime) -> int:
    runtime.look_once()
    now = runtime.now()
    sys.stdout.write(plain(runtime.samples(now), now).decode())
    return 0


def _serve(runtime: Runtime, listen: str, gate: Gate | None) -> int:
    try:
        server = bound(listen, application(runtime), gate, threads=THREADS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "write HOST:PORT"
        sys.stderr.write(f"chainwarden-exporter: cannot listen on {listen}: {reason}\n")
        return 1
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=_reload, args=(runtime,)).start())
    gc.freeze()  # modules stay for ever: a full collection, during which nothing else runs, skips them
    runtime.start()
    threading.Thread(target=server.run, name="http", daemon=True).start()
    log.info("listening", extra={"fields": {"address": listen}})
    stopped.wait()
    server.close()
    runtime.stop()
    return 0


def _reload(runtime: Runtime) -> None:
    try:
        runtime.reload()
        log.info("reloaded")
    except ConfigError as error:
        log.error("the configuration was not reloaded: %s", error)


if __name__ == "__main__":
    sys.exit(main())
