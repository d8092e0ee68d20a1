"""Random fault schedules: what may happen to a group, drawn from a seed."""

from dataclasses import dataclass, field
from random import Random

from tests.sim.chain import producers_of
from tests.sim.group import NAMES, Group
from tests.sim.referee import Record

Happening = tuple[float, str, tuple[object, ...]]


@dataclass(slots=True)
class Story:
    """One fault schedule. `settings` are Group's; moments in seconds after the first slot."""

    seed: int
    settings: dict[str, object] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    crash_at: int | None = None
    back_after: float = 1.0
    length: float = 40.0

    def tell(self, *, talk: bool = False) -> Group:
        """Let it happen."""
        group = Group(self.seed, talk=talk, **self.settings)  # type: ignore[arg-type]
        for moment, name, arguments in self.happenings:
            group.at(moment, name, *arguments)
        group.actuator.crash_at, group.actuator.back_after = self.crash_at, self.back_after
        group.run(self.length)
        return group


class Teller:
    """Draws stories. Each kind of fault is a method that adds happenings around a moment."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.story = Story(seed)

    def draw(self) -> Story:
        """One story of one to three faults."""
        rng, story = self.rng, self.story
        self._settings()
        start = float(story.settings["phase"])  # type: ignore[arg-type]
        moment = start + rng.uniform(0.5, 3.0)
        for _ in range(rng.choice((1, 1, 2, 2, 3))):
            rng.choice(self.FAULTS)(self, moment)
            moment += rng.choice((0.0, rng.uniform(0, 0.2), rng.uniform(0, 3), rng.uniform(0, 12)))
        if rng.random() < 0.3:
            story.crash_at = rng.randint(1, 30)
            story.back_after = rng.choice((0.3, 1.0, 5.0))
        story.length = max([moment, *(item[0] for item in story.happenings)]) + rng.uniform(8, 20)
        return story

    def _settings(self) -> None:
        rng = self.rng
        count = rng.choice((4, 4, 4, 5, 7, 21))
        window = (count - 1) * 6.0
        near = rng.uniform(-8, 4)  # most trouble lies around our window, where it matters
        self.story.settings = {
            "producers": count,
            "phase": max(0.1, window + near) if rng.random() < 0.8 else rng.uniform(0.1, count * 6.0),
            "rtt": [rng.choice((0.001, 0.001, 0.05, 0.3)) for _ in NAMES],
            "loss": [rng.choice((0.0, 0.0, 0.0, 0.2)) for _ in NAMES],
            "starts_paused": [rng.random() < 0.8 for _ in NAMES],
            "witnesses": rng.choice((1, 2)),
            "skew": rng.choice((0.0, 0.0, -0.5, 0.5, rng.uniform(-0.5, 0.5))),
        }

    def add(self, moment: float, name: str, *arguments: object) -> None:
        """Note a happening."""
        self.story.happenings.append((moment, name, arguments))

    def node(self) -> str:
        """A member; the holder more often than not."""
        return self.rng.choice("AAABBC")

    def while_(self) -> float:
        """How long something lasts: from a blink to minutes."""
        return self.rng.choice((0.05, 0.6, 2.5, 8.0, 20.0)) * self.rng.uniform(0.7, 1.4)

    def death(self, moment: float) -> None:
        """kill -9, with or without somebody who starts it again."""
        name = self.node()
        self.add(moment, "kill", name)
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
        """An operator asks for a switchover, perhaps more than once."""
        to, number = self.rng.choice("BBCA"), f"r{self.rng.randint(0, 9)}"
        for _ in range(self.rng.choice((1, 1, 2))):
            self.add(moment, "switchover", to, number)
            moment += self.rng.uniform(0, 1)
        if self.rng.random() < 0.2:
            self.add(moment + self.while_(), "release")

    def restart(self, moment: float) -> None:
        """The actuator dies."""
        self.add(moment, "crash", self.rng.choice((0.3, 1.0, 5.0)))

    def election(self, moment: float) -> None:
        """The schedule changes: our rank, our key, the number of producers."""
        count = int(self.story.settings["producers"])  # type: ignore[call-overload]
        names = producers_of(count, count - 1)
        kind = self.rng.choice(("out", "key", "more", "order"))
        if kind == "out":
            self.add(moment, "schedule", *[name if name != "ours" else "newbie" for name in names])
            if self.rng.random() < 0.3:
                self.add(moment + self.while_(), "schedule", *names)
        elif kind == "key":
            self.add(moment, "new_key")
        else:
            more = (*names, "newbie") if kind == "more" else tuple(reversed(names))
            self.add(moment, "schedule", *more)

    FAULTS = (
        death, death, death, hang, hang, hang, island, island, partition, partition, blindness, stall,
        by_hand, by_hand, wish, wish, wish, restart, election,
    )  # fmt: skip


def story_of(seed: int) -> Story:
    """The story that a seed means."""
    return Teller(seed).draw()


def judged(seed: int) -> Record:
    """Tell a story and give what the referee wrote down."""
    return story_of(seed).tell().referee.record
