"""The state of the channels as metrics, read from the ledger at each scrape."""

import logging
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from actuator.configs.sinks import Sink
from actuator.ledger import Ledger, LedgerError
from actuator.notify import outbox

log = logging.getLogger(__name__)


class NotifyCollector(Collector):
    """Queue depth, last success and broken channels."""

    def __init__(self, sinks: Mapping[str, Sink], ledger: Ledger) -> None:
        self._sinks = sinks
        self._ledger = ledger

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing before the first scrape."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One sample a configured sink; nothing while the ledger cannot be read."""
        try:
            states = self._ledger.read(outbox.states)
            waiting = self._ledger.read(outbox.waiting)
        except LedgerError as error:
            log.warning("no metrics of the sinks: %s", error)
            return
        pending = GaugeMetricFamily(
            "chainwarden_notifications_pending", "Messages that wait for a sink.", labels=["sink"]
        )
        success = GaugeMetricFamily(
            "chainwarden_notifications_last_success_timestamp_seconds",
            "When a sink last took a message, unix seconds; absent if it never did.",
            labels=["sink"],
        )
        broken = GaugeMetricFamily(
            "chainwarden_sink_broken",
            "1 while a sink takes nothing until somebody mends its configuration.",
            labels=["sink"],
        )
        for name in self._sinks:
            state = states.get(name, outbox.SinkState())
            pending.add_metric([name], waiting.get(name, 0))
            broken.add_metric([name], float(bool(state.broken)))
            if state.last_success is not None:
                success.add_metric([name], state.last_success)
        yield from (pending, success, broken)
