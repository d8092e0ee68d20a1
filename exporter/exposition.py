"""Metric families as text, 0.0.4 or OpenMetrics 1.0: as prometheus_client writes them, but sooner.

The series of a scrape are those of the last one: what stands before a value is kept. Specifications:
prometheus.io/docs/instrumenting/exposition_formats, github.com/prometheus/OpenMetrics (specification 1.0).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.utils import floatToGoString

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
KEPT = 100_000
"""Series whose text is kept, about 150 bytes each."""


def encoder(accept: str) -> tuple[Callable[[Iterable[Family]], bytes], str]:
    """What writes families for an Accept header, and its content type."""
    wanted = [part.strip() for part in accept.split(",")]
    if any(part.split(";")[0].strip() == "application/openmetrics-text" for part in wanted):
        return openmetrics, OPENMETRICS
    return plain, CONTENT_TYPE_PLAIN_0_0_4


def plain(families: Iterable[Family]) -> bytes:
    """Text 0.0.4, for gauges and counters."""
    lines: list[str] = []
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
        lines.append(f"# HELP {name} {text}\n# TYPE {name} {family.type}\n")
        lines += _samples(family)
    return "".join(lines).encode()


def openmetrics(families: Iterable[Family]) -> bytes:
    """OpenMetrics 1.0, for gauges and counters."""
    lines: list[str] = []
    for family in families:
        text = family.documentation.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        lines.append(f"# HELP {family.name} {text}\n# TYPE {family.name} {family.type}\n")
        lines += _samples(family)
    return ("".join(lines) + "# EOF\n").encode()


def _samples(family: Family) -> list[str]:
    return [
        f"{_series(sample.name, tuple(sample.labels.items()))} {_number(sample.value)}\n"
        for sample in family.samples
    ]


def _number(value: float) -> str:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return text


@lru_cache(KEPT)
def _series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return name
    pairs = (f'{label}="{_escaped(value)}"' for label, value in sorted(labels))
    return f"{name}{{{','.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
