"""Blocks of a node as accounting takes them: as many as one look may read, with the schedule of each."""

from exporter.accounting import AccountingError, Mark, NoBlockError, OutOfReadsError, Trouble
from exporter.antelope.eras import Change, Era, first_slot, version_of, with_era
from exporter.books import Books
from nodekit.answers import Block, Schedule
from nodekit.nodeos import Nodeos, UnknownBlockError
from nodekit.slots import slot_of

SEARCH_READS = 400
"""Blocks read at most to find where a schedule began, once after each change of a Savanna chain's."""


class Reader:
    """Reads blocks of one node as marks, as many as one look may."""

    def __init__(self, node: Nodeos, reads: int, books: Books) -> None:
        self._node = node
        self._left = reads
        self._books = books

    def block(self, num: int) -> Block:
        """The block at a height. Raises NoBlockError, OutOfReadsError, HttpError."""
        if self._left == 0:
            raise OutOfReadsError
        self._left -= 1
        try:
            return self._node.block(num)
        except UnknownBlockError:
            raise NoBlockError(num) from None

    def __call__(self, num: int) -> Mark:
        """The same as a mark."""
        return mark_of(self.block(num), self._books)


def mark_of(block: Block, books: Books) -> Mark:
    """A block as a mark, with the version of its schedule as far as the books know it."""
    version = version_of(block, books.eras, books.schedules)
    return Mark(block.num, slot_of(block.time), block.id, version)


def eras_with(books: Books, node: Nodeos, head: Block, active: Schedule) -> tuple[Era, ...]:
    """The eras with that of the schedule that is active at the head of a Savanna chain.

    Raises AccountingError when its beginning is not found, and HttpError.
    """
    last = books.head or books.settled
    if not books.eras or last is None or books.eras[-1][1] not in books.schedules:
        return ((0, active.version),)
    since, version = books.eras[-1]
    if active.version <= version or head.num <= last.num:
        return books.eras
    change = Change(since, books.schedules[version], active.producers)
    try:
        first = first_slot(change, last.num, head, Reader(node, SEARCH_READS, books).block)
    except OutOfReadsError:
        text = f"where schedule {active.version} began cannot be found with {SEARCH_READS} reads"
        raise AccountingError(Trouble.UNKNOWN_SCHEDULE, text) from None
    except NoBlockError as error:
        raise AccountingError(Trouble.NO_HISTORY, str(error)) from None
    return with_era(books.eras, first, active.version)
