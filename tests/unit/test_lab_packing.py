"""Antelope's binary format, against values published with Antelope itself."""

import pytest

from lab.packing import (
    OUR_KEY,
    Action,
    Reference,
    name_value,
    pack_key,
    pack_signed,
    pack_unsigned,
    schedule_contract,
    set_producers,
    transaction,
)


def test_a_name_has_the_value_that_antelope_gives_it() -> None:
    assert name_value("eosio") == 6138663577826885632
    assert name_value("eosio.token") == 6138663591592764928


def test_a_letter_that_names_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="substring"):
        name_value("Alice")
    with pytest.raises(ValueError, match="longer than 13"):
        name_value("a" * 14)


@pytest.mark.parametrize(
    ("value", "packed"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\1"), (300, b"\xac\2")]
)
def test_unsigned_integers_take_seven_bits_a_byte(value: int, packed: bytes) -> None:
    assert pack_unsigned(value) == packed


@pytest.mark.parametrize(
    ("value", "packed"), [(0, b"\0"), (63, b"\x3f"), (64, b"\xc0\0"), (-1, b"\x7f"), (-65, b"\xbf\x7f")]
)
def test_signed_integers_keep_their_sign_bit(value: int, packed: bytes) -> None:
    assert pack_signed(value) == packed


def test_a_public_key_is_its_type_and_a_compressed_point() -> None:
    packed = pack_key(OUR_KEY.public)
    assert len(packed) == 34
    assert packed[0] == 0
    assert packed[1] in (2, 3)


def test_a_schedule_row_takes_a_name_and_a_key() -> None:
    data = set_producers([("bpaaaaaaaaaa", OUR_KEY), ("eosstorebest", OUR_KEY)]).data
    assert data[0] == 2
    assert len(data) == 1 + 2 * (8 + 34)


def test_the_contract_is_a_webassembly_module_that_exports_apply() -> None:
    wasm = schedule_contract()
    assert wasm.startswith(b"\0asm\1\0\0\0")
    assert b"\5apply\0" in wasm
    assert len(wasm) < 256


def test_a_transaction_refers_to_a_block_by_number_and_prefix() -> None:
    block_id = "0001002a" + "00000000" + "01020304" + "0" * 40
    made = transaction(Reference(block_id, "2026-11-20T20:00:00"), [Action("nonce", b"\1\2")])
    assert made["ref_block_num"] == 42
    assert made["ref_block_prefix"] == 0x04030201
