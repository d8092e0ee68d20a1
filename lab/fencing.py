"""Fences the starts of a chain's members by their config.ini, for as long as a test needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from lab.chain import Chain

FENCED = "pause-on-startup = true\n"


@contextmanager
def starts_fenced(chain: Chain) -> Iterator[None]:
    """Every start of a member comes up paused. Afterwards the files are as before: the chain is shared."""
    files = [node.dir / "config" / "config.ini" for node in chain.members.values()]
    before = {file: file.read_text() if file.exists() else "" for file in files}
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(FENCED)
    try:
        yield
    finally:
        for file, text in before.items():
            file.write_text(text)
