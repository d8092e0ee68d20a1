"""docker-compose.yml, the Dockerfile and what they mount: read by their own tools, hardened, pinned, without a secret."""

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import showcase
from lab.compose import resolved
from lab.slack import PATH

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose"
PROFILES = {
    "alone": (),
    "ha": ("--env-file", "deploy/compose/ha.env", "--profile", "ha"),
    "demo": ("--env-file", "deploy/compose/demo.env", "--profile", "demo"),
}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    runpy.run_path(str(COMPOSE / "make_secrets.py"))["write"](folder, "http://127.0.0.1:9/x")
    return folder


@pytest.fixture(scope="module", params=PROFILES, ids=str)
def project(request: pytest.FixtureRequest, secrets: Path) -> Mapping[str, Any]:
    return resolved(secrets, *PROFILES[request.param])


def test_every_service_is_hardened_pinned_and_checked(project: Mapping[str, Any]) -> None:
    for name, service in project["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not str(service["user"]).startswith(("0", "root")), name
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", service["image"]), f"{name}: {service['image']}"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert "privileged" not in service and "network_mode" not in service


def test_ports_are_open_on_this_machine_only_and_none_twice(project: Mapping[str, Any]) -> None:
    ports = [str(port) for service in project["services"].values() for port in service.get("ports", ())]

    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_ours_reach_a_node_on_this_machine_by_the_name_that_the_configuration_gives(
    project: Mapping[str, Any],
) -> None:
    assert "host.docker.internal" in (COMPOSE / "config" / "exporter.yml").read_text()
    for name, service in project["services"].items():
        hosts = [str(host).replace("=", ":") for host in service.get("extra_hosts", ())]
        ours = service["image"].startswith("chainwarden:")
        assert hosts == (["host.docker.internal:host-gateway"] if ours else []), name


def test_what_is_mounted_is_there_and_read_only(project: Mapping[str, Any]) -> None:
    for service in project["services"].values():
        for mount in service.get("volumes", ()):
            source, _, mode = mount.partition(":")[0], *mount.rpartition(":")[1:]
            if source.startswith("/"):
                assert Path(source).exists(), mount
                assert mode == "ro", mount
            else:
                assert source in project["volumes"], mount


def test_every_secret_is_written_by_the_script_and_used(project: Mapping[str, Any], secrets: Path) -> None:
    used = {
        secret["source"] for service in project["services"].values() for secret in service.get("secrets", ())
    }

    assert used == set(project["secrets"]) == {path.name for path in secrets.iterdir()}
    text = yaml.safe_dump(project)
    assert [path.name for path in secrets.iterdir() if path.read_text().strip() in text] == []


def test_the_script_keeps_what_is_there_and_closes_the_folder(tmp_path: Path) -> None:
    write = runpy.run_path(str(COMPOSE / "make_secrets.py"))["write"]
    first = write(tmp_path / "s", None)
    before = (tmp_path / "s" / "webhook_token").read_text()

    assert "webhook_token" in first and write(tmp_path / "s", "http://127.0.0.1:9/new") == []
    assert (tmp_path / "s" / "webhook_token").read_text() == before
    assert (tmp_path / "s" / "slack_webhook").read_text() == "http://127.0.0.1:9/new\n"
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700


def test_git_ignores_the_secrets() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "deploy/compose/secrets/webhook_token"], cwd=ROOT, check=False
    )

    assert done.returncode == 0


