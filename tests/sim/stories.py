"""Random fault schedules: what may happen to a group, drawn from a seed."""

from dataclasses import dataclass, field, replace
from random import Random

from tests.sim.chain import OURS, producers_of
from tests.sim.group import Group
from tests.sim.world import NAMES, POLICY, Settings

AGENTS = 100_000_000
"""Seeds from here on have members behind their hosts' agents; those before keep their stories."""
Happening = tuple[float, str, tuple[object, ...]]


@dataclass(slots=True)
class Story:
    """One fault schedule. Moments in seconds after the first slot."""

    seed: int
    settings: Settings = field(default_factory=Settings)
    happenings: list[Happening] = field(default_factory=list)
    crash_at: int | None = None
    """The actuator is killed at the n-th place where it writes or acts."""
    back_after: float = 1.0
    length: float = 40.0

    def tell(self, *, talk: bool = False) -> Group:
        """Let it happen."""
        group = Group(self.seed, self.settings, talk=talk)
        for moment, name, arguments in self.happenings:
            group.at(moment, name, *arguments)
        group.actuator.crash_at, group.actuator.back_after = self.crash_at, self.back_after
        group.run(self.length)
        return group

    def add(self, moment: float, name: str, *arguments: object) -> "Story":
        """Note a happening."""
        self.happenings.append((moment, name, arguments))
        return self

    def __str__(self) -> str:
        happenings = "\n".join(
            f"    {moment:8.3f} {name} {' '.join(map(str, arguments))}"
            for moment, name, arguments in sorted(self.happenings, key=lambda item: item[0])
        )
        crash = f"killed at {self.crash_at}, back after {self.back_after} s"
        return f"story {self.seed}: {self.settings}\n    {crash}, {self.length:.1f} s\n{happenings}"


