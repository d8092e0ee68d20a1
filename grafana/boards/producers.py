"""Dashboard *Block producers*: our groups, every node, all producers of the chain.

Two tables hold what eoskeeper wrote into its two InfluxDB measurements, `eos_bp_node_info` and
`eos_full_node_info`: head, irreversible block, links, last own block, paused, alarms.
"""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import BAD_ABOVE_0, NEUTRAL, bars, graph, number, ranking, states, table

INFO = 'antelope_node_info{@,chain=~"$chain",node=~"$node"}'
OF_NODE = '{@,node=~"$node"}'
OF_GROUP = '{@,group=~"$group"}'
OURS = '{@,chain=~"$chain",producer=~"$producer"}'
EVERYBODY = '{@,chain=~"$chain"}'
HEAD_AGE = f"(timestamp(antelope_head_block_timestamp_seconds{OF_NODE}) - antelope_head_block_timestamp_seconds{OF_NODE})"
"""Of the two exporters that may watch a node the one that sees more is right."""
ACTIVE_COLOURS = ((None, "red"), (1, "green"), (2, "red"))
PAUSED_WORDS = {"0": ("active", "green"), "1": ("paused", "yellow")}
ANSWER_WORDS = {"1": ("answers", "green"), "0": ("silent", "red")}


def per_node(series: str, role: str, best: str = "max") -> str:
    """A series of the nodes with (`!=`) or without (`=`) a group, one line a node."""
    info = f'max by (chain, group, node, role) (antelope_node_info{{@,chain=~"$chain",node=~"$node",group{role}""}})'
    return f"{info} * on (node) group_left () {best} by (node) ({series})"


def node_columns(role: str) -> list[Query]:
    """The columns that both of eoskeeper's tables have."""
    answers = 'label_replace(chainwarden_probe_success{@,probe="nodeos"}, "node", "$1", "target", "(.*)")'
    links = f"sum without (direction) (antelope_p2p_connections{OF_NODE})"
    return [
        Query(per_node(answers, role), "API"),
        Query(per_node(f"antelope_head_block_number{OF_NODE}", role), "Head"),
        Query(per_node(HEAD_AGE, role, "min"), "Head age"),
        Query(per_node(f"antelope_last_irreversible_block_number{OF_NODE}", role), "LIB"),
        Query(per_node(links, role), "Links"),
    ]


def own_block_age() -> str:
    """Age of the newest block of the node's group; a group is named like its producer."""
    age = "min by (chain, producer) (antelope_producer_last_produced_age_seconds{@})"
    return (
        'max by (chain, group, node, role) (antelope_node_info{@,chain=~"$chain",node=~"$node",group!=""}) '
        f'* on (chain, group) group_left () label_replace({age}, "group", "$1", "producer", "(.*)")'
    )


def alarms(role: str) -> str:
    """Alerts that fire for a node, or 0. They carry no job: rules join what all exporters say."""
    nodes = f'max by (chain, group, node, role) (antelope_node_info{{@,chain=~"$chain",node=~"$node",group{role}""}})'
    firing = 'count by (node) (ALERTS{alertstate="firing",node=~"$node"})'
    return f"{nodes} * on (node) group_left () {firing} or {nodes} * 0"


UNITS = {"Head age": "s", "Last own block": "s"}
ALERT_COLOURS = {"Alerts": ((None, "green"), (1, "red"))}
SEVERITY_WORDS = {"critical": ("critical", "red"), "warning": ("warning", "yellow")}
BP_TABLE = table(
    "Producing nodes",
    "Members of our groups: what eoskeeper kept in eos_bp_node_info. A column is empty while its value is unknown.",
    "none",
    *node_columns("!="),
    Query(own_block_age(), "Last own block"),
    Query(per_node(f"antelope_production_paused{OF_NODE}", "!="), "Production"),
    Query(alarms("!="), "Alerts"),
    width=24,
    units=UNITS,
    column_words={"Production": PAUSED_WORDS, "API": ANSWER_WORDS},
    column_colours=ALERT_COLOURS,
    first="Role",
    runbooks=("AntelopeNodeDown", "AntelopeHeadStalled"),
)
FULL_TABLE = table(
    "Full nodes",
    "Nodes that do not produce for us: what eoskeeper kept in eos_full_node_info.",
    "none",
    *node_columns("="),
    Query(alarms("="), "Alerts"),
    width=24,
    height=6,
    units={"Head age": "s"},
    column_words={"API": ANSWER_WORDS},
    column_colours=ALERT_COLOURS,
    first="-Alerts",
    hide=("group",),
    runbooks=("AntelopeNodeDown", "AntelopeHeadStalled"),
)

