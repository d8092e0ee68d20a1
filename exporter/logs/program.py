"""Lines that a program tells for as long as it runs: journalctl, docker or podman."""

import os
import subprocess
import tempfile
from collections.abc import Sequence

from exporter.collector import CollectorError
from exporter.logs.trouble import Trouble

BLOCK = 1 << 20
"""Bytes that are read at once."""
LONGEST = 16 << 20
"""Bytes of a line; what is longer is cut."""


class Program:
    """A running program's output, read without waiting. What is not read yet waits in its pipe."""

    def __init__(self, argv: Sequence[str], *, both: bool = False) -> None:
        """Start it; `both`: what it tells on standard error are lines too. Raises CollectorError."""
        self._name = argv[0]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the program
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if both else self._said,
            )  # fmt: skip
        except OSError as error:
            self._said.close()
            raise CollectorError(Trouble.NO_PROGRAM, f"{argv[0]}: {error.strerror}") from None
        self._rest, self._last = b"", b""
        if self._process.stdout is not None:
            os.set_blocking(self._process.stdout.fileno(), False)

    def lines(self) -> list[bytes]:
        """Whole lines that are there, about a BLOCK at most; none when there is nothing new.

        Raises CollectorError when it has ended and all that it told was read.
        """
        pipe = self._process.stdout
        data: bytes | None = b""
        while pipe is not None and len(self._rest) < BLOCK:
            data = pipe.read(BLOCK)
            if not data:
                break
            self._rest += data
            if b"\n" not in data and len(self._rest) < LONGEST:
                continue
        *whole, self._rest = self._rest.split(b"\n")
        if len(self._rest) > LONGEST:
            whole, self._rest = [*whole, self._rest], b""
        if whole:
            self._last = whole[-1]
        elif data == b"":
            raise CollectorError(Trouble.ENDED, self._ending())
        return whole

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def _ending(self) -> str:
        self._said.seek(0)
        said = (self._said.read(4096) or self._last).decode(errors="replace").strip().splitlines()
        return f"{self._name} ended: {said[-1][:200] if said else 'without a word'}"
