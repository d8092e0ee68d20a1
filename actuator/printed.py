"""What the commands of `chainwarden` share: how they print, and how a duration is typed."""

import argparse
import json
import sys
from collections.abc import Iterable

from pydantic_core import PydanticCustomError

from nodekit.settings import parse_duration

DONE, NO = 0, 1
GROUP = "among `groups` in actuator.yml"


def say(text: str = "") -> None:
    """A line on standard output, at once: whoever follows sees it when it happens."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say_lines(lines: Iterable[str]) -> int:
    """Each on a line of its own; the exit status."""
    for line in lines:
        say(line)
    return DONE


def say_json(value: object) -> int:
    """For programs; the exit status."""
    say(json.dumps(value, indent=2, ensure_ascii=False))
    return DONE


def duration(text: str) -> float:
    """Seconds of `90s` or `2h`. Raises ArgumentTypeError."""
    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(error.message()) from None
