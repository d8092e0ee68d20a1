"""PURE: command lines that only name a service: they look at it, or start it."""

import re
from collections.abc import Iterable
from pathlib import PurePath

from nodekit.regex import Regex

SHELLS = frozenset({"sh", "ash", "bash", "csh", "dash", "fish", "ksh", "tcsh", "zsh"})
BYSTANDERS = frozenset({
    "cat", "doas", "egrep", "emacs", "fgrep", "flock", "gdb", "grep", "journalctl", "kill", "killall", "less",
    "logger", "more", "nano", "nohup", "pgrep", "pkill", "ps", "runuser", "service", "ssh",
    "start-stop-daemon", "strace", "su", "sudo", "systemctl", "tail", "tee", "timeout", "vi", "view", "vim",
    "watch",
})  # fmt: skip
"""Programs whose command line names a service that they are not: they look at it, or start it."""
OURS = "chainwarden"


def fulfils(expression: Regex, words: tuple[str, ...]) -> bool:
    """Whether a command line matches, and is not left out as a bystander's."""
    if not expression.found_in(" ".join(words)):
        return False
    program = bystander(words)
    return program is None or re.search(rf"\b{re.escape(program)}\b", expression.text) is not None


def bystander(words: tuple[str, ...]) -> str | None:
    """The program, when it is one that only names services; None for others."""
    heads = [PurePath(word).name for word in words[:3]]
    for head in heads[:2]:
        if head.startswith(OURS):
            return OURS
    if heads[0] in BYSTANDERS:
        return heads[0]
    shell = heads[0].lstrip("-")
    if shell in SHELLS and len(words) > 1:
        line = _takes_a_line(words[1:])
        script = any("/rc.d/" in word or "/init.d/" in word for word in words[1:3]) or "service" in heads[1:]
        return shell if line or script else None
    return None


def _takes_a_line(options: Iterable[str]) -> bool:
    """Whether a shell's options have `-c`, also as `-ec` or after `-o pipefail`."""
    words = iter(options)
    for word in words:
        if word in ("-o", "+o", "-O", "+O"):
            next(words, None)
        elif not word.startswith(("-", "+")) or word.startswith("--"):
            return False
        elif "c" in word:
            return True
    return False
