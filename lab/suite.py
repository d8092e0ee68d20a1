"""Runs the whole test suite in three lanes at the same time.

What waits for blocks of the shared chain leaves the processor idle most of its time. Beside it run the tests
on other servers and, at a lower priority so that they disturb no node, those that only compute.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

SERVERS = ("tests/integration", "tests/scenarios")
COMPUTING = ("tests/unit", "tests/contract", "tests/conformance", "tests/tools", "tests/sim")
NICE = 10


def main(options: Sequence[str] = ()) -> int:
    """`options` go to every pytest run. Exit code 0 when all three pass."""
    pytest = [sys.executable, "-m", "pytest", "-q", *options]
    lanes = (
        [*pytest, "-m", "not shared_chain", *SERVERS],
        ["nice", "-n", str(NICE), *pytest, *COMPUTING],
    )
    print("the tests on the shared chain; two lanes run beside them and are shown at the end", flush=True)
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile()) for _ in lanes]
        beside = [
            subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
            for argv, log in zip(lanes, logs, strict=True)
        ]
        try:
            codes = [subprocess.run([*pytest, "-m", "shared_chain", *SERVERS], check=False).returncode]
            codes += [lane.wait() for lane in beside]
        finally:
            for lane in beside:
                lane.kill()
        for log in logs:
            log.seek(0)
            sys.stdout.write(log.read().decode("utf-8", "replace"))
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
