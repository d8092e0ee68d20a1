"""An hour in which all is well, with everything in it that looks like a fault for a moment: no alert fires.

promtool plays it through all shipped rules: 21 producers, three of our nodes, two exporters. Scraped every two
seconds, which takes half the computing of every one; what lasts a moment is put where a scrape falls. And scraped
every 15 s, as Prometheus does by default.
"""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml

RULES = Path(__file__).resolve().parents[2] / "alerting" / "rules.yml"
SECONDS = 3600
ROUND = 126
"""Seconds of a round of 21 producers; ours has the turn that begins it."""
TURN = 6
MISSED_TURN = 504
"""When the turn begins that another producer misses."""
PRODUCERS = [f"producer{letter}" for letter in "abcdefghijklmnopqrst"] + ["bp"]
NODES = {"A": ("bp", 0.58), "B": ("bp", -0.42), "F": ("", 0.08)}
"""Group, and how far the head is ahead of the clock: the ages that healthy nodes show."""
STALE = "stale"
"""What a scrape that failed leaves."""
FAILED_SCRAPE = {"x": 1000, "y": 2000}
"""When each exporter could not be scraped."""

Value = float | int | str


def head_time(second: int, ahead: float) -> float:
    """It goes with the clock; once another producer misses its turn, and it waits 6 s for the next one."""
    return min(second, MISSED_TURN) + ahead if second <= MISSED_TURN + TURN else second + ahead


def lib(second: int) -> int:
    """325 to 337 blocks behind; each turn moves it, the missed one does not."""
    turns = second // TURN - int(MISSED_TURN <= second < MISSED_TURN + TURN)
    return 50_000 + 12 * turns - 325


def active_nodes(second: int) -> int:
    """A planned switchover at 1502 (a look between pause and resume) and one back at 1702 (a look that is old).

    Who scrapes every 15 s may see such a moment for 15 s, and is paged: alerting/rules.yml tells to scrape every one.
    """
    return {1502: 0, 1702: 2}.get(second, 1)


