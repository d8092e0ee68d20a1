"""The ledger's tables (SQLAlchemy Core, so that one schema serves SQLite and PostgreSQL)."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

VERSION = 2
"""Raised with every change; a ledger of another version is refused."""

metadata = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", String(256), nullable=False),
)

episode = Table(
    "episode",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("fingerprint", String(64), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("min_starts_at", Float, nullable=False),
    Column("last_firing_seen", Float, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("heard_at", Float, nullable=False),
    Column("closed_at", Float),
    Column("closed_how", String(16)),
)
Index("episode_fingerprint", episode.c.fingerprint, episode.c.id)
Index(
    "episode_one_open",
    episode.c.fingerprint,
    unique=True,
    sqlite_where=episode.c.closed_at.is_(None),
    postgresql_where=episode.c.closed_at.is_(None),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("received_at", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", Text, nullable=False),
)

step = Table(
    "step",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("key", String(512), nullable=False, unique=True),
    Column("action", String(64), nullable=False),
    Column("target", String(256), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("group", String(128)),
    Column("epoch", Integer),
    Column("episode", _ID),
    Column("state", String(24), nullable=False),
    Column("planned_at", Float, nullable=False),
    Column("run_after", Float, nullable=False),
    Column("not_after", Float),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("claimed_at", Float),
    Column("finished_at", Float),
    Column("detail", Text, nullable=False, server_default=""),
    Column("evidence", String(32), nullable=False, server_default=""),
)
Index("step_state", step.c.state, step.c.lane, step.c.id)
Index("step_group", step.c.group, step.c.epoch)
Index(
    "step_one_per_target",
    step.c.target,
    unique=True,
    sqlite_where=step.c.state == "executing",
    postgresql_where=step.c.state == "executing",
)

group_state = Table(
    "group_state",
    metadata,
    Column("group", String(128), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("state", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
)

incident = Table(
    "incident",
    metadata,
    Column("group", String(128), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(24), nullable=False),
    Column("source", String(128)),
    Column("target", String(128)),
    Column("cause", Text, nullable=False),
    Column("requested_by", String(256), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("outcome", String(32)),
    Column("certificate", JSON),
)

sighting = Table(
    "sighting",
    metadata,
    Column("group", String(128), primary_key=True),
    Column("node", String(128), primary_key=True),
    Column("url", Text, nullable=False),
    Column("answered_at", Float, nullable=False),
    Column("lib_num", _ID),
    Column("lib_moved_at", Float),
)

sink_state = Table(
    "sink_state",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("recent", JSON, nullable=False),
    Column("in_flight", JSON, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("closed_until", Float, nullable=False),
    Column("broken", Text, nullable=False),
    Column("last_success", Float),
)
"""A channel over all actuators: moments of its last messages, steps in the message under way, its rest."""

delivery = Table(
    "delivery",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("sink", String(128), nullable=False),
    Column("at", Float, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("step", String(512), nullable=False),
    Column("steps", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("took", Float, nullable=False),
)
Index("delivery_at", delivery.c.at)

thread = Table(
    "thread",
    metadata,
    Column("sink", String(128), primary_key=True),
    Column("episode", _ID, primary_key=True, autoincrement=False),
    Column("channel", String(64), nullable=False),
    Column("ts", String(64), nullable=False),
)
"""Where a Slack app's first message about an episode stands; later ones go below it."""

shared_token = Table(
    "shared_token",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("asking_until", Float, nullable=False),
)
"""Access tokens that all actuators share, sealed with the secret that they were given for."""

remote_order = Table(
    "remote_order",
    metadata,
    Column("task_id", BigInteger, primary_key=True, autoincrement=False),
    Column("step", String(512), unique=True),
    Column("host", String(128), nullable=False),
    Column("message", JSON, nullable=False),
    Column("sent_at", Float, nullable=False),
    Column("answered_at", Float),
    Column("code", Integer),
    Column("output", Text, nullable=False, server_default=""),
)
"""Commands to agents, written before they are sent; `step` is the control step that asked for one."""
Index("remote_order_open", remote_order.c.answered_at, remote_order.c.sent_at)

lease = Table(
    "lease",
    metadata,
    Column("group", String(128), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("where", Text, nullable=False),
    Column("until", Float, nullable=False),
)
