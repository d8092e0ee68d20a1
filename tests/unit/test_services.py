"""Services of this host in the exporter: what is up, what is down, what nobody knows."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.collectors import services
from exporter.config import Config
from exporter.observation import Observation, Record
from exporter.snapshot import fresh_samples
from nodekit.processes import Process
from nodekit.settings import ConfigError, load
from nodekit.used import Used

WORKS = "import time; print(flush=True); [time.sleep(0.001) for _ in range(10**6)]"
Values = dict[tuple[str, ...], float]


def looked(wanted: dict[str, Any]) -> Values:
    """Metric, service and further labels → value, after one look at everything."""
    config = Config.model_validate({"host": "h", "services": wanted})
    now, records = time.time(), []
    for source in services.build(config):
        samples = tuple(source.observe(now))
        records.append(
            Record("services", source.target, 1.0, Observation("services", source.target, now, 0.1, samples))
        )
        source.close()
    found = [*fresh_samples(records, now), *services.derive(config, records, now)]
    assert {sample.labels[0] for sample in found} <= {"h"}
    return {(sample.metric.name, *sample.labels[1:]): sample.value for sample in found}


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-I", "-S", "-c", WORKS, "worker-7301"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it runs, and does not only begin to be loaded
        yield process
        process.kill()


def test_a_running_service_is_up_with_what_it_uses(running: subprocess.Popen[bytes]) -> None:
    found = looked({"web": {"match": "worker-7301", "processes": [1, 3]}, "gone": {"match": "no-such-7301"}})

    assert found["service_up", "web"] == found["service_check_up", "web", "process"] == 1
    assert found["service_processes", "web"] == 1
    assert (found["service_processes_least", "web"], found["service_processes_most", "web"]) == (1, 3)
    assert abs(found["service_start_time_seconds", "web"] - time.time()) < 10
    assert found["service_resident_memory_bytes", "web"] > 1 << 20
    assert 0 <= found["service_cpu_seconds_total", "web"] < 10
    assert (found["service_up", "gone"], found["service_processes", "gone"]) == (0, 0)
    assert ("service_start_time_seconds", "gone") not in found
    assert ("service_resident_memory_bytes", "gone") not in found

    running.kill()  # a zombie until we wait for it
    time.sleep(0.05)

    assert looked({"web": {"match": "worker-7301"}})["service_up", "web"] == 0


def test_a_service_is_down_when_any_of_its_checks_fails(
    running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    beat = tmp_path / "beat"
    beat.touch()
    os.utime(beat, (time.time() - 100,) * 2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        found = looked({
            "open": {"tcp": f"127.0.0.1:{port}", "match": "worker-7301"},
            "closed": {"tcp": "127.0.0.1:9", "match": "worker-7301"},
            "deaf": {"http": f"http://127.0.0.1:{port}/", "timeout": "200ms"},
            "beats": {"heartbeat": {"file": str(beat), "within": "2m"}},
            "late": {"heartbeat": {"file": str(beat), "within": "1m"}},
            "never": {"heartbeat": {"file": str(tmp_path / "none"), "within": "1m"}},
        })  # fmt: skip

    up = {name: value for (metric, name, *_), value in found.items() if metric == "service_up"}
    assert up == {"open": 1, "closed": 0, "deaf": 0, "beats": 1, "late": 0, "never": 0}
    assert found["service_check_up", "closed", "process"] == 1
    assert found["service_check_up", "closed", "tcp"] == 0
    assert abs(found["service_heartbeat_age_seconds", "late"] - (time.time() - 100)) < 5
    assert ("service_heartbeat_age_seconds", "never") not in found


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def test_an_address_must_answer_with_success() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        found = looked(
            {"good": {"http": f"{at}/204"}, "bad": {"http": f"{at}/503"}, "moved": {"http": f"{at}/302"}}
        )
        server.shutdown()

    assert [found["service_up", name] for name in ("good", "bad", "moved")] == [1, 0, 0]


def test_what_is_not_known_is_absent() -> None:
    config = Config.model_validate(
        {"services": {"web": {"match": "a-7302", "tcp": "127.0.0.1:9"}, "it": {"match": "b-7302"}}}
    )
    first = next(iter(services.build(config)))
    now = time.time()
    one = Record("services", "processes", 1.0, Observation("services", "processes", now, 0.0, (
        services.CHECK.sample(1, config.host, "web", "process"), services.CHECK.sample(0, config.host, "it", "process"),
    )))  # fmt: skip

    def said(moment: float, metric: str) -> dict[str, float]:
        derived = services.derive(config, [one], moment)
        return {sample.labels[1]: sample.value for sample in derived if sample.metric.name == metric}

    assert said(now, "service_up") == {"it": 0}, "nothing is known of web's port yet"
    assert said(now, "service_state_unknown") == {"web": 1, "it": 0}
    assert said(now + 4, "service_up") == {}, "and what is old is not known any more"
    assert said(now + 4, "service_state_unknown") == {"web": 1, "it": 1}
    assert first.interval == 1.0


def test_the_cpu_counter_never_falls_when_a_worker_ends() -> None:
    used, master, worker = Used(), Process(1, 1, 0, ()), Process(2, 5, 1, ())

    assert used.add([(master, 2.0), (worker, 500.0)]) == 502.0
    assert used.add([(master, 3.0)]) == 503.0
    assert used.add([(master, 3.0), (Process(2, 99, 1, ()), 1.0)]) == 504.0, "the pid again, another process"
    assert used.add([]) == 504.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "services.web: write `match`, `pid_file`, `unit`, `tcp`, `http` or `heartbeat`"),
        ("{tcp: '127.0.0.1:80', processes: 2}", "services.web: `user`, `cwd`, `parent` and `processes` need"),
        ("{match: '(x'}", "services.web.match: no regular expression: unclosed group"),
        ("{match: 'x*'}", "services.web.match: matches everything"),
        ("{match: x, user: nobody-7303}", "services.web.user: there is no user nobody-7303 here"),
        ("{match: x, processes: [3, 2]}", "services.web: `processes`: write a number from 1, or"),
        ("{unit: a/b}", "services.web.unit: write a unit such as nginx.service"),
        ("{matches: x}", "services.web.matches: unknown key; did you mean `match`?"),
    ],
)
def test_wrong_services_are_refused_with_their_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text(f"services:\n  web: {text}\n")

    with pytest.raises(ConfigError) as caught:
        load(file, Config)

    assert f"{file}:2: {told}" in str(caught.value)


def test_config_check_remarks_an_expression_that_finds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text("services:\n  web: {match: no-such-7304}\n  me: {match: 'chainwarden|config.check'}\n")

    done = subprocess.run(
        [sys.executable, "-m", "exporter", "--config.check", "--config.file", file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, f"{file}: valid\n")
    assert f"{file}: services.web: no process is found now; try `chainwarden procmatch`\n" in done.stderr
    assert (
        f"{file}: services.me: `match` fits this program's own command line too; we are left out\n"
        in done.stderr
    )
