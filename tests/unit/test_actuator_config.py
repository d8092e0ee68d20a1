"""actuator.yml: wrong references, unsafe listening and unkeepable promises are refused with line and key."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from actuator.__main__ import main
from actuator.config import Config
from actuator.configs import budget
from actuator.configs.groups import Automation
from actuator.facts import ARRIVAL_GRACE
from actuator.failover.enter import SILENT_TIMEOUT
from actuator.failover.readiness import VACANT
from actuator.failover.triggers import SILENT_SLOTS
from nodekit.settings import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]
GROUP = """groups:
  bp:
    chain: eos
    producer: bp
    witnesses: [http://w:1]
"""
BOUNDED = GROUP.replace("[http://w:1]", "[http://w:1, http://v:1]") + "    mode: bounded\n"


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "actuator.yml"
    path.write_text(f"ledger: sqlite:///{tmp_path}/l.db\n{text}")
    with pytest.raises(ConfigError) as caught:
        load(path, Config)
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GROUP + "    nodes: [{name: a, url: 'http://a:1'}, {name: a, url: 'http://b:1'}]\n",
         ":7: groups.bp.nodes: node a is listed twice"),
        (GROUP + "    gone_after: 500ms\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":7: groups.bp.gone_after: write 2s or more: less does not prove that a process is gone"),
        (GROUP + "    gone_after: 4s\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":3: groups.bp: gone_after 4 s + 0.3 s to act = 4.3 s, that is 8 slots of 0.5 s, but loss_budget is 4; "
         "lower gone_after or raise loss_budget"),
        (GROUP + "    poll_interval: 5s\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":3: groups.bp: poll_interval 5 s + poll_timeout 1 s - 1.5 s before our window + 2 empty slots 1 s + 0.3 s for "
         "their blocks to arrive + 0.3 s until its kernel has our pause + 0.3 s to act = 6.4 s, that is 12 slots of "
         "0.5 s, but loss_budget is 4; lower poll_interval or poll_timeout or raise loss_budget"),
        (BOUNDED + "    loss_budget: 4\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":3: groups.bp: 4 empty slots 2 s + 0.3 s for their blocks to arrive + 0.25 s between looks + poll_timeout 1 s "
         "to ask once more + 0.3 s to act = 3.85 s, that is 7 slots of 0.5 s, but loss_budget is 4; lower poll_timeout "
         "or raise loss_budget"),
        (BOUNDED + "    poll_interval: 500ms\n    poll_timeout: 2s\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":3: groups.bp: 4 empty slots 2 s + 0.3 s for their blocks to arrive + 0.25 s between looks + poll_timeout 2 s "
         "to ask once more + 0.3 s to act = 4.85 s, that is 9 slots of 0.5 s, but loss_budget is 8; lower poll_timeout "
         "or raise loss_budget"),
        (GROUP + "    trigger: alerts\n    loss_budget: 6\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":3: groups.bp: trigger alerts: 2 empty slots 1 s + 0.3 s for their blocks to arrive + 1 s between looks of the "
         "exporter + 1.3 s through Prometheus and Alertmanager + 0.3 s to act = 3.9 s, that is 7 slots of 0.5 s, but "
         "loss_budget is 6; write `trigger: watch` or raise loss_budget"),
        (GROUP + "    trigger: alerts\n    gone_after: 5s\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":3: groups.bp: gone_after 5 s + 0.3 s to act = 5.3 s, that is 10 slots of 0.5 s, but loss_budget is 8; "
         "lower gone_after or raise loss_budget"),
        (GROUP + "    loss_budget: 3\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":3: groups.bp: gone_after 2 s + 0.3 s to act = 2.3 s, that is 4 slots of 0.5 s, but loss_budget is 3; "
         "lower gone_after or raise loss_budget"),
        (GROUP + "    mode: loose\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":7: groups.bp.mode: Input should be 'strict' or 'bounded'"),
        (GROUP + "    nodes: [{name: a b, url: 'http://a:1'}]\n",
         ":7: groups.bp.nodes[0].name: write 1 to 64 letters, digits, `_`, `.` or `-`"),
        (GROUP + "    nodes: [{name: a, url: 'http://user:pw@a:1'}]\n",
         ":7: groups.bp.nodes[0].url: write an address such as http://10.0.0.1:8888"),
        (GROUP + "    notify: [nobody]\n    nodes: [{name: a, url: 'http://a:1'}]\n",
         ":1: (top level): group bp notifies nobody, which is not among the sinks"),
        ("groups:\n  bp: {chain: eos, producer: bp, nodes: [{name: a, url: 'http://a:1'}]}\n",
         ":3: groups.bp: `witnesses` is missing: name at least one node that does not produce for us, or write "
         "`automation: off`"),
        ("playbook:\n  - when: {a: b}\n    do: [{notify: [ops]}]\n",
         ":2: playbook: rule 1 notifies ops, which is not among the sinks (there are none)"),
        ("playbook:\n  - when: {a: b}\n    do: [{}]\n",
         ":4: playbook[0].do[0]: write exactly one of failover, recover, notify"),
        ("sinks:\n  ops: {type: apprise, url_file: there, fallback: sms}\n",
         ":3: sinks.ops.url_file: the file {tmp}/there cannot be read: No such file or directory"),
        ("notify: {started: [nobody]}\n",
         ":1: (top level): notify names nobody, which is not among the other sinks"),
        ("notify:\n  status: [{at: '25:00', timezone: UTC, notify: ops}]\n",
         ":3: notify.status[0].at: write a time of day in quotes, such as \"07:00\""),
        ("notify:\n  status: [{at: '07:00', timezone: Mars, notify: ops}]\n",
         ":3: notify.status[0].timezone: write a time zone such as Asia/Shanghai or UTC"),
        ("notify: {templates: absent}\n",
         ":2: notify.templates: the folder {tmp}/absent is not there"),
        ("sinks:\n  ops: {type: slack}\n",
         ":3: sinks.ops: write exactly one of webhook_url_file, bot_token_file"),
        ("sinks:\n  ops: {type: telegram}\n",
         ":3: sinks.ops: Input tag 'telegram' found using 'type' does not match any of the expected tags: "
         "'slack', 'wecom_robot', 'wecom_app', 'webhook', 'apprise'"),
        ("sinks:\n  ops: {type: slack, webhook_url_file: absent}\n",
         ":3: sinks.ops.webhook_url_file: the file {tmp}/absent cannot be read: No such file or directory"),
        ("listen: 0.0.0.0:19189\n",
         ":1: (top level): `listen` 0.0.0.0:19189 is reachable from outside: set auth.webhook and auth.operators, or "
         "listen on 127.0.0.1"),
        ("auth: {operators: {alice: {password_bcrypt: plain}}}\n",
         ":2: auth.operators.alice.password_bcrypt: write a bcrypt hash, as `htpasswd -nB NAME` makes it"),
        ("auth: {allow: [everywhere]}\n",
         ":2: auth.allow[0]: write an address or network such as 203.0.113.0/24"),
    ],
    ids=lambda text: text[-40:] if text.startswith(":") else "",
)  # fmt: skip
def test_a_wrong_file_is_refused_with_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text) == expected.replace("{tmp}", str(tmp_path))


def test_a_bare_on_or_off_is_the_word_and_not_a_truth_value(tmp_path: Path) -> None:
    path = tmp_path / "actuator.yml"
    for word in ("on", "off", "shadow"):
        path.write_text(
            f"ledger: x\n{GROUP}    automation: {word}\n    nodes: [{{name: a, url: 'http://a:1'}}]\n"
        )
        assert load(path, Config).groups["bp"].automation is Automation(word)


def test_the_shipped_example_is_valid_with_its_secret_in_place(tmp_path: Path) -> None:
    shipped = (ROOT / "config" / "actuator.yml").read_text()
    path = tmp_path / "actuator.yml"
    path.write_text(shipped)
    (tmp_path / "slack_webhook").write_text("https://hooks.slack.com/services/T/B/x\n")

    assert main(["--config.check", "--config.file", str(path)]) == 0


def test_the_shipped_example_names_every_key(tmp_path: Path) -> None:
    """A key that a user could write stands in the example, in use or commented out."""
    text = (ROOT / "config" / "actuator.yml").read_text()
    found: set[str] = set()
    todo: list[Any] = [Config]
    while todo:
        model = todo.pop()
        for name, field in model.model_fields.items():
            found.add(name)
            stack = [field.annotation]
            while stack:
                part = stack.pop()
                if isinstance(part, type) and hasattr(part, "model_fields"):
                    todo.append(part)
                stack += getattr(part, "__args__", ())

    assert [name for name in sorted(found) if f"{name}:" not in text] == []
    assert yaml.safe_load(text)["groups"]["eosstorebest"]["automation"] == "shadow"


def test_the_loss_budget_reckons_with_the_times_that_the_decision_takes() -> None:
    assert (budget.HANG_SLOTS, budget.LOST_SLOTS) == (SILENT_SLOTS, VACANT)
    assert (budget.ARRIVES, budget.QUEUED_SECONDS) == (ARRIVAL_GRACE, SILENT_TIMEOUT)


@pytest.mark.parametrize("mode", ["strict", "bounded"])
@pytest.mark.parametrize("trigger", ["watch", "alerts"])
def test_the_usual_times_keep_the_usual_budget_of_every_mode_and_trigger(
    tmp_path: Path, mode: str, trigger: str
) -> None:
    """Nobody has to write a budget to switch a mode; 8 blocks are what issue and design allow the alert path."""
    path = tmp_path / "actuator.yml"
    group = (BOUNDED if mode == "bounded" else GROUP) + f"    trigger: {trigger}\n"
    path.write_text(f"ledger: x\n{group}    nodes: [{{name: a, url: 'http://a:1'}}]\n")

    loaded = load(path, Config).groups["bp"]

    assert (loaded.mode, loaded.trigger) == (mode, trigger)
