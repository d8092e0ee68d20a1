"""Row `faults` of the benchmarks writes down whatever cases ran."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import faults, result
from bench.faultcases import Result

HANG = Result("hang", missed=3, doubled=0, ok=True, strip="AAA...BBBBBB")
STALL = Result("stall", missed=0, doubled=0, ok=True, strip="")
CRASH = Result("crash", missed=3, doubled=0, ok=True, strip="AAA...BBBBBB", keeper=24)
BROKEN = Result("hang", missed=-1, doubled=-1, ok=False, strip="", note="broke down")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(faults, "FOLDER", tmp_path)
    monkeypatch.setattr(result, "FOLDER", tmp_path)
    return tmp_path


def row(folder: Path) -> Any:
    return json.loads((folder / "faults.json").read_text())


def test_cases_without_a_crash_are_written_too_and_have_no_peer(folder: Path) -> None:
    faults._report("faults", [HANG, STALL], 2, "--only hang stall")

    assert (row(folder)["ours"]["max"], row(folder)["ratio"], row(folder)["runs"]) == (3, None, 2)
    assert len((folder / "faults.txt").read_text().splitlines()) == 2


def test_where_crashes_ran_they_alone_are_compared(folder: Path) -> None:
    faults._report("faults", [CRASH, STALL], 2, "")

    assert (row(folder)["ours"]["mean"], row(folder)["ratio"]) == (3, 0.125)


def test_when_every_case_broke_down_no_older_figure_stays(folder: Path) -> None:
    faults._report("faults", [CRASH], 1, "")
    faults._report("faults", [BROKEN], 1, "")

    assert not (folder / "faults.json").exists()
    assert "broke down" in (folder / "faults.txt").read_text()
