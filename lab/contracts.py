"""Two small contracts in EVM code: an ERC-20 token, and an aggregator whose rounds need one answer each.

Written in a tiny assembler: a word is an instruction, `0x..` a push of those bytes, `name:` a place to jump
to, `@name` a push of that place (two bytes). Opcodes: Ethereum yellow paper, appendix H.
"""

OPCODES = {
    "STOP": 0x00, "ADD": 0x01, "SUB": 0x03, "LT": 0x10, "EQ": 0x14, "ISZERO": 0x15, "SHR": 0x1C,
    "CALLER": 0x33, "CALLDATALOAD": 0x35, "CODECOPY": 0x39, "TIMESTAMP": 0x42, "MSTORE": 0x52, "SLOAD": 0x54,
    "SSTORE": 0x55, "JUMP": 0x56, "JUMPI": 0x57, "JUMPDEST": 0x5B, "DUP1": 0x80, "LOG4": 0xA4,
    "RETURN": 0xF3, "REVERT": 0xFD,
}  # fmt: skip

SELECTOR = "0x00 CALLDATALOAD 0xe0 SHR"
"""The first four bytes of the call data: which function is asked for."""
GIVE_BACK = "0x00 MSTORE 0x20 0x00 RETURN"
"""Answer with the word on top of the stack."""

TOKEN = f"""
    {SELECTOR}
    DUP1 0x70a08231 EQ @balanceOf JUMPI
    DUP1 0x313ce567 EQ @decimals JUMPI
    DUP1 0xa9059cbb EQ @transfer JUMPI
    0x00 0x00 REVERT

    balanceOf:                                # an address's balance is in the slot of that number
    0x04 CALLDATALOAD SLOAD {GIVE_BACK}

    decimals:
    {{decimals}} {GIVE_BACK}

    transfer:                                 # transfer(address to, uint256 amount)
    0x24 CALLDATALOAD CALLER SLOAD LT         # balance < amount
    @poor JUMPI
    0x24 CALLDATALOAD CALLER SLOAD SUB        # balance - amount
    CALLER SSTORE
    0x24 CALLDATALOAD 0x04 CALLDATALOAD SLOAD ADD
    0x04 CALLDATALOAD SSTORE
    0x01 {GIVE_BACK}

    poor:
    0x00 0x00 REVERT
"""

FEED = f"""
    {SELECTOR}
    DUP1 0x46fcff4c EQ @availableFunds JUMPI
    DUP1 0xe2e40317 EQ @withdrawablePayment JUMPI
    DUP1 0x202ee0ed EQ @submit JUMPI
    DUP1 0x88aa80e7 EQ @oracleRoundState JUMPI
    DUP1 0xfeaf968c EQ @latestRoundData JUMPI
    nothing:
    0x00 0x00 REVERT

    submit:                                   # submit(uint256 round, int256 submission)
    0x04 CALLDATALOAD 0x00 SSTORE             # slot 0: the newest round
    TIMESTAMP 0x01 SSTORE                     # slot 1: when it was answered
    0x04 CALLDATALOAD CALLER SSTORE           # an oracle's newest round is in the slot of its address
    CALLER 0x04 CALLDATALOAD 0x24 CALLDATALOAD
    0x92e98423f8adac6e64d0608e519fd1cefb861498385c6dee70d58fc926ddc68c
    0x00 0x00 LOG4 STOP                       # SubmissionReceived(submission, round, oracle)

    oracleRoundState:                         # eligible, round, submission, started, and four zeros
    0x00 SLOAD 0x04 CALLDATALOAD SLOAD LT 0x00 MSTORE
    0x00 SLOAD 0x20 MSTORE
    0x01 SLOAD 0x60 MSTORE
    0x0100 0x00 RETURN

    latestRoundData:                          # round, answer, started, updated, answered in
    0x00 SLOAD ISZERO @nothing JUMPI
    0x00 SLOAD 0x00 MSTORE
    0x07 0x20 MSTORE
    0x01 SLOAD 0x40 MSTORE
    0x01 SLOAD 0x60 MSTORE
    0x00 SLOAD 0x80 MSTORE
    0xa0 0x00 RETURN

    availableFunds:
    {{funds}} {GIVE_BACK}

    withdrawablePayment:                      # the same for every oracle
    {{payment}} {GIVE_BACK}
"""


def token(supply: int, decimals: int) -> bytes:
    """Creation code: the creator gets the whole supply, in smallest units."""
    return _creation(f"{_word(supply)} CALLER SSTORE", TOKEN.format(decimals=_word(decimals)))


def feed(funds: int, payment: int) -> bytes:
    """Creation code of an aggregator with this money, in smallest units, and no round yet."""
    return _creation("", FEED.format(funds=_word(funds), payment=_word(payment)))


def assemble(source: str) -> bytes:
    """Byte code of a source. Raises KeyError for an unknown word or place."""
    words = [word for line in source.splitlines() for word in line.split("#")[0].split()]
    places: dict[str, int] = {}
    size = 0
    for word in words:
        if word.endswith(":"):
            places[word[:-1]] = size
        size += 3 if word.startswith("@") else 1 + (len(word) - 2) // 2 if word.startswith("0x") else 1
    return b"".join(_code(word, places) for word in words)


def _code(word: str, places: dict[str, int]) -> bytes:
    if word.startswith("@"):
        return b"\x61" + places[word[1:]].to_bytes(2, "big")  # PUSH2
    if word.startswith("0x"):
        value = bytes.fromhex(word[2:])
        return bytes([0x5F + len(value)]) + value  # PUSH1 is 0x60
    return bytes([OPCODES["JUMPDEST" if word.endswith(":") else word]])


def _creation(before: str, runtime: str) -> bytes:
    """Code that runs `before`, then leaves `runtime` as the contract."""
    body = assemble(runtime)
    size = f"0x{len(body):04x}"

    def start(offset: int) -> bytes:
        return assemble(f"{before} {size} DUP1 0x{offset:04x} 0x00 CODECOPY 0x00 RETURN")

    return start(len(start(0))) + body


def _word(value: int) -> str:
    return f"0x{value:064x}"
