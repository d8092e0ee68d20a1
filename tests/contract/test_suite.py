"""`make test` runs every folder of tests, and its set-up installs every program that it then asks for."""

import re

import pytest

from lab.binaries import CHECKOUT, DEBIAN_PACKAGES, programs
from lab.suite import COMPUTING, SERVERS


def test_every_folder_with_tests_is_run() -> None:
    folders = {f"tests/{path.parent.name}" for path in (CHECKOUT / "tests").glob("*/test_*.py")}

    assert folders == {*COMPUTING, *SERVERS}


@pytest.mark.parametrize("what", ["demo", "all", "bench"])
def test_the_set_up_installs_every_debian_program_that_it_then_asks_for(what: str) -> None:
    script = (CHECKOUT / "lab" / "setup.sh").read_text()
    demo, _, rest = script.partition('if [ "$what" != demo ]; then')
    tests, _, bench = rest.partition('if [ "$what" = bench ]; then')
    read = {"demo": demo, "all": demo + tests, "bench": demo + tests + bench}[what]
    installed = set(re.findall(r"\bneed ([a-z-]+) ", read))

    assert {DEBIAN_PACKAGES[name] for name in programs(what)} <= installed
    assert ("monit" in installed) == (what == "bench")
