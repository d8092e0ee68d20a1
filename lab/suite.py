"""Runs the whole test suite: what waits for real servers, and beside it what only computes.

The real-time tests leave the processor idle most of their time; the others fill it at a lower priority, so
that they disturb no node. The exit code is 0 when both parts pass.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence

REAL_TIME = ("tests/integration", "tests/scenarios")
COMPUTING = ("tests/unit", "tests/contract", "tests/conformance", "tests/sim")
NICE = 10


def main(options: Sequence[str] = ()) -> int:
    """`options` go to both pytest runs. The exit code."""
    with tempfile.TemporaryFile() as log:
        argv = ["nice", "-n", str(NICE), *_pytest(options), *COMPUTING]
        computing = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            print(
                "the tests on real servers; the others run beside them and are shown at the end", flush=True
            )
            real_time = subprocess.run([*_pytest(options), *REAL_TIME], check=False).returncode
            code = computing.wait()
        finally:
            computing.kill()
        log.seek(0)
        sys.stdout.write(log.read().decode("utf-8", "replace"))
    return real_time or code


def _pytest(options: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", *options]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
