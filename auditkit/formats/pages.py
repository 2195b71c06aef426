"""What a Parquet footer says of its column chunks, and how large their pages are, read without a native library.

A page is unpacked whole, and the footer does not tell its size: a file of a megabyte may hold a page of two gigabytes.
pyarrow ends the process at some damaged chunks (a C++ exception that nobody catches). So the Thrift structs of
parquet-format (FileMetaData, PageHeader; compact protocol) are walked here, some 2 MB/s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from auditkit.errors import InputError

_HEADER_BYTES = 1 << 16  # with statistics of long values a page header may be some kilobytes
_DEPTH = 16
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = 1, 2, 3, {4, 5, 6}, 7, 8, {9, 10}, 12


@dataclass(frozen=True)
class Chunk:
    """A column of a row group. first: offset of its first page in the file."""

    path: str
    n_values: int
    unpacked_bytes: int
    stored_bytes: int
    first: int


def row_groups(name: str, file: IO[bytes]) -> list[list[Chunk]]:
    """The column chunks of each row group; InputError when the footer makes no sense."""
    try:
        file.seek(-8, 2)
        tail = file.read(8)
        file.seek(-8 - int.from_bytes(tail[:4], "little"), 2)
        footer = _Compact(file.read(int.from_bytes(tail[:4], "little"))).struct(_DEPTH)
        return [[_chunk(column[3]) for column in group[1]] for group in footer[4]]
    except (IndexError, ValueError, KeyError, TypeError, OSError):
        raise InputError(name, "is not an undamaged Parquet file (its footer cannot be read)") from None


def _chunk(meta: dict[int, Any]) -> Chunk:
    first = min(offset for offset in (meta[9], meta.get(11, 0)) if offset > 0)
    path = ".".join(part.decode() for part in meta[3])
    return Chunk(path, int(meta[5]), int(meta[6]), int(meta[7]), first)


def largest_page(name: str, file: IO[bytes], chunks: list[Chunk]) -> int:
    """Bytes of the largest page of some chunks, unpacked; InputError when a header makes no sense."""
    try:
        return max((size for chunk in chunks for size in _pages(file, chunk)), default=0)
    except (IndexError, ValueError, KeyError, TypeError):
        raise InputError(name, "is not an undamaged Parquet file (a page header cannot be read)") from None


def _pages(file: IO[bytes], chunk: Chunk) -> Iterator[int]:
    """The unpacked sizes of the pages of a chunk."""
    place, end = chunk.first, chunk.first + chunk.stored_bytes
    while place < end:
        file.seek(place)
        thrift = _Compact(file.read(min(_HEADER_BYTES, end - place)))
        header = thrift.struct(_DEPTH)
        if header[2] < 0 or header[3] < 0:
            raise ValueError
        yield header[2]
        place += thrift.place + header[3]


class _Compact:
    """Thrift's compact protocol, read from the front; IndexError at the end, ValueError for what it does not know."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def struct(self, depth: int) -> dict[int, Any]:
        """A struct as field number -> value; binary as bytes, lists as lists."""
        if not depth:
            raise ValueError
        found: dict[int, Any] = {}
        number = 0
        while byte := self._byte():
            number = number + (byte >> 4) if byte >> 4 else self._integer()
            found[number] = self._value(byte & 15, depth - 1)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind in {_TRUE, _FALSE}:
            return kind == _TRUE
        if kind in {_BYTE, _DOUBLE, _BINARY}:
            return self._bytes({_BYTE: 1, _DOUBLE: 8}.get(kind) or self._varint())
        if kind in _LISTS:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth)
        raise ValueError

    def _list(self, depth: int) -> list[Any]:
        byte = self._byte()
        size = byte >> 4 if byte >> 4 < 15 else self._varint()
        kind = byte & 15
        if size > len(self.data) - self.place:
            raise IndexError
        return [self._byte() if kind in {_TRUE, _FALSE} else self._value(kind, depth) for _ in range(size)]

    def _bytes(self, size: int) -> bytes:
        if size > len(self.data) - self.place:
            raise IndexError
        self.place += size
        return self.data[self.place - size : self.place]

    def _byte(self) -> int:
        byte = self.data[self.place]
        self.place += 1
        return byte

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError

    def _integer(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
