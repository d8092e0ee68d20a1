"""A local Slack Web API: chat.postMessage and chat.update with a bot token, HTTP 200 and `ok` in JSON."""

from typing import Any

from lab.hook import Call, Hook, Said, said
from lab.slack_rules import OK, judge

TOKEN = "xoxb-lab-bot-token-canary"  # noqa: S105 - the lab's
CHANNEL = "C0LAB"


class SlackApi(Hook):
    """One channel of one workspace."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, dict[str, Any]] = {}
        """Message id → its body; an edited one has its newest."""
        self.words: list[str] = []
        """Errors that the next calls answer."""

    def answer(self, call: Call) -> Said:
        """Judge one call."""
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            return said({"ok": False, "error": "invalid_auth"})
        if self.words:
            return said({"ok": False, "error": self.words.pop(0)})
        reply, body = judge(call.body)
        if reply is not OK:
            return said({"ok": False, "error": "invalid_blocks"})
        if body.get("channel") != CHANNEL:
            return said({"ok": False, "error": "channel_not_found"})
        ts = str(body.get("ts") or f"1700000000.{len(self.messages):06d}")
        if call.path.endswith("chat.update") and ts not in self.messages:
            return said({"ok": False, "error": "message_not_found"})
        self.messages[ts] = dict(body)
        return said({"ok": True, "channel": CHANNEL, "ts": ts})
