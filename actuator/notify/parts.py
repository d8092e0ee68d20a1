"""PURE: one message that is too long becomes several, many that are too many become one.

What fits is the channel's to say (characters, bytes, blocks); here it is only asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from actuator.message import Message, Tone

Fits = Callable[[Message], bool]
MAX_PARTS = 9
"""More parts than this nobody reads; the last one says that something is missing."""
_NUMBER = "(9/9)"


def split(message: Message, fits: Fits) -> tuple[Message, ...]:
    """The message in parts that fit, cut between paragraphs, else lines, else characters: `(1/3) title`."""
    if fits(message):
        return (message,)
    numbered = replace(message, title=f"{_NUMBER} {message.title}")
    head = replace(numbered, paragraphs=(), links=())
    if not fits(head):
        head = replace(head, title=_longest(numbered.title, lambda text: fits(replace(head, title=text))))
    bodies: list[tuple[tuple[str, str], ...]] = []
    here: tuple[tuple[str, str], ...] = ()
    todo = list(message.paragraphs)
    while todo and len(bodies) < MAX_PARTS:
        label, text = todo.pop(0)
        if fits(replace(head, paragraphs=(*here, (label, text)))):
            here = (*here, (label, text))
            continue
        if here:
            bodies.append(here)
            here = ()
            todo.insert(0, (label, text))
            continue
        first = _longest(text, lambda piece, label=label: fits(replace(head, paragraphs=((label, piece),))))  # type: ignore[misc]
        if not first:
            continue  # not even one character beside this label and title
        bodies.append(((label, first),))
        rest = text[len(first) :].lstrip("\n")
        if rest:
            todo.insert(0, (label, rest))
    if here and len(bodies) < MAX_PARTS:
        bodies.append(here)
    return _numbered(message, head, bodies, fits)


def _numbered(
    message: Message, head: Message, bodies: Sequence[tuple[tuple[str, str], ...]], fits: Fits
) -> tuple[Message, ...]:
    title = head.title.removeprefix(f"{_NUMBER} ")
    if len(bodies) <= 1:
        alone = replace(head, title=title, paragraphs=bodies[0] if bodies else ())
        return (alone,)
    parts = [
        replace(head, title=f"({number}/{len(bodies)}) {title}", paragraphs=body)
        for number, body in enumerate(bodies, start=1)
    ]
    parts[1:] = [replace(part, mentions=()) for part in parts[1:]]
    linked = replace(parts[-1], links=message.links)
    return (*parts[:-1], linked if fits(linked) else parts[-1])


def _longest(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits; it ends with a line when that costs less than half of it."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[:middle]):
            low = middle
        else:
            high = middle - 1
    newline = text.rfind("\n", 0, low)
    return text[: newline + 1] if low < len(text) and newline > low // 2 else text[:low]


Named = Callable[[int, int], str]
"""(how many are in this message, how many there are) → its title."""


def combine(messages: Sequence[Message], named: Named, fits: Fits) -> tuple[Message, int]:
    """One message for many, and how many of them it holds: whole when all fit, else a line for each.

    Always holds at least one.
    """
    count = len(messages)
    whole = _joined(messages, named(count, count), [_detail(message) for message in messages])
    if fits(whole):
        return whole, count
    lines = [("", message.title) for message in messages]
    low, high = 1, count
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_joined(messages[:middle], named(middle, count), lines[:middle])):
            low = middle
        else:
            high = middle - 1
    return _joined(messages[:low], named(low, count), lines[:low]), low


def _detail(message: Message) -> tuple[str, str]:
    return message.title, message.paragraphs[0][1] if message.paragraphs else ""


def _joined(messages: Sequence[Message], title: str, paragraphs: Sequence[tuple[str, str]]) -> Message:
    tones = {message.tone for message in messages}
    tone = next((tone for tone in (Tone.DANGER, Tone.WARNING) if tone in tones), Tone.GOOD)
    if all(not label for label, _ in paragraphs):  # lines: one paragraph, so that they stand close
        paragraphs = [("", "\n".join(text for _, text in paragraphs))]
    mentions = tuple(dict.fromkeys(who for message in messages for who in message.mentions))
    return Message(title, tone, tuple(paragraphs), mentions=mentions, colon=messages[0].colon)
