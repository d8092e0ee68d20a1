"""A log is searched: what is counted, quoted and written, once each over restarts."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from exporter.collectors import logfile
from exporter.config import Config
from exporter.logs.records import together
from exporter.logs.shown import shown
from nodekit.settings import load

HEAD = "2026-11-01T00:00:03.145Z "
TRACE = (
    HEAD
    + "[ERROR] can't fetch answer   fluxmonitorv2/flux_monitor.go:946  err=boom\ngithub.com/x.Run\n\t/home/x.go:460\n"
)
INFO = HEAD + "[INFO] all is well\n"


class Watched:
    """A log, its lists and the source that looks at it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.path = folder / "plugin.log"
        self.path.touch()
        (folder / "black").write_text("call failed\nERROR\nfail\n")
        (folder / "white").write_text("NO_ERROR\n^request failed\n")
        log = {
            "file": "plugin.log",
            "black": "black",
            "white": "white",
            "extracts": {"folder": "found"},
            **options,
        }
        (folder / "exporter.yml").write_text(
            json.dumps({"state_dir": str(folder / "state"), "logs": {"plugin": log}})
        )
        self.start()
        self.look()

    def start(self) -> None:
        (self.source,) = logfile.build(load(self.folder / "exporter.yml", Config))

    def write(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def look(self, now: float = 1000.0) -> dict[str, dict[tuple[str, ...], float]]:
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for sample in self.source.observe(now):
            found.setdefault(sample.metric.name, {})[sample.labels[1:]] = sample.value
        return found

    def written(self) -> str:
        return "".join(path.read_text() for path in sorted((self.folder / "found").glob("*")))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_line_counts_for_the_first_pattern_of_the_list_and_white_lines_for_none(watched: Watched) -> None:
    watched.write(INFO + TRACE + "request failed\ncall failed: ERROR\nNO_ERROR fail\n")
    found = watched.look()

    assert found["logfile_matches_total"] == {("call failed",): 1, ("ERROR",): 1, ("fail",): 0}
    assert found["logfile_lines_total"] == {(): 7}
    assert found["logfile_messages_total"][("error",)] == 1
    assert found["logfile_last_match_timestamp_seconds"] == {(): 1000.0}
    assert found["logfile_info"] == {("plugin.log",): 1}


def test_an_error_that_is_the_last_line_is_told_once_however_often_one_looks(watched: Watched) -> None:
    watched.write("call failed\n")
    first = watched.look(1000.0)
    later = [watched.look(1000.0 + 60 * turn) for turn in range(1, 8)]
    watched.source.close()
    watched.start()
    later.append(watched.look(1600.0))

    assert first["logfile_matches_total"][("call failed",)] == 1
    for found in later:
        assert found["logfile_matches_total"] == first["logfile_matches_total"]
        assert found["logfile_last_match_timestamp_seconds"] == {(): 1000.0}
    assert watched.written() == "call failed\n"


def test_nothing_is_told_of_matches_before_there_is_one(watched: Watched) -> None:
    watched.write(INFO)
    found = watched.look()

    assert "logfile_newest_match" not in found
    assert "logfile_last_match_timestamp_seconds" not in found
    assert set(found["logfile_matches_total"].values()) == {0}


def test_the_newest_lines_are_quoted_newest_first_and_without_credentials(watched: Watched) -> None:
    for number in range(7):
        watched.write(f"call failed {number} https://rpc.example.org/v1/KEY?token=abc\n")

    assert list(watched.look()["logfile_newest_match"]) == [
        (str(7 - number), f"call failed {number} https://rpc.example.org") for number in (6, 5, 4, 3, 2)
    ]
    assert "logfile_newest_match" not in watched.look(1000.0 + logfile.NEWS), "these are no news any more"


def test_a_json_message_is_quoted_by_what_it_says() -> None:
    line = b'{"level":"crit","ts":"2026","caller":"x.go:1","msg":"no live nodes","version":"2","err":"x","stacktrace":"y"}'

    assert shown(line) == "[CRIT] no live nodes err=x"
    assert shown(b'{"level":"crit"') == '{"level":"crit"'


def test_a_stack_trace_is_written_with_its_head_also_when_it_comes_later(watched: Watched) -> None:
    head, *rest = TRACE.splitlines(keepends=True)
    watched.write(INFO + head)
    watched.look()
    watched.write(rest[0])
    watched.look()
    watched.write(rest[1] + INFO + "no head of anything\n" + INFO)
    watched.look()

    assert watched.written() == TRACE


def test_a_found_line_of_a_stack_trace_is_written_with_its_head(watched: Watched) -> None:
    watched.write(
        INFO + HEAD + "[WARN] odd\nthe cause\nit did fail\n\tmore\n" + INFO + "a line that did fail\n"
    )
    watched.look()

    assert (
        watched.written()
        == HEAD + "[WARN] odd\nthe cause\nit did fail\n\tmore\n" + INFO + "a line that did fail\n"
    )


def test_a_log_without_known_heads_gives_found_lines_only() -> None:
    block = b"one\nfail\ntwo\n" * 50

    assert together(block, [(4, 8)], unfinished=False) == ([b"fail\n"], False)


def test_found_lines_only_are_written_if_so_wished(tmp_path: Path) -> None:
    watched = Watched(tmp_path, whole=False)
    watched.write(TRACE + "it did fail\n")
    watched.look()

    assert watched.written() == TRACE.splitlines(keepends=True)[0] + "it did fail\n"


def test_a_crash_between_writing_and_noting_it_repeats_no_line(watched: Watched) -> None:
    watched.write("call failed 1\n")
    watched.look()
    state = watched.folder / "state" / "logfile-plugin.json"
    kept = state.read_bytes()
    watched.write("call failed 2\n")
    found = watched.look()
    assert found["logfile_matches_total"][("call failed",)] == 2
    state.write_bytes(kept)  # as a kill -9 before the state was written leaves it
    watched.source.close()
    watched.start()

    assert watched.look()["logfile_matches_total"][("call failed",)] == 2
    assert watched.written() == "call failed 1\ncall failed 2\n"


def test_files_are_begun_anew_and_old_ones_deleted(tmp_path: Path) -> None:
    extracts = {"folder": "found", "prefix": "fm_err_", "every": "1h", "keep": "10d", "largest": 60}
    watched = Watched(tmp_path, extracts=extracts)
    for hour, text in ((0, "call failed a\n"), (0.5, "call failed b\n"), (1.1, "call failed c\n" * 9)):
        watched.write(text)
        watched.look(time.time() + hour * 3600)
    files = sorted((tmp_path / "found").iterdir())

    assert [path.name[:7] for path in files] == ["fm_err_"] * 2
    assert files[0].read_text() == "call failed a\ncall failed b\n"
    assert files[1].read_text() == "call failed c\n" * 4 + "(more lines: the file is full)\n"
    for path in files:
        os.utime(path, (1, 1))
    watched.write("call failed d\n")
    watched.look(time.time() + 10 * 3600)
    assert len(list((tmp_path / "found").iterdir())) == 1


def test_a_folder_that_cannot_be_written_stops_no_counting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    watched = Watched(tmp_path, extracts={"folder": "file/found"})
    watched.write("call failed\n")

    assert watched.look()["logfile_matches_total"][("call failed",)] == 1


def test_the_whole_state_of_a_hundred_thousand_found_lines_is_small(watched: Watched) -> None:
    watched.write("call failed and some more of it\n" * 100_000)
    found = watched.look()

    assert found["logfile_matches_total"][("call failed",)] == 100_000
    assert (watched.folder / "state" / "logfile-plugin.json").stat().st_size < 4000
