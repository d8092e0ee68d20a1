"""`make test` runs every folder of tests."""

from lab.binaries import CHECKOUT
from lab.suite import COMPUTING, SERVERS


def test_every_folder_with_tests_is_run() -> None:
    folders = {f"tests/{path.parent.name}" for path in (CHECKOUT / "tests").glob("*/test_*.py")}

    assert folders == {*COMPUTING, *SERVERS}
