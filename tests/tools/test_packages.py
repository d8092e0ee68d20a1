"""The sdist and the wheel: complete, and at work in an environment that holds nothing else of ours."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from lab import packages
from lab.binaries import CHECKOUT

PACKAGES = ("nodekit", "exporter", "actuator")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return packages.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> packages.Installed:
    return packages.install_beside(tmp_path_factory.mktemp("installed") / "venv", built[1])


def files(folder: str) -> set[str]:
    found = (path for path in (CHECKOUT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(CHECKOUT)) for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_every_file_of_the_packages_and_no_test(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
    packed = {name for name in names if name.split("/")[0] in PACKAGES}

    assert packed == set().union(*map(files, PACKAGES))
    rest = {name.split("/")[0].split("-")[0] for name in names - packed}
    assert rest == {"chainwarden"}, "beside the packages: metadata, and what users copy from"


def test_the_sdist_holds_the_whole_project(built: tuple[Path, Path]) -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    there = {name for name in tracked if (CHECKOUT / name).exists()}
    assert there - names <= {".gitignore", ".dockerignore"}


def test_the_metadata_says_what_a_registry_shows(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        told = Parser().parsestr(wheel.read(name).decode())

    assert (told["Name"], told["License-Expression"]) == ("chainwarden", "Apache-2.0")
    assert told["Requires-Python"] == "<3.14,>=3.11"
    assert told["Description-Content-Type"] == "text/markdown"
    assert {line.split(",")[0] for line in told.get_all("Project-URL")} == {
        "Homepage",
        "Documentation",
        "Changelog",
    }
    kinds = told.get_all("Classifier")
    assert all(f"Programming Language :: Python :: 3.{minor}" in kinds for minor in packages.MINORS)


def test_the_wheel_runs_where_nothing_else_of_ours_is(installed: packages.Installed, tmp_path: Path) -> None:
    code = "import actuator, exporter, nodekit; print(*{m.__file__.split('/lib/')[0] for m in (actuator, exporter, nodekit)})"
    assert installed.run("python", "-c", code, cwd=tmp_path).stdout.strip() == str(installed.folder)

    assert packages.complaints(installed, tmp_path) == []


def test_a_broken_wheel_is_complained_about(installed: packages.Installed, tmp_path: Path) -> None:
    """Last here: it spoils the environment."""
    (templates,) = (installed.folder / "lib").glob("python3.*/site-packages/actuator/templates/words.en.yml")
    templates.unlink()

    assert any(line.startswith("actuator.yml: ") for line in packages.complaints(installed, tmp_path))


def test_what_users_copy_from_comes_with_the_wheel(installed: packages.Installed) -> None:
    there = {str(path.relative_to(installed.share)) for path in installed.share.rglob("*") if path.is_file()}

    assert {"config/exporter.yml", "alerting/rules.yml", "systemd/chainwarden-agent.service"} <= there
    boards = {f"dashboards/{path.name}" for path in (CHECKOUT / "grafana" / "dashboards").glob("*.json")}
    assert boards and boards <= there


def test_the_dockerfiles_build_steps_make_an_environment_that_works(tmp_path: Path) -> None:
    """The RUN of the stage `build`, on what .dockerignore lets through; libraries are ours, to save the download."""
    text = (CHECKOUT / "Dockerfile").read_text()
    stage = text[text.index("AS build") : text.index("AS chainwarden")]
    (step,) = re.findall(r"^RUN ((?:.*\\\n)*.*)$", stage, re.M)
    context, made = tmp_path / "source", packages.Installed(tmp_path / "opt")
    for line in (CHECKOUT / ".dockerignore").read_text().splitlines():
        source = CHECKOUT / line[1:]
        if line.startswith("!") and source.is_dir():
            shutil.copytree(source, context / line[1:], ignore=shutil.ignore_patterns("__pycache__"))
        elif line.startswith("!"):
            context.mkdir(exist_ok=True)
            shutil.copy(source, context)

    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        ["sh", "-c", step.replace("/opt/chainwarden", str(made.folder))],
        cwd=context, env={"PATH": f"{bin_folder}:/usr/bin:/bin", "PIP_NO_DEPS": "1", "HOME": str(Path.home())},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    (libraries,) = (made.folder / "lib").glob("python3.*/site-packages")
    assert not (libraries / "pip").exists()
    (libraries / "libraries.pth").write_text(f"{Path(sys.prefix) / libraries.relative_to(made.folder)}\n")
    told = {program: made.run(program, "--version", cwd=tmp_path).stdout for program in packages.PROGRAMS}
    assert {program for program, text in told.items() if text.startswith(f"{program} ")} == set(
        packages.PROGRAMS
    )
