"""From an error row in an oracle node's database to an alert at the actuator; everything looks once a second.

ORACLE_ERRORS (default 30) is how many errors happen, one after the other, at random moments.
"""

import os
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.result import figure, write
from lab.alerting import alerting
from lab.oracle import Node
from lab.postgres import Postgres
from lab.server import poll, stop_watching
from lab.slack import Slack
from lab.webcall import get_json

ERRORS = int(os.environ.get("ORACLE_ERRORS", "30"))
TARGET = "at most 3 s"
LIMIT = 3.0
DEFAULT_TIMER = 120.0
"""DB_ERROR_TIMER as FluxJobMonit ships it: the time between two of its looks at the errors."""


def measure(root: Path) -> list[float]:
    """Seconds of each error, from its commit until the actuator has an alert of its job."""
    rolled, found = random.Random(9), []
    with Postgres(root / "postgres") as server, Slack() as slack:
        node = Node(server, "node", "G3")
        for job in range(1, ERRORS + 1):
            node.job(job, f"feed-{job:03d}", idle=3600)
        (root / "dsn").write_text(node.url)
        oracle = {"interval": "1s", "database": {"dsn_file": str(root / "dsn")}}
        with alerting(root, slack, {"oracles": {"plugin": oracle}}) as stack:
            poll(lambda: len(stack.prometheus.query("oracle_job_errors == 0")) == ERRORS, 30)
            history = f"{stack.actuator.url}/api/history?limit=500"

            def arrived(count: int) -> bool:
                steps = get_json(history)["steps"]
                return sum(one["reason"] == "alert OracleJobErrors is firing" for one in steps) == count

            for job in range(1, ERRORS + 1):
                time.sleep(rolled.random() * 2)
                node.error(job, "failed to fetch answer")
                began = time.monotonic()
                if not poll(partial(arrived, job), 60, every=0.02):
                    raise RuntimeError(f"no alert came for job {job}")
                found.append(time.monotonic() - began)
    stop_watching()
    return found


def main() -> int:
    """0 when every error was an alert within the limit."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    ok = max(found) <= LIMIT
    write(
        "oracle-alerts", "s", figure(found), "FluxJobMonit's time between two looks", figure([DEFAULT_TIMER]),
        target=TARGET, ok=ok, runs=len(found), command="make bench ROW=oracle-alerts",
    )  # fmt: skip
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
