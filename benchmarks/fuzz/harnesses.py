"""What must hold for any bytes at all, one function per harness: AssertionError or a strange exception is a find.

`fuzz/run.py` feeds them from atheris, `tests/formats/test_found_by_fuzzing.py` with every case that was ever found.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

LAYOUT_FIELDS = ("text", "messages[*].content")


def jsonl_reader(data: bytes) -> None:
    """Every line of a block is one row, read as the strict parser reads it, or set aside where that refuses it."""
    from auditkit.formats import jsonl
    from auditkit.layouts import extract, named
    from auditkit.shards import Limits, Shard, Source
    from auditkit.text.strict_json import Refused, strict_object

    if not data:
        return
    limits = Limits(max_line_bytes=1000, max_text_bytes=200, max_nesting=20)
    layout = named({"text": LAYOUT_FIELDS[data[0] % 2]})
    payload = data[1:] or b"x"
    starts, ends, blank = jsonl.line_bounds(payload)
    lines = [payload[low:high] for low, high, empty in zip(starts, ends, blank, strict=True) if not empty]
    shard = Shard(0, Source("a", "a", "jsonl"), layout, 0, 0, len(lines), payload=payload)
    read: dict[int, list[str]] = {}
    refused: set[int] = set()
    for parsed in jsonl.parse(shard, limits):
        for row in parsed.batch.records.column("row").to_pylist():
            assert row not in read
            read[row] = []
        for text in parsed.batch.texts.to_pylist():
            read[text["doc"]].append(text["text"])
        refused |= {bad.row for bad in parsed.quarantined}
    assert sorted([*read, *refused]) == list(range(len(lines)))
    for row, line in enumerate(lines):
        try:
            if len(line) > limits.max_line_bytes:
                raise Refused("too long")
            wanted = extract(strict_object(line, limits.max_nesting), layout, limits)
        except Refused:
            assert row in refused
            continue
        assert (row in refused) == isinstance(wanted, str)
        if not isinstance(wanted, str):
            assert read[row] == [text for *_, text in wanted.texts]


def policy_reader(data: bytes) -> None:
    """A file is a whole policy or a ConfigError; a policy written down as JSON has nothing that is not finite."""
    from auditkit import Policy
    from auditkit.errors import ConfigError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.toml"
        path.write_bytes(b"version = 1\n" + data)
        try:
            policy = Policy.load(path)
        except ConfigError:
            return
    json.dumps(policy.as_dict(), default=list, allow_nan=False)
    assert len(policy.sha256) == 64


def fold(data: bytes) -> None:
    """Each character of a folded text has its place in the original; without a disguise nothing changes."""
    from auditkit.checkers.pii.disguise import undisguised
    from auditkit.text.fold import fold, shapes

    text = data.decode("utf-8", "ignore")
    for folded in (fold(text), undisguised(text)):
        assert len(folded.text) == len(folded.starts) == len(folded.ends)
        assert (folded.starts >= 0).all()
        assert (folded.ends <= len(text)).all()
        assert (folded.starts < folded.ends).all()
    plain = text.isascii() and not set("&%") & set(text)
    if plain and not any(ord(sign) in shapes() for sign in text):
        assert fold(text).text == text


def redaction(data: bytes) -> None:
    """Edits change the named strings of a line as they change the strings themselves, and nothing else."""
    from auditkit.errors import CheckerError
    from auditkit.formats.splice import splice, splice_json
    from auditkit.shards import Edit
    from auditkit.text.strict_json import Refused, strict_object

    if len(data) < 6:
        return
    try:
        record = strict_object(data[4:], 50)
    except Refused:
        return
    text = record.get("text")
    if type(text) is not str:
        return
    low, high = sorted(place % (len(text) + 1) for place in data[:2])
    later = high + data[2] % (len(text) - high + 1)
    new = chr(data[3] * 7)
    edits = [Edit("text", low, high, new), Edit("text", later, min(len(text), later + 1), "\\\n")]
    try:
        wanted = splice(text, edits)
    except CheckerError:
        return
    line = data[4:].removeprefix(b"\xef\xbb\xbf")
    after = strict_object(splice_json(line, edits), 50)
    assert after.pop("text") == wanted
    record.pop("text")
    assert after == record
    assert splice_json(line, [Edit("text", low, low, "")]) == line


def certificates(data: bytes) -> None:
    """Who is removed as a copy has a certificate that names one who stays, and the same comes of any split."""
    from auditkit.checker import Context
    from auditkit.documents import batch_of_texts, take

    texts = data.decode("utf-8", "ignore").split("\0")[:12]
    batch = batch_of_texts([f"{text} " * 3 for text in texts])
    checker = _near_duplicates()
    said = []
    for cut in (0, len(texts) // 2):
        parts = [part for part in (take(batch, 0, cut), take(batch, cut, len(texts))) if len(part)]
        state = checker.map(parts[0])
        for part in parts[1:]:
            state = checker.merge(state, checker.map(part))
        context = Context(len(texts))
        wanted = checker.again(state, context)
        again = None
        if wanted is not None:
            again = checker.map_again(_only(batch, wanted["docs"]), wanted)
        outcome = checker.finish(state, again, context)
        removed = {item.doc for item in outcome.certificates}
        for item in outcome.certificates:
            assert item.kept is not None
            assert item.kept not in removed
            assert 0 <= item.jaccard <= 1
        said.append(sorted(map(repr, outcome.certificates)))
    assert said[0] == said[1]


def _only(batch: object, docs: object) -> object:
    from auditkit.engine.look import _only

    return _only(batch, np.asarray(docs))  # type: ignore[arg-type]


_built: list[object] = []


def _near_duplicates() -> object:
    from auditkit.checker import build

    if not _built:
        _built.append(build("near_duplicates", {}))
    return _built[0]


HARNESSES: dict[str, Callable[[bytes], None]] = {
    "jsonl_reader": jsonl_reader,
    "policy_reader": policy_reader,
    "fold": fold,
    "redaction": redaction,
    "certificates": certificates,
}
SEEDS: dict[str, list[bytes]] = {
    "jsonl_reader": [
        b'\x00{"text": "a \\u00e9\\ud83d\\ude00"}\n\n{"text": null}\n{"a": [1, {"b": NaN}], "text": "x", "text": "y"}',
        b'\x01{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}\n[1e999, -0]',
    ],
    "policy_reader": [
        b'extends = "synthetic-sft"\n[corpus]\nmax_quarantined = 0.1\n[checkers.pii]\naction = "redact"\n',
        b'[checkers.skew]\n[[gate]]\nmetric = "skew.region.tv_distance"\nmax = nan\nconfidence = 0.95\n',
    ],
    "fold": [
        "jane&#64;ex\u200bample\uff0ecom \u202emoc.x\u202c %40 \U0001d41a j\u0430ne@x.org nine one two".encode(),
        b"call 5 5 5 0 1 4 2 jane [at] acme [dot] com <!-- x -->@",
    ],
    "redaction": [
        b'\x01\x03\x01\x40{"text": "a\\u00e9\\n\\ud83d\\ude00 b", "id": 1.50}',
        b'\x00\x02\x01\x10{"a": {"text": "no"}, "text": "\xc3\xa9x"}',
    ],
    "certificates": [
        b"the quick brown fox jumps over the lazy dog\0the quick brown fox jumps over the lazy cat\0else",
        b"one two three four five six\0one two three four five six\0seven eight nine ten eleven twelve",
    ],
}
