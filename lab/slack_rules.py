"""PURE: which messages a Slack incoming webhook takes, and how it refuses the others.

Sources: Slack's documentation of incoming webhooks, rate limits and Block Kit. The error bodies are
plain words, only the rate limit answers JSON.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TEXT_LIMIT = 40_000
BLOCK_LIMIT = 50
SECTION_LIMIT = 3_000
HEADER_LIMIT = 150
FIELD_LIMIT = 2_000
FIELDS_LIMIT = 10
ATTACHMENT_LIMIT = 100
BLOCKS_TOTAL_LIMIT = 13_200
"""Characters in all blocks together: undocumented, seen as `msg_blocks_too_long`."""

RATE = 1.0
"""Messages a second for one webhook."""
BURST = 4
"""Messages that may come at once; Slack says "short bursts" and no number."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: str
    retry_after: int | None = None


OK = Reply(200, "ok")
NO_SERVICE = Reply(404, "no_service")
RATE_LIMITED = Reply(429, json.dumps({"retry_after": 1, "ok": False, "error": "rate_limited"}), retry_after=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Token bucket of one webhook."""

    tokens: float = BURST
    at: float = 0.0
    """Unix seconds of the last message."""


def take(bucket: Bucket, now: float) -> tuple[Bucket, bool]:
    """The bucket after a message at `now`, and whether the message may pass."""
    tokens = min(BURST, bucket.tokens + (now - bucket.at) * RATE)
    if tokens < 1:
        return Bucket(tokens, now), False
    return Bucket(tokens - 1, now), True


def judge(body: bytes) -> tuple[Reply, Mapping[str, Any]]:
    """The answer to a posted body, and the decoded message (empty when it is none)."""
    try:
        message = json.loads(body)
    except ValueError:
        return _refuse("invalid_payload"), {}
    if not isinstance(message, dict):
        return _refuse("invalid_payload"), {}
    word = _fault(message)
    return (_refuse(word) if word else OK), message


def _refuse(word: str) -> Reply:
    return Reply(400, word)


def _fault(message: Mapping[str, Any]) -> str | None:
    """The error word for a message; None when it is fine."""
    text, blocks = message.get("text", ""), message.get("blocks", [])
    attachments = message.get("attachments", [])
    if not isinstance(text, str) or not isinstance(attachments, list):
        return "invalid_payload"
    if not (text or blocks or attachments):
        return "no_text"
    if len(text) > TEXT_LIMIT:
        return "msg_too_long"
    if len(attachments) > ATTACHMENT_LIMIT:
        return "too_many_attachments"
    attached = [item.get("blocks", []) for item in attachments if isinstance(item, dict)]
    return next((word for word in map(_blocks_fault, [blocks, *attached]) if word), None)


def _blocks_fault(blocks: object) -> str | None:
    if not isinstance(blocks, list) or len(blocks) > BLOCK_LIMIT:
        return "invalid_blocks"
    if not all(isinstance(block, dict) and _block_fits(block) for block in blocks):
        return "invalid_blocks"
    if sum(len(text) for block in blocks for text in block_texts(block)) > BLOCKS_TOTAL_LIMIT:
        return "msg_blocks_too_long"
    return None


def _block_fits(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    text, fields = text_of(block.get("text")), block.get("fields", [])
    if kind == "header":
        return 0 < len(text) <= HEADER_LIMIT
    if kind == "section":
        return bool(text or fields) and len(text) <= SECTION_LIMIT and _fields_fit(fields)
    if kind == "context":
        return 0 < len(block.get("elements", [])) <= FIELDS_LIMIT
    return kind in ("divider", "actions", "image", "rich_text")


def _fields_fit(fields: Sequence[object]) -> bool:
    return len(fields) <= FIELDS_LIMIT and all(0 < len(text_of(field)) <= FIELD_LIMIT for field in fields)


def text_of(element: object) -> str:
    """The text of a text object; empty when there is none."""
    text = element.get("text", "") if isinstance(element, dict) else ""
    return text if isinstance(text, str) else ""


def block_texts(block: Mapping[str, Any]) -> list[str]:
    """All texts that a block shows, in reading order."""
    parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
    return [text for text in map(text_of, parts) if text]
