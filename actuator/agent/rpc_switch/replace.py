"""Replaces files in one step: whatever is killed, there is the whole old file or the whole new one."""

import os
from pathlib import Path


def replace_kept(path: Path, data: bytes) -> None:
    """Replace an existing file's content; mode and owner stay, a symbolic link goes on pointing to it.

    Raises OSError, also when the owner cannot be kept; the old file is untouched then.
    """
    real = path.resolve(strict=True)
    found = real.stat()
    write_whole(real, data, mode=found.st_mode & 0o7777, owner=(found.st_uid, found.st_gid))


def write_whole(path: Path, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Write a file beside, make it durable, and move it into place. Raises OSError."""
    new = path.with_name(f".{path.name}.chainwarden-new")
    new.unlink(missing_ok=True)  # left by a crash
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
