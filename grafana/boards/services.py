"""Dashboard *Services*: processes of each host, and what the agent did for them."""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import BAD_ABOVE_0, GOOD_ABOVE_0, YES_NO, bars, graph, number, states, table

SERVICE = '{@,host=~"$host",service=~"$service"}'
BY = "by (host, service)"
NAMED = "{{host}} {{service}}"


def overview() -> list[Panel]:
    """Every service."""
    return [
        number(
            "Down", "Services of which a check fails, by the exporter or the agent.", "none",
            Query(f"count(min {BY} (service_up{SERVICE}) == 0) or vector(0)", "down"),
            width=4, height=5, text="value", colours=BAD_ABOVE_0, runbooks=("ServiceDown",),
        ),
        number(
            "Given up", "Services that the agent does not start any more: they failed too often.", "none",
            Query(f"count(max {BY} (service_gave_up{SERVICE}) == 1) or vector(0)", "given up"),
            width=4, height=5, text="value", colours=BAD_ABOVE_0, runbooks=("ServiceGaveUp",),
        ),
        number(
            "Unknown", "Services of which the exporter or the agent cannot say whether they run.", "none",
            Query(f"count(max {BY} (service_state_unknown{SERVICE}) == 1) or vector(0)", "unknown"),
            width=4, height=5, text="value", colours=BAD_ABOVE_0, runbooks=("ServiceStateUnknown",),
        ),
        states(
            "Up and down", "Each service over time.",
            Query(f"min {BY} (service_up{SERVICE})", NAMED), width=12, height=5,
            words={"1": ("up", "green"), "0": ("down", "red")}, runbooks=("ServiceDown",),
        ),
        table(
            "Services", "One line a service.", "none",
            Query(f"min {BY} (service_up{SERVICE})", "Up"),
            Query(f"max {BY} (service_processes{SERVICE})", "Processes"),
            Query(f"max {BY} (service_processes_least{SERVICE})", "Least"),
            Query(f"max {BY} (service_processes_most{SERVICE})", "Most"),
            Query(f"time() - max {BY} (service_start_time_seconds{SERVICE})", "Running for"),
            Query(f"max {BY} (service_resident_memory_bytes{SERVICE})", "Memory"),
            Query(f"max {BY} (changes(service_start_time_seconds{SERVICE}[$__range]))", "Starts in range"),
            Query(f"max {BY} (service_monitored{SERVICE})", "Watched"),
            width=24, height=9, units={"Running for": "dtdurations", "Memory": "bytes"}, first="Up", decimals=0,
            column_words={"Up": YES_NO, "Watched": {"1": ("yes", "green"), "0": ("left alone", "yellow")}},
            runbooks=("ServiceDown", "ServiceFlapping", "ServiceProcessesUnexpected"),
        ),
    ]  # fmt: skip


def checks() -> list[Panel]:
    """What each service is judged by."""
    return [
        states(
            "Checks over time", "Every check of each service: its process, port, address, heartbeat.",
            Query(f"max by (host, service, check) (service_check_up{SERVICE})", NAMED + " {{check}}"),
            width=16, words={"1": ("holds", "green"), "0": ("fails", "red")}, runbooks=("ServiceDown",),
        ),
        graph(
            "Heartbeats", "Age of each heartbeat file.", "s",
            Query(f"max {BY} (service_heartbeat_age_seconds{SERVICE})", NAMED),
        ),
    ]  # fmt: skip


