"""A local WeCom: group robot, gettoken and message/send with the documented limits, always HTTP 200.

Sources: developer.work.weixin.qq.com 99110 (robot), 90236 (message/send), 91039 (gettoken), 90313 (codes).
`window` shortens the minute of the frequency limits for tests; the numbers of messages stay.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from lab.hook import Call, Hook, Said, said

KEY = "lab-robot-key-693axxx6"
CORP, SECRET, AGENT = "ww0lab", "lab-corp-secret-canary", 1000002
ROBOT_PER_MINUTE, MEMBER_PER_MINUTE = 20, 30
ROBOT_MARKDOWN, TEXT, APP_MARKDOWN = 4096, 2048, 2048


class Wecom(Hook):
    """Robot and app of one enterprise. Thread-safe."""

    def __init__(self, window: float = 60.0, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.window = window
        self.robot_messages: list[str] = []
        self.app_messages: list[str] = []
        self.discarded: list[str] = []
        """App messages over the limit: WeCom says ok and throws them away."""
        self.tokens_given: list[str] = []
        self.token: str | None = None
        self.invalid_users = ""
        self.codes: deque[tuple[int, str]] = deque()
        self._robot_times: deque[float] = deque()
        self._member_times: deque[float] = deque()
        self._seen: dict[str, float] = {}

    def say_next(self, errcode: int, errmsg: str = "x", times: int = 1) -> None:
        """Answer the next messages with an errcode, and HTTP 200 as always."""
        with self.lock:
            self.codes.extend([(errcode, errmsg)] * times)

    def revoke(self) -> None:
        """End the access token early."""
        with self.lock:
            self.token = None

    def answer(self, call: Call) -> Said:
        """The answer of the endpoint that is called."""
        if call.path == "/cgi-bin/gettoken":
            return said(self._gettoken(call.query))
        if call.path == "/cgi-bin/webhook/send":
            return said(self._robot(call))
        if call.path == "/cgi-bin/message/send":
            return said(self._app(call))
        return Said(404)

    def _gettoken(self, query: Mapping[str, str]) -> dict[str, Any]:
        if query.get("corpid") != CORP:
            return _no(40013, "invalid corpid")
        if query.get("corpsecret") != SECRET:
            return _no(40001, f"invalid credential, corpsecret {query.get('corpsecret')}")
        self.token = f"lab-access-token-{len(self.tokens_given)}"
        self.tokens_given.append(self.token)
        return {"errcode": 0, "errmsg": "ok", "access_token": self.token, "expires_in": 7200}

    def _robot(self, call: Call) -> dict[str, Any]:
        if call.query.get("key") != KEY:
            return _no(93000, "invalid webhook url")
        if not self._pass(self._robot_times, ROBOT_PER_MINUTE):
            return _no(45009, "api freq out of limit")
        if self.codes:
            return _no(*self.codes.popleft())
        text, problem = _content(call.body, ROBOT_MARKDOWN)
        if problem is None:
            self.robot_messages.append(text)
        return problem or {"errcode": 0, "errmsg": "ok"}

    def _app(self, call: Call) -> dict[str, Any]:
        given = call.query.get("access_token", "")
        if given != self.token:
            return _no(40014 if given not in self.tokens_given else 42001, f"access_token {given} invalid")
        if self.codes:
            return _no(*self.codes.popleft())
        text, problem = _content(call.body, APP_MARKDOWN)
        if problem is not None:
            return problem
        body = json.loads(call.body)
        if body.get("agentid") != AGENT:
            return _no(40056, "invalid agentid")
        if not any(body.get(name) for name in ("touser", "toparty", "totag")):
            return _no(81013, "user & party & tag all invalid")
        self._take(text, call, repeated=bool(body.get("enable_duplicate_check")))
        return {"errcode": 0, "errmsg": "ok", "invaliduser": self.invalid_users, "msgid": "m"}

    def _take(self, text: str, call: Call, *, repeated: bool) -> None:
        shape = call.body.decode()
        if repeated and self.clock() - self._seen.get(shape, -1e9) < 1800:
            return
        self._seen[shape] = self.clock()
        passes = self._pass(self._member_times, MEMBER_PER_MINUTE)
        (self.app_messages if passes else self.discarded).append(text)

    def _pass(self, times: deque[float], most: int) -> bool:
        """A sliding window: refused messages count too."""
        now = self.clock()
        while times and times[0] <= now - self.window:
            times.popleft()
        times.append(now)
        return len(times) <= most


def _no(errcode: int, errmsg: str) -> dict[str, Any]:
    hint = f"hint: [{time.monotonic_ns()}], from ip: 203.0.113.9"
    return {"errcode": errcode, "errmsg": f"{errmsg}, {hint}"}


def _content(body: bytes, markdown: int) -> tuple[str, dict[str, Any] | None]:
    """The text of a message, or the refusal."""
    try:
        message = json.loads(body)
        kind = message["msgtype"]
        text = message[kind]["content"]
    except (ValueError, TypeError, KeyError):
        return "", _no(40008, "invalid message type")
    limit = {"markdown": markdown, "text": TEXT}.get(kind)
    if limit is None:
        return "", _no(40008, "invalid message type")
    if not text:
        return "", _no(44004, "empty content")
    if len(text.encode()) > limit:
        return "", _no(40058, f"{kind}.content exceed max length {limit}")
    return text, None
