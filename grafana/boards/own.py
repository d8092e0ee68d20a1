"""Dashboard *chainwarden itself*: does everything look, decide and act as it should?"""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import BAD_ABOVE_0, GOOD_ABOVE_0, NEUTRAL, bars, graph, number, states, table

PROBE = '{@,probe=~"$probe",target=~"$target"}'
GROUP = '{@,group=~"$group"}'


def overview() -> list[Panel]:
    """One look."""
    return [
        number(
            "Up", "Whether Prometheus could scrape the exporters and actuators.", "none",
            Query("up{@}", "{{job}} {{instance}}"), width=6, height=5, colours=GOOD_ABOVE_0,
            words={"1": ("up", "green"), "0": ("down", "red")}, runbooks=("ChainwardenDown",),
        ),
        number(
            "Failing probes", "Probes of the exporter whose newest look failed.", "none",
            Query(f"count(chainwarden_probe_success{PROBE} == 0) or vector(0)", "failing"),
            width=4, height=5, colours=BAD_ABOVE_0, text="value", runbooks=("ChainwardenProbeFailing",),
        ),
        number(
            "Configuration", "Whether the file was valid when an exporter last read it.", "none",
            Query("min by (instance) (chainwarden_config_last_reload_successful{@})", "{{instance}}"),
            width=4, height=5, words={"1": ("valid", "green"), "0": ("old one in force", "red")},
            runbooks=("ChainwardenConfigReloadFailed",),
        ),
        number(
            "Watchdog seen", "Since the always-firing alert last arrived at an actuator.", "s",
            Query("time() - max(chainwarden_watchdog_last_seen_timestamp_seconds{@})", "ago"),
            width=4, height=5, text="value", colours=((None, "green"), (120, "yellow"), (300, "red")),
            runbooks=("Watchdog",),
        ),
        table(
            "Versions", "What runs.", "none",
            Query("max by (job, instance, version, pythonversion) (chainwarden_build_info{@})", "1"),
            width=6, height=5, hide=("1",),
        ),
    ]  # fmt: skip


def exporter() -> list[Panel]:
    """Every look at every target."""
    by = "max by (instance, probe, target)"
    return [
        table(
            "Probes", "The newest look at each target. `Since` grows beyond the interval when looks fail or hang.", "none",
            Query(f"{by} (chainwarden_probe_success{PROBE})", "Result"),
            Query(f"{by} (chainwarden_probe_duration_seconds{PROBE})", "Took"),
            Query(f"{by} (chainwarden_probe_interval_seconds{PROBE})", "Interval"),
            Query(f"time() - {by} (chainwarden_probe_last_success_timestamp_seconds{PROBE})", "Since"),
            width=12, height=10, units={"Took": "s", "Interval": "s", "Since": "s"}, first="Result",
            widths={"Instance": 150, "Result": 70, "Took": 80, "Interval": 80, "Since": 80},
            column_words={"Result": {"1": ("ok", "green"), "0": ("failed", "red")}},
            runbooks=("ChainwardenProbeFailing", "ChainwardenProbeStale"),
        ),
        graph(
            "Duration of looks", "How long the newest look took.", "s",
            Query(f"{by} (chainwarden_probe_duration_seconds{PROBE})", "{{probe}} {{target}}"), width=12, height=10,
        ),
        bars(
            "Failed looks by reason", "A closed set of reasons; the exporter's log has the details.", "none",
            Query(
                f"sum by (probe, target, reason) (increase(chainwarden_probe_failures_total{PROBE}[$__rate_interval])) > 0",
                "{{probe}} {{target}}: {{reason}}",
            ),
            width=12, runbooks=("ChainwardenProbeFailing",),
        ),
        graph(
            "Age of the configuration", "Since a valid configuration was last read.", "s",
            Query("time() - max by (instance) (chainwarden_config_last_reload_success_timestamp_seconds{@})", "{{instance}}"),
            width=12,
        ),
    ]  # fmt: skip


