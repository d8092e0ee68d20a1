"""Builds the sdist and the wheel, installs the wheel where nothing else is, and uses it.

`python -m lab.packages` (`make packages`) does so on every Python that the project runs on and that is here;
the artefacts are in dist/. The exit status is 0 when at least one Python was there and none had a complaint.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.archives import unpack
from lab.binaries import CHECKOUT

MINORS = (11, 12, 13)
PROGRAMS = (
    "chainwarden", "chainwarden-actuator", "chainwarden-agent", "chainwarden-exporter",
    "chainwarden-rpc-switch",
)  # fmt: skip
NOT_SOURCE = (
    ".git",
    ".venv",
    ".lab",
    ".demo",
    ".*_cache",
    ".hypothesis",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
    "node_modules",
)
BACKEND = "import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
TIMEOUT = 300.0
PRIVATE = re.compile(r"\b10\.0\.0\.\d+\b")
"""Addresses of the shipped configurations: examples, where no server is to be asked."""


class PackageError(Exception):
    """Something could not be built or installed; the text ends with what the tool said."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment with chainwarden in it."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def share(self) -> Path:
        """Configurations, rules, dashboards and units to copy from."""
        return self.folder / "share" / "chainwarden"

    def run(self, program: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, with nothing of ours in the environment."""
        return _run([str(self.folder / "bin" / program), *words], cwd)


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is made of it, in `folder`. Raises PackageError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source = work / "source"
        shutil.copytree(CHECKOUT, source, ignore=shutil.ignore_patterns(*NOT_SOURCE), symlinks=True)
        sdist = folder / _built("sdist", source, folder)
        unpack(sdist, work / "unpacked")
        (unpacked,) = (work / "unpacked").iterdir()
        return sdist, folder / _built("wheel", unpacked, folder)


def install(folder: Path, wheel: Path, python: Path) -> Installed:
    """A new environment with the wheel and the libraries that it asks for. Raises PackageError."""
    _must([str(python), "-m", "venv", str(folder)], CHECKOUT)
    made = Installed(folder)
    words = ["-m", "pip", "install", "--quiet", "-c", str(CHECKOUT / "constraints.txt"), str(wheel)]
    _must([str(made.python), *words], CHECKOUT)
    return made


def install_beside(folder: Path, wheel: Path) -> Installed:
    """A new environment with the wheel, which finds its libraries where ours has them: no download.

    Ours is an editable install: a path in a .pth file leads to libraries, not to that. Raises PackageError.
    """
    _must([sys.executable, "-m", "venv", "--without-pip", str(folder)], CHECKOUT)
    made = Installed(folder)
    words = ["--python", str(made.python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    _must([sys.executable, "-m", "pip", *words], CHECKOUT)
    (libraries,) = (folder / "lib").glob("python3.*/site-packages")
    ours = Path(sys.prefix) / libraries.relative_to(folder)
    (libraries / "libraries.pth").write_text(f"{ours}\n")
    return made


def complaints(made: Installed, work: Path) -> list[str]:
    """What does not work of an installed chainwarden; empty when all does. `work` is an empty folder."""
    found = []
    for program in PROGRAMS:
        done = made.run(program, "--version", cwd=work)
        if done.returncode or not done.stdout.startswith(f"{program} "):
            found.append(f"{program} --version: {done.stdout}{done.stderr}")
    configs = usable_configs(made.share / "config", work)
    for name in ("exporter", "actuator", "agent", "rpc_switch"):
        words = ("--config.check", "--config.file", str(configs / f"{name}.yml"))
        done = made.run(f"chainwarden-{name.replace('_', '-')}", *words, cwd=work)
        if done.returncode or not done.stdout.endswith(": valid\n"):
            found.append(f"{name}.yml: {done.stdout}{done.stderr}")
    done = made.run(
        "chainwarden-exporter", "--once", "--config.file", str(configs / "exporter.yml"), cwd=work
    )
    if done.returncode or "\nchainwarden_probe_success{" not in done.stdout:
        found.append(f"--once: {done.stdout[-2000:]}{done.stderr}")
    return found


def usable_configs(shipped: Path, work: Path) -> Path:
    """A copy of the shipped configurations that names no host but this one, with its secrets."""
    folder = work / "config"
    shutil.copytree(shipped, folder)
    for path in folder.glob("*.yml"):
        text = PRIVATE.sub("127.0.0.1", path.read_text()).replace("/var/lib/chainwarden", str(work / "state"))
        path.write_text(text.replace("${RPC_KEY}", "none"))
    (folder / "slack_webhook").write_text("http://127.0.0.1:9/services/none")
    return folder


def pythons() -> dict[int, Path]:
    """Minor version → an interpreter of 3.x that can make virtual environments."""
    found = {}
    for minor in MINORS:
        names = [shutil.which(f"python3.{minor}"), shutil.which("python3")]
        kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))
        for path in [*kept, *(Path(name) for name in names if name)]:
            code = "import ensurepip, sys, venv; print(sys.version_info[1])"
            if _run([str(path), "-c", code], CHECKOUT).stdout.strip() == str(minor):
                found[minor] = path
                break
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Build, install and use on each Python; the exit status."""
    parser = argparse.ArgumentParser(prog="make packages", description="Builds and tries the packages.")
    parser.parse_args(argv)
    shutil.rmtree(CHECKOUT / "dist", ignore_errors=True)
    sdist, wheel = build(CHECKOUT / "dist")
    print(
        f"{sdist.name}  {sdist.stat().st_size // 1024} KiB\n{wheel.name}  {wheel.stat().st_size // 1024} KiB"
    )
    here, bad = pythons(), 0
    for minor in MINORS:
        if minor not in here:
            print(f"Python 3.{minor}: not on this machine, not tried")
            continue
        bad += not _tried(minor, here[minor], wheel)
    return 1 if bad or not here else 0


def _tried(minor: int, python: Path, wheel: Path) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        try:
            made = install(Path(name) / "venv", wheel, python)
        except PackageError as error:
            print(f"Python 3.{minor}: {error}")
            return False
        took = time.monotonic() - began
        (Path(name) / "work").mkdir()
        found = complaints(made, Path(name) / "work")
    print(f"Python 3.{minor}: installed in {took:.0f} s, {'works' if not found else 'DOES NOT WORK'}")
    print("".join(f"  {line}\n" for line in found), end="")
    return not found


def _built(kind: str, source: Path, folder: Path) -> str:
    """The file's name, as the build backend gives it."""
    done = _must([sys.executable, "-W", "ignore", "-c", BACKEND.format(kind=kind), str(folder)], source)
    return done.stdout.strip().splitlines()[-1]


def _must(argv: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    done = _run(argv, cwd)
    if done.returncode:
        raise PackageError(f"{' '.join(argv[:4])} … failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done


def _run(argv: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """With an environment that holds no PYTHONPATH: the checkout must not stand in for the package."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "LANG": "C.UTF-8"}
    return subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
