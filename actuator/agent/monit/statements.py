"""PURE: the statements of a Monit control file, each with its place and its words without noise."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TOKEN = re.compile(r"""\s*(?:\#[^\n]*|"((?:\\"|[^"\n])*)"|'([^'\n]*)'|([{}(),])|([^\s{}(),"'\#]+))""")
NOISE = frozenset({
    "=", "and", "are", "as", "but", "for", "has", "is", "of", "on", "only", "program", "programs", "sum",
    "than", "the", "usage", "use", "using", "was", "with", "within",
})  # fmt: skip
"""Words that mean nothing (monit(1), chapter THE MONIT CONTROL FILE)."""
GLOBAL = frozenset({"set", "include", "check"})
LOCAL = frozenset({
    "alert", "depends", "every", "group", "mode", "noalert", "not", "onreboot", "restart", "start", "stop",
})  # fmt: skip
PROGRAMS = frozenset({"start", "stop", "restart"})
JOINS = frozenset({"then", "else", "or"})
"""Words after which a statement goes on in the next line."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a quoted text."""

    text: str
    line: int
    quoted: bool
    first: bool
    """Whether its line begins with it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, in `plain` as lower-case words without noise, with `$0`, `$1` … for quoted texts."""

    file: str
    line: int
    words: tuple[str, ...]
    plain: str
    texts: tuple[str, ...]

    def text_of(self, word: str) -> str:
        """What a word of `plain` stands for: a quoted text, or the word as it was written."""
        if re.fullmatch(r"\$\d+", word):
            return self.texts[int(word[1:])]
        return next((each for each in self.words if each.lower() == word), word)

    @property
    def kind(self) -> str:
        """The word that it begins with."""
        return self.words[0].lower()


def statements(file: str, text: str) -> list[Statement]:
    """All statements of one file, in order. Raises ValueError for text that is none of Monit's."""
    found: list[list[Token]] = []
    depth, before = 0, None
    for token, after in _pairs(_tokens(file, text)):
        if depth == 0 and _begins(token, before, after):
            found.append([])
        if not found:
            raise ValueError(f"{file}:{token.line}: `{token.text}` begins no statement of Monit")
        found[-1].append(token)
        if not token.quoted:
            depth += {"{": 1, "}": -1}.get(token.text, 0)
        before = token
    return [_statement(file, tokens) for tokens in found]


def _tokens(file: str, text: str) -> Iterator[Token]:
    for number, line in enumerate(text.splitlines(), start=1):
        place, first = 0, True
        while line[place:].strip():
            found = TOKEN.match(line, place)
            if found is None:
                raise ValueError(f"{file}:{number}: a quotation mark is not closed")
            place = found.end()
            double, single, mark, word = found.groups()
            quoted = double if double is not None else single
            if quoted is not None:
                yield Token(quoted, number, quoted=True, first=first)
            elif mark or word:
                yield Token(mark or word, number, quoted=False, first=first)
            first = False


def _pairs(tokens: Iterable[Token]) -> Iterator[tuple[Token, list[Token]]]:
    """Each token with those that follow."""
    everything = list(tokens)
    for number, token in enumerate(everything):
        yield token, everything[number + 1 : number + 4]


def _begins(token: Token, before: Token | None, after: list[Token]) -> bool:
    """Whether a statement begins here: as first word of a line, or as an `if` or a program anywhere."""
    word, last = token.text.lower(), "" if before is None or before.quoted else before.text.lower()
    if token.quoted or last in JOINS:
        return False
    if word == "if" or (token.first and word in GLOBAL | LOCAL):
        return True
    following = next(
        (each for each in after if each.quoted or each.text.lower() not in ("program", "=")), None
    )
    return word in PROGRAMS and following is not None and following.quoted


def _statement(file: str, tokens: list[Token]) -> Statement:
    texts: list[str] = []
    plain: list[str] = []
    for token in tokens:
        if token.quoted:
            plain.append(f"${len(texts)}")
            texts.append(token.text)
        elif token.text.lower() not in NOISE:
            plain.append(token.text.lower())
    words = tuple(token.text for token in tokens)
    return Statement(file, tokens[0].line, words, " ".join(plain), tuple(texts))
