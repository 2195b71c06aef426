"""Samples: asked in small portions, written down as they come, and put into rows; and how a prompt's samples vote."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from auditkit import disk
from auditkit.errors import AuditkitError
from auditkit.loop.folder import Row, write_rows
from auditkit.loop.protocols import Ask, Generator, Prompt, Sample, Unanswered

PORTION = 64
"""Asks under way before their samples are written down; an endpoint keeps each answer by itself as well."""
Say = Callable[[str], None]


def seed_of(*parts: object) -> int:
    """A seed of 31 bits from anything that prints the same everywhere."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % 2**31


def asks_of(prompts: Sequence[Prompt], *, n: int, temperature: float, instruction: str, seed: object) -> list[Ask]:
    """One ask per prompt; the seed of each is its own, whatever stands around it."""
    said = f"{instruction}\n\n" if instruction else ""
    return [
        Ask(prompt.id, f"{said}{prompt.text}", n, temperature, seed_of(seed, prompt.id, prompt.text))
        for prompt in prompts
    ]


@dataclass(frozen=True)
class Sampled:
    """What came of some asks. unanswered: reason -> number of prompts that lack samples."""

    samples: list[Sample]
    unanswered: Mapping[str, int]


def sampled(
    path: Path, asks: Sequence[Ask], generator: Generator, *, model: str, max_unanswered: float, say: Say
) -> Sampled:
    """The samples of all asks, in order; also in the file `path`, which is whole or not there.

    A killed call goes on where it stopped. AuditkitError when more prompts than allowed lack samples: what was answered
    stays written down, and the next call asks only for the rest.
    """
    if path.exists():
        return _order(asks, [Sample(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()], {})
    journal = path.with_name(f".{path.name}.part")
    there = {(one.prompt, one.number): one for one in _journal(journal)}
    waiting = [ask for ask in asks if any((ask.prompt, ask.first + at) not in there for at in range(ask.n))]
    reasons: dict[str, str] = {}
    for first in range(0, len(waiting), PORTION):
        portion = waiting[first : first + PORTION]
        new = []
        for one in generator.sample(portion, model=model):
            if isinstance(one, Unanswered):
                reasons[one.prompt] = one.reason
            else:
                new.append(replace(one, text=one.text.encode("utf-8", "replace").decode()))  # half a surrogate pair
        _note(journal, new)
        there |= {(one.prompt, one.number): one for one in new}
        say(f"{min(first + PORTION, len(waiting)):,} of {len(waiting):,} prompts asked")
    found = _order(asks, there.values(), reasons)
    lacking = sum(found.unanswered.values())
    if asks and lacking > max_unanswered * len(asks):
        raise AuditkitError(_letter(found.unanswered, lacking, len(asks)))
    write_rows(path, (asdict(one) for one in found.samples))
    journal.unlink(missing_ok=True)
    return found


def _letter(reasons: Mapping[str, int], lacking: int, n_asks: int) -> str:
    told = "; ".join(f"{reason} ({n:,} prompts)" for reason, n in list(reasons.items())[:3])
    return (
        f"{lacking:,} of {n_asks:,} prompts lack samples: {told}. What was answered is kept; run the same command "
        "again to ask for the rest, or allow some to stay open with [sampling] max_unanswered"
    )


def _order(asks: Sequence[Ask], samples: Iterable[Sample], reasons: Mapping[str, str]) -> Sampled:
    """The samples in the order of the asks, and the reasons for those that lack some, most frequent first."""
    by_place = {(one.prompt, one.number): one for one in samples}
    ordered = [
        by_place[ask.prompt, ask.first + at]
        for ask in asks
        for at in range(ask.n)
        if (ask.prompt, ask.first + at) in by_place
    ]
    n_there = Counter(one.prompt for one in ordered)
    lacking = Counter(reasons.get(ask.prompt, "no answer") for ask in asks if n_there[ask.prompt] < ask.n)
    return Sampled(ordered, dict(lacking.most_common()))


def _journal(path: Path) -> Iterator[Sample]:
    """The samples that an earlier, killed call wrote down; a torn last line is passed over."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            yield Sample(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _note(path: Path, samples: Sequence[Sample]) -> None:
    """Add samples to the journal, after a line end where the last line is torn, and wait until they are on the disk."""
    lines = "".join(json.dumps(asdict(one)) + "\n" for one in samples)
    with disk.step("write", path):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, disk.OWNER)
    with disk.step("write", path), os.fdopen(handle, "ab") as file:
        file.write(b"\n" + lines.encode())
        file.flush()
        os.fsync(file.fileno())


def rows_of(prompts: Sequence[Prompt], samples: Sequence[Sample], *, number: int, origin: str = "") -> list[Row]:
    """One row per sample: id, group (its prompt), prompt, response, finish; label where the prompt has a class."""
    by_id = {prompt.id: prompt for prompt in prompts}
    rows = []
    for one in samples:
        prompt = by_id[one.prompt]
        row: Row = {
            "id": f"r{number}/{prompt.id}/{origin}{one.number}",
            "group": prompt.id,
            "prompt": prompt.text,
            "response": one.text,
            "finish": one.finish,
        }
        label = prompt.attributes.get("class") or prompt.attributes.get("label")
        rows.append(row | ({"label": label} if label else {}))
    return rows


@dataclass(frozen=True)
class Vote:
    """How the samples of one prompt voted. answer: the most frequent final answer, "" where none gave any.

    share: of all its samples; agreeing, others: places of the rows with that answer, and with another one or none.
    """

    answer: str
    share: float
    agreeing: tuple[int, ...]
    others: tuple[int, ...]


def votes(rows: Sequence[Mapping[str, object]]) -> dict[str, Vote]:
    """Group -> its vote, by the final answers that the checker `hallucination` compares; ties go to the first."""
    from auditkit.checkers.hallucination.answers import final_answer

    groups: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(str(row["group"]), []).append(place)
    answers = [final_answer(str(row["response"]), str(row["prompt"])) for row in rows]
    found = {}
    for name, places in groups.items():
        counts = Counter(answers[place] for place in places if answers[place])
        best = counts.most_common(1)[0][0] if counts else ""
        agreeing = tuple(place for place in places if best and answers[place] == best)
        others = tuple(place for place in places if place not in set(agreeing))
        found[name] = Vote(best, len(agreeing) / len(places), agreeing, others)
    return found
