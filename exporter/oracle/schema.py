"""PURE: which generation of tables a node has, what of it the role may read, and the one statement for that.

Generations are told by features, never by versions: jobs are joined to their runs by `pruning_key` (the job's
id) since migration 0231, by `pipeline_spec_id` before; tables of transactions and heads moved to the schema
`evm` with 0194.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TABLES = (
    "public.jobs", "public.pipeline_runs", "public.job_spec_errors", "public.flux_monitor_specs",
    "public.flux_monitor_round_stats_v2", "evm.txes", "public.eth_txes", "evm.heads", "public.evm_heads",
    "public.heads",
)  # fmt: skip
_NAMES = ", ".join(f"'{name}'" for name in TABLES)
DETECT = f"""
SELECT n.nspname || '.' || c.relname, a.attname,
       has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname IN ({_NAMES})
"""  # noqa: S608 - our own constants
"""pg_catalog tells of every column; information_schema hides what is not granted."""

PARTS = ("specs", "runs", "errors", "rounds", "transactions", "heads")
"""What is read besides the jobs, each by itself: one that is not granted does not hide the others."""
SHOWN = 2000
"""Characters of an error's text that leave the database; more than are shown, so that no credential is cut
before it is recognised."""


class UnknownSchemaError(Exception):
    """These are not the tables of an oracle node."""


class NotGrantedError(Exception):
    """The role may not read the jobs."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The statement that reads everything, and which parts are in it."""

    statement: str
    readable: frozenset[str]


class _Columns:
    """What there is and what may be read of it."""

    def __init__(self, rows: Iterable[tuple[str, str, bool]]) -> None:
        self._granted = {(table, column): granted for table, column, granted in rows}

    def exist(self, table: str, *columns: str) -> bool:
        return all((table, column) in self._granted for column in columns)

    def readable(self, table: str | None, *columns: str) -> bool:
        return table is not None and all(self._granted.get((table, column), False) for column in columns)

    def first(self, *tables: str) -> str | None:
        """The first of these tables that there is; all have a column `id` or `created_at`."""
        return next((t for t in tables if self.exist(t, "id") or self.exist(t, "created_at")), None)


def schema_of(rows: Iterable[tuple[str, str, bool]]) -> Schema:
    """From the rows of DETECT. Raises UnknownSchemaError and NotGrantedError."""
    columns = _Columns(rows)
    if columns.exist("public.pipeline_runs", "pruning_key"):
        run_key, job_key = "pruning_key", "id"
    elif columns.exist("public.jobs", "pipeline_spec_id"):
        run_key = job_key = "pipeline_spec_id"
    else:
        raise UnknownSchemaError("there are no jobs of an oracle node in this database")
    wanted = ("id", "name", "type", "created_at", "flux_monitor_spec_id", "max_task_duration", job_key)
    if not columns.readable("public.jobs", *wanted):
        raise NotGrantedError(f"the role may not SELECT ({', '.join(dict.fromkeys(wanted))}) ON jobs")
    parts = {
        "specs": _specs(columns), "runs": _runs(columns, run_key), "errors": _errors(columns),
        "rounds": _rounds(columns), "transactions": _transactions(columns), "heads": _heads(columns),
    }  # fmt: skip
    members = ["'now', extract(epoch FROM clock_timestamp())", f"'jobs', ({_jobs(job_key)})"]
    members += [f"'{name}', ({text})" for name, text in parts.items() if text is not None]
    statement = f"SELECT json_build_object({', '.join(members)})"
    return Schema(statement, frozenset(name for name, text in parts.items() if text is not None))


def _jobs(key: str) -> str:
    return f"""SELECT json_agg(json_build_array(id, name, type, extract(epoch FROM created_at), {key},
        flux_monitor_spec_id, max_task_duration)) FROM public.jobs"""  # noqa: S608 - our own constants


