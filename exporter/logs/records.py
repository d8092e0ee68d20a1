"""PURE: which lines belong together: the head of a message and the lines of its stack trace."""

import re
from collections.abc import Iterator, Sequence

MOST = 200
"""Lines that belong to one head at most."""
_HEAD = re.compile(
    rb"(?:\x1b\[[\d;]*m)*"
    rb"(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\{\"|\d{10}(?:\.\d+)?[ \t]|(?:debug|info|warn|error) )"
)
"""How a message begins: with a time (ISO, or seconds), as JSON, or with nodeos' level."""


def is_head(block: bytes, start: int) -> bool:
    """Whether a message begins with the line at `start`."""
    return _HEAD.match(block, start) is not None


def together(block: bytes, lines: Sequence[tuple[int, int]], *, unfinished: bool) -> tuple[list[bytes], bool]:
    """Lines (start, end) with their heads and what follows those; whether the last may go on after the block.

    `unfinished`: so it was with the block before.
    """
    found: list[bytes] = []
    done = 0
    if unfinished:
        done = _until(block, 0)
        found.append(block[:done])
        unfinished = done == len(block)
    for start, end in lines:
        if start < done:
            continue
        head = next((at for at in _backwards(block, start, done) if is_head(block, at)), None)
        done = end + 1
        if head is not None:
            done = _until(block, done)
            unfinished = done == len(block)
        found.append(block[start if head is None else head : done])
    return [part for part in found if part], unfinished


def _backwards(block: bytes, start: int, done: int) -> Iterator[int]:
    """The line, and those before it."""
    for _ in range(MOST):
        yield start
        if start <= done:
            return
        start = block.rfind(b"\n", 0, start - 1) + 1


def _until(block: bytes, at: int) -> int:
    """Where the next message begins."""
    for _ in range(MOST):
        if at >= len(block) or is_head(block, at):
            break
        at = block.find(b"\n", at) + 1
    return at
