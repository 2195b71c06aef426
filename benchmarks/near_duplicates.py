"""Near-duplicates, side by side in one run: speed per CPU-second, recall against an exact join, uncertified removals.

    OMP_NUM_THREADS=1 python benchmarks/near_duplicates.py [DATA_FOLDER] [--docs N] [--growth N ...]
        [--peer-docs N] [--peer-python PYTHON]

Ours: the whole checker from Parquet to written findings, at thresholds .5 to .95, held against an exact prefix-filter
join over the gram sets of all documents. Peers: rensa, datasketch, text-dedup
and datatrove where PYTHON has them, see near_duplicates_peers.py; each removes all but one document of a connected
component, which is what their manuals show. A removal is uncertified when the exact similarity to the copy that is kept
is below .8; precision is the share of the others; recall, the share of the documents with a twin that are removed or
whose twins are. Growth: synthetic short documents of which a tenth are edited
copies. All times are CPU seconds of one process; the machine code is warm.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import near_duplicates_peers
import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from auditkit.checker import Context, Outcome, State, build, part_of
from auditkit.checkers.near_duplicates import index, matching
from auditkit.checkers.near_duplicates.documents import gram_sets
from auditkit.documents import RECORDS, TEXTS, Batch, batch_of_texts
from auditkit.engine.columns import Room
from auditkit.engine.finish import merge_tree
from auditkit.engine.look import _only as only

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
cpu = time.process_time


def batch_of_column(texts: pa.Array, first: int) -> Batch:
    n = len(texts)
    docs = pa.array(np.arange(first, first + n))
    nothing = pa.nulls(n, pa.utf8())
    name = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array(["text"]))
    return Batch(
        pa.RecordBatch.from_arrays(
            [docs, name, name, texts.cast(pa.large_utf8()), pa.nulls(len(docs), TEXTS.field("speaker").type)],
            schema=TEXTS,
        ),
        pa.RecordBatch.from_arrays([docs, name, docs, *[nothing] * 6], schema=RECORDS),
    )


def batches_of(path: Path, n_docs: int) -> Iterator[Batch]:
    first = 0
    for rows in pq.ParquetFile(path).iter_batches(4_000, columns=["text"], use_threads=False):
        texts = rows.column(0)[: n_docs - first]
        if len(texts):
            yield batch_of_column(texts, first)
            first += len(texts)


def anonymous_bytes() -> int:
    """What this process holds in memory, mapped files not counted."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) << 10


def merged(merge: Callable[[State, State], State], states: Iterator[State], room: Room) -> State:
    """The states merged as the engine does: what grows with the corpus in files."""
    columns, rest = room.columns(), []
    for state in states:
        columns.add({name: values for name, values in state.items() if not name.startswith("line")})
        rest.append({name: values for name, values in state.items() if name.startswith("line")})
        if len(rest) == 8:
            rest = [merge_tree(merge, rest)]
    return merge_tree(merge, rest) | columns.mapped()


def run(batches: Callable[[], Iterator[Batch]], n_docs: int, **options: object) -> tuple[Outcome, dict[str, float]]:
    """The outcome, and CPU seconds of each step; reading is timed apart and done twice, as the engine does."""
    checker: Any = build("near_duplicates", options)
    spent: dict[str, float] = {}

    def timed(step: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = cpu()
        result = function(*arguments)
        spent[step] = spent.get(step, 0.0) + cpu() - start
        return result

    def each(step: str, function: Callable[[Batch], State], wanted: State | None = None) -> Iterator[State]:
        reader = batches()
        while (batch := timed("read", next, reader, None)) is not None:
            if wanted is None:
                yield timed(step, function, batch)
            elif np.isin(batch.docs, wanted["docs"]).any():
                own = part_of(checker, wanted, int(batch.docs[0]), int(batch.docs[-1]) + 1)
                yield timed(step, checker.map_again, only(batch, own["docs"]), own)

    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder))
        context = Context(n_docs, gather=room.gather)
        spent["files"] = 0.0
        start = cpu()
        state = merged(checker.merge, each("sign", checker.map), room)
        spent["files"] += cpu() - start - sum(spent.values())
        wanted = timed("candidates", checker.again, state, context)
        looked = None
        if wanted is not None:
            start, before = cpu(), sum(spent.values())
            looked = merged(checker.merge_again, each("again", checker.map_again, wanted), room)
            spent["files"] += cpu() - start - (sum(spent.values()) - before)
        outcome: Outcome = timed("verify", checker.finish, state, looked, context)
        timed("write", pq.write_table, outcome.findings, f"{folder}/findings.parquet")
    return outcome, spent


