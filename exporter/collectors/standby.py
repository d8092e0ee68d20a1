"""Collector `standby`: could each standby take over now, and if not, why not? It reads nothing itself.

antelope_standby_ready{group="eosstorebest",node="singapore"} 0
antelope_standby_unready_reason{group="eosstorebest",node="singapore",reason="no_links"} 1
"""

from collections.abc import Iterable, Mapping, Sequence

from exporter.antelope.schedules import CHANGES_FOR_US
from exporter.antelope.standby import Standby, reasons
from exporter.collector import Source
from exporter.collectors import forks, nodeos, peers, production, schedule
from exporter.config import Config
from exporter.observation import Metric, Record, Sample

NAME = "standby"

READY = Metric(
    "antelope_standby_ready",
    "1 when a member that is not active could take over now by the actuator's rules, 0 when it could not.",
    ("group", "node"),
)
REASON = Metric(
    "antelope_standby_unready_reason",
    "1 for each reason why a standby is not ready.",
    ("group", "node", "reason"),
)
METRICS: tuple[Metric, ...] = (READY, REASON)
USED = frozenset(
    metric.name
    for metric in (
        nodeos.PAUSED, nodeos.LIB_CHANGED, nodeos.HEAD_TIME, peers.LINKS, forks.ON_CHAIN,
        production.SCHEDULED, schedule.KEY_EXPECTED, schedule.COMING,
    )
)  # fmt: skip
"""What the verdict is made of; a scrape has many times as many samples."""

Values = Mapping[tuple[str, tuple[str, ...]], float]


def build(_config: Config) -> Sequence[Source]:
    """No sources: everything follows from other probes."""
    return ()


def derive(config: Config, records: Sequence[Record], now: float) -> Iterable[Sample]:
    """Samples of every member that is not active and was looked at."""
    values: Values = {
        (sample.metric.name, sample.labels): sample.value
        for record in records
        if (good := record.fresh(now)) is not None
        for sample in good.samples
        if sample.metric.name in USED
    }
    looked = {record.target: record for record in records if record.probe == nodeos.NAME}
    for chain_name, chain in config.chains.items():
        for group, members in chain.groups.items():
            others = [name for name in chain.nodes if name not in members] or list(members)
            for name in members:
                record = looked.get(name)
                if record is None or record.succeeded is None:
                    continue
                if record.succeeded and values.get((nodeos.PAUSED.name, (name,))) == 0:
                    continue  # it is the active one
                witnesses = [other for other in others if other != name and other in looked]
                facts = _facts(
                    (chain_name, group, name), record, [looked[item] for item in witnesses], values, now
                )
                found = reasons(facts)
                yield READY.sample(float(not found), group, name)
                for reason in found:
                    yield REASON.sample(1, group, name, reason)


def _facts(
    who: tuple[str, str, str], record: Record, witnesses: Sequence[Record], values: Values, now: float
) -> Standby:
    chain, group, name = who

    def one(metric: Metric, *labels: str) -> float | None:
        return values.get((metric.name, labels))

    paused, changed = one(nodeos.PAUSED, name), one(nodeos.LIB_CHANGED, name)
    links = [one(peers.LINKS, name, direction) for direction in ("inbound", "outbound")]
    known = [value for value in links if value is not None]
    on_chain, scheduled = one(forks.ON_CHAIN, name), one(production.SCHEDULED, chain, group)
    heads = [
        (time, other.good.taken_at)
        for other in (record, *witnesses)
        if other.good is not None and (time := one(nodeos.HEAD_TIME, other.target)) is not None
    ]
    newest = max((time for time, _ in heads), default=None)
    return Standby(
        answers=bool(record.succeeded),
        paused=None if paused is None else bool(paused),
        lib_age=None if changed is None else now - changed,
        links=int(sum(known)) if known else None,
        late=_late(one(nodeos.HEAD_TIME, name), record, heads),
        on_chain=None if on_chain is None else bool(on_chain),
        witnesses=sum(1 for witness in witnesses if witness.succeeded),
        scheduled=None if scheduled is None else bool(scheduled),
        key_right=one(schedule.KEY_EXPECTED, chain, group) != 0,
        changing=any(one(schedule.COMING, chain, group, change) for change in CHANGES_FOR_US),
        head_age=None if newest is None else now - newest,
    )


def _late(own: float | None, record: Record, heads: Sequence[tuple[float, float]]) -> float | None:
    """Seconds that a head lies behind others; a head that was looked at later may be that much newer."""
    if own is None or record.good is None:
        return None
    at = record.good.taken_at
    return max((time - own - max(0.0, seen - at) for time, seen in heads), default=0.0)
