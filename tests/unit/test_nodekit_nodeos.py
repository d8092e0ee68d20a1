"""Answers of nodeos, as real ones looked, become values."""

from nodekit.answers import block, chain_info, peer, schedules
from nodekit.slots import parse_block_time

INFO = {
    "server_version": "3916ba05",
    "chain_id": "e4c8",
    "head_block_num": 71,
    "head_block_id": "00000047f017",
    "head_block_time": "2026-11-20T19:54:44.500",
    "head_block_producer": "bpeeeeeeeeee",
    "last_irreversible_block_num": 4,
    "last_irreversible_block_id": "00000004bc99",
}


def test_an_info_without_the_newer_members_leaves_them_unknown() -> None:
    """EOSIO 1.8 gives neither the irreversible block's time nor a version string."""
    info = chain_info(INFO)

    assert info.lib_time is None
    assert (info.head_num, info.lib_num, info.version) == (71, 4, "3916ba05")
    assert info.head_time == parse_block_time("2026-11-20T19:54:44.500")


def test_a_schedule_is_read_with_the_keys_of_both_generations() -> None:
    leap = {"producer_name": "a", "authority": [0, {"threshold": 1, "keys": [{"key": "EOS1", "weight": 1}]}]}
    eosio = {"producer_name": "b", "block_signing_key": "EOS2"}
    found = schedules({"active": {"version": 3, "producers": [leap, eosio]}, "pending": None})

    assert found.active.producers == ("a", "b")
    assert (found.active.keys_of("a"), found.active.keys_of("b")) == (("EOS1",), ("EOS2",))
    assert found.active.keys_of("c") == ()
    assert (found.pending, found.proposed) == (None, None)


def test_a_configured_peer_that_is_down_is_not_connected() -> None:
    down = {
        "peer": "10.0.0.1:9876",
        "connecting": False,
        "last_handshake": {"network_version": 0, "agent": ""},
    }
    inbound = {"peer": "", "connecting": False, "last_handshake": {"network_version": 1212, "agent": "world"}}

    assert not peer(down).connected
    assert peer(inbound).connected and peer(inbound).inbound


def test_a_block_keeps_what_accounting_needs() -> None:
    raw = {
        "block_num": 20,
        "id": "0000001401487fe7",
        "timestamp": "2026-11-20T19:54:19.000",
        "producer": "bpaaaaaaaaaa",
        "previous": "000000130bef",
        "schedule_version": 1,
    }

    assert block(raw).schedule_version == 1
    assert block(raw).previous == "000000130bef"
