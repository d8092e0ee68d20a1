"""A real Alertmanager on a free port, with the configuration of a test or the demo."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.configured import ConfiguredServer
from lab.webcall import get_json, post


class Alertmanager(ConfiguredServer):
    """Runs on a configuration text; `files` (templates, secrets, by file name) lie next to it."""

    def __init__(self, folder: Path, config: str, files: Mapping[str, str] | None = None) -> None:
        super().__init__("alertmanager", "prometheus-alertmanager", folder, config, files)

    def command(self) -> Sequence[str]:
        """The prometheus-alertmanager argv; an empty cluster address keeps it alone."""
        return [
            str(self.program),
            f"--config.file={self.config_path}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--storage.path={self.dir / 'data'}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    def send(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Post alerts as Prometheus does: `labels`, `annotations`, `startsAt`, `endsAt`. Raises HttpError."""
        post(f"{self.url}/api/v2/alerts", json.dumps(list(alerts)).encode())

    def alerts(self) -> list[dict[str, Any]]:
        """Active alerts as the API has them. Raises HttpError."""
        found: list[dict[str, Any]] = get_json(f"{self.url}/api/v2/alerts")
        return found
