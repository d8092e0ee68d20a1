"""A real Prometheus on a free port, with the configuration of a test or the demo."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lab.binaries import debian
from lab.ports import free_port
from lab.server import Server
from lab.webcall import answers, get_json, post


class Prometheus(Server):
    """Runs on a configuration text; `files` (rules and the like, by file name) lie next to it."""

    def __init__(self, folder: Path, config: str, files: Mapping[str, str] | None = None) -> None:
        super().__init__("prometheus", folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config_path = folder / "prometheus.yml"
        self._program = debian("prometheus")
        self.write(config, files)

    def write(self, config: str, files: Mapping[str, str] | None = None) -> None:
        """Replace the configuration and add or replace files; `reload` makes it count."""
        self.dir.mkdir(parents=True, exist_ok=True)
        for name, text in (files or {}).items():
            (self.dir / name).write_text(text)
        self.config_path.write_text(config)

    def command(self) -> Sequence[str]:
        """The prometheus argv."""
        return [
            str(self._program),
            f"--config.file={self.config_path}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--storage.tsdb.path={self.dir / 'data'}",
            "--web.enable-lifecycle",
            "--log.level=warn",
        ]

    def ready(self) -> bool:
        """Whether `/-/ready` answers 200."""
        return answers(f"{self.url}/-/ready")

    def reload(self) -> None:
        """Read the configuration again. Raises HttpError with Prometheus's own words when it is wrong."""
        post(f"{self.url}/-/reload")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Instant query: the result's samples as the API has them. Raises HttpError."""
        answer = get_json(f"{self.url}/api/v1/query?{urlencode({'query': expression})}")
        samples: list[dict[str, Any]] = answer["data"]["result"]
        return samples

    def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing alerts as the API has them. Raises HttpError."""
        found: list[dict[str, Any]] = get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return found
