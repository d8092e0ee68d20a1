"""Dashboard *Services*: processes of each host, and what the agent did for them."""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import BAD_ABOVE_0, YES_NO, graph, number, states, table

SERVICE = '{@,host=~"$host",service=~"$service"}'
BY = "by (host, service)"
NAMED = "{{host}} {{service}}"


def overview() -> list[Panel]:
    """Every service."""
    return [
        number(
            "Down", "Services of which a check fails.", "none",
            Query(f"count(max {BY} (service_up{SERVICE}) == 0) or vector(0)", "down"),
            width=4, height=5, text="value", colours=BAD_ABOVE_0, runbooks=("ServiceDown",),
        ),
        states(
            "Up and down", "Each service over time.",
            Query(f"max {BY} (service_up{SERVICE})", NAMED), width=20, height=5,
            words={"1": ("up", "green"), "0": ("down", "red")}, runbooks=("ServiceDown",),
        ),
        table(
            "Services", "One line a service.", "none",
            Query(f"max {BY} (service_up{SERVICE})", "Up"),
            Query(f"max {BY} (service_processes{SERVICE})", "Processes"),
            Query(f"max {BY} (service_processes_least{SERVICE})", "Least"),
            Query(f"max {BY} (service_processes_most{SERVICE})", "Most"),
            Query(f"time() - max {BY} (service_start_time_seconds{SERVICE})", "Running for"),
            Query(f"max {BY} (service_resident_memory_bytes{SERVICE})", "Memory"),
            Query(f"max {BY} (changes(service_start_time_seconds{SERVICE}[$__range]))", "Starts in range"),
            width=24, height=9, units={"Running for": "dtdurations", "Memory": "bytes"},
            column_words={"Up": YES_NO},
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
    description="Processes of each host: up, used, restarted.",
    source="service_up",
    variables=(
        Variable("host", "Host", "label_values(service_up{@}, host)"),
        Variable("service", "Service", 'label_values(service_up{@,host=~"$host"}, service)'),
    ),
    rows=(Row("Overview", overview()), Row("Checks", checks()), Row("Usage", usage())),
)
