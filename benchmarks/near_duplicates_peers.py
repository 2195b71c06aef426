"""One peer on the documents of a JSONL file, run by benchmarks/near_duplicates.py in a Python that has the peer.

    python benchmarks/near_duplicates_peers.py TOOL TEXTS.jsonl

Prints JSON: cpu_s, of this process and its children after the imports, see `timed`; peak_mb; kept, for each document
the one that stays for it. Each tool has its own bands for threshold .8, with 128 permutations and word 5-grams.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

THRESHOLD, PERMUTATIONS = 0.8, 128


def grams_of(text: str) -> list[str]:
    words = re.findall(r"[^\W_]+", text.casefold())
    return [" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))] if words else []


def components(edges: Sequence[Sequence[int]]) -> list[int]:
    parent = list(range(len(edges)))

    def root(doc: int) -> int:
        while parent[doc] != doc:
            parent[doc] = parent[parent[doc]]
            doc = parent[doc]
        return doc

    for doc, others in enumerate(edges):
        for other in others:
            first, second = sorted((root(doc), root(other)))
            parent[second] = first
    return [root(doc) for doc in range(len(edges))]


def rensa(texts: Sequence[str], *, verified: bool = False) -> list[int]:
    import rensa as library

    hashes = [library.RMinHash(num_perm=PERMUTATIONS, seed=42) for _ in texts]
    for one, text in zip(hashes, texts, strict=True):
        one.update(grams_of(text))
    lsh = library.RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=16)
    for key, one in enumerate(hashes):
        lsh.insert(key, one)

    def similar(key: int, other: int) -> bool:
        return other < key and (not verified or hashes[key].jaccard(hashes[other]) >= THRESHOLD)

    return components([[other for other in lsh.query(one) if similar(key, other)] for key, one in enumerate(hashes)])


def rensa_verified(texts: Sequence[str]) -> list[int]:
    return rensa(texts, verified=True)


def datasketch(texts: Sequence[str]) -> list[int]:
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    found = []
    for key, text in enumerate(texts):
        one = MinHash(num_perm=PERMUTATIONS)
        one.update_batch([gram.encode() for gram in grams_of(text)])
        found.append(list(lsh.query(one)))
        lsh.insert(key, one)
    return components(found)


def text_dedup(texts: Sequence[str]) -> list[int]:
    from text_dedup import minhash

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "texts.jsonl")
        path.write_text("".join(json.dumps({"text": text, "id": row}) + "\n" for row, text in enumerate(texts)))
        options = {
            "path": "json", "data_files": path, "split": "train", "cache_dir": f"{folder}/cache", "column": "text",
            "idx_column": "id", "output": f"{folder}/out", "ngram": 5, "min_length": 1, "num_perm": PERMUTATIONS,
            "threshold": THRESHOLD, "num_proc": 1, "batch_size": 10_000,
        }  # fmt: skip
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        minhash.main.main(args=arguments, standalone_mode=False)
    return [int(minhash.uf.find(row)) for row in range(len(texts))]


def datatrove(texts: Sequence[str]) -> list[int]:
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    config = MinhashConfig(n_grams=5, hash_config=HashConfig(precision=64))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in").mkdir()
        lines = (json.dumps({"text": text, "id": str(row)}) + "\n" for row, text in enumerate(texts))
        Path(folder, "in", "texts.jsonl").write_text("".join(lines))

        def stage(name: str, steps: list[Any], tasks: int = 1) -> None:
            LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=1, logging_dir=f"{folder}/log{name}").run()

        def place(name: str) -> str:
            return f"{folder}/{name}"

        gone = JsonlWriter(place("gone"), compression=None)
        stage("1", [JsonlReader(place("in")), MinhashDedupSignature(place("sig"), config=config)])
        stage("2", [MinhashDedupBuckets(place("sig"), place("buckets"), config=config)], config.num_buckets)
        cluster = MinhashDedupCluster(place("buckets"), place("remove"), config=config, save_cluster_id=True)
        stage("3", [cluster])
        drop = MinhashDedupFilter(place("remove"), exclusion_writer=gone, load_cluster_ids=True)
        stage("4", [JsonlReader(place("in")), drop, JsonlWriter(place("out"), compression=None)])
        return stayed(len(texts), *(list(documents(Path(folder, name))) for name in ("out", "gone")))


def documents(folder: Path) -> Iterator[tuple[int, object]]:
    for path in sorted(folder.rglob("*.jsonl")):
        for line in path.read_text().splitlines():
            one = json.loads(line)
            yield int(one["id"]), one["metadata"].get("minhash_cluster_id", -1)


def stayed(n: int, out: list[tuple[int, object]], gone: list[tuple[int, object]]) -> list[int]:
    kept, of_cluster = list(range(n)), {cluster: doc for doc, cluster in out if cluster not in (-1, None)}
    for doc, cluster in gone:
        kept[doc] = of_cluster[cluster]
    return kept


TOOLS = {
    "rensa, unverified": rensa,
    "rensa, by its estimate": rensa_verified,
    "datasketch": datasketch,
    "text-dedup": text_dedup,
    "datatrove": datatrove,
}


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mb() -> int:
    """Of this process; ru_maxrss would begin with that of the parent."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) >> 10


def timed(tool: Callable[[], list[int]]) -> tuple[float, list[int]]:
    """(CPU seconds, what it says): the least of three runs where one takes less than 5 seconds."""
    spent = []
    while len(spent) < 3 and (not spent or spent[0] < 5):
        start = cpu()
        said = tool()
        spent.append(cpu() - start)
    return min(spent), said


def main() -> None:
    tool, path = TOOLS[sys.argv[1]], Path(sys.argv[2])
    texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    tool(texts[:20])  # imports and first calls are not counted
    spent, kept = timed(lambda: tool(texts))
    print("\n" + json.dumps({"cpu_s": spent, "peak_mb": peak_mb(), "kept": kept}))


if __name__ == "__main__":
    main()
