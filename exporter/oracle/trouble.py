"""PURE: why a database gives no answer, beside the reasons that HTTP has too."""

from enum import StrEnum


class Trouble(StrEnum):
    """Values of the label `reason`."""

    LOCKED = "locked"
    """Somebody holds a lock on a table, as an upgrade of the node does."""
    NO_GRANT = "no_grant"
    """The role may not read what is asked for."""
    NO_DATABASE = "no_database"
    """There is no database or no role of this name."""
    TOO_MANY = "too_many_connections"
    """The server or the role has no connection left."""
