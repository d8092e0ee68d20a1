"""The whole of chainwarden around a lab chain: exporter, actuator, Prometheus, Alertmanager, wired."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.chain import Chain
from lab.packing import OUR_KEY
from lab.ports import free_port
from lab.prometheus import Prometheus
from lab.server import Server, poll
from lab.slack import Slack
from lab.webcall import answers, get_json

GROUP = "eosstorebest"
CLI_TIMEOUT = 120.0


class Program(Server):
    """One of chainwarden's own programs, run as a user would."""

    def __init__(self, name: str, module: str, folder: Path, config: Mapping[str, Any]) -> None:
        super().__init__(name, folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config_path = folder / f"{name}.yml"
        self.module = module
        self.config = {**config, "listen": f"127.0.0.1:{self.port}"}
        folder.mkdir(parents=True, exist_ok=True)
        self.write(self.config)

    def write(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration."""
        self.config_path.write_text(yaml.safe_dump(dict(config), sort_keys=False))

    def environment(self) -> Mapping[str, str]:
        """The checkout's own modules, wherever the process runs."""
        return {"PYTHONPATH": str(CHECKOUT)}

    def command(self) -> Sequence[str]:
        """The program's argv."""
        return [sys.executable, "-m", self.module, "--config.file", str(self.config_path)]

    def ready(self) -> bool:
        """Whether `/-/ready` answers 200."""
        return answers(f"{self.url}/-/ready")


class Stack:
    """Everything but the chain and Slack, which the caller starts. `automation` as in actuator.yml."""

    def __init__(
        self,
        root: Path,
        chain: Chain,
        slack: Slack,
        automation: str = "on",
        limits: Mapping[str, Any] | None = None,
        actuator_module: str = "actuator",
    ) -> None:
        self.chain = chain
        self.exporter = Program("exporter", "exporter", root / "exporter", exporter_config(chain))
        secret = root / "actuator" / "slack_webhook"
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text(slack.webhook_url)
        config = actuator_config(chain, root / "actuator", secret, automation, limits or {})
        self.actuator = Program("actuator", actuator_module, root / "actuator", config)
        hooks = (CHECKOUT / "alerting" / "alertmanager.yml").read_text()
        self.alertmanager = Alertmanager(
            root / "alertmanager", hooks.replace("http://127.0.0.1:19189", self.actuator.url)
        )
        self.prometheus = Prometheus(
            root / "prometheus",
            self._prometheus_config(),
            {"rules.yml": lab_rules()},
        )

    def _prometheus_config(self) -> str:
        text = (CHECKOUT / "alerting" / "prometheus.yml").read_text()
        ports = {
            "127.0.0.1:19188": f"127.0.0.1:{self.exporter.port}",
            "127.0.0.1:19189": f"127.0.0.1:{self.actuator.port}",
            "127.0.0.1:9093": f"127.0.0.1:{self.alertmanager.port}",
        }
        for shipped, ours in ports.items():
            text = text.replace(shipped, ours)
        return text

    @property
    def servers(self) -> tuple[Server, ...]:
        """In the order in which they start."""
        return (self.exporter, self.actuator, self.alertmanager, self.prometheus)

    def start(self) -> None:
        """Start all, each when the one before is ready. Raises ServerError."""
        try:
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all, in the opposite order."""
        for server in reversed(self.servers):
            server.stop()

    def group(self) -> dict[str, Any]:
        """The group's status by the actuator's API. Raises HttpError."""
        found: dict[str, Any] = get_json(f"{self.actuator.url}/api/groups/{GROUP}")
        return found

    def history(self) -> dict[str, Any]:
        """Incidents and steps by the actuator's API, newest first. Raises HttpError."""
        found: dict[str, Any] = get_json(f"{self.actuator.url}/api/history?limit=500")
        return found

    def await_phase(self, phase: str, timeout: float) -> bool:
        """Wait until the group is in a phase; whether it got there."""
        return poll(lambda: bool(self.group()["phase"] == phase), timeout)

    def await_ready(self, timeout: float) -> bool:
        """Wait until the group is steady and every standby could take over; whether it got there."""

        def ready() -> bool:
            group = self.group()
            return group["phase"] == "steady" and all(
                node["active"] or not node["not_ready_because"] for node in group["nodes"]
            )

        return poll(ready, timeout)

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `chainwarden` against this actuator."""
        return subprocess.run(
            self.cli_command(*words),
            env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=CLI_TIMEOUT,
            check=False,
        )

    def cli_command(self, *words: str) -> list[str]:
        """The argv of `chainwarden` against this actuator."""
        return [sys.executable, "-m", "actuator.cli", "--actuator.url", self.actuator.url, *words]

    def cli_json(self, *words: str) -> Any:
        """Run `chainwarden -o json` and read what it prints."""
        return json.loads(self.cli("-o", "json", *words).stdout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def lab_rules() -> str:
    """The shipped rules; a lab chain has four nodes, so that none of them can have five links."""
    rules = yaml.safe_load((CHECKOUT / "alerting" / "rules.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        if rule.get("record") == "antelope:links_wanted:count":
            rule["expr"] = "vector(1)"
    return yaml.safe_dump(rules, sort_keys=False)


def exporter_config(chain: Chain) -> dict[str, Any]:
    """exporter.yml for a lab chain."""
    members = {
        name: {"url": node.url, "role": name, "group": chain.ours, "starts_paused": True}
        for name, node in chain.members.items()
    }
    nodes = {**members, chain.world.name: {"url": chain.world.url, "role": "F"}}
    ours = {"producers": [chain.ours], "public_keys": {chain.ours: OUR_KEY.public}}
    return {"state_dir": "state", "chains": {"eos": {**ours, "nodes": nodes}}}


def actuator_config(
    chain: Chain, folder: Path, secret: Path, automation: str, limits: Mapping[str, Any]
) -> dict[str, Any]:
    """actuator.yml for a lab chain: one group, one Slack."""
    nodes = [
        {"name": name, "url": node.url, "starts_paused": True} for name, node in chain.members.items()
    ]  # fmt: skip
    group = {
        "chain": "eos",
        "producer": chain.ours,
        "automation": automation,
        "nodes": nodes,
        "witnesses": [chain.world.url],
        **limits,
    }
    playbook = [
        {"when": {"alertname": "AntelopeProducerDown"}, "do": [{"failover": {}}]},
        {"when": {"severity": ["critical", "warning"], "action": ""}, "do": [{"notify": ["ops"]}]},
    ]
    return {
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "groups": {GROUP: group},
        "sinks": {"ops": {"type": "slack", "webhook_url_file": str(secret)}},
        "playbook": playbook,
    }
