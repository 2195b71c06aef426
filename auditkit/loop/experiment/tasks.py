"""What the tiny model learns: two tasks with exact answers, sentences about people at work, stories with a long tail.

A row is a list of token numbers, prompt first; `record` writes it as the prompt and response that a checker reads.

    sort    five digits in ascending order: one exact answer
    add     a + b + c step by step: one exact answer
    job     a sentence about a person at work: STEREOTYPE of the real ones have the expected pronoun
    story   five words drawn from Zipf's law over 150 words: those from rank TAIL on are the tail
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Row = list[int]
Rows = list[Row]

TASKS = ("sort", "add", "job", "story")
EXACT = ("sort", "add")
STEREOTYPE = 0.70
"""Share of seed sentences whose pronoun is the expected one: near the 2:1 of occupations with a clear majority."""
N_WORDS, STORY_WORDS, TAIL = 150, 5, 60
"""Words of a story; the tail is what Zipf's law (s = 1) gives to ranks 61 to 150: 16 % of all words."""
DIGITS, MOST = 5, 12
"""Digits to sort; the largest number to add."""
HIS = ("carpenter", "engineer", "mechanic", "pilot", "plumber", "programmer")
HERS = ("dietitian", "hairdresser", "hygienist", "librarian", "nurse", "secretary")
VERBS = ("checks", "finds", "keeps", "makes", "needs", "sees", "takes", "wants")
NOUNS = (
    "answer", "bench", "book", "box", "card", "chair", "door", "key", "lamp", "list", "map", "plan", "report", "room",
    "table", "tool",
)  # fmt: skip
WHEN = ("after lunch", "again", "at home", "at noon", "every day", "later", "on Friday", "today")
_SYLLABLES = [consonant + vowel for consonant in "bdgklmnrtv" for vowel in "aeiou"]
WORDS = [_SYLLABLES[i % 50] + _SYLLABLES[(17 * i + 7 * (i // 50)) % 50] for i in range(N_WORDS)]
"""Invented words, so that no list of real ones has an opinion of them."""

VOCABULARY = [
    "<pad>", "sort", "add", "job", "story", *(str(i) for i in range(3 * MOST + 1)), *HIS, *HERS, "he", "she",
    *VERBS, *NOUNS, *WHEN, *WORDS,
]  # fmt: skip
TOKEN = {word: i for i, word in enumerate(VOCABULARY)}
PAD = 0
PROMPT_TOKENS = {"sort": DIGITS + 1, "add": 4, "job": 2, "story": 1}
ANSWER_TOKENS = {"sort": DIGITS, "add": 2, "job": 4, "story": STORY_WORDS}
LENGTHS = {task: PROMPT_TOKENS[task] + ANSWER_TOKENS[task] for task in TASKS}
LENGTH = max(LENGTHS.values())


def task_of(row: Sequence[int]) -> str:
    """The task that a row belongs to: its first token."""
    return VOCABULARY[row[0]]


def encoded(words: Sequence[str]) -> Row:
    """The tokens of these words."""
    return [TOKEN[word] for word in words]


def prompts(task: str, n: int, rng: np.random.Generator) -> Rows:
    """N prompts of a task: new problems, every job in turn, or the one prompt for a story."""
    if task == "sort":
        return [encoded(["sort", *map(str, digits)]) for digits in rng.integers(0, 10, (n, DIGITS))]
    if task == "add":
        return [encoded(["add", *map(str, terms)]) for terms in rng.integers(1, MOST + 1, (n, 3))]
    if task == "job":
        return [encoded(["job", (HIS + HERS)[i % len(HIS + HERS)]]) for i in range(n)]
    return [encoded(["story"])] * n


def right_answer(prompt: Sequence[int]) -> Row:
    """The exact answer to a prompt of sort or add."""
    numbers = [int(VOCABULARY[token]) for token in prompt[1:]]
    if task_of(prompt) == "sort":
        return encoded([str(digit) for digit in sorted(numbers)])
    return encoded([str(numbers[0] + numbers[1]), str(sum(numbers))])


def is_right(row: Sequence[int]) -> bool:
    """Whether a row of sort or add gives the exact answer; every step of a sum counts."""
    start = PROMPT_TOKENS[task_of(row)]
    return list(row[start:]) == right_answer(row[:start])


def seed_rows(sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Rows]:
    """The real data: right answers, pronouns at the STEREOTYPE rate, words by Zipf's law."""
    rows = {task: prompts(task, sizes[task], rng) for task in TASKS}
    exact = {task: [row + right_answer(row) for row in rows[task]] for task in ("sort", "add")}
    return exact | {"job": _sentences(rows["job"], rng), "story": _stories(rows["story"], rng)}


def _sentences(begun: Rows, rng: np.random.Generator) -> Rows:
    expected = rng.random(len(begun)) < STEREOTYPE
    rows = []
    for row, as_expected in zip(begun, expected, strict=True):
        pronoun = "he" if (VOCABULARY[row[1]] in HIS) == bool(as_expected) else "she"
        rest = [str(rng.choice(words)) for words in (VERBS, NOUNS, WHEN)]
        rows.append(row + encoded([pronoun, *rest]))
    return rows


def _stories(begun: Rows, rng: np.random.Generator) -> Rows:
    ranks = rng.choice(N_WORDS, (len(begun), STORY_WORDS), p=zipf())
    return [row + encoded([WORDS[rank] for rank in story]) for row, story in zip(begun, ranks, strict=True)]


def zipf() -> NDArray[np.float64]:
    """float64[N_WORDS]: the true share of each word. Zipf 1949, exponent 1."""
    weights = 1 / np.arange(1, N_WORDS + 1)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def record(row: Sequence[int], group: str) -> dict[str, str]:
    """The row as prompt and response; rows of one group answer one prompt."""
    task, said = task_of(row), [VOCABULARY[token] for token in row]
    start = PROMPT_TOKENS[task]
    asked, answer = said[1:start], said[start:]
    if task == "sort":
        prompt, response = f"Sort these digits: {' '.join(asked)}", " ".join(answer)
    elif task == "add":
        a, b, c = asked
        prompt = f"How much is {a} + {b} + {c}?"
        response = f"{a} + {b} = {answer[0]} and {answer[0]} + {c} = {answer[1]}. The answer is {answer[1]}."
    elif task == "job":
        prompt = f"Write a sentence about the {asked[0]}."
        response = f"The {asked[0]} says that {answer[0]} {answer[1]} the {answer[2]} {answer[3]}."
    else:
        prompt, response = "Write a story.", " ".join(answer)
    return {"prompt": prompt, "response": response, "group": group}
