"""The systemd units: what systemd itself says of them, and that they fit the programs and their configurations."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
UNITS = {
    name: ROOT / "deploy" / "systemd" / f"chainwarden-{name}.service"
    for name in ("exporter", "actuator", "agent")
}
INSTALLED = "/opt/chainwarden/bin"


def settings(name: str) -> dict[str, list[str]]:
    """Key → values in order, of the whole unit."""
    found = defaultdict(list)
    for line in UNITS[name].read_text().splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            key, value = line.split("=", 1)
            found[key].append(value)
    return found


def here(name: str, folder: Path) -> Path:
    """The unit with the programs where this environment has them."""
    path = folder / UNITS[name].name
    path.write_text(UNITS[name].read_text().replace(INSTALLED, str(Path(sys.executable).parent)))
    return path


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    done = run("systemd-analyze", "verify", *(str(here(name, tmp_path)) for name in UNITS))

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["exporter", "actuator"])
def test_what_only_talks_to_the_network_is_exposed_little(name: str, tmp_path: Path) -> None:
    threshold = ("--offline=true", "--threshold=20")  # of 100; an ordinary service has 96

    done = run("systemd-analyze", "security", *threshold, str(here(name, tmp_path)))

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", UNITS)
def test_each_unit_checks_its_configuration_before_it_starts(name: str) -> None:
    found = settings(name)
    start = f"{INSTALLED}/chainwarden-{name}"
    config = f"--config.file /etc/chainwarden/{name}.yml"

    assert found["ExecStart"] == [f"{start} {config}"]
    assert found["ExecStartPre"] == [f"{start} --config.check {config}"]


def test_only_what_reloads_on_a_signal_has_a_reload() -> None:
    """SIGHUP would end the other two."""
    reloads = {name for name in UNITS if settings(name)["ExecReload"]}
    handle = {
        name
        for name, main in {"exporter": "exporter", "actuator": "actuator", "agent": "actuator/agent"}.items()
        if "signal.SIGHUP" in (ROOT / main / "__main__.py").read_text()
    }

    assert reloads == handle
    for name in reloads:
        check, hang_up = settings(name)["ExecReload"]
        assert "--config.check" in check, "who reloads a wrong file shall be told"
        assert hang_up == "/bin/kill -HUP $MAINPID"


def test_what_the_agent_started_survives_it() -> None:
    found = settings("agent")

    assert found["KillMode"] == ["process"]
    assert found["OOMPolicy"] == ["continue"]
    for taken in (
        "User",
        "DynamicUser",
        "NoNewPrivileges",
        "ProtectSystem",
        "PrivateTmp",
        "SystemCallFilter",
        "UMask",
    ):
        assert taken not in found, f"{taken}= would hold for the programs that it starts"


@pytest.mark.parametrize("name", UNITS)
def test_what_the_configurations_write_is_in_the_folder_of_the_unit(name: str) -> None:
    (folder,) = settings(name)["StateDirectory"]
    files = [name, "rpc_switch"] if name == "agent" else [name]
    text = "\n".join((ROOT / "config" / f"{file}.yml").read_text() for file in files)

    written = re.findall(r"/var/lib/chainwarden[\w./-]+", text)

    assert written
    assert [path for path in written if not f"{path}/".startswith(f"/var/lib/{folder}/")] == []


def test_secrets_come_as_credentials_into_the_configuration(tmp_path: Path) -> None:
    assert all(settings(name)["LoadCredential"] == ["secrets:/etc/chainwarden/secrets"] for name in UNITS)
    (tmp_path / "secrets_slack_webhook").write_text("http://127.0.0.1:9/x")
    config = yaml.safe_load((ROOT / "config" / "actuator.yml").read_text())
    config["sinks"]["ops"]["webhook_url_file"] = "${CREDENTIALS_DIRECTORY}/secrets_slack_webhook"
    path = tmp_path / "actuator.yml"
    path.write_text(yaml.safe_dump(config))
    program = str(Path(sys.executable).parent / "chainwarden-actuator")

    done = subprocess.run(
        [program, "--config.check", "--config.file", str(path)],
        env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, f"{path}: valid\n"), done.stderr
