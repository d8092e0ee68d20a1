"""Lines as Docker's json-file driver keeps them: {"log": "the line\\n", "stream": "stderr", "time": "…"}."""

import json
from collections.abc import Iterator

from exporter.logs.follow import FileLines


class WrappedLines(FileLines):
    """A file of wrapped lines."""

    def blocks(self) -> Iterator[bytes]:
        """As FileLines has it. Lines of more than 16 KiB, which Docker cuts, are whole within a block."""
        for block in super().blocks():
            yield _text(block)


def _text(block: bytes) -> bytes:
    told = []
    for line in block.splitlines():
        try:
            told.append(str(json.loads(line)["log"]))
        except (ValueError, KeyError, TypeError):
            continue
    text = "".join(told).encode(errors="replace")
    return text if text.endswith(b"\n") or not text else text + b"\n"
