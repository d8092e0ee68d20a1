"""Commands of `chainwarden` about messages: send a test, show what was delivered."""

import argparse
import json
import time

from actuator.client import Client
from actuator.failover.explain import utc
from actuator.printed import say

DONE, NO = 0, 1
PATIENCE = 60.0
"""Seconds that a test message may take before the command stops waiting."""
POLL = 0.2


def telling(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    test = commands.add_parser("test-notify", help="send a test message and say what came of it")
    test.add_argument("sink", metavar="SINK", help="among `sinks` in actuator.yml")
    test.set_defaults(run=_test_notify)
    deliveries = commands.add_parser("deliveries", help="attempts to send messages, newest first")
    deliveries.add_argument("--limit", type=int, default=20, metavar="N", help="how many")
    deliveries.set_defaults(run=_deliveries)


def _test_notify(client: Client, arguments: argparse.Namespace) -> int:
    key = client.test_notify(arguments.sink)
    end = time.monotonic() + PATIENCE
    shown = ""
    while time.monotonic() < end:
        found = client.notification(key)
        if found["state"] not in ("planned", "executing"):
            say(f"{arguments.sink}: {found['detail']}")
            return DONE if found["state"] == "ok" else NO
        if found["detail"] and found["detail"] != shown:
            shown = found["detail"]
            say(f"{arguments.sink}: not yet: {shown}")
        time.sleep(POLL)
    say(f"{arguments.sink}: still waiting; see `chainwarden deliveries`")
    return NO


def _deliveries(client: Client, arguments: argparse.Namespace) -> int:
    found = client.deliveries(arguments.limit)
    if arguments.output == "json":
        say(json.dumps(found, indent=2, ensure_ascii=False))
        return DONE
    if not found:
        say("no message was sent yet")
    for row in found:
        many = f" ({row['steps']} notes)" if row["steps"] > 1 else ""
        say(f"{utc(row['at'])}  {row['sink']}  {row['outcome']}  {row['title']}{many}: {row['detail']}")
    return DONE
