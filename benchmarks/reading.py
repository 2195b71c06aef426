"""Reading: MB of file per CPU-second, from stored bytes to checked batches, beside orjson; and fuzzed lines that agree.

    python benchmarks/reading.py [--data ../shared/data] [--lines 100000] [--out FILE]

parse: lines to Arrow batches with every strictness on (UTF-8, duplicate names, numbers, nesting, surrogates), one
thread. orjson: `orjson.loads` of each line and nothing else, the fastest that a reader on top of it can be. read: the
file opened, unpacked, hashed and cut. split: kept rows written back. Each is the best of three.
Fuzzed lines: random records written in several styles and damaged; each is read the fast way and by the strict parser,
and both must agree on every text and key, or both refuse.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from auditkit import formats
from auditkit.layouts import extract
from auditkit.shards import KEEP, Layout, Limits, Shard, Source
from auditkit.text.strict_json import Refused, strict_object

LIMITS = Limits()
CHAT = Layout(
    "messages", (("messages[*].content", ""), ("q", "prompt"), ("text", "text")), ("messages",), id="id", label="label"
)
TEXT = Layout("text", (("text", "text"), ("q", "prompt")), ("text",), id="id", label="label")


def best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def corpora(data: Path) -> dict[str, bytes]:
    docs = zstandard.ZstdDecompressor().stream_reader(io.BytesIO((data / "e2e_docs_12k.jsonl.zst").read_bytes())).read()
    alpaca = gzip.decompress((data / "hallucination/alpaca_original_half.jsonl.gz").read_bytes())
    rows = [orjson.loads(line) for line in alpaca.splitlines()]
    chat = [
        {
            "id": n,
            "messages": [
                {"role": "user", "content": row["instruction"]},
                {"role": "assistant", "content": row["output"]},
            ],
        }
        for n, row in enumerate(rows)
    ]
    samples = [{"question": row["instruction"], "samples": [row["output"]] * 3} for row in rows]
    return {
        "documents": docs,
        "documents, \\u escapes": lines_of([orjson.loads(line) for line in docs.splitlines()], escape=True),
        "instructions": alpaca,
        "chat": lines_of(chat),
        "three samples": lines_of(samples),
    }


def lines_of(rows: list[dict[str, object]], *, escape: bool = False) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=escape).encode() + b"\n" for row in rows)


def rates(name: str, raw: bytes, folder: Path) -> dict[str, object]:
    path = folder / "a.jsonl"
    path.write_bytes(raw)
    (source,) = formats.discover([str(path)], scratch=folder / "scratch")
    layout = formats.detect_layout(source, {}, LIMITS)
    shards = list(formats.read_shards(source, layout, LIMITS))
    list(formats.parse(shards[0], LIMITS))  # the kernels are loaded

    def parse() -> None:
        for shard in shards:
            for parsed in formats.parse(shard, LIMITS):
                assert not parsed.quarantined

    summary = drained(formats.read_shards(source, layout, LIMITS))
    decisions = np.full(summary.n_rows, KEEP, np.uint8)

    def split() -> None:
        formats.split_file(
            source, layout, LIMITS, decisions, lambda _first, _last: {},
            kept=folder / "kept", dropped=folder / "dropped", expected=summary,
        )  # fmt: skip

    lines = raw.splitlines()
    steps = {
        "parse": parse,
        "orjson.loads": lambda: [orjson.loads(line) for line in lines],
        "read": lambda: drained(formats.read_shards(source, layout, LIMITS)),
        "split": split,
    }
    found = {step: round(len(raw) / best(work) / 1e6) for step, work in steps.items()}
    return {"corpus": name, "mb": round(len(raw) / 1e6, 1)} | found


def drained(shards: Iterator[Shard]):  # noqa: ANN201 - the value of a generator
    while True:
        try:
            next(shards)
        except StopIteration as end:
            return end.value


def parquet_rate(path: Path) -> dict[str, object]:
    source = Source(str(path), path.name, "parquet")
    layout = formats.detect_layout(source, {}, LIMITS)
    shards = list(formats.read_shards(source, layout, LIMITS))
    size = pa.compute.sum(pa.compute.binary_length(pq.read_table(path, columns=["text"])["text"])).as_py()

    def parse() -> None:
        for shard in shards:
            for _ in formats.parse(shard, LIMITS):
                pass

    return {
        "corpus": f"{path.parent.name}/{path.name}",
        "mb": round(size / 1e6, 1),
        "parse": round(size / best(parse) / 1e6),
    }


PIECES = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e5", b"E-400", b"1e999", b"1e99", b"NaN"),
    *(b"\x00", b"\x1f", b"\xff", b"\xc3", b"\xc3\xa9", b"\xed\xa0\x80", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00"),
    *(b'"text":"a",', b'"id":1,', b"\\u00", b"\\u0041", b" ", b"\r", b"\t", b"\xef\xbb\xbf", b"true", b"null", b"nul"),
    *(b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b'"messages":[]', b'{"role":"user","content":"x"},'),
    *(b'"role":"user",', b"00", b"1.", b"\\/", b"\\n", b"\x7f", b'"k":{"k":1,"k":2},', b"[[[", b"]]]", b"", b""),
)


def some_record(rng: random.Random) -> bytes:
    record: dict[str, object] = {}
    for key in rng.sample(["text", "q", "id", "label", "messages", "x", "é"], rng.randint(0, 6)):
        if key == "messages":
            content = ["a", "é😀", '\n"q"', ""]
            record[key] = [
                {
                    "role": rng.choice(["user", "assistant", "x"]),
                    "content": rng.choice(content),
                    "n": [{"content": "no"}],
                }
                for _ in range(rng.randint(0, 3))
            ]
        elif key in ("id", "label"):
            record[key] = rng.choice([1, 1.5, "s", "é\t", None, True, -0.0, 10**20, 1e22, [1]])
        elif key == "x":
            record[key] = rng.choice([{"text": "in"}, [1, [2, [3]]], {"messages": [{"content": "no"}]}, 1e-300])
        else:
            record[key] = rng.choice(["plain", "é😀 x", 'a"b\\c', "", None, 3, ["x"]])
    separators = rng.choice([(",", ":"), (", ", ": "), (" ,", "\t: ")])
    return json.dumps(record, ensure_ascii=rng.random() < 0.5, separators=separators).encode()


def damaged(rng: random.Random, line: bytes) -> bytes:
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 3])):
        at = rng.randint(0, len(line))
        end = min(len(line), at + rng.choice([0, 0, 0, 1, 1, 2, 5]))
        line = line[:at] + rng.choice([*PIECES, line[at:end] * 2]) + line[end:]
    return line.replace(b"\n", b"")


def fuzzed(n_lines: int, seed: int) -> dict[str, int]:
    """How many lines were tried, and how many both ways read; raises at the first line where they differ."""
    rng = random.Random(seed)
    tried = agreed = 0
    while tried < n_lines:
        lines = [damaged(rng, some_record(rng)) for _ in range(5000)]
        lines = [line for line in lines if line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")]
        tried += len(lines)
        agreed += sum(compared(lines, layout) for layout in (CHAT, TEXT))
    return {"lines": tried, "read by both, either layout": agreed, "disagreements": 0}


def compared(lines: list[bytes], layout: Layout) -> int:
    shard = Shard(0, Source("", "a", "jsonl"), layout, 0, 0, len(lines), payload=b"\n".join(lines) + b"\n")
    (parsed,) = formats.parse(shard, LIMITS)
    texts: dict[int, list[tuple[str, str, str]]] = {doc: [] for doc in parsed.batch.docs.tolist()}
    for text in parsed.batch.texts.to_pylist():
        texts[text["doc"]].append((text["field"], text["role"], text["text"]))
    keys = {record["row"]: (record["id"], record["label"]) for record in parsed.batch.records.to_pylist()}
    for number, line in enumerate(lines):
        try:
            row = extract(strict_object(line, LIMITS.max_nesting), layout, LIMITS)
        except Refused as refused:
            row = str(refused)
        if isinstance(row, str):
            assert number not in keys, line
        else:
            assert (keys[number], texts[number]) == ((row.id, row.label), row.texts), line
    return len(keys)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = [rates(name, raw, Path(folder)) for name, raw in corpora(options.data).items()]
    table += [parquet_rate(options.data / name) for name in ("pii/weblike.parquet", "neardup/corpus.parquet")]
    for row in table:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    fuzz = fuzzed(options.lines, options.seed)
    print("fuzzed:", fuzz)
    if options.out:
        options.out.write_text(json.dumps({"mb_per_cpu_second": table, "fuzzed": fuzz}, indent=1) + "\n")


if __name__ == "__main__":
    main()
