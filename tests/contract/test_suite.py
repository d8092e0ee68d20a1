"""`make test` runs every folder of tests, and its set-up installs every program that it then asks for."""

import re

import pytest

from lab.binaries import CHECKOUT, DEBIAN_PACKAGES, programs
from lab.suite import COMPUTING, SERVERS


def test_every_folder_with_tests_is_run() -> None:
    folders = {f"tests/{path.parent.name}" for path in (CHECKOUT / "tests").glob("*/test_*.py")}

    assert folders == {*COMPUTING, *SERVERS}


def installed(what: str) -> set[str]:
    """Debian's packages that `lab/setup.sh` may install for `demo`, `all` or `bench`."""
    script = (CHECKOUT / "lab" / "setup.sh").read_text()
    demo, _, rest = script.partition('if [ "$what" != demo ]; then')
    tests, _, bench = rest.partition('if [ "$what" = bench ]; then')
    read = {"demo": demo, "all": demo + tests, "bench": demo + tests + bench}[what]
    return set(re.findall(r"\bneed ([a-z][a-z0-9-]+) ", read)) | set(
        re.findall(r"\.so\.\d+:(\S+?)[;\s]", read)
    )


@pytest.mark.parametrize("what", ["demo", "all", "bench"])
def test_the_set_up_installs_every_debian_program_that_it_then_asks_for(what: str) -> None:
    assert {DEBIAN_PACKAGES[name] for name in programs(what)} <= installed(what)
    assert ("monit" in installed(what)) == (what == "bench")


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", "README.ja.md"])
def test_the_readme_names_every_debian_package_that_the_set_up_installs(page: str) -> None:
    paragraphs = (CHECKOUT / page).read_text(encoding="utf-8").split("\n\n")
    (found,) = (text for text in paragraphs if "`prometheus-alertmanager`" in text)
    named = [word for word in re.findall(r"`([^`]+)`", found) if re.fullmatch(r"[a-z][a-z0-9-]+", word)]
    demo = installed("demo")

    assert sorted(named) == sorted(installed("all"))
    assert set(named[: len(demo)]) == demo, "those of the demo stand first"
