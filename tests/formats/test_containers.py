"""gzip and zstd: whole streams are read, anything else is refused by name, and memory stays small."""

import gzip
import json
import resource
import zlib

import pytest
import zstandard

from auditkit.errors import InputError
from auditkit.formats.containers import Stored, expanded
from auditkit.formats.target import Target
from auditkit.shards import Limits, Source

ROWS = b"".join(json.dumps({"id": i, "text": f"row number {i} of a small file"}).encode() + b"\n" for i in range(40))


def zst(data, **options):
    options = {"write_checksum": True, "write_content_size": True} | options
    return zstandard.ZstdCompressor(**options).compress(data)


def skippable(data):
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl.gz", gzip.compress(ROWS, mtime=0)),
        ("a.jsonl.gz", gzip.compress(ROWS[:900], mtime=0) + gzip.compress(ROWS[900:], mtime=0)),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0) + gzip.compress(ROWS, mtime=0) + gzip.compress(b"", mtime=0)),
        ("a.jsonl.gz", gzip.compress(ROWS, mtime=0) + bytes(1000)),
        ("a.jsonl.gz", gzip.compress(ROWS[:900], mtime=0) + bytes(512) + gzip.compress(ROWS[900:], mtime=0)),
        ("a.jsonl.zst", zst(ROWS)),
        ("a.jsonl.zst", zst(ROWS, write_checksum=False, write_content_size=False)),
        ("a.jsonl.zst", zst(ROWS[:900]) + zst(ROWS[900:])),
        ("a.jsonl.zst", skippable(b"a note") + zst(ROWS) + skippable(b"")),
        ("a.jsonl.zst", zst(b"") + zst(ROWS)),
        ("A.JSONL.GZ", gzip.compress(ROWS, mtime=0)),
    ],
)
def test_whole_streams(read, write_bytes, name, data):
    found = read(write_bytes(name, data))
    assert (len(found.texts), found.quarantined) == (40, [])
    assert found.summary.n_bytes == len(data)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jsonl.gz", gzip.compress(ROWS, mtime=0) + b"garbage", "bytes follow"),
        ("a.jsonl.gz", gzip.compress(ROWS, mtime=0) + bytes(8) + b"x", "bytes follow"),
        ("a.jsonl.gz", gzip.compress(ROWS, mtime=0)[:-8] + bytes(8), "damaged"),
        ("a.jsonl.gz", gzip.compress(ROWS, mtime=0)[:-4] + bytes(4), "damaged"),
        ("a.jsonl.gz", gzip.compress(gzip.compress(ROWS, mtime=0), mtime=0), "holds gzip"),
        ("a.jsonl.gz", ROWS, "is not gzip"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0), "no rows"),
        ("a.jsonl.gz", gzip.compress(b"\n\n", mtime=0), "no rows"),
        ("a.jsonl.zst", zst(ROWS) + b"garbage", "bytes follow"),
        ("a.jsonl.zst", ROWS, "is not zstd"),
        ("a.jsonl.zst", zst(b""), "no rows"),
        ("a.jsonl.zst", skippable(b"only a note"), "no rows"),
        ("a.jsonl", gzip.compress(ROWS, mtime=0), "holds gzip"),
        ("a.jsonl", zst(ROWS), "holds zstd"),
        ("a.txt.gz", gzip.compress(b"", mtime=0), "empty"),
    ],
)
def test_anything_else_is_refused(read, write_bytes, name, data, words):
    with pytest.raises(InputError, match=words):
        read(write_bytes(name, data))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_file_that_is_cut_anywhere_is_refused(read, write_bytes, name):
    whole = gzip.compress(ROWS[:600], mtime=0) if name.endswith("gz") else zst(ROWS[:600])
    for length in range(len(whole)):
        with pytest.raises(InputError):
            read(write_bytes(name, whole[:length]))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_flipped_bit_is_refused_or_changes_nothing(read, write_bytes, name):
    """gzip's header holds a time and a system that no reader looks at; all else is under a checksum."""
    whole = gzip.compress(ROWS[:600], mtime=0) if name.endswith("gz") else zst(ROWS[:600])
    expected = read(write_bytes(name, whole)).texts
    unseen = 0
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 1 << (place % 8)
        try:
            found = read(write_bytes(name, bytes(broken)))
        except InputError:
            continue
        assert found.texts == expected
        unseen += 1
    assert unseen <= 8


