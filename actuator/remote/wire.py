"""PURE: the messages of commands and results, as lua-collectd-monitor writes them, with optional members.

A command is a JSON object with `task_id`, `timestamp` and either `service` and `command`, or `config`.
A result has `task_id`, `timestamp`, `message`, `code`. What we add (`expires_at`, `host`, `sender`, `sig`,
`group`, `epoch`, `about`, `reply_bytes`) the original ignores.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

MAX_COMMAND = 1 << 20
"""Bytes of a command message; a configuration travels in it."""
MAX_RESULT = 4096
"""Bytes of a result that the original's sender can read."""
LONGEST_RESULT = 1 << 18
"""Bytes of a result for a sender that said it reads more."""
MAX_CODE = 2**31 - 1
"""A larger `code` is none."""
MARKER = "\n[… {cut} bytes cut; the whole output: service `agent`, command `output`]"

# Results of the original (its README and measured behaviour).
NOT_IMPLEMENTED, NO_CONFIG, NO_SERVICE, NO_COMMAND, DUPLICATE = 0x1000, 0x1001, 0x1002, 0x1003, 0x1100
REPLACING, NOT_WRITTEN, BROKEN, NOT_STOPPED, PID_LEFT, NO_BACKUP, NOT_REPLACED = range(0x2000, 0x2007)
RECOVERED, NOT_RECOVERED, NO_NEW_PID, NO_REPLACER = range(0x2007, 0x200B)
# Ours, outside of its ranges.
RETAINED, EXPIRED, NOT_TRUSTED, UNKNOWN, OTHER_HOST, BUSY, OLD_EPOCH = range(0x3000, 0x3007)
STOPPED, QUEUED, BAD_MEMBER = range(0x3010, 0x3013)
TIMED_OUT, KILLED = 124, 137
NOT_NOW = 75
"""EX_TEMPFAIL of sysexits.h: the command says that nothing is wrong, it may just not be done now."""

MEANING = {
    NOT_IMPLEMENTED: "the agent has no such thing configured",
    NO_CONFIG: "the agent's configuration cannot be read",
    NO_SERVICE: "the agent knows no such service",
    NO_COMMAND: "the service has no such command",
    DUPLICATE: "a command with this task_id is running",
    REPLACING: "another replacement is under way",
    NOT_WRITTEN: "the new configuration cannot be written",
    BROKEN: "the daemon says that the new configuration is wrong",
    NOT_STOPPED: "the daemon could not be stopped",
    PID_LEFT: "the daemon did not end in time",
    NO_BACKUP: "the old configuration cannot be kept",
    NOT_REPLACED: "the new configuration cannot be put in place",
    RECOVERED: "the daemon did not live with the new configuration; the old one is back and running",
    NOT_RECOVERED: "the daemon did not live with the new configuration, nor again with the old one",
    NO_NEW_PID: "the daemon runs with the new configuration, but its new process is not seen",
    NO_REPLACER: "what replaces the configuration is not there",
    RETAINED: "refused: the message was retained by the broker, so nobody knows how old it is",
    EXPIRED: "refused: the command's time is over",
    NOT_TRUSTED: "refused: the sender is not known or its signature is wrong",
    UNKNOWN: "the agent was interrupted; whether the command ran to its end is not known",
    OTHER_HOST: "refused: the command is for another host",
    BUSY: "refused: too many commands wait",
    OLD_EPOCH: "refused: an order of a newer epoch was seen",
    STOPPED: "the process is stopped and its start is fenced",
    QUEUED: "no answer, but it is queued at the node",
    BAD_MEMBER: "refused: a member that the command needs is missing or wrong",
    TIMED_OUT: "ended by the agent: it took too long",
    KILLED: "killed by the agent: it did not end when told to",
}
"""Code → what it says."""

TaskId = int | float