def watchdog() -> list[Panel]:
    """What the agents did."""
    return [
        bars(
            "Starts by the watchdog", "What died, or failed a condition, and was started again.", "none",
            Query(f"max {BY} (increase(service_restarts_total{SERVICE}[$__rate_interval])) > 0", NAMED),
            runbooks=("ServiceFlapping", "ServiceGaveUp"),
        ),
        states(
            "Conditions", "Conditions of agent.yml that hold against a service.",
            Query(f"max by (host, service, check) (service_check_failing{SERVICE})", NAMED + " {{check}}"),
            words={"1": ("holds", "red"), "0": ("no", "green")}, runbooks=("ServiceCheckFailing",),
        ),
        states(
            "Block producers given up", "Producers that no agent starts any more; their group goes on without them.",
            Query(f"max by (group, node) (service_producer_gave_up{SERVICE})", "{{group}}: {{node}}"),
            words={"1": ("given up", "red"), "0": ("no", "green")}, runbooks=("AntelopeProducerGaveUp",),
        ),
    ]  # fmt: skip


def agents() -> list[Panel]:
    """Whether commands get through to hosts."""
    rate = "[$__rate_interval]"
    return [
        number(
            "Broker", "Whether agents, and the actuator, are connected to the MQTT broker.", "none",
            Query("chainwarden_agent_broker_connected{@}", "{{instance}}"),
            Query("chainwarden_broker_connected{@}", "actuator {{instance}}"),
            words={"1": ("connected", "green"), "0": ("lost", "red")}, colours=GOOD_ABOVE_0,
            runbooks=("ChainwardenBrokerLost",),
        ),
        bars(
            "Commands", "What hosts were told to do, and what became of it.", "none",
            Query(f"sum by (service, outcome) (increase(chainwarden_agent_commands_total{{@}}{rate})) > 0", "{{service}}: {{outcome}}"),
        ),
        bars(
            "Refused", "Messages that agents did not obey, by the code of the refusal.", "none",
            Query(f"sum by (instance, reason) (increase(chainwarden_agent_refused_total{{@}}{rate})) > 0", "{{instance}}: {{reason}}"),
        ),
        graph(
            "Duration of commands", "On average.", "s",
            Query(
                f"sum by (service) (rate(chainwarden_agent_command_seconds_sum{{@}}{rate})) "
                f"/ sum by (service) (rate(chainwarden_agent_command_seconds_count{{@}}{rate}))",
                "{{service}}",
            ),
        ),
        graph(
            "Under way", "Commands that wait and that run; results that the broker has not taken.", "none",
            Query("chainwarden_agent_commands_waiting{@}", "{{instance}} waiting"),
            Query("chainwarden_agent_commands_running{@}", "{{instance}} running"),
            Query("chainwarden_agent_results_undelivered{@}", "{{instance}} undelivered"),
        ),
        bars(
            "Results", "Results that reached the actuator: matched, or why they were not used.", "none",
            Query(f"sum by (outcome) (increase(chainwarden_remote_results_total{{@}}{rate})) > 0", "{{outcome}}"),
        ),
        bars(
            "Fences kept", "Producers that were started unpaused against their fence, and paused by the agent.", "none",
            Query(f"sum by (node) (increase(chainwarden_agent_fences_kept_total{{@}}{rate}))", "{{node}}"),
        ),
    ]  # fmt: skip


def usage() -> list[Panel]:
    """What services use."""
    return [
        graph(
            "CPU of services", "100 % is one core.", "percentunit",
            Query(f"max {BY} (rate(service_cpu_seconds_total{SERVICE}[$__rate_interval]))", NAMED), width=12,
        ),
        graph(
            "Memory of services", "Resident memory of all processes of a service.", "bytes",
            Query(f"max {BY} (service_resident_memory_bytes{SERVICE})", NAMED), width=12,
        ),
    ]  # fmt: skip


BOARD = Board(
    uid="chainwarden-services",
    title="Services",
    description="Services of each host: up, used, started again; the agents and their commands.",
    source="service_up",
    variables=(
        Variable("host", "Host", "label_values(service_up{@}, host)"),
        Variable("service", "Service", 'label_values(service_up{@,host=~"$host"}, service)'),
    ),
    rows=(
        Row("Overview", overview()),
        Row("Checks", checks()),
        Row("Watchdog", watchdog()),
        Row("Usage", usage()),
        Row("Agents", agents()),
    ),
)
