"""What accounting keeps on disk: whole or not at all, and never in the way."""

from pathlib import Path

import pytest

from exporter.accounting import Mark, Tally
from exporter.books import Books
from exporter.memory import MemoryFile

KEPT = Books(
    "e4c8", {1: ("a",), 2: ("a", "b")}, Tally({"a": 3}, {"a": 1, "b": 0}), 100, Mark(7, 100, "id7", 2), eras=((0, 1), (96, 2)),
)  # fmt: skip


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "production-eos.json"

    MemoryFile(path).save(KEPT)

    assert MemoryFile(path).load() == KEPT
    assert [item.name for item in path.parent.iterdir()] == ["production-eos.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"settled": {}}', '{"settled": {"num": 1}}'])
def test_a_damaged_file_is_not_used_and_said(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)

    assert MemoryFile(path).load() is None
    assert "counting begins anew" in caplog.text


def test_a_first_start_has_no_memory_and_no_complaint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert MemoryFile(tmp_path / "none.json").load() is None
    assert caplog.text == ""


def test_a_folder_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    memory = MemoryFile(tmp_path / "file" / "m.json")

    memory.save(KEPT)
    memory.save(KEPT)

    assert caplog.text.count("cannot be written") == 1