@dataclass(frozen=True)
class Command:
    """A command that may be looked at: its members have the right types."""

    task_id: TaskId
    timestamp: str
    service: str
    """Empty for a configuration."""
    command: str
    config: str | None = None
    members: Mapping[str, object] = field(default_factory=dict)
    """The whole message."""

    @property
    def expires_at(self) -> float | None:
        """Unix seconds after which it must not begin any more."""
        return _number(self.members.get("expires_at"))

    @property
    def host(self) -> str | None:
        """Who it is for."""
        found = self.members.get("host")
        return found if isinstance(found, str) else None

    @property
    def ours(self) -> bool:
        """Whether a sender of chainwarden's waits for the result: it knows one that comes twice."""
        return "reply_bytes" in self.members

    @property
    def reply_bytes(self) -> int:
        """How long a result its sender reads."""
        asked = _number(self.members.get("reply_bytes"))
        return MAX_RESULT if asked is None else int(min(max(asked, MAX_RESULT), LONGEST_RESULT))

    @cached_property
    def key(self) -> str:
        """The same command, however often it arrives: 64 hex digits.

        The original draws its ids so badly that two commands may share one, so the rest counts as well.
        """
        text = json.dumps([self.task_id, self.timestamp, self.service, self.command, self.config])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is no command; with the task_id that a reply may name, if it has one."""

    why: str
    task_id: TaskId | None = None


def parse(payload: bytes) -> Command | Malformed:
    """A message of the command topic. Never raises."""
    found = _object(payload)
    if isinstance(found, str):
        return Malformed(found)
    task_id = _task_id(found.get("task_id"))
    if task_id is None:
        return Malformed("task_id is missing or no number: a result could not be told from another")
    limit, host = found.get("expires_at"), found.get("host")
    if (limit is not None and _number(limit) is None) or not isinstance(host, str | None):
        # Read as absent they would make the command valid for longer, or for more hosts.
        return Malformed("expires_at must be a number, host a text", task_id)
    stamp = found.get("timestamp")
    timestamp = stamp if isinstance(stamp, str) else ""
    service, command, config = found.get("service"), found.get("command"), found.get("config")
    if "command" in found:
        if not isinstance(service, str) or not isinstance(command, str):
            return Malformed("service and command must be texts", task_id)
        return Command(task_id, timestamp, service, command, None, found)
    if isinstance(config, str):
        return Command(task_id, timestamp, "", "", config, found)
    return Malformed("neither `service` and `command` nor `config`", task_id)


def _object(payload: bytes) -> dict[str, object] | str:
    """A message's members, or why it has none."""
    if len(payload) > MAX_COMMAND:
        return f"{len(payload)} bytes are more than {MAX_COMMAND}"
    try:
        found = json.loads(payload.decode())
        if b"\\u" in payload:  # half a character, by its number, is no text: nothing can store or send it
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return "no JSON in UTF-8"
    return found if isinstance(found, dict) else "no JSON object"


def _task_id(value: object) -> TaskId | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)  # the original reads "77" as 77
    number = _number(value)
    if number is None:
        return None
    return int(number) if number == int(number) else number


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 2**53:
        return None
    return value if value == value else None  # noqa: PLR0124 - not a number is no number


def encode(message: Mapping[str, object], key: str | None = None) -> bytes:
    """A message as compact JSON, signed when there is a key."""
    full = dict(message) if key is None else {**message, "sig": signature(message, key)}
    return json.dumps(full, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def signature(message: Mapping[str, object], key: str) -> str:
    """HMAC-SHA256 in hex over all members but `sig`: compact JSON in ASCII, members sorted by name."""
    rest = {name: value for name, value in message.items() if name != "sig"}
    text = json.dumps(rest, separators=(",", ":"), sort_keys=True)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed(message: Mapping[str, object], key: str) -> bool:
    """Whether a message bears the key's signature."""
    found = message.get("sig")
    return isinstance(found, str) and hmac.compare_digest(found.encode(), signature(message, key).encode())


def command(
    task_id: int, service: str, name: str, now: float, *, config: str | None = None, **more: object
) -> dict[str, object]:
    """A command message; members that are None are left out."""
    what = {"service": service, "command": name} if config is None else {"config": config}
    full = {"task_id": task_id, "timestamp": timestamp(now), **what, **more}
    return {member: value for member, value in full.items() if value is not None}


def result(task_id: TaskId, code: int, text: str, now: float, limit: int = MAX_RESULT) -> bytes:
    """A result message of at most `limit` bytes; what does not fit is cut, and says so."""
    room = limit
    while True:
        message = _clipped(text, room)
        full = encode({"task_id": task_id, "timestamp": timestamp(now), "message": message, "code": code})
        if len(full) <= limit:
            return full
        room -= len(full) - limit


def _clipped(text: str, room: int) -> str:
    raw = text.encode("utf-8", "replace")
    if len(raw) <= room:
        return raw.decode("utf-8", "replace")
    marker = MARKER.format(cut=len(raw) - max(0, room))
    return raw[: max(0, room - len(marker.encode()))].decode("utf-8", "ignore") + marker


@dataclass(frozen=True, slots=True)
class Result:
    """A result as a sender sees it; the original leaves members out, and may cut the JSON itself."""

    task_id: str | None
    """As text: the original gives the id of a configuration back as one."""
    code: int | None
    message: str


def parse_result(payload: bytes) -> Result | None:
    """A message of the result topic; None when it is none. Never raises."""
    try:
        found = json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    task_id, code = found.get("task_id"), _number(found.get("code"))
    told = task_id if isinstance(task_id, str) else None
    number = _number(task_id)
    if number is not None:
        told = str(int(number) if number == int(number) else number)
    code = None if code is None or abs(code) > MAX_CODE else int(code)
    return Result(told, code, _storable(str(found.get("message", ""))))


def _storable(text: str) -> str:
    """A text that every database takes: without NUL and half characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def timestamp(now: float) -> str:
    """UTC, to the second, as the original writes it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
