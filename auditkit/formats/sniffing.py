"""What a file says it is by its name, and what it is by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from auditkit.errors import InputError
from auditkit.formats.containers import open_stored
from auditkit.shards import Source

_FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet", ".csv": "csv", ".tsv": "tsv",
    ".txt": "text", ".md": "text", ".arrow": "arrow",
}  # fmt: skip
_COMPRESSIONS = {".gz": "gz", ".zst": "zst"}
_WHOLE = frozenset({"parquet", "arrow"})  # compressed inside
_ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".7z", ".rar"})
_OTHERS = {".bz2": "bzip2", ".xz": "xz", ".lz4": "lz4", ".br": "brotli"}
_HEAD = 512

_MAGIC = (
    (b"\x1f\x8b", "gzip bytes", ".gz"),
    (b"\x28\xb5\x2f\xfd", "zstd bytes", ".zst"),
    (b"PK\x03\x04", "a zip archive", ""),
    (b"BZh", "bzip2 bytes", ""),
    (b"\xfd7zXZ\x00", "xz bytes", ""),
    (b"PAR1", "a Parquet file", ".parquet"),
    (b"PARE", "an encrypted Parquet file", ""),
    (b"ARROW1", "an Arrow file", ".arrow"),
    (b"\xff\xfe\x00\x00", "UTF-32 text", ""),
    (b"\x00\x00\xfe\xff", "UTF-32 text", ""),
    (b"\xff\xfe", "UTF-16 text", ""),
    (b"\xfe\xff", "UTF-16 text", ""),
)
_LFS = b"version https://git-lfs.github.com/spec/"
_OWN_MAGIC = {"gz": (b"\x1f\x8b",), "parquet": (b"PAR1",)}


def kind_of_name(path: str) -> tuple[str, str] | str:
    """(format, compression) by the extensions of a file name, or why a file of this name is refused."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    last = suffixes[-1] if suffixes else ""
    compression = _COMPRESSIONS.get(last, "")
    inner = suffixes[-2] if compression and len(suffixes) > 1 else "" if compression else last
    if last in _ARCHIVES or inner in _ARCHIVES:
        return "is an archive: unpack it and name the files"
    if last in _OTHERS:
        return f"is compressed with {_OTHERS[last]}: unpack it, or compress it with gzip or zstd"
    kind = _FORMATS.get(inner)
    if kind is None:
        return f"is of unknown kind; known: {' '.join(_FORMATS)}, each also .gz or .zst"
    if compression and kind in _WHOLE:
        return f"is a compressed {kind} file: {kind} compresses inside; unpack it"
    return kind, compression


def wrong_content(source: Source) -> str:
    """Why the first bytes of a file cannot be what its name says, or ""."""
    try:
        with open_stored(source) as file:
            head = file.read(_HEAD)
            tail = _tail(file) if source.format == "parquet" else b""
    except InputError as error:
        return error.reason
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return _wrong_head(head, tail, source) if head else "is empty"


def _wrong_head(head: bytes, tail: bytes, source: Source) -> str:
    if head.startswith(_LFS):
        return "is a git LFS pointer, not the data: run `git lfs pull`"
    if source.format == "parquet" and b"PARE" in (head[:4], tail):
        return "is an encrypted Parquet file"
    own = _OWN_MAGIC.get(source.compression or source.format)
    if own and not head.startswith(own):
        return f"is not {'gzip' if source.compression else 'Parquet'}, whatever its name says"
    if source.format == "parquet":
        return "" if tail == b"PAR1" else "is a Parquet file without its end: its writer was interrupted"
    return "" if source.compression else wrong_text(head, source.format)


def wrong_text(head: bytes, format: str) -> str:
    """Why plain bytes that begin so cannot be a text format, or ""."""
    if format == "arrow":
        return ""
    if head.startswith(_LFS):
        return "is a git LFS pointer, not the data: run `git lfs pull`"
    for magic, what, extension in _MAGIC:
        if head.startswith(magic):
            return f"holds {what}{f', as {extension} would say' if extension else ''}"
    if head[257:262] == b"ustar":
        return "is an archive: unpack it and name the files"
    zeros = [byte == 0 for byte in head[:4]]
    if zeros in (
        [True, False, True, False],
        [False, True, False, True],
        [False, True, True, True],
        [True, True, True, False],
    ):
        return "holds UTF-16 or UTF-32 text: convert it to UTF-8"
    return ""


def _tail(file: IO[bytes]) -> bytes:
    file.seek(-min(4, file.seek(0, 2)), 2)
    return file.read(4)
