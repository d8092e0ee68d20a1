"""What this host shows of a nodeos: its process, and where its start is fenced."""

import time
from pathlib import Path

from actuator.agent.config import Node
from actuator.agent.journal import Journal
from actuator.agent.startfence import config_folder, in_arguments, in_config
from nodekit.processes import Process, Scanner

KNOW_EVERY = 5.0
"""Seconds between looks for a process that never matched yet."""


class Trace:
    """One nodeos on this host. Where its config is was seen once and outlives the agent."""

    def __init__(self, name: str, node: Node, journal: Journal) -> None:
        self._node = node
        self._journal = journal
        self._folder_fact = f"config_dir/{name}"
        self._seen_fact = f"seen/{name}"
        self.known: bool = journal.fact(self._seen_fact) == str(node.match)
        """Whether a process ever matched this expression: what was never seen cannot be found missing."""
        self._look_at = 0.0

    def process(self) -> Process | None:
        """The newest process whose command line matches; None when none does, or `match` is not set."""
        found = Scanner({"": self._node.target}).look()[""]
        newest = max(found, key=lambda one: one.ticks, default=None)
        if newest is not None:
            if not self.known:
                self._journal.note(self._seen_fact, str(self._node.match))
                self.known = True
            folder = config_folder(newest.words)
            if folder is not None and str(folder) != self._journal.fact(self._folder_fact):
                self._journal.note(self._folder_fact, str(folder))
        return newest

    def get_to_know(self) -> None:
        """Look for it now and then until it was seen once. Raises JournalError."""
        if not self.known and self._node.match is not None and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + KNOW_EVERY
            self.process()

    def start_fence(self, seen: Process | None) -> str | None:
        """Where `pause-on-startup` stands, for the process that was `seen`; None when it was not found."""
        if seen is not None and in_arguments(seen.words):
            return "its command line"
        known = self._journal.fact(self._folder_fact)
        folder = self._node.config_dir or (Path(known) if known else None)
        if folder is None:
            return None
        path = folder / "config.ini"
        try:
            return str(path) if in_config(path.read_text(encoding="utf-8", errors="replace")) else None
        except OSError:
            return None
