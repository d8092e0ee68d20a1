"""Pending notes → the message that is sent next, in the sink's language and within its limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from actuator.configs.sinks import Sink as SinkConfig
from actuator.message import Message, Note, Tone, lasted, marked
from actuator.notify.choose import Chosen, Pending
from actuator.notify.parts import combine, split
from actuator.notify.rota import called
from actuator.notify.settle import Work
from actuator.notify.texts import TemplateFaultError, Texts
from actuator.sinks.sending import Sink

LATE = 120.0
"""Seconds of waiting from which on a message says that it is late."""
DETAILED = 10
"""Messages up to so many notes say what was done about each."""
ROOM = "x" * 40
"""Kept free in a title for marks, so that a mark never changes where a message is cut."""

Actions = Callable[[int], Sequence[Mapping[str, str]]]
"""Episode → what was or will be done about it."""


class Composer:
    """Writes one sink's messages."""

    def __init__(
        self, name: str, config: SinkConfig, sink: Sink, texts: Texts, language: str, actions: Actions
    ) -> None:
        self._name = name
        self._config = config
        self._sink = sink
        self._texts = texts
        self._language = config.language or language
        self._actions = actions

    def work(self, chosen: Chosen, now: float) -> Work:
        """The message for what was chosen; it may hold only the first of it."""
        if len(chosen.items) == 1 and not chosen.digest:
            return self._one(chosen.items[0], now)
        return self._many(chosen, now)

    def _one(self, item: Pending, now: float) -> Work:
        parts = split(self._worded(item, detailed=True), self._fits(simple=item.simple))
        number = min(item.progress, len(parts) - 1)
        message = marked(parts[number], self._marks([item], now))
        return Work(self._name, (item,), message, number + 1, len(parts), item.simple)

    def _many(self, chosen: Chosen, now: float) -> Work:
        detailed = len(chosen.items) <= DETAILED
        messages = [self._worded(item, detailed=detailed) for item in chosen.items]
        group = "" if chosen.digest else chosen.items[0].note.group.partition("/")[0]

        def named(shown: int, total: int) -> str:
            values = {"shown": shown, "total": total, "grouped": group}
            return self._texts.write(Note("digest", 0, "", "", values), self._language, now).title

        message, count = combine(messages, named, self._fits(simple=False))
        items = chosen.items[:count]
        if count == 1:  # alone it may say everything
            return self._one(items[0], now)
        return Work(self._name, items, marked(message, self._marks(items, now)))

    def _worded(self, item: Pending, *, detailed: bool) -> Message:
        """The wording as of the moment of planning, so that a part sent later continues the same text."""
        actions = self._actions(item.episode) if detailed and item.episode is not None else ()
        try:
            message = self._texts.write(item.note, self._language, item.planned_at, actions)
        except TemplateFaultError as error:  # better badly worded than not told
            message = Message(f"{item.note.kind}: {item.key}", Tone.WARNING, (("", str(error)),))
        who = called(self._config.mention, self._config.rota, item.note.severity, item.planned_at)
        return replace(message, mentions=who)

    def _fits(self, *, simple: bool) -> Callable[[Message], bool]:
        return lambda message: self._sink.fits(marked(message, ROOM), simple=simple)

    def _marks(self, items: Sequence[Pending], now: float) -> str:
        words = self._texts.words[self._language]
        marks = []
        if any(item.maybe for item in items):
            marks.append(words["again"])
        source = items[0].note.values.get("instead")
        if source:
            marks.append(words["instead"].format(sink=source))
        waited = now - min(item.planned_at for item in items)
        if len(items) == 1 and waited < self._sink.remembers:
            return " ".join(marks[-1:] if source else ())  # the very same text again is shown once
        if waited > LATE:
            marks.append(words["late"].format(duration=lasted(waited, words["units"])))
        return " ".join(marks)