FIRING = table(
    "Firing alerts",
    "What is wrong now, and with what; eoskeeper kept such texts in its column info.",
    "none",
    Query(
        'max by (severity, alertname, chain, group, producer, node) (ALERTS{alertstate="firing",severity=~"critical|warning",alertname=~"Antelope.*"})',
        "1",
    ),
    width=24,
    height=6,
    hide=("1",),
    column_words={"Severity": SEVERITY_WORDS},
    first="Severity",
)


def group_panels() -> list[Panel]:
    """Who of ours produces, and what it cost."""
    return [
        number(
            "Active nodes", "Members that answer and are not paused. One is right; none misses blocks, two fork.",
            "none", Query(f"max by (group) (antelope_group_active_nodes{OF_GROUP})", "{{group}}"),
            width=4, height=5, colours=ACTIVE_COLOURS,
            runbooks=("AntelopeProducerTwoActive", "AntelopeProducerNoneActive"),
        ),
        number(
            "Holder", "The only active member of a group; empty while there is none or more than one.",
            "none", Query(f"max by (group, node) (antelope_group_holder{OF_GROUP})", "{{group}}: {{node}}"),
            width=5, height=5, text="name",
            runbooks=("AntelopeProducerDown", "AntelopeProducerActiveButSilent"),
        ),
        number(
            "Unreachable", "Members whose last look failed: they may be active unseen.",
            "none", Query(f"min by (group) (antelope_group_unreachable_nodes{OF_GROUP})", "{{group}}"),
            width=3, height=5, colours=BAD_ABOVE_0,
            runbooks=("AntelopeNodeDown", "AntelopeProducerPossiblyTwoActive"),
        ),
        number(
            "Next turn in", "Until our producer starts to work on the first block of its next turn.",
            "s", Query(f"min by (producer) (antelope_producer_next_turn_timestamp_seconds{OURS}) - time()", "{{producer}}"),
            width=4, height=5, colours=NEUTRAL,
            runbooks=("AntelopeProducerUnscheduled",),
        ),
        number(
            "Last own block", "Age of our newest block on the chain. Two rounds are 252 s with 21 producers.",
            "s", Query(f"min by (producer) (antelope_producer_last_produced_age_seconds{OURS})", "{{producer}}"),
            width=4, height=5, colours=((None, "green"), (130, "yellow"), (260, "red")),
            runbooks=("AntelopeProducerSilent", "AntelopeProducerSilentLong"),
        ),
        number(
            "Missed", "Slots of ours that stayed empty within the time range; counted 20 s late, when no fork can change them.",
            "none",
            Query(f"max by (producer) (increase(antelope_producer_blocks_missed_total{OURS}[$__range]))", "{{producer}}"),
            width=4, height=5, colours=BAD_ABOVE_0, decimals=0, runbooks=("AntelopeProducerMissedBlocks",),
        ),
        states(
            "Who holds production", "The only active member of each group, over time.",
            Query(f"max by (group, node) (antelope_group_holder{OF_GROUP})", "{{group}}: {{node}}"),
            width=12, words={"1": ("holds", "green")},
        ),
        states(
            "Paused or active", "What each node says of its own production.",
            Query(f"max by (node) (antelope_production_paused{OF_NODE})", "{{node}}"),
            width=12, words=PAUSED_WORDS,
            runbooks=("AntelopePauseStateHidden",),
        ),
    ]  # fmt: skip


