"""docker-compose.yml without Docker: the same commands on the same files, as plain processes on loopback.

docker-compose itself reads the file and resolves variables and profiles. What differs from containers: the
programs are this machine's, names and ports become free loopback ports, and paths lie below a folder.
"""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from lab.binaries import CHECKOUT, debian
from lab.ports import free_port
from lab.postgres import Postgres
from lab.server import Server

NOT_HERE = frozenset({"grafana", "chain"})
"""Grafana is in no registry that Debian or pip use; `chain` is what the lab starts anyway."""
PROGRAMS = {"prom/prometheus": "prometheus", "prom/alertmanager": "prometheus-alertmanager"}
"""Entry points of images whose command is only options."""
SHARED_NAMES = {"alertmanager": {"actuators": "actuator"}, "alertmanager-2": {"actuators": "actuator-2"}}
"""A name of two containers, which Docker resolves to both: here each Alertmanager asks another one."""


def resolved(secrets: Path, *options: str) -> dict[str, Any]:
    """What docker-compose makes of the file, with its secrets in a folder. Raises CalledProcessError."""
    done = subprocess.run(
        ["docker-compose", *options, "config"],
        cwd=CHECKOUT, env={"PATH": "/usr/bin:/bin", "CHAINWARDEN_SECRETS": str(secrets)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


class Container(Server):
    """One service of the file as a process; `ports` maps (service, its port) to a free one."""

    def __init__(
        self, name: str, project: Mapping[str, Any], root: Path, ports: Mapping[tuple[str, int], int]
    ) -> None:
        super().__init__(name, root)
        self._service: Mapping[str, Any] = project["services"][name]
        self._secrets: Mapping[str, Any] = project["secrets"]
        self._names: Sequence[str] = list(project["services"])
        self._ports = ports
        self._targets = [*(mount.split(":")[1] for mount in self._mounts()), "/run/secrets"]

    def command(self) -> Sequence[str]:
        """The service's command, preceded by the entry point that its image has."""
        words = [self.local(word) for word in self._service["command"]]
        entry = PROGRAMS.get(self._service["image"].partition(":")[0])
        if entry is not None:
            return [str(debian(entry)), *words]
        return self._found(words)

    def environment(self) -> Mapping[str, str]:
        """What the service sets."""
        pairs = self._service.get("environment", {}).items()
        return {key: self.local(str(value)) for key, value in pairs}

    def ready(self) -> bool:
        """Whether the container would count as healthy."""
        return self.healthcheck().returncode == 0

    def healthcheck(self) -> "subprocess.CompletedProcess[str]":
        """Run the service's own healthcheck once."""
        kind, *words = [
            self.local(str(word)).replace("$$", "$") for word in self._service["healthcheck"]["test"]
        ]
        argv = ["sh", "-c", *words] if kind == "CMD-SHELL" else self._found(words)
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)

    def prepare(self) -> None:
        """Lay the mounted files and secrets out below the folder."""
        for mount in self._mounts():
            source, target = mount.split(":")[:2]
            if source.startswith("/"):
                self._lay(Path(source), self._below(target))
            else:
                self._below(target).mkdir(parents=True)
        for secret in self._service.get("secrets", ()):
            self._lay(
                Path(self._secrets[secret["source"]]["file"]), self._below(f"/run/secrets/{secret['source']}")
            )

    def port(self, inside: int) -> int:
        """The free port that stands for a port of the container."""
        return self._ports[self.name, inside]

    def local(self, text: str) -> str:
        """A command or a file's text with this machine's ports and paths."""

        def address(match: re.Match[str]) -> str:
            name, port = match[1], int(match[2])
            name = SHARED_NAMES.get(self.name, {}).get(name, name)
            owner = self.name if name in ("0.0.0.0", "127.0.0.1") else name
            return f"127.0.0.1:{self._ports.get((owner, port), port)}"

        names = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        text = re.sub(rf"(?<![\w.-])({names}|actuators|0\.0\.0\.0|127\.0\.0\.1):(\d+)\b", address, text)
        text = re.sub(r"\bhost: (mosquitto), port: (\d+)", self._broker, text)
        text = re.sub(
            r"^listener (\d+)$", rf"listener {self._own(1883)} 127.0.0.1\nuser root", text, flags=re.M
        )
        text = re.sub(r"(?<=-p )1883|^5432$", lambda match: str(self._own(int(match[0]))), text)
        for target in sorted(self._targets, key=len, reverse=True):
            text = re.sub(rf"(?<![\w/.-]){re.escape(target)}(?![\w.-])", str(self._below(target)), text)
        return text

    def _broker(self, match: re.Match[str]) -> str:
        return f"host: 127.0.0.1, port: {self._ports['mosquitto', int(match[2])]}"

    def _own(self, port: int) -> int:
        return self._ports.get((self.name, port), port)

    def _mounts(self) -> list[str]:
        return list(self._service.get("volumes", ()))

    def _below(self, target: str) -> Path:
        return self.dir / target.lstrip("/")

    def _found(self, words: list[str]) -> list[str]:
        """With the program where this machine has it; Python and our programs are this environment's."""
        ours = Path(sys.executable).parent / words[0]
        return [
            str(ours if ours.exists() else shutil.which(words[0], path="/usr/sbin:/usr/bin:/bin")),
            *words[1:],
        ]

    def _lay(self, source: Path, target: Path) -> None:
        files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
        for path in files:
            place = target / path.relative_to(source) if source.is_dir() else target
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(self.local(path.read_text()))


class Ledger(Postgres):
    """The service `postgres`: what its image makes of the command and of POSTGRES_…"""

    def __init__(self, folder: Path, service: Mapping[str, Any], password: str) -> None:
        words = [word for word in service["command"] if "=" in word]
        settings = dict(word.split("=", 1) for word in words) | {"listen_addresses": "127.0.0.1"}
        super().__init__(folder, "postgres", **settings)
        self._password = password

    def await_ready(self, timeout: float | None = None) -> None:
        """Wait for it, give the role its password, then let nobody in without one."""
        super().await_ready(timeout)
        self.execute("postgres", f"ALTER ROLE chainwarden PASSWORD '{self._password}'")
        self.create("chainwarden")
        self.hba.write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        self.send_signal(signal.SIGHUP)


class Compose:
    """All services that can run here; starts them in the file's order of dependence."""

    def __init__(self, folder: Path, secrets: Path, *options: str) -> None:
        project = resolved(secrets, *options)
        services: Mapping[str, Any] = project["services"]
        names = [name for name in services if name not in NOT_HERE]
        ports = {(name, port): free_port() for name in names for port in _ports(services[name])}
        self.containers = {name: Container(name, project, folder / name, ports) for name in names}
        password = (secrets / "ledger_password").read_text().strip()
        self.ledger = Ledger(folder / "postgres", services["postgres"], password)
        ports["postgres", 5432] = self.ledger.port
        for container in self.containers.values():
            container.prepare()
        self._depth = {name: _depth(services, name) for name in names}
        self._order = sorted(names, key=lambda name: self._depth[name])

    def __getitem__(self, name: str) -> Container:
        return self.containers[name]

    def start(self) -> None:
        """Start each when what it depends on is healthy, and wait until all are. Raises ServerError."""
        try:
            for _, names in groupby(self._order, key=lambda name: self._depth[name]):
                level = [self._server(name) for name in names]
                for server in level:
                    server.launch()
                for server in level:
                    server.await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all, dependants first."""
        for name in reversed(self._order):
            self._server(name).stop()
        self.ledger.close()

    def _server(self, name: str) -> Server:
        return self.ledger if name == "postgres" else self.containers[name]


def _ports(service: Mapping[str, Any]) -> set[int]:
    """Ports that a service listens on inside: published ones, and those of its command."""
    published = {int(str(port).split(":")[-1].partition("/")[0]) for port in service.get("ports", ())}
    return published | {9094, 1883, 5432}


def _depth(services: Mapping[str, Any], name: str) -> int:
    """1, or one more than the deepest of what it depends on."""
    return 1 + max((_depth(services, other) for other in services[name].get("depends_on", ())), default=0)
