"""Where a program serves: the flag for it, who can connect, and what --config.check remarks about that."""

import argparse
import ipaddress

from pydantic import TypeAdapter, ValidationError

from nodekit.words import Listen


def flag(made: argparse.ArgumentParser, more: str = "") -> None:
    """Add `--web.listen-address`; a wrong one is told before anything is read."""
    made.add_argument(
        "--web.listen-address", dest="listen", type=_address, metavar="HOST:PORT",
        help=f"instead of the file's `listen`{more}",
    )  # fmt: skip


def given(arguments: argparse.Namespace) -> dict[str, object]:
    """What the command line says instead of the file."""
    listen = getattr(arguments, "listen", None)
    return {} if listen is None else {"listen": listen}


def loopback(listen: str) -> bool:
    """Whether only this machine can connect."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def plain(listen: str, readable: str, better: str) -> list[str]:
    """What should be known of plain HTTP at this address; nothing on loopback."""
    if loopback(listen):
        return []
    return [f"listen: {listen} is reachable from outside and speaks plain HTTP: {readable}; {better}"]


def _address(text: str) -> str:
    try:
        return TypeAdapter(Listen).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None
