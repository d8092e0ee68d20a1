"""No credential that a process has read stands in its log, whatever the line is made of."""

import io
import logging
from pathlib import Path

import pytest

from nodekit.logs import LineFormatter
from nodekit.redaction import redacted
from nodekit.settings import SecretFile

URL = "https://hooks.example.org/services/T0/B0/canary-in-the-path?sign=canary-in-the-query"


def logged(style: str, secret: str, folder: Path) -> str:
    """What a log says of an error whose text and traceback quote a secret."""
    (folder / "secret").write_text(secret + "\n")
    shown = SecretFile(folder / "secret").reveal()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(style))
    logger = logging.Logger("x")
    logger.addHandler(handler)
    try:
        raise ValueError(f"no connection to {shown.partition('example.org')[2] or shown}")
    except ValueError:
        logger.exception("a library failed at %s", shown, extra={"fields": {"detail": f"key {shown[-20:]}"}})
    return stream.getvalue()


@pytest.mark.parametrize("style", ["logfmt", "json"])
@pytest.mark.parametrize("secret", [URL, "canary-token-0123456789"], ids=["url", "token"])
def test_a_traceback_of_a_library_shows_no_credential(style: str, secret: str, tmp_path: Path) -> None:
    text = logged(style, secret, tmp_path)

    assert "canary-in-the-path" not in text and "canary-in-the-query" not in text
    assert "canary-token-0123456789" not in text
    assert "a library failed" in text and "Traceback" in text and "[secret]" in text


def test_what_is_no_credential_stays(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("eos")
    SecretFile(tmp_path / "short").reveal()

    assert (
        redacted("the chain eos and https://hooks.example.org")
        == "the chain eos and https://hooks.example.org"
    )
