"""What the exporter concludes of Antelope nodes: orphans, standbys, schedules, starts, sockets, generations."""

from dataclasses import replace

import pytest

from exporter.antelope.generation import generation
from exporter.antelope.orphans import READS, Own, common_height, gathered, judged
from exporter.antelope.schedules import Seen, coming, noted
from exporter.antelope.sockets import Socket, links
from exporter.antelope.standby import Standby, reasons
from exporter.collectors.apis import api_samples
from exporter.collectors.nodeos import Heads, Starts
from exporter.collectors.schedule import schedule_samples
from exporter.configs.chains import Chain
from nodekit.answers import ChainInfo, Schedule, Schedules
from nodekit.slots import slot_time


def head(num: int, block_id: str, producer: str = "bp", slot: int | None = None) -> ChainInfo:
    return ChainInfo("c", "v4.1.0", num, block_id, slot_time(slot or num), producer, 1, "l", None)


def test_blocks_that_the_chain_did_not_keep_are_orphans_and_two_for_a_slot_were_signed_twice() -> None:
    shown = [head(10, "a10"), head(10, "b10"), head(11, "b11"), head(12, "other", "zz")]

    own = judged(gathered(Own(), "bp", shown), 20, lambda num: f"a{num}")

    assert (own.orphaned, own.doubled) == (2, 1)
    assert own.waiting == {}


def test_a_block_is_judged_once_however_often_it_was_seen() -> None:
    own = Own()
    for _ in range(3):
        own = judged(gathered(own, "bp", [head(10, "b10")]), 20, lambda num: f"a{num}")

    assert own.orphaned == 1


def test_blocks_that_are_not_settled_wait_and_a_look_reads_no_more_than_it_may() -> None:
    asked: list[int] = []

    def read(num: int) -> str:
        asked.append(num)
        return f"a{num}"

    own = gathered(Own(), "bp", [head(num, f"a{num}") for num in range(1, 41)])
    own = judged(own, 30, read)
    assert len(asked) == READS
    own = judged(own, 30, read)
    assert asked == list(range(1, 31))
    assert {num for num, _ in own.waiting} == set(range(31, 41))
    assert own.orphaned == 0


def test_nodes_are_compared_a_little_below_the_lower_head() -> None:
    assert common_height([head(100, "x")], [head(90, "y")]) == 88
    assert common_height([], [head(90, "y")]) is None


READY = Standby(
    answers=True, paused=True, lib_age=3.0, links=2, late=0.4, on_chain=True, witnesses=1, scheduled=True,
    key_right=True, changing=False, head_age=0.3,
)  # fmt: skip


def test_a_paused_synced_linked_member_is_ready() -> None:
    assert reasons(READY) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answers": False}, "unreachable"),
        ({"paused": None}, "pause_state_unknown"),
        ({"lib_age": 61.0}, "lib_still"),
        ({"lib_age": None}, "lib_still"),
        ({"links": 0}, "no_links"),
        ({"links": None}, "links_unknown"),
        ({"late": 2.5}, "head_late"),
        ({"late": None}, "head_late"),
        ({"on_chain": False}, "on_a_fork"),
        ({"on_chain": None}, "fork_unknown"),
        ({"witnesses": 0}, "no_witness"),
        ({"scheduled": False}, "not_scheduled"),
        ({"scheduled": None}, "not_scheduled"),
        ({"key_right": False}, "wrong_key"),
        ({"changing": True}, "schedule_changes"),
        ({"head_age": 12.0}, "chain_stalled"),
    ],
)
def test_each_fault_of_a_standby_is_its_own_reason(change: dict[str, object], reason: str) -> None:
    assert reasons(replace(READY, **change)) == (reason,)  # type: ignore[arg-type]


def schedule(version: int, **keys: str) -> Schedule:
    return Schedule(version, tuple(keys), tuple((key,) for key in keys.values()))


def test_a_key_that_changes_and_versions_that_move_on_are_counted_once() -> None:
    first = Schedules(schedule(3, aa="K1", bp="K2"), None, None)
    second = Schedules(schedule(5, aa="K1", bp="K9"), None, None)

    seen = noted(noted(Seen(), first, ["bp"]), second, ["bp"])
    again = noted(seen, second, ["bp"])
    stale = noted(again, first, ["bp"])

    assert (seen.changes, seen.key_changes) == (2, {"bp": 1})
    assert again == seen
    assert stale == again, "a node that lags takes nothing back"


