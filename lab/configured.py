"""A Debian server that runs on a configuration text: Prometheus, Alertmanager."""

from collections.abc import Mapping
from pathlib import Path

from lab.binaries import debian
from lab.ports import free_port
from lab.server import Server
from lab.webcall import answers, post


class ConfiguredServer(Server):
    """Has `/-/ready` and `/-/reload`; `files` (by file name) lie next to its configuration."""

    def __init__(
        self, name: str, program: str, folder: Path, config: str, files: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name, folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config_path = folder / f"{name}.yml"
        self.program = debian(program)
        self.write(config, files)

    def write(self, config: str, files: Mapping[str, str] | None = None) -> None:
        """Replace the configuration and add or replace files; `reload` makes it count."""
        self.dir.mkdir(parents=True, exist_ok=True)
        for name, text in (files or {}).items():
            (self.dir / name).write_text(text)
        self.config_path.write_text(config)

    def ready(self) -> bool:
        """Whether `/-/ready` answers 200."""
        return answers(f"{self.url}/-/ready")

    def reload(self) -> None:
        """Read the configuration again. Raises HttpError with the server's own words when it is wrong."""
        post(f"{self.url}/-/reload")
