"""Dashboard *Logs*: what nodeos writes, and what is looked for in other logs."""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import bars, graph, number, ranking, table

NODE = '{@,node=~"$node"}'
LOG = '{@,log=~"$log"}'
MATCH = '{@,log=~"$log",pattern=~"$pattern"}'


def nodeos() -> list[Panel]:
    """Events of nodeos' logs."""
    return [
        number(
            "Newest line", "Since the newest line of each node's log; two a second are normal.", "s",
            Query(f"time() - max by (node) (antelope_log_last_line_timestamp_seconds{NODE})", "{{node}}"),
            width=6, colours=((None, "green"), (10, "yellow"), (20, "red")),
            runbooks=("AntelopeLogSilent",),
        ),
        bars(
            "Blocks", "Produced and received, by the nodes' own words.", "none",
            Query(
                'max by (node, event) (increase(antelope_log_events_total{@,node=~"$node",event=~"produced|received"}[$__rate_interval]))',
                "{{node}} {{event}}",
            ),
            width=9,
            runbooks=("AntelopeLogNoBlocks",),
        ),
        bars(
            "Everything else", "Forks, orphans, refusals, peers. A paused standby says once a slot of ours that it is paused.", "none",
            Query(
                'max by (node, event) (increase(antelope_log_events_total{@,node=~"$node",event!~"produced|received"}[$__rate_interval])) > 0',
                "{{node}} {{event}}",
            ),
            width=9,
            runbooks=("AntelopeNotProducing", "AntelopeForkSwitches", "AntelopeUnlinkableBlocks"),
        ),
    ]  # fmt: skip


def files() -> list[Panel]:
    """Black-listed lines of other logs."""
    return [
        number(
            "Newest match", "Since a line was last found in each log; absent before the first.", "s",
            Query(f"(time() - max by (log, file) (logfile_info{LOG} * on (log) group_left () logfile_last_match_timestamp_seconds{LOG}))", "{{log}} ({{file}})"),
            width=6, colours=((None, "red"), (300, "green")),
        ),
        table(
            "Newest lines", "What an alert quotes: cut, without credentials; 1 is the newest.", "none",
            Query(f"max by (log, number, line) (logfile_newest_match{LOG})", "1"), hide=("1",),
            width=18, first="Number", widths={"Log": 140, "Number": 80},
            runbooks=("LogErrors",),
        ),
        ranking(
            "Matches in range", "Lines that matched the black list and not the white list.", "none",
            Query(f"sort_desc(max by (log, pattern) (increase(logfile_matches_total{MATCH}[$__range])))", "{{log}}: {{pattern}}"),
            width=12, height=9, colours=((None, "green"), (1, "red")),
        ),
        bars(
            "Matches", "The same over time.", "none",
            Query(f"max by (log, pattern) (increase(logfile_matches_total{MATCH}[$__rate_interval])) > 0", "{{log}}: {{pattern}}"),
            width=12, height=9,
            runbooks=("LogErrors",),
        ),
        bars(
            "Messages", "By level, from warn upwards, whatever the lists say.", "none",
            Query(f"max by (log, level) (increase(logfile_messages_total{LOG}[$__rate_interval])) > 0", "{{log}} {{level}}"),
        ),
        graph("Lines", "Lines read a second.", "cps", Query(f"max by (log) (rate(logfile_lines_total{LOG}[$__rate_interval]))", "{{log}}")),
        graph("Bytes", "Bytes read a second.", "Bps", Query(f"max by (log) (rate(logfile_bytes_total{LOG}[$__rate_interval]))", "{{log}}")),
        graph(
            "Silence", "Since each log last grew, and the limit if it has one.", "s",
            Query(f"time() - max by (log) (logfile_last_line_timestamp_seconds{LOG})", "{{log}}"),
            Query(f"max by (log) (logfile_silent_after_seconds{LOG})", "{{log}} limit"),
            runbooks=("LogSilent",),
        ),
    ]  # fmt: skip


BOARD = Board(
    uid="chainwarden-logs",
    title="Logs",
    description="What nodeos writes, and what is looked for in other logs.",
    source="chainwarden_build_info",
    variables=(
        Variable("node", "Node", "label_values(antelope_log_last_line_timestamp_seconds{@}, node)"),
        Variable("log", "Log", "label_values(logfile_lines_total{@}, log)"),
        Variable("pattern", "Pattern", 'label_values(logfile_matches_total{@,log=~"$log"}, pattern)'),
    ),
    rows=(Row("nodeos", nodeos()), Row("Log files", files())),
)