def _specs(columns: _Columns) -> str | None:
    wanted = ("id", "contract_address", "idle_timer_period", "idle_timer_disabled")
    if not columns.readable("public.flux_monitor_specs", *wanted):
        return None
    drum = ("drumbeat_enabled", "drumbeat_schedule")
    beat = "NULL, NULL"
    if columns.readable("public.flux_monitor_specs", *drum):
        beat = ", ".join(drum)
    delay = "drumbeat_random_delay"
    if not columns.readable("public.flux_monitor_specs", delay):
        delay = "NULL"
    return f"""SELECT json_agg(json_build_array(id, encode(contract_address, 'hex'), idle_timer_period,
        idle_timer_disabled, {beat}, {delay})) FROM public.flux_monitor_specs"""  # noqa: S608 - our own constants


def _runs(columns: _Columns, key: str) -> str | None:
    if not columns.readable("public.pipeline_runs", "id", key, "created_at", "finished_at", "state"):
        return None
    # By finished_at, whose index also finds runs that were committed late or took long. By job there is a
    # hash index at most: the newest run of a stalled job would cost a full scan.
    return f"""SELECT json_build_object(
        'finished', (SELECT json_agg(json_build_array(k, last, began, ended, good, failed)) FROM (
            SELECT {key} k, max(id) last, extract(epoch FROM max(created_at)) began,
                extract(epoch FROM max(finished_at)) ended,
                extract(epoch FROM max(finished_at) FILTER (WHERE state = 'completed')) good,
                array_agg(id) FILTER (
                    WHERE state = 'errored' AND finished_at >= to_timestamp(%(fresh)s)) failed
            FROM public.pipeline_runs WHERE finished_at >= to_timestamp(%(since)s) GROUP BY 1) f),
        'open', (SELECT json_agg(json_build_array(k, last, began, n, oldest)) FROM (
            SELECT {key} k, max(id) last, extract(epoch FROM max(created_at)) began, count(*) n,
                extract(epoch FROM min(created_at)) oldest
            FROM public.pipeline_runs WHERE finished_at IS NULL GROUP BY 1) o))"""  # noqa: S608 - see above


def _errors(columns: _Columns) -> str | None:
    if not columns.readable("public.job_spec_errors", "id", "job_id", "occurrences", "updated_at"):
        return None
    text = "NULL"
    if columns.readable("public.job_spec_errors", "description"):
        text = f"CASE WHEN newest = 1 THEN left(description, {SHOWN}) END"
    return f"""SELECT json_agg(
        json_build_array(id, job_id, occurrences, extract(epoch FROM updated_at), {text}))
        FROM (SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY updated_at DESC, id DESC) newest
              FROM (SELECT id, job_id, occurrences, updated_at{", description" if text != "NULL" else ""}
                    FROM public.job_spec_errors) granted) e"""  # noqa: S608 - our own constants


def _rounds(columns: _Columns) -> str | None:
    table = "public.flux_monitor_round_stats_v2"
    if not columns.readable(table, "aggregator", "round_id", "num_submissions"):
        return None
    if not columns.readable("public.flux_monitor_specs", "id", "contract_address"):
        return None
    newest = f"SELECT round_id FROM {table} WHERE aggregator = f.contract_address"  # noqa: S608 - see above
    last = "ORDER BY round_id DESC LIMIT 1"
    return f"""SELECT json_agg(json_build_array(f.id, ({newest} {last}),
        ({newest} AND num_submissions > 0 {last}))) FROM public.flux_monitor_specs f"""  # noqa: S608 - see above


def _transactions(columns: _Columns) -> str | None:
    table = columns.first("evm.txes", "public.eth_txes")
    sent = "initial_broadcast_at"
    if table is not None and not columns.exist(table, sent):
        sent = "broadcast_at"  # before migration 0119
    if not columns.readable(table, "state", "created_at", sent):
        return None
    # An IN list matches the partial index of every generation; a state that is not in the enum is an error.
    return f"""SELECT json_build_array(count(*), extract(epoch FROM min(coalesce({sent}, created_at))))
        FROM {table} WHERE state IN ('unstarted', 'in_progress', 'unconfirmed')"""  # noqa: S608 - see above


def _heads(columns: _Columns) -> str | None:
    table = columns.first("evm.heads", "public.evm_heads", "public.heads")
    if not columns.readable(table, "created_at"):
        return None
    return f"SELECT extract(epoch FROM max(created_at)) FROM {table}"  # noqa: S608 - our own constants
