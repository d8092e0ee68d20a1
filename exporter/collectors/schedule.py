"""Collector `schedule`: who is scheduled, who will be, and with which keys.

antelope_schedule_version{chain="eos",state="active"} 17
antelope_producer_schedule_change_pending{chain="eos",producer="eosstorebest",change="key"} 1
"""

from collections.abc import Iterable, Sequence

from exporter.antelope.schedules import CHANGES_FOR_US, Seen, coming, noted
from exporter.antelope.sight import Sight, best
from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.chains import Chain
from exporter.observation import Metric, Record, Sample
from nodekit.http import HttpError

NAME = "schedule"
EVERY = 10
"""Looks at the nodes per look at the schedule; a change takes minutes from proposed to active."""

_OURS = ("chain", "producer")
VERSION = Metric(
    "antelope_schedule_version", "Version of the active, pending and proposed schedule.", ("chain", "state")
)
SIZE = Metric(
    "antelope_schedule_producers",
    "Producers in the active, pending and proposed schedule.",
    ("chain", "state"),
)
CHANGES = Metric(
    "antelope_schedule_changes_total",
    "Versions by which the active schedule moved on since the exporter began to watch.",
    ("chain",),
    "counter",
)
KEY_CHANGES = Metric(
    "antelope_producer_key_changes_total",
    "Times that the active schedule got other keys of our producer.",
    _OURS,
    "counter",
)
KEY_EXPECTED = Metric(
    "antelope_producer_key_expected",
    "1 when the active schedule names the key that is configured for our producer, 0 when it names another.",
    _OURS,
)
COMING = Metric(
    "antelope_producer_schedule_change_pending",
    "1 while a pending or proposed schedule changes this for our producer: enters, leaves, key, size.",
    (*_OURS, "change"),
)
METRICS: tuple[Metric, ...] = (VERSION, SIZE, CHANGES, KEY_CHANGES, KEY_EXPECTED, COMING)


class ScheduleSource:
    """Reads the schedules of one chain from its node with the newest head."""

    probe = NAME

    def __init__(self, name: str, chain: Chain, nodes: Sequence[Sight]) -> None:
        self.target = name
        self.interval = EVERY * chain.interval
        self._chain = chain
        self._nodes = nodes
        self._seen = Seen()

    def observe(self, now: float) -> Iterable[Sample]:
        """get_producer_schedule."""
        try:
            read = best(self._nodes, now).node.schedules()
        except HttpError as error:
            raise CollectorError(error.reason, str(error)) from None
        self._seen = noted(self._seen, read, self._chain.producers)
        return schedule_samples(self.target, self._chain, self._seen)

    def close(self) -> None:
        """Nothing: the connections are the node probes'."""


def schedule_samples(chain: str, settings: Chain, seen: Seen) -> Iterable[Sample]:
    """Samples of what was last read."""
    read = seen.schedules
    if read is None:
        return
    for state, schedule in (("active", read.active), ("pending", read.pending), ("proposed", read.proposed)):
        if schedule is not None:
            yield VERSION.sample(schedule.version, chain, state)
            yield SIZE.sample(len(schedule.producers), chain, state)
    yield CHANGES.sample(seen.changes, chain)
    for producer in settings.producers:
        yield KEY_CHANGES.sample(seen.key_changes.get(producer, 0), chain, producer)
        keys, wanted = read.active.keys_of(producer), settings.public_keys.get(producer)
        if keys and wanted is not None:
            yield KEY_EXPECTED.sample(float(wanted in keys), chain, producer)
        found = set(coming(read, producer))
        for change in CHANGES_FOR_US:
            yield COMING.sample(float(change in found), chain, producer, change)


def build(_config: Config) -> Sequence[Source]:
    """None here: `nodeos.build` makes them beside the nodes whose answers they use."""
    return ()


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()
