"""A real Alertmanager on a free port, with the configuration of a test or the demo."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.binaries import debian
from lab.ports import free_port
from lab.server import Server
from lab.webcall import answers, get_json, post


class Alertmanager(Server):
    """Runs on a configuration text; `files` (templates, secrets, by file name) lie next to it."""

    def __init__(self, folder: Path, config: str, files: Mapping[str, str] | None = None) -> None:
        super().__init__("alertmanager", folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config_path = folder / "alertmanager.yml"
        self._program = debian("prometheus-alertmanager")
        self.write(config, files)

    def write(self, config: str, files: Mapping[str, str] | None = None) -> None:
        """Replace the configuration and add or replace files; `reload` makes it count."""
        self.dir.mkdir(parents=True, exist_ok=True)
        for name, text in (files or {}).items():
            (self.dir / name).write_text(text)
        self.config_path.write_text(config)

    def command(self) -> Sequence[str]:
        """The prometheus-alertmanager argv; an empty cluster address keeps it alone."""
        return [
            str(self._program),
            f"--config.file={self.config_path}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--storage.path={self.dir / 'data'}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    def ready(self) -> bool:
        """Whether `/-/ready` answers 200."""
        return answers(f"{self.url}/-/ready")

    def reload(self) -> None:
        """Read the configuration again. Raises HttpError with Alertmanager's own words when it is wrong."""
        post(f"{self.url}/-/reload")

    def send(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Post alerts as Prometheus does: `labels`, `annotations`, `startsAt`, `endsAt`. Raises HttpError."""
        post(f"{self.url}/api/v2/alerts", json.dumps(list(alerts)).encode())

    def alerts(self) -> list[dict[str, Any]]:
        """Active alerts as the API has them. Raises HttpError."""
        found: list[dict[str, Any]] = get_json(f"{self.url}/api/v2/alerts")
        return found
