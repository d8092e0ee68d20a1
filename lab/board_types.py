"""Dashboards against the types that Grafana publishes: what Grafana does not know is told."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab.binaries import GRAFANA_SCHEMA, TYPESCRIPT, npm_package

TYPES = Path(__file__).with_suffix(".ts")
OPTIONS = ("--strict", "--skipLibCheck", "--noEmit", "--module", "esnext", "--target", "es2022")
"""Library files are not checked, what they declare is used."""


def faults(boards: Mapping[str, str]) -> list[str]:
    """What TypeScript says of dashboards, given as name → JSON; nothing when all is right.

    Raises MissingBinaryError when a package cannot be had, RuntimeError when the types were not found.
    """
    compiler = npm_package(TYPESCRIPT) / "bin" / "tsc"
    with tempfile.TemporaryDirectory(prefix="chainwarden-types-") as temporary:
        folder = Path(temporary)
        scope = folder / "node_modules" / "@grafana"
        scope.mkdir(parents=True)
        (scope / "schema").symlink_to(npm_package(GRAFANA_SCHEMA), target_is_directory=True)
        (folder / TYPES.name).write_text(TYPES.read_text())
        for name, text in boards.items():
            start = f"import type {{ Board }} from './{TYPES.stem}';\nexport const board: Board = "
            (folder / f"{name}.ts").write_text(f"{start}{text};\n")
        command = ["node", str(compiler), *OPTIONS, "--moduleResolution", "bundler", "--preserveSymlinks"]
        files = [f"{name}.ts" for name in boards]
        done = subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True, check=False)
    found = done.stdout.splitlines()
    if any("TS2307" in line for line in found) or bool(done.returncode) != bool(found):
        raise RuntimeError(f"the check itself failed: {done.stdout}{done.stderr}")
    return found