def node_panels() -> list[Panel]:
    """Head, finality and links over time."""
    return [
        graph(
            "Head age", "Clock minus timestamp of the head block. Healthy nodes are between -0.6 and +0.5 s.",
            "s", Query(f"min by (node) ({HEAD_AGE})", "{{node}}"),
            runbooks=("AntelopeHeadStalled", "AntelopeChainStalled"),
        ),
        graph(
            "Irreversible block lag", "Blocks between head and last irreversible block. About 325 are normal with 21 producers.",
            "none",
            Query(
                f"max by (node) (antelope_head_block_number{OF_NODE}) - max by (node) (antelope_last_irreversible_block_number{OF_NODE})",
                "{{node}}",
            ),
            runbooks=("AntelopeLibStalled",),
        ),
        graph(
            "Irreversible block age", "Clock minus timestamp of the last irreversible block; about 165 s with 21 producers.",
            "s",
            Query(
                f"min by (node) (timestamp(antelope_last_irreversible_block_timestamp_seconds{OF_NODE}) - antelope_last_irreversible_block_timestamp_seconds{OF_NODE})",
                "{{node}}",
            ),
            runbooks=("AntelopeLibStalled",),
        ),
        graph(
            "Blocks per second", "Growth of the head: two blocks a second when nobody misses.",
            "none", Query(f"max by (node) (deriv(antelope_head_block_number{OF_NODE}[1m]))", "{{node}}"),
        ),
        graph(
            "Links", "p2p links over which a handshake took place, by who dialled.",
            "none", Query(f"max by (node, direction) (antelope_p2p_connections{OF_NODE})", "{{node}} {{direction}}"),
            runbooks=("AntelopeFewPeers",),
        ),
        graph(
            "Producers seen within a minute", "Ten have their turn in a minute of 21; one alone means a fork.",
            "none", Query(f"max by (node) (antelope_distinct_producers{OF_NODE})", "{{node}}"),
            runbooks=("AntelopeFewProducers", "AntelopeAloneOnFork"),
        ),
        graph(
            "Earliest arrival", "Smallest head age of a minute: -0.6 to 0.4 s. Elsewhere on all nodes, a clock is wrong.",
            "s", Query(f"max by (node) (antelope_head_earliest_arrival_seconds{OF_NODE})", "{{node}}"),
            runbooks=("AntelopeClockSkew",),
        ),
        graph(
            "Last irreversible block changed", "Seconds since it last moved; once a turn is usual.",
            "s",
            Query(f"min by (node) (timestamp(antelope_last_irreversible_block_changed_timestamp_seconds{OF_NODE}) - antelope_last_irreversible_block_changed_timestamp_seconds{OF_NODE})", "{{node}}"),
            runbooks=("AntelopeLibStalled",),
        ),
        bars(
            "Restarts", "Nodes that refused connections and then answered again.",
            "none", Query(f"max by (node) (increase(antelope_node_restarts_total{OF_NODE}[$__rate_interval]))", "{{node}}"),
            runbooks=("AntelopeNodeRestarted",),
        ),
        table(
            "Starts paused", "Whether a start leaves the node paused: asserted by the configuration, seen at its restart.", "none",
            Query(f"max by (node, how) (antelope_node_starts_paused{OF_NODE})", "Starts paused"),
            width=12, column_words={"Starts paused": {"1": ("yes", "green"), "0": ("no", "red")}},
            runbooks=("AntelopeStartFenceBroken",),
        ),
        states(
            "Paused by request", "Whether somebody asked for its pause; on Spring a node may also pause itself.",
            Query(f"max by (node) (antelope_production_paused_explicitly{OF_NODE})", "{{node}}"),
            width=12, words={"1": ("paused", "yellow"), "0": ("active", "green")},
        ),
        table(
            "Chain and version", "What each node runs.", "none",
            Query(f"max by (node, chain_id, version) (antelope_chain_info{OF_NODE})", "1"), hide=("1",),
            runbooks=("AntelopeWrongChain",),
        ),
    ]  # fmt: skip


def standby_panels() -> list[Panel]:
    """Could another node take over, does the chain keep our blocks, what comes?"""
    return [
        states(
            "Standby ready", "Whether each member that is not active could take over now, by the actuator's rules.",
            Query(f"max by (group, node) (antelope_standby_ready{OF_GROUP})", "{{group}}: {{node}}"),
            width=12, words={"1": ("ready", "green"), "0": ("not ready", "red")},
            runbooks=("AntelopeStandbyNotReady",),
        ),
        states(
            "Why not", "Every reason why a standby is not ready, while it holds.",
            Query(f"max by (group, node, reason) (antelope_standby_unready_reason{OF_GROUP})", "{{node}}: {{reason}}"),
            width=12, words={"1": ("so", "yellow")}, runbooks=("AntelopeStandbyNotReady",),
        ),
        states(
            "On the chain", "Whether each node has the blocks of the node with the newest head.",
            Query(f"max by (node) (antelope_node_on_chain{OF_NODE})", "{{node}}"),
            width=12, words={"1": ("same", "green"), "0": ("fork", "red")},
            runbooks=("AntelopeNodeOnFork",),
        ),
        bars(
            "Orphaned and doubled", "Own blocks that the chain did not keep; slots for which two nodes signed.", "none",
            Query(f"max by (producer) (increase(antelope_producer_blocks_orphaned_total{OURS}[$__rate_interval]))", "{{producer}} orphaned"),
            Query(f"max by (producer) (increase(antelope_producer_slots_doubled_total{OURS}[$__rate_interval]))", "{{producer}} doubled"),
            width=12, runbooks=("AntelopeProducerBlocksOrphaned", "AntelopeProducerSlotsDoubled"),
        ),
        table(
            "Schedule", "Versions and sizes of the active, pending and proposed schedule.", "none",
            Query(f"max by (chain, state) (antelope_schedule_version{EVERYBODY})", "Version"),
            Query(f"max by (chain, state) (antelope_schedule_producers{EVERYBODY})", "Producers"),
            width=8,
        ),
        bars(
            "Schedule and key changes", "Changes of the active schedule, and of our signing key in it.", "none",
            Query(f"max by (chain) (increase(antelope_schedule_changes_total{EVERYBODY}[$__rate_interval]))", "{{chain}} schedule"),
            Query(f"max by (producer) (increase(antelope_producer_key_changes_total{OURS}[$__rate_interval]))", "{{producer}} key"),
            width=8, runbooks=("AntelopeProducerKeyChanged",),
        ),
        table(
            "What comes for us", "What a pending or proposed schedule changes; whether the active one names our key.", "none",
            Query(f"max by (producer, change) (antelope_producer_schedule_change_pending{OURS})", "Coming"),
            Query(f"max by (producer) (antelope_producer_key_expected{OURS})", "Key as configured"),
            width=8, runbooks=("AntelopeProducerScheduleChanges", "AntelopeProducerKeyWrong"),
        ),
        graph(
            "Database room", "Free part of each node's chain state database; without room nodeos stops.", "percentunit",
            Query(
                f"min by (node) (antelope_database_free_bytes{OF_NODE}) / min by (node) (antelope_database_size_bytes{OF_NODE})",
                "{{node}}",
            ),
            runbooks=("AntelopeDatabaseFull",),
        ),
        table(
            "APIs", "API categories that each node offers at the addresses that are read.", "none",
            Query(f"max by (node, category) (antelope_api_open{OF_NODE}) == 1", "1"), hide=("1",), width=12,
        ),
    ]  # fmt: skip