def actuator() -> list[Panel]:
    """What arrived, what was decided, what was done."""
    return [
        states(
            "Phase of each group", "Where the failover machine stands.",
            Query(f"max by (group, phase) (chainwarden_group_phase{GROUP}) == 1", "{{group}}: {{phase}}"),
            width=12, words={"1": ("yes", "green")},
        ),
        number(
            "Latched", "1 while a group waits for an operator: nothing is done until `chainwarden release`.", "none",
            Query(f"max by (group) (chainwarden_group_latched{GROUP})", "{{group}}"), width=4, colours=BAD_ABOVE_0,
            runbooks=("ChainwardenGroupLatched",),
            words={"1": ("latched", "red"), "0": ("no", "green")},
        ),
        number(
            "Holder", "Who holds production by the actuator's own eyes.", "none",
            Query(f"max by (group, node) (chainwarden_group_holder{GROUP})", "{{group}}: {{node}}"), width=4, text="name",
        ),
        number(
            "Epoch", "Fence number of each group; it grows with every takeover and switchover.", "none",
            Query(f"max by (group) (chainwarden_group_epoch{GROUP})", "{{group}}"), width=4, colours=NEUTRAL,
        ),
        bars(
            "Deliveries of Alertmanager", "Requests to the webhook by HTTP status. 200 is accepted; 503: the ledger is down.",
            "none", Query("sum by (code) (increase(chainwarden_webhook_requests_total{@}[$__rate_interval]))", "{{code}}"),
        ),
        bars(
            "Alerts received", "By what they meant for their episode: new, repeated, resolved, stale.", "none",
            Query("sum by (placement) (increase(chainwarden_alerts_received_total{@}[$__rate_interval]))", "{{placement}}"),
        ),
        bars(
            "Alerts lost", "Not understood, or left out by Alertmanager: both should stay empty.", "none",
            Query("sum(increase(chainwarden_alerts_quarantined_total{@}[$__rate_interval]))", "not understood"),
            Query("sum(increase(chainwarden_alerts_truncated_total{@}[$__rate_interval]))", "left out"),
            runbooks=("ChainwardenAlertsLost",),
        ),
        bars(
            "Steps", "What was done, and what became of it.", "none",
            Query("sum by (action, state) (increase(chainwarden_steps_total{@}[$__rate_interval]))", "{{action}}: {{state}}"),
            width=12,
        ),
        table(
            "Incidents", "Takeovers and switchovers that ended, since the ledger began.", "none",
            Query(f"max by (group, kind, outcome) (chainwarden_incidents_total{GROUP})", "Incidents"), width=6,
        ),
        table(
            "Blocks missed in incidents", "What takeovers and switchovers cost, since the ledger began.", "none",
            Query(f"max by (group, cause) (chainwarden_failover_missed_blocks_total{GROUP})", "Missed"),
            width=6, first="-Missed", column_colours={"Missed": BAD_ABOVE_0},
        ),
    ]  # fmt: skip


def channels() -> list[Panel]:
    """Whether people are told."""
    return [
        table(
            "Sinks", "Channels of the playbook: what waits, when one last took a message.", "none",
            Query("max by (sink) (chainwarden_notifications_pending{@})", "Waiting"),
            Query("max by (sink) (chainwarden_sink_broken{@})", "Broken"),
            Query("time() - max by (sink) (chainwarden_notifications_last_success_timestamp_seconds{@})", "Last success"),
            width=8, units={"Last success": "s"}, first="-Broken", column_colours={"Waiting": ((None, "green"), (1, "yellow"))},
            column_words={"Broken": {"1": ("yes", "red"), "0": ("no", "green")}},
            runbooks=("ChainwardenSinkBroken", "ChainwardenNotificationsWaiting"),
        ),
        bars(
            "Messages", "Sent or tried, by what came of it.", "none",
            Query(
                "sum by (sink, outcome) (increase(chainwarden_notifications_total{@}[$__rate_interval])) > 0",
                "{{sink}}: {{outcome}}",
            ),
        ),
        number(
            "Heartbeat taken", "Since an outside dead-man switch last took our heartbeat.", "s",
            Query(
                "time() - (max(chainwarden_heartbeat_last_success_timestamp_seconds{@}) > 0) or vector(-1)", "ago"
            ),
            text="value", words={"-1": ("none yet", "text")}, colours=((None, "green"), (300, "red")),
        ),
    ]  # fmt: skip


def processes() -> list[Panel]:
    """What the programs themselves use."""
    return [
        graph(
            "CPU", "Of each program; 100 % is one core.", "percentunit",
            Query("rate(process_cpu_seconds_total{@}[$__rate_interval])", "{{job}} {{instance}}"),
        ),
        graph(
            "Memory", "Resident memory of each program.", "bytes",
            Query("process_resident_memory_bytes{@}", "{{job}} {{instance}}"),
        ),
        graph(
            "Open files", "Growing without end means a leak.", "none",
            Query("process_open_fds{@}", "{{job}} {{instance}}"),
        ),
    ]  # fmt: skip


BOARD = Board(
    uid="chainwarden-itself",
    title="chainwarden itself",
    description="Health of the exporter and the actuator, and what they did.",
    source="process_start_time_seconds",
    variables=(
        Variable("probe", "Probe", "label_values(chainwarden_probe_success{@}, probe)"),
        Variable("target", "Target", 'label_values(chainwarden_probe_success{@,probe=~"$probe"}, target)'),
        Variable("group", "Group", "label_values(chainwarden_group_epoch{@}, group)"),
    ),
    rows=(
        Row("Overview", overview()),
        Row("Exporter", exporter()),
        Row("Actuator", actuator()),
        Row("Notifications", channels()),
        Row("Processes", processes()),
    ),
)
