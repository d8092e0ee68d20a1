"""The actuator behind a web file: TLS for everybody, and who gets in by the file or by `auth`."""

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.binaries import CHECKOUT
from tests.integration.test_agent_tls import Encrypted
from tests.unit.test_exporter_discovery import certificate, hashed, status

TOKEN = "a-token-of-alertmanager"
ALERT = json.dumps({"version": "4", "receiver": "r", "alerts": [{
    "status": "firing", "labels": {"alertname": "X"}, "annotations": {}, "startsAt": "2026-11-29T00:00:00Z",
}]}).encode()  # fmt: skip


@dataclass(frozen=True)
class Served:
    """An actuator with TLS, and a folder with its certificate and an operator's password."""

    program: Encrypted
    folder: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.program.port}"

    @property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "cert.pem"))

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        who = ["--username", "alice", "--password-file", str(self.folder / "password")]
        argv = [sys.executable, "-m", "actuator.cli", "--actuator.url", self.url, *who, *words]
        environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def deliver(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}/alerts", data=ALERT, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=5, context=self.trusted) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("actuator")
    certificate(folder)
    (folder / "password").write_text("an operator's")
    (folder / "token").write_text(TOKEN)
    (folder / "web.yml").write_text(
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
        f"basic_auth_users: {{prometheus: '{hashed('scrape')}'}}\n"
    )
    config = {
        "ledger": f"sqlite:///{folder}/ledger.db",
        "auth": {
            "webhook": {"bearer_file": [str(folder / "token")]},
            "operators": {"alice": {"password_file": str(folder / "password")}},
        },
    }
    with Encrypted("actuator", "actuator", folder, config) as program:
        yield Served(program, folder)


@pytest.mark.parametrize(
    ("user", "metrics", "api"),
    [
        ("", 401, 401),
        ("prometheus:x", 401, 401),
        ("prometheus:scrape", 200, 401),
        ("alice:an operator's", 200, 200),
    ],
)
def test_names_of_the_file_read_metrics_and_only_operators_reach_the_api(
    served: Served, user: str, metrics: int, api: int
) -> None:
    asked = [
        status(served.url + path, user, served.trusted) for path in ("/metrics", "/-/healthy", "/api/status")
    ]

    assert asked == [metrics, metrics, api]


def test_alerts_come_in_with_their_token_alone(served: Served) -> None:
    assert [served.deliver(token) for token in (TOKEN, "another", "")] == [200, 401, 401]


def test_nobody_gets_an_answer_without_tls(served: Served) -> None:
    with pytest.raises(OSError):
        status(f"http://127.0.0.1:{served.program.port}/metrics", "prometheus:scrape")


def test_the_operators_tool_trusts_whom_it_is_told_to(served: Served, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate\n")
    done = served.cli("--ca-file", str(served.folder / "cert.pem"), "status")
    stranger = served.cli("status")
    absent = served.cli("--ca-file", str(tmp_path / "absent.pem"), "status")
    empty = served.cli("--ca-file", str(tmp_path / "empty.pem"), "status")

    assert (done.returncode, done.stdout) == (0, "no groups are configured\n"), done.stderr
    assert stranger.returncode == 2
    assert f"{served.url}: its certificate is not trusted: self-signed certificate" in stranger.stderr
    assert (absent.returncode, absent.stderr) == (
        2, f"chainwarden: --ca-file {tmp_path}/absent.pem: No such file or directory\n"
    )  # fmt: skip
    assert (empty.returncode, empty.stderr) == (
        2, f"chainwarden: --ca-file {tmp_path}/empty.pem: no certificates in it\n"
    )  # fmt: skip
