"""What a round asks: from files, made from attributes, filled up to quotas, or invented by the generator itself."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from string import Formatter

import numpy as np

from auditkit.errors import ConfigError, InputError, suggestion
from auditkit.loop.folder import Place, Row, read_rows
from auditkit.loop.protocols import Ask, Generator, Prompt, Sample
from auditkit.loop.settings import Loop
from auditkit.loop.tail import words_of

TEXT_KEYS = ("prompt", "instruction", "question", "text")
ANSWER_KEYS = ("answer", "response", "output", "completion")
OVERDRAW = 3  # attributed prompts made per prompt wanted, since some will be like earlier ones
SHOTS = 8  # instructions shown when new ones are invented: Self-Instruct, section 2.2
LEAST_WORDS, MOST_WORDS = 4, 150  # Self-Instruct, its released code: 3 words or fewer and more than 150 are left out
UNFIT = re.compile(r"\b(?:images?|graphs?|pictures?|files?|maps?|draw|plot|go to|video|audio)\b", re.IGNORECASE)
"""What a text cannot do: the blacklist of Self-Instruct's released code."""
NUMBERED = re.compile(r"^\s*\d{1,2}[.):]\s+(.{3,1000}?)\s*$", re.MULTILINE)


def prompts_of(loop: Loop, earlier: Sequence[Place], generator: Generator, *, number: int, model: str) -> list[Prompt]:
    """The prompts of round `number`, ids unique; ConfigError when nothing is left to ask.

    earlier: the rounds before this one. The same seed gives the same prompts. Attributed prompts are alike by design
    (one template), so only equal ones are left out, those of a quota not even then; invented ones must be novel.
    """
    table = loop.prompts
    given = from_files([loop.path(name) for name in table.files])
    chosen = _turn(given, table.per_round, number, seed=loop.seed)
    known = [row["text"] for place in earlier[1:] for row in read_rows(place / "prompts.jsonl")]
    known += [prompt.text for prompt in given]
    made: list[Prompt] = []
    if table.attributed:
        quotas = earlier[-1] / ("gate" if number > 1 else "run") / "metrics.json"
        made = _quota_prompts(loop, quotas, number)
        asked = set(known)
        for prompt in attributed(loop, number):
            if prompt.text not in asked and len(made) < table.attributed:
                asked.add(prompt.text)
                made.append(prompt)
    if table.invented:
        texts = [*known, *(prompt.text for prompt in made)]
        new = list(invented(loop, texts, generator, number, model))
        made += novel(texts, new, threshold=table.novelty)[: table.invented]
    if not chosen and not made:
        raise ConfigError(f"round {number}: no prompt is left to ask; every new one is like an earlier one")
    return [*chosen, *made]


def from_files(paths: Iterable[Path]) -> list[Prompt]:
    """The prompts of JSON lines {prompt, id?, answer?}, in order; InputError names the line that has none."""
    found: dict[str, Prompt] = {}
    for path in paths:
        for line, row in enumerate(_json_lines(path), 1):
            text = next((row[key] for key in TEXT_KEYS if isinstance(row.get(key), str) and row[key].strip()), None)
            if text is None:
                raise InputError(f"{path}:{line}", f"no prompt; expected one of the fields {', '.join(TEXT_KEYS)}")
            answer = next((str(row[key]) for key in ANSWER_KEYS if isinstance(row.get(key), str | int | float)), "")
            name = str(row.get("id", f"{path.stem}-{line}"))
            if name in found:
                raise InputError(f"{path}:{line}", f"the id '{name}' is used twice; ids name the samples of a prompt")
            found[name] = Prompt(name, text, _attributes(row), answer)
    return list(found.values())


def _attributes(row: Mapping[str, object]) -> dict[str, str]:
    own = row.get("attributes")
    found = {str(key): str(value) for key, value in own.items()} if isinstance(own, Mapping) else {}
    found |= {key: str(row[key]) for key in ("label", "region", "country") if row.get(key)}
    return found


