"""A running configuration: its sources, what they saw, and the exchange of one for another."""

import logging
import platform
import threading
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from exporter.collectors import COLLECTORS
from exporter.config import Config
from exporter.discovery import expanded, stamp
from exporter.observation import Sample
from exporter.scheduler import Scheduler
from exporter.snapshot import BUILD, RELOAD_OK, RELOAD_TIME, Store, fresh_samples, probe_samples
from nodekit.settings import ConfigError, load

log = logging.getLogger(__name__)

VERSION = version("chainwarden")
FILES_EVERY = 2.0
"""Seconds between looks at the time stamps of files that name nodes."""


class Runtime:
    """Holds the valid configuration, its threads, and what they saw."""

    def __init__(self, path: Path, config: Config, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.config = expanded(config, path.parent)
        self._files = stamp(config, path.parent)
        self._clock = clock
        self._lock = threading.Lock()
        self._reload_ok = True
        self._reloaded_at = clock()
        self._store = Store()
        self._scheduler = self._schedule(self.config)
        self._ended = threading.Event()

    def _schedule(self, config: Config) -> Scheduler:
        sources = [source for module in COLLECTORS for source in module.build(config)]
        return Scheduler(sources, self._store, self._clock)

    def start(self) -> None:
        """Begin to look, and to watch the files that name nodes."""
        self._scheduler.start()
        # Also without such files: a reload may name the first.
        threading.Thread(target=self._watch_files, name="nodes-files", daemon=True).start()

    def stop(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._scheduler.stop()

    def _watch_files(self) -> None:
        while not self._ended.wait(FILES_EVERY):
            if stamp(self.config, self.path.parent) == self._files:
                continue
            try:
                self.reload()
            except (ConfigError, OSError) as error:
                log.error("nodes_files were not reloaded, the old nodes stay: %s", error)

    def look_once(self) -> None:
        """One look at everything, for --once."""
        self._scheduler.look_once()

    def reload(self) -> None:
        """Read the file again. Raises ConfigError and keeps the old configuration when it is wrong."""
        with self._lock:
            try:
                written = load(self.path, Config)
                self._files = stamp(written, self.path.parent)
                config = expanded(written, self.path.parent)
            except ConfigError:
                self._reload_ok = False
                raise
            self._reload_ok, self._reloaded_at = True, self._clock()
            if config == self.config:
                return  # counters and windows of an unchanged configuration go on
            self._scheduler.stop()
            self._store = Store()
            self.config = config
            self._scheduler = self._schedule(config)
            self._scheduler.start()

    def unseen(self) -> list[str]:
        """Probes that have not finished their first look."""
        records = self._store.records()
        return [f"{record.probe} of {record.target}" for record in records if record.succeeded is None]

    def now(self) -> float:
        """The moment, unix seconds."""
        return self._clock()

    def samples(self, now: float) -> Iterable[Sample]:
        """All that is known at this moment."""
        records, config = self._store.records(), self.config
        yield from fresh_samples(records, now)
        for module in COLLECTORS:
            yield from module.derive(config, records, now)
        yield from probe_samples(records)
        yield RELOAD_OK.sample(float(self._reload_ok))
        yield RELOAD_TIME.sample(self._reloaded_at)
        yield BUILD.sample(1, VERSION, platform.python_version())
