"""What is made of the rules for Kubernetes, and the examples that users copy from."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from alerting import export
from exporter.config import Config
from exporter.discovery import expanded
from nodekit.settings import load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "deploy" / "examples"
OF_A_RULE = {"alert", "annotations", "expr", "for", "keep_firing_for", "labels", "record"}
OF_A_GROUP = {"name", "interval", "rules", "limit", "partial_response_strategy"}
"""What monitoring.coreos.com/v1 knows."""


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_the_prometheusrule_is_that_of_the_rules_now() -> None:
    assert export.EXPORTED.read_text() == export.text(), "run `make docs` (python -m alerting.export --write)"


def test_a_prometheusrule_holds_the_rules_and_nothing_that_kubernetes_would_refuse(tmp_path: Path) -> None:
    made = yaml.safe_load(export.text("monitoring", {"release": "mine"}))
    groups = made["spec"]["groups"]

    assert (made["apiVersion"], made["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert made["metadata"]["namespace"] == "monitoring"
    assert made["metadata"]["labels"] == {"app.kubernetes.io/name": "chainwarden", "release": "mine"}
    assert groups == yaml.safe_load((ROOT / "alerting" / "rules.yml").read_text())["groups"]
    assert all(set(group) <= OF_A_GROUP for group in groups)
    assert all(set(rule) <= OF_A_RULE for group in groups for rule in group["rules"])
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(made["spec"]))
    assert run("promtool", "check", "rules", str(path)).returncode == 0
    assert "&" not in {token[0] for token in export.text().split()}, "no anchors"


def test_a_label_without_a_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        export.main(["--label", "release"])

    assert "write KEY=VALUE" in capsys.readouterr().err


def test_prometheus_and_alertmanager_read_the_examples(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder)
    shutil.copy(ROOT / "alerting" / "rules.yml", folder)

    checked = run("promtool", "check", "config", str(folder / "prometheus.yml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for pattern in ("agents*.yml", "others*.json"):
        (path,) = (folder / "targets").glob(pattern)
        groups = yaml.safe_load(path.read_text()) if path.suffix == ".yml" else json.loads(path.read_text())
        assert all(set(group) <= {"targets", "labels"} and group["targets"] for group in groups)
    routes = run("amtool", "check-config", str(folder / "alertmanager.yml"))
    assert routes.returncode == 0, routes.stdout + routes.stderr
    files = ["-keyout", str(folder / "exporter.key"), "-out", str(folder / "exporter.pem")]
    assert (
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", *files).returncode
        == 0
    )
    web = run("promtool", "check", "web-config", str(folder / "web.yml"))
    assert web.returncode == 0, web.stdout + web.stderr


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("alertname=ChainwardenDown severity=critical", "mail,chainwarden"),
        ("alertname=AntelopeNodeDown severity=critical", "chainwarden"),
        ("alertname=AntelopeProducerDown severity=critical action=eos_failover", "chainwarden"),
    ],
)
def test_only_what_the_actuator_cannot_tell_goes_by_mail_too(labels: str, receivers: str) -> None:
    config = f"--config.file={EXAMPLES / 'alertmanager.yml'}"

    done = run("amtool", "config", "routes", "test", config, *labels.split())

    assert done.stdout.strip() == receivers


def test_the_example_exporter_has_its_nodes_from_the_example_file() -> None:
    config = expanded(load(EXAMPLES / "exporter.yml", Config), EXAMPLES)

    nodes = config.chains["eos"].nodes
    assert set(nodes) == {"tokyo", "singapore", "10.0.0.9:8888", "10.0.0.10:8888"}
    assert nodes["tokyo"].starts_paused
    assert nodes["singapore"].group == "eosstorebest"
