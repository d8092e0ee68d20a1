"""Every metric that chainwarden's programs publish, from their own declarations."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family
from prometheus_client.metrics import MetricWrapperBase

from actuator.agent.metrics import Metrics as AgentMetrics
from actuator.agent.watch.metrics import ServiceCollector
from actuator.groupmetrics import GroupCollector
from actuator.metrics import Metrics
from actuator.notify.metrics import NotifyCollector
from actuator.remote.metrics import SenderMetrics
from docs.generate.labels import LABELS
from docs.generate.markdown import code, page, sentence, table
from exporter.collectors import COLLECTORS
from exporter.observation import Metric
from exporter.snapshot import OWN_METRICS

ENDINGS = {"counter": "_total", "info": "_info"}
"""What prometheus_client appends to a family's name."""
UNITS = {"_timestamp_seconds": "unix seconds", "_seconds": "seconds", "_bytes": "bytes", "_blocks": "blocks"}
INTRODUCTION = """\
A value that is not known is absent, never 0; a value whose last good look is older than three intervals of
its probe is dropped. Ages (`…_age_seconds`) are computed at the moment of the scrape. The exporter's counters
need `state_dir` to survive its restart. Besides these, every program has prometheus_client's `process_*` and
`python_*`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric as it is scraped."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str

    @property
    def unit(self) -> str:
        """What a value is counted in, as far as the name says it."""
        name = self.name.removesuffix("_total")
        return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


class _EmptyLedger:
    """A ledger without incidents and messages."""

    def read(self, _question: Any) -> list[Any]:
        return []


def of_the_exporter() -> dict[str, list[Row]]:
    """Collector (and what it looks at) → its metrics; the exporter's own come last."""
    found = {_title(module): [_row(metric) for metric in module.METRICS] for module in COLLECTORS}
    return {**found, "The exporter itself": [_row(metric) for metric in OWN_METRICS]}


def of_the_actuator() -> list[Row]:
    """What the actuator publishes of its groups, sinks, hosts and of itself."""
    registry = CollectorRegistry()
    collectors = (GroupCollector(dict, _EmptyLedger()), NotifyCollector({}, _EmptyLedger()))  # type: ignore[arg-type]
    families = [family for collector in collectors for family in collector.collect()]
    wrapped = [*vars(Metrics(registry)).values(), *vars(SenderMetrics(registry)).values()]
    return _sorted([*families, *wrapped])


def of_the_agent() -> list[Row]:
    """What the agent publishes."""
    services = ServiceCollector("", list, {}).collect()
    return _sorted([*services, *vars(AgentMetrics(CollectorRegistry())).values()])


def text() -> str:
    """The page."""
    exporter = [[f"### {title}", "", *_table(rows)] for title, rows in of_the_exporter().items() if rows]
    labels = [(code(name), sentence(said)) for name, said in sorted(LABELS.items())]
    return page(
        "Metrics",
        [INTRODUCTION],
        ["## chainwarden-exporter"],
        *exporter,
        ["## chainwarden-actuator", "", *_table(of_the_actuator())],
        ["## chainwarden-agent", "", *_table(of_the_agent())],
        ["## Labels", "", *table(("label", "what it is"), labels)],
    )


def _title(module: Any) -> str:
    said = inspect.getdoc(module) if isinstance(module, ModuleType) else None
    return (said or module.NAME).partition("\n")[0].removesuffix(".")


def _row(metric: Metric) -> Row:
    return Row(metric.name, "counter" if metric.kind == "counter" else "gauge", metric.labels, metric.help)


def _sorted(sources: Iterable[object]) -> list[Row]:
    rows = [_declared(item) for item in sources if isinstance(item, MetricWrapperBase | Family)]
    return sorted(rows, key=lambda row: row.name)


def _declared(source: MetricWrapperBase | Family) -> Row:
    """prometheus_client tells the labels of a metric without samples only in `_labelnames`."""
    labels = tuple(getattr(source, "_labelnames", ()))
    family = source if isinstance(source, Family) else next(iter(source.describe()))
    return Row(family.name + ENDINGS.get(family.type, ""), family.type, labels, family.documentation)


def _table(rows: Iterable[Row]) -> list[str]:
    return table(
        ("metric", "type", "labels", "unit", "what it is"),
        [
            (code(row.name), row.kind, ", ".join(map(code, row.labels)), row.unit, sentence(row.help))
            for row in rows
        ],
    )
