"""`make demo`: a real producer is moved twice without a missed block, then killed; a standby takes over.

Everything is real but Slack, and on this machine's loopback. The report is .demo/report.json; the exit
status is 0 only if the story ended as promised.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from typing import Any

from lab.binaries import CHECKOUT
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.demo_report import Crash, Facts, Switchover, report, verdict
from lab.server import ServerError, poll, stop_watching
from lab.slack import Message, Slack
from lab.stack import GROUP, Stack
from lab.truth import Truth
from nodekit.http import HttpError
from nodekit.slots import slot_of, slot_time

FOLDER = CHECKOUT / ".demo"
KILL_AT = 5
"""Which of the twelve blocks of the window A has just made when it is killed, counted from 0."""


class Story:
    """Tells and measures, with seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.time()
        self._shown = 0

    def say(self, text: str = "") -> None:
        """One line with the time."""
        stamp = f"[{time.time() - self._began:6.1f}s] " if text else ""
        print(f"{stamp}{text}", flush=True)

    def quote(self, text: str) -> None:
        """What somebody else printed, indented."""
        for line in text.rstrip().splitlines():
            print(f"            {line}", flush=True)

    def show_slack(self, slack: Slack) -> None:
        """Messages that came since the last call, as Slack shows them."""
        messages: list[Message] = slack.messages
        for message in messages[self._shown :]:
            self.say("Slack:")
            self.quote(message.shown())
        self._shown = len(messages)