def test_a_window_above_128_megabytes_is_refused(read, write_bytes):
    header = b"\x28\xb5\x2f\xfd" + bytes([0x00, (30 - 10) << 3])
    with pytest.raises(InputError, match="window of 1024 MB"):
        read(write_bytes("a.jsonl.zst", header + b"\x01\x00\x00"))


def test_the_expanded_size_has_a_limit(read, write_bytes):
    with pytest.raises(InputError, match="expands to more"):
        read(write_bytes("a.jsonl.gz", gzip.compress(ROWS, mtime=0)), limits=Limits(max_expanded_bytes=1000))


def bomb(name, size):
    """One JSON line of `size` bytes, compressed hundreds or thousands of times."""
    if name.endswith("zst"):
        packer = zstandard.ZstdCompressor(level=3).compressobj()
        pack, end = packer.compress, packer.flush
    else:
        packer = zlib.compressobj(9, wbits=31)
        pack, end = packer.compress, packer.flush
    parts = [pack(b'{"text": "')]
    parts += [pack(b"a" * (1 << 20)) for _ in range(size >> 20)]
    return b"".join([*parts, pack(b'"}\n{"text": "b"}\n'), end()])


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_bomb_is_one_quarantined_row_and_little_memory(read, write_bytes, name):
    path = write_bytes(name, bomb(name, 200 << 20))
    assert path.stat().st_size < 1 << 20
    read(write_bytes("small.jsonl", ROWS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = Limits(max_line_bytes=8 << 20)
    (bad,) = read(path, limits=limits).quarantined
    assert (bad.row, bad.line, bad.length) == (0, 1, (200 << 20) + 12)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80_000  # KiB


def test_chunks_are_small_however_much_a_stream_expands(write_bytes):
    for name in ("a.jsonl.gz", "a.jsonl.zst"):
        source = Source(str(write_bytes(name, bomb(name, 64 << 20))), name, "jsonl", name.rpartition(".")[2])
        stored = Stored(source)
        assert max(map(len, expanded(stored, Limits()))) <= 4 << 20
        stored.close()


@pytest.mark.parametrize("compression", ["", "gz", "zst"])
def test_a_target_appears_whole_and_always_the_same(tmp_path, compression):
    made = []
    for name in ("one", "two"):
        with Target(tmp_path / name, compression) as target:
            target.write(ROWS[:100], 3)
            target.write(ROWS[100:], 37)
            assert not (tmp_path / name).exists()
            written = target.publish()
        made.append((tmp_path / name).read_bytes())
        assert (written.n_rows, written.n_bytes) == (40, len(made[-1]))
    assert made[0] == made[1]
    unpack = {"": bytes, "gz": gzip.decompress, "zst": zstandard.ZstdDecompressor().decompressobj().decompress}
    assert unpack[compression](made[0]) == ROWS


@pytest.mark.parametrize("compression", ["", "gz", "zst"])
def test_a_target_that_fails_leaves_nothing(tmp_path, compression):
    def fail():
        with Target(tmp_path / "one", compression) as target:
            target.write(ROWS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compression", ["gz", "zst"])
def test_an_empty_target_is_a_valid_file(tmp_path, compression):
    with Target(tmp_path / "one", compression) as target:
        target.publish()
    source = Source(str(tmp_path / "one"), "one", "jsonl", compression)
    stored = Stored(source)
    assert b"".join(expanded(stored, Limits())) == b""
    stored.close()
    assert (tmp_path / "one").stat().st_mode & 0o077 == 0
