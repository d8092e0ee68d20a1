"""`/probe?target=http://…&module=…`: one look at a target that is in no configuration, as
blackbox_exporter does it.

Only the allow-listed read paths of nodeos are ever asked, whatever the target.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from pydantic import ValidationError

from exporter.antelope.sight import Sight
from exporter.collector import CollectorError, Source
from exporter.collectors.apis import ApiSource
from exporter.collectors.nodeos import NodeSource, Turnout
from exporter.collectors.peers import PeerSource
from exporter.configs.chains import Node
from exporter.observation import Metric, Sample

SUCCESS = Metric("probe_success", "1 when the target answered.")
DURATION = Metric("probe_duration_seconds", "How long the look took.")
REASON = Metric("probe_failure_info", "1; why the look failed.", ("reason",))
LONGEST = 10.0
"""Seconds that a look may take, if Prometheus does not say how long it waits."""

MODULES: Mapping[str, Callable[[Node], Source]] = {
    "nodeos": lambda node: NodeSource(node, Sight("target", node, 1.0), 1.0, Turnout()),
    "peers": lambda node: PeerSource("target", node, 1.0),
    "apis": lambda node: ApiSource("target", node, 1.0),
}
"""Collectors that look at one node."""


class RefusedError(Exception):
    """The question makes no sense; the text says why."""


class OneLook:
    """One look at a target."""

    def __init__(self, target: str, module: str, timeout: float | None) -> None:
        """Raises RefusedError for a target or a module that cannot be."""
        if module not in MODULES:
            raise RefusedError(f"unknown module {module!r}; write one of {', '.join(MODULES)}")
        url = target if "://" in target else f"http://{target}"
        if url.startswith("unix:"):
            raise RefusedError("a target is an http or https address")
        limit = min(LONGEST, timeout or LONGEST)
        try:
            node = Node.model_validate({"url": url, "timeout": f"{max(100, int(limit * 900))}ms"})
        except ValidationError:
            raise RefusedError("write target=http://HOST:PORT") from None
        self._source = MODULES[module](node)

    def samples(self, now: float) -> Iterable[Sample]:
        """Look, and tell."""
        started = time.monotonic()
        try:
            yield from tuple(self._source.observe(now))
            yield SUCCESS.sample(1)
        except CollectorError as error:
            yield SUCCESS.sample(0)
            yield REASON.sample(1, error.reason)
        finally:
            self._source.close()
        yield DURATION.sample(time.monotonic() - started)
