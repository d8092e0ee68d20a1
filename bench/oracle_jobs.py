"""Oracle node with 2 million runs and 40 jobs: our poll beside psql for each job, as FluxJobMonit asks."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.result import figure, write
from exporter.collectors.jobs import build
from exporter.config import Config
from lab.binaries import postgres
from lab.oracle import Node
from lab.postgres import Postgres

JOBS = 40
RUNS = int(os.environ.get("ORACLE_RUNS", "2000000"))
POLLS = 200
PSQL = shutil.which("psql") or str(postgres("psql"))
"""As the original finds it: on Debian a wrapper in Perl that starts the real one."""
CYCLES = 5
TARGET = "at most 5 ms a poll; at least 500 times less time and CPU than the original's queries"


def fill(node: Node) -> None:
    """Two weeks of runs, all but one job busy until now; the last one has been silent for two days."""
    for number in range(1, JOBS + 1):
        node.job(number, f"feed {number}", idle=3600)
        node.error(number, "failed to fetch answer")
    step = 14 * 86400 / RUNS
    node.sql(
        "INSERT INTO pipeline_runs (pipeline_spec_id, pruning_key, created_at, finished_at)"
        f" SELECT 100 + 1 + n % {JOBS}, 1 + n % {JOBS}, t, t FROM (SELECT n, now() - (({RUNS} - n) * {step})"
        f" * interval '1 s' t FROM generate_series(1, {RUNS}) n) s"
        f" WHERE n % {JOBS} <> {JOBS - 1} OR t < now() - interval '2 days'",
        "VACUUM ANALYZE pipeline_runs",
    )


def originals_queries(job: int) -> list[str]:
    """What it asks of each job when its timers are due; by the right key of this generation."""
    return [
        f"SELECT name FROM jobs WHERE id = {job};",
        f"SELECT description FROM job_spec_errors WHERE job_id = {job}"
        " AND updated_at >= now() - interval '120 s';",
        f"SELECT MAX(id), MAX(created_at) FROM pipeline_runs WHERE pipeline_spec_id = {100 + job};",
    ]


def original(node: Node) -> tuple[float, float]:
    """Wall and client CPU seconds of one of its cycles."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for text in ["SELECT id FROM jobs;", *(q for job in range(1, JOBS + 1) for q in originals_queries(job))]:
        subprocess.run([PSQL, node.url, "-t", "-c", text], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure both in turn; 0 when the target is met."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Postgres(folder / "postgres", shared_buffers="256MB") as server:
            node = Node(server, "node", "G3")
            fill(node)
            dsn = folder / "dsn"
            dsn.write_text(node.url)
            oracle = {"database": {"dsn_file": str(dsn)}}
            (source,) = build(Config.model_validate({"oracles": {"plugin": oracle}}))
            list(source.observe(time.time()))
            ours, polls_cpu, theirs, their_cpu = [], [], [], []
            for _ in range(CYCLES):
                wall, cpu = original(node)
                theirs.append(wall * 1000)
                their_cpu.append(cpu * 1000)
                started = time.process_time()
                for _ in range(POLLS):
                    began = time.monotonic()
                    list(source.observe(time.time()))
                    ours.append((time.monotonic() - began) * 1000)
                polls_cpu.append((time.process_time() - started) * 1000 / POLLS)
            source.close()
    time_ratio = statistics.median(theirs) / statistics.median(ours)
    cpu_ratio = statistics.median(their_cpu) / statistics.median(polls_cpu)
    print(
        f"client CPU: {statistics.median(polls_cpu):.2f} ms beside {statistics.median(their_cpu):.0f} ms;"
        f" {time_ratio:.0f} times less time, {cpu_ratio:.0f} times less CPU"
    )
    ok = statistics.median(ours) <= 5 and min(time_ratio, cpu_ratio) >= 500
    write(
        "oracle-jobs", "ms", figure(ours), "FluxJobMonit's queries by psql", figure(theirs),
        target=TARGET, ok=ok, runs=len(ours), command="make bench ROW=oracle-jobs",
    )  # fmt: skip
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
