"""Writes the secrets of docker-compose.yml; needs nothing but Python. Those that are there stay as they are.

    python3 deploy/compose/make_secrets.py --slack-webhook https://hooks.slack.com/services/…

The folder is closed to others (0700). The files in it are not (0444): a container's own user has to read
them, and a bind mount keeps the owner that they have here.
"""

import argparse
import base64
import hashlib
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
RANDOM = ("ledger_password", "webhook_token", "operator_password", "grafana_password")
MQTT_USERS = ("actuator", "agent", "health")
ITERATIONS = 101
NOWHERE = "http://127.0.0.1:9/no-slack-webhook-was-given"


def mosquitto_line(user: str, password: str) -> str:
    """A line of mosquitto's password file: PBKDF2-HMAC-SHA512, as mosquitto_passwd writes it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"{user}:$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def write(folder: Path, slack_webhook: str | None) -> list[str]:
    """Write what is missing, and the Slack webhook if there is one; the names of what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    wanted = {name: secrets.token_urlsafe(24) for name in RANDOM}
    wanted |= {f"mqtt_{user}": secrets.token_urlsafe(24) for user in MQTT_USERS}
    wanted["slack_webhook"] = NOWHERE
    written = [name for name in wanted if not (folder / name).exists()]
    for name in written:
        _put(folder / name, wanted[name])
    if slack_webhook:
        _put(folder / "slack_webhook", slack_webhook)
    lines = [mosquitto_line(user, (folder / f"mqtt_{user}").read_text().strip()) for user in MQTT_USERS]
    _put(folder / "mosquitto_passwords", "".join(lines))
    return written


def main(argv: Sequence[str] | None = None) -> int:
    """Write and say what was written; the exit status."""
    parser = argparse.ArgumentParser(description="Writes the secrets of docker-compose.yml.")
    parser.add_argument("--slack-webhook", metavar="URL", help="the incoming webhook that messages go to")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where; default {FOLDER}")
    arguments = parser.parse_args(argv)
    written = write(arguments.folder, arguments.slack_webhook)
    sys.stdout.write(f"{arguments.folder}: wrote {', '.join(written) or 'nothing new'}\n")
    if (arguments.folder / "slack_webhook").read_text().strip() == NOWHERE:
        sys.stdout.write("no --slack-webhook: messages go nowhere until slack_webhook holds one\n")
    return 0


def _put(path: Path, text: str) -> None:
    """Replace a file in one step, so that nobody reads half of it."""
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    fresh.write_text(text if text.endswith("\n") else f"{text}\n")
    fresh.chmod(0o444)
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
