"""PURE packing of what the lab puts on its chain: names, keys, transactions, a 160-byte contract.

Antelope's binary format as `libraries/chain` of the Leap sources defines it. Written by hand so
that the lab needs no SDK, no ABI and no contract from elsewhere: the system contracts that the
wheel carries cannot set a schedule on this build.
"""

from collections.abc import Iterable
from dataclasses import dataclass

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
NAME_LETTERS = ".12345abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key as nodeos writes it: `EOS...` public, WIF private."""

    public: str
    private: str


# Published development keys: they sign on a chain that exists for minutes on loopback.
WORLD_KEY = KeyPair(
    "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV",
    "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3",
)
OUR_KEY = KeyPair(
    "EOS8kr6TDBhRtXZ6ro3RMVdhibrkYbjUkRTkzWvWxwFhxU1hDeb7L",
    "5JkLZ19a4merw3iQhRNw6tBaUogbmpWDgjfF94Yay9HBzxmzJjL",
)


@dataclass(frozen=True, slots=True)
class Action:
    """An action of the account `eosio`, authorized by itself; `data` is packed already."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Reference:
    """The block that a transaction refers to (TAPoS), and when it expires (ISO, without zone)."""

    block_id: str
    expiration: str


def name_value(text: str) -> int:
    """The 64-bit value of an account or action name. Raises ValueError for a letter it cannot hold."""
    if len(text) > 13:
        raise ValueError(f"{text!r} is longer than 13 letters")
    value = 0
    for position, letter in enumerate(text):
        code = NAME_LETTERS.index(letter)
        value |= (code & 31) << (64 - 5 * (position + 1)) if position < 12 else code & 15
    return value


def pack_name(text: str) -> bytes:
    """A name as 8 bytes, lowest first."""
    return name_value(text).to_bytes(8, "little")


def pack_key(public: str) -> bytes:
    """A legacy `EOS...` public key as its type (0 for K1) and 33 bytes; the checksum is left out."""
    value = 0
    for letter in public[3:]:
        value = value * 58 + BASE58.index(letter)
    return b"\0" + value.to_bytes(37, "big")[:33]


def pack_unsigned(value: int) -> bytes:
    """A variable-length unsigned integer (LEB128)."""
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value >> 7 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def pack_signed(value: int) -> bytes:
    """A variable-length signed integer, as WebAssembly constants are written."""
    out = bytearray()
    while True:
        low, value = value & 127, value >> 7
        if (value, low & 64) in ((0, 0), (-1, 64)):
            return bytes([*out, low])
        out.append(low | 128)


def new_account(name: str, key: KeyPair) -> Action:
    """`eosio` creates an account whose owner and active authority is one key."""
    authority = (1).to_bytes(4, "little") + b"\1" + pack_key(key.public) + b"\1\0" + b"\0\0"
    return Action("newaccount", pack_name("eosio") + pack_name(name) + authority * 2)


def set_code(wasm: bytes) -> Action:
    """Put a contract on `eosio`."""
    return Action("setcode", pack_name("eosio") + b"\0\0" + pack_unsigned(len(wasm)) + wasm)


def set_abi(padding: int) -> Action:
    """Put an ABI that says nothing on `eosio`, so many bytes long: nodes keep it in their state."""
    abi = _text("eosio::abi/1.0") + bytes(padding)
    return Action("setabi", pack_name("eosio") + pack_unsigned(len(abi)) + abi)


def set_producers(producers: Iterable[tuple[str, KeyPair]]) -> Action:
    """Propose a schedule through `schedule_contract`, in the order given."""
    rows = [pack_name(name) + pack_key(key.public) for name, key in producers]
    return Action("setprods", pack_unsigned(len(rows)) + b"".join(rows))


def nonce(number: int) -> Action:
    """An action that does nothing but make a transaction unlike all others."""
    return Action("nonce", number.to_bytes(8, "little"))


def transaction(reference: Reference, actions: Iterable[Action]) -> dict[str, object]:
    """An unsigned transaction in the JSON form that `cleos sign` takes."""
    block = bytes.fromhex(reference.block_id)
    return {
        "expiration": reference.expiration,
        "ref_block_num": int.from_bytes(block[2:4], "big"),
        "ref_block_prefix": int.from_bytes(block[8:12], "little"),
        "max_net_usage_words": 0,
        "max_cpu_usage_ms": 0,
        "delay_sec": 0,
        "context_free_actions": [],
        "transaction_extensions": [],
        "actions": [
            {
                "account": "eosio",
                "name": action.name,
                "authorization": [{"actor": "eosio", "permission": "active"}],
                "data": action.data.hex(),
            }
            for action in actions
        ],
    }


def schedule_contract() -> bytes:
    """A WebAssembly contract whose action `setprods` sets the schedule; every other action does nothing.

    `apply` hands the raw action data of `setprods` to `set_proposed_producers` and traps when that
    refuses. `eosio` is privileged from genesis on, so nothing has to be activated first.
    """
    imports = (("action_data_size", 0), ("read_action_data", 1), ("set_proposed_producers", 2))
    imported = b"".join(_text("env") + _text(name) + b"\0" + bytes([kind]) for name, kind in imports)
    return (
        b"\0asm\1\0\0\0"
        + _section(1, _function_types())
        + _section(2, bytes([len(imports)]) + imported)
        + _section(3, b"\1\3")  # one function, of type 3
        + _section(5, b"\1\0\1")  # one memory of one page
        + _section(7, b"\1" + _text("apply") + b"\0\3")
        + _section(10, b"\1" + _sized(_apply_body()))
    )


def _function_types() -> bytes:
    """() -> i32, (i32 i32) -> i32, (i32 i32) -> i64, and apply's (i64 i64 i64) -> ()."""
    i32, i64, function = b"\x7f", b"\x7e", b"\x60"
    return (
        b"\4"
        + (function + b"\0\1" + i32)
        + (function + b"\2" + i32 * 2 + b"\1" + i32)
        + (function + b"\2" + i32 * 2 + b"\1" + i64)
        + (function + b"\3" + i64 * 3 + b"\0")
    )


def _apply_body() -> bytes:
    """If action == setprods: read its data to address 0, propose it, trap on a negative answer."""
    value = name_value("setprods")
    wanted = pack_signed(value - (1 << 64) if value >> 63 else value)
    read = b"\x41\0\x10\0\x10\1\x1a"  # read_action_data(0, action_data_size()); drop
    propose = b"\x41\0\x10\0\x10\2"  # set_proposed_producers(0, action_data_size())
    trap = b"\x42\0\x53\x04\x40\0\x0b"  # if < 0: unreachable
    return b"\0" + b"\x20\2\x42" + wanted + b"\x51\x04\x40" + read + propose + trap + b"\x0b\x0b"


def _sized(content: bytes) -> bytes:
    return pack_unsigned(len(content)) + content


def _text(value: str) -> bytes:
    return _sized(value.encode())


def _section(number: int, content: bytes) -> bytes:
    return bytes([number]) + _sized(content)