def chain_panels() -> list[Panel]:
    """All producers of the chain: only us, or everybody?"""
    by = "max by (chain, producer)"
    return [
        bars(
            "Missed blocks of everybody", "Empty slots by producer. Many at once: the network. Ours alone: us.",
            "none",
            Query(f"{by} (increase(antelope_producer_blocks_missed_total{EVERYBODY}[$__rate_interval])) > 0", "{{producer}}"),
            width=12, height=8,
        ),
        ranking(
            "Missed in the current or last turn", "Empty slots of each producer's turn, out of twelve.",
            "none", Query(f"sort_desc({by} (antelope_producer_missed_in_turn{EVERYBODY}))", "{{producer}}"),
            width=12, height=8, colours=((None, "green"), (1, "yellow"), (12, "red")),
        ),
        table(
            "Producers", "Every producer that is scheduled, was counted, or is ours.", "none",
            Query(f"{by} (antelope_producer_scheduled{EVERYBODY})", "Scheduled"),
            Query(f"{by} (antelope_producer_missed_in_turn{EVERYBODY})", "Missed in turn"),
            Query(f"{by} (antelope_producer_missed_in_a_row{EVERYBODY})", "Without a block since"),
            Query(f"{by} (increase(antelope_producer_blocks_missed_total{EVERYBODY}[$__range]))", "Missed in range"),
            Query(f"{by} (increase(antelope_producer_blocks_produced_total{EVERYBODY}[$__range]))", "Produced in range"),
            Query(f"min by (chain, producer) (antelope_producer_last_produced_age_seconds{EVERYBODY})", "Last block"),
            Query(f"{by} (antelope_producer_last_produced_timestamp_seconds{EVERYBODY}) * 1000", "Last block at"),
            width=24, height=12, units={"Last block": "s", "Last block at": "dateTimeAsIso"}, decimals=0,
            column_colours={"Missed in turn": BAD_ABOVE_0, "Without a block since": BAD_ABOVE_0, "Missed in range": BAD_ABOVE_0}, first="-Missed in range",
            column_words={"Scheduled": {"1": ("yes", "green"), "0": ("no", "text")}},
        ),
    ]  # fmt: skip


BOARD = Board(
    uid="chainwarden-producers",
    title="Block producers",
    description="Antelope nodes and producers: ours, and everybody else's for comparison.",
    source="antelope_node_info",
    variables=(
        Variable("chain", "Chain", "label_values(antelope_node_info{@}, chain)"),
        Variable("group", "Group", 'label_values(antelope_group_info{@,chain=~"$chain"}, group)'),
        Variable("producer", "Producer", 'label_values(antelope_group_info{@,chain=~"$chain"}, producer)'),
        Variable("node", "Node", 'label_values(antelope_node_info{@,chain=~"$chain"}, node)'),
    ),
    rows=(
        Row("Our producers", group_panels()),
        Row("Nodes", [BP_TABLE, FULL_TABLE, FIRING]),
        Row("Nodes over time", node_panels()),
        Row("Standbys, forks, schedule", standby_panels()),
        Row("The chain", chain_panels()),
    ),
)
