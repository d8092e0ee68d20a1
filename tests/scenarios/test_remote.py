"""Alert or operator → actuator → broker → agent → effect, with real parts, and what their deaths leave behind."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab.binaries import CHECKOUT, debian
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.fencing import FENCED, starts_fenced
from lab.health import heal
from lab.hosted import agent_config, through_agent
from lab.mosquitto import Mosquitto
from lab.node import Node
from lab.server import poll
from lab.slack import Slack
from lab.stack import GROUP, Program, actuator_config
from lab.talk import Talk
from lab.webcall import get_json, get_text, post
from nodekit.http import HttpError
from nodekit.slots import current_slot, slot_of

MARKED = {"alertname": "ServiceDown", "severity": "critical", "host": "h1", "service": "mark"}
STARTED = datetime.now(UTC).isoformat()


@dataclass(frozen=True)
class Field:
    """One broker, one agent for all members, one actuator."""

    broker: Mosquitto
    agent: Program
    actuator: Program
    marks: Path

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "actuator.cli", "--actuator.url", self.actuator.url, *words]
        environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def group(self) -> dict[str, Any]:
        found: dict[str, Any] = get_json(f"{self.actuator.url}/api/groups/{GROUP}")
        return found

    def await_ready(self, place: int) -> None:
        """Wait until the group is steady and the member at this place of it could take over."""
        assert poll(lambda: self.group()["phase"] == "steady", 60), self.group()["why"]
        assert poll(lambda: self.group()["nodes"][place]["not_ready_because"] == [], 30), self.group()[
            "nodes"
        ][place]

    def steps(self, action: str) -> list[dict[str, Any]]:
        history = get_json(f"{self.actuator.url}/api/history?limit=500")
        return [row for row in history["steps"] if row["action"] == action]

    def connected(self) -> bool:
        return all(
            re.search(r"broker_connected 1.0", get_text(f"{one.url}/metrics")) is not None
            for one in (self.agent, self.actuator)
        )


@pytest.fixture(scope="module")
def field(running_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    root = tmp_path_factory.mktemp("remote")
    marks = root / "marks"
    heal(running_chain)
    with starts_fenced(running_chain), Mosquitto(root / "broker") as broker, Slack() as slack:
        commands = {
            "restart": {"shell": f"echo restarted >> {marks}"},
            "slow": {"shell": f"echo slow >> {marks}; sleep 2; echo done"},
            "fail": {"shell": "echo broken; exit 7"},
        }
        agent = Program("agent", "actuator.agent", root / "agent", agent_config(
            running_chain, root / "agent", broker,
            services={"mark": {"commands": commands}}, replace=replacement(root / "collectd"),
        ))  # fmt: skip
        secret = root / "slack_webhook"
        secret.write_text(slack.webhook_url)
        config = actuator_config(running_chain, root, secret, "on", {"cooldown": "1s", "per_day": 9})
        rule = {
            "when": {"alertname": "ServiceDown"}, "do": [{"recover": {"service": "mark", "command": "restart"}}],
            "limits": {"per_hour": 1},
        }  # fmt: skip
        config = through_agent(config, broker) | {"playbook": [rule, *config["playbook"]]}
        running_chain["C"].stop()
        with agent, Program("actuator", "actuator", root / "actuator", config) as actuator:
            made = Field(broker, agent, actuator, marks)
            assert poll(made.connected, 10)
            yield made
        subprocess.run(["/bin/sh", "-c", f'kill -9 "$(cat {root}/collectd/pid)"'], check=False)


def collectd_config(folder: Path, interval: int) -> str:
    return (
        f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nFQDNLookup false\nInterval {interval}\nLoadPlugin cpu\n'
    )


def replacement(folder: Path) -> dict[str, Any]:
    """A real collectd, for the agent to put another configuration in place."""
    folder.mkdir()
    file = folder / "collectd.conf"
    file.write_text(collectd_config(folder, 10))
    collectd = str(debian("collectd"))
    subprocess.run([collectd, "-C", str(file)], check=True)
    return {
        "file": str(file), "check": [collectd, "-T", "-C", "{file}"], "collectd": True, "match": "collectd",
        "stop": ["/bin/sh", "-c", f'kill "$(cat {folder}/pid)"'], "start": [collectd, "-C", str(file)],
        "pid_file": str(folder / "pid"), "stays_for": "500ms",
    }  # fmt: skip


def alert(field: Field, **labels: str) -> None:
    body = {"version": "4", "receiver": "r", "alerts": [{
        "status": "firing", "labels": {**MARKED, **labels}, "annotations": {"summary": "s"},
        "startsAt": STARTED,
    }]}  # fmt: skip
    post(f"{field.actuator.url}/alerts", json.dumps(body).encode())


def test_an_operators_command_gives_output_and_exit_status_as_if_it_ran_here(field: Field) -> None:
    done = field.cli("send-command", "h1", "mark", "fail")
    unknown = field.cli("send-command", "h1", "nosuch", "fail")
    nowhere = field.cli("send-command", "h9", "mark", "fail")

    assert (done.returncode, done.stdout) == (7, "broken\n")
    assert unknown.returncode == 70
    assert "Cannot find the service settings for: nosuch" in unknown.stdout
    assert (nowhere.returncode, nowhere.stderr) == (
        69, "chainwarden: not sent: no host h9 in actuator.yml; known: h1\n"
    )  # fmt: skip


def test_a_configuration_is_sent_replaced_and_refused_with_its_reason(field: Field, tmp_path: Path) -> None:
    folder = field.agent.dir.parent / "collectd"
    (tmp_path / "good.conf").write_text(collectd_config(folder, 20))
    (tmp_path / "bad.conf").write_text("LoadPlugin nosuch\n")

    done = field.cli("send-config", "h1", str(tmp_path / "good.conf"))
    refused = field.cli("send-config", "h1", str(tmp_path / "bad.conf"))
    absent = field.cli("send-config", "h1", str(tmp_path / "absent.conf"))

    assert (done.returncode, done.stdout) == (0, "Succeeded to replace the config.\n"), done
    assert refused.returncode == 70
    assert "New config seems broken!" in refused.stdout
    assert "Interval 20" in (folder / "collectd.conf").read_text()
    assert absent.returncode == 69
    assert "No such file" in absent.stderr


def test_an_alert_has_a_command_run_once_and_within_its_limits(field: Field) -> None:
    alert(field)
    assert poll(lambda: bool(field.steps("recover")) and field.marks.exists(), 10)
    alert(field)
    alert(field, instance="another")
    alert(field, host="nowhere")

    def settled() -> bool:
        rows = [row for row in field.steps("recover") if row["key"].startswith("episode/")]
        return len(rows) == 3 and all(row["state"] in ("ok", "skipped") for row in rows)

    assert poll(settled, 10), field.steps("recover")
    rows = {row["key"].split("/")[1]: row for row in field.steps("recover") if "episode" in row["key"]}
    assert [rows[key]["state"] for key in sorted(rows)] == ["ok", "skipped", "skipped"]
    assert "the limit" in rows["2"]["detail"]
    assert "names no configured host" in rows["3"]["detail"]
    assert field.marks.read_text().split() == ["restarted"]


def test_production_moves_through_the_agent_which_proves_a_stopped_node_and_keeps_fences(
    field: Field, running_chain: Chain
) -> None:
    chain = running_chain
    field.await_ready(1)
    moved = field.cli("switchover", GROUP, "--to", "B")
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert chain["A"].paused()
    assert not chain["B"].paused()
    stopped = next(row for row in field.steps("pause") if row["key"].endswith("/C"))
    assert "no process matches, and its start is fenced by" in stopped["detail"], "C was never seen up"
    _old_orders_are_refused(field, chain, field.group()["epoch"])
    _a_fence_outlives_a_restart(chain, field)


def _old_orders_are_refused(field: Field, chain: Chain, epoch: int) -> None:
    with Talk(field.broker.port, "cmd/h1", "res/h1") as talk:
        old = talk.ask(1, "A", "resume", group=GROUP, epoch=epoch - 1)
        bare = talk.ask(2, "A", "resume")
        status = talk.ask(3, "A", "status")["message"]
    assert old["code"] == 0x3006, old
    assert bare["code"] == 0x3012
    assert f"kept fence: epoch {epoch}" in status
    assert "start fence: none found" not in status
    assert chain["A"].paused()


def reads_paused(node: Node) -> bool:
    try:
        return node.paused()
    except HttpError:
        return False


def _a_fence_outlives_a_restart(chain: Chain, field: Field) -> None:
    """Started by somebody without `pause-on-startup`, against its fence.

    The agent's part takes a third of a second; on a busy machine nodeos itself answers seconds after its start.
    The actuator, which separates two active nodes too, stands still meanwhile.
    """
    field.actuator.hang()
    config = chain["A"].dir / "config" / "config.ini"
    chain["A"].stop()
    config.write_text("")
    chain["A"].start_paused = False
    chain["A"].start()
    assert poll(lambda: reads_paused(chain["A"]), 15, every=0.02), field.agent.log_tail(40)
    assert re.search(r"A (was started unpaused against its fence|is back and does not answer yet): pausing it",
                     field.agent.log_tail(40)), field.agent.log_tail(40)  # fmt: skip
    field.actuator.wake()
    config.write_text(FENCED)
    chain["A"].start_paused = True


def test_a_holder_that_comes_back_when_its_agent_keeps_a_pause_is_paused_and_another_one_produces(
    field: Field, running_chain: Chain
) -> None:
    """B dies and nothing fences its start, so that nobody else may be resumed before it was seen paused."""
    chain = running_chain
    field.await_ready(0)
    assert not chain["B"].paused()
    config = chain["B"].dir / "config" / "config.ini"
    config.write_text("")
    chain["B"].start_paused = False
    blocks = BlockCollector(chain)

    chain["B"].kill9()

    def kept() -> bool:
        told = [row["detail"] for row in field.steps("pause")]
        return any(
            "its agent pauses it when it starts" in detail and "no `pause-on-startup` was found" in detail
            for detail in told
        )

    assert poll(kept, 20), field.steps("pause")
    assert chain["A"].paused(), "B may be started at any moment: nobody else is resumed"
    chain["B"].start()
    assert poll(lambda: not chain["A"].paused(), 20, every=0.05), field.group()["why"]
    assert chain["B"].paused()
    assert poll(lambda: field.group()["phase"] == "steady", 40), field.group()["why"]
    assert field.group()["holder"] == "A"
    assert blocks.truth().doubled(blocks.first_slot, current_slot(time.time())) == 0
    config.write_text(FENCED)
    chain["B"].start_paused = True


def test_a_crash_in_our_window_is_taken_over_at_once_when_the_hosts_agent_finds_no_process(
    field: Field, running_chain: Chain
) -> None:
    """Without an agent two seconds of refusals prove it, and four blocks are lost."""
    chain = running_chain
    field.await_ready(1)
    blocks = BlockCollector(chain)
    window = blocks.next_window()
    poll(lambda: slot_of(chain.world.info().head_time) >= window.first_slot + 4, 60, every=0.01)

    chain["A"].kill9()

    truth = blocks.settle(window.last_slot)
    strip = truth.strip(window.first_slot, window.last_slot)
    assert strip[0] == "A" and strip[-1] == "B", strip
    assert truth.doubled(window.first_slot, window.last_slot) == 0
    assert truth.missed(window.first_slot, window.last_slot) <= 2, strip
    assert poll(lambda: field.group()["phase"] == "steady", 40), field.group()["why"]
    newest = get_json(f"{field.actuator.url}/api/history?limit=500")["incidents"][0]
    assert newest["cause"] == "A is gone: its host's agent finds no process since its connection ended"
    stopped = next(
        row for row in field.steps("pause") if row["key"].endswith(f"/{newest['epoch']}/pause.1/A")
    )
    assert "no process matches, and its start is fenced by" in stopped["detail"]


def test_a_result_that_comes_after_the_actuators_death_is_still_written_down(field: Field) -> None:
    field.marks.unlink(missing_ok=True)
    asked = subprocess.Popen(
        [sys.executable, "-m", "actuator.cli", "--actuator.url", field.actuator.url, "send-command", "h1", "mark", "slow"],
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert poll(field.marks.exists, 10)
    field.actuator.kill9()
    field.actuator.start()

    def told() -> str:
        return next(row["detail"] for row in field.steps("recover") if row["key"].startswith("command/"))

    assert poll(lambda: "answered late: code 0: done" in told(), 20), told()
    assert field.marks.read_text().split() == ["slow"]
    assert asked.wait(20) in (0, 75), "who asked was not told: done, or not known yet"


def test_without_a_broker_a_command_is_certainly_not_sent_and_works_again_with_it(field: Field) -> None:
    field.broker.kill9()
    away = field.cli("send-command", "h1", "mark", "fail")
    field.broker.start()

    assert away.returncode == 69
    assert "not sent: no connection to the broker" in away.stderr
    assert poll(field.connected, 30)
    assert field.cli("send-command", "h1", "mark", "fail").returncode == 7