@numba.njit(cache=True)
def prefix_join(
    ranks: Any, starts: Any, order: Any, n_ranks: int, first_shared: int, threshold: float, capacity: int
) -> Any:
    """Every pair with Jaccard similarity >= threshold; sets hold ranks, rarest first."""
    n = starts.size - 1
    counts = np.zeros(n_ranks + 1, np.int64)
    for d in range(n):
        size = starts[d + 1] - starts[d]
        for k in range(starts[d], starts[d] + min(size, size - int(np.ceil(threshold * size - 1e-9)) + 1)):
            counts[ranks[k] + 1] += ranks[k] >= first_shared
    counts = np.cumsum(counts)
    fill = counts[:-1].copy()
    postings = np.empty(counts[n_ranks], np.int32)
    seen = np.full(n, -1, np.int32)
    left, right, similarity = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity)
    m = 0
    for d in order:
        size = starts[d + 1] - starts[d]
        for k in range(starts[d], starts[d] + min(size, size - int(np.ceil(threshold * size - 1e-9)) + 1)):
            rank = ranks[k]
            if rank < first_shared:
                continue
            for q in range(counts[rank], fill[rank]):
                other = postings[q]
                if seen[other] == d:
                    continue
                seen[other] = d
                i, j, common = starts[other], starts[d], 0
                while i < starts[other + 1] and j < starts[d + 1]:
                    if ranks[i] == ranks[j]:
                        common += 1
                        i += 1
                        j += 1
                    elif ranks[i] < ranks[j]:
                        i += 1
                    else:
                        j += 1
                value = common / (size + starts[other + 1] - starts[other] - common)
                if value >= threshold:
                    left[m], right[m], similarity[m] = min(d, other), max(d, other), value
                    m += 1
            postings[fill[rank]] = d
            fill[rank] += 1
    return left[:m], right[:m], similarity[:m]


def exact_pairs(batches: Iterator[Batch], threshold: float) -> Pairs:
    looked = [gram_sets(batch, batch.docs) for batch in batches]
    grams, sizes = (np.concatenate([part[name] for part in looked]) for name in ("grams", "sizes"))
    distinct, place, count = np.unique(grams, return_inverse=True, return_counts=True)
    rank_of = np.empty(len(distinct), np.int64)
    rank_of[np.argsort(count, kind="stable")] = np.arange(len(distinct))
    ranks = rank_of[place].astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for first, last in itertools.pairwise(starts.tolist()):
        ranks[first:last].sort()
    first_shared = int((count == 1).sum())
    order = np.argsort(sizes, kind="stable")
    pairs: Pairs = prefix_join(ranks, starts, order, len(distinct), first_shared, threshold, 5_000_000)
    return pairs


