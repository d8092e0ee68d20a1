"""What is known of standbys, starts, APIs, databases and schedules, on a real chain."""

from pathlib import Path

from lab.chain import Chain
from lab.health import heal
from lab.server import poll
from lab.stack import Program, exporter_config
from tests.integration.test_exporter import Series, series, value


def reasons(found: Series, node: str) -> set[str]:
    """Why a standby is not ready."""
    return {
        dict(labels)["reason"]
        for (name, labels), _ in found.items()
        if name == "antelope_standby_unready_reason" and dict(labels)["node"] == node
    }


def test_standbys_starts_apis_and_schedules_of_a_real_chain(chain: Chain, tmp_path: Path) -> None:
    """B is ready; restarted without its pause it is seen so; cut off it is told why it is not ready."""
    config = exporter_config(chain)
    config["chains"]["eos"]["public_keys"] = {chain.ours: "EOS_of_somebody_else"}
    with Program("exporter", "exporter", tmp_path, config) as exporter:
        ours, group = {"chain": "eos", "producer": chain.ours}, {"group": chain.ours}

        def ready(node: str) -> float | None:
            return value(series(exporter), "antelope_standby_ready", **group, node=node)

        assert poll(lambda: reasons(series(exporter), "B") == {"wrong_key"}, 30)
        found = series(exporter)
        assert ready("A") is None, "it is the active one"
        assert value(found, "antelope_producer_key_expected", **ours) == 0
        assert value(found, "antelope_schedule_producers", chain="eos", state="active") == 4
        assert value(found, "antelope_node_on_chain", node="B") == 1
        assert value(found, "antelope_api_open", node="B", category="producer_rw") == 1
        assert value(found, "antelope_api_open", node="B", category="trace_api") == 0
        free = value(found, "antelope_database_free_bytes", node="B")
        assert free is not None
        assert 0 < free < 300e6
        assert value(found, "antelope_production_paused_explicitly", node="B") == 1
        assert value(found, "antelope_node_starts_paused", node="B", how="seen") is None

        chain["B"].restart(paused=False)
        assert poll(
            lambda: value(series(exporter), "antelope_node_starts_paused", node="B", how="seen") == 0, 10
        )
        assert value(series(exporter), "antelope_node_restarts_total", node="B") == 1
        chain["B"].pause()
        chain["B"].cut()
        assert poll(lambda: {"no_links", "head_late"} <= reasons(series(exporter), "B"), 30)
    heal(chain)