class Teller:
    """Draws stories. Each kind of fault is a method that adds happenings around a moment."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.story_seed = seed
        self.story = Story(seed, self._settings())

    def draw(self) -> Story:
        """One story of one to three faults."""
        rng, story = self.rng, self.story
        moment = story.settings.phase + rng.uniform(0.3, 2.0)
        for _ in range(rng.choice((1, 1, 2, 2, 3))):
            rng.choice(self.FAULTS)(self, moment)
            moment += rng.choice((0.0, rng.uniform(0, 0.2), rng.uniform(0, 3), rng.uniform(0, 10)))
        if rng.random() < 0.3:
            story.crash_at = rng.randint(1, 30)
            story.back_after = rng.choice((0.3, 1.0, 5.0))
        apart = Random(story.seed + 0.75)
        if story.settings.twins and apart.random() < 0.6:
            what = apart.choice((("crash", 30.0), ("crash", 2.0), ("ledgerless", 3.0), ("ledgerless", 12.0)))
            story.add(story.settings.phase + apart.uniform(0.1, 8.0), *what)
        apart = Random(story.seed + 0.875)
        if any(story.settings.agents) and apart.random() < 0.5:  # what an agent can prove is a death
            story.add(story.settings.phase + apart.uniform(0.3, 4.0), "kill", "A")
        latest = max([moment, *(item[0] for item in story.happenings)])
        story.length = min(latest, moment + 12) + rng.choice((3.0, 6.0, 12.0))
        return story

    def _settings(self) -> Settings:
        rng = self.rng
        count = rng.choice((4, 4, 4, 4, 5, 7, 21))
        window = (count - 1) * 6.0
        near = rng.uniform(-7, 4)  # most trouble lies around our window, where it matters
        bounded = (
            Random(self.story_seed + 0.5).random() < 0.25
        )  # apart, so that older seeds keep their stories
        twins = Random(self.story_seed + 0.25).random() < 0.25
        apart = Random(self.story_seed + 0.125)
        agents = tuple(self.story_seed >= AGENTS and apart.random() < 0.7 for _ in NAMES)
        return Settings(
            twins=twins,
            agents=agents,
            asserted=tuple(not agent or apart.random() < 0.4 for agent in agents),
            policy=replace(POLICY, bounded=bounded),
            producers=count,
            phase=max(0.1, window + near) if rng.random() < 0.8 else rng.uniform(0.1, count * 6.0),
            rtt=tuple(rng.choice((0.001, 0.001, 0.001, 0.05, 0.3)) for _ in NAMES),
            loss=tuple(rng.choice((0.0, 0.0, 0.0, 0.2)) for _ in NAMES),
            starts_paused=tuple(rng.random() < 0.8 for _ in NAMES),
            witnesses=rng.choice((1, 2)),
            skew=rng.choice((0.0, 0.0, -0.5, 0.5, rng.uniform(-0.5, 0.5))),
        )

    def add(self, moment: float, name: str, *arguments: object) -> None:
        """Note a happening."""
        self.story.add(moment, name, *arguments)

    def node(self) -> str:
        """A member; the holder more often than not."""
        return self.rng.choice("AAABBC")

    def while_(self) -> float:
        """How long something lasts: from a blink to minutes."""
        return self.rng.choice((0.05, 0.6, 2.5, 8.0, 20.0)) * self.rng.uniform(0.7, 1.4)

    def death(self, moment: float) -> None:
        """kill -9 or a clean stop, with or without somebody who starts it again."""
        name = self.node()
        self.add(moment, self.rng.choice(("kill", "kill", "stop")), name)
        if self.rng.random() < 0.6:
            self.add(
                moment + self.while_(), "launch", name, self.rng.uniform(0.5, 6), self.rng.uniform(0.3, 5)
            )

    def hang(self, moment: float) -> None:
        """SIGSTOP and SIGCONT."""
        name = self.node()
        self.add(moment, "hang", name)
        self.add(moment + self.while_(), "wake", name, self.rng.choice((0.5, 3.0, 15.0)))

    def island(self, moment: float) -> None:
        """A node loses its peers."""
        name = self.node()
        self.add(moment, "cut", name)
        self.add(moment + self.while_(), "mend", name, self.rng.uniform(0.3, 5))

    def partition(self, moment: float) -> None:
        """The actuator loses some nodes."""
        for name in self.rng.sample(NAMES, self.rng.choice((1, 1, 2, 3))):
            self.add(moment, "partition", name)
            self.add(moment + self.while_(), "heal", name)

    def silence(self, moment: float) -> None:
        """A node is unpaused and in sync, and makes no block."""
        name = self.node()
        self.add(moment, "mute", name)
        self.add(moment + self.while_(), "unmute", name)

    def blindness(self, moment: float) -> None:
        """A witness falls silent, or shows an old chain."""
        number = self.rng.randint(0, 1)
        self.add(moment, self.rng.choice(("blind", "strand")), number)
        self.add(moment + self.while_(), "sighted", number)

    def stall(self, moment: float) -> None:
        """The chain stands still."""
        self.add(moment, "stall")
        self.add(moment + self.while_(), "flow")

    def by_hand(self, moment: float) -> None:
        """An operator pauses, resumes or restarts."""
        verb = self.rng.choice(("pause", "resume", "restart"))
        if verb == "restart":
            self.add(moment, "restart", self.node(), self.rng.uniform(0.5, 6), self.rng.uniform(0.3, 5))
        else:
            self.add(moment, "operator", verb, self.node())

    def wish(self, moment: float) -> None:
        """An operator asks for a switchover, perhaps more than once, perhaps for later."""
        to = self.rng.choice("BBCA")
        later = moment + self.while_() if self.rng.random() < 0.2 else 0.0
        for _ in range(self.rng.choice((1, 1, 2))):
            self.add(moment, "switchover", to, later)
            moment += self.rng.uniform(0, 1)
        if self.rng.random() < 0.2:
            self.add(moment + self.while_(), "release")

    def rules(self, moment: float) -> None:
        """An operator holds something, or changes what automation may do."""
        if self.rng.random() < 0.6:
            self.add(moment, "hold", self.rng.choice("ABC*"), self.while_())
        else:
            self.add(moment, "automation", self.rng.choice(("shadow", "off")))
            self.add(moment + self.while_(), "automation", "on")

    def restart(self, moment: float) -> None:
        """The actuator dies."""
        self.add(moment, "crash", self.rng.choice((0.3, 1.0, 5.0)))

    def election(self, moment: float) -> None:
        """The schedule changes: our rank, our key, the number of producers, their order."""
        count = self.story.settings.producers
        names = producers_of(count, count - 1)
        kind = self.rng.choice(("out", "key", "more", "order"))
        if self.rng.random() < 0.5:
            self.add(moment, "announce", f"{kind} is pending")
            moment += self.while_()
        if kind == "out":
            self.add(moment, "schedule", *[name if name != OURS else "newbie" for name in names])
            if self.rng.random() < 0.3:
                self.add(moment + self.while_(), "schedule", *names)
        elif kind == "key":
            self.add(moment, "new_key")
        else:
            more = (*names, "newbie") if kind == "more" else tuple(reversed(names))
            self.add(moment, "schedule", *more)

    FAULTS = (
        death, death, death, hang, hang, hang, island, island, partition, partition, silence, blindness, stall,
        by_hand, by_hand, wish, wish, wish, rules, restart, election,
    )  # fmt: skip


def story_of(seed: int) -> Story:
    """The story that a seed means."""
    return Teller(seed).draw()
