"""The actuator's own metrics about groups, computed from the newest views when they are scraped."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actuator import groups
from actuator.failover.machine import Phase
from actuator.failover.state import Trouble
from actuator.failover.watch import GroupWatch
from actuator.ledger import Ledger, LedgerError

LIMIT = 100_000


class GroupCollector(Collector):
    """Phases, epochs, holders, latches and what incidents cost so far."""

    def __init__(self, watches: Callable[[], Mapping[str, GroupWatch]], ledger: Ledger) -> None:
        self._watches = watches
        self._ledger = ledger

    def describe(self) -> Iterable[Metric]:
        """Nothing is fixed: groups come from the configuration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Families of this moment; what is unknown is left out."""
        phase = GaugeMetricFamily(
            "chainwarden_group_phase",
            "1 for the phase that a failover group is in.",
            labels=["group", "phase"],
        )
        epoch = GaugeMetricFamily("chainwarden_group_epoch", "Fence number of a group.", labels=["group"])
        holder = GaugeMetricFamily(
            "chainwarden_group_holder", "1 for the node that holds production.", labels=["group", "node"]
        )
        latched = GaugeMetricFamily(
            "chainwarden_group_latched", "1 while a group waits for an operator.", labels=["group"]
        )
        for name, watch in self._watches().items():
            view = watch.view()
            if view is None:
                continue
            for item in Phase:
                phase.add_metric([name, item], float(view.state.phase is item))
            epoch.add_metric([name], view.state.epoch)
            latched.add_metric([name], float(view.state.phase is Phase.LATCHED))
            if view.state.holder is not None:
                holder.add_metric([name, view.state.holder], 1.0)
        yield from (phase, epoch, latched, holder)
        yield from self._incidents()

    def _incidents(self) -> Iterable[Metric]:
        ended = CounterMetricFamily(
            "chainwarden_incidents", "Incidents that ended, by kind and outcome.",
            labels=["group", "kind", "outcome"],
        )  # fmt: skip
        missed = CounterMetricFamily(
            "chainwarden_failover_missed_blocks", "Blocks missed during incidents, by what they began with.",
            labels=["group", "cause"],
        )  # fmt: skip
        try:
            rows = self._ledger.read(lambda connection: groups.incidents(connection, None, LIMIT))
        except LedgerError:
            return
        counts: dict[tuple[str, str, str], int] = {}
        costs: dict[tuple[str, str], int] = {
            (name, trouble): 0 for name in self._watches() for trouble in Trouble
        }
        for row in rows:
            if row.ended_at is None:
                continue
            key = (row.group, row.kind, row.outcome or "ended")
            counts[key] = counts.get(key, 0) + 1
            if row.certificate:
                cause = row.certificate.get("trouble", row.kind)
                cost = len(row.certificate["missed"])
                costs[row.group, cause] = costs.get((row.group, cause), 0) + cost
        for key, count in counts.items():
            ended.add_metric(list(key), count)
        for pair, cost in costs.items():
            missed.add_metric(list(pair), cost)
        yield from (ended, missed)
