"""What the agent publishes of its services; the exporter's own view of a host uses the same names."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actuator.agent.watch.view import View
from nodekit.processes import usage
from nodekit.used import Used


class ServiceCollector(Collector):
    """Reads the views at each scrape."""

    def __init__(
        self, host: str, views: Callable[[], Sequence[View]], producers: dict[str, tuple[str, str]]
    ) -> None:
        """`producers`: service → its failover group and its name there."""
        self._host = host
        self._views = views
        self._producers = producers
        self._used: defaultdict[str, Used] = defaultdict(Used)

    def collect(self) -> Iterator[Metric]:
        """One sample a service in each family; what is not known is absent."""
        views, labels = self._views(), ("host", "service")
        up = GaugeMetricFamily(
            "service_up", "1 while the service is there and no condition holds against it.", labels=labels
        )
        unknown = GaugeMetricFamily(
            "service_state_unknown", "1 while whether the service runs cannot be said.", labels=labels
        )
        count = GaugeMetricFamily("service_processes", "Its processes.", labels=labels)
        began = GaugeMetricFamily("service_start_time_seconds", "When its main process began.", labels=labels)
        cpu = CounterMetricFamily("service_cpu_seconds", "CPU time of its processes.", labels=labels)
        memory = GaugeMetricFamily(
            "service_resident_memory_bytes", "Resident memory of its processes.", labels=labels
        )
        restarts = CounterMetricFamily("service_restarts", "Starts by the watchdog.", labels=labels)
        gave_up = GaugeMetricFamily(
            "service_gave_up", "1 while the watchdog does not start it any more.", labels=labels
        )
        monitored = GaugeMetricFamily(
            "service_monitored", "1 while the watchdog acts on it: no command, no maintenance.", labels=labels
        )
        failing = GaugeMetricFamily(
            "service_check_failing", "1 while a condition holds.", labels=(*labels, "check")
        )
        for view in views:
            who = (self._host, view.name)
            unknown.add_metric(who, float(view.up is None))
            if view.up is not None:
                up.add_metric(who, float(view.up))
                self._processes(view, count, began, cpu, memory)
            if view.watched:
                restarts.add_metric(who, view.memory.restarts)
                gave_up.add_metric(who, float(view.memory.gave_up is not None))
                monitored.add_metric(who, float(view.acts))
                for check in view.checks:
                    failing.add_metric(
                        (*who, check), float(any(one.startswith(f"{check}: ") for one in view.failing))
                    )
        yield from (up, unknown, count, began, cpu, memory, restarts, gave_up, monitored, failing)
        yield self._given_up(views)

    def _processes(
        self, view: View, count: GaugeMetricFamily, began: GaugeMetricFamily, cpu: CounterMetricFamily,
        memory: GaugeMetricFamily,
    ) -> None:  # fmt: skip
        who = (self._host, view.name)
        count.add_metric(who, len(view.processes))
        used = [(one, now) for one in view.processes if (now := usage(one)) is not None]
        if view.main is not None and used:
            began.add_metric(who, view.main.began)
            cpu.add_metric(who, self._used[view.name].add((one, now.cpu) for one, now in used))
            memory.add_metric(who, sum(now.memory for _, now in used))

    def _given_up(self, views: Sequence[View]) -> Metric:
        """For the failover: a producer that nobody starts again."""
        family = GaugeMetricFamily(
            "service_producer_gave_up",
            "1 while the watchdog does not start a block producer any more.",
            labels=("host", "service", "group", "node"),
        )
        for view in views:
            if view.name in self._producers and view.watched:
                who = (self._host, view.name, *self._producers[view.name])
                family.add_metric(who, float(view.memory.gave_up is not None))
        return family