def _json_lines(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise InputError(f"{path}:{number}", "expected a JSON object")
                yield row
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read as JSON lines ({type(error).__name__})") from None


def _turn(prompts: Sequence[Prompt], n: int, number: int, *, seed: int) -> list[Prompt]:
    """This round's share of the prompts, in file order: every prompt is asked before any is asked again. n 0 = all."""
    if not n or n >= len(prompts):
        return list(prompts)
    order = list(range(len(prompts)))
    random.Random(f"prompts {seed}").shuffle(order)
    first = (number - 1) * n
    return [prompts[at] for at in sorted(order[place % len(order)] for place in range(first, first + n))]


def novel(known: Sequence[str], prompts: Sequence[Prompt], *, threshold: float) -> list[Prompt]:
    """The prompts whose ROUGE-L to every known one, and to every one kept before them, is below the threshold.

    Self-Instruct keeps what is below 0.7. About 6 million pairs of 17 words a second: common words rule out most.
    """
    if not prompts:
        return []
    from auditkit.loop.rouge import unlike_earlier

    words = words_of([*known, *(prompt.text for prompt in prompts)])
    in_order = words.hashes[np.lexsort((words.hashes, words.owners))]
    stays = unlike_earlier(words.hashes, in_order, words.bounds, len(known), threshold)[len(known) :]
    return [prompt for prompt, stay in zip(prompts, stays.tolist(), strict=True) if stay]


# ---- attributes ---------------------------------------------------------------------------------------------------


def attributed(loop: Loop, number: int) -> Iterator[Prompt]:
    """Prompts made from the template: classes in turn, each value of an attribute as often as any other of its class.

    AttrPrompt (Yu et al. 2023, arXiv 2306.15895): prompts that differ in attributes give varied, less skewed data.
    """
    table = loop.prompts
    wanted = template_fields(table.template)
    folder = loop.path(table.attributes) if table.attributes else None
    classes = table.classes or ("",)
    values = {name: _values(folder, name, wanted - {"class"}) for name in classes}
    chooser = random.Random(f"attributes {loop.seed} {number}")
    turns = {name: {key: _in_turn(own, chooser) for key, own in values[name].items()} for name in classes}
    for place in range(OVERDRAW * table.attributed):
        label = classes[place % len(classes)]
        chosen = {key: next(turn) for key, turn in turns[label].items()}
        chosen |= {"class": label} if "class" in wanted else {}
        yield Prompt(f"a{number}-{place}", table.template.format(**chosen), chosen)


def template_fields(template: str) -> set[str]:
    """The names in braces; ConfigError for anything but a plain name."""
    try:
        parts = [(name, spec, how) for _, name, spec, how in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ConfigError(f"[prompts] template: {error}") from None
    for name, spec, how in parts:
        if not name.isidentifier() or spec or how:
            raise ConfigError(f"[prompts] template: expected plain names such as {{length}}, got {{{name}}}")
    return {name for name, _, _ in parts}


def _values(folder: Path | None, label: str, names: set[str]) -> dict[str, list[str]]:
    """The values of each attribute for a class: those of folder/CLASS/NAME.txt, else of folder/NAME.txt."""
    found: dict[str, list[str]] = {}
    known = {path.stem for path in folder.rglob("*.txt")} if folder else set()
    for name in sorted(names):
        files = [folder / label / f"{name}.txt", folder / f"{name}.txt"] if folder else []
        path = next((file for file in files if file.is_file()), None)
        if path is None:
            raise ConfigError(f"[prompts] template: no values for {{{name}}}{suggestion(name, known)}")
        values = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if not values:
            raise ConfigError(f"{path}: holds no value; expected one a line")
        found[name] = values
    return found


def _in_turn(values: Sequence[str], chooser: random.Random) -> Iterator[str]:
    """All values in random order, then all again in another."""
    while True:
        yield from chooser.sample(values, len(values))


def _quota_prompts(loop: Loop, metrics: Path, number: int) -> list[Prompt]:
    """Prompts for what the round before named too rarely, at most quota_share of the attributed ones, evenly taken."""
    from auditkit.checkers.skew.quotas import quota_prompts

    most = math.floor(loop.prompts.quota_share * loop.prompts.attributed)
    if not most:
        return []
    rows = list(quota_prompts(json.loads(metrics.read_text(encoding="utf-8"))))
    picked = [rows[place * len(rows) // most] for place in range(most)] if len(rows) > most else rows
    return [
        Prompt(
            f"quota{number}-{place}",
            row["prompt"],
            {key: row[key] for key in ("label", "region", "country") if row[key]},
        )
        for place, row in enumerate(picked)
    ]


# ---- invented -----------------------------------------------------------------------------------------------------

INVENT = (
    "Here are some tasks:\n\n{shown}\n\nWrite {n} new tasks of other kinds, numbered 1. to {n}., one per line. "
    "Each must be complete in itself and answerable in text alone."
)


def invented(loop: Loop, known: Sequence[str], generator: Generator, number: int, model: str) -> Iterator[Prompt]:
    """New instructions that the generator writes after some earlier ones (Self-Instruct), unfit ones left out."""
    chooser = random.Random(f"invented {loop.seed} {number}")
    n_asks = math.ceil(2 * loop.prompts.invented / SHOTS)
    asks = []
    for place in range(n_asks):
        shown = chooser.sample(list(known), min(SHOTS, len(known)))
        listed = "\n".join(f"{at}. {' '.join(text.split())}" for at, text in enumerate(shown, 1))
        seed = chooser.randrange(2**31)
        asks.append(Ask(f"invent-{number}-{place}", INVENT.format(shown=listed, n=SHOTS), 1, 1.0, seed))
    answers = {one.prompt: one.text for one in generator.sample(asks, model=model) if isinstance(one, Sample)}
    lines = (text for ask in asks for text in NUMBERED.findall(answers.get(ask.prompt, "")))
    fit = (text for text in lines if LEAST_WORDS <= len(text.split()) <= MOST_WORDS and not UNFIT.search(text))
    for place, text in enumerate(islice(fit, OVERDRAW * loop.prompts.invented)):
        yield Prompt(f"i{number}-{place}", text)
