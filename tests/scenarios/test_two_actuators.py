"""Two actuators on one PostgreSQL: the leader dies together with the active node."""

import json
import subprocess
import sys
from typing import Any

import pytest

from lab.binaries import CHECKOUT
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.postgres import Postgres
from lab.server import poll
from lab.slack import Slack
from lab.stack import GROUP, Program, actuator_config
from lab.webcall import get_json


def group(actuator: Program) -> dict[str, Any]:
    found: dict[str, Any] = get_json(f"{actuator.url}/api/groups/{GROUP}")
    return found


def cli(actuator: Program, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "actuator.cli", "--actuator.url", actuator.url, *words]
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_other_actuator_takes_over_the_group_and_then_production_once(
    chain: Chain, slack: Slack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("two")
    secret = root / "slack"
    secret.write_text(slack.webhook_url)
    config = actuator_config(chain, root, secret, "on", {})
    with Postgres(root / "postgres") as database:
        config["ledger"] = database.create("ledger")
        one, two = (Program(name, "actuator", root / name, config) for name in ("one", "two"))
        with one, two:
            assert poll(lambda: group(one)["phase"] == "steady", 60), group(one)["why"]
            assert "leads this group" in group(two)["why"]
            refused = cli(two, "switchover", GROUP, "--to", "B")
            assert refused.returncode == 1 and "ask there" in refused.stderr
            blocks = BlockCollector(chain)
            first = blocks.first_slot

            one.kill9()
            chain["A"].kill9()

            assert poll(lambda: not chain["B"].paused(), 20, every=0.05), group(two)["why"]
            window = blocks.next_window()
            truth = blocks.settle(window.last_slot)
            assert truth.doubled(first, window.last_slot) == 0, truth.strip(first, window.last_slot)
            assert truth.strip(window.first_slot, window.last_slot) == "B" * 12
            _it_happened_once(two, slack)

            one.start()
            chain["A"].restart(paused=True)
            assert poll(lambda: "leads this group" in group(one)["why"], 20), group(one)["why"]
            assert (group(one)["holder"], group(two)["phase"]) == ("B", "steady")


def _it_happened_once(actuator: Program, slack: Slack) -> None:
    history = json.loads(cli(actuator, "-o", "json", "history").stdout)
    resumes = [row for row in history["steps"] if row["action"] == "resume"]
    assert [(row["state"], row["attempts"]) for row in resumes] == [("ok", 1)]
    assert [row["outcome"] for row in history["incidents"]] == ["verified"]
    assert len([message for message in slack.messages if "takes over" in message.text]) == 1