def ours(path: Path, n_docs: int) -> None:
    n_bytes = sum(batch.texts.column("text").nbytes for batch in batches_of(path, n_docs))
    n_docs = sum(len(batch) for batch in batches_of(path, n_docs))
    left, right, similarity = exact_pairs(batches_of(path, n_docs), 0.5)
    run(lambda: batches_of(path, 2_000), 2_000)
    print(f"{n_docs:,} documents, {n_bytes / 1e6:.1f} MB; {len(left):,} exact pairs >= .5\n")
    print("| threshold | CPU s | MB per CPU-s | docs per CPU-s | without reading | removed | recall | wrong |")
    print("|---|---|---|---|---|---|---|---|")
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        outcome, spent = run(lambda: batches_of(path, n_docs), n_docs, threshold=threshold)
        certificates = {one.doc: (one.kept, one.jaccard) for one in outcome.certificates}
        stays = np.ones(n_docs, bool)
        stays[list(certificates)] = False
        similar = similarity >= threshold
        unseen = similar & stays[left] & stays[right]
        twins = len(np.union1d(left[similar], right[similar]))
        missed = len(np.union1d(left[unseen], right[unseen]))
        truth = dict(
            zip(zip(left[similar].tolist(), right[similar].tolist(), strict=True), similarity[similar], strict=True)
        )
        wrong = sum(
            truth.get((min(doc, kept), max(doc, kept))) != jaccard or not stays[kept]
            for doc, (kept, jaccard) in certificates.items()
        )
        total = sum(spent.values())
        print(
            f"| {threshold} | {total:.2f} | {n_bytes / 1e6 / total:.0f} | {n_docs / total:,.0f} "
            f"| {n_bytes / 1e6 / (total - spent['read']):.0f} MB/s | {len(certificates):,} "
            f"| {1 - missed / twins:.5f} | {wrong} |"
        )
        if threshold == 0.8:
            steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in spent.items())
    print(f"\nat .8: {steps}; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB\n")


def an_index(path: Path, n_docs: int) -> None:
    batches = list(batches_of(path, n_docs))
    half = len(batches) // 2
    n_bytes = sum(batch.texts.column("text").nbytes for batch in batches[:half])
    with tempfile.TemporaryDirectory() as folder:
        index.build(f"{folder}/warm", batches[:1])
        list(matching.query(f"{folder}/warm", batches[:1]))
        start = cpu()
        built = index.build(f"{folder}/index", batches[:half])
        spent = cpu() - start
        size = sum(file.stat().st_size for file in Path(folder, "index").rglob("*") if file.is_file())
        start = cpu()
        answers = sum(1 for _ in matching.query(f"{folder}/index", batches[half:]))
        asked = sum(map(len, batches[half:]))
        print(
            f"index: {built.n_docs:,} documents in {spent:.2f} CPU s ({n_bytes / 1e6 / spent:.0f} MB/s), "
            f"{size / built.n_docs:.0f} bytes per document; "
            f"{asked:,} asked in {cpu() - start:.2f} CPU s, {answers:,} known\n"
        )


def ours_on(path: Path) -> None:
    """This checker on the documents of a JSONL file, as `near_duplicates_peers` does it for others."""
    texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    run(lambda: iter([batch_of_texts(texts[:2_000])]), 2_000)

    def kept_of() -> list[int]:
        batch = batch_of_texts(texts)
        outcome, _ = run(lambda: iter([batch]), len(texts))
        kept = list(range(len(texts)))
        for one in outcome.certificates:
            kept[one.doc] = one.kept  # type: ignore[assignment]  # there is no index
        return kept

    spent, kept = near_duplicates_peers.timed(kept_of)
    print("\n" + json.dumps({"cpu_s": spent, "peak_mb": near_duplicates_peers.peak_mb(), "kept": kept}))


