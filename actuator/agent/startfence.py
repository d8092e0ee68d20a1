"""PURE: whether every start of a nodeos comes up paused, as its command line and config.ini say."""

from collections.abc import Sequence
from pathlib import PurePath

OPTION = "pause-on-startup"
TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


def in_config(text: str) -> bool:
    """Whether config.ini says `pause-on-startup = true`; the last line that names it counts."""
    found = False
    for line in text.splitlines():
        key, sign, value = line.partition("#")[0].partition("=")
        if sign and key.strip() == OPTION and value.strip().lower() in TRUE | FALSE:
            found = value.strip().lower() in TRUE
    return found


def in_arguments(words: Sequence[str]) -> bool:
    """Whether the command line says `-x` or `--pause-on-startup`."""
    return any(word in ("-x", f"--{OPTION}") for word in words[1:])


def config_folder(words: Sequence[str]) -> PurePath | None:
    """The folder that `--config-dir` names; None when the command line does not say."""
    for place, word in enumerate(words):
        if word == "--config-dir" and place + 1 < len(words):
            return PurePath(words[place + 1])
        if word.startswith("--config-dir="):
            return PurePath(word.partition("=")[2])
    return None
