"""A local SMS gateway in the manner of `smsJson.aspx`: HTTP 200 always, `returnstatus` says what came of it.

The shape (query parameters, answer) is what eoskeeper was measured to send; the limit of 500 characters a
message is what such gateways document.
"""

from lab.hook import Call, Hook, Said, said

LIMIT = 500


class Sms(Hook):
    """Takes messages of one account."""

    PATH = "/smsJson.aspx"

    def __init__(self, account: str = "ops", password: str = "lab-sms-password") -> None:  # noqa: S107 - the lab's
        super().__init__()
        self.account = account
        self.password = password
        self.messages: list[str] = []

    def answer(self, call: Call) -> Said:
        """Judge one message."""
        given = call.query
        if call.path != self.PATH:
            return Said(404)
        if (given.get("account"), given.get("password")) != (self.account, self.password):
            return said({"returnstatus": "Faild", "message": "wrong account or password"})
        content = given.get("content", "")
        if not content or len(content) > LIMIT or not given.get("mobile", "").isdigit():
            return said({"returnstatus": "Faild", "message": "wrong content or mobile"})
        self.messages.append(content)
        return said({"returnstatus": "Success", "message": "ok", "remainpoint": "100"})
