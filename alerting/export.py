"""The alert rules for Kubernetes: `python -m alerting.export` makes a PrometheusRule of alerting/rules.yml.

Prometheus Operator's kind, monitoring.coreos.com/v1. `--write` makes deploy/kubernetes/prometheusrule.yml.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "alerting" / "rules.yml"
EXPORTED = ROOT / "deploy" / "kubernetes" / "prometheusrule.yml"
NAME = "chainwarden"
HEADER = """\
# Made of alerting/rules.yml by `python -m alerting.export`; edit that. Thresholds that depend on your network
# are the vector(…) in the group chainwarden-records; the comments there say what they mean.
"""


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks, and nothing as a reference to something else."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML calls it so
        """Kubernetes's own tools do not all follow anchors."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def prometheus_rule(
    groups: Sequence[Mapping[str, Any]], namespace: str | None, labels: Mapping[str, str]
) -> Any:
    """The object, as plain values. `labels` are those that your Prometheus's ruleSelector asks for."""
    metadata: dict[str, Any] = {"name": NAME}
    if namespace is not None:
        metadata["namespace"] = namespace
    metadata["labels"] = {"app.kubernetes.io/name": NAME, **labels}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata,
        "spec": {"groups": list(groups)},
    }


def text(namespace: str | None = None, labels: Mapping[str, str] | None = None) -> str:
    """The file's content."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    made = prometheus_rule(groups, namespace, labels or {})
    return HEADER + yaml.dump(made, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the checked-in file, or print one of your own; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m alerting.export", description="Makes a PrometheusRule of alerting/rules.yml."
    )
    parser.add_argument("--namespace", metavar="NAME", help="where it belongs; kubectl decides when left out")
    parser.add_argument(
        "--label", action="append", default=[], type=_pair, metavar="KEY=VALUE",
        help="a label that your Prometheus's ruleSelector asks for, such as release=kube-prometheus-stack",
    )  # fmt: skip
    parser.add_argument(
        "--write", action="store_true", help=f"write {EXPORTED.relative_to(ROOT)}, do not print"
    )
    arguments = parser.parse_args(argv)
    made = text(arguments.namespace, dict(arguments.label))
    if arguments.write:
        EXPORTED.write_text(made, encoding="utf-8")
    else:
        sys.stdout.write(made)
    return 0


def _pair(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not (key and equals and value):
        raise argparse.ArgumentTypeError(f"{given!r}: write KEY=VALUE")
    return key, value


if __name__ == "__main__":
    sys.exit(main())
