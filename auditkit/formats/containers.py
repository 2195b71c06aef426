"""Stored bytes in, plain bytes out: gzip and zstd streams, read with every check and bounded memory.

A truncated, damaged or foreign stream is an InputError, never a short read: python-zstandard ends in silence where a
file was cut, so frames and blocks are walked here.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from auditkit.errors import InputError
from auditkit.shards import FileSummary, Limits, Source

_READ = 1 << 18
_MAX_WINDOW = 128 << 20  # RFC 8878 asks readers for 8 MB; `zstd --long` makes 128 MB; more is an attack on memory
_BLOCK = 128 << 10  # RFC 8878: no block holds more
_GROUP = 4 << 20
_BOMB_BYTES = 4 << 30  # below it the ratio is not looked at: many equal rows are no attack
BOM = b"\xef\xbb\xbf"
RAW_BYTES = 4096
"""So much of an unreadable row is shown."""


class Stored:
    """The bytes of a file as stored, hashed while they pass; `size` and `sha256` are whole once all was read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.size = 0
        self._digest = hashlib.sha256()
        self._file = open_stored(source)
        self._ahead = b""

    def read(self, n_bytes: int) -> bytes:
        """At most n_bytes, b"" only at the end."""
        if self._ahead:
            data, self._ahead = self._ahead[:n_bytes], self._ahead[n_bytes:]
            return data
        try:
            data = self._file.read(n_bytes)
        except OSError as error:
            raise InputError(self.source.name, f"cannot be read: {error.strerror}") from None
        self.size += len(data)
        self._digest.update(data)
        return data

    def exactly(self, n_bytes: int) -> bytes:
        """n_bytes, fewer only at the end of the file."""
        parts = []
        while n_bytes and (data := self.read(n_bytes)):
            parts.append(data)
            n_bytes -= len(data)
        return b"".join(parts)

    def unread(self, data: bytes) -> None:
        """Give back what was read too far."""
        self._ahead = data + self._ahead

    def summary(self, n_rows: int, n_blank: int = 0) -> FileSummary:
        """The summary of a file that was read to its end; the rest of the file is read for its hash."""
        self._ahead = b""
        while self.read(_READ):
            pass
        return FileSummary(self.size, self._digest.hexdigest(), n_rows, n_blank)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def fingerprint(summary: FileSummary) -> int:
    """60 bits of a file's hash: for a shard without bytes of its own, so that it names what it was cut from."""
    return int(summary.sha256[:15], 16)


def open_stored(source: Source) -> IO[bytes]:
    """The file opened for reading; InputError when that fails."""
    try:
        return Path(source.path).open("rb", buffering=0)
    except OSError as error:
        raise InputError(source.name, f"cannot be opened: {error.strerror}") from None


def expanded(stored: Stored, limits: Limits) -> Iterator[bytes]:
    """The plain bytes of a file in chunks of at most a few megabytes."""
    unpack = {"": _plain, "gz": _gunzip, "zst": _unzstd}[stored.source.compression]
    total = 0
    for chunk in unpack(stored):
        total += len(chunk)
        if stored.source.compression and total > limits.max_expanded_bytes:
            raise InputError(stored.source.name, f"expands to more than the limit of {limits.max_expanded_bytes} bytes")
        if stored.source.compression and total > _BOMB_BYTES and total > limits.max_expansion * stored.size:
            raise InputError(
                stored.source.name, f"expands more than {limits.max_expansion} times: a decompression bomb"
            )
        yield chunk


def _plain(stored: Stored) -> Iterator[bytes]:
    while chunk := stored.read(1 << 20):
        yield chunk


def _gunzip(stored: Stored) -> Iterator[bytes]:
    """All members (RFC 1952) with their checksums and sizes checked; zero padding between and after them is fine."""
    name = stored.source.name
    started = False
    while data := stored.read(_READ):
        data = data.lstrip(b"\0") if started else data
        if not data:
            continue
        if not b"\x1f\x8b".startswith(data[:2]):
            raise InputError(name, "bytes follow the gzip stream" if started else "is not gzip, whatever its name says")
        stored.unread(data)
        yield from _gzip_member(stored)
        started = True
    if not started:
        raise InputError(name, "is empty: not even a gzip header")


def _gzip_member(stored: Stored) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    data = b""
    while not member.eof:
        data = member.unconsumed_tail or stored.read(_READ)
        try:
            chunk = member.decompress(data, 1 << 20)
        except zlib.error:
            raise InputError(stored.source.name, "the gzip stream is damaged (its data or checksum is wrong)") from None
        if chunk:
            yield chunk
        elif not data and not member.eof:
            raise InputError(stored.source.name, "the gzip stream is cut short")
    stored.unread(member.unused_data)


def _unzstd(stored: Stored) -> Iterator[bytes]:
    """All frames (RFC 8878), skippable ones passed over; walked block by block, so that memory is bounded."""
    name = stored.source.name
    n_frames = 0
    while magic := stored.exactly(4):
        number = int.from_bytes(magic, "little")
        if number == 0xFD2FB528:
            yield from _zstd_frame(stored, magic)
        elif number & 0xFFFFFFF0 == 0x184D2A50:
            _skip(stored, int.from_bytes(_need(stored, 4), "little"))
        else:
            raise InputError(
                name, "bytes follow the zstd stream" if n_frames else "is not zstd, whatever its name says"
            )
        n_frames += 1
    if not n_frames:
        raise InputError(name, "is empty: not even a zstd header")


def _zstd_frame(stored: Stored, magic: bytes) -> Iterator[bytes]:
    import zstandard

    header, has_checksum = _frame_header(stored)
    frame = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    group, n_blocks, last = [magic + header], 0, False
    try:
        while not last:
            block = _need(stored, 3)
            word = int.from_bytes(block, "little")
            last, kind, size = bool(word & 1), word >> 1 & 3, word >> 3
            group.append(block + _need(stored, 1 if kind == 1 else size))
            n_blocks += 1
            if last and has_checksum:
                group.append(_need(stored, 4))
            if last or n_blocks * _BLOCK >= _GROUP:
                yield frame.decompress(b"".join(group))
                group, n_blocks = [], 0
    except zstandard.ZstdError:
        raise InputError(stored.source.name, "the zstd stream is damaged (its data or checksum is wrong)") from None
    if not frame.eof:
        raise InputError(stored.source.name, "the zstd stream is damaged (a frame does not end)")


def _frame_header(stored: Stored) -> tuple[bytes, bool]:
    """The frame header after the magic number, and whether a checksum follows the blocks."""
    flags = _need(stored, 1)
    single = bool(flags[0] & 0x20)
    window = b"" if single else _need(stored, 1)
    size_length = (1 if single else 0, 2, 4, 8)[flags[0] >> 6]
    rest = _need(stored, (0, 1, 2, 4)[flags[0] & 3])
    size = _need(stored, size_length)
    if window:
        base = 1 << (10 + (window[0] >> 3))
        needed = base + (base >> 3) * (window[0] & 7)
    else:
        needed = int.from_bytes(size, "little")
    if needed > _MAX_WINDOW:
        raise InputError(stored.source.name, f"its zstd window of {needed >> 20} MB is above the limit of 128 MB")
    return flags + window + rest + size, bool(flags[0] & 4)


def _need(stored: Stored, n_bytes: int) -> bytes:
    data = stored.exactly(n_bytes)
    if len(data) < n_bytes:
        raise InputError(stored.source.name, "the zstd stream is cut short")
    return data


def _skip(stored: Stored, n_bytes: int) -> None:
    while n_bytes:
        n_bytes -= len(_need(stored, min(n_bytes, _READ)))
