"""PURE: basic regular expressions as GNU grep reads them in the C locale, translated for other engines.

Sources: POSIX.1-2017 §9.3, GNU grep manual ("Basic vs Extended", "The Backslash Character and Special
Expressions"); where these are silent, what grep 3.8 was seen to do. Whether a line matches is what counts,
not which part of it: grep selects lines.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

MOST = 32767
"""RE_DUP_MAX: the greatest number in an interval."""
_CLASSES = {
    "alpha": string.ascii_letters, "digit": string.digits, "alnum": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase, "lower": string.ascii_lowercase, "space": " \t\n\v\f\r", "blank": " \t",
    "punct": string.punctuation, "xdigit": string.hexdigits,
    "cntrl": "".join(map(chr, [*range(32), 127])), "graph": "".join(map(chr, range(33, 127))),
    "print": "".join(map(chr, range(32, 127))),
}  # fmt: skip
_ESCAPED = {
    ord("w"): r"\w", ord("W"): r"[^\w\n]",
    # Spelt out: a \v of PCRE's is any vertical space, the newline among it.
    ord("s"): r"[ \x09\x0b-\x0d]", ord("S"): r"[^ \x09-\x0d]",
}  # fmt: skip
_EMPTY = {
    ord("b"): r"\b", ord("B"): r"\B", ord("<"): r"\b(?=\w)", ord(">"): r"\b(?<=\w)", ord("`"): "^",
    ord("'"): "$",
}  # fmt: skip
_REPEATS: Mapping[bytes, tuple[int, int | None]] = {b"*": (0, None), rb"\+": (1, None), rb"\?": (0, 1)}


class WrongPatternError(ValueError):
    """A pattern that grep refuses too; the text says why."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a branch: its source, how often (`most` None: without limit); `empty`: it has no width."""

    source: str
    least: int = 1
    most: int | None = 1
    empty: bool = False

    def __str__(self) -> str:
        if (self.least, self.most) == (1, 1):
            return self.source
        return f"(?:{self.source}){{{self.least},{'' if self.most is None else self.most}}}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a list."""

    text: str
    """As it is written, for labels."""
    exact: bytes
    """For Python's `re`, with MULTILINE."""
    short: bytes
    """Matches in the same lines, but ends early: for engines that report every end of a match."""


def pattern(raw: bytes) -> Pattern:
    """Translate a pattern. Raises WrongPatternError."""
    parser = _Parser(raw)
    branches = parser.branches(depth=0)
    exact = _joined(branches)
    short = exact if parser.refers else _joined([_shortened(branch) for branch in branches])
    try:
        re.compile(exact.encode(), re.MULTILINE)
    except (re.error, OverflowError) as error:
        raise WrongPatternError(f"cannot be used: {error}") from None
    return Pattern(raw.decode(errors="backslashreplace"), exact.encode(), short.encode())


def _joined(branches: Sequence[Sequence[_Piece]]) -> str:
    return "|".join("".join(map(str, branch)) for branch in branches)


def _shortened(branch: Sequence[_Piece]) -> list[_Piece]:
    """Without what may be absent at either end: a line matches with it when it matches without it."""
    pieces = list(branch)
    while pieces and pieces[-1].least == 0 and not pieces[-1].empty:
        pieces.pop()
    while pieces and pieces[0].least == 0 and not pieces[0].empty:
        pieces.pop(0)
    if pieces and not pieces[-1].empty:
        pieces[-1] = replace(pieces[-1], most=pieces[-1].least)
    if pieces and not pieces[0].empty:
        pieces[0] = replace(pieces[0], most=pieces[0].least)
    return pieces or list(branch)


def _times(piece: _Piece, least: int, most: int | None) -> _Piece:
    """Repeat what may be repeated already: `a**` is `a*`, which spares engines that backtrack."""
    if piece.most is None and most != 0 and piece.least <= 1:
        return replace(piece, least=piece.least * least)
    if (piece.least, piece.most) == (0, 1) and most is None:
        return replace(piece, least=0, most=None)
    if (piece.least, piece.most) != (1, 1):
        piece = _Piece(str(piece))
    return replace(piece, least=least, most=most, empty=False)


