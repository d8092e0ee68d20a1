"""Dashboard *Oracle node*: jobs, rounds and transactions; with *Accounts and RPC* every fact of FluxJobMonit."""

from grafana.panels import Board, Panel, Query, Row, Variable
from grafana.shapes import BAD_ABOVE_0, YES_NO, bars, graph, number, table

NODE = '{@,oracle=~"$oracle"}'
JOB = '{@,oracle=~"$oracle",job_name=~"$job_name"}'
BY = "by (oracle, job_name, job_id)"
NAMED = "{{oracle}} {{job_name}}"
JOB_WIDTHS = {
    "Job id": 70, "Kind": 105, "Errors": 70, "Last run": 80, "Round age": 90, "Threshold": 90, "In progress": 95,
    "Last error": 125, "Last round": 125, "Last success": 125, "Noticed": 125, "Created": 110, "Oldest in progress": 135,
    "Round seen": 100, "Round reported": 120,
}  # fmt: skip


def overview() -> list[Panel]:
    """One look."""
    return [
        number(
            "Job errors", "Errors that the node keeps for its jobs now.", "none",
            Query(f"sum by (oracle) (max {BY} (oracle_job_errors{JOB}))", "{{oracle}}"), width=6, height=5, colours=BAD_ABOVE_0,
            runbooks=("OracleJobErrors",),
        ),
        number(
            "Newest head", "Since the node last stored a head of its chain.", "s",
            Query(f"min by (oracle) (oracle_newest_head_age_seconds{NODE})", "{{oracle}}"), width=6, height=5,
            colours=((None, "green"), (30, "yellow"), (120, "red")), runbooks=("OracleNodeSilent",),
        ),
        number(
            "Unconfirmed transactions", "Transactions that are in no block yet.", "none",
            Query(f"max by (oracle) (oracle_transactions_unconfirmed{NODE})", "{{oracle}}"), width=6, height=5,
            colours=((None, "green"), (5, "yellow"), (20, "red")),
            runbooks=("OracleTransactionsStuck",),
        ),
        number(
            "Oldest unconfirmed", "How long the oldest of them has waited.", "s",
            Query(f"max by (oracle) (oracle_transaction_oldest_unconfirmed_age_seconds{NODE})", "{{oracle}}"), width=6, height=5,
            colours=((None, "green"), (120, "yellow"), (600, "red")), nothing="none waits", runbooks=("OracleTransactionsStuck",),
        ),
    ]  # fmt: skip


def jobs() -> list[Panel]:
    """Every job, and over time."""
    return [
        table(
            "Jobs", "What FluxJobMonit looked at: errors, the newest run, the newest round.", "none",
            Query(f"max by (oracle, job_name, job_id, kind) (oracle_job_info{JOB})", "Watched"),
            Query(f"max {BY} (oracle_job_errors{JOB})", "Errors"),
            Query(f"max {BY} (oracle_job_error_last_timestamp_seconds{JOB}) * 1000", "Last error"),
            Query(f"min {BY} (oracle_round_age_seconds{JOB})", "Round age"),
            Query(f"max {BY} (oracle_job_stagnation_threshold_seconds{JOB})", "Threshold"),
            Query(f"max {BY} (oracle_round_timestamp_seconds{JOB}) * 1000", "Last round"),
            Query(f"max {BY} (oracle_job_last_run_id{JOB})", "Last run"),
            Query(f"max {BY} (oracle_job_last_success_timestamp_seconds{JOB}) * 1000", "Last success"),
            Query(f"max {BY} (oracle_job_runs_in_progress{JOB})", "In progress"),
            Query(f"max {BY} (oracle_job_oldest_run_in_progress_age_seconds{JOB})", "Oldest in progress"),
            Query(f"max {BY} (oracle_round_seen{JOB})", "Round seen"),
            Query(f"max {BY} (oracle_round_reported{JOB})", "Round reported"),
            Query(f"max {BY} (oracle_job_error_noticed_timestamp_seconds{JOB}) * 1000", "Noticed"),
            Query(f"max {BY} (oracle_job_created_timestamp_seconds{JOB}) * 1000", "Created"),
            width=24, height=10, hide=("Watched",), first="-Errors", column_colours={"Errors": BAD_ABOVE_0},
            widths=JOB_WIDTHS,
            units={
                "Created": "dateTimeFromNow", "Last error": "dateTimeFromNow", "Noticed": "dateTimeFromNow",
                "Last round": "dateTimeFromNow", "Last success": "dateTimeFromNow", "Round age": "s", "Threshold": "s",
                "Oldest in progress": "s",
            },
            runbooks=("OracleJobErrors", "OracleRoundStagnant", "OracleJobNeverRan"),
        ),
        table(
            "Newest errors", "The newest error of each job, cut and without credentials, and how often it happened.", "none",
            Query(f"max by (oracle, job_name, job_id, error) (oracle_job_newest_error_occurrences{JOB})", "Times"),
            width=16, height=8, first="-Times", widths={"Oracle": 110, "Job name": 140, "Job id": 70, "Times": 70},
            runbooks=("OracleJobErrors",),
        ),
        table(
            "Rights", "Which parts of the database the role may read.", "none",
            Query(f"max by (oracle, part) (oracle_part_readable{NODE})", "Readable"),
            width=8, height=8, column_words={"Readable": YES_NO}, first="Readable", runbooks=("OracleGrantMissing", "OracleDatabaseDown"),
        ),
        graph(
            "Round age", "Since the newest round of each job.", "s",
            Query(f"min {BY} (oracle_round_age_seconds{JOB})", NAMED), width=12, runbooks=("OracleRoundStagnant",),
        ),
        graph("Kept errors", "Errors that the node keeps for its jobs.", "none", Query(f"max {BY} (oracle_job_errors{JOB})", NAMED), width=12),
        bars("New errors", "Occurrences of errors.", "none", Query(f"max {BY} (increase(oracle_job_errors_total{JOB}[$__rate_interval])) > 0", NAMED)),
        bars("Failed runs", "Runs that ended with an error.", "none", Query(f"max {BY} (increase(oracle_job_runs_failed_total{JOB}[$__rate_interval])) > 0", NAMED), runbooks=("OracleRunsFailed",)),
        graph(
            "Unconfirmed over time", "Transactions in no block yet.", "none",
            Query(f"max by (oracle) (oracle_transactions_unconfirmed{NODE})", "{{oracle}}"),
        ),
    ]  # fmt: skip


BOARD = Board(
    uid="chainwarden-oracle",
    title="Oracle node",
    description="Jobs, rounds and transactions of Chainlink-like oracle nodes.",
    source="oracle_part_readable",
    variables=(
        Variable("oracle", "Oracle", "label_values(oracle_part_readable{@}, oracle)"),
        Variable("job_name", "Job name", 'label_values(oracle_job_info{@,oracle=~"$oracle"}, job_name)'),
    ),
    rows=(Row("Overview", overview()), Row("Jobs and transactions", jobs())),
    refresh="30s",
    past="now-6h",
)
