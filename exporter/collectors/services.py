"""Collector `services`: services of this host, all processes by one pass over /proc.

service_up{host="beijing",service="mastodon-web"} 1
service_processes{host="beijing",service="mastodon-web"} 5
service_check_up{host="beijing",service="mastodon-web",check="http"} 1
service_state_unknown{host="beijing",service="mastodon-web"} 0
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.services import Heartbeat, Service
from exporter.observation import Metric, Record, Sample
from exporter.services.checks import accepts, answers, touched
from nodekit.http import Reason
from nodekit.processes import Process, Scanner, usage
from nodekit.used import Used

NAME = "services"

_SERVICE = ("host", "service")
UP = Metric("service_up", "1 while all checks of the service hold, 0 while one does not.", _SERVICE)
UNKNOWN = Metric("service_state_unknown", "1 while whether the service is up cannot be said.", _SERVICE)
CHECK = Metric(
    "service_check_up", "1 while this check holds: process, tcp, http or heartbeat.", (*_SERVICE, "check")
)
PROCESSES = Metric("service_processes", "Processes of the service, without zombies.", _SERVICE)
LEAST = Metric("service_processes_least", "How many there should be at least; as configured.", _SERVICE)
MOST = Metric("service_processes_most", "How many there should be at most; as configured.", _SERVICE)
START = Metric("service_start_time_seconds", "When its main process began, unix seconds.", _SERVICE)
CPU = Metric(
    "service_cpu_seconds_total",
    "CPU time of all its processes that were seen, also of those that ended.",
    _SERVICE,
    "counter",
)
MEMORY = Metric("service_resident_memory_bytes", "Resident memory of all its processes.", _SERVICE)
BEAT = Metric("service_heartbeat_age_seconds", "Since its heartbeat file was written.", _SERVICE, "age")
METRICS: tuple[Metric, ...] = (UP, UNKNOWN, CHECK, PROCESSES, LEAST, MOST, START, CPU, MEMORY, BEAT)


class ProcessesSource:
    """One look at the processes of all services."""

    probe = NAME
    target = "processes"

    def __init__(self, host: str, services: Mapping[str, Service]) -> None:
        self.interval = min(service.interval for service in services.values())
        self._host = host
        self._services = services
        self._scanner = Scanner({name: service.target for name, service in services.items()})
        self._used = {name: Used() for name in services}

    def observe(self, _now: float) -> Iterable[Sample]:
        """One pass over /proc. A service of which it cannot say that nothing is there is unknown."""
        found = self._scanner.look()
        for name, processes in found.items():
            if name not in self._scanner.unknown:
                yield from self._samples(name, processes)

    def _samples(self, name: str, processes: Sequence[Process]) -> Iterable[Sample]:
        labels = (self._host, name)
        used = [(process, now) for process in processes if (now := usage(process)) is not None]
        yield CHECK.sample(bool(used), *labels, "process")
        yield PROCESSES.sample(len(used), *labels)
        yield CPU.sample(self._used[name].add((process, now.cpu) for process, now in used), *labels)
        wanted = self._services[name].processes
        if wanted is not None:
            yield LEAST.sample(wanted[0], *labels)
            yield MOST.sample(wanted[1], *labels)
        if used:
            yield START.sample(used[0][0].began, *labels)
            yield MEMORY.sample(sum(now.memory for _, now in used), *labels)

    def close(self) -> None:
        """Nothing is kept open."""


class HeartbeatSource:
    """Looks at one service's heartbeat file."""

    probe = NAME

    def __init__(self, host: str, name: str, interval: float, heartbeat: Heartbeat) -> None:
        self.target = f"{name}/heartbeat"
        self.interval = interval
        self._labels = (host, name)
        self._heartbeat = heartbeat

    def observe(self, now: float) -> Iterable[Sample]:
        """One look at its time stamp."""
        try:
            at = touched(self._heartbeat.file)
        except OSError as error:
            raise CollectorError(Reason.CONNECT, f"{self._heartbeat.file}: {error.strerror}") from None
        if at is not None:
            yield BEAT.sample(at, *self._labels)
        yield CHECK.sample(at is not None and now - at <= self._heartbeat.within, *self._labels, "heartbeat")

    def close(self) -> None:
        """Nothing is kept open."""


class AnswerSource:
    """Asks one service's port or address. No answer is an observation: the service is down."""

    probe = NAME

    def __init__(self, labels: tuple[str, str, str], interval: float, ask: Callable[[], bool]) -> None:
        self.target = f"{labels[1]}/{labels[2]}"
        self.interval = interval
        self._labels = labels
        self._ask = ask

    def observe(self, _now: float) -> Iterable[Sample]:
        """One connection, closed again, or one GET."""
        return [CHECK.sample(self._ask(), *self._labels)]

    def close(self) -> None:
        """Nothing is kept open."""


def build(config: Config) -> Sequence[Source]:
    """One source for all processes, one for each other check."""
    host, sources = config.host, list[Source]()
    found = {name: service for name, service in config.services.items() if service.findable}
    if found:
        sources.append(ProcessesSource(host, found))
    for name, service in config.services.items():
        every, patience = service.interval, service.timeout
        if service.tcp is not None:
            sources.append(AnswerSource((host, name, "tcp"), every, partial(accepts, service.tcp, patience)))
        if service.http is not None:
            sources.append(
                AnswerSource((host, name, "http"), every, partial(answers, service.http, patience))
            )
        if service.heartbeat is not None:
            sources.append(HeartbeatSource(host, name, every, service.heartbeat))
    return sources


def derive(config: Config, records: Sequence[Record], now: float) -> Iterable[Sample]:
    """Whether each service is up: down when any check fails, up when all hold, else unknown.

    Unknown has a sample of its own: `service_up` is also absent of a service that was removed.
    """
    looks = (record.fresh(now) for record in records if record.probe == NAME)
    held = {
        sample.labels[1:]: sample.value
        for look in looks
        if look is not None
        for sample in look.samples
        if sample.metric is CHECK
    }
    for name, service in config.services.items():
        values = [held.get((name, check)) for check in service.checks]
        known = 0 in values or None not in values
        yield UNKNOWN.sample(not known, config.host, name)
        if known:
            yield UP.sample(0 not in values, config.host, name)