@pytest.mark.parametrize("folder", ["config", "demo"])
@pytest.mark.parametrize("name", ["exporter", "actuator", "agent"])
def test_the_mounted_configurations_are_valid(folder: str, name: str, secrets: Path, tmp_path: Path) -> None:
    shutil.copytree(COMPOSE / folder, tmp_path / "etc")
    path = tmp_path / "etc" / f"{name}.yml"
    path.write_text(path.read_text().replace("/run/secrets", str(secrets)))
    program = str(Path(sys.executable).parent / f"chainwarden-{name}")

    done = subprocess.run(
        [program, "--config.check", "--config.file", str(path)],
        env={"ACTUATOR_URL": "http://127.0.0.1:19189", "ACTUATOR_NAME": "x"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, f"{path}: valid\n"), done.stderr


def test_prometheus_reads_its_configuration_in_both_profiles(tmp_path: Path) -> None:
    for targets in ("targets", "targets-ha"):
        folder = tmp_path / targets
        shutil.copytree(COMPOSE / targets, folder / "targets")
        shutil.copy(ROOT / "alerting" / "rules.yml", folder)
        text = (COMPOSE / "prometheus.yml").read_text().replace("/etc/prometheus", str(folder))
        (folder / "prometheus.yml").write_text(text)

        done = subprocess.run(
            ["promtool", "check", "config", str(folder / "prometheus.yml")],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

        assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_routes_as_the_sample_does() -> None:
    sample = yaml.safe_load((ROOT / "alerting" / "alertmanager.yml").read_text())
    mounted = yaml.safe_load((COMPOSE / "alertmanager.yml").read_text())
    hook = mounted.pop("receivers")[0]["webhook_configs"][0]
    shown = sample.pop("receivers")[0]["webhook_configs"][0]

    assert mounted == sample
    assert hook.pop("url") == "http://actuators:19189/alerts"
    assert hook["http_config"].pop("authorization") == {"credentials_file": "/run/secrets/webhook_token"}
    del shown["url"]
    assert hook == shown


def test_the_scrape_jobs_are_those_that_dashboards_and_rules_know() -> None:
    sample = (ROOT / "alerting" / "prometheus.yml").read_text()
    jobs = {
        job["job_name"] for job in yaml.safe_load((COMPOSE / "prometheus.yml").read_text())["scrape_configs"]
    }

    assert jobs == set(re.findall(r"job_name: (\S+)", sample))


def test_grafana_is_provisioned_from_what_is_mounted(project: Mapping[str, Any]) -> None:
    grafana = project["services"]["grafana"]
    targets = {mount.split(":")[1]: Path(mount.split(":")[0]) for mount in grafana["volumes"]}
    provisioning = targets["/etc/grafana/provisioning"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "chainwarden.yml").read_text())["providers"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]

    assert list(targets[provider["options"]["path"]].glob("*.json"))
    assert source["url"].strip("${}") in grafana["environment"]


def test_the_demo_watches_the_chain_and_the_slack_that_it_starts() -> None:
    exporter = yaml.safe_load((COMPOSE / "demo" / "exporter.yml").read_text())
    nodes = {name: node["url"] for name, node in exporter["chains"]["eos"]["nodes"].items()}

    assert nodes == {name: f"http://chain:{port}" for name, port in showcase.NODE_PORTS.items()}
    assert (
        COMPOSE / "demo" / "local_slack"
    ).read_text().strip() == f"http://chain:{showcase.SLACK_PORT}{PATH}"


def test_the_image_is_small_pinned_and_runs_as_nobody_in_particular() -> None:
    stages = re.findall(r"^FROM (\S+) AS (\w+)", DOCKERFILE, re.M)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    last = DOCKERFILE[DOCKERFILE.index("AS chainwarden") : DOCKERFILE.index("AS nodeos")]

    assert re.search(r"^ARG PYTHON=3\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.M)
    assert [name for _, name in stages] == ["build", "chainwarden", "nodeos", "demo"]
    assert "USER 65532:65532" in last and "HEALTHCHECK" in last
    assert "pip" not in last and "apt" not in last, "nothing is built where it runs"
    assert f'image.version="{version}"' in last
    assert f"chainwarden:{version}\n" in (ROOT / "docker-compose.yml").read_text()


def test_hadolint_has_no_complaint() -> None:
    hadolint = str(Path(sys.executable).parent / "hadolint")

    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_nothing_that_the_build_copies_is_left_out_of_its_context() -> None:
    """`COPY . .` takes what .dockerignore lets through; the wheel is made of that."""
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shared = [
        pattern for patterns in project["tool"]["setuptools"]["data-files"].values() for pattern in patterns
    ]

    for pattern in [
        *shared,
        "nodekit/x",
        "exporter/x",
        "actuator/x",
        "lab/x",
        "constraints.txt",
        "README.md",
        "LICENSE",
    ]:
        assert any(pattern == name or pattern.startswith(f"{name}/") for name in let_through), pattern