def peers(path: Path, n_docs: int, python: str) -> None:
    texts = [text for batch in batches_of(path, n_docs) for text in batch.texts.column("text").to_pylist()]
    texts.sort(key=lambda text: blake2b(text.encode()).digest())  # the corpus has its edited copies at the end
    texts = texts[:n_docs]
    sets = [set(near_duplicates_peers.grams_of(text)) for text in texts]
    left, right, _ = exact_pairs(iter([batch_of_texts(texts)]), 0.8)
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    twins = {doc for pair in pairs for doc in pair}
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts):,} documents, {megabytes:.1f} MB, {len(twins):,} with a twin >= .8\n")
    print("| tool | docs per CPU-s | MB per CPU-s | peak MB | removed | uncertified | precision | recall |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "texts.jsonl")
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        commands = {"auditkit": [sys.executable, __file__, "--only", str(file)]}
        for name in near_duplicates_peers.TOOLS:
            commands[name] = [python, near_duplicates_peers.__file__, name, str(file)]
        for name, command in commands.items():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["no word"])[-1]
                print(f"| {name} | did not run: {reason} | | | | | | |", flush=True)
                continue
            told = json.loads(done.stdout.strip().splitlines()[-1])
            gone = {doc: kept for doc, kept in enumerate(told["kept"]) if kept != doc}
            below = sum(
                len(sets[doc] & sets[kept]) < 0.8 * len(sets[doc] | sets[kept]) - 1e-9 for doc, kept in gone.items()
            )
            unseen = {doc for pair in pairs if not gone.keys() & set(pair) for doc in pair}
            print(
                f"| {name} | {len(texts) / told['cpu_s']:,.0f} | {megabytes / told['cpu_s']:.2f} | {told['peak_mb']} "
                f"| {len(gone)} | {below} | {1 - below / max(1, len(gone)):.3f} | {1 - len(unseen) / len(twins):.4f} |",
                flush=True,
            )
    print()


def synthetic(n_docs: int, seed: int = 1) -> Iterator[Batch]:
    """Documents of 30 random words out of 50,000; every tenth is the document before it with its last word changed."""
    rng = np.random.default_rng(seed)
    vocabulary = pa.array([f"w{number:05d} " for number in range(50_000)], pa.large_utf8())
    for first in range(0, n_docs, 50_000):
        n = min(50_000, n_docs - first)
        words = rng.integers(0, 50_000, (n, 30))
        words[9::10, :-1] = words[8::10, :-1][: len(words[9::10])]
        joined = vocabulary.take(pa.array(words.ravel()))
        offsets = np.arange(0, n * 30 + 1, 30) * len("w00000 ")
        texts = pa.LargeStringArray.from_buffers(n, pa.py_buffer(offsets.astype(np.int64)), joined.buffers()[2])
        yield batch_of_column(texts, first)


def growth(sizes: Sequence[int]) -> None:
    print("| documents | MB | CPU s | docs per CPU-s | removed | peak MB in memory | bytes per document |")
    print("|---|---|---|---|---|---|---|")
    run(lambda: synthetic(2_000), 2_000)
    before = anonymous_bytes()
    for n_docs in sizes:
        with watched() as peak:
            outcome, spent = run(lambda n=n_docs: synthetic(n), n_docs)  # type: ignore[misc]
        total = sum(seconds for step, seconds in spent.items() if step != "read")
        removed = len(outcome.certificates)
        expected = n_docs // 10
        assert math.isclose(removed, expected, rel_tol=0.01), (removed, expected)
        print(
            f"| {n_docs:,} | {n_docs * 210 / 1e6:.0f} | {total:.1f} | {n_docs / total:,.0f} | {removed:,} "
            f"| {peak[0] >> 20} | {max(0, peak[0] - before) / n_docs:.0f} |",
            flush=True,
        )


@contextmanager
def watched() -> Iterator[list[int]]:
    """The most bytes in memory inside, mapped files not counted, seen every 10 ms."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            peak[0] = max(peak[0], anonymous_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="../shared/data", type=Path)
    parser.add_argument("--docs", type=int, default=1_000_000)
    parser.add_argument("--peer-docs", type=int, default=4_000)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--growth", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    corpus = given.data / "neardup" / "corpus.parquet"
    if given.only:
        ours_on(given.only)
        return
    if given.docs:
        ours(corpus, given.docs)
        an_index(corpus, given.docs)
    if given.peer_docs:
        peers(corpus, given.peer_docs, given.peer_python)
    if given.growth:
        growth(given.growth)


if __name__ == "__main__":
    main()
