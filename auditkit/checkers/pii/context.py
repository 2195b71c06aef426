"""Presidio's context words, looked up around a finding instead of over the whole text.

Presidio tokenises the text, keeps as keywords the tokens that are neither stop words nor punctuation (a token with
colons counts as
its parts), and raises the score of a finding when one of the last six keywords up to its token, or the first from its
token on, contains
a context word. Tokens come from the chunks between white space one by one, so only the chunks around a finding are
tokenised here.
What a token with a colon makes a keyword holds in the whole text; it is asked for only where it could change the
answer.
Where no context word can be near at all (context_kernels) nobody asks here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

WORDS_BACK = 6  # LemmaContextAwareEnhancer: context_prefix_count 5, and the token itself
WORDS_AHEAD = 1  # context_suffix_count 0, and the token itself
PIECES = re.compile(r"\s+|\S+")
SPACE = re.compile(r"\s")
SIMPLE = re.compile(
    r"([(\"]?)((?:[A-Za-z]+(?=[^.]|$)|[A-Za-z]+[a-z](?=[.])|[A-Za-z]*[0-9]+))(|[,;:!?.)\"]|\)[.,]|[.,]\")"
)
WINDOW = 80
CACHE = 1 << 17
EDGES = '.,;!?()"'


class Token(NamedTuple):
    """A token in lower case, where it ends in its chunk, and whether it is a keyword wherever it stands."""

    word: str
    end: int
    keyword: bool


class Words:
    """Tokens of chunks, remembered; `tokenizer` makes a fresh spaCy tokeniser, `stops` are its stop words."""

    def __init__(self, tokenizer: Callable[[], Any], stops: frozenset[str]) -> None:
        self._make, self._stops = tokenizer, stops
        self._special = frozenset(tokenizer().rules)
        self._tokenizer: Any = None
        self._known: dict[str, tuple[Token, ...]] = {}

    def of(self, chunk: str) -> tuple[Token, ...]:
        """The tokens of a chunk without white space."""
        known = self._known.get(chunk)
        if known is None:
            if self._tokenizer is None or len(self._known) >= CACHE:
                self._tokenizer = self._make()  # its vocabulary would grow without bound
                self._known.clear()
            known = self._known[chunk] = tuple(self._tokens(chunk))
        return known

    def _tokens(self, chunk: str) -> Iterator[Token]:
        simple = SIMPLE.fullmatch(chunk)
        if simple and self._special.isdisjoint((chunk, simple[2], f"{simple[2]}.", simple[2] + simple[3][:1])):
            yield from self._simple_tokens(*simple.groups())
            return
        for token in self._tokenizer(chunk):
            text = token.text
            word = text.lower()
            yield Token(word, token.idx + len(text), ":" not in word and self._is_keyword(text, word))

    def _simple_tokens(self, before: str, word: str, after: str) -> Iterator[Token]:
        """The tokens of a plain word between marks that the tokeniser always splits off one by one."""
        for end, sign in enumerate(before, 1):
            yield Token(sign, end, False)
        behind = len(before) + len(word)
        yield Token(word.lower(), behind, self._is_keyword(word, word.lower()))
        for end, sign in enumerate(after, behind + 1):
            yield Token(sign, end, False)

    def _is_keyword(self, text: str, word: str) -> bool:
        return word not in self._stops and text not in ("-PRON-", "be") and not is_punctuation(text)

    def parts(self, colon_chunks: Sequence[tuple[str, str]], edges: Sequence[str]) -> frozenset[str]:
        """What the tokens with colons make keywords, of chunks (as they are, lower case) that hold one of the edges."""
        found: set[str] = set()
        for chunk, lowered in colon_chunks:
            if any(edge in lowered for edge in edges):
                for token in self.of(chunk):
                    if ":" in token.word and not is_punctuation(token.word) and token.word not in self._stops:
                        found.update(token.word.split(":"))
        return frozenset(found)

    def unsure(self) -> frozenset[str]:
        """ASCII words in lower case that are no keywords or may be no single token."""
        words = {word.strip(EDGES).lower() for word in self._special | self._stops}
        return frozenset(word for word in words if word.isascii() and word.isalpha())


def is_punctuation(text: str) -> bool:
    """Whether every character is punctuation, as spaCy's lexical attribute says it."""
    return not text[:1].isalnum() and all(unicodedata.category(ch)[0] == "P" for ch in text)


