"""PURE: a message in Slack's form, and what Slack's answers mean.

Limits: text 40,000 characters, 50 blocks, section text 3,000, header 150 (Slack's documentation of
blocks and incoming webhooks); about 13,200 in all blocks together (undocumented, bolt-js #2509).
"""

from typing import Any

from actuator.message import Message, cut, plain
from actuator.notify.budget import Rate
from actuator.sinks.verdict import Outcome

HEADER_LIMIT = 150
SECTION_LIMIT = 2900
TOTAL_LIMIT = 12_000
TEXT_LIMIT = 3000
BLOCKS = 45
RATES = (Rate(1, 1.0),)
"""Slack allows about one message a second for each webhook."""
GROUPS = ("channel", "here", "everyone")
PAYLOAD_WORDS = frozenset(
    {"invalid_payload", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long",
     "no_text", "too_many_attachments", "invalid_attachments", "invalid_arguments", "invalid_json",
     "user_not_found", "markdown_text_conflict"}
)  # fmt: skip
"""Words of answers that blame the message, not the channel."""
PASSING_WORDS = frozenset(
    {"ratelimited", "rate_limited", "rollup_error", "internal_error", "fatal_error", "request_timeout",
     "service_unavailable", "team_added_to_org"}
)  # fmt: skip
"""Words of answers that pass by themselves."""


def slack_payload(message: Message, *, simple: bool = False) -> dict[str, Any]:
    """The JSON body of a message; what does not fit into one is left out (see `fits`)."""
    text = cut(_called(message) + escape(plain(message)), TEXT_LIMIT)
    if simple:
        return {"text": text, "unfurl_links": False}
    budget = TOTAL_LIMIT
    blocks: list[dict[str, Any]] = []
    for body in _sections(message):
        shown = cut(body, min(SECTION_LIMIT, budget))
        budget -= len(shown)
        if budget <= 0 or len(blocks) >= BLOCKS:
            break
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": shown, "verbatim": True}})
    line = " · ".join(f"<{_link(url)}|{escape(label)}>" for label, url in message.links)
    if 0 < len(line) <= min(SECTION_LIMIT, budget):
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": line}]})
    title = {"type": "plain_text", "text": cut(message.title, HEADER_LIMIT), "emoji": False}
    return {
        "text": text,
        "blocks": [{"type": "header", "text": title}],
        "attachments": [{"color": message.tone, "blocks": blocks}],
        "unfurl_links": False,
    }


def _sections(message: Message) -> list[str]:
    mentions = _called(message).strip()
    bodies = []
    for label, text in message.paragraphs:
        shown = escape(text)
        if label in message.quoted:
            shown = "```" + shown.replace("```", "'''") + "```"
        bodies.append(f"*{escape(label)}*\n{shown}" if label else shown)
    return [*([mentions] if mentions else []), *bodies]


def slack_fits(message: Message, *, simple: bool = False) -> bool:
    """Whether nothing is left out of a message's form."""
    if simple:
        return len(_called(message) + escape(plain(message))) <= TEXT_LIMIT
    bodies = _sections(message)
    links = sum(len(_link(url)) + len(escape(label)) + 6 for label, url in message.links)
    return (
        len(message.title) <= HEADER_LIMIT
        and all(len(body) <= SECTION_LIMIT for body in bodies)
        and sum(map(len, bodies)) + links < TOTAL_LIMIT
        and len(bodies) < BLOCKS
    )


def escape(text: str) -> str:
    """Slack's three control characters: without them no label can mention people or fake a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(url: str) -> str:
    """A URL inside `<…|…>`: its own delimiters are percent-encoded."""
    return escape(url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E"))


def _called(message: Message) -> str:
    """People are `<@U012>`, user groups `<!subteam^S012>`, and `channel`, `here`, `everyone` `<!…>`."""
    signs = []
    for who in message.mentions:
        if who in GROUPS:
            signs.append(f"<!{who}>")
        else:
            signs.append(f"<!subteam^{who}>" if who.startswith("S") else f"<@{who}>")
    return " ".join(signs) + " " if signs else ""


def word_outcome(word: str) -> Outcome:
    """What the word of an answer means."""
    if word in PAYLOAD_WORDS:
        return Outcome.SIMPLER
    return Outcome.LATER if word in PASSING_WORDS else Outcome.BROKEN
