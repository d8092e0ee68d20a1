"""Lists of basic regular expressions, against the real grep."""

import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from exporter.config import Config
from exporter.logs.bre import WrongPatternError, pattern
from exporter.logs.levels import LEVELS, patterns
from exporter.logs.match import Matcher, Sieve, as_lines
from nodekit.settings import ConfigError, load

ATOMS = [
    *b"abc1 .-_A]{}+?|()/\xe9".split(b"|"), *(bytes([sign]) for sign in b"abc1 .-_A]{}+?|()/\xe9"),
    *rb"\. \* \[ \] \^ \$ \\ \w \W \s \S \< \> [ab] [^ab] [a-c] []a] [^]a] [a-] [[:alpha:]] [^[:digit:]]".split(),
    *rb"[[:space:]_] [[.a.]] [[=b=]c] [[:upper:][:punct:]] [*.] [\a] [a^] [--/] a.*b".split(),
]  # fmt: skip
REPEATS = rb"* * \+ \? \{2\} \{1,2\} \{2,\} \{,2\} \{0,1\} **".split()
SIGNS = b"aabbc1 .-_A]{}+?|()/\xe9*[^$\\\t:"
C = {**os.environ, "LC_ALL": "C"}


def made(rolled: random.Random, depth: int = 0) -> bytes:
    """A pattern at random; no repetition of what has no width, where grep 3.8 itself misses matches."""
    out = b""
    for _ in range(rolled.randrange(1, 4)):
        kind = rolled.random()
        if kind < 0.14 and depth < 2:
            other = rb"\|" + made(rolled, depth + 1) if rolled.random() < 0.4 else b""
            out += rb"\(" + made(rolled, depth + 1) + other + rb"\)"
        elif kind < 0.20:
            out += rolled.choice([b"^", b"$", rb"\`", rb"\'", rb"\b"])
            continue
        elif kind < 0.24:
            out += rolled.choice(REPEATS)
        elif kind < 0.28:
            out += rb"\|"
        else:
            out += rolled.choice(ATOMS)
        if rolled.random() < 0.3 and not out.endswith((rb"\<", rb"\>")):
            out += rolled.choice(REPEATS)
    return out


def grep(folder: Path, *arguments: str, text: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        ["grep", "-a", *arguments],
        check=False,
        input=text,
        cwd=folder,
        env=C,
        capture_output=True,
        timeout=10,
    )


def ours(block: bytes, *raw: bytes) -> bytes:
    found = Matcher([pattern(one) for one in raw])
    return b"".join(block[hit.start : hit.end + 1] for hit in as_lines(block, found.ends(block)))