@pytest.mark.parametrize(
    ("proposed", "changes"),
    [
        (schedule(4, aa="K1", bp="K2"), []),
        (schedule(4, aa="K1"), ["leaves"]),
        (schedule(4, aa="K1", bp="K3"), ["key"]),
        (schedule(4, aa="K1", bp="K2", cc="K4"), ["size"]),
        (None, []),
    ],
)
def test_a_coming_schedule_tells_what_it_changes_for_us(
    proposed: Schedule | None, changes: list[str]
) -> None:
    read = Schedules(schedule(3, aa="K1", bp="K2"), None, proposed)

    assert list(coming(read, "bp")) == changes


def test_the_configured_key_is_compared_with_the_active_schedule() -> None:
    chain = Chain.model_validate(
        {"producers": ["bp"], "public_keys": {"bp": "K9"}, "nodes": {"A": {"url": "http://127.0.0.1:1"}}}
    )
    seen = noted(Seen(), Schedules(schedule(3, aa="K1", bp="K2"), None, None), ["bp"])

    found = {
        (sample.metric.name, sample.labels): sample.value for sample in schedule_samples("eos", chain, seen)
    }

    assert found["antelope_producer_key_expected", ("eos", "bp")] == 0
    assert found["antelope_schedule_version", ("eos", "active")] == 3
    assert ("antelope_schedule_version", ("eos", "pending")) not in found


def test_a_restart_is_refusals_between_answers_and_the_first_pause_state_tells_how_it_started() -> None:
    starts = Starts()
    starts.refused()
    assert not starts.answered(1.0), "it was down when the exporter began: that may be for long"
    starts.shown(1.0, paused=False)
    assert starts.paused is None
    starts.refused()
    starts.refused()
    assert starts.answered(4.0)
    starts.shown(4.0, paused=True)
    starts.shown(6.0, paused=False)

    assert (starts.count, starts.paused) == (1, True), "a later resume says nothing of the start"


def test_a_kept_connection_that_was_lost_between_two_looks_is_a_restart_too() -> None:
    starts = Starts()
    assert not starts.answered(1.0, 0)
    assert starts.answered(2.0, 1)
    assert not starts.answered(3.0, 1)
    assert starts.count == 1


def test_the_earliest_arrival_of_a_minute_shows_a_clock_that_is_wrong() -> None:
    heads = Heads()
    for second in range(61):
        found = list(heads.samples("A", float(second), head(second, "x", slot=0)))
        if second < 60:
            assert found == []

    assert [sample.metric.name for sample in found][-1] == "antelope_head_earliest_arrival_seconds"


def test_links_are_counted_by_sockets_without_those_of_the_http_port() -> None:
    table = [
        Socket(8888, 0, listens=True),
        Socket(9876, 0, listens=True),
        Socket(8888, 50001, listens=False),
        Socket(9876, 50002, listens=False),
        Socket(9876, 50003, listens=False),
        Socket(50004, 9876, listens=False),
    ]

    assert links(table, 8888) == (2, 1)


def test_categories_of_all_addresses_are_put_together_and_unknown_ones_left_out() -> None:
    lists = [("/v1/chain/get_info",), ("/v1/producer/paused", "/v1/db_size/get")]
    found = {sample.labels[-1]: sample.value for sample in api_samples("A", lists, None)}

    assert (found["chain_ro"], found["producer_ro"], found["db_size"]) == (1, 1, 1)
    assert (found["producer_rw"], found["chain_rw"]) == (0, 0)
    assert list(api_samples("A", [], None)) == []


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("v1.8.14", "eosio"), ("v2.0.13", "eosio"), ("v3.2.5", "leap"), ("v4.1.0-dev", "leap"), ("v5.0.3", "leap"),
        ("v1.0.4", "spring"), ("v1.2.0", "spring"), ("unknown", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_version_belongs_to_a_generation(version: str, name: str) -> None:
    assert generation(version) == name
