"""`chainwarden-rpc-switch`: the service by hand, or from another agent's command."""

import argparse
import signal
import sys
import threading

from actuator.agent.rpc_switch.config import RpcSwitch
from actuator.agent.rpc_switch.service import RpcSwitchService
from nodekit.program import configured, parser


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: done, or nothing to do; 1: failed; 75: not now. What happened is printed."""
    arguments = command_line().parse_args(argv)
    config = configured(arguments, RpcSwitch)
    if isinstance(config, int):
        return config
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    outcome = RpcSwitchService(config).run(arguments.command, {}, stop)
    sys.stdout.write(f"{outcome.output}\n")
    return outcome.code


def command_line() -> argparse.ArgumentParser:
    """What may be typed."""
    flags = parser("rpc_switch", "Gives a node another RPC endpoint when its own is bad.")
    flags.add_argument(
        "command", nargs="?", choices=sorted(RpcSwitchService.commands), default="status",
        help="switch if the current endpoint is bad, or tell how things stand",
    )  # fmt: skip
    return flags


if __name__ == "__main__":
    sys.exit(main())
