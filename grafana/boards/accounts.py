"""Dashboard *Accounts and RPC*: money on EVM networks, how long it lasts, and the endpoints that tell it."""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import BAD_ABOVE_0, NEUTRAL, YES_NO, bars, graph, number, ranking, table

ACCOUNT = '{@,network=~"$network",name=~"$account",asset=~"$asset"}'
FEED = '{@,network=~"$network",asset=~"$asset"}'
NET = '{@,network=~"$network"}'
ENDPOINT = '{@,network=~"$network",endpoint=~"$endpoint"}'
BY_ACCOUNT = "(network, name, asset, address)"
BY_ENDPOINT = "(network, endpoint)"
NAMED = "{{network}} {{name}} {{asset}}"
ENDED = "{{network}} {{endpoint}}"


def account_table() -> Panel:
    """Everything about every balance, one line each."""
    high, low = f"max by {BY_ACCOUNT}", f"min by {BY_ACCOUNT}"
    return table(
        "Balances", "Every balance that is watched. A column is empty while nobody tells its value.", "none",
        Query(f"{high} (evm_account_info{ACCOUNT})", "Watched"),
        Query(f"{low} (evm_account_balance{ACCOUNT})", "Balance"),
        Query(f"{low} (evm_account_low_threshold{ACCOUNT})", "Low below"),
        Query(f"{low} (evm_account_runway_seconds{ACCOUNT})", "Lasts"),
        Query(f"{low} (evm_account_runway_low_threshold_seconds{ACCOUNT})", "Short below"),
        Query(f"{high} (evm_account_burn_per_second{ACCOUNT}) * 86400", "Burned a day"),
        Query(f"{high} (evm_account_last_topup_timestamp_seconds{ACCOUNT}) * 1000", "Last top-up"),
        Query(f"{high} (evm_account_balance_disagreement{ACCOUNT})", "Endpoints differ by"),
        width=24, height=9, units={"Lasts": "dtdurations", "Short below": "dtdurations", "Last top-up": "dateTimeFromNow", "Address": "string"}, hide=("Watched",), first="Lasts", widths={"Address": 350},
        runbooks=("BalanceLow", "BalanceUnknown", "BalanceDisagreement"),
    )  # fmt: skip


def accounts() -> list[Panel]:
    """What is there and how long it lasts."""
    by = f"by {BY_ACCOUNT}"
    return [
        number(
            "Low balances", "Balances below their threshold in the configuration.", "none",
            Query(
                f"count(min {by} (evm_account_balance{ACCOUNT}) < min {by} (evm_account_low_threshold{ACCOUNT})) or vector(0)",
                "low",
            ),
            width=4, height=6, text="value", colours=BAD_ABOVE_0, runbooks=("BalanceLow",),
        ),
        number(
            "Addresses known", "Whether a node's database told its addresses; empty where addresses are configured.", "none",
            Query('min by (network, name) (evm_account_keys_known{@,network=~"$network"})', "{{network}} {{name}}"),
            width=4, height=6, words=YES_NO, runbooks=("AccountKeysUnknown",),
        ),
        ranking(
            "Runway", "How long each balance lasts at its burn rate, shortest first.", "dtdurations",
            Query(f"sort(min {by} (evm_account_runway_seconds{ACCOUNT}))", NAMED),
            width=8, height=6, nothing="not known yet", runbooks=("RunwayShort",), colours=((None, "red"), (86_400, "yellow"), (604_800, "green")),
        ),
        ranking(
            "Balance over threshold", "1 is the threshold: below it an alert fires.", "none",
            Query(f"sort(min {by} (evm_account_balance{ACCOUNT}) / min {by} (evm_account_low_threshold{ACCOUNT}))", NAMED),
            width=8, height=6, colours=((None, "red"), (1, "yellow"), (2, "green")), runbooks=("BalanceLow",),
        ),
        account_table(),
        graph("Balance", "Whole coins or tokens.", "none", Query(f"min {by} (evm_account_balance{ACCOUNT})", NAMED), width=12),
        graph(
            "Burn", "Coins or tokens spent a day, averaged over the burn window; top-ups are left out.", "none",
            Query(f"max {by} (evm_account_burn_per_second{ACCOUNT}) * 86400", NAMED), width=12,
        ),
        bars(
            "Spent", "By how much balances fell.", "none",
            Query(f"max {by} (increase(evm_account_spent_total{ACCOUNT}[$__rate_interval])) > 0", NAMED),
        ),
        bars(
            "Received", "By how much balances rose.", "none",
            Query(f"max {by} (increase(evm_account_received_total{ACCOUNT}[$__rate_interval])) > 0", NAMED),
        ),
        bars(
            "Top-ups", "How often balances were seen to rise.", "none",
            Query(f"max {by} (increase(evm_account_topups_total{ACCOUNT}[$__rate_interval])) > 0", NAMED),
        ),
    ]  # fmt: skip


