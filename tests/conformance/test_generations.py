"""Every generation of nodeos, EOSIO 1.8 to Spring 1.2: the same series, and only what it does not tell is absent."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from exporter.antelope.generation import generation
from exporter.collectors import COLLECTORS
from exporter.config import Config
from exporter.observation import Sample
from exporter.scheduler import Scheduler
from exporter.snapshot import Store, fresh_samples
from lab.generations import BEHIND, CHAIN_ID, KEY, PRODUCERS, RELEASES, Release, Stand
from nodekit.nodeos import Nodeos, UnknownBlockError

OURS = PRODUCERS[0]


@dataclass
class Watched:
    """A stand, and an exporter that looks at it when told to."""

    stand: Stand
    store: Store
    scheduler: Scheduler

    def look(self) -> dict[str, dict[tuple[str, ...], float]]:
        """One look of every probe: metric → labels → value."""
        self.scheduler.look_once()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for sample in self._samples():
            found.setdefault(sample.metric.name, {})[sample.labels] = sample.value
        return found

    def failures(self) -> dict[str, tuple[str, ...]]:
        """Probe → reasons why it ever failed."""
        return {
            record.probe: tuple(reason for reason, _ in record.failures)
            for record in self.store.records()
            if record.failures
        }

    def _samples(self) -> Iterator[Sample]:
        yield from fresh_samples(self.store.records(), time.time())


@pytest.fixture(params=RELEASES, ids=lambda release: release.version)
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    release: Release = request.param
    with Stand(release) as stand:
        nodes = {"A": {"url": stand.url, "group": OURS, "role": "A"}}
        chain = {"producers": [OURS], "public_keys": {OURS: KEY}, "nodes": nodes}
        config = Config.model_validate({"chains": {"eos": chain}})
        store = Store()
        sources = [source for module in COLLECTORS for source in module.build(config)]
        scheduler = Scheduler(sources, store)
        yield Watched(stand, store, scheduler)
        scheduler.stop()


def test_each_generation_gives_all_series(watched: Watched) -> None:
    release = watched.stand.release
    watched.look()
    time.sleep(1)
    found = watched.look()

    assert watched.failures() == {}
    head = found["antelope_head_block_number"]["A",]
    assert found["antelope_last_irreversible_block_number"]["A",] == head - BEHIND
    assert -0.6 < time.time() - found["antelope_head_block_timestamp_seconds"]["A",] < 2
    assert found["antelope_chain_info"] == {("A", CHAIN_ID, release.version): 1}
    assert ("antelope_last_irreversible_block_timestamp_seconds" in found) is release.lib_time
    assert (
        found["antelope_production_paused"] == found["antelope_production_paused_explicitly"] == {("A",): 0}
    )
    assert found["antelope_p2p_connections"] == {("A", "inbound"): 1, ("A", "outbound"): 2}
    assert found["antelope_producer_key_expected"] == {("eos", OURS): 1}
    assert found["antelope_schedule_producers"] == {("eos", "active"): 4}
    assert found["antelope_database_free_bytes"] == {("A",): 900}
    assert found["antelope_api_open"]["A", "producer_rw"] == 1
    assert found["antelope_producer_blocks_missed_total"] == {("eos", name): 0 for name in PRODUCERS}
    assert found["antelope_node_restarts_total"] == {("A",): 0}, "closed connections are no restarts"
    whole = "/v1/chain/get_block" in watched.stand.asked
    assert whole is not release.block_info, "whole blocks are read only where there is nothing smaller"


def test_a_pause_is_explicit_except_where_it_may_be_implicit(watched: Watched) -> None:
    watched.stand.paused = True
    found = watched.look()

    assert found["antelope_production_paused"] == {("A",): 1}
    spring = generation(watched.stand.release.version) == "spring"
    assert found.get("antelope_production_paused_explicitly") == (None if spring else {("A",): 1})


def test_closed_categories_leave_out_what_they_hold_and_no_more(watched: Watched) -> None:
    watched.stand.closed = frozenset({"producer", "db_size"})
    found = watched.look()

    assert watched.failures() == {}
    assert "antelope_production_paused" not in found
    assert "antelope_database_free_bytes" not in found
    assert found["antelope_api_open"]["A", "producer_rw"] == 0
    assert found["antelope_p2p_connections"]["A", "outbound"] == 2


def test_a_block_that_a_node_does_not_have_is_told_by_its_number(watched: Watched) -> None:
    node = Nodeos(watched.stand.url)
    assert node.block(100).producer in PRODUCERS
    with pytest.raises(UnknownBlockError, match=re.escape("has no block 999999999")):
        node.block(999_999_999)
    node.close()
