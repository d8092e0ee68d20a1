"""`python -m lab.pictures`: draws the main messages with Chromium into docs/images."""

import subprocess
import sys
import tempfile
from pathlib import Path

from actuator.notify.samples import SAMPLES
from actuator.notify.texts import Texts
from actuator.sinks.slackform import slack_payload
from lab.binaries import CHECKOUT, debian
from lab.slack_html import page

IMAGES = CHECKOUT / "docs" / "images"
NOW = 1_700_000_000.0
PICTURES = {
    "messages-failover": (("notice", "notice_verified"), 650),
    "messages-alerts": (
        ("node", "no_failover", "node_resolved", "oracle", "log", "service", "outcome_failed"),
        2350,
    ),
    "messages-status": (("status", "deadman", "started"), 1110),
}
"""File → samples in it, height in pixels."""
DONE = [
    {
        "action": "failover",
        "target": "group:eosstorebest",
        "group": "eosstorebest",
        "state": "ok",
        "detail": "attached to takeover #3",
    }
]


def draw(html: str, target: Path, height: int) -> None:
    """Render a page of 760 pixels' width. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(html, encoding="utf-8")
        subprocess.run(
            [
                str(debian("chromium")), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={folder}/profile", f"--window-size=770,{height}", f"--screenshot={target}",
                source.as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def main() -> int:
    """Draw all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    texts = Texts(external_url="https://chainwarden.example.org")
    for name, (samples, height) in PICTURES.items():
        payloads = [
            slack_payload(texts.write(SAMPLES[one], "en", NOW, DONE if one.startswith("node") else ()))
            for one in samples
        ]
        draw(page(payloads), IMAGES / f"{name}.png", height)
        print(IMAGES / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