def main(argv: list[str] | None = None) -> int:
    """Exit status 0 when every promise held, else 1."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument(
        "--keep", action="store_true", help="leave everything running and print the addresses"
    )
    arguments = parser.parse_args(argv)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    story = Story()
    try:
        with Slack() as slack, Chain(FOLDER / "chain") as chain:
            chain.load(rate=4.0)
            with Stack(FOLDER, chain, slack) as stack:
                return _run(story, stack, slack, keep=arguments.keep)
    except (ServerError, HttpError, TimeoutError, subprocess.SubprocessError) as error:
        story.say(f"the demo could not be run: {error}")
        return 1
    finally:
        stop_watching()


def _run(story: Story, stack: Stack, slack: Slack, *, keep: bool) -> int:
    chain = stack.chain
    blocks = BlockCollector(chain)
    _introduce(story, stack)
    facts = Facts(
        producers=len(chain.schedule),
        switchovers=[
            _switchover(story, stack, blocks, "A", "B"),
            _switchover(story, stack, blocks, "B", "A"),
        ],
        crash=_crash(story, stack, slack, blocks),
        stayed_paused=_come_back(story, stack, blocks),
        notifications=[message.text for message in slack.messages],
    )
    story.show_slack(slack)
    broken = verdict(facts)
    text = json.dumps(report(facts), indent=2, ensure_ascii=False)
    (FOLDER / "report.json").write_text(text + "\n")
    story.say("every promise held" if not broken else "broken promises: " + "; ".join(broken))
    story.say(f"report: {(FOLDER / 'report.json').relative_to(CHECKOUT)}")
    if keep:
        _stay(story, stack, slack)
    return 1 if broken else 0


def _introduce(story: Story, stack: Stack) -> None:
    chain = stack.chain
    story.say(
        f"a chain of {len(chain.schedule)} producers runs; ours is {chain.ours}, on the nodes A, B and C"
    )
    story.say(
        "A produces, B and C are paused standbys; exporter, Prometheus, Alertmanager and actuator watch"
    )
    story.say("the actuator observes one full round (24 s) before it may act")
    if not stack.await_ready(60):
        raise TimeoutError(f"the group is {stack.group()['phase']}: {stack.group()['why']}")
    story.say("$ chainwarden status")
    story.quote(stack.cli("status").stdout)


def _switchover(story: Story, stack: Stack, blocks: BlockCollector, old: str, new: str) -> Switchover:
    story.say()
    story.say(f"$ chainwarden switchover {GROUP} --to {new}")
    began = time.time()
    first = slot_of(began)
    command = stack.cli_command("switchover", GROUP, "--to", new)
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None  # noqa: S101 - narrows PIPE for mypy
    for line in process.stdout:
        story.quote(line)
    done = process.wait() == 0
    seconds = time.time() - began
    truth = blocks.settle(slot_of(time.time()) - 1)
    last = truth.slots[-1].slot
    story.say(f"on the chain: {_strips(truth, first)}")
    return Switchover(old, new, done, truth.missed(first, last), truth.doubled(first, last), seconds)


def _strips(truth: Truth, first: int) -> str:
    """Our windows since a slot, oldest first."""
    return " ".join(strip for start, strip in truth.window_strips() if start + 11 >= first)


def _crash(story: Story, stack: Stack, slack: Slack, blocks: BlockCollector) -> Crash:
    chain = stack.chain
    story.say()
    story.show_slack(slack)
    seen = len(slack.messages)
    window = blocks.next_window()
    target = window.first_slot + KILL_AT
    story.say(f"A is killed (kill -9) in the middle of its window, in {window.opens - time.time() + 3:.0f} s")
    poll(lambda: slot_of(chain.world.info().head_time) >= target, 60, every=0.01)
    chain["A"].kill9()
    killed = time.time()
    story.say(f"A is dead; its last block is number {KILL_AT + 1} of 12")
    found = poll(lambda: not chain["B"].paused(), 30, every=0.01)
    takeover = time.time() - killed
    story.say(f"B is active {takeover:.2f} s after the kill" if found else "B did not become active")
    truth = blocks.settle(window.last_slot)
    strip = truth.strip(window.first_slot, window.last_slot)
    poll(lambda: sum("verified" in item.text for item in slack.messages[seen:]) > 0, 15)
    story.show_slack(slack)
    story.say(f"the window on the chain: {strip}")
    _attached(story, stack)
    texts = [message.text for message in slack.messages[seen:]]
    return Crash(
        missed=truth.missed(window.first_slot, window.last_slot),
        doubled=truth.doubled(window.first_slot, window.last_slot),
        takeover_seconds=takeover,
        strip=strip,
        began_messages=sum("takes over" in text for text in texts),
        verified_messages=sum("takeover verified" in text for text in texts),
    )


def _attached(story: Story, stack: Stack) -> None:
    """What came of the alert that arrived by Prometheus and Alertmanager."""

    def question() -> dict[str, Any] | None:
        rows = [row for row in stack.history()["steps"] if row["action"] == "failover"]
        return rows[0] if rows and rows[0]["state"] not in ("planned", "executing") else None

    poll(lambda: question() is not None, 15)
    asked = question()
    if asked is not None:
        story.say(f"Alertmanager asked too ({asked['reason']}); answer: {asked['detail']}")
    else:
        story.say("no alert reached the actuator within 15 s")


def _come_back(story: Story, stack: Stack, blocks: BlockCollector) -> bool:
    """A returns, paused; B must produce the whole next window alone."""
    chain = stack.chain
    story.say()
    story.say("A is started again: it replays its blocks and starts paused")
    chain["A"].restart(paused=True)
    window = blocks.next_window()
    story.say(f"the next window opens in {window.opens - time.time():.0f} s; A must not produce in it")
    time.sleep(max(0.0, slot_time(window.last_slot) - time.time()))
    truth = blocks.settle(window.last_slot)
    strip = truth.strip(window.first_slot, window.last_slot)
    story.say(f"the window on the chain: {strip}")
    story.say("$ chainwarden history")
    story.quote(stack.cli("history", "--limit", "5").stdout)
    alone = truth.doubled(window.first_slot, window.last_slot) == 0 and set(strip) == {"B"}
    return chain["A"].paused() and alone


def _stay(story: Story, stack: Stack, slack: Slack) -> None:
    story.say()
    for name, url in {
        "exporter": f"{stack.exporter.url}/metrics",
        "actuator": stack.actuator.url,
        "Prometheus": stack.prometheus.url,
        "Alertmanager": stack.alertmanager.url,
        "Slack": slack.url,
        **{node.name: node.url for node in stack.chain.nodes},
    }.items():
        story.say(f"{name:<13}{url}")
    story.say("everything stays up until Ctrl-C")
    try:
        while True:
            time.sleep(1)
            story.show_slack(slack)
    except KeyboardInterrupt:
        story.say("stopping")


if __name__ == "__main__":
    sys.exit(main())
