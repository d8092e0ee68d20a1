"""What exporter.yml may say of oracle nodes: their database, and how long a job may be silent."""

from pydantic import Field

from nodekit.settings import Duration, Secret, Settings
from nodekit.words import Time


class Database(Settings):
    """Where a node keeps its jobs."""

    dsn_file: Secret
    """The file with `postgresql://…`, as of a role that may read no more than docs/oracle.md grants."""


class Stagnation(Settings):
    """Silence after which a job is stagnant."""

    default: Duration = 3650.0
    """For jobs that run by themselves and whose specification names no timer."""
    jobs: dict[str, Duration] = Field(default_factory=dict)
    """Job's name → its own threshold, whatever the specification says."""


class Oracle(Settings):
    """An oracle node of Chainlink's kind."""

    database: Database
    interval: Time = 5.0
    """Time between polls: one statement each."""
    timeout: Time = 2.0
    """How long one poll may take."""
    first_timeout: Time = 30.0
    """How long the first one may, which reads all runs once."""
    stagnation: Stagnation = Stagnation()
