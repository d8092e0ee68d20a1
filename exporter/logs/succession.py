"""Which files come after a place in a log: what rotation made of it, in the order of last writing."""

import logging
from pathlib import Path

from exporter.logs.place import Part, Place, alike, begins_like, holds, opened, rotated

log = logging.getLogger(__name__)

MOST = 64
"""Rotated files that are held open at once."""
TRIES = 5
"""Looks at a folder in which files are being renamed."""
_COARSE = 1_000_000_000
"""Nanoseconds to which a compressed file's time may be rounded."""


def current_of(path: Path) -> Part | None:
    """The file that has the name now, opened. Raises OSError."""
    try:
        return opened(path)
    except FileNotFoundError:
        return None


def chain(path: Path, place: Place, *, lost: bool) -> list[Part]:
    """What has to be read from the place on, oldest first, opened. `lost`: tell when it is nowhere.

    Raises OSError.
    """
    current = current_of(path)
    if current is not None and holds(current, place):
        return [current]
    beside = _beside(path, place)
    ours = next((part for part in beside if holds(part, place)), None)
    if ours is None and lost and place.offset:
        log.warning("%s was rotated away, some of its lines may be lost", path)
    after = place.mtime if ours is None else ours.stat().st_mtime_ns
    chosen = [
        part
        for part in beside
        if part.stat().st_mtime_ns > after
        and not _is_known(part, place)
        and not (current and alike(part, current))
    ]
    chosen.sort(key=lambda part: part.stat().st_mtime_ns)
    every = [part for part in (ours, *chosen) if part is not None]
    if current is not None and (not every or current.stat().st_size):
        every.append(current)  # while it is empty its writer may still write into the last one
    for part in ({*beside, *([current] if current else [])} - set(every)) | set(every[MOST:]):
        part.close()
    return every[:MOST]


def following(path: Path, here: Place, held: list[Part]) -> list[Part]:
    """What comes after a file that was read to its end at `here`; `held` is known to. Raises OSError.

    The last one held may have been rotated while others were read: what is beside it is looked for again.
    """
    if len(held) > 1:
        return held
    fresh = chain(path, here, lost=False)
    if len(fresh) > 1 and holds(fresh[0], here):
        fresh.pop(0).close()
    for part in held:
        known = any(part.identity == one.identity or alike(part, one) for one in fresh)
        if known or not part.stat().st_size:
            part.close()
        else:
            fresh.insert(0, part)
    return fresh


def _beside(path: Path, place: Place) -> list[Part]:
    """Rotated files that are not older than a place, each once."""
    for tries_left in reversed(range(TRIES)):
        found: dict[tuple[int, int], Part] = {}
        gone = False
        for one in rotated(path):
            try:
                if one.stat().st_mtime_ns >= place.mtime - _COARSE:
                    part = opened(one)
                    if found.setdefault(part.identity, part) is not part:
                        part.close()  # renamed a moment ago, and listed with both names
            except FileNotFoundError:
                gone = True  # renamed or compressed a moment ago: look again
        if not gone or not tries_left:
            break
        for part in found.values():
            part.close()
    return list(found.values())


def _is_known(part: Part, place: Place) -> bool:
    """Whether it is a copy of the file that was read up to the place: a whole, or a shorter one."""
    return holds(part, place) or (begins_like(part, place) and not part.read_at(place.offset, 1))
