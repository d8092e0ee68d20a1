"""`chainwarden-exporter`: argv → config → serve, or one look with --once."""

import argparse
import logging
import signal
import sys
import threading
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from waitress.server import create_server

from exporter.config import Config
from exporter.runtime import Runtime
from exporter.web import application
from nodekit import logs
from nodekit.settings import ConfigError, load

log = logging.getLogger(__name__)

THREADS = 4
"""Threads that answer scrapes; waitress queues the rest."""


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: ended when told to; 1: wrong configuration, or the address is in use."""
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
    runtime = Runtime(arguments.config, config)
    if arguments.once:
        return _once(runtime)
    return _serve(runtime, arguments.listen or config.listen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chainwarden-exporter", description="Prometheus exporter of chain nodes."
    )
    parser.add_argument(
        "--config.file", dest="config", type=Path, default=Path("exporter.yml"), metavar="FILE"
    )
    parser.add_argument(
        "--config.check", dest="check", action="store_true", help="validate the file and exit"
    )
    parser.add_argument(
        "--once", action="store_true", help="look at everything once, print the metrics and exit"
    )
    parser.add_argument(
        "--web.listen-address", dest="listen", metavar="HOST:PORT", help="instead of the file's `listen`"
    )
    parser.add_argument("--log.level", dest="level", choices=logs.LEVELS, default="info")
    parser.add_argument("--log.format", dest="format", choices=logs.FORMATS, default="logfmt")
    parser.add_argument(
        "--version", action="version", version=f"chainwarden-exporter {version('chainwarden')}"
    )
    return parser


def _once(runtime: Runtime) -> int:
    runtime.look_once()
    registry = CollectorRegistry()
    registry.register(runtime)
    sys.stdout.write(generate_latest(registry).decode())
    return 0


def _serve(runtime: Runtime, listen: str) -> int:
    host, _, port = listen.rpartition(":")
    try:
        server = create_server(
            application(runtime), host=host.strip("[]"), port=int(port), threads=THREADS, ident=None
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "write HOST:PORT"
        sys.stderr.write(f"chainwarden-exporter: cannot listen on {listen}: {reason}\n")
        return 1
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=_reload, args=(runtime,)).start())
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