class Surroundings:
    """Answers for one text whether a context word stands near a place."""

    def __init__(self, text: str, words: Words) -> None:
        self._text, self._words = text, words
        self._near: dict[int, tuple[list[str], list[str], str, str]] = {}
        self._beside: dict[int, tuple[str, str, str]] = {}
        self._colon_chunks: list[tuple[str, str]] | None = None
        self._colons = ""

    def supports(self, start: int, context: tuple[str, ...]) -> bool:
        """Whether one of the context words (lower case) is in one of the words around the finding that starts at
        `start`.
        """
        bounded = self._without_own_chunk(start, context)
        if bounded is not None:
            return bounded
        sure, passed, near, around = self._around(start)
        if not any(word in around for word in context):
            return False
        if any(word in near for word in context):
            return True
        if self._colon_chunks is None:
            self._colon_chunks = [(chunk, chunk.lower()) for chunk in set(self._text.split()) if ":" in chunk]
            self._colons = "\n".join(lowered for _, lowered in self._colon_chunks)
        edges = [edge for word in set(passed) for edge in (f":{word}", f"{word}:") if edge in self._colons]
        parts = self._words.parts(self._colon_chunks, edges) if edges else frozenset()
        exact = self._gathered(start, parts)[0] if parts.intersection(passed) else sure
        keywords = "\n".join(exact)
        return any(word in keywords for word in context)

    def _without_own_chunk(self, start: int, context: tuple[str, ...]) -> bool | None:
        """The answer where it is the same however the chunk around `start` falls into tokens; else None.

        Its tokens up to `start` are at most as many as their characters, and may all be keywords or none.
        """
        known = self._beside.get(start)
        if known is None:
            low, high = self._chunk(start)
            sure: list[str] = []
            passed: list[str] = []
            self._backward(low, WORDS_BACK, frozenset(), sure, passed)
            near = "\n".join(sure[: max(0, WORDS_BACK - (start - low + 1) - len(passed))])
            self._forward(high, WORDS_AHEAD, frozenset(), sure, passed)
            known = self._beside[start] = self._text[low:high].lower(), near, "\n".join((*sure, *passed))
        own, near, around = known
        if any(word in own for word in context):
            return None
        if not any(word in around for word in context):
            return False
        return True if any(word in near for word in context) else None

    def _around(self, start: int) -> tuple[list[str], list[str], str, str]:
        """(keywords, tokens passed over, keywords that stay whatever the passed ones are, all of them)."""
        known = self._near.get(start)
        if known is None:
            sure, passed, certain = self._gathered(start, frozenset())
            known = sure, passed, "\n".join(sure[:certain]), "\n".join((*sure, *passed))
            self._near[start] = known
        return known

    def _gathered(self, start: int, parts: frozenset[str]) -> tuple[list[str], list[str], int]:
        """(keywords, tokens that were passed over, how many of the keywords passed tokens cannot displace)."""
        low, high = self._chunk(start)
        tokens = self._words.of(self._text[low:high])
        index = next(i for i, token in enumerate(tokens) if start - low < token.end)
        sure: list[str] = []
        passed: list[str] = []
        left = _taken(reversed(tokens[: index + 1]), WORDS_BACK, parts, sure, passed)
        if left:
            self._backward(low, left, parts, sure, passed)
        # were all passed tokens keywords and nearer, so many would be left; of the keyword ahead nothing is certain
        certain = min(len(sure), max(0, WORDS_BACK - len(passed)))
        left = _taken(tokens[index:], WORDS_AHEAD, parts, sure, passed)
        if left:
            self._forward(high, left, parts, sure, passed)
        return sure, passed, certain

    def _chunk(self, start: int) -> tuple[int, int]:
        """First and last place of the chunk around `start`."""
        end = SPACE.search(self._text, start)
        low = 1 + max(self._text.rfind(space, 0, start) for space in " \n\t")
        for space in SPACE.finditer(self._text, low, start):  # rarer kinds of white space
            low = space.end()
        return low, end.start() if end else len(self._text)

    def _backward(self, low: int, left: int, parts: frozenset[str], sure: list[str], passed: list[str]) -> None:
        """Walk back from `low`, window by window, until no word is left to take."""
        size = WINDOW
        while low > 0:
            first = max(0, low - size)
            pieces = PIECES.findall(self._text[first:low])
            cut = first > 0  # the first piece may be
            for i in range(len(pieces) - 1, cut - 1, -1):
                low -= len(pieces[i])
                if pieces[i] == " " and low > 0:
                    continue
                left = _taken(reversed(self._piece(pieces[i], first=low == 0)), left, parts, sure, passed)
                if not left:
                    return
            size = 2 * size

    def _forward(self, high: int, left: int, parts: frozenset[str], sure: list[str], passed: list[str]) -> None:
        """Walk on from `high` until no word is left to take."""
        for piece in PIECES.finditer(self._text, high):
            left = _taken(self._piece(piece.group(), first=False), left, parts, sure, passed)
            if not left:
                return

    def _piece(self, text: str, *, first: bool) -> Sequence[Token]:
        """The tokens of a chunk; of white space what one space between words leaves over, which is a keyword."""
        if not text[0].isspace():
            return self._words.of(text)
        rest = text[1:] if text[0] == " " and not first else text
        return (Token(rest, len(text), True),) if rest else ()


def _taken(tokens: Iterable[Token], left: int, parts: frozenset[str], sure: list[str], passed: list[str]) -> int:
    """How many keywords are still wanted after those among the tokens are taken."""
    for token in tokens:
        if token.keyword or token.word in parts:
            sure.append(token.word)
            left -= 1
            if not left:
                break
        elif ":" not in token.word:
            passed.append(token.word)
    return left
