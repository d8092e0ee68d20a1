"""A real Prometheus on a free port, with the configuration of a test or the demo."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lab.configured import ConfiguredServer
from lab.webcall import get_json


class Prometheus(ConfiguredServer):
    """Runs on a configuration text; `files` (rules and the like, by file name) lie next to it."""

    def __init__(self, folder: Path, config: str, files: Mapping[str, str] | None = None) -> None:
        super().__init__("prometheus", "prometheus", folder, config, files)

    def command(self) -> Sequence[str]:
        """The prometheus argv."""
        return [
            str(self.program),
            f"--config.file={self.config_path}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--storage.tsdb.path={self.dir / 'data'}",
            "--web.enable-lifecycle",
            "--log.level=warn",
        ]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Instant query: the result's samples as the API has them. Raises HttpError."""
        answer = get_json(f"{self.url}/api/v1/query?{urlencode({'query': expression})}")
        samples: list[dict[str, Any]] = answer["data"]["result"]
        return samples

    def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing alerts as the API has them. Raises HttpError."""
        found: list[dict[str, Any]] = get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return found
