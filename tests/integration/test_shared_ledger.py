"""Two actuators on one PostgreSQL: who leads, who performs, what happens when one of them is gone."""

import threading
from collections.abc import Iterator

import pytest

from actuator import groups, lease, steps
from actuator.failover.state import GroupState
from actuator.lease import Leases
from actuator.ledger import Ledger, LedgerError
from actuator.step import Claimed, Lane, Receipt, State, Step
from lab.postgres import Postgres
from lab.server import poll


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture
def pair(server: Postgres, request: pytest.FixtureRequest) -> Iterator[tuple[Ledger, Ledger]]:
    url = server.create(request.node.name[:60])
    opened: list[Ledger] = []
    threads = [threading.Thread(target=lambda: opened.append(Ledger(url))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield opened[0], opened[1]
    for ledger in opened:
        ledger.close()


def step(key: str, target: str = "node:bp/A", group: str | None = "bp") -> Step:
    return Step(
        key=key, action="pause", target=target, reason="test", group=group, epoch=1 if group else None
    )


def test_one_of_two_leads_and_the_other_knows_where_to_find_it(pair: tuple[Ledger, Ledger]) -> None:
    first, second = Leases(pair[0], "one", "http://one"), Leases(pair[1], "two", "http://two")

    assert first.leads("bp") and not second.leads("bp")
    assert second.leader("bp") == "http://one"
    assert second.leads("other") and not first.leads("other")
    pair[0].write(lambda connection: first.confirm(connection, "bp"))
    with pytest.raises(LedgerError, match="went to another actuator"):
        pair[1].write(lambda connection: second.confirm(connection, "bp"))


def test_a_leader_that_does_not_renew_stops_before_another_begins(pair: tuple[Ledger, Ledger]) -> None:
    now = [100.0]
    first, second = Leases(pair[0], "one", "1", clock=lambda: now[0]), Leases(pair[1], "two", "2")
    assert first.leads("bp")
    now[0] += 0.9
    assert first.leads("bp")

    pair[0].write(lambda connection: connection.execute(lease.lease.update().values(until=0.0)))
    assert second.leads("bp")
    now[0] += 0.2

    assert not first.leads("bp"), "it asked again and was told"
    assert first.leader("bp") == "2"


def test_who_cannot_reach_the_ledger_stops_leading_in_time(server: Postgres) -> None:
    ledger = Ledger(server.create("unreachable"))
    now = [0.0]
    mine = Leases(ledger, "one", "1", clock=lambda: now[0])
    assert mine.leads("bp")
    ledger.close()
    ledger.write = lost  # type: ignore[method-assign]

    now[0] = lease.TTL - lease.MARGIN - 0.1
    still = mine.leads("bp")
    now[0] = lease.TTL - lease.MARGIN + 0.1

    assert still and not mine.leads("bp")


def lost(_job: object) -> None:
    raise LedgerError("the ledger cannot be written: connection refused")


def test_a_step_is_claimed_once_and_only_by_who_leads_its_group(pair: tuple[Ledger, Ledger]) -> None:
    first, second = pair
    first.write(lambda connection: groups.save(connection, "bp", GroupState(epoch=1), 1.0))
    for number in range(40):
        first.write(lambda connection, n=number: steps.add(connection, step(f"k{n}", f"t{n}"), 1.0))  # type: ignore[misc]
    first.write(lambda connection: steps.add(connection, step("free", "t", group=None), 1.0))

    def take(ledger: Ledger, led: list[str]) -> list[str]:
        found: list[str] = []
        while (
            claimed := ledger.write(lambda connection: steps.claim(connection, Lane.CONTROL, 2.0, led))
        ) is not None:
            found.append(claimed.step.key)
        return found

    taken: dict[int, list[str]] = {}
    workers = [
        threading.Thread(target=lambda n=n, ledger=ledger, led=led: taken.update({n: take(ledger, led)}))  # type: ignore[misc]
        for n, (ledger, led) in enumerate([(first, ["bp"]), (second, ["bp"]), (second, [])])
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    keys = sorted(key for found in taken.values() for key in found)
    assert keys == sorted([*(f"k{number}" for number in range(40)), "free"])
    assert set(taken[2]) <= {"free"}


def test_two_steps_on_one_target_never_run_at_once_and_a_receipt_frees_it(
    pair: tuple[Ledger, Ledger],
) -> None:
    first, second = pair
    for key in ("a", "b"):
        first.write(lambda connection, key=key: steps.add(connection, step(key, group=None), 1.0))  # type: ignore[misc]

    def claim(ledger: Ledger) -> Claimed | None:
        return ledger.write(lambda connection: steps.claim(connection, Lane.CONTROL, 2.0))

    held = claim(first)
    assert held is not None and claim(second) is None
    first.write(lambda connection: steps.finish(connection, held.step.key, Receipt(State.OK, "done"), 3.0))
    freed = claim(second)
    assert freed is not None and freed.step.key == "b"


def test_a_database_that_stops_and_comes_back_is_used_again(server: Postgres) -> None:
    ledger = Ledger(server.create("restarted"))
    ledger.write(lambda connection: groups.save(connection, "bp", GroupState(epoch=3), 1.0))
    server.kill9()

    with pytest.raises(LedgerError, match="cannot be written"):
        ledger.write(lambda connection: groups.save(connection, "bp", GroupState(epoch=4), 1.0))
    with pytest.raises(LedgerError, match="cannot be read"):
        ledger.read(lambda connection: groups.load(connection, "bp"))
    server.start()

    def epoch() -> int | None:
        state = ledger.read(lambda connection: groups.load(connection, "bp"))
        return None if state is None else state.epoch

    assert poll(lambda: epoch() == 3, 10)
    ledger.close()
