"""A real mosquitto on a free loopback port, with the settings that the docs advise."""

import socket
from collections.abc import Sequence
from pathlib import Path

from lab.binaries import debian
from lab.ports import free_port
from lab.server import Server


class Mosquitto(Server):
    """The broker; its queued messages survive `kill9` as far as mosquitto had saved them."""

    def __init__(self, folder: Path, name: str = "mosquitto", *, settings: Sequence[str] = ()) -> None:
        super().__init__(name, folder)
        self.port = free_port()
        self._settings = settings

    def command(self) -> Sequence[str]:
        """The server's argv."""
        return [str(debian("mosquitto")), "-c", str(self._config())]

    def ready(self) -> bool:
        """Whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.5).close()
        except OSError:
            return False
        return True

    def _config(self) -> Path:
        path = self.dir / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            *(() if any("password_file" in line for line in self._settings) else ("allow_anonymous true",)),
            "persistence true",
            f"persistence_location {self.dir}/",
            "autosave_interval 1",
            "set_tcp_nodelay true",
            "persistent_client_expiration 14d",
            "log_dest stderr",
            *self._settings,
        ]
        if not any(line.startswith("user ") for line in self._settings):
            lines.append("user root")
        path.write_text("\n".join(lines) + "\n")
        return path
