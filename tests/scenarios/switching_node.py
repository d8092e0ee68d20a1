"""Runs `rpc_switch` in processes that kill themselves at the Nth step that others could notice.

Reads lines `CONFIG N` and answers each with the exit status of a process that ran `switch` (-9: it was killed). A step
is a file made durable, a file moved into place, or a program started. Forked from here, because starting Python and
importing everything takes longer than a switch.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actuator.agent.rpc_switch.config import RpcSwitch
from actuator.agent.rpc_switch.service import RpcSwitchService
from nodekit.settings import load

count = 0


def mortal(deadly: int, step: Callable[..., Any]) -> Callable[..., Any]:
    """The step, before which the process may die."""

    def taken(*args: Any, **named: Any) -> Any:
        global count  # noqa: PLW0603 - the count of this process
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **named)

    return taken


def switch(path: str, deadly: int) -> None:
    """One switch of which the process does not survive step `deadly`."""
    os.fsync = mortal(deadly, os.fsync)
    Path.replace = mortal(deadly, Path.replace)  # type: ignore[method-assign]
    subprocess.Popen = mortal(deadly, subprocess.Popen)  # type: ignore[misc]
    RpcSwitchService(load(Path(path), RpcSwitch)).run("switch", {}, threading.Event())


def main() -> None:
    for line in sys.stdin:
        path, deadly = line.split()
        child = os.fork()
        if child == 0:
            switch(path, int(deadly))
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
