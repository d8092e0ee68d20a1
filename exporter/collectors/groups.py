"""Collector `groups`: how many members of a producer group are active. It reads nothing itself.

antelope_group_active_nodes{group="eosstorebest"} 1
antelope_group_holder{group="eosstorebest",node="tokyo"} 1
"""

from collections.abc import Iterable, Sequence

from exporter.collector import Source
from exporter.collectors.nodeos import NAME as NODEOS
from exporter.collectors.nodeos import PAUSED
from exporter.config import Config
from exporter.observation import Metric, Record, Sample

NAME = "groups"

ACTIVE = Metric(
    "antelope_group_active_nodes",
    "Members that answer and are not paused: they produce when their turn comes. One is right.",
    ("group",),
)
UNREACHABLE = Metric(
    "antelope_group_unreachable_nodes",
    "Members whose last look failed: they may be active unseen.",
    ("group",),
)
HOLDER = Metric(
    "antelope_group_holder",
    "1 for the only active member; absent while there is none or more.",
    ("group", "node"),
)
GROUP_INFO = Metric(
    "antelope_group_info", "1; the group's chain and producer name.", ("group", "chain", "producer")
)
METRICS: tuple[Metric, ...] = (ACTIVE, UNREACHABLE, HOLDER, GROUP_INFO)


def build(_config: Config) -> Sequence[Source]:
    """No sources: everything follows from the nodeos probe."""
    return ()


def derive(config: Config, records: Sequence[Record], now: float) -> Iterable[Sample]:
    """Samples of each group; absent until every member was looked at once."""
    seen = {record.target: record for record in records if record.probe == NODEOS}
    for chain_name, chain in config.chains.items():
        for group, members in chain.groups.items():
            yield GROUP_INFO.sample(1, group, chain_name, group)
            known = [seen[name] for name in members if name in seen and seen[name].succeeded is not None]
            if len(known) == len(members):
                yield from group_samples(group, known, now)


def group_samples(group: str, members: Sequence[Record], now: float) -> Iterable[Sample]:
    """Counts of one group. How many are active is unknown while a member answers but hides its pause state;
    that two are is known as soon as two say so."""
    reachable = [record for record in members if record.succeeded]
    states = {record.target: _paused(record, now) for record in reachable}
    active = [name for name, paused in states.items() if paused == 0.0]
    if None not in states.values() or len(active) > 1:
        yield ACTIVE.sample(len(active), group)
        if len(active) == 1:
            yield HOLDER.sample(1, group, active[0])
    yield UNREACHABLE.sample(len(members) - len(reachable), group)


def _paused(record: Record, now: float) -> float | None:
    good = record.fresh(now)
    if good is None:
        return None
    return next((sample.value for sample in good.samples if sample.metric is PAUSED), None)
