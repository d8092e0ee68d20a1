"""PURE: blocks of ours that nodes had as their heads, and which of them the chain did not keep."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nodekit.answers import ChainInfo
from nodekit.slots import slot_of

READS = 24
"""Heights that one look asks for at most: two turns of ours."""


@dataclass(frozen=True, slots=True)
class Own:
    """A producer's blocks that were seen and are not judged yet, and the counts."""

    waiting: Mapping[tuple[int, int], frozenset[str]] = field(default_factory=dict)
    """(block number, slot) → ids that were seen there."""
    judged: int = 0
    """Block number up to which all are judged."""
    orphaned: int = 0
    doubled: int = 0


def gathered(own: Own, producer: str, heads: Iterable[ChainInfo]) -> Own:
    """With the heads that nodes showed."""
    waiting = dict(own.waiting)
    for info in heads:
        if info.head_producer == producer and info.head_num > own.judged:
            key = (info.head_num, slot_of(info.head_time))
            waiting[key] = waiting.get(key, frozenset()) | {info.head_id}
    return replace(own, waiting=waiting)


def judged(own: Own, settled: int, id_of: Callable[[int], str]) -> Own:
    """With the blocks up to a height compared with the chain's; `id_of` asks it and may raise."""
    due = sorted({num for num, _ in own.waiting if num <= settled})[:READS]
    if not due:
        return replace(own, judged=max(own.judged, settled))
    right = {num: id_of(num) for num in due}
    mine = {key: ids for key, ids in own.waiting.items() if key[0] in right}
    orphaned = sum(len(ids - {right[num]}) for (num, _), ids in mine.items())
    slots: dict[int, set[str]] = {}
    for (_, slot), ids in mine.items():
        slots.setdefault(slot, set()).update(ids)
    return Own(
        {key: ids for key, ids in own.waiting.items() if key not in mine},
        due[-1],
        own.orphaned + orphaned,
        own.doubled + sum(1 for ids in slots.values() if len(ids) > 1),
    )


def common_height(one: Sequence[ChainInfo], other: Sequence[ChainInfo]) -> int | None:
    """A height that two nodes should have in common: a little below the lower of their newest heads."""
    if not one or not other:
        return None
    return max(1, min(one[-1].head_num, other[-1].head_num) - 2)