def feeds() -> list[Panel]:
    """What feeds can pay, and what they owe us."""
    by = "by (network, feed, asset)"
    return [
        graph(
            "Funds of feeds", "Tokens that a feed can still pay to its oracles.", "none",
            Query(f"min {by} (evm_feed_available_funds{FEED})", "{{network}} {{feed}} {{asset}}"),
            Query(f"max {by} (evm_feed_funds_low_threshold{FEED})", "{{network}} {{feed}} {{asset}}: low below"), width=12,
            runbooks=("FeedFundsLow",),
        ),
        graph(
            "Owed to our oracle", "Tokens that can be withdrawn.", "none",
            Query(f"max {by} (evm_feed_withdrawable_payment{FEED})", "{{network}} {{feed}} {{asset}}"), width=12,
        ),
        table(
            "Rounds of feeds", "By their contracts: whether feeds go on, and whether without us.", "none",
            Query(f"max by (network, feed, contract) (evm_feed_info{NET})", "Watched"),
            Query(f"max by (network, feed) (evm_feed_round{NET})", "Newest round"),
            Query(f"max by (network, feed) (evm_feed_submitted_round{NET})", "Ours"),
            Query(f"max by (network, feed) (evm_feed_round_awaits_us{NET})", "Waits for us"),
            Query(f"min by (network, feed) (evm_feed_last_answer_age_seconds{NET})", "Last answer"),
            Query(f"max by (network, feed) (evm_feed_idle_threshold_seconds{NET})", "Idle from"),
            width=24, height=7, units={"Last answer": "s", "Idle from": "s", "Contract": "string"}, hide=("Watched",), first="-Waits for us",
            column_words={"Waits for us": {"0": ("no", "green"), "1": ("yes", "yellow")}},
            runbooks=("FeedWithoutUs", "FeedIdle"),
        ),
    ]  # fmt: skip


def endpoints() -> list[Panel]:
    """Who answers, who lags, who is on another chain."""
    most, least = f"max by {BY_ENDPOINT}", f"min by {BY_ENDPOINT}"
    yes_is_bad = {"0": ("no", "green"), "1": ("yes", "red")}
    return [
        table(
            "Endpoints", "The newest look at each endpoint.", "none",
            Query(f"{most} (evm_rpc_up{ENDPOINT})", "Usable"),
            Query(f"{most} (evm_rpc_head_block_number{ENDPOINT})", "Head"),
            Query(f"{least} (evm_rpc_head_age_seconds{ENDPOINT})", "Head age"),
            Query(f"{least} (evm_rpc_head_lag_seconds{ENDPOINT})", "Lag"),
            Query(f"{most} (evm_rpc_chain_mismatch{ENDPOINT})", "Wrong chain"),
            Query(f"{most} (evm_rpc_websocket_up{ENDPOINT})", "WebSocket"),
            Query(f"{least} (evm_rpc_websocket_new_head_age_seconds{ENDPOINT})", "WebSocket head age"),
            width=24, height=7, units={"Head age": "s", "Lag": "s", "WebSocket head age": "s"}, first="Usable",
            column_words={"Usable": YES_NO, "Wrong chain": yes_is_bad, "WebSocket": YES_NO},
            runbooks=("RpcDown", "RpcAllDown", "RpcStalled", "RpcLagging", "RpcChainMismatch", "RpcWebSocketSilent"),
        ),
        graph(
            "Head age", "Since each endpoint's newest block was made.", "s",
            Query(f"{least} (evm_rpc_head_age_seconds{ENDPOINT})", ENDED), runbooks=("RpcStalled",),
        ),
        graph(
            "Lag behind the freshest", "How much older its head is than the freshest one of the network.", "s",
            Query(f"{least} (evm_rpc_head_lag_seconds{ENDPOINT})", ENDED), runbooks=("RpcLagging",),
        ),
        graph(
            "Time of an answer", "How long the newest look at each endpoint took.", "s",
            Query('max by (target) (chainwarden_probe_duration_seconds{@,probe=~"rpc.*"})', "{{target}}"), colours=NEUTRAL,
        ),
    ]  # fmt: skip


BOARD = Board(
    uid="chainwarden-accounts",
    title="Accounts and RPC",
    description="Balances on EVM networks, how long they last, and the health of the endpoints.",
    source="evm_rpc_up",
    variables=(
        Variable("network", "Network", "label_values(evm_rpc_up{@}, network)"),
        Variable("account", "Account", 'label_values(evm_account_info{@,network=~"$network"}, name)'),
        Variable("asset", "Asset", 'label_values(evm_account_info{@,network=~"$network"}, asset)'),
        Variable("endpoint", "Endpoint", 'label_values(evm_rpc_up{@,network=~"$network"}, endpoint)'),
    ),
    rows=(
        Row("Accounts", accounts()),
        Row("Feeds", feeds()),
        Row("RPC endpoints", endpoints()),
    ),
    refresh="30s",
    past="now-24h",
)