class _Parser:
    """Reads from left to right; what a sign means depends on what stands before it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._open = 0
        self._closed: set[int] = set()
        self.refers = rb"\1" in raw or re.search(rb"\\[1-9]", raw) is not None

    def branches(self, depth: int) -> list[list[_Piece]]:
        """Alternatives, up to the end or the parenthesis that closes them."""
        found: list[list[_Piece]] = [[]]
        fresh = True  # nothing but signs without width since the branch began: a `*` is a star then
        before, elsewhere = set(self._closed), set[int]()
        while self._at < len(self._raw):
            two = self._raw[self._at : self._at + 2]
            if two == rb"\|":
                self._at += 2
                found.append([])
                fresh = True
                # No alternative can refer to a group of another one.
                elsewhere |= self._closed
                self._closed = set(before)
            elif two == rb"\)":
                if not depth:
                    raise WrongPatternError(r"has `\)` without `\(`")
                self._at += 2
                self._closed |= elsewhere
                return found
            elif not fresh and self._repeated(found[-1]):
                pass
            else:
                piece = self._piece(found[-1], depth)
                fresh = fresh and piece.empty
                found[-1].append(piece)
        if depth:
            raise WrongPatternError(r"has `\(` without `\)`")
        self._closed |= elsewhere
        return found

    def _repeated(self, branch: list[_Piece]) -> bool:
        """Whether a repetition stands here; it is applied to the last piece."""
        sign = next((sign for sign in _REPEATS if self._raw.startswith(sign, self._at)), None)
        if sign is not None:
            self._at += len(sign)
            least, most = _REPEATS[sign]
        elif self._raw.startswith(rb"\{", self._at):
            least, most = self._interval()
        else:
            return False
        branch[-1] = _times(branch[-1], least, most)
        return True

    def _interval(self) -> tuple[int, int | None]:
        end = self._raw.find(rb"\}", self._at)
        if end < 0:
            raise WrongPatternError(r"has `\{` without `\}`")
        inside = self._raw[self._at + 2 : end]
        found = re.fullmatch(rb"(\d*)(,?)(\d*)", inside)
        if not inside or found is None:
            raise WrongPatternError(
                rf"has `\{{{inside.decode(errors='replace')}\}}`; write a number, or two with a comma"
            )
        self._at = end + 2
        least = int(found[1] or 0)
        most = least if not found[2] else int(found[3]) if found[3] else None
        if least > MOST or (most or 0) > MOST or (most is not None and most < least):
            raise WrongPatternError(
                rf"has `\{{{inside.decode()}\}}`; write two numbers up to {MOST}, the smaller first"
            )
        return least, most

    def _piece(self, branch: Sequence[_Piece], depth: int) -> _Piece:
        sign = self._raw[self._at]
        self._at += 1
        if sign == ord("\\"):
            return self._escaped(depth)
        if sign == ord("["):
            return _Piece(self._bracket())
        if sign == ord("."):
            return _Piece(r"[^\n]")
        if sign == ord("^") and not branch:
            return _Piece("^", empty=True)
        if sign == ord("$") and self._ends():
            return _Piece("$", empty=True)
        return _Piece(_literal(sign))

    def _ends(self) -> bool:
        return self._at == len(self._raw) or self._raw[self._at : self._at + 2] in (rb"\)", rb"\|")

    def _escaped(self, depth: int) -> _Piece:
        if self._at == len(self._raw):
            raise WrongPatternError("ends with a backslash; write two for one")
        sign = self._raw[self._at]
        self._at += 1
        if sign == ord("("):
            return self._group(depth)
        if sign in b"123456789":
            number = sign - ord("0")
            if number not in self._closed:
                raise WrongPatternError(rf"has `\{number}`, but no group {number} that ended before it")
            return _Piece(rf"(?:\{number})")
        if sign in _ESCAPED:
            return _Piece(_ESCAPED[sign])
        if sign in _EMPTY:
            return _Piece(_EMPTY[sign], empty=True)
        return _Piece(_literal(sign))

    def _group(self, depth: int) -> _Piece:
        self._open += 1
        number = self._open
        inner = _joined(self.branches(depth + 1))
        self._closed.add(number)
        return _Piece(f"({inner})" if self.refers else f"(?:{inner})")

    def _bracket(self) -> str:
        start = self._at
        negated = self._raw.startswith(b"^", self._at)
        self._at += negated
        if self._raw.startswith(b":", self._at) and self._raw[self._at :].partition(b"]")[0].endswith(b":"):
            raise WrongPatternError("has [:…:] by itself; write [[:…:]]")
        signs: set[int] = set()
        first = True
        while first or not self._raw.startswith(b"]", self._at):
            if self._at >= len(self._raw):
                raise WrongPatternError(
                    f"has `[` without `]`: {self._raw[start - 1 :].decode(errors='replace')}"
                )
            first = False
            signs |= self._member()
        self._at += 1
        kept = set(range(256)) - signs if negated else signs
        kept.discard(ord("\n"))
        return _one_of(kept)

    def _member(self) -> set[int]:
        """A class, a sign or a range."""
        if self._raw.startswith(b"[:", self._at):
            name = self._named(b":")
            if name not in _CLASSES:
                raise WrongPatternError(f"has the class [:{name}:]; known: {', '.join(_CLASSES)}")
            return set(_CLASSES[name].encode())
        low = self._single()
        if self._raw[self._at : self._at + 1] != b"-" or self._raw[self._at + 1 : self._at + 2] in (
            b"]",
            b"",
        ):
            return {low}
        self._at += 1
        high = self._single()
        if high < low:
            raise WrongPatternError("has a range that ends before it begins")
        return set(range(low, high + 1))

    def _single(self) -> int:
        for kind in (b".", b"="):
            if self._raw.startswith(b"[" + kind, self._at):
                name = self._named(kind)
                if len(name) != 1:
                    raise WrongPatternError(f"has the collating element {name!r}; write one letter")
                return ord(name)
        if self._at >= len(self._raw):
            raise WrongPatternError("has `[` without `]`")
        self._at += 1
        return self._raw[self._at - 1]

    def _named(self, kind: bytes) -> str:
        end = self._raw.find(kind + b"]", self._at + 2)
        if end < 0:
            raise WrongPatternError("has `[` without `]`")
        name = self._raw[self._at + 2 : end].decode("latin-1")
        self._at = end + 2
        return name


def _literal(sign: int) -> str:
    return chr(sign) if chr(sign) in string.ascii_letters + string.digits + " " else rf"\x{sign:02x}"


def _one_of(signs: set[int]) -> str:
    """A bracket expression; one that no sign fits is never true."""
    if not signs:
        return r"[^\x00-\xff]"
    found, ordered = [], sorted(signs)
    while ordered:
        first = last = ordered.pop(0)
        while ordered and ordered[0] == last + 1:
            last = ordered.pop(0)
        found.append(rf"\x{first:02x}" if first == last else rf"\x{first:02x}-\x{last:02x}")
    return f"[{''.join(found)}]"
