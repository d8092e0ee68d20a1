"""The tables of an oracle node, as far as they are read, in four generations; in a database of lab.postgres."""

from lab.postgres import Postgres

GENERATIONS = ("G0", "G1", "G2", "G3")
"""Migrations up to 0138, 0139 to 0193, 0194 to 0230, from 0231 on."""
PREFIX = {"G0": "public.", "G1": "public.evm_", "G2": "evm.", "G3": "evm."}
COMMON = """
CREATE TABLE pipeline_specs (id serial PRIMARY KEY, dot_dag_source text NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE flux_monitor_specs (id serial PRIMARY KEY, contract_address bytea NOT NULL, idle_timer_period bigint,
  idle_timer_disabled boolean DEFAULT false, drumbeat_enabled boolean DEFAULT false,
  drumbeat_schedule text DEFAULT '', drumbeat_random_delay bigint NOT NULL DEFAULT 0, evm_chain_id numeric(78));
CREATE TABLE jobs (id serial PRIMARY KEY, {link} name varchar(255) UNIQUE, type varchar(255) NOT NULL,
  flux_monitor_spec_id int REFERENCES flux_monitor_specs(id), max_task_duration bigint,
  external_job_id uuid NOT NULL DEFAULT gen_random_uuid(), created_at timestamptz NOT NULL);
CREATE TABLE job_spec_errors (id bigserial PRIMARY KEY, job_id int REFERENCES jobs(id) ON DELETE CASCADE,
  description text NOT NULL, occurrences int NOT NULL DEFAULT 1, created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL, UNIQUE (job_id, description));
CREATE TYPE pipeline_runs_state AS ENUM ('running', 'suspended', 'errored', 'completed');
CREATE TABLE pipeline_runs (id bigserial PRIMARY KEY, pipeline_spec_id int NOT NULL, {pruning} meta jsonb,
  created_at timestamptz NOT NULL, finished_at timestamptz, state pipeline_runs_state NOT NULL DEFAULT 'completed');
CREATE INDEX ON pipeline_runs USING {index} (created_at);
CREATE INDEX ON pipeline_runs USING {index} (finished_at);
CREATE INDEX ON pipeline_runs USING {by_spec} (pipeline_spec_id);
CREATE INDEX ON pipeline_runs (id) WHERE finished_at IS NULL;
CREATE TABLE flux_monitor_round_stats_v2 (id bigserial PRIMARY KEY, aggregator bytea NOT NULL, round_id int NOT NULL,
  num_new_round_logs int NOT NULL DEFAULT 0, num_submissions int NOT NULL DEFAULT 0,
  pipeline_run_id bigint REFERENCES pipeline_runs(id) ON DELETE CASCADE, UNIQUE (aggregator, round_id));
CREATE TYPE {states} AS ENUM ('unstarted', 'in_progress', 'fatal_error', 'unconfirmed', 'confirmed_missing_receipt',
  'confirmed'{finalized});
CREATE TABLE {txes} (id bigserial PRIMARY KEY, nonce bigint, from_address bytea NOT NULL, created_at timestamptz NOT NULL,
  broadcast_at timestamptz, {initial} state {states} NOT NULL DEFAULT 'unstarted', evm_chain_id numeric(78));
CREATE INDEX ON {txes} (evm_chain_id, from_address, state) WHERE state <> 'confirmed'{unsettled};
CREATE TABLE {heads} (id bigserial PRIMARY KEY, number bigint NOT NULL, created_at timestamptz NOT NULL,
  "timestamp" timestamptz NOT NULL, evm_chain_id numeric(78));
"""
LINKED = """
CREATE TABLE job_pipeline_specs (job_id int REFERENCES jobs(id) ON DELETE CASCADE,
  pipeline_spec_id int REFERENCES pipeline_specs(id), is_primary boolean, PRIMARY KEY (job_id, pipeline_spec_id));
"""


def make(server: Postgres, database: str, generation: str) -> str:
    """A database with the empty tables of a generation; its URL."""
    url = server.create(database)
    old = generation in ("G0", "G1")
    text = COMMON.format(
        link=""
        if generation == "G3"
        else "pipeline_spec_id int NOT NULL UNIQUE REFERENCES pipeline_specs(id),",
        pruning="pruning_key int NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,"
        if generation == "G3"
        else "",
        index="brin" if generation == "G0" else "btree",
        by_spec="btree" if generation == "G0" else "hash",
        states="evm.txes_state" if generation == "G3" else "public.eth_txes_state",
        finalized=", 'finalized'" if generation == "G3" else "",
        unsettled=" AND state <> 'finalized'" if generation == "G3" else "",
        txes="public.eth_txes" if old else "evm.txes",
        heads=PREFIX[generation] + "heads",
        initial="" if generation == "G0" else "initial_broadcast_at timestamptz,",
    )
    if not old:
        server.execute(database, "CREATE SCHEMA evm")
    server.execute(database, text)
    if generation == "G3":
        server.execute(database, LINKED)
    return url