@pytest.fixture(params=["hyperscan", "re"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What searches: hyperscan, or what is left on a processor for which there is none."""
    if request.param == "re":
        monkeypatch.setitem(sys.modules, "hyperscan", None)
    return str(request.param)


def test_without_hyperscan_every_pattern_is_searched_by_re(engine: str) -> None:
    assert Matcher([pattern(b"fail"), pattern(b"call")]).slow == ([] if engine == "hyperscan" else [0, 1])


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("seed", range(4))
def test_random_patterns_select_the_lines_that_grep_selects(seed: int, tmp_path: Path) -> None:
    rolled = random.Random(seed)
    lines = [bytes(rolled.choices(SIGNS, k=rolled.randrange(7))) for _ in range(800)]
    block = b"\n".join([*lines, b"", b"aa", b"abab", b""])
    agreed = 0
    for _ in range(100):
        raw = made(rolled)
        (tmp_path / "list").write_bytes(raw + b"\n")
        theirs = grep(tmp_path, "-f", "list", text=block)
        if theirs.returncode > 1:
            with pytest.raises(WrongPatternError):
                pattern(raw)
            continue
        one = pattern(raw)
        assert ours(block, raw) == theirs.stdout, raw
        for source in (one.exact, one.short):
            expression = re.compile(source, re.MULTILINE)
            told = [line for line in block.split(b"\n")[:-1] if expression.search(b"\n" + line + b"\n", 1)]
            assert told == theirs.stdout.split(b"\n")[:-1] or b"$" in source or b"^" in source, raw
        agreed += 1
    assert agreed > 50


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "raw",
    [
        rb"\(ab\)\1", rb"\([a-c]\)x\1", rb"\(a*\)b\1$", rb"^\(.\).*\1$", rb"x*", rb"^$", rb"a\|^$", rb"*a", rb"^*a",
        rb"\(^*a\)", rb"a\{2,3\}", rb"a{2}", rb"a+", rb"(a|b)", rb"[[:digit:]]\{3\}", rb"\<call\>", rb"\bcall",
        rb"ERROR.*", rb".*fail.*", rb"caf\xe9", rb"[^a-z ]", rb"\.log$", rb"a\?b", rb"\(\)", rb"a\|", rb"$a", rb"a^b",
        rb"\(a\|\(b\)\)\2*x", rb"\{1\}", rb"\+a", rb"\?", rb"[]]", rb"[a\]", rb"\d", rb"\/",
    ],
)  # fmt: skip
def test_the_odd_corners_are_those_of_grep(raw: bytes, tmp_path: Path) -> None:
    text = (
        b"abab\nacxc\naxa\naba\n\n*a\n^a\n^*a\naaa\na{2}\na+\n(a|b)\n123\ncall failed\nrecall\nERROR x fail y\n"
        b"caf\xe9\nABC\nx.log\nx.logs\nb\n$a\na^b\n]\n\\\nd\n/\n{1}\n+a\n?\nnul \x00 fail\nxx\n"
    )
    (tmp_path / "list").write_bytes(raw + b"\n")

    assert ours(text, raw) == grep(tmp_path, "-f", "list", text=text).stdout


def test_a_pattern_that_hyperscan_refuses_is_searched_all_the_same() -> None:
    found = Matcher([pattern(rb"\(ab\)\1"), pattern(b"fail"), pattern(b"x*")])

    assert found.slow == [0, 2]


BLACK = b"CRIT\nERROR\nfail\ncall failed\nunder min gas price\n\\(ab\\)\\1\n"
WHITE = b"NO_ERROR\n\\[ERROR\\] SLOW SQL QUERY\n^primary http.*call failed\n^request failed\n"


@pytest.mark.usefixtures("engine")
def test_two_lists_leave_the_lines_that_the_pipeline_of_two_greps_leaves(tmp_path: Path) -> None:
    rolled = random.Random(5)
    words = (
        b"CRIT ERROR [ERROR] fail call failed NO_ERROR SLOW SQL QUERY primary http request abab x y z".split()
    )
    block = b"".join(b" ".join(rolled.choices(words, k=rolled.randrange(6))) + b"\n" for _ in range(5000))
    (tmp_path / "black").write_bytes(BLACK)
    (tmp_path / "white").write_bytes(WHITE)
    theirs = grep(tmp_path, "-v", "-f", "white", text=grep(tmp_path, "-f", "black", text=block).stdout).stdout
    sieve = Sieve(*([pattern(one) for one in text.splitlines()] for text in (BLACK, WHITE)), [])

    hits = sieve.hits(block, Counter())
    assert b"".join(block[hit.start : hit.end + 1] for hit in hits) == theirs
    assert len(hits) > 500
    for hit in hits:
        line = block[hit.start : hit.end]
        first = next(number for number, one in enumerate(BLACK.splitlines()) if ours(line + b"\n", one))
        assert hit.pattern == first


def test_levels_are_found_on_the_console_in_json_and_in_the_log_file() -> None:
    block = b"".join(
        b"2026-11-01T00:00:03.145Z [%s] said                 x.go:1\n" % level.upper().encode()
        + b'{"level":"%s","ts":"2026-11-01T00:00:03.145Z","msg":"[ERROR] in the text"}\n' % level.encode()
        + b"2026-11-01T00:00:03.145Z \x1b[31m[%s]\x1b[0m said in colour\n" % level.upper().encode()
        + b"2026-11-01 10:00: 2026-11-01T00:00:03.145+0900 [%s] said [ERROR]\n" % level.upper().encode()
        for level in ("debug", "info", *LEVELS)
    )
    found: Counter[int] = Counter()
    Sieve([pattern(b"nothing")], [], patterns()).hits(block, found)

    assert found == dict.fromkeys(range(len(LEVELS)), 4)


def config(folder: Path, black: bytes, more: str = "") -> Config:
    (folder / "black").write_bytes(black)
    (folder / "exporter.yml").write_text(f"logs:\n  plugin:\n    file: plugin.log\n    black: black\n{more}")
    return load(folder / "exporter.yml", Config)


@pytest.mark.parametrize(
    ("black", "line", "what"),
    [
        (b"ERROR\n\nfail\n", 2, "is empty: it would match every line"),
        (b"ERROR\r\n", 1, "ends with a carriage return"),
        (b"a\n\\(b\n", 2, "has `\\(` without `\\)`"),
        (b"[a\n", 1, "has `[` without `]`"),
        (b"a\\{2\n", 1, "has `\\{` without `\\}`"),
        (b"[:space:]\n", 1, "write [[:…:]]"),
        (b"\\1\n", 1, "no group 1"),
        (b"\\(a\\)\\|b\\1\n", 1, "no group 1"),
        (b"a\\\n", 1, "ends with a backslash"),
        (b"", 1, "has no pattern"),
    ],
)
def test_a_wrong_list_is_refused_with_its_file_and_line(
    tmp_path: Path, black: bytes, line: int, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, black)

    assert f"exporter.yml:4: logs.plugin.black: {tmp_path}/black:{line}: " in str(caught.value)
    assert what in str(caught.value)


def test_a_list_is_shown_by_its_path_and_a_changed_one_is_another_configuration(tmp_path: Path) -> None:
    first = config(tmp_path, b"ERROR")
    again, second = config(tmp_path, b"ERROR\n"), config(tmp_path, b"ERROR\nfail\n")

    assert first.model_dump(mode="json")["logs"]["plugin"]["black"] == str(tmp_path / "black")
    assert first == again != second
