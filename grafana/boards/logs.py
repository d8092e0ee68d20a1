"""Dashboard *Logs*: what nodeos writes, and what is looked for in other logs."""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import bars, number

NODE = '{@,node=~"$node"}'


def nodeos() -> list[Panel]:
    """Events of nodeos' logs."""
    return [
        number(
            "Newest line", "Since the newest line of each node's log; two a second are normal.", "s",
            Query(f"time() - max by (node) (antelope_log_last_line_timestamp_seconds{NODE})", "{{node}}"),
            width=6, colours=((None, "green"), (10, "yellow"), (20, "red")),
        ),
        bars(
            "Blocks", "Produced and received, by the nodes' own words.", "none",
            Query(
                'max by (node, event) (increase(antelope_log_events_total{@,node=~"$node",event=~"produced|received"}[$__rate_interval]))',
                "{{node}} {{event}}",
            ),
            width=9,
        ),
        bars(
            "Everything else", "Forks, orphans, refusals, peers. A paused standby says once a slot of ours that it is paused.", "none",
            Query(
                'max by (node, event) (increase(antelope_log_events_total{@,node=~"$node",event!~"produced|received"}[$__rate_interval])) > 0',
                "{{node}} {{event}}",
            ),
            width=9,
        ),
    ]  # fmt: skip


BOARD = Board(
    uid="chainwarden-logs",
    title="Logs",
    description="What nodeos writes.",
    source="chainwarden_build_info",
    variables=(Variable("node", "Node", "label_values(antelope_log_last_line_timestamp_seconds{@}, node)"),),
    rows=(Row("nodeos", nodeos()),),
)
