"""PURE: why lines could not be read."""

from enum import StrEnum


class Trouble(StrEnum):
    """Values of the label `reason` of probes that read logs."""

    NO_FILE = "no_file"
    """There is no such file; one that is being rotated is forgiven for a moment."""
    NO_PERMISSION = "no_permission"
    UNREADABLE = "unreadable"
    """The system refuses to read it."""
    NO_PROGRAM = "no_program"
    """journalctl, docker or podman cannot be started."""
    ENDED = "ended"
    """The program that tells the lines has ended; it is started again at the next look."""
