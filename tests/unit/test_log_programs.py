"""Lines that journalctl, docker and podman tell.

Neither journald nor a container engine runs on a test machine: programs of their names stand in, which tell what
a file holds in the documented forms (journalctl --output=json; docker logs --timestamps), and go on as it grows.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.collector import CollectorError
from exporter.configs.logs import Lines
from exporter.logs.source import LineSource, opened, place_as_json
from exporter.logs.wrapped import WrappedLines
from lab.server import poll

STAND_IN = """#!{python}
import json, sys, time
from pathlib import Path
folder, arguments = Path({folder!r}), dict(one.partition("=")[::2] for one in sys.argv[1:])
with (folder / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + chr(10))
file = (folder / "told").open()
if (folder / "refuses").exists():
    sys.exit((folder / "refuses").read_text())
tell = "--lines" not in arguments and "--tail" not in arguments
if not tell:
    file.read()
after = arguments.get("--after-cursor")
while not (folder / "stop").exists():
    line = file.readline()
    if not line:
        time.sleep(0.01)
        continue
    if after:
        after = None if json.dumps(after) in line else after
    elif line.split(" ")[0] >= arguments.get("--since", ""):
        print(line, end="", flush=True)
"""


class Engine:
    """The folder of a stand-in, and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "told").touch()
        for name in ("journalctl", "docker", "podman"):
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(STAND_IN.format(python=sys.executable, folder=str(folder)))
            program.chmod(0o755)

    def tell(self, *lines: str) -> None:
        with (self.folder / "told").open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    made = Engine(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    yield made
    (tmp_path / "stop").touch()


def read(source: LineSource, lines: int) -> list[bytes]:
    found: list[bytes] = []

    def enough() -> bool:
        for block in source.blocks():
            found.extend(block.splitlines())
        return len(found) >= lines

    assert poll(enough, 5), found
    return found


def begun(engine: Engine, source: LineSource, calls: int = 1) -> None:
    """Until the program follows."""
    list(source.blocks())
    assert poll(lambda: len(engine.calls()) == calls, 5)
    time.sleep(0.1)


def entry(cursor: int, message: object) -> str:
    return json.dumps({"__CURSOR": f"s=1;i={cursor}", "MESSAGE": message})


def test_a_unit_is_followed_and_read_on_behind_its_cursor(engine: Engine) -> None:
    lines = Lines(unit="nodeos.service")
    engine.tell(entry(1, "was there before"))
    source = opened(lines)
    begun(engine, source)
    engine.tell(
        entry(2, "one"), entry(3, list("zw\xf6lf".encode("latin-1"))), "no json", entry(4, "two\nlines")
    )

    assert read(source, 4) == [b"one", b"zw\xf6lf", b"two", b"lines"]
    place = place_as_json(source)
    source.close()
    engine.tell(entry(5, "while nobody looked"))
    again = opened(lines, place)
    assert read(again, 1) == [b"while nobody looked"]
    again.close()
    assert "--unit=nodeos.service" in engine.calls()[0] and "--lines=0" in engine.calls()[0]
    assert "--after-cursor=s=1;i=4" in engine.calls()[1]


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_container_is_followed_and_lines_of_the_same_moment_are_told_apart(
    engine: Engine, name: str
) -> None:
    lines = Lines.model_validate({"container": "nodeos", "engine": name})
    source = opened(lines)
    begun(engine, source)
    at = "2026-11-20T19:57:56.651{}Z "
    engine.tell(at.format("1") + "one", at.format("2") + "two", at.format("2") + "three")

    assert read(source, 3) == [b"one", b"two", b"three"]
    place = place_as_json(source)
    source.close()
    engine.tell(at.format("2") + "four of the same moment", at.format("3") + "five")
    again = opened(lines, place)
    assert read(again, 2) == [b"four of the same moment", b"five"]
    assert place_as_json(again) == {"time": "2026-11-20T19:57:56.6513Z", "count": 1}
    again.close()


def test_a_program_that_ends_has_a_reason_and_is_started_again(engine: Engine) -> None:
    source = opened(Lines(container="gone"))
    (engine.folder / "refuses").write_text("Error: No such container: gone")

    def refused() -> bool:
        try:
            list(source.blocks())
        except CollectorError as error:
            assert error.reason == "ended"
            assert "No such container: gone" in str(error)
            return True
        return False

    assert poll(refused, 5)
    (engine.folder / "refuses").unlink()
    begun(engine, source, calls=2)
    engine.tell("2026-11-20T19:57:56.651Z back again")
    assert read(source, 1) == [b"back again"]
    source.close()


def test_what_is_not_read_waits_in_the_pipe(engine: Engine) -> None:
    source = opened(Lines(container="loud"))
    begun(engine, source)
    line = "2026-11-20T19:57:56.651Z " + "x" * 1000
    engine.tell(*[line] * 3000)

    assert len(read(source, 3000)) == 3000
    source.close()


def test_dockers_own_file_is_unwrapped(tmp_path: Path) -> None:
    path = tmp_path / "0-json.log"
    path.touch()
    source = opened(Lines(file=path, wrapped="docker"))
    assert isinstance(source, WrappedLines)
    list(source.blocks())
    with path.open("a") as file:
        for part in ("one\n", "a long line, cut ", "in two\n"):
            file.write(
                json.dumps({"log": part, "stream": "stderr", "time": "2026-11-20T19:57:56.651Z"}) + "\n"
            )
        file.write("damaged\n")

    assert b"".join(source.blocks()) == b"one\na long line, cut in two\n"
