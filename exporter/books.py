"""PURE: what is remembered of one chain, and how a look at it moves that forward. No I/O, no clock.

Two readings of the same slots:

- The *tally* counts for ever, so a fork must not reach it. It takes blocks that lie SETTLED below the head.
  Should a fork ever reach deeper, counting begins anew above it and says so; a slot is never counted twice.
- The *view* follows the head, two rounds back. When the block that was the head is no longer on the chain,
  all that lies above the settled block is taken back and read again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from exporter.accounting import (
    AccountingError,
    Fetch,
    Mark,
    NoBlockError,
    OutOfReadsError,
    Schedules,
    Span,
    Tally,
    Trouble,
    add,
    between,
    last_filled,
    schedule_of,
    steps,
)
from nodekit.slots import owner, round_slots

SETTLED = 36
"""Blocks below the head that counters stay: three turns. Two active nodes fork one turn deep (measured)."""
LONGEST_GAP = 172_800
"""Blocks, a day of them, that are accounted after nobody watched; more, and counting begins anew."""
CHUNK = 256
"""Blocks that counters move at most before the progress is kept: at most 9 reads to find an empty slot."""
ROUNDS = 2
"""Rounds in view: the current turn of a producer and the whole of the one before."""


@dataclass(frozen=True, slots=True)
class Books:
    """All that accounting knows of a chain: a value, so that it can be kept and compared."""

    chain_id: str = ""
    """Empty before the first look."""
    schedules: Schedules = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    counted: int | None = None
    """Newest slot that the tally has looked at; it never goes back."""
    settled: Mark | None = None
    """The block that the tally reaches up to."""
    head: Mark | None = None
    """The block that the view reaches up to: the node's head, unless there is still more to read."""
    view: tuple[Span, ...] = ()
    newest: Mapping[str, int] = field(default_factory=dict)
    """Producer → its newest slot with a block on this chain."""
    eras: tuple[tuple[int, int], ...] = ()
    """From which slot on which version was active, where headers do not tell (`antelope/eras.py`)."""


def reopened(books: Books) -> Books:
    """The books after track was lost: counts and schedules stay, the next look begins where it is."""
    return replace(books, settled=None, head=None, view=(), newest={})


def advance(books: Books, head: Mark, fetch: Fetch) -> Books:
    """Bring the books up to a node's head, as far as `fetch` may read; the view first, alerts follow it.

    Raises AccountingError when that cannot be done, and what else `fetch` raises; the books given stay true.
    """
    if books.settled is not None and head.num < books.settled.num:
        text = f"the best head is block {head.num}; {books.settled.num} is counted already"
        raise AccountingError(Trouble.BEHIND, text)
    try:
        followed = _follow(_taken_back(books, head, fetch), head, fetch)
        try:
            return _settle(followed, head, fetch)
        except OutOfReadsError:
            return followed
    except NoBlockError as error:
        old = error.num <= head.num - SETTLED
        raise AccountingError(Trouble.NO_HISTORY if old else Trouble.NO_BLOCK, str(error)) from None


def _taken_back(books: Books, head: Mark, fetch: Fetch) -> Books:
    """The books without what is not on the chain that ends at `head`."""
    if books.head is not None and _leads_to(books.head, head, fetch):
        return books
    base = books.settled
    if base is None:
        return reopened(books)
    if not _leads_to(base, head, fetch):
        text = f"block {base.num}, {head.num - base.num} below the head, was replaced after it was counted"
        raise AccountingError(Trouble.DEEP_FORK, text)
    if books.head is None:
        return books  # kept from an earlier run
    view = between(books.view, -1, base.slot)
    older = {producer: slot for producer, slot in books.newest.items() if slot <= base.slot}
    return replace(books, head=base, view=tuple(view), newest=last_filled(view, older))


def _leads_to(mark: Mark, head: Mark, fetch: Fetch) -> bool:
    if mark.num >= head.num:
        return mark.id == head.id
    return fetch(mark.num).id == mark.id


def _follow(books: Books, head: Mark, fetch: Fetch) -> Books:
    """Bring the view up to the head."""
    kept = ROUNDS * round_slots(schedule_of(head, books.schedules))
    start, view, newest = books.head, books.view, books.newest
    if start is None or head.num - start.num > kept + CHUNK:
        start, view = _first_in_view(books, head, kept, fetch), ()
    for mark, found in _affordable(steps(start, head, fetch, books.schedules)):
        start = mark
        view = tuple(between([*view, *found], mark.slot - kept, mark.slot))
        newest = last_filled(found, newest)
    return replace(books, head=start, view=view, newest=newest)


def _first_in_view(books: Books, head: Mark, kept: int, fetch: Fetch) -> Mark:
    """A block two rounds below the head; the head itself when the node or the schedules do not reach back."""
    try:
        start = fetch(max(1, head.num - kept))
    except NoBlockError:
        return head
    return start if start.schedule_version in books.schedules else head


def _settle(books: Books, head: Mark, fetch: Fetch) -> Books:
    """Bring the tally up to the settled block below the head."""
    target = head.num - SETTLED
    if target < 1:
        return books
    at = books.settled
    if at is None:
        at = fetch(target)
        if at.schedule_version not in books.schedules:
            return books  # made before the schedule that we met first: counting begins a little later
    if target - at.num > LONGEST_GAP:
        text = f"{target - at.num} blocks were made unseen, {LONGEST_GAP} are accounted at most"
        raise AccountingError(Trouble.GAP_TOO_LONG, text)
    counted = at.slot if books.counted is None else max(books.counted, at.slot)
    tally = books.tally
    for mark, found in _affordable(_chunks(at, target, fetch, books.schedules)):
        tally = add(tally, between(found, counted, mark.slot))
        at, counted = mark, max(counted, mark.slot)
    return replace(books, settled=at, counted=counted, tally=tally)


def _chunks(at: Mark, target: int, fetch: Fetch, schedules: Schedules) -> Iterator[tuple[Mark, list[Span]]]:
    """Steps to a height, a few blocks at a time, so that few reads are enough to get on."""
    while at.num < target:
        stop = fetch(min(target, at.num + CHUNK))
        yield from steps(at, stop, fetch, schedules)
        at = stop


def _affordable(parts: Iterator[tuple[Mark, list[Span]]]) -> Iterator[tuple[Mark, list[Span]]]:
    """The parts that come before reads run out."""
    try:
        yield from parts
    except OutOfReadsError:
        return


def assumed(books: Books, seen: Mark, producer: str) -> Books | None:
    """The books followed up to a head that only get_info told of, without a read; None when one is needed.

    When the head is as many slots above the settled block as it is blocks above it, every slot between has a
    block, whichever fork it is on: nothing is left to find out. `seen` has the schedule version of the books;
    that its slot belongs to the producer that filled it shows that the schedule is still the one we know.
    The settled block is read now and then, so that a fork below it is found; these books are not kept.
    """
    base, last = books.settled, books.head
    if base is None or last is None or seen.num < last.num:
        return None
    if seen.slot - base.slot != seen.num - base.num or seen.schedule_version != last.schedule_version:
        return None
    producers = books.schedules.get(last.schedule_version, ())
    if not producers or owner(seen.slot, producers) != producer:
        return None
    view, newest = books.view, books.newest
    if seen.slot > last.slot:
        fresh = [Span(last.slot + 1, seen.slot, filled=True, producers=producers)]
        view = tuple(between([*view, *fresh], seen.slot - ROUNDS * round_slots(producers), seen.slot))
        newest = last_filled(fresh, newest)
    return replace(books, head=seen, view=view, newest=newest)
