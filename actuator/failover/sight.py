"""All watches of a group put together into Facts."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from actuator.configs.budget import QUICK_BEFORE, QUICK_LOOK
from actuator.configs.groups import Group
from actuator.facts import AGREE_SLOTS, ChainFact, Facts, NodeFact, StepFact
from actuator.failover.members import MemberWatch
from actuator.failover.witnesses import Testimony, WitnessWatch
from nodekit.answers import Schedules
from nodekit.nodeos import Nodeos
from nodekit.slots import current_slot, next_window

IN_WINDOW_INTERVAL = QUICK_LOOK
"""Seconds between looks while our window is open or about to open."""
OPENING = QUICK_BEFORE
"""Seconds before our window from which looks are that frequent."""


class Sight:
    """Threads that keep looking at the members and witnesses of one group."""

    def __init__(
        self,
        group: Group,
        seen: Mapping[str, NodeFact],
        changed: Callable[[], None],
        clock: Callable[[], float] = time.time,
        stopped: Mapping[str, Callable[[], bool]] = MappingProxyType({}),
    ) -> None:
        """`stopped` has for members behind agents what asks for the end of their process."""
        self._group = group
        self._clock = clock
        self._stop = threading.Event()
        self._members = {
            node.name: MemberWatch(
                node.name,
                Nodeos(node.url, group.poll_timeout),
                replace(
                    seen.get(node.name, NodeFact(node.name)),
                    starts_paused=node.starts_paused,
                    agent=node.via is not None,
                ),
                changed,
                clock,
                stopped.get(node.name),
            )
            for node in group.nodes
        }
        self._witnesses = [
            WitnessWatch(Nodeos(url, group.poll_timeout), changed, clock) for url in group.witnesses
        ]
        self._own_ids: dict[int, set[str]] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to look."""
        for member in self._members.values():
            self._spawn(member.run, self._stop, self._pace, self._group.gone_after)
        for witness in self._witnesses:
            self._spawn(witness.run, self._stop, self._pace)

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(
            target=target, args=arguments, daemon=True, name=f"sight-{len(self._threads)}"
        )
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """End all threads."""
        self._stop.set()
        for member in self._members.values():
            member.nudge()
        for thread in self._threads:
            thread.join(2 * self._group.poll_timeout + 1)

    def refresh(self, name: str) -> None:
        """Look at a member now: something was done to it."""
        self._members[name].nudge()

    def facts(self, steps: tuple[StepFact, ...]) -> Facts:
        """What is believed now."""
        testimony = self._best()
        known = testimony.ids if testimony is not None else {}
        chain_id = testimony.chain_id if testimony is not None else None
        nodes = tuple(self._members[node.name].fact(known, chain_id) for node in self._group.nodes)
        now = self._clock()
        return Facts(now, nodes, self._chain(testimony), steps)

    def _best(self) -> Testimony | None:
        """The testimony with the newest head."""
        return max(self._given(), key=lambda item: item.head_slot, default=None)

    def _given(self) -> list[Testimony]:
        return [item for witness in self._witnesses if (item := witness.testimony()) is not None]

    def _chain(self, testimony: Testimony | None) -> ChainFact | None:
        if testimony is None:
            return None
        active = testimony.schedules.active
        given = self._given()
        return ChainFact(
            witnesses=len(given),
            checked_at=testimony.at,
            producers=active.producers,
            schedule_version=active.version,
            our_keys=active.keys_of(self._group.producer),
            changing=changing(testimony.schedules, self._group.producer),
            head_slot=testimony.head_slot,
            first_slot=testimony.first_slot,
            blocks=testimony.blocks,
            agreeing=sum(1 for one in given if agrees(one, testimony)),
            doubled=self._doubled(testimony),
            ahead=testimony.ahead,
        )

    def _doubled(self, testimony: Testimony) -> frozenset[int]:
        """Our slots for which the members and the witness showed different blocks."""
        ours = self._group.producer
        for slot, block in testimony.blocks.items():
            if block.producer == ours:
                self._own_ids.setdefault(slot, set()).add(block.id)
        for member in self._members.values():
            for head in member.heads(testimony.chain_id):
                if head.producer == ours:
                    self._own_ids.setdefault(head.slot, set()).add(head.id)
        for slot in [slot for slot in self._own_ids if slot < testimony.first_slot]:
            del self._own_ids[slot]
        return frozenset(slot for slot, ids in self._own_ids.items() if len(ids) > 1)

    def _pace(self) -> float:
        """Seconds between looks: often while our window is open."""
        testimony = self._best()
        if testimony is None:
            return self._group.poll_interval
        now = self._clock()
        producers = testimony.schedules.active.producers
        window = next_window(self._group.producer, current_slot(now), producers)
        if window is not None and now > window.opens - OPENING:
            return min(IN_WINDOW_INTERVAL, self._group.poll_interval)
        return self._group.poll_interval


def agrees(one: Testimony, best: Testimony) -> bool:
    """Whether a witness shows the chain of the best one, to within AGREE_SLOTS of its head."""
    common = max(one.ids.keys() & best.ids.keys(), default=None)
    same = common is not None and one.ids[common] == best.ids[common]
    return same and best.head_slot - one.head_slot <= AGREE_SLOTS


def changing(schedules: Schedules, producer: str) -> str | None:
    """What a pending or proposed schedule would change for us, in words; None for nothing."""
    active = schedules.active
    for name, coming in (("pending", schedules.pending), ("proposed", schedules.proposed)):
        if coming is None or coming.version == active.version:
            continue
        if (producer in coming.producers) != (producer in active.producers):
            what = "leaves" if producer in active.producers else "enters"
            return f"{producer} {what} the {name} schedule {coming.version}"
        if coming.keys_of(producer) != active.keys_of(producer):
            return f"our key changes with the {name} schedule {coming.version}"
        if len(coming.producers) != len(active.producers):
            return f"the {name} schedule {coming.version} has {len(coming.producers)} producers"
    return None
