"""Samples as text, 0.0.4 or OpenMetrics 1.0: as prometheus_client writes them, in a sixth of its time.

The series of a scrape are those of the last one: what stands before a value is kept, and nothing is built on
the way to the text that the garbage collector would have to look at. Specifications:
prometheus.io/docs/instrumenting/exposition_formats, github.com/prometheus/OpenMetrics (specification 1.0).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.utils import floatToGoString

from exporter.observation import Metric, Sample

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
KEPT = 100_000
"""Series whose text is kept, about 250 bytes each."""
Write = Callable[[Iterable[Sample], float], bytes]
"""Samples and the moment at which ages are told, unix seconds, to text."""


def encoder(accept: str) -> tuple[Write, str]:
    """What writes samples for an Accept header, and its content type."""
    wanted = [part.strip() for part in accept.split(",")]
    if any(part.split(";")[0].strip() == "application/openmetrics-text" for part in wanted):
        return openmetrics, OPENMETRICS
    return plain, CONTENT_TYPE_PLAIN_0_0_4


def plain(samples: Iterable[Sample], now: float) -> bytes:
    """Text 0.0.4."""
    parts: list[str] = []
    for metric, lines in _families(samples, now):
        text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
        parts.append(f"# HELP {metric.name} {text}\n# TYPE {metric.name} {_kind(metric)}\n")
        parts += lines
    return "".join(parts).encode()


def openmetrics(samples: Iterable[Sample], now: float) -> bytes:
    """OpenMetrics 1.0: a counter's family is named without `_total`."""
    parts: list[str] = []
    for metric, lines in _families(samples, now):
        name, text = metric.name.removesuffix("_total"), _escaped(metric.help)
        parts.append(f"# HELP {name} {text}\n# TYPE {name} {_kind(metric)}\n")
        parts += lines
    parts.append("# EOF\n")
    return "".join(parts).encode()


def _kind(metric: Metric) -> str:
    return "gauge" if metric.kind == "age" else metric.kind


def _families(samples: Iterable[Sample], now: float) -> Iterable[tuple[Metric, list[str]]]:
    """The lines of each metric, by name."""
    found: dict[str, tuple[Metric, list[str]]] = {}
    for sample in samples:
        metric = sample.metric
        family = found.get(metric.name)
        if family is None:
            family = found[metric.name] = (metric, [])
        value = now - sample.value if metric.kind == "age" else sample.value
        series = _series(metric.name, metric.labels, sample.labels)
        family[1].append(f"{series} {_number(value)}\n")
    return [found[name] for name in sorted(found)]


@lru_cache(KEPT // 16)
def _number(value: float) -> str:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return text


@lru_cache(KEPT)
def _series(name: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not labels:
        return name
    pairs = (f'{label}="{_escaped(value)}"' for label, value in sorted(zip(labels, values, strict=True)))
    return f"{name}{{{','.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
