"""Finds the lines of a block that patterns match, as `grep -f` does: hyperscan where it can, else `re`."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.logs.bre import Pattern


@dataclass(frozen=True, slots=True)
class Hit:
    """A line from `start` to its newline at `end`, and the first pattern of the list that matches it."""

    start: int
    end: int
    pattern: int


class Matcher:
    """Patterns that look at blocks of whole lines. Not for several threads at once."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._fast, left = _database(patterns)
        self._slow = [(number, re.compile(patterns[number].exact, re.MULTILINE)) for number in left]

    @property
    def slow(self) -> list[int]:
        """Patterns that only `re` can search: back-references, or such as match nothing at all."""
        return [number for number, _ in self._slow]

    def ends(self, block: bytes) -> list[tuple[int, int]]:
        """Where matches end in a block of whole lines, in order, and of which pattern; several in a line."""
        found: list[tuple[int, int]] = []
        if self._fast is not None:
            add = found.append
            self._fast(block, lambda number, _from, to, _flags, _context: add((to, number)))
        for number, expression in self._slow:
            found += [(end, number) for end in _ends(expression, block)]
        found.sort()
        return found


def as_lines(block: bytes, found: Sequence[tuple[int, int]]) -> list[Hit]:
    """Ends of matches, in order, as lines: each once."""
    hits: list[Hit] = []
    start, end, best = 0, -1, 0
    for to, number in found:
        if to <= end:
            best = min(best, number)
            continue
        if end >= 0:
            hits.append(Hit(start, end, best))
        if to >= len(block):  # the empty line that only seems to follow the last one
            end = -1
            break
        start, end, best = block.rfind(b"\n", 0, to) + 1, block.find(b"\n", to), number
    if end >= 0:
        hits.append(Hit(start, end, best))
    return hits


def _ends(expression: "re.Pattern[bytes]", block: bytes) -> list[int]:
    """Where a match ends, once for each line."""
    ends, at = [], 0
    while (found := expression.search(block, at)) is not None and found.start() < len(block):
        ends.append(found.end())
        at = block.find(b"\n", found.end()) + 1
        if not 0 < at < len(block):
            break
    return ends


Scan = Callable[[bytes, Callable[[int, int, int, int, Any], None]], None]


def _database(patterns: Sequence[Pattern]) -> tuple[Scan | None, list[int]]:
    """What scans for all patterns that hyperscan takes, and the others' numbers."""
    try:
        import hyperscan  # noqa: PLC0415 - there is none for every processor
    except ImportError:
        return None, list(range(len(patterns)))
    flags, taken = hyperscan.HS_FLAG_MULTILINE, []
    for number, one in enumerate(patterns):
        with contextlib.suppress(hyperscan.error):
            hyperscan.Database().compile(expressions=[one.short], ids=[0], elements=1, flags=[flags])
            taken.append(number)
    left = [number for number in range(len(patterns)) if number not in taken]
    if not taken:
        return None, left
    database = hyperscan.Database()
    database.compile(
        expressions=[patterns[number].short for number in taken], ids=taken, elements=len(taken),
        flags=[flags] * len(taken),
    )  # fmt: skip
    return lambda block, found: database.scan(block, match_event_handler=found), left


class Sieve:
    """A black list and a white list: the lines of `grep -f black | grep -v -f white`."""

    def __init__(self, black: Sequence[Pattern], white: Sequence[Pattern], marks: Sequence[Pattern]) -> None:
        """`marks` are counted on the way, whatever the lists say of their lines."""
        self.slow = [black[number].text for number in Matcher(black).slow]
        """Patterns that only `re` can search, at a tenth of the speed."""
        self._black = Matcher((*black, *marks))
        self._first_mark = len(black)
        self._white = Matcher(white) if white else None

    def hits(self, block: bytes, marked: Counter[int]) -> list[Hit]:
        """Lines that the black list matches and the white list does not; marks that match are added up."""
        first = self._first_mark
        ends = self._black.ends(block)
        marked.update([number - first for _, number in ends if number >= first])
        found = as_lines(block, [(to, number) for to, number in ends if number < first])
        if not found or self._white is None:
            return found
        lines = b"".join([block[hit.start : hit.end + 1] for hit in found])
        spared = {hit.start for hit in as_lines(lines, self._white.ends(lines))}
        if not spared:
            return found
        kept, at = [], 0
        for hit in found:
            if at not in spared:
                kept.append(hit)
            at += hit.end + 1 - hit.start
        return kept
