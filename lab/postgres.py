"""A real PostgreSQL on a free loopback port, with a database and roles that tests ask for."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2

from lab.binaries import postgres
from lab.ports import free_port
from lab.server import Server, ServerError

OWNER = "chainwarden"
"""Superuser of the test server; it needs no password from loopback unless `hba` says otherwise."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "fsync": "off",  # the machine does not lose power in a test; kill -9 needs no fsync
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres(Server):
    """One cluster. PostgreSQL refuses to run as root: then it runs as Debian's user `postgres`."""

    start_timeout = 30.0

    def __init__(self, folder: Path, name: str = "postgres", **settings: str) -> None:
        super().__init__(name, folder)
        self.port = free_port()
        self._settings = {**SETTINGS, **settings, "port": str(self.port)}
        # Another user has to get at the data, and a test's own folder is closed to others.
        self._data = Path(tempfile.mkdtemp(prefix="chainwarden-postgres-"))

    @property
    def hba(self) -> Path:
        """The file that says who may connect; `reload` makes a change count."""
        return self._data / "pg_hba.conf"

    def command(self) -> Sequence[str]:
        """The server's argv."""
        options = [word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")]
        return [*self._become(), str(postgres("postgres")), "-D", str(self._data), *options]

    def ready(self) -> bool:
        """Whether it takes connections."""
        try:
            self.connect("postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def launch(self) -> None:
        """Make the cluster on the first start."""
        if not (self._data / "PG_VERSION").exists():
            self._init()
        super().launch()

    def stop(self, timeout: float = 10.0) -> None:
        """End it with a fast shutdown: TERM would wait for clients to leave."""
        self.send_signal(signal.SIGINT)
        super().stop(timeout)

    def close(self) -> None:
        """End it for good and remove its data."""
        self.stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, database: str, role: str = OWNER) -> str:
        """postgresql://… without a password."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str, role: str = OWNER, **options: Any) -> Any:
        """A psycopg2 connection. Raises psycopg2.OperationalError."""
        return psycopg2.connect(self.url(database, role), connect_timeout=2, **options)

    def create(self, database: str) -> str:
        """A new empty database; its URL."""
        self.execute("postgres", f'CREATE DATABASE "{database}"')
        return self.url(database)

    def execute(self, database: str, *statements: str) -> None:
        """Run statements as superuser, each by itself."""
        connection = self.connect(database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def reload(self) -> None:
        """Read pg_hba.conf and the settings again."""
        self.execute("postgres", "SELECT pg_reload_conf()")

    def _become(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]

    def _init(self) -> None:
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._data, user.pw_uid, user.pw_gid)
        argv = [*self._become(), str(postgres("initdb")), "-D", str(self._data), "-U", OWNER, "-A", "trust"]
        argv += ["-E", "UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd="/")
        if done.returncode:
            raise ServerError(f"initdb failed: {done.stderr.strip()}")