class Node:
    """Writes into the tables as the node does; ages are seconds before now, by the database's clock."""

    def __init__(self, server: Postgres, database: str, generation: str) -> None:
        self.url = make(server, database, generation)
        self.generation = generation
        self._server = server
        self._database = database
        self._specs: dict[int, int] = {}

    def sql(self, *statements: str) -> None:
        """Run statements as superuser."""
        self._server.execute(self._database, *statements)

    def job(
        self, number: int, name: str, kind: str = "fluxmonitor", idle: float | None = None, age: float = 9e5
    ) -> int:
        """A job whose pipeline has another id than itself; an idle timer makes it a flux monitor's."""
        spec = number + 100
        self._specs[number] = spec
        self.sql(f"INSERT INTO pipeline_specs VALUES ({spec}, 'ds1', now())")
        flux = "NULL"
        if kind == "fluxmonitor":
            flux = str(number)
            off = idle is None
            self.sql(
                "INSERT INTO flux_monitor_specs (id, contract_address, idle_timer_period, idle_timer_disabled) VALUES"
                f" ({number}, decode(lpad('{number}', 40, '0'), 'hex'), {int((idle or 0) * 1e9)}, {off})"
            )
        column, value = ("", "") if self.generation == "G3" else ("pipeline_spec_id, ", f"{spec}, ")
        self.sql(
            f"INSERT INTO jobs (id, {column}name, type, flux_monitor_spec_id, created_at) VALUES"
            f" ({number}, {value}'{name}', '{kind}', {flux}, now() - interval '{age} s')"
        )
        if self.generation == "G3":
            self.sql(f"INSERT INTO job_pipeline_specs VALUES ({number}, {spec}, true)")
        return number

    def run(self, job: int, age: float, state: str = "completed", number: int | None = None) -> None:
        """A run that began `age` seconds ago and ended at once, or goes on."""
        self.sql(self.run_statement(job, age, state, number))

    def run_statement(self, job: int, age: float, state: str = "completed", number: int | None = None) -> str:
        """What writes it, for a transaction of the test's own."""
        began = f"now() - interval '{age} s'"
        ended = began if state in ("completed", "errored") else "NULL"
        column, value = ("pruning_key, ", f"{job}, ") if self.generation == "G3" else ("", "")
        first, own = ("", "") if number is None else ("id, ", f"{number}, ")
        return (
            f"INSERT INTO pipeline_runs ({first}pipeline_spec_id, {column}created_at, finished_at, state) VALUES"
            f" ({own}{self._specs[job]}, {value}{began}, {ended}, '{state}')"
        )

    def error(self, job: int, text: str, times: int = 1) -> None:
        """An error that happens, as the node writes it."""
        self.sql(
            "INSERT INTO job_spec_errors (job_id, description, occurrences, created_at, updated_at) VALUES"
            f" ({job}, $text${text}$text$, {times}, now(), now()) ON CONFLICT (job_id, description) DO UPDATE"
            f" SET occurrences = job_spec_errors.occurrences + {times}, updated_at = excluded.updated_at"
        )

    def transaction(self, age: float, state: str = "unconfirmed") -> None:
        """A transaction that was made `age` seconds ago."""
        table = "public.eth_txes" if self.generation in ("G0", "G1") else "evm.txes"
        self.sql(
            f"INSERT INTO {table} (from_address, created_at, state)"
            f" VALUES ('\\x01', now() - interval '{age} s', '{state}')"
        )

    def head(self, age: float) -> None:
        """A head that was stored `age` seconds ago."""
        self.sql(
            f"INSERT INTO {PREFIX[self.generation]}heads (number, created_at, timestamp)"
            f" VALUES (1, now() - interval '{age} s', now())"
        )

    def round(self, job: int, number: int, *, answered: bool) -> None:
        """A round of the job's feed."""
        self.sql(
            "INSERT INTO flux_monitor_round_stats_v2 (aggregator, round_id, num_submissions) SELECT"
            f" contract_address, {number}, {int(answered)} FROM flux_monitor_specs WHERE id = {job}"
        )
