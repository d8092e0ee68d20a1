"""Kills the lab's servers when the process that started them is gone, however it died.

Runs as a process of its own and reads `+pid` and `-pid` lines from its standard input: process
groups that were started, and groups that were stopped properly. The end of that input means that
the writer is dead, even by kill -9; every group that is still listed is killed then.
PR_SET_PDEATHSIG is not used: it fires when the starting *thread* ends, and it is lost at a fork.

Only the standard library and nothing of this project is imported, so that the process stays small.
"""

import os
import signal
import sys
from pathlib import Path


def members(group: int) -> list[int]:
    """Living processes of a process group, its leader first; zombies do not count."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command in parentheses may hold anything, so count from its end.
            state, _parent, own_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(own_group) == group and state not in "ZX":
            found.append(int(entry.name))
    return sorted(found, key=lambda pid: (pid != group, pid))


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to each living process of a group; those that ended meanwhile are skipped."""
    for pid in members(group):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def main() -> None:
    """Follow standard input until it ends, then kill what is left."""
    groups: set[int] = set()
    for line in sys.stdin:
        if line.startswith("+"):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    for group in groups:
        signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
