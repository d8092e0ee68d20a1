"""Looks at every source on its own timer: one thread a source, spread evenly over the interval."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from exporter.collector import CollectorError, Source
from exporter.observation import Observation
from exporter.snapshot import Store

log = logging.getLogger(__name__)


FIRST_LOOKS = 1.0
"""Seconds over which the first looks are spread: a start should show everything soon."""


class Scheduler:
    """Threads that fill a store."""

    def __init__(
        self, sources: Sequence[Source], store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._sources = sources
        self._store = store
        self._clock = clock
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for source in sources:
            store.expect(source.probe, source.target, source.interval)

    def start(self) -> None:
        """Begin to look; the first looks are spread, so that the later ones are too."""
        for number, source in enumerate(self._sources):
            offset = min(source.interval, FIRST_LOOKS) * number / len(self._sources)
            name = f"{source.probe}-{source.target}"
            thread = threading.Thread(target=self._run, args=(source, offset), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End all threads; a look that is under way is finished."""
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        for source in self._sources:
            source.close()

    def look_once(self) -> None:
        """One look at each source, one after the other, on this thread."""
        for source in self._sources:
            self._look(source)

    def _run(self, source: Source, offset: float) -> None:
        due = time.monotonic() + offset
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            try:
                self._look(source)
            except Exception:  # the one broad except of this thread: a source never ends the others
                log.exception("probe %s of %s", source.probe, source.target)
                self._store.failed(source.probe, source.target, "internal", 0.0)
            # A look that took longer than the interval costs the looks that it covered, no more.
            late = max(0.0, time.monotonic() - due)
            due += source.interval * (1 + int(late / source.interval))

    def _look(self, source: Source) -> None:
        now, started = self._clock(), time.monotonic()
        try:
            samples = tuple(source.observe(now))
        except CollectorError as error:
            took = time.monotonic() - started
            if self._store.failed(source.probe, source.target, error.reason, took):
                log.warning(
                    "probe failed",
                    extra={"fields": {"probe": source.probe, "target": source.target, "why": str(error)}},
                )
            return
        took = time.monotonic() - started
        self._store.succeeded(Observation(source.probe, source.target, now, took, samples))