def missed_in_turn(second: int) -> int:
    """One block is lost at a hand-over in the tenth round and shown until the next turn."""
    return int(second // ROUND == 10)


def series_of_a_node(node: str) -> Iterable[tuple[str, Callable[[int], Value]]]:
    """What the probes of one node publish."""
    group, ahead = NODES[node]
    standby = node == "B"
    yield f'antelope_node_info{{node="{node}",chain="eos",group="{group}",role="{node}"', lambda _: 1
    yield f'antelope_head_block_number{{node="{node}"', lambda s: 50_000 + int(2 * head_time(s, ahead))
    yield f'antelope_head_block_timestamp_seconds{{node="{node}"', lambda s: head_time(s, ahead)
    yield f'antelope_last_irreversible_block_number{{node="{node}"', lib
    yield f'antelope_production_paused{{node="{node}"', lambda _: int(standby)
    yield f'antelope_chain_info{{node="{node}",chain_id="aa",version="v5.0.{ord(node)}"', lambda _: 1
    yield f'antelope_distinct_producers{{node="{node}"', lambda s: STALE if s < 60 else 10
    yield f'antelope_p2p_connections{{node="{node}",direction="inbound"', lambda _: 4
    yield f'antelope_p2p_connections{{node="{node}",direction="outbound"', lambda s: 1 + s // 60 % 3
    yield f'antelope_node_on_chain{{node="{node}"', lambda s: STALE if s < 10 else 1
    yield f'antelope_head_earliest_arrival_seconds{{node="{node}"', lambda s: STALE if s < 60 else -0.58
    yield f'antelope_node_restarts_total{{node="{node}"', lambda s: int(node == "F" and s >= 2540)
    yield f'antelope_database_free_bytes{{node="{node}"', lambda s: 500 - s // 100
    yield f'antelope_database_size_bytes{{node="{node}"', lambda _: 1000
    if group:
        yield f'antelope_node_starts_paused{{node="{node}",how="asserted"', lambda _: 1


def standby_ready(node: str) -> Callable[[int], Value]:
    """Of the member that is not active; F, the witness, is away for 40 s, and a new schedule is under way once."""

    def shown(second: int) -> Value:
        if (node == "B") == (1502 <= second < 1702):
            return STALE
        return int(not (second < 10 or 2500 <= second < 2540 or 3000 <= second < 3060))

    return shown


def series_of_probes() -> Iterable[tuple[str, Callable[[int], Value]]]:
    """How the looks went: one of A's fails; F restarts and is away for 40 s."""
    gone = {"A": range(700, 701), "B": range(0), "F": range(2500, 2540)}
    for node, away in gone.items():
        for probe, every in (("nodeos", 1), ("peers", 5)):
            names = f'probe="{probe}",target="{node}"'
            yield f"chainwarden_probe_success{{{names}", lambda s, away=away: int(s not in away)  # type: ignore[misc]
            yield (
                f"chainwarden_probe_last_success_timestamp_seconds{{{names}",
                lambda s, away=away, every=every: (away.start if s in away else s) // every * every,  # type: ignore[misc]
            )
            yield f"chainwarden_probe_interval_seconds{{{names}", lambda _, every=every: every  # type: ignore[misc]


def series_of_the_chain() -> Iterable[tuple[str, Callable[[int], Value]]]:
    """What is published once a chain or group: another producer is down for good, ours loses one block."""
    yield 'antelope_group_info{group="bp",chain="eos",producer="bp"', lambda _: 1
    yield 'antelope_group_active_nodes{group="bp"', active_nodes
    yield 'antelope_group_holder{group="bp",node="A"', lambda s: STALE if 1502 <= s < 1704 else 1
    yield 'antelope_group_holder{group="bp",node="B"', lambda s: 1 if 1504 <= s < 1702 else STALE
    yield 'antelope_group_unreachable_nodes{group="bp"', lambda s: int(s == 700)
    for node in ("A", "B"):
        yield f'antelope_standby_ready{{group="bp",node="{node}"', standby_ready(node)
    yield (
        'antelope_producer_schedule_change_pending{chain="eos",producer="bp",change="size"',
        (lambda s: 1 if 3000 <= s < 3060 else STALE),
    )
    for counter in ("blocks_orphaned", "slots_doubled", "key_changes"):
        yield f'antelope_producer_{counter}_total{{chain="eos",producer="bp"', lambda _: 3
    yield 'antelope_producer_key_expected{chain="eos",producer="bp"', lambda _: 1
    for producer in PRODUCERS:
        yield f'antelope_producer_scheduled{{chain="eos",producer="{producer}"', lambda _: 1
    ours, dead = 'chain="eos",producer="bp"', 'chain="eos",producer="producera"'
    yield f"antelope_producer_missed_in_turn{{{ours}", missed_in_turn
    yield f"antelope_producer_missed_in_turn{{{dead}", lambda _: 12
    yield f"antelope_producer_missed_in_a_row{{{ours}", lambda _: 0
    yield f"antelope_producer_missed_in_a_row{{{dead}", lambda _: 12
    yield f"antelope_producer_last_produced_age_seconds{{{ours}", lambda s: max(0, s % ROUND - TURN)
    yield f"antelope_producer_last_produced_age_seconds{{{dead}", lambda s: 10_000 + s
    yield f"antelope_producer_blocks_missed_total{{{ours}", lambda _: 7
    yield f"antelope_producer_blocks_missed_total{{{dead}", lambda s: 12 * (s // ROUND)
    yield "chainwarden_config_last_reload_successful{", lambda _: 1


def values(function: Callable[[int], Value], every: int, gap: int = -1) -> str:
    """The series in promtool's words, runs of one value and steady slopes put together."""
    words: list[str] = []
    run: list[Value] = []
    for second in range(0, SECONDS + 1, every):
        value = STALE if second == gap else function(second)
        if run and run[-1] == value and value != STALE:
            run.append(value)
            continue
        words += [f"{run[0]}x{len(run) - 1}"] if run else []
        run = [value]
    return " ".join([*words, f"{run[0]}x{len(run) - 1}"]).replace("stalex0", "stale")


def healthy_series(every: int) -> list[dict[str, str]]:
    """Everything that two exporters and Prometheus itself say in the hour, scraped so often."""
    found = []
    for instance, gap in FAILED_SCRAPE.items():
        parts = [*series_of_the_chain(), *series_of_probes()]
        parts += [item for node in NODES for item in series_of_a_node(node)]
        for start, function in parts:
            comma = "" if start.endswith("{") else ","
            name = f'{start}{comma}instance="{instance}",job="chainwarden-exporter"}}'
            found.append({"series": name, "values": values(function, every, gap)})
        up = f'up{{job="chainwarden-exporter",instance="{instance}"}}'
        found.append({"series": up, "values": values(lambda s, gap=gap: int(s != gap), every)})  # type: ignore[misc]
    found.append(
        {"series": 'up{job="chainwarden-actuator",instance="z"}', "values": values(lambda _: 1, every)}
    )
    return found


def story(folder: Path, scraped: int, evaluated: int) -> Path:
    """The hour as a promtool test in a file."""
    fired = 'max by (alertname) (max_over_time(ALERTS{alertstate="firing"}[2h]))'
    question = {
        "expr": fired, "eval_time": f"{SECONDS}s", "exp_samples": [{"labels": '{alertname="Watchdog"}', "value": 1}]
    }  # fmt: skip
    test = {"name": "all is well", "interval": f"{scraped}s", "input_series": healthy_series(scraped)}
    text = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{evaluated}s",
        "tests": [{**test, "promql_expr_test": [question]}],
    }
    path = folder / "healthy_test.yml"
    path.write_text(yaml.dump(text, Dumper=yaml.CSafeDumper, width=10_000_000))
    return path


@pytest.mark.parametrize(("scraped", "evaluated"), [(2, 2), (15, 5)])
def test_nothing_fires_in_an_hour_in_which_all_is_well(tmp_path: Path, scraped: int, evaluated: int) -> None:
    command = ["promtool", "test", "rules", str(story(tmp_path, scraped, evaluated))]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr
